//! ECStore, called directly: `b2c.*` at `/index.php/api` of the shop.

mod orders;
mod stock;
mod waybill;

pub(super) use orders::{
    DETAIL, HORIZON, LONGEST_WINDOW, PAGE_SIZE, SEARCH, page_of, whole, within,
};
pub(super) use stock::{
    ITEM, MAX_BATCH, STOCK, STORE, outcomes, product_number, quantities, shown_units, unconfirmed,
};
pub(super) use waybill::{CREATE, UPDATE};

use super::{Setup, answers};
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, OrderSource, Result, StockSink, WaybillSink,
    WebhookSource,
};

const PATH: &str = "/index.php/api";

/// One ECStore shop.
#[derive(Debug)]
pub(super) struct Ecstore(pub(super) Setup);

fn request(api: &'static str) -> ApiRequest {
    let mut request = ApiRequest::post(api);
    request.path.push_str(PATH);
    request
}

impl Connector for Ecstore {
    fn auth(&self) -> &dyn Auth {
        &self.0
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        answers::classify(reply)
    }

    fn webhooks(&self) -> Option<&dyn WebhookSource> {
        Some(&self.0)
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }

    fn stock(&self) -> Option<&dyn StockSink> {
        Some(self)
    }

    fn waybills(&self) -> Option<&dyn WaybillSink> {
        Some(self)
    }
}
