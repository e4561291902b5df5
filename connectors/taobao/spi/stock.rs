//! `stockchange.report` and `inventory.report`: units came, went, or were counted. A warehouse reports changes.

use super::Reading;
use super::confirm::keep;
use super::node::Record;
use crate::contract::model::{Extensions, ObservationSource, StockObservation, Timestamp};
use crate::contract::{Error, Event, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// Goods that may be sold. Of others the kind and the quantity are facts beside the observation, so that nobody adds
/// damaged goods to what can be sold.
const GOOD: &str = "ZP";
/// Stands in the extensions of the second and later of records that are equal in one call.
const OCCURRENCE: &str = "occurrence";

/// Facts of an item that no canonical field holds. Remarks are left out: people write names into them.
const OF_ITEM: [&str; 14] = [
    "ownerCode",
    "orderCode",
    "orderType",
    "outBizCode",
    "itemId",
    "inventoryType",
    "batchCode",
    "productDate",
    "expireDate",
    "produceCode",
    "batchs",
    "isLocked",
    "snCode",
    "totalQty",
];
/// Facts of a count that no canonical field holds.
const OF_COUNT: [&str; 7] = [
    "ownerCode",
    "checkOrderCode",
    "checkOrderId",
    "outBizCode",
    "adjustType",
    "totalPage",
    "currentPage",
];

/// What items share where the report says it once.
#[derive(Default)]
struct Shared<'b> {
    warehouse: Option<&'b str>,
    at: Option<Timestamp>,
    facts: Extensions,
}

/// `stockchange.report`: each item says everything itself.
pub(super) fn changes(body: &Record) -> Result<Vec<Reading>> {
    readings(body, &Shared::default())
}

/// `inventory.report`: what was found more or less in a count. Warehouse, time and id are those of the whole.
pub(super) fn counts(body: &Record) -> Result<Vec<Reading>> {
    let missing = |name: &'static str| Error::malformed("missing field").at(name);
    let mut facts = Extensions::new();
    keep(&mut facts, body, &OF_COUNT);
    body.required("outBizCode")?;
    let at = body.time("checkTime")?.ok_or_else(|| missing("checkTime"))?;
    readings(body, &Shared { warehouse: body.word("warehouseCode")?, at: Some(at), facts })
}

fn readings(body: &Record, shared: &Shared<'_>) -> Result<Vec<Reading>> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut readings = Vec::new();
    for (path, item) in body.list("items", "item")? {
        let id = item.word("itemCode").ok().flatten().map(str::to_owned);
        let read = observation(item, shared).map(|mut observation| {
            // Two lines of one report may be equal and are two changes all the same.
            let text = serde_json::to_string(&observation).unwrap_or_default();
            let times = seen.entry(text).or_default();
            *times += 1;
            if *times > 1 {
                observation.extensions.insert(OCCURRENCE.to_owned(), Value::from(*times));
            }
            vec![Event::Stock(Box::new(observation))]
        });
        readings.push(Reading { id, events: read.map_err(|error| error.within(&path)) });
    }
    if readings.is_empty() {
        return Err(Error::malformed("missing field").at("items"));
    }
    Ok(readings)
}

fn observation(item: &Record, shared: &Shared<'_>) -> Result<StockObservation> {
    let missing = |name: &'static str| Error::malformed("missing field").at(name);
    let code = item.required("itemCode")?;
    let quantity = item.quantity("quantity")?.ok_or_else(|| missing("quantity"))?;
    let mut extensions = shared.facts.clone();
    keep(&mut extensions, item, &OF_ITEM);
    // Without an id and a time of its own, a change sent again could not be told from another one.
    if !extensions.contains_key("outBizCode") {
        return Err(missing("outBizCode"));
    }
    let at = match shared.at {
        Some(at) => at,
        None => item.time("changeTime")?.ok_or_else(|| missing("changeTime"))?,
    };
    let is_good = item.word("inventoryType")?.is_none_or(|kind| kind == GOOD);
    if !is_good {
        extensions.insert("quantity".to_owned(), Value::from(quantity));
    }
    let warehouse = match shared.warehouse {
        Some(warehouse) => Some(warehouse),
        None => item.word("warehouseCode")?,
    };
    Ok(StockObservation {
        channel: String::new(),
        shop: None,
        sku_id: code.to_owned(),
        product_id: None,
        merchant_sku: Some(code.to_owned()),
        source: ObservationSource::Warehouse,
        available: None,
        change: is_good.then_some(quantity),
        warehouse: warehouse.map(str::to_owned),
        observed_at: at,
        extensions,
    })
}
