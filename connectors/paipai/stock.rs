//! Sets stock levels, absolute ones: one SKU by one call, several SKUs of a listing by another. Read back is a whole
//! listing in a call.

use super::errors::{NO_ITEM, error};
use super::wire::{Record, needed};
use super::{Charset, Paipai, body};
use crate::contract::model::StockLevel;
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, StockReader, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const ONE: &str = "modifyItemStock";
pub(super) const BATCH: &str = "editItemStock";
pub(super) const READ: &str = "getItem";
const MOST: usize = 20;
/// `status` of a SKU that is about to be deleted: nobody can buy it any more.
const DELETED: &str = "9";
/// What a SKU's number is called; the second is that of older answers.
const SKU_ID: [&str; 2] = ["skuId", "stockId"];
/// What a SKU's level is called in `stockList`, and in `stockJsonList`.
const COUNT: [&str; 2] = ["stockCount", "num"];

#[async_trait]
impl StockSink for Paipai {
    fn max_batch(&self) -> usize {
        MOST
    }

    fn batch_key<'l>(&self, level: &'l StockLevel) -> &'l str {
        listing(level)
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        if let [level] = levels {
            return Ok(vec![self.set_one(session, level).await]);
        }
        // A listing's own level stands for a SKU without an id, which a batch cannot name.
        let is_nameable = |level: &&StockLevel| level.product_id.as_ref() != Some(&level.sku_id);
        let named: Vec<&StockLevel> = levels.iter().filter(is_nameable).collect();
        let answer = match named.first() {
            Some(first) => Some(self.set_many(session, first, &named).await?),
            None => None,
        };
        let mut outcomes = Vec::with_capacity(levels.len());
        for level in levels {
            outcomes.push(match &answer {
                Some(answer) if is_nameable(&level) => self.outcome(answer, level),
                _ => self.set_one(session, level).await,
            });
        }
        Ok(outcomes)
    }

    fn reader(&self) -> Option<&dyn StockReader> {
        Some(self)
    }
}

#[async_trait]
impl StockReader for Paipai {
    fn max_batch(&self) -> usize {
        MOST
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let Some(first) = told.first() else { return Ok(Vec::new()) };
        if told.iter().any(|level| listing(level) != listing(first)) {
            return Err(Error::malformed("a call reads one listing"));
        }
        let answer = match self.ask(session, self.of_listing(READ, first)).await {
            Err(error) if error.context() == NO_ITEM => return Ok(vec![None; told.len()]),
            answer => answer?.0,
        };
        let skus = shown(&answer)?;
        let level = |level: &StockLevel| {
            if level.sku_id != listing(level) {
                return Ok(skus.get(&level.sku_id).copied());
            }
            // Of a listing that has variants by now, the level of the whole is none that could be set.
            if skus.len() > 1 { Ok(None) } else { count(&answer).map(Some) }
        };
        told.iter().map(level).collect()
    }
}

fn listing(level: &StockLevel) -> &str {
    level.product_id.as_deref().unwrap_or(&level.sku_id)
}

/// What a listing shows of its SKUs, by number: in a list of records, or in one that newer answers have beside it.
fn shown(listing: &Record) -> Result<BTreeMap<String, u32>> {
    const NEWER: &str = "stockJsonList";
    let mut stocks = listing.records("stockList")?;
    if stocks.is_empty() {
        // A list inside a text, as it is documented, or the list itself, as a program reads it.
        stocks = match listing.cleaned(NEWER) {
            Ok(Some(text)) => {
                let text = format!("{{\"errorCode\":0,\"{NEWER}\":{text}}}");
                body::read(Charset::Utf8, text.as_bytes())?.records(NEWER)?
            }
            Ok(None) => Vec::new(),
            Err(_) => listing.records(NEWER)?,
        };
    }
    let mut shown = BTreeMap::new();
    for stock in stocks {
        let id = first(&SKU_ID, |name| stock.id(name))?;
        let is_deleted = stock.word("status")? == Some(DELETED);
        if let (Some(id), false) = (id, is_deleted) {
            shown.insert(id.to_owned(), count(&stock)?);
        }
    }
    Ok(shown)
}

/// The level that a record states. A channel that sold more than it had may show less than nothing.
fn count(record: &Record) -> Result<u32> {
    let count = needed(first(&COUNT, |name| record.whole(name))?, "stockCount")?;
    let wrong = |_| Error::malformed("a level larger than any").at("stockCount");
    u32::try_from(count.max(0)).map_err(wrong)
}

/// The first of several fields that has something in it.
fn first<T>(names: &[&str], read: impl Fn(&str) -> Result<Option<T>>) -> Result<Option<T>> {
    for name in names {
        if let Some(value) = read(name)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

impl Paipai {
    fn of_listing(&self, api: &'static str, level: &StockLevel) -> ApiRequest {
        self.seller(api, "item").idempotent().param("itemCode", listing(level))
    }

    async fn set_one(&self, session: &Session<'_>, level: &StockLevel) -> Result<()> {
        let mut request = self.of_listing(ONE, level);
        if level.product_id.as_ref().is_some_and(|listing| *listing != level.sku_id) {
            request = request.param("skuId", level.sku_id.as_str());
        }
        let request = request.param("stockCount", level.available.to_string());
        let (answer, _) = self.ask(session, request).await?;
        match answer.whole("stockCount")? {
            Some(units) if units == i64::from(level.available) => Ok(()),
            // Somebody bought or changed it at the same moment: the level is said again.
            Some(_) => {
                let text = "channel has another level than the one set";
                Err(Error::new(ErrorKind::Unavailable, text))
            }
            None => Err(unconfirmed()),
        }
    }

    async fn set_many(
        &self,
        session: &Session<'_>,
        first: &StockLevel,
        levels: &[&StockLevel],
    ) -> Result<Record> {
        let stock = |level: &&StockLevel| json!({ "skuId": level.sku_id, "stockCount": level.available.to_string() });
        let list: Vec<Value> = levels.iter().map(stock).collect();
        let list = Value::Array(list).to_string();
        let request = self.of_listing(BATCH, first).param("stockJsonList", list);
        Ok(self.ask(session, request).await?.0)
    }

    /// What the answer to a batch says of one level.
    fn outcome(&self, answer: &Record, level: &StockLevel) -> Result<()> {
        let of_level = |list: &str| -> Result<Option<Record>> {
            let mut records = answer.records(list)?.into_iter();
            Ok(records.find(|stock| stock.id("skuId").ok().flatten() == Some(&level.sku_id)))
        };
        if let Some(failed) = of_level("failList")? {
            let text = failed.cleaned("errorMsg")?.unwrap_or_default();
            let code = failed.whole("errorCode")?.unwrap_or_default();
            return Err(error(code, &text, &self.errors));
        }
        of_level("succList")?.map(|_| ()).ok_or_else(unconfirmed)
    }
}

fn unconfirmed() -> Error {
    Error::new(ErrorKind::Rejected, "channel does not confirm the level")
}
