//! The family's words for statuses, and the canonical ones.
//!
//! Words of an order come in threes: of the order, of its payment, of its shipping. One that is not known here makes the
//! order `unknown`, with all three beside it.

use crate::contract::model::{LineStatus, OrderStatus, RefundStatus};

/// Status of an order.
///
/// ECStore says `TRADE_CLOSED` of every order that is not active, the finished ones too: what was paid and shipped whole
/// is then completed.
pub(super) fn order_status(status: &str, pay: &str, ship: &str, is_cod: bool) -> OrderStatus {
    let Some(paid) = Paid::of(pay) else { return OrderStatus::Unknown };
    let shipped = match ship {
        "SHIP_NO" | "SHIP_PREPARE" => OrderStatus::AwaitingShipment,
        "SHIP_PART" => OrderStatus::PartlyShipped,
        "SHIP_FINISH" | "RESHIP_PART" | "RESHIP_ALL" => OrderStatus::Shipped,
        _ => return OrderStatus::Unknown,
    };
    match (status, paid) {
        ("TRADE_FINISHED", _) => OrderStatus::Completed,
        ("TRADE_CLOSED", Paid::Yes) if shipped == OrderStatus::Shipped && ship == "SHIP_FINISH" => {
            OrderStatus::Completed
        }
        ("TRADE_CLOSED", Paid::No) if shipped == OrderStatus::AwaitingShipment => {
            OrderStatus::Cancelled
        }
        // Goods left and no money came: finished or given up, the word does not tell.
        ("TRADE_CLOSED", Paid::No) => OrderStatus::Unknown,
        ("TRADE_CLOSED", _) => OrderStatus::Closed,
        ("TRADE_ACTIVE", Paid::Back) if shipped == OrderStatus::AwaitingShipment => {
            OrderStatus::Closed
        }
        ("TRADE_ACTIVE", Paid::No) if shipped == OrderStatus::AwaitingShipment && !is_cod => {
            OrderStatus::AwaitingPayment
        }
        ("TRADE_ACTIVE", Paid::Part) if shipped == OrderStatus::AwaitingShipment && !is_cod => {
            OrderStatus::PartlyPaid
        }
        ("TRADE_ACTIVE", _) => shipped,
        _ => OrderStatus::Unknown,
    }
}

/// Where the money is.
#[derive(Clone, Copy)]
enum Paid {
    No,
    Part,
    Yes,
    Back,
}

impl Paid {
    /// Going out, a shop's 4 is `REFUND_PART` and its 5 `REFUND_ALL`; its map for what comes in has them the other way
    /// round, and nothing here is sent in.
    fn of(word: &str) -> Option<Self> {
        match word {
            "PAY_NO" => Some(Self::No),
            "PAY_PART" => Some(Self::Part),
            "PAY_FINISH" | "PAY_TO_MEDIUM" | "REFUND_PART" => Some(Self::Yes),
            "REFUND_ALL" => Some(Self::Back),
            _ => None,
        }
    }
}

/// Status of a line, by how many of its units left.
pub(super) fn line_status(order: OrderStatus, item: &str, num: u32, sent: u32) -> LineStatus {
    match (item, order) {
        ("cancel", _) => LineStatus::Cancelled,
        ("" | "normal", OrderStatus::PartlyShipped) if sent == 0 => LineStatus::AwaitingShipment,
        ("" | "normal", OrderStatus::PartlyShipped) if sent >= num => LineStatus::Shipped,
        ("" | "normal", _) => order,
        _ => LineStatus::Unknown,
    }
}

/// Status of a refund.
pub(super) fn refund_status(word: &str) -> RefundStatus {
    match word {
        "SUCC" => RefundStatus::Succeeded,
        "APPLY" | "READY" | "PROGRESS" => RefundStatus::Requested,
        "FAILED" | "FAIL" => RefundStatus::Refused,
        "CANCEL" | "INVALID" | "TIMEOUT" => RefundStatus::Closed,
        _ => RefundStatus::Unknown,
    }
}
