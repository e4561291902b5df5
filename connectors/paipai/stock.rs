//! Sets stock levels, absolute ones: one SKU by one call, several SKUs of a listing by another.

use super::Paipai;
use super::errors::error;
use super::wire::Record;
use crate::contract::model::StockLevel;
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(super) const ONE: &str = "modifyItemStock";
pub(super) const BATCH: &str = "editItemStock";
const MOST: usize = 20;

#[async_trait]
impl StockSink for Paipai {
    fn max_batch(&self) -> usize {
        MOST
    }

    fn batch_key<'l>(&self, level: &'l StockLevel) -> &'l str {
        level.product_id.as_deref().unwrap_or(&level.sku_id)
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
}

impl Paipai {
    fn of_listing(&self, api: &'static str, level: &StockLevel) -> ApiRequest {
        let listing = level.product_id.as_deref().unwrap_or(&level.sku_id);
        self.seller(api, "item").idempotent().param("itemCode", listing)
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
            let text = failed.text("errorMsg")?.unwrap_or_default();
            let code = failed.whole("errorCode")?.unwrap_or_default();
            return Err(error(code, &text, &self.errors));
        }
        of_level("succList")?.map(|_| ()).ok_or_else(unconfirmed)
    }
}

fn unconfirmed() -> Error {
    Error::new(ErrorKind::Rejected, "channel does not confirm the level")
}
