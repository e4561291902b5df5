//! How far an order is shipped, as the shop tells it.

use super::super::fields::Fields;
use super::super::normalize;
use super::super::parcel::{self, Contents, Item};
use super::orders::{detail, trade};
use crate::contract::model::{OrderId, Text, WaybillLine};
use crate::contract::{Error, ErrorKind, Result, Session};

/// What the code of a greeting card begins with. The shop writes a card among the goods and keeps none in its books.
pub(super) const CARD: &str = "ECS_CARD_";

/// Whether a code is that of a greeting card.
pub(super) fn is_card(bn: &str) -> bool {
    bn.starts_with(CARD)
}

/// How far an order is shipped. It holds who the receiver is, and has no `Debug`.
pub(super) struct State {
    /// The goods of the order.
    pub(super) items: Vec<Item>,
    /// Ids of the lines that are greeting cards.
    cards: Vec<Text>,
    numbers: Vec<Text>,
    /// Whether the shop calls it shipped whole.
    pub(super) is_finished: bool,
    is_preparing: bool,
    /// Name and address of the receiver, where the shop shows them.
    pub(super) to: [Option<String>; 2],
}

impl State {
    pub(super) async fn read(session: &Session<'_>, order: &OrderId) -> Result<Self> {
        let reply = session.api.call(detail(order)).await?;
        let fields = Fields::from_json(trade(&reply.body)?.get().as_bytes())?;
        let items = parcel::items(&fields)?.into_iter();
        let (cards, items): (Vec<Item>, Vec<Item>) = items.partition(|item| is_card(&item.bn));
        let shipments = normalize::shipments(&fields).into_iter();
        Ok(Self {
            items,
            cards: cards.into_iter().map(|card| card.line_id).collect(),
            numbers: shipments.map(|shipment| shipment.number).collect(),
            is_finished: fields.text("ship_status") == Some("SHIP_FINISH"),
            is_preparing: fields.text("ship_status") == Some("SHIP_PREPARE"),
            to: ["receiver_name", "receiver_address"].map(|name| fields.owned(name)),
        })
    }

    /// The lines of a parcel that the shop knows as goods. A greeting card travels with them and is told by no call.
    pub(super) fn goods_of(&self, lines: &[WaybillLine]) -> Result<Vec<WaybillLine>> {
        let is_goods = |line: &&WaybillLine| self.cards.iter().all(|card| *card != line.line_id);
        let goods: Vec<_> = lines.iter().filter(is_goods).cloned().collect();
        if goods.is_empty() && !lines.is_empty() {
            let text = "the shop keeps no account of greeting cards";
            return Err(Error::new(ErrorKind::Unsupported, text).at("lines"));
        }
        Ok(goods)
    }

    pub(super) fn has(&self, number: &str) -> bool {
        self.numbers.iter().any(|known| known == number)
    }

    pub(super) fn is_sent(&self) -> bool {
        self.items.iter().any(|item| item.sent > 0)
    }

    pub(super) fn is_open(&self) -> bool {
        self.items.iter().any(|item| item.sent < item.ordered)
    }

    /// Whether units are counted for a delivery that never left: its note was written and it was not sent. Only a call
    /// that ships the order whole goes past that.
    pub(super) fn is_stalled(&self) -> bool {
        self.is_preparing && self.is_sent() && self.numbers.is_empty()
    }

    fn sent(&self, bn: &str) -> u64 {
        let of_sku = self.items.iter().filter(|item| item.bn == bn);
        of_sku.map(|item| u64::from(item.sent)).sum()
    }

    /// Whether every SKU of a parcel is counted as sent, with as many units more than `before`.
    pub(super) fn counts(&self, before: Option<&Self>, contents: &Contents<'_>) -> bool {
        contents.by_sku().iter().all(|(item, units)| {
            let before = before.map_or(0, |state| state.sent(&item.bn));
            self.sent(&item.bn) >= before + u64::from(*units)
        })
    }

    /// Whether every SKU of an order that left whole is counted at all. How often it says wrongly where an order holds
    /// one article in several sizes: the shop writes the units of one over those of the others.
    pub(super) fn counts_some(&self, contents: &Contents<'_>) -> bool {
        contents.by_sku().iter().all(|(item, _)| self.sent(&item.bn) > 0)
    }
}
