//! The hub's `store.*`, in front of the same shop. It tells with which number an order was shipped.

use super::books::{Delivery, News, Shop};
use super::call::{Call, Said};
use super::ecstore::{self, framework};
use super::php::{self, json};
use super::trade;
use serde_json::{Value, json as value};

/// Answers a call that is signed.
pub(super) fn answer(
    shop: &mut Shop,
    method: &str,
    call: &Call,
    now: i64,
    answers_later: bool,
) -> Said {
    if call.get("to_node_id") != Some(&shop.node) || call.get("from_node_id").is_none() {
        return fail("W90011", "node_id error");
    }
    let reads = match method {
        "store.trades.sold.get" => Some(ecstore::search(shop, call)),
        "store.trade.fullinfo.get" => Some(fullinfo(shop, call)),
        _ => None,
    };
    if let Some(said) = reads {
        return if answers_later { fail("W90014", "sync only") } else { said };
    }
    let outcome = match method {
        "store.items.quantity.list.update" => set_stock(shop, call),
        "store.trade.shipping.add" => add(shop, call),
        "store.trade.shipping.status.update" => finish(shop, call, now),
        "store.logistics.offline.send" => send(shop, call, now),
        _ => return framework("4001", "error method"),
    };
    shop.messages += 1;
    let msg_id = format!("5A1D{:08}", shop.messages);
    let data = match outcome {
        Ok(data) => data,
        Err((code, text, data)) => return refuse(code, text, data),
    };
    if answers_later {
        let tid = call.text("tid");
        shop.news.push_back(News::Outcome { msg_id: msg_id.clone(), tid });
        return said("running", "", "", &"".into(), &msg_id);
    }
    said("succ", "", "", &data, &msg_id)
}

type Outcome = Result<Value, (&'static str, &'static str, Value)>;

fn said(rsp: &str, res: &str, text: &str, data: &Value, msg_id: &str) -> Said {
    Said(php::object(&[
        ("rsp", rsp.into()),
        ("res", res.into()),
        ("err_msg", text.into()),
        ("data", data.clone()),
        ("msg_id", msg_id.into()),
    ]))
}

fn fail(code: &str, text: &str) -> Said {
    refuse(code, text, "".into())
}

fn refuse(code: &str, text: &str, data: Value) -> Said {
    said("fail", code, text, &data, "")
}

fn fullinfo(shop: &Shop, call: &Call) -> Said {
    let tid = call.text("tid");
    let Some(order) = shop.orders.get(&tid) else { return fail("W90013", "订单不存在") };
    let mut fields = trade::trade(shop, &tid, order);
    let done = |delivery: &&Delivery| delivery.tid == tid && delivery.is_done;
    let done: Vec<&Delivery> = shop.deliveries.iter().filter(done).collect();
    let numbers: Vec<&str> = done.iter().map(|delivery| delivery.number.as_str()).collect();
    fields.push(("logistics_no", numbers.join(",").into()));
    let carrier = done.first().map_or("", |delivery| delivery.carrier.as_str());
    fields.push(("logistics_company", carrier.into()));
    let trade = php::object(&fields);
    Said(format!(
        "{{\"rsp\":\"succ\",\"res\":\"\",\"data\":{{\"trade\":{trade}}},\"msg_id\":\"\"}}"
    ))
}

/// Names what failed, as JSON inside a text.
fn set_stock(shop: &mut Shop, call: &Call) -> Outcome {
    let rows: Vec<Value> = serde_json::from_str(&call.text("list_quantity")).unwrap_or_default();
    let named: Vec<String> = rows
        .iter()
        .filter_map(|row| row.get("bn").and_then(Value::as_str).map(str::to_owned))
        .collect();
    match ecstore::set_stock(shop, &call.text("list_quantity")) {
        Ok(_) => Ok(value!({ "true_bn": named, "error_response": [] })),
        Err(refusal) => {
            let refused = refusal.data.get("error_response").cloned().unwrap_or_default();
            let is_refused = |bn: &String| {
                refused.as_array().is_some_and(|list| list.iter().any(|one| *one == **bn))
            };
            let set: Vec<_> = named.into_iter().filter(|bn| !is_refused(bn)).collect();
            let data = value!({ "error_response": json(&refused), "true_bn": set });
            Err(("", "更新库存部分失败", data))
        }
    }
}

fn add(shop: &mut Shop, call: &Call) -> Outcome {
    let (bn, tid) = (call.text("shipping_id"), call.text("tid"));
    if !shop.orders.contains_key(&tid) {
        return Err(("W90013", "订单不存在", "".into()));
    }
    if shop.deliveries.iter().any(|delivery| delivery.bn == bn) {
        return Err(("W90010", "发货单已存在", "".into()));
    }
    let items: Vec<Value> = serde_json::from_str(&call.text("shipping_items")).unwrap_or_default();
    let mut parts = Vec::new();
    for item in &items {
        let sku = item.get("bn").and_then(Value::as_str).unwrap_or_default();
        let units = item.get("number").and_then(Value::as_u64).unwrap_or_default();
        let units = u32::try_from(units).unwrap_or_default();
        if shop.open(&tid, sku).is_none_or(|open| open < units) {
            return Err(("W90012", "订单已发货", "".into()));
        }
        parts.push((sku.to_owned(), units));
    }
    let (carrier, number) = (call.text("logistics_company"), call.text("logistics_no"));
    if parts.is_empty() || carrier.is_empty() || number.is_empty() {
        return Err(("W90011", "参数错误", "".into()));
    }
    let data = value!({ "tid": tid, "shipping_id": bn });
    shop.deliveries.push(Delivery { bn, tid, carrier, number, items: parts, is_done: false });
    Ok(data)
}

fn finish(shop: &mut Shop, call: &Call, now: i64) -> Outcome {
    let (bn, tid) = (call.text("shipping_id"), call.text("tid"));
    let found = shop.deliveries.iter().find(|delivery| delivery.bn == bn && delivery.tid == tid);
    let Some(delivery) = found else { return Err(("W90013", "发货单不存在", "".into())) };
    if delivery.is_done {
        return Err(("W90012", "订单已发货", "".into()));
    }
    if call.get("status") != Some("SUCC") {
        return Err(("W90011", "参数错误", "".into()));
    }
    shop.ship(&bn, now);
    Ok(value!({ "tid": tid }))
}

/// Ships an order whole.
fn send(shop: &mut Shop, call: &Call, now: i64) -> Outcome {
    let tid = call.text("tid");
    let Some(order) = shop.orders.get(&tid) else {
        return Err(("W90013", "订单不存在", "".into()));
    };
    if order.ship == 1 {
        return Err(("W90012", "订单已发货", "".into()));
    }
    let items = order.items().filter_map(|item| {
        let product = shop.products.get(item.product)?;
        Some((product.bn.to_owned(), item.num - item.sent))
    });
    let items = items.collect();
    let (carrier, number) = (call.text("company_name"), call.text("logistics_no"));
    let bn = format!("offline-{tid}-{number}");
    shop.deliveries.push(Delivery {
        bn: bn.clone(),
        tid: tid.clone(),
        carrier,
        number,
        items,
        is_done: false,
    });
    shop.ship(&bn, now);
    Ok(value!({ "tid": tid }))
}
