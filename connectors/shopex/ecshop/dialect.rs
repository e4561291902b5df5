//! What ECShop says in the family's words and means otherwise.

use super::super::fields::Fields;
use super::super::{amounts, normalize, words};
use super::state;
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
/// Wrapping and a greeting card cost something too: the shop takes both off the discount, and writes the card among the
/// goods besides, whose total does not hold it. So a card is counted as goods here and no longer as an adjustment.
/// What was paid with a bonus or in points lowers the total and stands in no field, so what the parts are more than the
/// total is a discount. That they are less has no such reason, and is for the sums' check to find.
pub(super) fn amounts(trade: &Fields<'_>) -> Result<Amounts> {
    let mut amounts = amounts::of_trade(trade)?;
    let too_large = || Error::malformed("amounts are too large to add up");
    let cards = cards(trade)?;
    amounts.goods = amounts.goods.checked_add(cards).ok_or_else(too_large)?;
    amounts.adjustment = amounts.adjustment.checked_sub(cards).ok_or_else(too_large)?;
    let rest = amounts.of_parts().and_then(|sum| sum.checked_sub(amounts.payable));
    let rest = rest.ok_or_else(too_large)?;
    if rest > Minor::ZERO {
        amounts.discount = amounts.discount.checked_add(rest).ok_or_else(too_large)?;
    }
    Ok(amounts)
}

/// What the lines that are greeting cards cost.
fn cards(trade: &Fields<'_>) -> Result<Minor> {
    let mut sum = Minor::ZERO;
    if !trade.text("orders").is_some_and(|orders| orders.contains(state::CARD)) {
        return Ok(sum);
    }
    for (index, object) in trade.list("orders", "order")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("orders[{index}]"));
        for item in normalize::object_items(object).map_err(within)? {
            if item.text("bn").is_some_and(state::is_card) {
                let price = item.yuan_required("price").map_err(within)?;
                let units = item.units_required("num").map_err(within)?;
                let cost = price.checked_mul(i64::from(units));
                let too_large = || Error::malformed("amounts are too large to add up");
                sum = cost.and_then(|cost| sum.checked_add(cost)).ok_or_else(too_large)?;
            }
        }
    }
    Ok(sum)
}
