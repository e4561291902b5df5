//! Taobao's distribution platform (供销平台), from the supplier's side: a channel of its own on the same open platform.
//!
//! A distributor sells to a consumer and orders from the supplier. The consumer's trade belongs to the distributor; what the
//! supplier sees is a purchase order. Where the supplier's own shop sells too, both are events: the purchase order names the
//! trade in `distribution.consumer_order_id`. How calls are signed, renewed and judged is in the folder above; what is
//! particular to purchase orders is in this folder's README.

mod amounts;
#[cfg(feature = "testkit")]
mod floor;
mod normalize;
mod orders;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod record_tests;
mod refunds;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod stock_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod waybill;
mod wire;

#[cfg(feature = "testkit")]
pub(super) use floor::parse;
pub(super) use orders::LIST;
pub(super) use wire::{ORDER, PART, items};

use super::auth::{self, SignMethod};
use super::waybill::ShipWith;
use super::{Top, errors, reads, writes};
use crate::contract::carriers::Carriers;
use crate::contract::{
    ApiReply, Auth, Connector, Entry, OrderSource, QuotaSpec, RefundSource, Result, ShopSetup,
    StockSink, WaybillSink,
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
        reads(LIST),
        reads(refunds::LIST),
        reads(refunds::READ),
        reads(stock::READ),
        writes(stock::WRITE),
        reads(super::waybill::LIST),
        writes(super::waybill::OFFLINE),
        writes(super::waybill::ONLINE),
        writes(super::waybill::DUMMY),
        writes(super::waybill::RESEND),
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
    top: Top,
}

/// The first purchase order of an answer.
#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<crate::contract::model::Order> {
    normalize::order(orders::only(body)?)
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    let Settings { sign_method, carriers } = settings;
    let carriers = Carriers::try_new(carriers)?;
    let top = Top { sign_method, carriers, ship_with: ShipWith::Logistics };
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
