//! Sets stock levels: any SKUs of the shop in one call, by the merchant's code.
//!
//! The shop answers a list that it cannot read, or an empty one, with success. So none is ever sent: the list is made
//! here, and an empty one makes no call.
//!
//! Read back is one SKU at a time, by the shop's own number of it, which is what `product_id` is in this generation.

use super::super::answers::{self, Answer};
use super::super::ecstore::{MAX_BATCH, outcomes, product_number, shown_units, unconfirmed};
use super::super::fields::Fields;
use super::super::wire::{self, Orders, Verdicts};
use super::{Shopex485, request};
use crate::contract::model::StockLevel;
use crate::contract::{Error, Result, Session, StockReader, StockSink};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(in super::super) const STOCK: &str = "set_ome_products_store";
pub(in super::super) const READ: &str = "get_product_detail";
/// The shop's table as it is: a level is kept as it was set, and what is reserved beside it.
const COLUMNS: &str = "bn|store";

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

    fn reader(&self) -> Option<&dyn StockReader> {
        Some(self)
    }
}

#[async_trait]
impl StockReader for Shopex485 {
    fn max_batch(&self) -> usize {
        1
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let mut shown = Vec::with_capacity(told.len());
        for level in told {
            shown.push(read(session, level).await?);
        }
        Ok(shown)
    }
}

async fn read(session: &Session<'_>, level: &StockLevel) -> Result<Option<u32>> {
    let number = product_number(level)?;
    let request = request(READ).param("product_id", number).param("columns", COLUMNS);
    let reply = session.api.call(request).await?;
    let found: Orders<'_> = wire::object(answers::data(&reply.body)?)?;
    // What the shop's database gives for no row is not known: a list without any, or `false`.
    let list = found.data_info.filter(|list| list.get() != "false");
    for raw in wire::records(list, "data_info")? {
        let sku =
            Fields::from_json(raw.get().as_bytes()).map_err(|error| error.within("data_info"))?;
        // Under that number the shop may sell something else by now.
        if sku.text("bn") == Some(&level.sku_id) {
            let units = sku.whole("store")?;
            let units = units.ok_or_else(|| Error::malformed("missing field").at("store"))?;
            return shown_units(units).map(Some).map_err(|error| error.at("store"));
        }
    }
    Ok(None)
}
