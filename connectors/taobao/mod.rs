//! Taobao and Tmall, by TOP, the open platform they share.
//!
//! Trades and refunds are announced by the platform's message stream and polled by modification time; stock levels and
//! shipments go back; warehouses call us through Qimen. How it signs, what its quirks are and where each fact comes from is in
//! this folder's README.

mod amounts;
mod auth;
mod envelope;
mod errors;
#[cfg(test)]
mod errors_tests;
#[cfg(feature = "testkit")]
mod fake;
mod fenxiao;
#[cfg(feature = "testkit")]
mod floor;
#[cfg(test)]
mod golden_tests;
mod list;
mod normalize;
mod normalize_refund;
#[cfg(test)]
mod normalize_tests;
mod orders;
mod purchase;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod purchase_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod push_tests;
mod refunds;
mod rest;
mod scalars;
mod settlement;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod sign_tests;
mod spi;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod tmc;
mod waybill;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod waybill_tests;
mod wire;
mod words;

use crate::contract::carriers::Carriers;
use crate::contract::{
    ApiReply, Auth, Connector, Entry, Error, OrderSource, QuotaSpec, RefundSource, Result,
    ShopSetup, StockSink, StreamSource, WaybillSink, WebhookSource,
};
use auth::SignMethod;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use waybill::ShipWith;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "Taobao and Tmall, by their open platform (TOP)",
    // The channel documents calls a day and says nothing of calls a second; it bans whom it finds too fast.
    quotas: &[
        reads(orders::LIST),
        reads(orders::READ),
        reads(refunds::LIST),
        reads(refunds::READ),
        reads(fenxiao::LIST),
        reads(waybill::LIST),
        writes(waybill::OFFLINE),
        writes(waybill::ONLINE),
        writes(waybill::DUMMY),
        writes(waybill::RESEND),
        writes(waybill::ASCP_SEND),
        writes(waybill::ASCP_RESEND),
        writes(stock::SKUS),
        writes(stock::ITEM),
        reads(stock::READ),
        QuotaSpec { api: auth::REFRESH, per_second: 1, burst: 1 },
    ],
    needs_app: true,
    needs_secret: false,
    needs_token: true,
    build,
    #[cfg(feature = "testkit")]
    fake: fake::build,
};

pub(crate) use fenxiao::ENTRY as FENXIAO;

const CHANNEL: &str = "taobao";

const fn reads(api: &'static str) -> QuotaSpec {
    QuotaSpec { api, per_second: 50, burst: 50 }
}

const fn writes(api: &'static str) -> QuotaSpec {
    QuotaSpec { api, per_second: 25, burst: 25 }
}

/// Settings of one shop.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How calls are signed: `md5`, `hmac` or `hmac-sha256`.
    sign_method: SignMethod,
    /// Company codes of carriers that the channel's table does not have, by canonical code.
    carriers: BTreeMap<String, String>,
    /// Which calls ship: `logistics` or `ascp`.
    ship_with: ShipWith,
    /// Fields of trades to ask for besides the documented ones, for example `invoice_name`.
    extra_fields: Vec<String>,
    /// Whether the purchase orders behind trades are read, for a shop that sells for suppliers.
    purchase_orders: bool,
    /// `customerId` that calls of a warehouse must bear.
    qimen_customer_id: Option<String>,
    /// The platform's message stream.
    stream: tmc::Settings,
}

/// What everybody on the open platform needs: how calls are signed, what carriers are called, and which calls ship.
#[derive(Debug)]
struct Top {
    sign_method: SignMethod,
    carriers: Carriers,
    ship_with: ShipWith,
}

/// One shop.
#[derive(Debug)]
struct Taobao {
    top: Top,
    extra_fields: Vec<String>,
    reads_purchase_orders: bool,
    qimen_customer_id: Option<String>,
    stream: tmc::Stream,
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    let Settings { sign_method, carriers, ship_with, extra_fields, .. } = settings;
    let Settings { purchase_orders: reads_purchase_orders, qimen_customer_id, stream, .. } =
        settings;
    let is_name = |text: &String| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    if let Some(index) = extra_fields.iter().position(|field| !is_name(field)) {
        let text = "expected the name of a field";
        return Err(Error::malformed(text).at(format!("extra_fields[{index}]")));
    }
    if qimen_customer_id.as_ref().is_some_and(|id| id.trim().is_empty()) {
        return Err(Error::malformed("expected an id").at("qimen_customer_id"));
    }
    let top = Top { sign_method, carriers: Carriers::try_new(carriers)?, ship_with };
    let stream = tmc::Stream::try_new(setup.shop, stream)?;
    Ok(Arc::new(Taobao { top, extra_fields, reads_purchase_orders, qimen_customer_id, stream }))
}

impl Taobao {
    /// Fields of trades to ask for.
    fn fields(&self, documented: &str) -> String {
        let mut fields = documented.to_owned();
        for field in &self.extra_fields {
            fields.extend([",", field]);
        }
        fields
    }
}

impl Connector for Taobao {
    fn auth(&self) -> &dyn Auth {
        &self.top
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        errors::classify(reply)
    }

    fn webhooks(&self) -> Option<&dyn WebhookSource> {
        Some(self)
    }

    fn stream(&self) -> Option<&dyn StreamSource> {
        Some(self)
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
        Some(&self.top)
    }
}
