//! The order as the floor sees it: exactly the fields that the load sends, read once and written once.

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "type and timestamp are read because a receiver has to read them")]
pub(super) struct Delivery {
    r#type: String,
    timestamp: String,
    pub(super) data: Order,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    shop: String,
    pub(super) order_id: String,
    status: String,
    channel_status: String,
    pub(super) times: Times,
    buyer: Buyer,
    ship_to: ShipTo,
    currency: String,
    amounts: Amounts,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Times {
    created: String,
    paid: String,
    pub(super) modified: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Buyer {
    nick: String,
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShipTo {
    name: Personal,
    mobile: Personal,
    province: String,
    city: String,
    district: String,
    address: Personal,
}

#[derive(Debug, Serialize, Deserialize)]
struct Personal {
    form: String,
    value: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Amounts {
    goods: i64,
    discount: i64,
    freight: i64,
    payable: i64,
    paid: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    line_id: String,
    sku_id: String,
    merchant_sku: String,
    title: String,
    quantity: u32,
    unit_price: i64,
    discount: i64,
    payable: i64,
}

impl Order {
    pub(super) fn of(self, channel: &str, shop: &str) -> Self {
        Self { channel: channel.to_owned(), shop: shop.to_owned(), ..self }
    }
}
