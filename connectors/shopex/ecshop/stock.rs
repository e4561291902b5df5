//! Sets stock levels: any SKUs of the shop in one call, by the merchant's code.
//!
//! The call is a success even where every level failed; each SKU is named as set or as refused. A SKU that was written in
//! the same second already is refused too, in the words `kv not update`, and only has to wait.

use super::super::wire::Verdicts;
use super::{Ecshop, answers, request};
use crate::contract::model::StockLevel;
use crate::contract::{Error, ErrorKind, Result, Session, StockSink};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

pub(super) const STOCK: &str = "set_ome_products_store";
/// No limit is documented; a form of this size suits every PHP.
const MAX_BATCH: usize = 50;
/// The shop keeps the second of a SKU's last write.
const SPACING: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
}

#[async_trait]
impl StockSink for Ecshop {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, _: &'l StockLevel) -> &'l str {
        ""
    }

    fn spacing(&self) -> Option<Duration> {
        Some(SPACING)
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        // An empty list is an SQL error to the shop.
        if levels.is_empty() {
            return Ok(Vec::new());
        }
        let level = |level: &StockLevel| json!({ "bn": level.sku_id, "store": level.available.to_string(), "memo": "{}" });
        let list = Value::Array(levels.iter().map(level).collect()).to_string();
        let request = request(STOCK).idempotent().param("store_str", list);
        let reply = session.api.call(request).await?;
        let Some(info) = answers::info(&reply.body)? else { return Err(unconfirmed()) };
        let verdicts = Verdicts::read(info)?;
        let Told { msg } = super::super::wire::object(info)?;
        let msg = msg.unwrap_or_default();
        Ok(levels.iter().map(|level| outcome(level, &verdicts, &msg)).collect())
    }
}

fn outcome(level: &StockLevel, verdicts: &Verdicts, msg: &str) -> Result<()> {
    let is_in = |names: &[String]| names.contains(&level.sku_id);
    if is_in(&verdicts.set) && !is_in(&verdicts.refused) {
        return Ok(());
    }
    if !is_in(&verdicts.refused) {
        return Err(unconfirmed());
    }
    if msg.contains(&format!("[{}]kv not update", level.sku_id)) {
        let kind = ErrorKind::Throttled { retry_after: Some(SPACING) };
        return Err(Error::new(kind, "the SKU was written in this second already"));
    }
    Err(Error::new(ErrorKind::Rejected, "the shop has no such SKU, or could not set it"))
}

fn unconfirmed() -> Error {
    Error::new(ErrorKind::Unavailable, "channel does not say which levels it set")
}
