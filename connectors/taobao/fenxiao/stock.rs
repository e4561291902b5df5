//! Sets stock levels of a product of the distribution platform.
//!
//! Writing names SKUs by their properties, which only the product's own record tells: it is read first. A product without
//! SKUs is written by its id alone. Levels are full (`type=1`), so repeating them is harmless; the reply says that they were
//! taken, and not what there is now. That is read as the properties are: a whole product in a call.

use super::super::scalars::Whole;
use super::super::stock::units;
use super::super::wire::{object, reply};
use super::Fenxiao;
use super::wire::{Product, Products, Sku, Updated, items};
use crate::contract::model::StockLevel;
use crate::contract::{ApiRequest, Error, ErrorKind, Result, Session, StockReader, StockSink};
use async_trait::async_trait;
use std::collections::BTreeMap;

pub(super) const WRITE: &str = "taobao.fenxiao.product.quantity.update";
pub(super) const READ: &str = "taobao.fenxiao.products.get";
/// No limit is documented; that of the platform's other stock API is kept.
const MAX_BATCH: usize = 20;

#[async_trait]
impl StockSink for Fenxiao {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn batch_key<'l>(&self, level: &'l StockLevel) -> &'l str {
        product(level)
    }

    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        let Some(first) = levels.first() else { return Ok(Vec::new()) };
        if levels.iter().any(|level| product(level) != product(first)) {
            return Err(Error::malformed("a call takes SKUs of one product"));
        }
        let (skus, whole): (Vec<&StockLevel>, Vec<&StockLevel>) =
            levels.iter().partition(|level| is_sku(level));
        let mut outcomes: BTreeMap<&str, Result<()>> = BTreeMap::new();
        for level in whole {
            let available = level.available.to_string();
            outcomes.insert(&level.sku_id, write(session, &level.sku_id, &[available], &[]).await);
        }
        if !skus.is_empty() {
            let known = read(session, product(first)).await?.unwrap_or_default().skus;
            let (there, strange): (Vec<_>, Vec<_>) =
                skus.into_iter().partition(|level| known.contains_key(&level.sku_id));
            for level in strange {
                let error = Error::new(ErrorKind::Rejected, "the product has no such SKU");
                outcomes.insert(&level.sku_id, Err(error));
            }
            let quantities: Vec<String> =
                there.iter().map(|level| level.available.to_string()).collect();
            let names: Vec<&str> = there
                .iter()
                .filter_map(|level| known.get(&level.sku_id))
                .map(|sku| sku.properties.as_str())
                .collect();
            if !there.is_empty() {
                let written = write(session, product(first), &quantities, &names).await;
                for level in there {
                    outcomes.insert(&level.sku_id, written.clone());
                }
            }
        }
        let unsaid = || Err(Error::new(ErrorKind::Unavailable, "channel says nothing of it"));
        Ok(levels
            .iter()
            .map(|level| outcomes.get(level.sku_id.as_str()).cloned().unwrap_or_else(unsaid))
            .collect())
    }

    fn reader(&self) -> Option<&dyn StockReader> {
        Some(self)
    }
}

#[async_trait]
impl StockReader for Fenxiao {
    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let Some(first) = told.first() else { return Ok(Vec::new()) };
        if told.iter().any(|level| product(level) != product(first)) {
            return Err(Error::malformed("a call reads one product"));
        }
        let Some(shown) = read(session, product(first)).await? else {
            return Ok(vec![None; told.len()]);
        };
        let level = |level: &StockLevel| match (is_sku(level), shown.skus.is_empty()) {
            (true, _) => shown.skus.get(&level.sku_id).map(|sku| stated(sku.quantity)).transpose(),
            (false, true) => stated(shown.quantity).map(Some),
            // It has variants by now, and the level of the whole is none that could be set.
            (false, false) => Ok(None),
        };
        told.iter().map(level).collect()
    }
}

/// The level that a record of the channel states. One that does not state any is not what was asked for.
fn stated(quantity: Option<i64>) -> Result<u32> {
    let level = units(quantity).map_err(|error| error.at("quantity"))?;
    level.ok_or_else(|| Error::malformed("missing field").at("quantity"))
}

fn product(level: &StockLevel) -> &str {
    level.product_id.as_deref().unwrap_or(&level.sku_id)
}

/// A product without SKUs is named by its own id.
fn is_sku(level: &StockLevel) -> bool {
    product(level) != level.sku_id
}

/// What a product shows of itself and of its SKUs, by SKU id.
#[derive(Default)]
struct Shown {
    quantity: Option<i64>,
    skus: BTreeMap<String, ShownSku>,
}

struct ShownSku {
    properties: String,
    quantity: Option<i64>,
}

/// Reads a product with its SKUs; none where the supplier has no such product.
async fn read(session: &Session<'_>, product: &str) -> Result<Option<Shown>> {
    let request =
        ApiRequest::post(READ).idempotent().param("pids", product).param("fields", "skus");
    let answer = session.api.call(request).await?;
    let Products { products } = reply(&answer.body)?;
    let raws = items(products, &["fenxiao_product"]).map_err(|error| error.within("products"))?;
    for raw in raws {
        let found: Product<'_> = object(raw).map_err(|error| error.within("products"))?;
        if found.pid.0 != product {
            continue;
        }
        let quantity = found.quantity.map(|Whole(units)| units);
        let mut skus = BTreeMap::new();
        for raw in items(found.skus, &["fenxiao_sku"]).map_err(|error| error.within("skus"))? {
            let sku: Sku<'_> = object(raw).map_err(|error| error.within("skus"))?;
            let quantity = sku.quantity.map(|Whole(units)| units);
            let properties = sku.properties.0.into_owned();
            skus.insert(sku.id.0.to_owned(), ShownSku { properties, quantity });
        }
        return Ok(Some(Shown { quantity, skus }));
    }
    Ok(None)
}

async fn write(
    session: &Session<'_>,
    product: &str,
    quantities: &[String],
    properties: &[&str],
) -> Result<()> {
    let mut request = ApiRequest::post(WRITE)
        .idempotent()
        .param("product_id", product)
        .param("quantity", quantities.join(","))
        .param("type", "1");
    if !properties.is_empty() {
        request = request.param("properties", properties.join(","));
    }
    let answer = session.api.call(request).await?;
    let Updated { result } = reply(&answer.body)?;
    if result.0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Rejected, "channel did not take the level"))
}
