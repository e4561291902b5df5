//! The distribution platform: the same books, shown as purchase orders. A trade's price is what the supplier asks.

use super::answers::{Answer, Refusal};
use super::books::{Index, Refund, Shop};
use super::call::Call;
use super::stock::{Listing, Sku};
use super::trades::{Line, Trade, china, yuan};
use crate::contract::model::Timestamp;
use serde_json::{Map, Value, json};

const WEEK_SECS: i64 = 7 * 86_400;
const PAGE_SIZE_LIMIT: usize = 50;
const DEFAULT_PAGE_SIZE: usize = 20;
/// What consumers pay for what a distributor buys for 2.
const CONSUMER_PAYS: i64 = 3;

/// A seller buys from another one: no presale, nothing paid at the door, nothing without a parcel.
pub(super) fn as_purchase(trade: &mut Trade, now: i64) {
    trade.kind = "fixed";
    trade.shipping_type = "express";
    trade.paid = Some(now);
    trade.advance("WAIT_SELLER_SEND_GOODS");
}

/// `taobao.fenxiao.orders.get`
pub(super) fn orders(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    if let Some(id) = call.number::<u64>("purchase_order_id")? {
        let orders: Vec<Value> =
            shop.trades.get(&id).map(|trade| to_json(shop, trade)).into_iter().collect();
        return Ok(page_of("purchase_orders", "purchase_order", orders.len(), orders));
    }
    let ends = window(call, "start_created", "end_created")?;
    let index = match call.get("time_type") {
        None | Some("trade_time_type") => &shop.created,
        Some("update_time_type") => &shop.modified,
        Some(_) => return Err(Refusal::invalid("time_type")),
    };
    let types = call.list("trade_types");
    let index: Index = index
        .iter()
        .filter(
            |(_, id)| if types.is_empty() { kind(*id) == "1" } else { types.contains(&kind(*id)) },
        )
        .copied()
        .collect();
    let (ids, total) = page(&index, ends, call)?;
    let orders = ids.iter().filter_map(|id| shop.trades.get(id));
    let orders = orders.map(|trade| to_json(shop, trade)).collect();
    Ok(page_of("purchase_orders", "purchase_order", total, orders))
}

/// `taobao.fenxiao.refund.query`
pub(super) fn refunds(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let ends = window(call, "start_date", "end_date")?;
    let (ids, total) = page(&shop.refunds_modified, ends, call)?;
    let refunds = ids.iter().filter_map(|id| shop.refunds.get(id)).map(refund_json).collect();
    Ok(page_of("refund_list", "refund_detail", total, refunds))
}

/// `taobao.fenxiao.refund.get`
pub(super) fn refund(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let refund = shop.refunds.get(&call.id("refund_id")?);
    let refund = refund.ok_or_else(|| Refusal::service("isv.refund-not-exist", "退款不存在"))?;
    Ok(json!({ "refund_detail": refund_json(refund) }))
}

/// `taobao.fenxiao.products.get`, by ids or all of them; SKUs are told by ids only.
pub(super) fn products(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let wanted = call.list("pids");
    let is_wanted = |listing: &&Listing| {
        wanted.is_empty() || wanted.contains(&listing.num_iid.to_string().as_str())
    };
    let wants_skus = !wanted.is_empty() && call.list("fields").contains(&"skus");
    let product = |listing: &Listing| {
        let mut product = json!({
            "pid": listing.num_iid, "name": listing.title, "outer_id": listing.outer_id,
            "quantity": listing.total(),
        });
        let skus = listing.skus.iter().map(|sku| {
            json!({
                "id": sku.id, "properties": properties(sku), "name": sku.properties,
                "outer_id": sku.outer_id, "quantity": sku.quantity,
            })
        });
        let skus: Vec<Value> = skus.collect();
        if let (Some(product), true, false) = (product.as_object_mut(), wants_skus, skus.is_empty())
        {
            product.insert("skus".into(), json!({ "fenxiao_sku": skus }));
        }
        product
    };
    let (skipped, size) = paging(call)?;
    let found = || shop.listings.iter().filter(is_wanted);
    let shown = found().skip(skipped).take(size).map(product).collect();
    Ok(page_of("products", "fenxiao_product", found().count(), shown))
}

/// `taobao.fenxiao.product.quantity.update`: all of the SKUs that are named by their properties, or none of them.
pub(super) fn update(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let product = call.id("product_id")?;
    if !matches!(call.get("type"), None | Some("1")) {
        return Err(Refusal::invalid("type"));
    }
    let mut quantities = Vec::new();
    for text in call.list("quantity") {
        quantities.push(text.parse::<u32>().map_err(|_| Refusal::invalid("quantity"))?);
    }
    let names = call.list("properties");
    let listing = shop
        .listing(product)
        .ok_or_else(|| Refusal::service("isv.product-not-exist", "产品不存在"))?;
    if names.is_empty() {
        let (Some(quantity), true) = (quantities.first(), listing.skus.is_empty()) else {
            return Err(Refusal::invalid("properties"));
        };
        listing.quantity = *quantity;
    } else {
        if names.len() != quantities.len() {
            return Err(Refusal::invalid("quantity"));
        }
        let mut skus = listing.skus.clone();
        for (name, quantity) in names.iter().zip(quantities) {
            let sku = skus.iter_mut().find(|sku| properties(sku) == *name);
            sku.ok_or_else(|| Refusal::invalid("properties"))?.quantity = quantity;
        }
        listing.skus = skus;
    }
    Ok(json!({ "result": true, "created": now.to_china() }))
}

/// Properties by number, as writing wants them.
fn properties(sku: &Sku) -> String {
    format!("1627207:{}", sku.id % 100_000)
}

fn window(call: &Call, from: &str, to: &str) -> Result<(i64, i64), Refusal> {
    let start = call.seconds(from)?.ok_or_else(|| Refusal::missing(from))?;
    let end = call.seconds(to)?.ok_or_else(|| Refusal::missing(to))?;
    if end < start || end - start > WEEK_SECS {
        return Err(Refusal::invalid(to));
    }
    Ok((start, end))
}

/// Ids of a page, oldest first, and how many there are in all.
fn page(
    index: &Index,
    (start, end): (i64, i64),
    call: &Call,
) -> Result<(Vec<u64>, usize), Refusal> {
    let (skipped, size) = paging(call)?;
    let found = || index.range((start, 0)..=(end, u64::MAX)).map(|(_, id)| *id);
    Ok((found().skip(skipped).take(size).collect(), found().count()))
}

/// How many are passed over, and how many shown.
fn paging(call: &Call) -> Result<(usize, usize), Refusal> {
    let number = call.number("page_no")?.unwrap_or(1);
    let number = Some(number).filter(|number: &usize| *number >= 1);
    let number = number.ok_or_else(|| Refusal::invalid("page_no"))?;
    let size = call.number("page_size")?.unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=PAGE_SIZE_LIMIT).contains(&size) {
        return Err(Refusal::invalid("page_size"));
    }
    Ok(((number - 1).saturating_mul(size), size))
}

/// The list is absent where it is empty.
fn page_of(list: &str, item: &str, total: usize, items: Vec<Value>) -> Value {
    let mut body = Map::new();
    body.insert("total_results".into(), json!(total));
    if !items.is_empty() {
        body.insert(list.to_owned(), json!({ item: items }));
    }
    Value::Object(body)
}

fn to_json(shop: &Shop, trade: &Trade) -> Value {
    let goods: i64 = trade.lines.iter().map(|line| line.total() - line.mjz).sum();
    let parts: Vec<Value> = trade.lines.iter().map(|line| part(trade, line)).collect();
    let mut receiver = json!({});
    super::receivers::put_receiver(&mut receiver, trade.receiver);
    let of = |name: &str| receiver.get(name).cloned().unwrap_or_default();
    let mut order = json!({
        "fenxiao_id": trade.tid, "tc_order_id": consumer_id(trade.tid),
        "id": trade.paid.map_or(0, |_| trade.tid),
        "supplier_from": "taobao", "supplier_username": shop.nick,
        "distributor_from": "taobao", "distributor_username": "测试分销商",
        "trade_type": if kind(trade.tid) == "1" { "AGENT" } else { "DEALER" }, "pay_type": "ALIPAY_CHAIN", "status": trade.status,
        "created": china(trade.created), "modified": china(trade.modified),
        "total_fee": yuan(goods), "post_fee": yuan(trade.post_fee),
        "distributor_payment": yuan(goods + trade.post_fee),
        "buyer_payment": yuan((goods + trade.post_fee) * CONSUMER_PAYS / 2),
        "memo": trade.message.unwrap_or_default(), "supplier_memo": trade.memo,
        "supplier_flag": trade.flag, "shipping": "FAST",
        "receiver": {
            "name": of("receiver_name"), "address": of("receiver_address"),
            "zip": of("receiver_zip"), "phone": of("receiver_phone"),
            "mobile_phone": of("receiver_mobile"), "state": of("receiver_state"),
            "city": of("receiver_city"), "district": of("receiver_district"),
            "oaid": format!("1{}-{}", trade.tid, trade.moves),
        },
        "sub_purchase_orders": { "sub_purchase_order": parts },
    });
    let times =
        [("pay_time", trade.paid), ("consign_time", trade.consigned), ("end_time", trade.ended)];
    if let Some(order) = order.as_object_mut() {
        for (name, time) in times {
            order.extend(time.map(|time| (name.to_owned(), china(time).into())));
        }
        if let Some((carrier, number)) = trade.lines.first().and_then(|line| line.parcel.as_ref()) {
            order.insert("logistics_company_name".into(), json!(carrier));
            order.insert("logistics_id".into(), json!(number));
        }
    }
    order
}

/// Sold for a distributor (1), or to a dealer (2).
fn kind(id: u64) -> &'static str {
    if (id / 10_000).is_multiple_of(3) { "2" } else { "1" }
}

/// The consumer's trade belongs to the distributor and has a number of its own.
fn consumer_id(id: u64) -> u64 {
    id + 5_000_000_000
}

fn part(trade: &Trade, line: &Line) -> Value {
    let total = line.total() - line.mjz;
    let (sku_id, sku_code, name) =
        line.sku.as_ref().map_or((0, String::new(), String::new()), |sku| {
            (sku.id, sku.outer_id.clone(), sku.properties.clone())
        });
    json!({
        "fenxiao_id": line.oid, "tc_order_id": consumer_id(line.oid),
        "item_id": line.num_iid, "item_outer_id": line.outer_iid,
        "sku_id": sku_id, "sku_outer_id": sku_code, "sku_properties": name,
        "auction_id": line.num_iid + 7, "title": line.title, "num": line.num,
        "price": yuan(line.price), "total_fee": yuan(total),
        "distributor_payment": yuan(total), "buyer_payment": yuan(total * CONSUMER_PAYS / 2),
        "bill_fee": yuan(total * CONSUMER_PAYS / 2), "auction_price": yuan(line.price * 2),
        "status": if line.refund.is_some() { "TRADE_REFUNDING" } else { line.status },
        "order_200_status": line.status, "tc_discount_fee": 0, "tc_adjust_fee": 0,
        "discount_fee": "0", "promotion_type": "0", "created": china(trade.created),
    })
}

fn refund_json(refund: &Refund) -> Value {
    json!({
        "refund_id": refund.id, "purchase_order_id": refund.tid, "sub_order_id": refund.oid,
        "is_return_goods": refund.has_good_return,
        "refund_create_time": china(refund.created), "modified": china(refund.modified),
        "refund_status": if refund.status == "WAIT_SELLER_AGREE" { 1 } else { 2 },
        "refund_flow_type": if refund.has_good_return { 2 } else { 4 },
        "refund_fee": yuan(refund.amount), "pay_sup_fee": "0.00",
        "refund_reason": "七天无理由", "refund_desc": "正在测试",
        "supplier_nick": "测试供应商", "distributor_nick": "测试分销商",
    })
}
