//! Which lines of which orders are in a parcel, as far as the warehouse says it.
//!
//! A parcel names goods by item code; the lines of the confirmation name the channel's orders and sub-orders. One item
//! code may stand in several lines, because parcels of one buyer are merged. Where it cannot be told which of them a
//! parcel holds, nothing is guessed: the goods stay goods.

use super::node::Record;
use crate::contract::model::{OrderId, WaybillLine};
use crate::contract::{Error, Result};
use std::collections::BTreeMap;

/// A line of the confirmation.
pub(super) struct Line<'b> {
    /// The channel's order, where the warehouse knows it.
    pub(super) order: Option<OrderId>,
    /// The channel's sub-order.
    sub_order: Option<&'b str>,
    number: Option<&'b str>,
    item: Option<&'b str>,
    /// Units that left, where it is said: those that were planned are no fact.
    sent: Option<u32>,
    /// All of it, for batches and serial numbers.
    pub(super) record: &'b Record,
}

/// All lines of a confirmation.
pub(super) struct Lines<'b> {
    all: Vec<Line<'b>>,
    by_item: BTreeMap<&'b str, Vec<usize>>,
    /// The orders that they are of, each once, in their order.
    pub(super) orders: Vec<OrderId>,
}

impl<'b> Lines<'b> {
    pub(super) fn read(body: &'b Record) -> Result<Self> {
        let mut lines = Self { all: Vec::new(), by_item: BTreeMap::new(), orders: Vec::new() };
        let mut seen = std::collections::BTreeSet::new();
        for (path, record) in body.list("orderLines", "orderLine")? {
            let line = line(record).map_err(|error| error.within(&path))?;
            if let Some(item) = line.item {
                lines.by_item.entry(item).or_default().push(lines.all.len());
            }
            if let Some(order) = &line.order
                && seen.insert(order.clone())
            {
                lines.orders.push(order.clone());
            }
            lines.all.push(line);
        }
        Ok(lines)
    }

    fn of_item(&self, item: &str) -> &[usize] {
        self.by_item.get(item).map_or(&[], Vec::as_slice)
    }

    fn is_unnumbered(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|line| line.number.is_none())
    }

    /// These lines with all that left of each; none where one does not say it.
    fn whole(&self, at: impl Iterator<Item = usize>) -> Option<BTreeMap<usize, u32>> {
        at.map(|at| Some((at, self.all.get(at)?.sent?))).collect()
    }
}

fn line(record: &Record) -> Result<Line<'_>> {
    let order = record.word("orderSourceCode")?.map(OrderId::try_new).transpose();
    Ok(Line {
        order: order.map_err(|error| error.at("orderSourceCode"))?,
        sub_order: record.word("subSourceCode")?,
        number: record.word("orderLineNo")?,
        item: record.word("itemCode")?,
        sent: record.pieces("actualQty")?,
        record,
    })
}

/// Goods in a parcel.
pub(super) struct Item<'b> {
    code: &'b str,
    line: Option<&'b str>,
    quantity: u32,
}

/// The goods that a parcel names; none where it names none.
pub(super) fn items(parcel: &Record) -> Result<Vec<Item<'_>>> {
    let mut items = Vec::new();
    for (path, record) in parcel.list("items", "item")? {
        let read = || {
            let missing = || Error::malformed("missing field").at("quantity");
            Ok(Item {
                code: record.required("itemCode")?,
                line: record.word("orderLineNo")?,
                quantity: record.pieces("quantity")?.ok_or_else(missing)?,
            })
        };
        items.push(read().map_err(|error: Error| error.within(&path))?);
    }
    Ok(items)
}

/// Lines of a parcel with their quantities; none where the warehouse does not say enough.
pub(super) fn of_parcel<'l, 'b>(
    lines: &'l Lines<'b>,
    items: &[Item<'b>],
    is_only_parcel: bool,
) -> Option<Vec<(&'l Line<'b>, u32)>> {
    let mut sent = BTreeMap::new();
    if items.is_empty() && is_only_parcel {
        sent = lines.whole(0..lines.all.len())?;
    }
    let mut of_codes: BTreeMap<&str, u64> = BTreeMap::new();
    for item in items {
        let candidates = lines.of_item(item.code);
        let is_named = |at: &&usize| {
            item.line.is_some() && lines.all.get(**at).is_some_and(|line| line.number == item.line)
        };
        let mut named = candidates.iter().filter(is_named);
        let only = match (named.next(), named.next(), candidates) {
            (Some(named), None, _) => Some(*named),
            (None, _, [only]) if item.line.is_none() || lines.is_unnumbered(*only) => Some(*only),
            _ => None,
        };
        match only {
            Some(at) => {
                let units = sent.entry(at).or_default();
                *units = units.checked_add(item.quantity)?;
            }
            // Goods of no line, or of a line that has other goods.
            None if candidates.is_empty() || item.line.is_some() => return None,
            None => *of_codes.entry(item.code).or_default() += u64::from(item.quantity),
        }
    }
    for (code, units) in of_codes {
        let candidates = lines.whole(lines.of_item(code).iter().copied())?;
        // Where all that left of these goods is in here, every line of them is.
        let all: u64 = candidates.values().map(|sent| u64::from(*sent)).sum();
        if all != units || candidates.keys().any(|at| sent.contains_key(at)) {
            return None;
        }
        sent.extend(candidates);
    }
    let filled = sent.into_iter().filter(|(_, units)| *units > 0);
    let found: Vec<_> =
        filled.filter_map(|(at, units)| Some((lines.all.get(at)?, units))).collect();
    Some(found).filter(|found| !found.is_empty())
}

/// The lines of one order; empty where one of them has no sub-order to be called by.
pub(super) fn of_order(found: &[(&Line<'_>, u32)], order: &OrderId) -> Vec<WaybillLine> {
    let mine = found.iter().filter(|(line, _)| line.order.as_ref() == Some(order));
    let mut named: BTreeMap<&str, u32> = BTreeMap::new();
    for (line, quantity) in mine {
        let Some(sub_order) = line.sub_order else { return Vec::new() };
        let units = named.entry(sub_order).or_default();
        *units = units.saturating_add(*quantity);
    }
    let line = |(id, quantity): (&str, u32)| WaybillLine { line_id: id.to_owned(), quantity };
    named.into_iter().map(line).collect()
}
