//! Settings that were judged: secrets resolved, connectors built, nothing left that could fail for a wrong config.

use super::{Config, Limit, StockRule};
use connectors::contract::model::ShopId;
use connectors::contract::{Capability, Connector, Entry, Key, Secret, Token};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A config that the gateway can run with.
#[derive(Debug)]
pub struct Plan {
    /// The settings themselves.
    pub config: Config,
    /// Key that seals what is kept; none where everything is embedded.
    pub sealing_key: Option<Secret>,
    /// Bearer token of the metrics.
    pub admin_token: Option<Secret>,
    /// URL of Redis; none means memory.
    pub redis_url: Option<Secret>,
    /// librdkafka properties with secret values.
    pub kafka_secrets: Vec<(String, Secret)>,
    /// Private networks that may be called.
    pub networks: Vec<IpNet>,
    /// The shops.
    pub shops: Vec<ShopPlan>,
}

/// One shop, ready to be served.
#[derive(Debug)]
pub struct ShopPlan {
    /// Registry line of its channel.
    pub entry: &'static Entry,
    /// Id at the channel.
    pub id: ShopId,
    /// What the channel means.
    pub connector: Arc<dyn Connector>,
    /// Secrets that inbound deliveries may be signed with.
    pub keys: Vec<Key>,
    /// What is done for it.
    pub enabled: Vec<Capability>,
    /// Base URL of the channel's API; empty where nothing is called.
    pub base_url: String,
    /// Address of the channel's message stream; empty where it is not used.
    pub stream_url: String,
    /// Public id of the application; empty where the channel has none.
    pub app_key: String,
    /// Secret of the application; empty where nothing is called.
    pub app_secret: Secret,
    /// Token of the shop.
    pub token: Option<Token>,
    /// Limits below the documented ones.
    pub limits: BTreeMap<String, Limit>,
    /// What the channel is told of a stock level.
    pub stock_rules: Vec<StockRule>,
    /// Limits of the application; empty where it has none.
    pub app_limits: BTreeMap<String, Limit>,
}
