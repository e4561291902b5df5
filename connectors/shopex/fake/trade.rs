//! An order as the shop writes it: the matrix's trade, and the row of ShopEx 4.8.5.

use super::books::{Item, Order, Product, Shop};
use super::in_china;
use super::people::PEOPLE;
use super::php::{self, Object, float, yuan};
use serde_json::{Value, json};

const PAY: [&str; 6] =
    ["PAY_NO", "PAY_FINISH", "PAY_TO_MEDIUM", "PAY_PART", "REFUND_PART", "REFUND_ALL"];
const SHIP: [&str; 5] = ["SHIP_NO", "SHIP_FINISH", "SHIP_PART", "RESHIP_PART", "RESHIP_ALL"];

/// The three words for the state of an order. Everything that is not active is closed, the finished too.
pub(super) fn words(order: &Order) -> [&'static str; 3] {
    let word = |words: &[&'static str], at: u8| words.get(usize::from(at)).copied();
    [
        if order.status == "active" { "TRADE_ACTIVE" } else { "TRADE_CLOSED" },
        word(&PAY, order.pay).unwrap_or("PAY_NO"),
        word(&SHIP, order.ship).unwrap_or("SHIP_NO"),
    ]
}

/// A time in the shop's zone.
pub(super) fn date(seconds: i64) -> String {
    in_china(seconds).to_china()
}

/// The trade of `b2c.order.detail` and of pushes.
pub(super) fn trade(shop: &Shop, tid: &str, order: &Order) -> Object {
    let [status, pay, ship] = words(order);
    let Some(person) = PEOPLE.get(order.person) else { return Object::new() };
    let gross: i64 = order.items().map(|item| item.price * i64::from(item.num)).sum();
    let reduced: i64 = order.items().map(|item| item.reduced * i64::from(item.num)).sum();
    let total = order.total();
    let paid = if order.pay == 0 { 0 } else { total };
    let modified = date(order.modified);
    let objects: Vec<Object> = order.objects.iter().map(|object| object_of(shop, object)).collect();
    let payments = payments(tid, order, total);
    vec![
        ("tid", tid.into()),
        ("title", "Order Create".into()),
        ("created", date(order.created).into()),
        ("modified", modified.as_str().into()),
        ("lastmodify", modified.into()),
        ("status", status.into()),
        ("pay_status", pay.into()),
        ("ship_status", ship.into()),
        ("has_invoice", false.into()),
        ("invoice_title", "".into()),
        ("invoice_fee", yuan(0)),
        ("total_goods_fee", format!("{}.{:02}", gross / 100, gross % 100).into()),
        ("total_trade_fee", yuan(total)),
        ("discount_fee", yuan(order.change)),
        ("goods_discount_fee", yuan(reduced)),
        ("orders_discount_fee", yuan(order.discount)),
        ("payed_fee", yuan(paid)),
        ("currency", "CNY".into()),
        ("currency_rate", "1.0000".into()),
        ("total_currency_fee", yuan(total)),
        ("total_weight", "0.500".into()),
        ("shipping_tid", "1".into()),
        ("shipping_type", "快递".into()),
        ("shipping_fee", yuan(order.freight)),
        ("is_protect", "false".into()),
        ("protect_fee", yuan(0)),
        ("payment_tid", if order.is_cod { "-1" } else { "alipay" }.into()),
        ("payment_type", if order.is_cod { "货到付款" } else { "支付宝" }.into()),
        ("is_cod", if order.is_cod { "true" } else { "false" }.into()),
        ("receiver_name", person.name.into()),
        ("receiver_email", "buyer@example.com".into()),
        ("receiver_mobile", person.mobile.into()),
        ("receiver_state", person.state.into()),
        ("receiver_city", person.city.into()),
        ("receiver_district", person.district.into()),
        ("receiver_address", format!("{} {}", person.address, order.moves).into()),
        ("receiver_zip", "000000".into()),
        ("receiver_phone", "".into()),
        ("pay_cost", yuan(0)),
        ("buyer_memo", order.message.into()),
        ("orders_number", 1.into()),
        ("buyer_id", "".into()),
        ("buyer_uname", "".into()),
        ("orders", format!("{{\"order\":{}}}", php::list(&objects)).into()),
        ("payment_lists", format!("{{\"payment_list\":{}}}", php::list(&payments)).into()),
        (
            "trade_memo",
            if order.memo.is_empty() { Value::Null } else { order.memo.as_str().into() },
        ),
    ]
}

fn payments(tid: &str, order: &Order, total: i64) -> Vec<Object> {
    if order.pay == 0 {
        return Vec::new();
    }
    vec![vec![
        ("tid", tid.into()),
        ("payment_id", format!("7{tid}").into()),
        ("buyer_account", "buyer@example.com".into()),
        ("currency", "CNY".into()),
        ("pay_fee", yuan(total)),
        ("pay_type", "online".into()),
        ("payment_name", "支付宝".into()),
        ("payment_code", "alipay".into()),
        ("t_begin", date(order.created).into()),
        ("t_end", date(order.created).into()),
        ("status", "SUCC".into()),
        ("outer_no", format!("2026{tid}").into()),
    ]]
}

fn object_of(shop: &Shop, object: &super::books::Object) -> Object {
    let items: Vec<Object> = object
        .items
        .iter()
        .filter_map(|item| Some(item_of(shop.products.get(item.product)?, item)))
        .collect();
    let total: i64 = object.items.iter().map(|item| item.price * i64::from(item.num)).sum();
    let first = object.items.first().and_then(|item| shop.products.get(item.product));
    let name = first.map_or("", |product| product.name);
    vec![
        ("oid", object.id.to_string().into()),
        ("orders_bn", format!("G{:03}", object.id).into()),
        ("type", object.kind.into()),
        ("type_alias", "商品区块".into()),
        ("iid", object.id.to_string().into()),
        ("title", name.into()),
        ("items_num", object.items.first().map_or(1, |item| item.num).into()),
        ("order_status", "SHIP_NO".into()),
        ("price", yuan(object.items.first().map_or(0, |item| item.price))),
        ("total_order_fee", float(total)),
        ("discount_fee", 0.into()),
        ("consign_time", "".into()),
        (
            "order_items",
            serde_json::from_str(&format!("{{\"item\":{}}}", php::list(&items)))
                .unwrap_or(Value::Null),
        ),
        ("weight", Value::Null),
    ]
}

fn item_of(product: &Product, item: &Item) -> Object {
    vec![
        ("sku_id", product.product_id.to_string().into()),
        ("iid", product.goods_id.to_string().into()),
        ("bn", product.bn.into()),
        ("name", product.name.into()),
        ("sku_properties", "".into()),
        ("weight", Value::Null),
        ("score", Value::Null),
        ("price", yuan(item.price)),
        ("num", item.num.to_string().into()),
        ("sendnum", item.sent.to_string().into()),
        ("total_item_fee", float(item.price * i64::from(item.num))),
        ("sale_price", yuan(item.total())),
        ("item_type", "product".into()),
        ("item_status", "normal".into()),
        ("discount_fee", float(item.reduced * i64::from(item.num))),
    ]
}

/// The row of `search_order_detail`.
pub(super) fn row(shop: &Shop, tid: &str, order: &Order) -> Value {
    let Some(person) = PEOPLE.get(order.person) else { return Value::Null };
    let product = |item: &Item| {
        let product = shop.products.get(item.product)?;
        // This generation has one price, the one that is paid.
        Some(json!({
            "bn": product.bn, "product_id": product.product_id.to_string(),
            "product_name": product.name, "product_price": yuan(item.price - item.reduced),
            "product_number": item.num.to_string(), "sendnum": item.sent.to_string(),
            "product_status": "active", "product_addon": "",
        }))
    };
    let products: Vec<Value> = order.items().filter_map(product).collect();
    json!({
        "order_id": tid, "status": order.status, "is_delivery": "Y",
        "pay_status": order.pay.to_string(), "ship_status": order.ship.to_string(),
        "createtime": order.created.to_string(), "last_change_time": order.modified.to_string(),
        "shipping": "快递", "payment": if order.is_cod { "-1" } else { "4" },
        "cost_freight": yuan(order.freight), "final_amount": yuan(order.total()),
        "total_amount": yuan(order.total()), "member_id": "0", "memo": order.message,
        "mark_text": order.memo, "ship_name": person.name, "ship_mobile": person.mobile,
        "ship_tel": "", "ship_zip": "000000", "ship_email": "buyer@example.com",
        "ship_area": format!("{}/{}/{}", person.state, person.city, person.district),
        "ship_area_code": "mainland:1/2/3:4",
        "ship_addr": format!("{} {}", person.address, order.moves),
        "product_info": products, "gift_info": [],
    })
}
