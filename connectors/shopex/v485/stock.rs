//! Sets stock levels: any SKUs of the shop in one call, by the merchant's code.
//!
//! The shop answers a list that it cannot read, or an empty one, with success. So none is ever sent: the list is made
//! here, and an empty one makes no call.

use super::super::answers::{self, Answer};
use super::super::ecstore::{MAX_BATCH, outcomes, unconfirmed};
use super::super::wire::Verdicts;
use super::{Shopex485, request};
use crate::contract::model::StockLevel;
use crate::contract::{Result, Session, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(in super::super) const STOCK: &str = "set_ome_products_store";

#[async_trait]
impl StockSink for Shopex485 {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, _: &'l StockLevel) -> &'l str {
        ""
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        if levels.is_empty() {
            return Ok(Vec::new());
        }
        let level = |level: &StockLevel| json!({ "bn": level.sku_id, "store": level.available });
        let list = Value::Array(levels.iter().map(level).collect()).to_string();
        let reply = session.api.call(request(STOCK).param("store_str", list)).await?;
        match answers::answer(&reply.body)? {
            Answer::Partly(data) => outcomes(levels, &Verdicts::read(data)?),
            Answer::Data(_) | Answer::Nothing => Ok(levels.iter().map(|_| Ok(())).collect()),
            Answer::Running | Answer::TaskUsed => Err(unconfirmed()),
        }
    }
}
