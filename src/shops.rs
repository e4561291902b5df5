//! The table of shops: connector, keys, way out and counters of each. Built once, read by every room.

use crate::telemetry::metrics::Metrics;
use connectors::contract::model::{ShopId, Timestamp};
use connectors::contract::{Capability, ChannelApi, Connector, Key, Session};
use prometheus::{Histogram, IntCounter};
use std::collections::HashMap;
use std::sync::Arc;

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
    /// What is done for this shop.
    pub enabled: Vec<Capability>,
    /// The way out.
    pub api: Arc<dyn ChannelApi>,
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

    /// What a connector needs to call the channel.
    pub fn session(&self, now: Timestamp) -> Session<'_> {
        Session { shop: &self.id, api: &*self.api, app_key: &self.app_key, now }
    }

    /// The CloudEvents source of this shop.
    pub fn source(&self) -> String {
        format!("/channels/{}/shops/{}", self.channel, self.id)
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
