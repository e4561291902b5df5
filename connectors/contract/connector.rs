//! A channel's connector: one root trait, and one small trait for each thing a channel can do.

use super::{
    ApiReply, Auth, Error, ErrorKind, Notice, Result, Session, StreamSource, WebhookSource,
    model::OrderId, model::RefundId, model::Shipped, model::ShopId, model::StockLevel,
    model::Timestamp, model::Waybill,
};
use async_trait::async_trait;
use http::StatusCode;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// A channel, configured for one shop. Holds settings, never state.
pub trait Connector: Send + Sync + Debug + 'static {
    /// How calls are signed and tokens renewed.
    fn auth(&self) -> &dyn Auth;

    /// Says what an answer means; many channels answer 200 with an error inside.
    fn classify(&self, reply: &ApiReply) -> Result<()> {
        classify_status(reply.status)
    }

    /// The channel calls us.
    fn webhooks(&self) -> Option<&dyn WebhookSource> {
        None
    }
    /// The channel pushes messages over a connection that we open.
    fn stream(&self) -> Option<&dyn StreamSource> {
        None
    }
    /// Orders can be listed and read.
    fn orders(&self) -> Option<&dyn OrderSource> {
        None
    }
    /// Refunds can be listed and read.
    fn refunds(&self) -> Option<&dyn RefundSource> {
        None
    }
    /// Stock levels can be set.
    fn stock(&self) -> Option<&dyn StockSink> {
        None
    }
    /// Shipments can be reported.
    fn waybills(&self) -> Option<&dyn WaybillSink> {
        None
    }

    /// Whether this connector has a capability.
    fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Webhooks => self.webhooks().is_some(),
            Capability::Stream => self.stream().is_some(),
            Capability::Orders => self.orders().is_some(),
            Capability::Refunds => self.refunds().is_some(),
            Capability::Stock => self.stock().is_some(),
            Capability::Waybills => self.waybills().is_some(),
        }
    }
}

/// What a plain HTTP status means, for channels that use it as HTTP meant it.
pub fn classify_status(status: StatusCode) -> Result<()> {
    let kind = match status.as_u16() {
        200..=299 => return Ok(()),
        401 | 403 => ErrorKind::Unauthorized,
        429 => ErrorKind::Throttled { retry_after: None },
        408 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Rejected,
    };
    Err(Error::new(kind, "channel answered with an error status").code(status.as_str()))
}

/// The things a channel may be able to do; the words of `enable` in a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// The channel calls us.
    Webhooks,
    /// The channel pushes messages over a connection that we open.
    Stream,
    /// We poll orders.
    Orders,
    /// We poll refunds.
    Refunds,
    /// We set stock levels.
    Stock,
    /// We report shipments.
    Waybills,
}

impl Capability {
    /// All of them, in the order of a document.
    pub const ALL: [Self; 6] =
        [Self::Webhooks, Self::Stream, Self::Orders, Self::Refunds, Self::Stock, Self::Waybills];

    /// The word used in a config and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Stream => "stream",
            Self::Orders => "orders",
            Self::Refunds => "refunds",
            Self::Stock => "stock",
            Self::Waybills => "waybills",
        }
    }
}

/// A stretch of the channel's modification time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
}

/// How a list may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollSpec {
    /// Longest window the channel takes.
    pub longest_window: Duration,
    /// Records on a page.
    pub page_size: u32,
    /// How far back the channel remembers.
    pub horizon: Duration,
}

/// One page of a list: it speaks like a webhook.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What is on it, fat where the list gives whole records, thin otherwise.
    pub notices: Vec<Notice>,
}

/// A channel whose orders can be listed by modification time.
///
/// The gateway counts first, reads the last page first and counts again: lists sorted newest first lose records to the
/// reader who starts at page one.
#[async_trait]
pub trait OrderSource: Send + Sync {
    /// Limits of the list.
    fn spec(&self) -> PollSpec;
    /// How many records the window holds now.
    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64>;
    /// One page, numbered from 1.
    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page>;
    /// Reads one order whole: the answer to a thin notice.
    async fn order(&self, session: &Session<'_>, id: &OrderId) -> Result<Notice>;
    /// Orders that may still change, for a channel whose windows are of the time an order was placed: what changes later
    /// is in none of them.
    fn open(&self) -> Option<&dyn OpenOrders> {
        None
    }
}

/// A list, without a window, of the orders that may still change. The gateway re-reads it whole, reads each order
/// whose modification time is new, and reads by itself each order that was on the list and is no longer.
///
/// The list has parts, for channels that list one status at a time. Parts stand in the order of an order's life, so that
/// one which moves on while they are read is met again. The session's `now` is the same for all calls of one reading.
#[async_trait]
pub trait OpenOrders: Send + Sync {
    /// How many parts there are.
    fn parts(&self) -> u32;
    /// Records on a page.
    fn page_size(&self) -> u32;
    /// How many records a part, numbered from 0, holds now.
    async fn count(&self, session: &Session<'_>, part: u32) -> Result<u64>;
    /// One page of a part, numbered from 1: thin notices, with `modified` where the list tells it.
    async fn page(&self, session: &Session<'_>, part: u32, page: u32) -> Result<Page>;
}

/// A channel whose refunds can be listed by modification time. Read as [`OrderSource`] is.
#[async_trait]
pub trait RefundSource: Send + Sync {
    /// Limits of the list.
    fn spec(&self) -> PollSpec;
    /// How many records the window holds now.
    async fn count(&self, session: &Session<'_>, window: Window) -> Result<u64>;
    /// One page, numbered from 1.
    async fn page(&self, session: &Session<'_>, window: Window, page: u32) -> Result<Page>;
    /// Reads one refund whole.
    async fn refund(&self, session: &Session<'_>, id: &RefundId) -> Result<Notice>;
}

/// A channel that takes stock levels. Levels are absolute, so setting one twice is harmless.
#[async_trait]
pub trait StockSink: Send + Sync {
    /// Most levels in one call.
    fn max_batch(&self) -> usize;
    /// Levels with equal keys may share a call, for example all SKUs of one listing.
    fn batch_key<'l>(&self, level: &'l StockLevel) -> &'l str;
    /// Time that must lie between two writes of one SKU, where the channel needs such a pause.
    fn spacing(&self) -> Option<Duration> {
        None
    }
    /// Sets the levels of one batch; one outcome each, in the same order.
    ///
    /// An outer error says that nothing is known of any of them.
    async fn set(&self, session: &Session<'_>, levels: &[StockLevel]) -> Result<Vec<Result<()>>>;
    /// Levels can be read back.
    fn reader(&self) -> Option<&dyn StockReader> {
        None
    }
}

/// A channel that says which stock levels it has.
#[async_trait]
pub trait StockReader: Send + Sync {
    /// Most levels in one call. Those of one call have equal [`StockSink::batch_key`]s.
    fn max_batch(&self) -> usize;
    /// What the channel has of each, in the same order; none of a SKU that it does not know. `available` of what is asked
    /// for is what was told last.
    ///
    /// An outer error says that nothing is known of any of them.
    async fn levels(&self, session: &Session<'_>, told: &[StockLevel]) -> Result<Vec<Option<u32>>>;
}

/// A channel that takes waybill numbers.
#[async_trait]
pub trait WaybillSink: Send + Sync {
    /// Reports a shipment. Safe to repeat: "already shipped with this number" is success.
    async fn ship(&self, session: &Session<'_>, waybill: &Waybill) -> Result<()>;
    /// What the channel knows to be shipped, to settle a call whose result is unknown.
    async fn shipped(&self, session: &Session<'_>, order: &OrderId) -> Result<Vec<Shipped>>;
    /// Whether a report takes several writing calls, so that a number which the channel shows may still lack its last
    /// step. Then [`WaybillSink::ship`] looks before each call and finishes what an earlier try began, and it is asked
    /// again where otherwise the number being there would be enough.
    fn in_steps(&self) -> bool {
        false
    }
}

/// A documented limit of the channel, for one of its APIs and one shop. Config may lower it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSpec {
    /// API name as in [`super::ApiRequest::api`].
    pub api: &'static str,
    /// Calls allowed in a second.
    pub per_second: u32,
    /// Calls allowed at once after a pause.
    pub burst: u32,
}

/// What a connector is built from.
#[derive(Debug, Clone)]
pub struct ShopSetup {
    /// The shop.
    pub shop: ShopId,
    /// The `settings` table of the shop in the config, as JSON.
    pub settings: serde_json::Value,
}

impl ShopSetup {
    /// Reads the settings as the connector's own type; its defaults where there are none. A wrong one is
    /// [`ErrorKind::Malformed`] with its path.
    pub fn settings<T: DeserializeOwned + Default>(&self) -> Result<T> {
        if self.settings.is_null() {
            return Ok(T::default());
        }
        serde_path_to_error::deserialize(&self.settings).map_err(|error| {
            Error::malformed("not a setting of this channel").at(error.path().to_string())
        })
    }
}

/// A channel's line in the registry: data, not code.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name in configs, paths, keys, events and metric labels.
    pub channel: &'static str,
    /// One line for `--help` and documents.
    pub about: &'static str,
    /// Documented limits.
    pub quotas: &'static [QuotaSpec],
    /// Whether calls need `app_key` and `app_secret`.
    pub needs_app: bool,
    /// Whether calls need `app_secret` alone, because the channel knows no application id.
    pub needs_secret: bool,
    /// Whether calls need a token of the shop.
    pub needs_token: bool,
    /// Builds the connector; a wrong setting is [`ErrorKind::Malformed`] with its path.
    pub build: fn(ShopSetup) -> Result<Arc<dyn Connector>>,
    /// A strict fake of the channel with these shops.
    #[cfg(feature = "testkit")]
    pub fake: fn(Vec<crate::testkit::FakeShop>) -> Arc<dyn crate::testkit::Fake>,
}
