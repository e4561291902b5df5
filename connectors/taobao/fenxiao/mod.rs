//! Taobao's distribution platform (供销平台), from the supplier's side: a channel of its own on the same open platform.
//!
//! A distributor sells to a consumer and orders from the supplier. The consumer's trade belongs to the distributor; what the
//! supplier sees is a purchase order. Where the supplier's own shop sells too, both are events: the purchase order names the
//! trade in `distribution.consumer_order_id`. How calls are signed, renewed and judged is in the folder above; what is
//! particular to purchase orders is in this folder's README.

#[cfg(feature = "testkit")]
mod floor;
mod normalize;
mod orders;
mod refunds;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod waybill;
mod wire;

#[cfg(feature = "testkit")]
pub(super) use floor::parse;

use super::auth::{self, SignMethod};
use super::{Taobao, errors, reads, tmc, writes};
use crate::contract::carriers::Carriers;
use crate::contract::{
    ApiReply, Auth, Connector, Entry, Error, OrderSource, QuotaSpec, RefundSource, Result,
    ShopSetup, StockSink, WaybillSink,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "Taobao's distribution platform, for suppliers",
    quotas: &[
        reads(orders::LIST),
        reads(refunds::LIST),
        reads(refunds::READ),
        reads(stock::READ),
        writes(stock::WRITE),
        reads(super::waybill::LIST),
        writes(super::waybill::OFFLINE),
        writes(super::waybill::ONLINE),
        QuotaSpec { api: auth::REFRESH, per_second: 1, burst: 1 },
    ],
    needs_app: true,
    needs_secret: false,
    needs_token: true,
    build,
    #[cfg(feature = "testkit")]
    fake: super::fake::build_fenxiao,
};

const CHANNEL: &str = "fenxiao";
/// The channel's own limit of a window.
const WEEK: Duration = Duration::from_hours(24 * 7);
/// The channel's own limit of a page.
const PAGE_SIZE: u32 = 50;

/// Settings of one supplier.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How calls are signed: `md5`, `hmac` or `hmac-sha256`.
    sign_method: SignMethod,
    /// Company codes of carriers that the channel's table does not have, by canonical code.
    carriers: BTreeMap<String, String>,
}

/// One supplier: what of it is the open platform's, and the rest here.
#[derive(Debug)]
struct Fenxiao {
    top: Taobao,
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = if setup.settings.is_null() {
        Settings::default()
    } else {
        serde_path_to_error::deserialize(setup.settings).map_err(|error| {
            Error::malformed("not a setting of this channel").at(error.path().to_string())
        })?
    };
    let top = Taobao {
        sign_method: settings.sign_method,
        carriers: Carriers::try_new(settings.carriers)?,
        extra_fields: Vec::new(),
        qimen_customer_id: None,
        stream: tmc::Stream::try_new(setup.shop, tmc::Settings::default())?,
    };
    Ok(Arc::new(Fenxiao { top }))
}

impl Connector for Fenxiao {
    fn auth(&self) -> &dyn Auth {
        &self.top
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        errors::classify(reply)
    }

    fn orders(&self) -> Option<&dyn OrderSource> {
        Some(self)
    }

    fn refunds(&self) -> Option<&dyn RefundSource> {
        Some(self)
    }

    fn stock(&self) -> Option<&dyn StockSink> {
        Some(self)
    }

    fn waybills(&self) -> Option<&dyn WaybillSink> {
        Some(self)
    }
}
