//! Money: what a trade's fees mean together.
//!
//! ```text
//! total_trade_fee = total_goods_fee - goods_discount_fee - orders_discount_fee + discount_fee
//!                 + shipping_fee + protect_fee + pay_cost + invoice_fee
//! ```
//!
//! `discount_fee` is negative where it lowers the price. Some shops repeat the discount of the order in it, so it counts
//! only where the sum holds with it. For an item `sale_price` is what the whole line costs and `price` what one unit
//! costs before discounts. All of these are the shop's own figures; none is what is left over.

use super::fields::{self, Fields};
use crate::contract::model::{Amounts, Line, Minor};
use crate::contract::{Error, Result};

/// What a line takes off, what raises it, and what the buyer owes for it.
pub(super) struct LineAmounts {
    pub(super) unit_price: Minor,
    pub(super) discount: Minor,
    pub(super) adjustment: Minor,
    pub(super) payable: Minor,
}

fn too_large() -> Error {
    Error::malformed("amounts are too large to add up")
}

/// Amounts of an item.
///
/// Its `discount_fee` is a product that PHP made with floating point numbers. It is held against the difference where it
/// is a decimal to the fen, and passed over where it is not.
pub(super) fn of_item(item: &Fields<'_>, quantity: u32) -> Result<LineAmounts> {
    let unit_price = item.yuan_required("price")?;
    let gross = unit_price.checked_mul(i64::from(quantity)).ok_or_else(too_large)?;
    let payable = item.yuan_required("sale_price")?;
    let less = gross.checked_sub(payable).ok_or_else(too_large)?;
    let stated = item.text("discount_fee").and_then(|text| fields::yuan(text).ok());
    if stated.is_some_and(|stated| stated.0.unsigned_abs() != less.0.unsigned_abs()) {
        let text = "discount_fee is not price * num - sale_price";
        return Err(Error::malformed(text).at("discount_fee"));
    }
    let (discount, adjustment) = if less < Minor::ZERO {
        (Minor::ZERO, Minor::ZERO.checked_sub(less).ok_or_else(too_large)?)
    } else {
        (less, Minor::ZERO)
    };
    Ok(LineAmounts { unit_price, discount, adjustment, payable })
}

/// Amounts of a trade.
pub(super) fn of_trade(trade: &Fields<'_>) -> Result<Amounts> {
    let sum = |names: &[&str]| {
        let amounts = names.iter().map(|name| trade.yuan_or_zero(name));
        let amounts = amounts.collect::<Result<Vec<_>>>()?;
        Minor::checked_sum(amounts).ok_or_else(too_large)
    };
    let ordered = trade.yuan_or_zero("orders_discount_fee")?;
    let changed = trade.yuan_or_zero("discount_fee")?;
    let mut amounts = Amounts {
        goods: trade.yuan_required("total_goods_fee")?,
        discount: sum(&["goods_discount_fee", "orders_discount_fee"])?,
        freight: sum(&["shipping_fee", "protect_fee"])?,
        tax: trade.yuan_or_zero("invoice_fee")?,
        adjustment: sum(&["discount_fee", "pay_cost"])?,
        payable: trade.yuan_required("total_trade_fee")?,
        paid: trade.yuan_or_zero("payed_fee")?,
        ..Amounts::default()
    };
    let repeats = Some(changed) == Minor::ZERO.checked_sub(ordered);
    if repeats && amounts.of_parts() != Some(amounts.payable) {
        amounts.adjustment = trade.yuan_or_zero("pay_cost")?;
    }
    Ok(amounts)
}

/// The reductions of the lines are in `goods_discount_fee`, with what buyers paid in points where they did.
pub(super) fn check_reductions(trade: &Fields<'_>, lines: &[Line]) -> Result<()> {
    let Some(stated) = trade.yuan("goods_discount_fee")? else { return Ok(()) };
    let net = lines.iter().map(|line| line.discount.checked_sub(line.adjustment));
    let net = net.collect::<Option<Vec<_>>>().and_then(Minor::checked_sum);
    if net.ok_or_else(too_large)? > stated {
        let text = "the lines are reduced by more than the order says";
        return Err(Error::malformed(text).at("goods_discount_fee"));
    }
    Ok(())
}
