//! ShopEx: ECStore, the matrix hub and ShopEx 4.8.5 behind one channel, chosen by the setting `generation`. And ECShop,
//! which is of the same family and a channel of its own.
//!
//! ECStore answers calls itself (`b2c.*`) and pushes whole orders signed as the matrix signs; the hub (`store.*`) stands
//! between the gateway and any shop bound to it; a ShopEx 4.8.5 shop answers `api.php`. One shop speaks one of them.
//! How each signs, what its quirks are and where each fact comes from is in this folder's README.

mod amounts;
mod answers;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod answers_tests;
mod auth;
mod ecshop;
mod ecstore;
#[cfg(feature = "testkit")]
mod fake;
mod fields;
#[cfg(feature = "testkit")]
mod floor;
mod form;
mod hub;
mod normalize;
mod normalize_refund;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod normalize_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod orders_tests;
mod parcel;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod push_tests;
mod sign;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod sign_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod stock_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod v485;
mod webhook;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod webhook_tests;
mod wire;
mod words;

use crate::contract::carriers::Carriers;
use crate::contract::{Connector, Entry, Error, QuotaSpec, Result, ShopSetup};
use normalize::Dialect;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "ShopEx: ECStore, the matrix hub and ShopEx 4.8.5",
    // No generation documents a limit. These are what one PHP server bears without its buyers noticing.
    quotas: &[
        calls(ecstore::SEARCH, 10),
        calls(ecstore::DETAIL, 20),
        calls(ecstore::STOCK, 5),
        calls(ecstore::ITEM, 5),
        calls(ecstore::STORE, 5),
        calls(ecstore::CREATE, 10),
        calls(ecstore::UPDATE, 10),
        calls(hub::SOLD, 10),
        calls(hub::FULLINFO, 20),
        calls(hub::STOCK, 5),
        calls(hub::ADD, 10),
        calls(hub::STATUS, 10),
        calls(hub::OFFLINE, 10),
        calls(v485::LIST, 10),
        calls(v485::DETAIL, 20),
        calls(v485::STOCK, 5),
        calls(v485::READ, 5),
        calls(v485::CREATE, 10),
        calls(v485::UPDATE, 10),
    ],
    needs_app: true,
    needs_secret: false,
    needs_token: false,
    build,
    #[cfg(feature = "testkit")]
    fake: fake::build,
};

pub(crate) use ecshop::ENTRY as ECSHOP;

const CHANNEL: &str = "shopex";

const fn calls(api: &'static str, per_second: u32) -> QuotaSpec {
    QuotaSpec { api, per_second, burst: per_second }
}

/// Which of the family a shop is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Generation {
    /// An ECStore shop, called directly.
    #[default]
    #[serde(rename = "ecstore")]
    Ecstore,
    /// Any shop bound to the matrix hub, called through it.
    #[serde(rename = "matrix")]
    Matrix,
    /// A ShopEx 4.8.5 shop, called directly.
    #[serde(rename = "485")]
    V485,
    /// An ECShop shop: a channel of its own, with its own settings.
    #[serde(skip)]
    Ecshop,
}

/// How the hub is asked to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HubPath {
    /// Answers when it is done.
    #[default]
    Sync,
    /// Answers `running`, and says the outcome later.
    Async,
}

/// How a parcel is told to the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HubShipping {
    /// `store.trade.shipping.add` and `.status.update`: parcels of single lines too.
    #[default]
    Shipping,
    /// `store.logistics.offline.send`: the whole order in one call; what shops of ECShop's kind take.
    Offline,
}

/// Settings of one shop.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Which of the family the shop is: `ecstore`, `matrix` or `485`.
    generation: Generation,
    /// Node of the shop in the matrix. What is pushed must come from it.
    node_id: Option<String>,
    /// Our own node in the matrix; the `app_key` where it is left out.
    own_node_id: Option<String>,
    /// Certificate of the shop. What is pushed with a certificate must bear it.
    certi_id: Option<String>,
    /// Node type that calls to the hub name.
    node_type: Option<String>,
    /// How the hub is asked to write: `sync` or `async`.
    hub_path: HubPath,
    /// How a parcel is told to the hub: `shipping` or `offline`.
    hub_shipping: HubShipping,
    /// Where the hub sends the outcome of what it answered with `running`: this shop's webhook address.
    callback_url: Option<String>,
    /// Names of carriers as the shop has them, by canonical code.
    carriers: BTreeMap<String, String>,
}

/// What all generations need.
#[derive(Debug)]
struct Setup {
    dialect: &'static Dialect,
    generation: Generation,
    node_id: Option<String>,
    own_node_id: Option<String>,
    certi_id: Option<String>,
    node_type: String,
    hub_path: HubPath,
    hub_shipping: HubShipping,
    callback_url: Option<String>,
    carriers: Carriers,
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    check_id("node_id", settings.node_id.as_deref())?;
    check_id("own_node_id", settings.own_node_id.as_deref())?;
    check_id("certi_id", settings.certi_id.as_deref())?;
    if settings.generation == Generation::Matrix && settings.node_id.is_none() {
        let text = "the hub must be told which shop is meant";
        return Err(Error::malformed(text).at("node_id"));
    }
    let setup = Setup {
        dialect: &normalize::FAMILY,
        generation: settings.generation,
        node_id: settings.node_id,
        own_node_id: settings.own_node_id,
        certi_id: settings.certi_id,
        node_type: settings.node_type.unwrap_or_else(|| "ecos.b2c".to_owned()),
        hub_path: settings.hub_path,
        hub_shipping: settings.hub_shipping,
        callback_url: settings.callback_url,
        carriers: Carriers::try_new(settings.carriers)?,
    };
    Ok(match setup.generation {
        Generation::Ecstore => Arc::new(ecstore::Ecstore(setup)),
        Generation::Matrix => Arc::new(hub::Hub(setup)),
        Generation::V485 => Arc::new(v485::Shopex485(setup)),
        Generation::Ecshop => Arc::new(ecshop::Ecshop(setup)),
    })
}

/// An id in the settings, where there is one.
fn check_id(name: &'static str, id: Option<&str>) -> Result<()> {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    if id.is_none_or(is_id) {
        return Ok(());
    }
    Err(Error::malformed("expected an id, as text without blanks").at(name))
}
