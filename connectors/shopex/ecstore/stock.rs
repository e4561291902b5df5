//! Sets stock levels: any SKUs of the shop in one call, by the merchant's code.
//!
//! The shop keeps what buyers have reserved apart and adds it to what is sent, so the level sent is the level that can
//! be sold. A part that fails is named; the rest is set.
//!
//! Read back is one SKU at a time. The shop shows a SKU by its own number, which the record of the product tells; what that
//! record calls `quantity` has in it what is reserved, so it is passed over and the shop is asked what can be sold.

use super::super::answers::{self, Answer};
use super::super::fields::Fields;
use super::super::wire::Verdicts;
use super::{Ecstore, request};
use crate::contract::model::StockLevel;
use crate::contract::{Error, ErrorKind, Result, Session, StockReader, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(in super::super) const STOCK: &str = "b2c.update_store.updateStore";
pub(in super::super) const ITEM: &str = "b2c.goods.get_item";
pub(in super::super) const STORE: &str = "b2c.goods.get_store";
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

    fn reader(&self) -> Option<&dyn StockReader> {
        Some(self)
    }
}

#[async_trait]
impl StockReader for Ecstore {
    fn max_batch(&self) -> usize {
        1
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let mut shown = Vec::with_capacity(told.len());
        for level in told {
            shown.push(match sku_number(session, level).await? {
                Some(number) => sellable(session, &number).await?,
                None => None,
            });
        }
        Ok(shown)
    }
}

/// The shop's own number of a SKU; none where the product has no such SKU, or is not there.
async fn sku_number(session: &Session<'_>, level: &StockLevel) -> Result<Option<String>> {
    let request = request(ITEM).idempotent().param("iid", product_number(level)?);
    let reply = session.api.call(request).await?;
    let answer = Fields::from_json(answers::data(&reply.body)?.get().as_bytes())?;
    let Some(item) = answer.text("item") else { return Ok(None) };
    let item = Fields::from_json(item.as_bytes()).map_err(|error| error.within("item"))?;
    for sku in item.list("skus", "sku").map_err(|error| error.within("item"))? {
        if sku.text("bn") == Some(&level.sku_id) {
            return sku.required("sku_id").map(|number| Some(number.to_owned()));
        }
    }
    Ok(None)
}

/// What can be sold of a SKU. A shop that sells without counting says 999999.
async fn sellable(session: &Session<'_>, number: &str) -> Result<Option<u32>> {
    let numbers = json!([number]).to_string();
    let request = request(STORE).idempotent().param("product_id", numbers);
    let reply = session.api.call(request).await?;
    // Where nothing is found the fields are others, and the call is a success.
    let levels = Fields::from_json(answers::data(&reply.body)?.get().as_bytes())?;
    levels.whole(number)?.map(shown_units).transpose()
}

/// The shop's number of the product that a level is of. It goes into the shop's query as it is, so nothing but a number may
/// be sent.
pub(in super::super) fn product_number(level: &StockLevel) -> Result<&str> {
    let number = level.product_id.as_deref().unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = "a level is read back by the shop's number of its product, and none is named";
        return Err(Error::new(ErrorKind::Unsupported, text).at("product_id"));
    }
    Ok(number)
}

/// A level as the shop shows it: less than nothing where it sold more than it had.
pub(in super::super) fn shown_units(units: i64) -> Result<u32> {
    u32::try_from(units.max(0)).map_err(|_| Error::malformed("a level larger than any"))
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
