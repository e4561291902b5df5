//! ECStore's `b2c.*`: refuses in two shapes, does a task once, and remembers it whatever became of it.

use super::books::{Delivery, Product, Shop};
use super::call::{Call, Said};
use super::php::{self, Object, json};
use super::trade;
use crate::contract::model::Timestamp;
use serde_json::{Map, Value, json as value};

const TASK_USED: &str = "该请求已经处理，不能在处理了！";

/// What became of a call.
pub(super) type Outcome = Result<String, Refusal>;

/// A refusal of the shop's own: text and data.
pub(super) struct Refusal {
    pub(super) text: &'static str,
    pub(super) data: Value,
}

/// A refusal of the framework: code and text.
pub(super) fn framework(code: &str, text: &str) -> Said {
    Said(php::object(&[("rsp", "fail".into()), ("res", code.into()), ("data", text.into())]))
}

/// Answers a call that is signed.
pub(super) fn answer(shop: &mut Shop, method: &str, call: &Call, now: i64) -> Said {
    if method.len() < 3 {
        return framework("4001", "error method");
    }
    // A call without a task is the same as every other one without.
    if !shop.tasks.insert(call.text("task")) {
        return Said(php::object(&[
            ("rsp", "succ".into()),
            ("data", Value::Null),
            ("res", TASK_USED.into()),
        ]));
    }
    let outcome = match method {
        "b2c.order.search" => return search(shop, call),
        "b2c.order.detail" => return detail(shop, call),
        "b2c.delivery.create" => create(shop, call),
        "b2c.delivery.update" => update(shop, call, now),
        "b2c.update_store.updateStore" => set_stock(shop, &call.text("list_quantity")),
        "b2c.goods.get_item" => item(shop, call),
        "b2c.goods.get_store" => sellable(shop, call),
        _ => {
            let text = format!("ECstore中不存在{method}接口");
            let fields = [("rsp", "fail".into()), ("data", Value::Null), ("res", text.into())];
            return Said(php::object(&fields));
        }
    };
    match outcome {
        Ok(data) => succeeded(&data),
        Err(refusal) => Said(php::object(&[
            ("rsp", "fail".into()),
            ("res", refusal.text.into()),
            ("data", refusal.data),
        ])),
    }
}

fn succeeded(data: &str) -> Said {
    Said(format!("{{\"rsp\":\"succ\",\"data\":{data},\"res\":\"\"}}"))
}

/// Arguments of a list, or the refusal that they deserve.
pub(super) struct Query {
    pub(super) after: i64,
    pub(super) to: i64,
    pub(super) page: usize,
    pub(super) size: usize,
}

impl Query {
    /// Checks in the shop's order.
    pub(super) fn read(call: &Call) -> Result<Self, (&'static str, &'static str)> {
        type Wrong = (&'static str, &'static str);
        let second = |name, missing: Wrong, wrong: Wrong| -> Result<i64, Wrong> {
            let text = call.get(name).ok_or(missing)?;
            let time = Timestamp::parse_china(text).map_err(|_| wrong)?;
            Ok(time.unix_ms() / 1000)
        };
        let number = |name, default| call.get(name).map_or(Some(default), |text| text.parse().ok());
        let after =
            second("start_time", ("7001", "开始时间不能为空！"), ("7002", "开始时间不合法！"))?;
        let to = second("end_time", ("7003", "结束时间不能为空！"), ("7004", "结束时间不合法！"))?;
        let page = number("page_no", 1).filter(|page| *page >= 1);
        let size = number("page_size", 40).filter(|size| (1..=100).contains(size));
        Ok(Self {
            after,
            to,
            page: page.ok_or(("7005", "page_no不合法！"))?,
            size: size.ok_or(("7006", "page_size不合法！"))?,
        })
    }
}

/// The window is open at its beginning; oldest first. Whatever is not wholly unshipped is called shipped.
pub(super) fn search(shop: &Shop, call: &Call) -> Said {
    let query = match Query::read(call) {
        Ok(query) => query,
        Err((code, text)) => return framework(code, text),
    };
    let is_in = |modified: i64| query.after < modified && modified <= query.to;
    let mut found: Vec<_> = shop.orders.iter().filter(|(_, order)| is_in(order.modified)).collect();
    found.sort_by_key(|(tid, order)| (order.modified, tid.as_str()));
    let total = found.len();
    let trade = |(tid, order): &(&String, &super::books::Order)| -> Object {
        let [status, pay, ship] = trade::words(order);
        let ship = if ship == "SHIP_NO" { ship } else { "SHIP_FINISH" };
        vec![
            ("tid", tid.as_str().into()),
            ("status", status.into()),
            ("pay_status", pay.into()),
            ("ship_status", ship.into()),
            ("modified", trade::date(order.modified).into()),
        ]
    };
    let skipped = (query.page - 1).saturating_mul(query.size);
    let page: Vec<Object> = found.iter().skip(skipped).take(query.size).map(trade).collect();
    let has_next = skipped.saturating_add(query.size) < total;
    let total = if total == 0 { "0".to_owned() } else { format!("\"{total}\"") };
    succeeded(&format!(
        "{{\"trades\":{},\"total_results\":{total},\"has_next\":\"{has_next}\"}}",
        php::list(&page)
    ))
}

fn detail(shop: &Shop, call: &Call) -> Said {
    let Some(tid) = call.get("tid") else { return framework("7001", "tid不能为空！") };
    match shop.orders.get(tid) {
        Some(order) => succeeded(&php::object(&trade::trade(shop, tid, order))),
        None => framework("7001", "订单不存在！"),
    }
}

/// Writes a delivery into the books. It ships nothing yet.
pub(super) fn create(shop: &mut Shop, call: &Call) -> Outcome {
    let (bn, tid) = (call.text("delivery_bn"), call.text("order_bn"));
    let data = value!({ "delivery_id": bn, "tid": tid });
    let refuse = |text| Err(Refusal { text, data: data.clone() });
    if bn.is_empty() || tid.is_empty() {
        return refuse("发货单tid没有收到！");
    }
    if shop.deliveries.iter().any(|delivery| delivery.bn == bn) {
        return refuse("发货单已经存在了！");
    }
    let items: Vec<Value> = serde_json::from_str(&call.text("items")).unwrap_or_default();
    if items.is_empty() {
        return Err(Refusal { text: "发货明细没有给出！", data: value!([]) });
    }
    let mut parts = Vec::new();
    for item in &items {
        let sku = item.get("product_bn").and_then(Value::as_str).unwrap_or_default();
        let number = item.get("number").and_then(Value::as_str).unwrap_or_default();
        let Some(open) = shop.open(&tid, sku).filter(|open| *open > 0) else {
            return refuse("订单相应的明细不存在！");
        };
        let units: u32 = number.parse().unwrap_or_default();
        if units > open {
            return Err(Refusal { text: "发货明细单保存有误！", data: value!([item]) });
        }
        parts.push((sku.to_owned(), units));
    }
    shop.deliveries.push(Delivery {
        bn: bn.clone(),
        tid: tid.clone(),
        carrier: call.text("logi_name"),
        number: call.text("logi_no"),
        items: parts,
        is_done: false,
    });
    Ok(json(&value!({ "tid": tid, "delivery_id": bn })))
}

/// Changes a delivery; declared done, it ships.
pub(super) fn update(shop: &mut Shop, call: &Call, now: i64) -> Outcome {
    let (bn, tid) = (call.text("delivery_bn"), call.text("order_bn"));
    let data = value!({ "delivery_id": bn, "tid": tid });
    let is_this = |delivery: &&mut Delivery| delivery.bn == bn && delivery.tid == tid;
    let Some(delivery) = shop.deliveries.iter_mut().find(is_this) else {
        return Err(Refusal { text: "需要修改的发货单不存在！", data });
    };
    for (name, field) in [("logi_no", &mut delivery.number), ("logi_name", &mut delivery.carrier)] {
        if let Some(text) = call.get(name) {
            text.clone_into(field);
        }
    }
    if call.text("status").eq_ignore_ascii_case("succ") && !delivery.is_done {
        shop.ship(&bn, now);
    }
    Ok(json(&data))
}

/// Sets levels, adding what is reserved. The rows that can be set are set.
pub(super) fn set_stock(shop: &mut Shop, list: &str) -> Outcome {
    if list.is_empty() {
        return Err(Refusal {
            text: "需要更新的货品的库存不存在！", data: value!([])
        });
    }
    let rows: Vec<Value> = serde_json::from_str(list).unwrap_or_default();
    if rows.is_empty() {
        return Err(Refusal {
            text: "更新的商品的库存信息不存在！", data: value!([])
        });
    }
    let mut failed = Vec::new();
    let mut is_wrong = false;
    for row in &rows {
        let bn = row.get("bn").and_then(Value::as_str).unwrap_or_default();
        let quantity = match row.get("quantity") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            None => None,
        };
        let (Some(quantity), false) = (quantity, bn.is_empty()) else {
            is_wrong = true;
            continue;
        };
        match shop.product(bn) {
            Some(product) => product.store = quantity + product.reserved,
            None => failed.push(bn.to_owned()),
        }
    }
    if is_wrong || !failed.is_empty() {
        let data = value!({ "error_response": failed });
        return Err(Refusal { text: "更新库存部分失败！", data });
    }
    Ok("true".to_owned())
}

/// A product with its SKUs, as JSON inside a text; an empty text where there is none. `quantity` is what lies in store, with
/// what is reserved.
fn item(shop: &Shop, call: &Call) -> Outcome {
    let iid = call.text("iid");
    if iid.is_empty() {
        return Err(Refusal { text: "必填参数不存在！", data: value!({ "item": "" }) });
    }
    let of_item = |product: &&Product| product.goods_id.to_string() == iid;
    let products: Vec<&Product> = shop.products.iter().filter(of_item).collect();
    let Some(first) = products.first() else { return Ok(json(&value!({ "item": "" }))) };
    let sku = |product: &&Product| {
        value!({
            "sku_id": product.product_id.to_string(), "iid": iid, "bn": product.bn,
            "properties": "", "quantity": product.store.to_string(),
        })
    };
    let skus: Vec<Value> = products.iter().map(sku).collect();
    let store: u32 = products.iter().map(|product| product.store).sum();
    let item = value!({
        "iid": iid, "title": first.name, "bn": format!("G{iid}"), "num": store.to_string(),
        "skus": json(&value!(skus)),
    });
    Ok(json(&value!({ "item": json(&item) })))
}

/// What can be sold, by number of a SKU, for up to twenty. Where none is known that is a success with a message.
fn sellable(shop: &Shop, call: &Call) -> Outcome {
    let numbers: Vec<String> = serde_json::from_str(&call.text("product_id")).unwrap_or_default();
    if !(1..=20).contains(&numbers.len()) {
        return Err(Refusal { text: "参数错误", data: Value::Null });
    }
    let is_asked = |product: &&Product| numbers.contains(&product.product_id.to_string());
    let level = |product: &Product| {
        let units = i64::from(product.store) - i64::from(product.reserved);
        (product.product_id.to_string(), Value::from(units))
    };
    let levels: Map<String, Value> = shop.products.iter().filter(is_asked).map(level).collect();
    if levels.is_empty() {
        return Ok(json(&value!({ "status": "error", "message": "没有找到任何一个货品" })));
    }
    Ok(json(&Value::Object(levels)))
}
