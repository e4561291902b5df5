//! ECShop's acts at `api.php`.

use super::books::{Delivery, Order, Shop};
use super::call::{Call, Said};
use super::ecshop_trade::trade;
use super::in_china;
use super::php::{self, json};
use serde_json::{Value, json as value};

/// A refusal. `now` is the shop's clock, which every answer tells.
pub(super) fn fail(code: &str, info: &str, now: i64) -> Said {
    Said(json(&value!({ "result": "fail", "msg": code, "info": info, "shopex_time": now })))
}

fn succeeded(info: &str, now: i64) -> Said {
    let head = "{\"result\":\"success\",\"msg\":\"\",\"info\":";
    Said(format!("{head}{info},\"shopex_time\":{now}}}"))
}

/// What the shop says where it found nothing.
fn nothing(now: i64) -> Said {
    succeeded("\"true\"", now)
}

fn sql_error(sql: &str) -> Said {
    Said(format!(
        "<b>MySQL server error report:Array\n(\n    [0] => Array\n        (\n            [message] => MySQL Query Error\n        )\n\n    \
         [1] => Array\n        (\n            [sql] => {sql}\n        )\n\n)\n"
    ))
}

/// Answers a call that is signed.
pub(super) fn answer(shop: &mut Shop, act: &str, call: &Call, now: i64) -> Said {
    if call.get("api_version") != Some("1.0") {
        return fail("0x008", "a low version api", now);
    }
    if call.get("return_data") != Some("json") {
        return Said("<?xml version=\"1.0\" encoding=\"utf-8\"?><shopex></shopex>".to_owned());
    }
    match act {
        "ome:fetch_order_list" => list(shop, call, now),
        "ome:fetch_order_detail" => match shop.orders.get_key_value(&call.text("order_id")) {
            Some((tid, order)) => {
                let trade = php::object(&trade(shop, tid, order));
                succeeded(&format!("{{\"trade\":{trade}}}"), now)
            }
            None => nothing(now),
        },
        "set_ome_products_store" => set_stock(shop, call, now),
        "create_ome_delivery" => deliver(shop, call, now),
        "fy.logistics.offline.send" => send(shop, call, now),
        "update_order_status" => set_status(shop, call, now),
        _ => fail("0x008", "no this type api", now),
    }
}

/// Half open, by the second of the last change. A page before the first is an error of the database.
fn list(shop: &Shop, call: &Call, now: i64) -> Said {
    let (from, to) = (call.text("start_time"), call.text("end_time"));
    // Times of one zone and one form compare as text.
    if from.is_empty() || from >= to {
        return fail("", "order_end_time_than_start_time", now);
    }
    if call.get("status").is_some() {
        return fail("", "order_status_struct", now);
    }
    let number = |name: &str, or: i64| {
        call.get(name).and_then(|text| text.parse::<i64>().ok()).filter(|n| *n != 0).unwrap_or(or)
    };
    let (page, size) = (number("page_no", 1), number("page_size", 40));
    let (Ok(skipped), Ok(taken)) = (usize::try_from((page - 1) * size), usize::try_from(size))
    else {
        return sql_error("select order_sn from ecs_order_info order by lastmodify limit -2,1");
    };
    let within = |(_, order): &(&String, &Order)| {
        let changed = in_china(order.modified).to_china();
        from <= changed && changed < to
    };
    let mut found: Vec<(&String, &Order)> = shop.orders.iter().filter(within).collect();
    found.sort_by_key(|(_, order)| order.modified);
    if found.is_empty() {
        return nothing(now);
    }
    let trades: Vec<_> = found
        .iter()
        .skip(skipped)
        .take(taken)
        .map(|(tid, order)| trade(shop, tid, order))
        .collect();
    let total = found.len();
    let info = format!("{{\"total_results\":\"{total}\",\"trades\":{}}}", php::list(&trades));
    succeeded(&info, now)
}

/// A success whatever failed. A SKU is written once in a second.
fn set_stock(shop: &mut Shop, call: &Call, now: i64) -> Said {
    let rows: Option<Vec<Value>> = serde_json::from_str(&call.text("store_str")).ok();
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return fail("0x003", "Sore data wrong ", now);
    };
    let (mut said, mut refused, mut set) = (String::new(), Vec::new(), Vec::new());
    for row in &rows {
        let bn = row.get("bn").and_then(Value::as_str).unwrap_or_default();
        let Some(level) = row.get("store").and_then(units) else {
            return sql_error("update ecs_goods set goods_number =  WHERE goods_sn=''");
        };
        let is_fresh = shop.stamps.get(bn).is_none_or(|stamp| *stamp < now);
        match shop.product(bn) {
            Some(product) if is_fresh => {
                product.store = level;
                shop.stamps.insert(bn.to_owned(), now);
                set.push(bn.to_owned());
            }
            Some(_) => {
                said.extend(["[", bn, "]kv not update|"]);
                refused.push(bn.to_owned());
            }
            None => {
                said.extend(["[", bn, "] update error|"]);
                refused.push(bn.to_owned());
            }
        }
    }
    let info = value!({ "msg": said, "error_response": refused, "true_bn": set });
    succeeded(&json(&info), now)
}

/// Units, said as a number or as text.
fn units(value: &Value) -> Option<u32> {
    let number = value.as_u64().and_then(|units| u32::try_from(units).ok());
    number.or_else(|| value.as_str()?.parse().ok())
}

/// Ships what is named. What the order does not hold is passed over, and the order is shipped all the same.
fn deliver(shop: &mut Shop, call: &Call, now: i64) -> Said {
    let (bn, tid) = (call.text("delivery_id"), call.text("order_id"));
    let Some(order) = shop.orders.get(&tid) else {
        return fail("0x003", "order_id no exist", now);
    };
    if order.ship == 1 {
        return fail("0x003", "订单已经发货，不要重复发货", now);
    }
    if bn.is_empty() || !bn.bytes().all(|byte| byte.is_ascii_digit()) {
        return sql_error("insert into ecs_delivery_order (delivery_sn) values ()");
    }
    if shop.deliveries.iter().any(|delivery| delivery.bn == bn) {
        return fail("0x003", "发货单已经存在不能重复添加", now);
    }
    let items: Vec<Value> = serde_json::from_str(&call.text("delivery_item")).unwrap_or_default();
    let mut parts = Vec::new();
    for item in &items {
        let sku = item.get("product_bn").and_then(Value::as_str).unwrap_or_default();
        let units = item.get("number").and_then(units);
        if shop.open(&tid, sku).is_some() {
            parts.push((sku.to_owned(), units.unwrap_or_default()));
        }
    }
    let holds_nothing = parts.is_empty();
    let (carrier, number) = (call.text("logi_name"), call.text("logi_no"));
    let delivery = Delivery {
        bn: bn.clone(),
        tid: tid.clone(),
        carrier,
        number,
        items: parts,
        is_done: false,
    };
    shop.deliveries.push(delivery);
    let named: Vec<String> = shop
        .deliveries
        .last()
        .map(|delivery| delivery.items.iter().map(|(bn, _)| bn.clone()).collect())
        .unwrap_or_default();
    shop.ship(&bn, now);
    // The shop counts what is left of the lines that are named, and not of the others.
    let is_done = holds_nothing || named.iter().all(|sku| shop.open(&tid, sku) == Some(0));
    if let Some(order) = shop.orders.get_mut(&tid).filter(|_| is_done) {
        order.ship = 1;
    }
    succeeded("\"succ\"", now)
}

/// Only what shipping needs: 6 is "shipped in part".
fn set_status(shop: &mut Shop, call: &Call, now: i64) -> Said {
    let tid = call.text("order_id");
    if call.get("type") != Some("ship_status") || call.get("status") != Some("6") {
        return fail("0x015", "订单状态参数错误", now);
    }
    let Some(order) = shop.orders.get_mut(&tid) else {
        return fail("0x003", "order_id no exist", now);
    };
    order.ship = 2;
    shop.touch(&tid, now);
    succeeded("\"true\"", now)
}

/// Ships all that is left.
fn send(shop: &mut Shop, call: &Call, now: i64) -> Said {
    let (tid, number, carrier) =
        (call.text("tid"), call.text("logistics_no"), call.text("company_name"));
    if tid.is_empty() || number.is_empty() || carrier.is_empty() {
        return fail("0x003", "required date invalid", now);
    }
    let Some(order) = shop.orders.get(&tid) else {
        return fail("0x003", &format!("订单号“{tid}”不存在"), now);
    };
    if order.ship == 1 {
        return fail("0x003", "订单已经发货，不需要重复发货", now);
    }
    let left = |item: &super::books::Item| {
        let product = shop.products.get(item.product)?;
        Some((product.bn.to_owned(), item.num - item.sent))
    };
    let items = order.items().filter_map(left).collect();
    let bn = format!("s{}", shop.deliveries.len());
    shop.deliveries.push(Delivery {
        bn: bn.clone(),
        tid: tid.clone(),
        carrier,
        number,
        items,
        is_done: false,
    });
    shop.ship(&bn, now);
    succeeded(&format!("{{\"tid\":\"{tid}\"}}"), now)
}
