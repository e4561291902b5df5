//! Money between the seller and the channel: what is paid out, what is kept, what the channel adds. No sum of an order
//! depends on these, so a figure that cannot be read stays where it is.

use crate::contract::model::{Extensions, Fee, Minor, Payer, Promotion, Text};

/// What the channel keeps of the seller's money.
const FEES: [&str; 3] = ["commission_fee", "seller_cod_fee", "credit_card_fee"];
/// What the channel pays of the price: the only discount of which it says who bears it.
const SUBSIDY: &str = "platform_subsidy_fee";

/// What the seller has been paid out.
pub(super) fn received(extensions: &mut Extensions) -> Option<Minor> {
    take_yuan(extensions, "received_payment")
}

/// What is kept, without what is nothing.
pub(super) fn fees(extensions: &mut Extensions) -> Vec<Fee> {
    let fees = FEES.iter().filter_map(|name| {
        let amount = take_yuan(extensions, name).filter(|amount| *amount != Minor::ZERO)?;
        Some(Fee { name: Text::new_static(name), amount })
    });
    fees.collect()
}

/// What the channel adds, as a discount that it bears.
pub(super) fn subsidy(extensions: &mut Extensions) -> Option<Promotion> {
    let discount = take_yuan(extensions, SUBSIDY).filter(|amount| *amount != Minor::ZERO)?;
    Some(Promotion {
        id: None,
        name: Text::new_static(SUBSIDY),
        discount,
        payer: Some(Payer::Channel),
        line_id: None,
        description: None,
    })
}

fn take_yuan(extensions: &mut Extensions, name: &str) -> Option<Minor> {
    let amount = Minor::from_decimal(extensions.get(name)?.as_str()?).ok()?;
    extensions.remove(name);
    Some(amount)
}
