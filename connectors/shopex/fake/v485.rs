//! ShopEx 4.8.5's acts.

use super::books::{Delivery, Shop};
use super::call::{Call, Said};
use super::php::json;
use super::trade;
use serde_json::{Value, json as value};

/// A refusal of the framework: the code is in `info`.
pub(super) fn framework(code: &str, text: &str) -> Said {
    Said(json(&value!({ "msg": text, "result": "fail", "info": code })))
}

fn succeeded(info: Value) -> Said {
    Said(json(&value!({ "result": "success", "msg": "", "info": info })))
}

fn done(text: &str) -> Said {
    Said(json(&value!({ "result": "success", "msg_code": "", "msg": "data true", "info": text })))
}

fn fail(code: &str, text: &str, info: Value) -> Said {
    Said(json(&value!({ "result": "fail", "msg_code": code, "msg": text, "info": info })))
}

fn data_fail(info: &str) -> Said {
    fail("0x003", "数据异常", info.into())
}

/// Answers a call that is signed.
pub(super) fn answer(shop: &mut Shop, act: &str, call: &Call, now: i64) -> Said {
    if call.get("return_data") != Some("json") {
        return Said("<?xml version=\"1.0\" encoding=\"utf-8\"?><shopex></shopex>".to_owned());
    }
    match act {
        "search_order_list" => list(shop, call),
        "search_order_detail" => match shop.orders.get_key_value(&call.text("order_id")) {
            Some((tid, order)) => succeeded(trade::row(shop, tid, order)),
            None => data_fail("订单不存在"),
        },
        "set_ome_products_store" => set_stock(shop, call),
        "get_product_detail" => product(shop, call),
        "create_ome_delivery" => create(shop, call),
        "update_ome_delivery_status" => finish(shop, call, now),
        _ => fail("0x008", "missing method", "".into()),
    }
}

/// The window is open at its end. No order but that of the table; page and size are two parameters combined bit by bit.
fn list(shop: &Shop, call: &Call) -> Said {
    let number =
        |name: &str| call.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let second = |name: &str| call.get(name).and_then(|text| text.parse::<i64>().ok());
    let size = match number("page_size") ^ number("counts") {
        0 => 20,
        size => size,
    };
    let page = (number("page_no") ^ number("pages")).max(1);
    let from = second("last_modify_st_time").unwrap_or(0);
    let to = second("last_modify_en_time").unwrap_or(i64::MAX);
    let found: Vec<_> = shop
        .orders
        .iter()
        .filter(|(_, order)| from <= order.modified && order.modified < to)
        .collect();
    let columns = call.text("columns");
    let row = |(tid, order): &(&String, &super::books::Order)| {
        let mut row = trade::row(shop, tid, order);
        if let (Some(fields), false) = (row.as_object_mut(), columns.is_empty()) {
            fields.retain(|name, _| columns.split('|').any(|column| column == name));
        }
        row
    };
    let rows: Vec<Value> =
        found.iter().skip((page - 1).saturating_mul(size)).take(size).map(row).collect();
    succeeded(value!({ "counts": found.len().to_string(), "data_info": rows }))
}

/// A list that cannot be read is a success, and so is an empty one.
fn set_stock(shop: &mut Shop, call: &Call) -> Said {
    let rows: Vec<Value> = serde_json::from_str(&call.text("store_str")).unwrap_or_default();
    let mut failed = Vec::new();
    for row in &rows {
        let bn = row.get("bn").and_then(Value::as_str).unwrap_or_default();
        let level = row.get("store").and_then(Value::as_i64).unwrap_or_default().max(0);
        match shop.product(bn) {
            Some(product) => {
                product.store = u32::try_from(level).unwrap_or_default() + product.reserved;
            }
            None => failed.push(value!({ "bn": bn, "store": level })),
        }
    }
    if failed.is_empty() {
        return done("更新库存成功");
    }
    let info = json(&value!({ "error_response": failed }));
    fail("0x004", "db fail", info.into())
}

/// Columns of one SKU, by its number. The table holds a level as it was set, without what is reserved.
fn product(shop: &Shop, call: &Call) -> Said {
    let Some(number) = call.get("product_id") else { return data_fail("data fail") };
    let columns = call.text("columns");
    let row = |product: &super::books::Product| {
        let store = product.store.saturating_sub(product.reserved).to_string();
        let mut row = value!({ "bn": product.bn, "name": product.name, "store": store });
        if let (Some(fields), false) = (row.as_object_mut(), columns.is_empty()) {
            fields.retain(|name, _| columns.split('|').any(|column| column == name));
        }
        row
    };
    let of_number = |product: &&super::books::Product| product.product_id.to_string() == number;
    let rows: Vec<Value> = shop.products.iter().filter(of_number).map(row).collect();
    succeeded(value!({ "data_info": rows }))
}

fn create(shop: &mut Shop, call: &Call) -> Said {
    let (bn, tid) = (call.text("delivery_id"), call.text("order_id"));
    let Some(order) = shop.orders.get(&tid).filter(|order| order.status == "active") else {
        return data_fail("订单不存在或不再活动");
    };
    if order.ship == 1 {
        return data_fail("订单已全部发货");
    }
    if bn.parse::<u64>().is_err() || call.get("type") != Some("delivery") {
        return data_fail("参数错误");
    }
    if shop.deliveries.iter().any(|delivery| delivery.bn == bn) {
        return data_fail("发货单/退货单已存在");
    }
    let items: Vec<Value> = serde_json::from_str(&call.text("delivery_item")).unwrap_or_default();
    let mut parts = Vec::new();
    for item in &items {
        let sku = item.get("product_bn").and_then(Value::as_str).unwrap_or_default();
        let number = item.get("number").and_then(Value::as_str).unwrap_or_default();
        let units: u32 = number.parse().unwrap_or_default();
        if shop.open(&tid, sku).is_none_or(|open| open < units) {
            return data_fail(&format!("没有发货/退货商品:{sku}"));
        }
        parts.push((sku.to_owned(), units));
    }
    let (carrier, number) = (call.text("logi_name"), call.text("logi_no"));
    shop.deliveries.push(Delivery { bn, tid, carrier, number, items: parts, is_done: false });
    done("发货单创建成功")
}

fn finish(shop: &mut Shop, call: &Call, now: i64) -> Said {
    let (bn, tid) = (call.text("delivery_id"), call.text("order_id"));
    let found = shop.deliveries.iter().find(|delivery| delivery.bn == bn && delivery.tid == tid);
    let Some(delivery) = found else { return data_fail("发货单不存在") };
    if call.get("ship_status") != Some("succ") {
        return data_fail("参数错误");
    }
    if !delivery.is_done {
        shop.ship(&bn, now);
    }
    done("发货单状态更新成功")
}
