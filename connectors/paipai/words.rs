//! The channel's words in canonical ones.

use crate::contract::model::{OrderStatus, RefundStatus};

/// States of a deal that has not ended, as the list is asked for them, in the order of a deal's life.
pub(super) const OPEN_STATES: [&str; 10] = [
    "DS_WAIT_BUYER_PAY",
    "DS_WAIT_SELLER_DELIVERY",
    "STATE_COD_WAIT_SHIP",
    "DS_WAIT_BUYER_RECEIVE",
    "STATE_COD_SHIP_OK",
    "STATE_COD_SIGN",
    "STATE_COD_REFUSE",
    "DS_DEAL_REFUNDING",
    "DS_SYSTEM_HALT",
    "DS_SYSTEM_PAYING",
];
/// The state in which a deal may be shipped.
pub(super) const TO_SHIP: &str = "DS_WAIT_SELLER_DELIVERY";

/// A deal's status. `is_paid` and `is_shipped` are its times: a refund may begin before and after either.
pub(super) fn order_status(word: &str, is_paid: bool, is_shipped: bool) -> OrderStatus {
    match word {
        "DS_WAIT_BUYER_PAY" | "STATE_WG_WAIT_PAY" => OrderStatus::AwaitingPayment,
        TO_SHIP | "DS_DEAL_SHIPPING_PREPARE" | "STATE_COD_WAIT_SHIP" => {
            OrderStatus::AwaitingShipment
        }
        "DS_WAIT_BUYER_RECEIVE" | "DS_TIMEOUT_BUYER_RECEIVE" | "STATE_COD_SHIP_OK" => {
            OrderStatus::Shipped
        }
        "STATE_COD_SIGN" => OrderStatus::Delivered,
        // The last one is the channel's spelling.
        "DS_DEAL_END_NORMAL" | "DS_BUYER_EVALUATED" | "STATE_COD_SUCESS" => OrderStatus::Completed,
        "DS_DEAL_CANCELLED" | "DS_CLOSED" if is_paid => OrderStatus::Closed,
        "DS_DEAL_CANCELLED" | "DS_CLOSED" | "STATE_COD_CANCEL" => OrderStatus::Cancelled,
        "DS_DEAL_END_REFUND" | "DS_REFUND_ALL_OK" => OrderStatus::Closed,
        _ if is_refunding(word) && is_shipped => OrderStatus::Shipped,
        "DS_SYSTEM_HALT" => OrderStatus::OnHold,
        _ if is_refunding(word) => OrderStatus::OnHold,
        _ => OrderStatus::Unknown,
    }
}

/// Whether a refund of the deal is under way.
fn is_refunding(word: &str) -> bool {
    matches!(
        word,
        "DS_DEAL_REFUNDING"
            | "DS_REFUND_START"
            | "DS_REFUND_WAIT_BUYER_DELIVERY"
            | "DS_REFUND_WAIT_SELLER_RECEIVE"
            | "DS_REFUND_WAIT_SELLER_AGREE"
            | "DS_REFUND_ALL_WAIT_SELLER_AGREE"
            | "DS_REFUND_WAIT_MODIFY"
    )
}

/// Whether a deal in this status must not be shipped although nothing says that it is over.
pub(super) fn is_held(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::OnHold | OrderStatus::Unknown)
}

/// A refund's status. `was_refused` is whether the seller's refusal has a time.
pub(super) fn refund_status(word: &str, was_refused: bool) -> RefundStatus {
    match word {
        "" => RefundStatus::None,
        "DS_REFUND_START" | "DS_REFUND_WAIT_SELLER_AGREE" | "DS_REFUND_ALL_WAIT_SELLER_AGREE" => {
            RefundStatus::Requested
        }
        "DS_REFUND_WAIT_BUYER_DELIVERY" => RefundStatus::AwaitingReturn,
        "DS_REFUND_WAIT_SELLER_RECEIVE" => RefundStatus::Returning,
        "DS_REFUND_WAIT_MODIFY" if was_refused => RefundStatus::Refused,
        "DS_REFUND_CANCEL" | "DS_REFUND_ALL_CANCEL" => RefundStatus::Closed,
        "DS_REFUND_OK" | "DS_REFUND_ALL_OK" | "DS_DEAL_END_REFUND" => RefundStatus::Succeeded,
        _ => RefundStatus::Unknown,
    }
}

/// The coloured flag of a deal.
pub(super) fn flag(word: &str) -> Option<u8> {
    match word {
        "RED" => Some(1),
        "YELLOW" => Some(2),
        "GREEN" => Some(3),
        "BLUE" => Some(4),
        "PINK" => Some(5),
        _ => None,
    }
}
