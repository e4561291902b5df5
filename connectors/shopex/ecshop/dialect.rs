//! What ECShop says in the family's words and means otherwise.

use super::super::fields::Fields;
use super::super::{amounts, words};
use crate::contract::model::{Amounts, Minor, OrderStatus};
use crate::contract::{Error, Result};

/// Status of an order.
///
/// The shop calls an order finished as soon as it was handed out for shipping, and closed where it was cancelled, found
/// invalid or came back. Whether the buyer received it stands in no word.
pub(super) fn order_status(status: &str, pay: &str, ship: &str, is_cod: bool) -> OrderStatus {
    match status {
        "TRADE_CLOSED" if pay == "PAY_NO" => OrderStatus::Cancelled,
        "TRADE_CLOSED" => {
            let known = words::order_status("TRADE_ACTIVE", pay, ship, is_cod);
            if known == OrderStatus::Unknown { known } else { OrderStatus::Closed }
        }
        "TRADE_FINISHED" => words::order_status("TRADE_ACTIVE", pay, ship, is_cod),
        status => words::order_status(status, pay, ship, is_cod),
    }
}

/// Amounts of a trade.
///
/// What was paid with a bonus or in points lowers the total and stands in no field, so what the parts are more than the
/// total is a discount. That they are less has no such reason, and is for the sums' check to find.
pub(super) fn amounts(trade: &Fields<'_>) -> Result<Amounts> {
    let mut amounts = amounts::of_trade(trade)?;
    let too_large = || Error::malformed("amounts are too large to add up");
    let rest = amounts.of_parts().and_then(|sum| sum.checked_sub(amounts.payable));
    let rest = rest.ok_or_else(too_large)?;
    if rest > Minor::ZERO {
        amounts.discount = amounts.discount.checked_add(rest).ok_or_else(too_large)?;
    }
    Ok(amounts)
}
