//! ShopEx 4.8.5, called directly: `act` at `/api.php` of the shop.

mod normalize;
mod orders;
mod stock;
mod waybill;

#[cfg(test)]
#[cfg(feature = "testkit")]
pub(super) use normalize::order as read_order;
pub(super) use orders::{DETAIL, LIST};
pub(super) use stock::{READ, STOCK};
pub(super) use waybill::{CREATE, UPDATE};

use super::{Setup, answers};
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, OrderSource, Result, StockSink, WaybillSink,
};

/// Of the two versions the one that records tasks, and refuses one that comes twice.
pub(super) const VERSION: &str = "1.0";
const PATH: &str = "/api.php";

/// One ShopEx 4.8.5 shop.
#[derive(Debug)]
pub(super) struct Shopex485(pub(super) Setup);

fn request(api: &'static str) -> ApiRequest {
    let mut request = ApiRequest::post(api).idempotent();
    request.path.push_str(PATH);
    request
}

impl Connector for Shopex485 {
    fn auth(&self) -> &dyn Auth {
        &self.0
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        answers::classify(reply)
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
