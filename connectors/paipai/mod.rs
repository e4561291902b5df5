//! Paipai, by its open platform.
//!
//! Deals are listed by the time they were placed, so those that may still change are listed a second time by their
//! state; refunds are listed by change; stock levels and shipments go back. The channel calls nobody. How it signs, what
//! its quirks are and where each fact comes from is in this folder's README.

mod amounts;
mod auth;
mod body;
mod deals;
mod errors;
#[cfg(feature = "testkit")]
mod fake;
#[cfg(feature = "testkit")]
mod floor;
mod normalize;
mod normalize_refund;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod normalize_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod orders_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod push_tests;
mod refunds;
mod repair;
#[cfg(test)]
mod repair_tests;
#[cfg(test)]
mod reply_tests;
mod row;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod sign_tests;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod stock_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod waybill;
mod wire;
mod words;

use crate::contract::carriers::Carriers;
use crate::contract::{
    ApiReply, ApiRequest, Auth, Connector, Entry, Error, OrderSource, QuotaSpec, RefundSource,
    Result, Session, ShopSetup, StockSink, WaybillSink, classify_status,
};
use errors::Meaning;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wire::Record;

/// The registry line.
pub(crate) const ENTRY: Entry = Entry {
    channel: CHANNEL,
    about: "Paipai, by its open platform",
    // The channel documents no limit. These are what its list of pages of twenty needs at the least.
    quotas: &[
        calls(deals::LIST, 20),
        calls(deals::READ, 40),
        calls(refunds::LIST, 10),
        calls(refunds::READ, 20),
        calls(stock::ONE, 20),
        calls(stock::BATCH, 10),
        calls(stock::READ, 10),
        calls(waybill::CONSIGN, 20),
    ],
    needs_app: true,
    needs_secret: false,
    needs_token: true,
    build,
    #[cfg(feature = "testkit")]
    fake: fake::build,
};

const CHANNEL: &str = "paipai";
const DAY: Duration = Duration::from_hours(24);
/// What `arriveDays` may say.
const ARRIVE_DAYS: [u32; 10] = [1, 2, 3, 4, 5, 7, 10, 15, 20, 30];
/// Room for the parameters of a usual call; with more of them it grows.
const USUAL_PARAMS: usize = 8;
/// Deals placed before this are history and in another list.
const OLDEST_DAYS: u32 = 89;

const fn calls(api: &'static str, per_second: u32) -> QuotaSpec {
    QuotaSpec { api, per_second, burst: per_second }
}

/// In which bytes the channel is asked and answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GBK.
    #[serde(rename = "gbk")]
    Gbk,
}

impl Charset {
    fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gbk => "gbk",
        }
    }
}

/// In which form the channel answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// Settings of one shop.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// QQ number of the seller; the shop's id where it is left out.
    uin: Option<String>,
    /// `utf-8` or `gbk`.
    charset: Charset,
    /// `json` or `xml`.
    format: Format,
    /// Days until a parcel arrives, as buyers are told.
    arrive_days: Option<u32>,
    /// How old a deal may be and still be read again until it has ended.
    open_days: Option<u32>,
    /// Names of carriers, by canonical code.
    carriers: BTreeMap<String, String>,
    /// What error codes mean: the channel's table is not known.
    errors: BTreeMap<String, Meaning>,
}

/// One shop.
#[derive(Debug)]
struct Paipai {
    uin: String,
    charset: Charset,
    format: Format,
    arrive_days: u32,
    open_days: u32,
    carriers: Carriers,
    errors: BTreeMap<String, Meaning>,
}

fn build(setup: ShopSetup) -> Result<Arc<dyn Connector>> {
    let settings: Settings = setup.settings()?;
    let uin = settings.uin.unwrap_or_else(|| setup.shop.to_string());
    if uin.is_empty() || !uin.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::malformed("expected a QQ number, as text").at("uin"));
    }
    let arrive_days = settings.arrive_days.unwrap_or(5);
    if !ARRIVE_DAYS.contains(&arrive_days) {
        let text = "expected 1, 2, 3, 4, 5, 7, 10, 15, 20 or 30";
        return Err(Error::malformed(text).at("arrive_days"));
    }
    let open_days = settings.open_days.unwrap_or(OLDEST_DAYS);
    if !(1..=OLDEST_DAYS).contains(&open_days) {
        return Err(Error::malformed("expected 1 to 89 days").at("open_days"));
    }
    Ok(Arc::new(Paipai {
        uin,
        charset: settings.charset,
        format: settings.format,
        arrive_days,
        open_days,
        carriers: Carriers::try_new(settings.carriers)?,
        errors: settings.errors,
    }))
}

impl Paipai {
    /// Asks, and gives the fields of the answer.
    async fn ask(&self, session: &Session<'_>, request: ApiRequest) -> Result<(Record, ApiReply)> {
        let reply = session.api.call(request).await?;
        Ok((body::of_reply(self.charset, &reply)?, reply))
    }

    fn seller(&self, api: &'static str, folder: &str) -> ApiRequest {
        let mut request = ApiRequest::post(api);
        request.params.reserve(USUAL_PARAMS);
        request = request.param("sellerUin", self.uin.as_str());
        request.path = format!("/{folder}/{api}.xhtml");
        request
    }
}

impl Connector for Paipai {
    fn auth(&self) -> &dyn Auth {
        self
    }

    fn classify(&self, reply: &ApiReply) -> Result<()> {
        classify_status(reply.status)?;
        errors::judge(&body::of_reply(self.charset, reply)?, &self.errors)
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
