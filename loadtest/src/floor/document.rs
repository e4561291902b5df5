//! One typed parse and one serialise of an order, into plain structs that check nothing.

use serde::{Deserialize, Serialize};

/// What the pipeline needs to know of an order.
pub(super) struct Named {
    /// What makes two deliveries one event.
    pub(super) id: String,
    /// Key of the record.
    pub(super) key: String,
}

/// Reads a delivery and writes its document.
pub(super) fn rewrite(body: &[u8]) -> serde_json::Result<(Named, Vec<u8>)> {
    let mut order = serde_json::from_slice::<Envelope>(body)?.data;
    order.channel = Some("partner".to_owned());
    order.shop = Some("bench".to_owned());
    let document = serde_json::to_vec(&order)?;
    let id = [order.order_id.as_str(), ":", &order.times.modified].concat();
    let key = ["partner:bench:", &order.order_id].concat();
    Ok((Named { id, key }, document))
}

#[derive(Deserialize)]
struct Envelope {
    data: Order,
}

#[derive(Deserialize, Serialize)]
struct Order {
    channel: Option<String>,
    shop: Option<String>,
    order_id: String,
    status: String,
    channel_status: String,
    times: Times,
    buyer: Buyer,
    ship_to: ShipTo,
    currency: String,
    amounts: Amounts,
    lines: Vec<Line>,
    payments: Vec<Payment>,
}

#[derive(Deserialize, Serialize)]
struct Times {
    created: String,
    paid: String,
    modified: String,
}

#[derive(Deserialize, Serialize)]
struct Buyer {
    open_id: String,
    nick: String,
}

#[derive(Deserialize, Serialize)]
struct Personal {
    form: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
struct ShipTo {
    name: Personal,
    mobile: Personal,
    province: String,
    city: String,
    district: String,
    address: Personal,
}

#[derive(Deserialize, Serialize)]
struct Amounts {
    goods: i64,
    discount: i64,
    freight: i64,
    payable: i64,
    paid: i64,
}

#[derive(Deserialize, Serialize)]
struct Line {
    line_id: String,
    product_id: String,
    sku_id: String,
    merchant_sku: String,
    title: String,
    properties: String,
    quantity: u32,
    unit_price: i64,
    discount: i64,
    payable: i64,
    status: String,
    gift: bool,
}

#[derive(Deserialize, Serialize)]
struct Payment {
    method: String,
    number: String,
    amount: i64,
}
