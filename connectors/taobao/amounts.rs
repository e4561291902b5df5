//! Money: what TOP's fees mean together.
//!
//! For a sub-order `total_fee = price * num + adjust_fee - discount_fee`, and `part_mjz_discount` is its share of the
//! discounts of the whole trade, which are not in it. For the trade `total_fee` is the sum of `price * num`, before
//! everything, and
//!
//! ```text
//! payment = sum of (total_fee - part_mjz_discount) of the sub-orders + post_fee
//! ```
//!
//! So a line owes `total_fee - part_mjz_discount`, and the trade owes `payment`. Each of these figures is the channel's
//! own; none is computed as what is left over, so `Order::check` compares statements of the channel with each other.
//!
//! Not used: `payment` of a sub-order (with the postage in a trade of one, without it in others) and
//! `divide_order_fee`, which no recorded reply of the channel shows together with postage. Both are in `extensions`.

use super::scalars::Yuan;
use super::wire::{SubOrder, Trade};
use crate::contract::model::{Amounts, Line, Minor, OrderStatus, OrderType};
use crate::contract::{Error, Result};

/// What a line takes off, what the seller changed, and what the buyer owes for it.
pub(super) struct LineAmounts {
    pub(super) discount: Minor,
    pub(super) adjustment: Minor,
    pub(super) payable: Minor,
}

fn or_zero(amount: Option<Yuan>) -> Minor {
    amount.map_or(Minor::ZERO, |amount| amount.0)
}

fn too_large() -> Error {
    Error::malformed("amounts are too large to add up")
}

/// Amounts of a line.
pub(super) fn of_line(wire: &SubOrder<'_>) -> Result<LineAmounts> {
    let share = or_zero(wire.part_mjz_discount);
    let discount = or_zero(wire.discount_fee).checked_add(share).ok_or_else(too_large)?;
    let payable = wire.total_fee.0.checked_sub(share).ok_or_else(too_large)?;
    Ok(LineAmounts { discount, adjustment: or_zero(wire.adjust_fee), payable })
}

/// Amounts of the trade.
///
/// A trade's `discount_fee` is what its sub-orders share as `part_mjz_discount`, or repeats that of the only sub-order, so
/// it counts only where neither is so. Its `adjust_fee` repeats that of the only sub-order as well.
pub(super) fn of_trade<S>(
    wire: &Trade<'_, S>,
    lines: &[Line],
    is_shared: bool,
    kind: OrderType,
    status: OrderStatus,
) -> Result<Amounts> {
    let sum = |amount: fn(&Line) -> Minor| {
        Minor::checked_sum(lines.iter().map(amount)).ok_or_else(too_large)
    };
    let stated = or_zero(wire.discount_fee);
    let is_repeated = matches!(lines, [only] if only.discount == stated);
    let unshared = if is_shared || is_repeated { Minor::ZERO } else { stated };
    let discount = sum(|line| line.discount)?.checked_add(unshared).ok_or_else(too_large)?;
    let adjustment = match lines {
        [] => or_zero(wire.adjust_fee),
        _ => sum(|line| line.adjustment)?,
    };
    let gross = lines
        .iter()
        .map(|line| line.unit_price.checked_mul(i64::from(line.quantity)).ok_or_else(too_large));
    let goods = match wire.total_fee {
        Some(total) => total.0,
        None => Minor::checked_sum(gross.collect::<Result<Vec<_>>>()?).ok_or_else(too_large)?,
    };
    Ok(Amounts {
        goods,
        discount,
        freight: or_zero(wire.post_fee),
        tax: Minor::ZERO,
        adjustment,
        payable: wire.payment.0,
        paid: paid(wire, kind, status),
        refunded: Minor::ZERO,
        received: None,
    })
}

/// What the buyer has paid. `payment` is what a trade costs and is there before anybody pays; a presale pays in two
/// steps; and what is paid at the door is paid when the trade is done.
fn paid<S>(wire: &Trade<'_, S>, kind: OrderType, status: OrderStatus) -> Minor {
    let is_paid = match status {
        OrderStatus::AwaitingPayment | OrderStatus::PartlyPaid | OrderStatus::Cancelled => {
            // Nothing, or the deposit, which is lost when the rest is not paid.
            let step = wire.step_trade_status.as_ref().map_or("", |step| &*step.0);
            let has_deposit = step.starts_with("FRONT_PAID_");
            return if has_deposit { or_zero(wire.step_paid_fee) } else { Minor::ZERO };
        }
        OrderStatus::Unknown => wire.pay_time.is_some_and(|time| time.0.is_some()),
        OrderStatus::OnHold
        | OrderStatus::AwaitingShipment
        | OrderStatus::PartlyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Completed
        | OrderStatus::Closed => true,
    };
    let at_the_door = kind == OrderType::CashOnDelivery && status != OrderStatus::Completed;
    if is_paid && !at_the_door { wire.payment.0 } else { Minor::ZERO }
}
