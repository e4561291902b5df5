//! Sets stock levels: any SKUs of the shop in one call, by the merchant's code.
//!
//! The shop keeps what buyers have reserved apart and adds it to what is sent, so the level sent is the level that can
//! be sold. A part that fails is named; the rest is set.

use super::super::answers::{self, Answer};
use super::super::wire::Verdicts;
use super::{Ecstore, request};
use crate::contract::model::StockLevel;
use crate::contract::{Error, ErrorKind, Result, Session, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(in super::super) const STOCK: &str = "b2c.update_store.updateStore";
/// No limit is documented; a form of this size suits every PHP.
pub(in super::super) const MAX_BATCH: usize = 50;

#[async_trait]
impl StockSink for Ecstore {
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
        let request = request(STOCK).idempotent().param("list_quantity", quantities(levels));
        let reply = session.api.call(request).await?;
        match answers::answer(&reply.body)? {
            Answer::Data(data) if data.get() == "true" => {
                Ok(levels.iter().map(|_| Ok(())).collect())
            }
            Answer::Partly(data) => outcomes(levels, &Verdicts::read(data)?),
            Answer::Data(_) | Answer::Nothing | Answer::Running | Answer::TaskUsed => {
                Err(unconfirmed())
            }
        }
    }
}

/// Levels, absolute, by the merchant's code.
pub(in super::super) fn quantities(levels: &[StockLevel]) -> String {
    let level = |level: &StockLevel| json!({ "bn": level.sku_id, "quantity": level.available });
    Value::Array(levels.iter().map(level).collect()).to_string()
}

/// One outcome a level. A call that failed without naming any of them says nothing of any.
pub(in super::super) fn outcomes(
    levels: &[StockLevel],
    verdicts: &Verdicts,
) -> Result<Vec<Result<()>>> {
    let is_about = |names: &[String]| levels.iter().any(|level| names.contains(&level.sku_id));
    if !is_about(&verdicts.refused) {
        return Err(unconfirmed());
    }
    let outcome = |level: &StockLevel| {
        let is_in = |names: &[String]| names.contains(&level.sku_id);
        if is_in(&verdicts.refused) && !is_in(&verdicts.set) {
            let text = "the shop has no such SKU, or could not set it";
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        Ok(())
    };
    Ok(levels.iter().map(outcome).collect())
}

pub(in super::super) fn unconfirmed() -> Error {
    Error::new(ErrorKind::Unavailable, "channel does not say which levels it set")
}
