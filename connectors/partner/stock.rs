//! Sends stock levels to the partner as `stock.updated`, and asks which it has.

use super::{Partner, message};
use crate::contract::model::{ShopId, StockLevel};
use crate::contract::{
    ApiReply, ApiRequest, Error, ErrorKind, Result, Session, StockReader, StockSink, parse_json,
};
use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub(super) const API: &str = "stock.updated";
pub(super) const LEVELS: &str = "levels";
const MAX_BATCH: usize = 50;
/// SKUs stand in the query, and 20 of the longest ids are 3 KB.
const MAX_READ: usize = 20;

#[derive(Serialize)]
struct Levels<'a> {
    shop: &'a ShopId,
    levels: &'a [StockLevel],
}

#[derive(Deserialize)]
struct Answer {
    results: Option<Vec<Outcome>>,
}

#[derive(Deserialize)]
struct Outcome {
    sku_id: String,
    ok: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Known {
    levels: Vec<KnownLevel>,
}

#[derive(Deserialize)]
struct KnownLevel {
    sku_id: String,
    available: u32,
}

#[async_trait]
impl StockSink for Partner {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, _: &'l StockLevel) -> &'l str {
        ""
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        let data = Levels { shop: session.shop, levels };
        // A level that comes back to where it was is news, so the moment belongs to the id.
        let version = session.now.unix_ms().to_le_bytes();
        let request = message::post(API, session.shop, session.now, &version, &data)?;
        let reply = session.api.call(request).await?;
        let results = results(&reply)?;
        let silent = match reply.status {
            status if status.is_success() => Ok(()),
            status => Err(refused(status.as_str())),
        };
        let outcome = |level: &StockLevel| match results.get(level.sku_id.as_str()) {
            Some(Outcome { ok: true, .. }) => Ok(()),
            Some(Outcome { error, .. }) => {
                let code = error.as_deref().and_then(message::code);
                Err(refused(code.unwrap_or("refused")))
            }
            None => silent.clone(),
        };
        Ok(levels.iter().map(outcome).collect())
    }

    fn reader(&self) -> Option<&dyn StockReader> {
        self.reads_stock.then_some(self)
    }
}

#[async_trait]
impl StockReader for Partner {
    fn max_batch(&self) -> usize {
        MAX_READ
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        // The same question later is another question.
        let moment = session.now.unix_ms().to_le_bytes();
        let mut content: Vec<&[u8]> = vec![&moment];
        content.extend(told.iter().map(|level| level.sku_id.as_bytes()));
        let headers = message::headers(LEVELS, session.shop, &content)?;
        let mut request = ApiRequest {
            method: Method::GET,
            path: "/levels".to_owned(),
            headers,
            ..ApiRequest::post(LEVELS).idempotent().param("shop", session.shop.as_str())
        };
        for level in told {
            request = request.param("sku_id", level.sku_id.as_str());
        }
        let reply = session.api.call(request).await?;
        if !reply.status.is_success() {
            let text = "partner refused to list the levels";
            return Err(Error::new(ErrorKind::Rejected, text).code(reply.status.as_str()));
        }
        let Known { levels } = parse_json(&reply.body)?;
        let known: HashMap<String, u32> =
            levels.into_iter().map(|level| (level.sku_id, level.available)).collect();
        Ok(told.iter().map(|level| known.get(&level.sku_id).copied()).collect())
    }
}

fn refused(code: &str) -> Error {
    Error::new(ErrorKind::Rejected, "partner refused the level").code(code)
}

/// Outcomes by SKU. None for an answer without results; an object that cannot be read is no success.
fn results(reply: &ApiReply) -> Result<HashMap<String, Outcome>> {
    let speaks = reply.status.is_success() || reply.status == StatusCode::UNPROCESSABLE_ENTITY;
    if !speaks || !reply.body.trim_ascii_start().starts_with(b"{") {
        return Ok(HashMap::new());
    }
    let answer: Answer = serde_json::from_slice(&reply.body)
        .map_err(|_| Error::malformed("partner's answer to stock levels cannot be read"))?;
    let results = answer.results.unwrap_or_default();
    Ok(results.into_iter().map(|outcome| (outcome.sku_id.clone(), outcome)).collect())
}
