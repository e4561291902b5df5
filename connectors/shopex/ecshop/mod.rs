//! ECShop 3.x: a shop that is called at `api.php`, signs as ShopEx 4.8.5 does, and pushes orders as the matrix does.
//!
//! It answers 200 whatever happened, an SQL error in HTML, nothing found as the text `true`, and a parcel of goods that the
//! order does not hold as a success. So nothing counts as done here that was not read back. How it signs, what its quirks
//! are and where each fact comes from is in this folder's README.

mod answers;
mod dialect;
mod orders;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod record_tests;
mod state;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod waybill;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod waybill_tests;

use super::normalize::Dialect;
use super::{Generation, HubPath, HubShipping, Setup, check_id};
use crate::contract::carriers::Carriers;
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, Entry, OrderSource, QuotaSpec, Result, ShopSetup,
    StockSink, WaybillSink, WebhookSource,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "ECShop 3.x shops",
    // The shop documents no limit but one: a SKU may be written once in a second.
    quotas: &[
        QuotaSpec { api: orders::LIST, per_second: 5, burst: 5 },
        QuotaSpec { api: orders::DETAIL, per_second: 10, burst: 10 },
        QuotaSpec { api: stock::STOCK, per_second: 1, burst: 1 },
        QuotaSpec { api: waybill::WHOLE, per_second: 10, burst: 10 },
        QuotaSpec { api: waybill::PART, per_second: 10, burst: 10 },
        QuotaSpec { api: waybill::STATUS, per_second: 10, burst: 10 },
    ],
    needs_app: false,
    needs_secret: true,
    needs_token: false,
    build,
    #[cfg(feature = "testkit")]
    fake: super::fake::build_ecshop,
};

const CHANNEL: &str = "ecshop";
const PATH: &str = "/api.php";

/// How ECShop says what its relatives say.
const DIALECT: Dialect =
    Dialect { channel: CHANNEL, status: dialect::order_status, amounts: dialect::amounts };

/// Settings of one shop.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Node of the shop in the matrix. What is pushed must come from it.
    node_id: Option<String>,
    /// Certificate of the shop. What is pushed with a certificate must bear it.
    certi_id: Option<String>,
    /// Names of carriers as the shop has them, by canonical code.
    carriers: BTreeMap<String, String>,
}

/// One ECShop shop.
#[derive(Debug)]
pub(super) struct Ecshop(pub(super) Setup);

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    check_id("node_id", settings.node_id.as_deref())?;
    check_id("certi_id", settings.certi_id.as_deref())?;
    Ok(Arc::new(Ecshop(Setup {
        dialect: &DIALECT,
        generation: Generation::Ecshop,
        node_id: settings.node_id,
        own_node_id: None,
        certi_id: settings.certi_id,
        node_type: String::new(),
        hub_path: HubPath::Sync,
        hub_shipping: HubShipping::Offline,
        callback_url: None,
        carriers: Carriers::try_new(settings.carriers)?,
    })))
}

fn request(api: &'static str) -> ApiRequest {
    let mut request = ApiRequest::post(api);
    request.path.push_str(PATH);
    request
}

impl Connector for Ecshop {
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
