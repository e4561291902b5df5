//! What a waybill means in a shop's terms: which SKUs, how many, under which number of the shop's own books.

use super::CHANNEL;
use super::fields::Fields;
use super::normalize::{LineIds, line_id, object_items};
use crate::contract::model::{Text, Waybill, WaybillAction, WaybillLine};
use crate::contract::{Error, ErrorKind, EventId, Result, Session, carriers};
use serde_json::{Value, json};

/// Refuses what no generation can be told, before a call is spent.
pub(super) fn check(waybill: &Waybill) -> Result<()> {
    if waybill.action != WaybillAction::Ship {
        let text = "only parcels are told to this channel, and none is changed afterwards";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    carriers::check_number(&waybill.carrier, &waybill.number)
}

/// Number of the delivery in the shop's books. The same parcel has the same number, however often it is told, so that
/// the shop itself refuses it the second time.
pub(super) fn delivery_number(session: &Session<'_>, waybill: &Waybill) -> String {
    let EventId(digest) = step(session, waybill, "delivery");
    let number = digest.iter().take(7).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    // 56 bits are at most 17 digits: small enough for every column it may stand in.
    format!("1{number:017}")
}

/// The task of one step of telling a parcel.
pub(super) fn task(session: &Session<'_>, waybill: &Waybill, name: &str) -> String {
    step(session, waybill, name).to_string()
}

fn step(session: &Session<'_>, waybill: &Waybill, name: &str) -> EventId {
    let shop = session.shop.as_str();
    EventId::of(CHANNEL, shop, name, waybill.order_id.as_str(), &[waybill.number.as_bytes()])
}

/// A SKU of the order.
pub(super) struct Item {
    pub(super) line_id: Text,
    pub(super) bn: String,
    pub(super) name: String,
    pub(super) is_gift: bool,
    pub(super) ordered: u32,
    pub(super) sent: u32,
}

/// The SKUs of a trade, but for those that were cancelled.
pub(super) fn items(trade: &Fields<'_>) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut ids = LineIds::default();
    for (index, object) in trade.list("orders", "order")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("orders[{index}]"));
        for (at, item) in object_items(object).map_err(within)?.iter().enumerate() {
            let line_id = ids.own(line_id(object, item, at).map_err(within)?);
            if item.text("item_status") == Some("cancel") {
                continue;
            }
            items.push(Item {
                line_id,
                bn: item.required("bn").map_err(within)?.to_owned(),
                name: item.owned("name").unwrap_or_default(),
                is_gift: item.text("item_type") == Some("gift"),
                ordered: item.units_required("num").map_err(within)?,
                sent: item.units("sendnum").map_err(within)?,
            });
        }
    }
    Ok(items)
}

/// What is in a parcel.
pub(super) struct Contents<'i> {
    parts: Vec<(&'i Item, u32)>,
    /// Whether all of it is still to be shipped.
    pub(super) is_open: bool,
}

impl<'i> Contents<'i> {
    /// The lines of a waybill; none named means everything that is still to be shipped.
    pub(super) fn of(items: &'i [Item], lines: &[WaybillLine]) -> Result<Self> {
        let mut parts = Vec::new();
        if lines.is_empty() {
            let open = |item: &Item| item.ordered.saturating_sub(item.sent);
            let left: Vec<_> = items
                .iter()
                .map(|item| (item, open(item)))
                .filter(|(_, units)| *units > 0)
                .collect();
            let is_open = !left.is_empty();
            let all = items.iter().map(|item| (item, item.ordered));
            return Ok(Self { parts: if is_open { left } else { all.collect() }, is_open });
        }
        let mut is_open = true;
        for (index, line) in lines.iter().enumerate() {
            let item = items.iter().find(|item| item.line_id == line.line_id).ok_or_else(|| {
                let text = "the order has no such line";
                Error::new(ErrorKind::Rejected, text).at(format!("lines[{index}].line_id"))
            })?;
            is_open &= item.ordered.saturating_sub(item.sent) >= line.quantity;
            parts.push((item, line.quantity));
        }
        Ok(Self { parts, is_open })
    }

    /// Whether it holds every unit of these.
    pub(super) fn holds_all(&self, items: &[Item]) -> bool {
        items.iter().all(|item| {
            self.parts
                .iter()
                .any(|(part, units)| part.line_id == item.line_id && *units >= item.ordered)
        })
    }

    /// As ECStore and ShopEx 4.8.5 want it. A SKU is named once.
    pub(super) fn as_delivery(&self, with_type: bool) -> String {
        let item = |(item, units): &(&Item, u32)| {
            let mut item = json!({
                "product_bn": item.bn, "product_name": item.name, "number": units.to_string(),
                "item_type": if item.is_gift { "gift" } else { "goods" },
            });
            if !with_type && let Some(fields) = item.as_object_mut() {
                fields.remove("item_type");
            }
            item
        };
        Value::Array(self.by_sku().iter().map(item).collect()).to_string()
    }

    /// As the hub wants it.
    pub(super) fn as_shipping(&self) -> String {
        let item = |(item, units): &(&Item, u32)| json!({ "bn": item.bn, "name": item.name, "number": units });
        Value::Array(self.by_sku().iter().map(item).collect()).to_string()
    }

    /// A SKU once, with the units of all of its lines.
    pub(super) fn by_sku(&self) -> Vec<(&'i Item, u32)> {
        let mut skus: Vec<(&Item, u32)> = Vec::new();
        for (item, units) in &self.parts {
            match skus.iter_mut().find(|(known, _)| known.bn == item.bn) {
                Some((_, sum)) => *sum = sum.saturating_add(*units),
                None => skus.push((*item, *units)),
            }
        }
        skus
    }
}
