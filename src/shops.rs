//! The table of shops: connector, keys, way out and counters of each. Built once, read by every room.

use crate::config::StockRule;
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use connectors::contract::model::{ShopId, Timestamp};
use connectors::contract::{
    ApiReply, ApiRequest, Capability, ChannelApi, Connector, Key, Result, Session,
};
use parking_lot::Mutex;
use prometheus::{Histogram, IntCounter};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// What a call is for. Where a limit is scarce, an earlier class goes first, and no class is left without a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Parcels: late ones are fined.
    Waybill,
    /// Orders and refunds that are read.
    Poll,
    /// Stock that just sold out: every second of delay sells what is not there.
    Urgent,
    /// All other stock.
    Rest,
}

impl Class {
    /// All, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Waybill, Self::Poll, Self::Urgent, Self::Rest];

    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waybill => "waybill",
            Self::Poll => "poll",
            Self::Urgent => "urgent",
            Self::Rest => "rest",
        }
    }
}

/// A way to a channel that paces calls by what they are for.
#[async_trait]
pub trait WayOut: Send + Sync + Debug {
    /// Signs, paces, sends, and repeats what may be repeated; an answer that the connector judged a success. What the caller
    /// holds is let go as soon as the limits let the call go.
    async fn call(&self, request: ApiRequest, class: Class, held: &Held) -> Result<ApiReply>;
    /// The channel said that the shop's authorization has ended.
    fn authorization_ended(&self);
}

/// What nobody else may have while a call waits for its limits, such as the choice of what it carries. Let go also when
/// it is dropped.
#[derive(Debug, Default)]
pub struct Held(Mutex<Option<OwnedMutexGuard<()>>>);

impl Held {
    /// Waits until nobody else holds it.
    pub async fn of(door: &Arc<tokio::sync::Mutex<()>>) -> Self {
        Self(Mutex::new(Some(Arc::clone(door).lock_owned().await)))
    }

    /// Lets it go.
    pub fn let_go(&self) {
        self.0.lock().take();
    }
}

/// A shop that this gateway serves.
#[derive(Debug)]
pub struct Shop {
    /// Channel, as in the registry.
    pub channel: &'static str,
    /// Id at the channel.
    pub id: ShopId,
    /// What the channel means.
    pub connector: Arc<dyn Connector>,
    /// Secrets that inbound deliveries may be signed with.
    pub keys: Vec<Key>,
    /// What the channel is told of a stock level.
    pub stock_rules: Vec<StockRule>,
    /// What is done for this shop.
    pub enabled: Vec<Capability>,
    /// The way out.
    pub api: Arc<dyn WayOut>,
    /// Public application id.
    pub app_key: String,
    /// Counters that the hot path touches.
    pub counters: Counters,
}

impl Shop {
    /// Whether something is done for this shop.
    pub fn does(&self, capability: Capability) -> bool {
        self.enabled.contains(&capability)
    }

    /// The shop's way out for calls of one class.
    pub fn caller(&self, class: Class) -> Caller<'_> {
        self.caller_with(class, Held::default())
    }

    /// The shop's way out for calls of one class, the first of which lets go what is held.
    pub fn caller_with(&self, class: Class, held: Held) -> Caller<'_> {
        Caller { shop: self, class, held }
    }

    /// The CloudEvents source of this shop.
    pub fn source(&self) -> String {
        format!("/channels/{}/shops/{}", self.channel, self.id)
    }
}

/// A way out for calls of one class.
#[derive(Debug)]
pub struct Caller<'s> {
    shop: &'s Shop,
    class: Class,
    held: Held,
}

impl Caller<'_> {
    /// What a connector needs to call the channel.
    pub fn session(&self, now: Timestamp) -> Session<'_> {
        Session { shop: &self.shop.id, api: self, app_key: &self.shop.app_key, now }
    }
}

#[async_trait]
impl ChannelApi for Caller<'_> {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        self.shop.api.call(request, self.class, &self.held).await
    }

    fn authorization_ended(&self) {
        self.shop.api.authorization_ended();
    }
}

/// Counters of one shop, resolved once: looking labels up costs more than counting.
#[derive(Debug)]
pub struct Counters {
    /// Orders published from webhooks.
    pub orders: IntCounter,
    /// Duplicates that webhooks brought.
    pub duplicates: IntCounter,
    /// Time to answer a delivery.
    pub delivery_seconds: Histogram,
    /// Age of an event when it is in Kafka.
    pub event_age: Histogram,
}

impl Counters {
    /// The counters of a channel.
    pub fn of(metrics: &Metrics, channel: &str) -> Self {
        Self {
            orders: metrics.accepted.with_label_values(&[channel, "order", "webhook"]),
            duplicates: metrics.duplicates.with_label_values(&[channel, "webhook"]),
            delivery_seconds: metrics.delivery_seconds.with_label_values(&[channel]),
            event_age: metrics.event_age_seconds.with_label_values(&[channel, "webhook"]),
        }
    }
}

/// All shops.
#[derive(Debug, Default)]
pub struct Shops(HashMap<&'static str, HashMap<String, Arc<Shop>>>);

impl Shops {
    /// Builds the table.
    pub fn new(shops: impl IntoIterator<Item = Arc<Shop>>) -> Self {
        let mut table = Self::default();
        for shop in shops {
            table.0.entry(shop.channel).or_default().insert(shop.id.to_string(), shop);
        }
        table
    }

    /// The shop of a channel.
    pub fn find(&self, channel: &str, id: &str) -> Option<&Arc<Shop>> {
        self.0.get(channel)?.get(id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Shop>> {
        self.0.values().flat_map(HashMap::values)
    }
}
