//! An order as ECShop writes it: the family's trade with other amounts, no numbers of lines, and states of its own.

use super::books::{Item, Order, Product, Shop};
use super::people::PEOPLE;
use super::php::{self, Object};
use super::trade::date;
use serde_json::Value;

/// Yuan with two places.
fn yuan(fen: i64) -> Value {
    let sign = if fen < 0 { "-" } else { "" };
    Value::from(format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100))
}

/// The three words. An order that was handed out for shipping is called finished.
fn words(order: &Order) -> [&'static str; 3] {
    let status =
        if order.ship == 0 && order.status == "active" { "TRADE_ACTIVE" } else { "TRADE_FINISHED" };
    let pay = match order.pay {
        0 => "PAY_NO",
        1 => "PAY_FINISH",
        _ => "REFUND_PART",
    };
    let ship = match order.ship {
        0 => "SHIP_NO",
        1 => "SHIP_FINISH",
        _ => "SHIP_PART",
    };
    [status, pay, ship]
}

/// The trade of both acts and of pushes.
pub(super) fn trade(shop: &Shop, tid: &str, order: &Order) -> Object {
    let [status, pay, ship] = words(order);
    let Some(person) = PEOPLE.get(order.person) else { return Object::new() };
    let goods: i64 = order.items().map(|item| item.price * i64::from(item.num)).sum();
    let reduced: i64 = order.items().map(|item| item.reduced * i64::from(item.num)).sum();
    let total = order.total();
    let (paid, pay_time) =
        if order.pay == 0 { (0, String::new()) } else { (total, date(order.created)) };
    let objects: Vec<Object> = order
        .items()
        .filter_map(|item| Some(object(shop.products.get(item.product)?, item)))
        .collect();
    let done = shop.deliveries.iter().filter(|delivery| delivery.tid == tid && delivery.is_done);
    let numbers: Vec<&str> = done.map(|delivery| delivery.number.as_str()).collect();
    vec![
        ("tid", tid.into()),
        ("lastmodify", date(order.modified).into()),
        ("promotion_details", "[{\"promotion_name\":\"\",\"promotion_fee\":\"0.00\"}]".into()),
        ("total_weight", 0.into()),
        ("created", date(order.created).into()),
        ("pay_time", pay_time.into()),
        ("payment_lists", "[]".into()),
        ("status", status.into()),
        ("pay_status", pay.into()),
        ("ship_status", ship.into()),
        ("payed_fee", yuan(paid)),
        ("total_goods_fee", yuan(goods)),
        ("total_trade_fee", yuan(total)),
        ("currency", "CNY".into()),
        ("currency_rate", 1.into()),
        ("buyer_obtain_point_fee", 0.into()),
        ("is_protect", "false".into()),
        ("protect_fee", yuan(0)),
        // One figure for what the order is reduced and raised by.
        ("discount_fee", yuan(order.change - order.discount)),
        ("is_cod", if order.is_cod { "true" } else { "false" }.into()),
        ("payment_tid", "4".into()),
        ("payment_type", if order.is_cod { "货到付款" } else { "天工收银" }.into()),
        ("orders_number", objects.len().to_string().into()),
        ("buyer_uname", "匿名用户".into()),
        ("buyer_name", "".into()),
        ("buyer_mobile", "".into()),
        ("buyer_state", "".into()),
        ("receiver_name", person.name.into()),
        ("receiver_phone", "".into()),
        ("receiver_mobile", person.mobile.into()),
        ("receiver_state", person.state.into()),
        ("receiver_city", person.city.into()),
        ("receiver_district", person.district.into()),
        ("receiver_address", format!("{} {}", person.address, order.moves).into()),
        ("receiver_zip", "".into()),
        ("orders_discount_fee", 0.into()),
        ("orders", format!("{{\"order\":{}}}", php::list(&objects)).into()),
        ("goods_discount_fee", yuan(reduced)),
        ("shipping_tid", "5".into()),
        ("shipping_type", "申通快递".into()),
        ("shipping_fee", yuan(order.freight)),
        ("has_invoice", "".into()),
        ("invoice_title", "".into()),
        ("invoice_fee", yuan(0)),
        ("pay_cost", yuan(0)),
        ("buyer_memo", format!("缺货处理:等待所有商品备齐后再发{}", order.message).into()),
        ("trade_memo", order.memo.as_str().into()),
        ("channel_ver", "".into()),
        ("consign_time", "".into()),
        ("step_trade_status", "".into()),
        ("trade_type", "".into()),
        ("buyer_email", "".into()),
        ("cod_status", "".into()),
        ("step_paid_fee", "".into()),
        ("end_time", "".into()),
        ("channel", "fast".into()),
        ("order_source", "本站".into()),
        ("logistics_no", numbers.join("<br>").into()),
    ]
}

fn object(product: &Product, item: &Item) -> Object {
    let total = item.price * i64::from(item.num);
    let inner = vec![
        ("iid", "0".into()),
        ("bn", product.bn.into()),
        ("price", yuan(item.price)),
        ("name", product.name.into()),
        ("weight", "0.000".into()),
        ("num", item.num.to_string().into()),
        ("total_item_fee", yuan(total)),
        ("sku_properties", "".into()),
        ("sendnum", item.sent.to_string().into()),
        ("item_type", "product".into()),
        ("sale_price", yuan(item.total())),
        ("discount_fee", yuan(item.reduced * i64::from(item.num))),
        ("score", yuan(item.price)),
        ("item_status", "normal".into()),
    ];
    let items = format!("{{\"item\":{}}}", php::list(&[inner]));
    vec![
        ("iid", product.goods_id.to_string().into()),
        ("title", product.name.into()),
        ("weight", "0.000".into()),
        ("bn", product.bn.into()),
        ("orders_bn", product.bn.into()),
        ("items_num", item.num.to_string().into()),
        ("total_order_fee", yuan(total)),
        ("oid", Value::Null),
        ("status", "TRADE_ACTIVE".into()),
        ("type", "goods".into()),
        ("order_items", serde_json::from_str(&items).unwrap_or(Value::Null)),
    ]
}
