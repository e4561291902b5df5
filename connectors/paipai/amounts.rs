//! Money, in fen: what the channel's fees mean together.
//!
//! A line owes `itemDealPrice * itemDealCount + itemAdjustPrice`, less its `itemDiscountFee`; the deal owes its lines, less
//! `couponFee`, and the freight. Two things are not confirmed, so each is read in the way in which the deal's own total
//! balances to the fen:
//!
//! - whether `dealPayFeeTotal` has the freight in it (the channel's words say so) or not;
//! - whether a discount is said as what comes off or as a negative amount. It never raises a price.
//!
//! A total that balances in no way is nobody's to guess at.

use super::wire::{Record, needed};
use crate::contract::model::{Amounts, Line, Minor};
use crate::contract::{Error, Result};

/// What a line takes off, what the seller changed, and what the buyer owes for it.
pub(super) struct LineAmounts {
    pub(super) unit_price: Minor,
    pub(super) quantity: u32,
    pub(super) discount: Minor,
    pub(super) adjustment: Minor,
    pub(super) payable: Minor,
}

fn too_large(at: &'static str) -> Error {
    Error::malformed("amounts are too large to add up").at(at)
}

/// What a discount takes off, whichever way it is said.
fn taken_off(record: &Record, name: &'static str) -> Result<Minor> {
    let discount = record.fen(name)?.unwrap_or_default();
    discount.0.checked_abs().map(Minor).ok_or_else(|| too_large(name))
}

/// Amounts of a line.
pub(super) fn of_line(item: &Record) -> Result<LineAmounts> {
    let unit_price = needed(item.fen("itemDealPrice")?, "itemDealPrice")?;
    let count = needed(item.whole("itemDealCount")?, "itemDealCount")?;
    let quantity = u32::try_from(count)
        .map_err(|_| Error::malformed("expected a number of units").at("itemDealCount"))?;
    let discount = taken_off(item, "itemDiscountFee")?;
    let adjustment = item.fen("itemAdjustPrice")?.unwrap_or_default();
    let payable = unit_price
        .checked_mul(count)
        .and_then(|gross| gross.checked_sub(discount))
        .and_then(|net| net.checked_add(adjustment))
        .ok_or_else(|| too_large("itemDealPrice"))?;
    Ok(LineAmounts { unit_price, quantity, discount, adjustment, payable })
}

/// Amounts of the deal.
///
/// Where the seller bears the freight (`whoPayShippingfee` 1, `TRANSPORT_NONE`) a total without it is all the buyer owes.
pub(super) fn of_deal(deal: &Record, lines: &[Line], is_paid: bool) -> Result<Amounts> {
    let sum = |amount: fn(&Line) -> Minor| {
        Minor::checked_sum(lines.iter().map(amount)).ok_or_else(|| too_large("dealPayFeeTotal"))
    };
    let gross = lines.iter().try_fold(Minor::ZERO, |sum, line| {
        sum.checked_add(line.unit_price.checked_mul(i64::from(line.quantity))?)
    });
    let goods = gross.ok_or_else(|| too_large("dealPayFeeTotal"))?;
    let coupon = taken_off(deal, "couponFee")?;
    let discount = sum(|line| line.discount)?
        .checked_add(coupon)
        .ok_or_else(|| too_large("dealPayFeeTotal"))?;
    let owed = sum(|line| line.payable)?
        .checked_sub(coupon)
        .ok_or_else(|| too_large("dealPayFeeTotal"))?;
    let total = needed(deal.fen("dealPayFeeTotal")?, "dealPayFeeTotal")?;
    let stated = deal.fen("freight")?.unwrap_or_default();
    let with_freight = owed.checked_add(stated).ok_or_else(|| too_large("dealPayFeeTotal"))?;
    let freight = if total == with_freight {
        stated
    } else if total == owed {
        let is_sellers = deal.word("whoPayShippingfee")? == Some("1")
            || deal.word("transportType")? == Some("TRANSPORT_NONE");
        if is_sellers { Minor::ZERO } else { stated }
    } else {
        let text = "the total is that of the lines neither with the freight nor without it";
        return Err(Error::malformed(text).at("dealPayFeeTotal"));
    };
    let payable = owed.checked_add(freight).ok_or_else(|| too_large("dealPayFeeTotal"))?;
    Ok(Amounts {
        goods,
        discount,
        freight,
        tax: Minor::ZERO,
        adjustment: sum(|line| line.adjustment)?,
        payable,
        paid: if is_paid { payable } else { Minor::ZERO },
        refunded: deal.fen("buyerRecvRefund")?.unwrap_or_default(),
        received: None,
    })
}
