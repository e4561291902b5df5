//! Stock levels of listings.

use super::answer::{Answer, Refusal};
use super::books::{Shop, Sku};
use super::call::Call;
use serde_json::{Map, Value, json};

fn unknown() -> Refusal {
    Refusal(5001, "库存不存在")
}

fn find<'s>(shop: &'s mut Shop, item: &str, id: Option<&str>) -> Option<&'s mut Sku> {
    let mut skus = shop.skus.iter_mut().filter(|sku| sku.item == item);
    match id {
        Some(id) => skus.find(|sku| sku.id == Some(id)),
        // Without an id only a listing that has a single one is meant.
        None => skus.find(|sku| sku.id.is_none()),
    }
}

pub(super) fn one(shop: &mut Shop, call: &Call, _: i64) -> Answer {
    let item = call.get("itemCode").ok_or(Refusal(4001, "缺少itemCode"))?;
    let sku = find(shop, &item, call.get("skuId").as_deref()).ok_or_else(unknown)?;
    if let Some(count) = call.get("stockCount") {
        sku.count = count.parse().map_err(|_| Refusal(4001, "stockCount错误"))?;
    }
    Ok(Map::from_iter([
        ("itemCode".to_owned(), json!(item)),
        ("stockPrice".to_owned(), json!(sku.price)),
        ("stockCount".to_owned(), json!(sku.count)),
    ]))
}

pub(super) fn batch(shop: &mut Shop, call: &Call, _: i64) -> Answer {
    let item = call.get("itemCode").ok_or(Refusal(4001, "缺少itemCode"))?;
    if !shop.skus.iter().any(|sku| sku.item == item) {
        return Err(Refusal(5002, "商品不存在"));
    }
    let list = call.get("stockJsonList").unwrap_or_default();
    let wrong = || Refusal(4001, "stockJsonList错误");
    let list: Vec<Value> = serde_json::from_str(&list).map_err(|_| wrong())?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for stock in list {
        let text = |name: &str| stock.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, count) = (text("skuId"), text("stockCount").parse());
        match (find(shop, &item, Some(id)), count) {
            (Some(sku), Ok(count)) => {
                sku.count = count;
                done.push(json!({ "skuId": id, "stockLocalCode": sku.code }));
            }
            _ => failed.push(json!({ "skuId": id, "errorCode": "5001", "errorMsg": "库存不存在" })),
        }
    }
    Ok(Map::from_iter([
        ("succList".to_owned(), json!(done)),
        ("failList".to_owned(), json!(failed)),
    ]))
}

/// A listing with the levels of its SKUs; one without variants has a SKU without a number.
pub(super) fn item(shop: &mut Shop, call: &Call, _: i64) -> Answer {
    let item = call.get("itemCode").ok_or(Refusal(4001, "缺少itemCode"))?;
    let skus: Vec<&Sku> = shop.skus.iter().filter(|sku| sku.item == item).collect();
    let first = skus.first().ok_or(Refusal(5002, "商品不存在"))?;
    let stock = |sku: &&Sku| {
        json!({
            "skuId": sku.id.unwrap_or("0"), "stockLocalCode": sku.code, "stockAttr": sku.attr,
            "status": 2, "stockPrice": sku.price, "stockCount": sku.count.to_string(),
        })
    };
    let all = skus.iter().fold(0_u32, |sum, sku| sum.saturating_add(sku.count));
    let stocks: Vec<Value> = skus.iter().map(stock).collect();
    Ok(Map::from_iter([
        ("itemCode".to_owned(), json!(item)),
        ("itemName".to_owned(), json!(first.name)),
        ("itemState".to_owned(), json!("IS_FOR_SALE")),
        ("itemPrice".to_owned(), json!(first.price)),
        ("stockCount".to_owned(), json!(all)),
        ("stockList".to_owned(), json!(stocks)),
    ]))
}
