//! Sets stock levels: up to twenty SKUs of one listing in a call, or a listing that has no SKUs.
//!
//! Only full levels (`type=1`) are sent, which may be repeated. The reply says what the channel has now, and a level is
//! set when it says so. Read back is a whole listing in a call.

use super::Taobao;
use super::scalars::Whole;
use super::wire::{Item, ItemShown, Sku, items, object, reply};
use crate::contract::model::StockLevel;
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, StockReader, StockSink};
use async_trait::async_trait;
use std::collections::BTreeMap;

pub(super) const SKUS: &str = "taobao.skus.quantity.update";
pub(super) const ITEM: &str = "taobao.item.quantity.update";
pub(super) const READ: &str = "taobao.item.seller.get";
/// Asked for, SKUs are called `sku`; answered, `skus`.
const READ_FIELDS: &str = "num_iid,num,sku.sku_id,sku.quantity";
/// What a listing that is not there is called, up to what differs between Taobao and Tmall.
const NO_ITEM: [&str; 2] = ["isv.item-not-exist:", "isv.item-is-delete:"];
/// The channel's own limit.
const MAX_BATCH: usize = 20;

#[async_trait]
impl StockSink for Taobao {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, level: &'l StockLevel) -> &'l str {
        listing(level)
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(levels.len());
        let skus: Vec<&StockLevel> = levels.iter().filter(|level| is_sku(level)).collect();
        let mut set = set_skus(session, &skus).await?.into_iter();
        for level in levels {
            outcomes.push(if is_sku(level) {
                set.next().unwrap_or_else(|| Err(unconfirmed()))
            } else {
                set_item(session, level).await
            });
        }
        Ok(outcomes)
    }

    fn reader(&self) -> Option<&dyn StockReader> {
        Some(self)
    }
}

#[async_trait]
impl StockReader for Taobao {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let Some(first) = told.first() else { return Ok(Vec::new()) };
        if !told.iter().all(|level| listing(level) == listing(first)) {
            return Err(Error::malformed("a call reads one listing"));
        }
        let request = ApiRequest::post(READ)
            .idempotent()
            .param("fields", READ_FIELDS)
            .param("num_iid", listing(first));
        let answer = match session.api.call(request).await {
            Err(error) if is_no_item(&error) => return Ok(vec![None; told.len()]),
            answer => answer?,
        };
        let ItemShown { item } = reply(&answer.body)?;
        let item =
            item.ok_or_else(|| Error::malformed("channel answers without a listing").at("item"))?;
        let whole = item.num.as_ref().map(|Whole(units)| *units);
        let skus = shown(Some(item))?;
        let level = |level: &StockLevel| match (is_sku(level), skus.is_empty()) {
            (true, _) => units(skus.get(&level.sku_id).copied()),
            (false, true) => units(whole),
            // It has variants by now, and the level of the whole is none that could be set.
            (false, false) => Ok(None),
        };
        told.iter().map(level).collect()
    }
}

fn is_no_item(error: &Error) -> bool {
    let code = error.channel_code().unwrap_or_default();
    NO_ITEM.iter().any(|start| code.starts_with(start))
}

/// A channel that sold more than it had may show less than nothing.
pub(super) fn units(shown: Option<i64>) -> Result<Option<u32>> {
    let Some(shown) = shown else { return Ok(None) };
    let units = u32::try_from(shown.max(0));
    units.map(Some).map_err(|_| Error::malformed("a level larger than any").at("item"))
}

fn listing(level: &StockLevel) -> &str {
    level.product_id.as_deref().unwrap_or(&level.sku_id)
}

/// A listing without variants is named by its own id.
fn is_sku(level: &StockLevel) -> bool {
    listing(level) != level.sku_id
}

/// Sets SKUs of one listing. A refusal does not say which SKU it is about, so then each is asked for alone.
async fn set_skus(session: &Session<'_>, levels: &[&StockLevel]) -> Result<Vec<Result<()>>> {
    let Some(first) = levels.first() else { return Ok(Vec::new()) };
    let is_one_listing = levels.iter().all(|level| listing(level) == listing(first));
    if !is_one_listing || levels.len() > MAX_BATCH {
        return Err(Error::malformed("a call takes at most 20 SKUs of one listing"));
    }
    match ask(session, levels).await {
        Err(error) if error.kind() == ErrorKind::Rejected && levels.len() > 1 => {
            let mut outcomes: Vec<Result<()>> = Vec::with_capacity(levels.len());
            let mut stopped: Option<Error> = None;
            for level in levels {
                if let Some(error) = &stopped {
                    outcomes.push(Err(error.clone()));
                    continue;
                }
                let alone = ask(session, std::slice::from_ref(level)).await;
                // What concerns the shop would be said again of every other SKU.
                if let Err(error) = &alone
                    && matches!(error.kind(), ErrorKind::Throttled { .. } | ErrorKind::Unauthorized)
                {
                    stopped = Some(error.clone());
                }
                let only =
                    |mut one: Vec<Result<()>>| one.pop().unwrap_or_else(|| Err(unconfirmed()));
                outcomes.push(alone.and_then(only));
            }
            Ok(outcomes)
        }
        outcomes => outcomes,
    }
}

async fn ask(session: &Session<'_>, levels: &[&StockLevel]) -> Result<Vec<Result<()>>> {
    let product = levels.first().map_or("", |level| listing(level));
    let quantities: Vec<String> =
        levels.iter().map(|level| format!("{}:{}", level.sku_id, level.available)).collect();
    let request = ApiRequest::post(SKUS)
        .idempotent()
        .param("num_iid", product)
        .param("skuid_quantities", quantities.join(";"))
        .param("type", "1");
    let answer = session.api.call(request).await?;
    let ItemShown { item } = reply(&answer.body)?;
    let shown = shown(item)?;
    Ok(levels.iter().map(|level| confirm(level, shown.get(&level.sku_id).copied())).collect())
}

/// What the channel has now, by SKU.
fn shown(item: Option<Item<'_>>) -> Result<BTreeMap<String, i64>> {
    let mut shown = BTreeMap::new();
    let Some(Item { skus, .. }) = item else { return Ok(shown) };
    for raw in items(skus, "sku").map_err(|error| error.within("item.skus"))? {
        let sku: Sku<'_> = object(raw).map_err(|error| error.within("item.skus"))?;
        shown.insert(sku.sku_id.0.to_owned(), sku.quantity.0);
    }
    Ok(shown)
}

async fn set_item(session: &Session<'_>, level: &StockLevel) -> Result<()> {
    let request = ApiRequest::post(ITEM)
        .idempotent()
        .param("num_iid", level.sku_id.as_str())
        .param("quantity", level.available.to_string())
        .param("type", "1");
    let answer = session.api.call(request).await?;
    let ItemShown { item } = reply(&answer.body)?;
    confirm(level, item.and_then(|item| item.num).map(|Whole(units)| units))
}

fn confirm(level: &StockLevel, shown: Option<i64>) -> Result<()> {
    match shown {
        Some(units) if units == i64::from(level.available) => Ok(()),
        // Somebody bought or changed it at the same moment: the level is said again.
        Some(_) => {
            Err(Error::new(ErrorKind::Unavailable, "channel has another level than the one set"))
        }
        None => Err(unconfirmed()),
    }
}

fn unconfirmed() -> Error {
    Error::new(ErrorKind::Rejected, "channel does not confirm the level")
}
