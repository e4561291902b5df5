//! What reading a trade costs `serde_json` alone: ECStore's answer and ECShop's, and the lists that stand in texts of them.

use crate::testkit::typed::typed;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Around a trade: ECStore puts it into `data`, ECShop into `info.trade`.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<Trade<'a>>,
    #[serde(borrow)]
    info: Option<BTreeMap<&'a str, Trade<'a>>>,
}

typed!(Trade {
    tid,
    title,
    created,
    modified,
    lastmodify,
    status,
    pay_status,
    ship_status,
    has_invoice,
    invoice_title,
    invoice_fee,
    total_goods_fee,
    total_trade_fee,
    discount_fee,
    goods_discount_fee,
    orders_discount_fee,
    payed_fee,
    currency,
    currency_rate,
    total_currency_fee,
    total_weight,
    shipping_tid,
    shipping_type,
    shipping_fee,
    is_protect,
    protect_fee,
    payment_tid,
    payment_type,
    is_cod,
    receiver_name,
    receiver_email,
    receiver_mobile,
    receiver_state,
    receiver_city,
    receiver_district,
    receiver_address,
    receiver_zip,
    receiver_phone,
    pay_cost,
    buyer_memo,
    orders_number,
    buyer_id,
    buyer_uname,
    payment_lists,
    promotion_details,
    pay_time,
    buyer_obtain_point_fee,
    buyer_name,
    buyer_mobile,
    buyer_state,
    trade_memo,
    channel_ver,
    consign_time,
    step_trade_status,
    trade_type,
    buyer_email,
    cod_status,
    step_paid_fee,
    end_time,
    channel,
    order_source,
    logistics_no,
    orders
});

#[derive(Deserialize)]
struct Objects<'a> {
    #[serde(borrow)]
    order: Vec<Object<'a>>,
}

typed!(Object { kind = "type", oid, orders_bn, type_alias, iid, title, items_num, order_status, price, total_order_fee, discount_fee, consign_time, weight, bn, status } { order_items: Items<'a> });

#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    item: Vec<Item<'a>>,
}

typed!(Item {
    sku_id,
    iid,
    bn,
    name,
    sku_properties,
    weight,
    score,
    price,
    num,
    sendnum,
    total_item_fee,
    sale_price,
    item_type,
    item_status,
    discount_fee
});

pub(super) fn parse(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return false };
    let inner = body.info.and_then(|mut info| info.remove("trade"));
    let Some(trade) = body.data.or(inner) else { return false };
    let orders = trade.orders.as_ref().map_or("", |orders| orders.text());
    let Ok(objects) = serde_json::from_str::<Objects<'_>>(orders) else { return false };
    let items = objects.order.iter().filter_map(|object| object.order_items.as_ref());
    let read: usize = items.flat_map(|items| &items.item).map(Item::plain).sum();
    let around: usize = objects.order.iter().map(Object::plain).sum();
    read > 0 && around + trade.plain() > 0
}
