//! Reads and judges settings.
//!
//! Three layers: `config/default.toml`, compiled in, which holds every key; one file of the operator; and secrets, which
//! are only ever references (`env:NAME`, `file:PATH`). Nothing else reads the environment. A bad file is refused with
//! every problem in it, each with its key and line, not with the first.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

mod check;
mod check_shops;
mod load;
mod plan;
mod problem;
mod secret;

pub use load::{DEFAULT, DEV};
pub use plan::{Plan, ShopPlan};
pub use problem::Problem;
pub use secret::SecretRef;

/// Reads and judges settings: the defaults, `--dev` if asked for, and the operator's file if there is one.
///
/// Returns the plan, if there is one, and everything there is to say about the file, warnings included.
pub fn plan(dev: bool, file: Option<&str>) -> (Option<Plan>, Vec<Problem>) {
    judged(dev, file, |_| Vec::new())
}

/// The same, where somebody else has a word too: whoever knows what a plan is for.
pub fn judged(
    dev: bool,
    file: Option<&str>,
    judge: impl FnOnce(&Plan) -> Vec<Problem>,
) -> (Option<Plan>, Vec<Problem>) {
    let (config, mut problems, lines) = load::load(dev, file);
    let mut plan = config.and_then(|config| check::check(config, dev, &mut problems));
    let found = plan.as_ref().map_or_else(Vec::new, judge);
    plan = plan.filter(|_| found.iter().all(|problem| problem.is_warning));
    problems.extend(found);
    for problem in &mut problems {
        problem.line = problem.line.or_else(|| lines.find(&problem.key));
    }
    problems.sort_by_key(|problem| problem.line);
    (plan, problems)
}

/// Everything the gateway can be told. One struct for each room.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: Listen,
    /// The listener for operators.
    pub admin: Admin,
    /// Kafka.
    pub kafka: Kafka,
    /// Redis, or memory.
    pub store: Store,
    /// The road every order takes.
    pub intake: Intake,
    /// Reading what was not pushed.
    pub poll: Poll,
    /// Messages over connections that channels offer.
    pub stream: Stream,
    /// Carrying stock and waybills back.
    pub push: Push,
    /// Calling channels.
    pub egress: Egress,
    /// Logs.
    pub telemetry: Telemetry,
    /// Key that seals quarantined bodies and stored tokens: 32 bytes as 64 hexadecimal digits.
    pub sealing_key: Option<SecretRef>,
    /// What all shops of a channel share, by channel.
    #[serde(default)]
    pub channels: BTreeMap<String, Channel>,
    /// The shops.
    #[serde(default)]
    pub shops: Vec<Shop>,
}

/// The public listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// PEM certificate chain; with `tls_key` the listener speaks TLS with ALPN.
    pub tls_cert: Option<PathBuf>,
    /// PEM private key.
    pub tls_key: Option<PathBuf>,
    /// Largest body.
    pub body_limit_bytes: usize,
    /// Memory for bodies of all requests together; more are answered 503.
    pub body_budget_bytes: usize,
    /// Time for the request line and headers to arrive, and for a TLS handshake.
    pub header_timeout_ms: u64,
    /// Time for a body to arrive.
    pub body_timeout_ms: u64,
    /// Time that an idle connection is kept.
    pub idle_timeout_ms: u64,
    /// Connections at once; more are answered 503 and closed.
    pub max_connections: NonZeroUsize,
    /// Requests at once; more are answered 503.
    pub max_in_flight: NonZeroUsize,
    /// Time for accepted requests to finish after SIGTERM.
    pub drain_timeout_ms: u64,
}

/// The listener for operators: `/livez`, `/readyz`, `/metrics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port.
    pub address: SocketAddr,
    /// Bearer token that `/metrics` asks for; without one it is open.
    pub token: Option<SecretRef>,
}

/// Kafka: where it is, what the topics are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Broker list; `embedded` starts librdkafka's in-process broker, which forgets everything at exit.
    pub bootstrap: String,
    /// Names of the topics.
    pub topics: Topics,
    /// Consumer group of the command topics.
    pub group: String,
    /// Partitions of topics that do not exist at start and are created; 0 creates none.
    pub create_partitions: u16,
    /// Time that librdkafka waits for records to travel together.
    pub linger_ms: u64,
    /// Records that may wait in the producer; when it is full, senders are told to come back.
    pub queue_records: NonZeroUsize,
    /// More librdkafka properties, by their own names; security settings belong here.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// librdkafka properties whose values are secrets.
    #[serde(default)]
    pub secret_properties: BTreeMap<String, SecretRef>,
}

/// Names of the topics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    /// Canonical orders.
    pub orders: String,
    /// Canonical refunds.
    pub refunds: String,
    /// Shipments as the channel or a warehouse reports them.
    pub shipments: String,
    /// Stock levels as the channel or a warehouse reports them.
    pub stock_observations: String,
    /// What the channel says of the money of each order that is over.
    pub settlements: String,
    /// Sealed deliveries that could not become events.
    pub quarantine: String,
    /// Stock levels to set.
    pub stock_commands: String,
    /// Shipments to report.
    pub waybill_commands: String,
    /// What became of commands.
    pub push_results: String,
    /// Commands that cannot be understood.
    pub push_dlq: String,
}

impl Topics {
    /// All of them.
    pub fn all(&self) -> [&str; 10] {
        [
            &self.orders,
            &self.refunds,
            &self.shipments,
            &self.stock_observations,
            &self.settlements,
            &self.quarantine,
            &self.stock_commands,
            &self.waybill_commands,
            &self.push_results,
            &self.push_dlq,
        ]
    }
}

/// Where claims, watermarks and tokens are remembered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `memory`, or a reference to or a literal `redis://` URL without a password.
    pub url: String,
    /// URL with a password, as a reference; wins over `url`.
    pub secret_url: Option<SecretRef>,
    /// Prefix of every key.
    pub prefix: String,
    /// Time after which a claim counts as failed and Redis as away for this order.
    pub timeout_ms: u64,
}

/// The road every order takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Time in which a delivery is answered, whatever happens behind it.
    pub deadline_ms: u64,
    /// Life of a claim.
    pub lease_ms: u64,
    /// Time that a published event id is remembered; longer than any channel redelivers.
    pub remember_secs: u64,
    /// Published ids that this process remembers itself.
    pub remember_local: usize,
    /// What happens while the store is away: `open` publishes without dedup and says so, `closed` refuses.
    pub store_away: StoreAway,
    /// Most orders that travel together.
    pub batch_max: NonZeroUsize,
    /// Longest time that an order waits for company while others are on their way.
    pub batch_wait_us: u64,
    /// Orders that may wait; when it is full, senders are told to come back.
    pub queue: NonZeroUsize,
}

/// What happens while the store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreAway {
    /// Publish without dedup, mark the record.
    Open,
    /// Refuse with 503.
    Closed,
}

/// Reading what was not pushed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Pause between two windows once a shop is caught up.
    pub interval_ms: u64,
    /// Every window begins this much before the watermark.
    pub overlap_secs: u64,
    /// Every window ends this much before now: records become visible late.
    pub settle_secs: u64,
    /// Longest window, below the channel's own limit.
    pub window_secs: u64,
    /// How far back a shop without a watermark begins.
    pub lookback_secs: u64,
    /// Records of one page that are hydrated at once.
    pub hydrate_parallel: NonZeroUsize,
    /// Shops that are polled at once.
    pub shops_parallel: NonZeroUsize,
}

/// Messages over connections that channels offer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Messages of one connection that are not settled; at the bound nothing more is read from it.
    pub in_flight: NonZeroUsize,
    /// Records of one connection that are read and published at once.
    pub parallel: NonZeroUsize,
    /// Time for a message; then the channel is told to send it again.
    pub deadline_ms: u64,
    /// Pause before a connection is opened again; doubled with each failure.
    pub reconnect_ms: u64,
}

/// Carrying stock and waybills back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// Whether command topics are consumed.
    pub enabled: bool,
    /// Commands that may wait in this process; when it is full, consuming pauses.
    pub queue: NonZeroUsize,
    /// Tries of a command whose channel is away, before it is reported as `unknown`.
    pub tries: NonZeroU32,
    /// Calls in a minute that read told stock levels of one shop back; 0 is none.
    pub read_back_per_minute: u32,
    /// Time from telling a level to reading it back.
    pub read_back_after_secs: u64,
    /// Days for which it is remembered what was told to channels about parcels, and that orders are held.
    pub journal_days: NonZeroU32,
    /// How superseded stock commands are reported.
    pub superseded: Superseded,
}

/// How superseded stock commands are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Superseded {
    /// Each by a result of its own.
    Each,
    /// Those of one shop that ended within a tenth of a second by one result, which names all.
    Together,
}

impl Push {
    /// How long it is remembered what was told to channels, and that orders are held.
    pub fn journal_life(&self) -> Duration {
        Duration::from_hours(24).saturating_mul(self.journal_days.get())
    }
}

/// Calling channels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Time for one call, from connecting to the last byte.
    pub timeout_ms: u64,
    /// Largest answer.
    pub answer_limit_bytes: usize,
    /// Tries of a call that may be repeated.
    pub tries: NonZeroU32,
    /// Processes of this gateway. While the store is away, each keeps to its part of the limits.
    pub processes: NonZeroU32,
    /// Part of a day's quota that less urgent calls leave to the evening, from 18:00 to midnight in China.
    pub evening_reserve_percent: u8,
    /// Private networks that may be called nevertheless, like `127.0.0.0/8`.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Whether `http://` base URLs are allowed outside `allow_networks`.
    pub allow_plain_http: bool,
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Filter, like `info` or `channel_gateway=debug`.
    pub log: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What all shops of a channel share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Base URL of the channel's API.
    pub base_url: Option<String>,
    /// Address of the channel's message stream.
    pub stream_url: Option<String>,
    /// Public id of the application.
    pub app_key: Option<String>,
    /// Secret of the application.
    pub app_secret: Option<SecretRef>,
    /// Limits that all shops of the application share, by API name; `"*"` is for all APIs together.
    #[serde(default)]
    pub app_limits: BTreeMap<String, Limit>,
}

/// One shop. What it leaves out comes from its channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shop {
    /// Channel, as in the registry.
    pub channel: String,
    /// Id of the shop at the channel.
    pub id: String,
    /// What to do for it: `webhooks`, `stream`, `orders`, `refunds`, `stock`, `waybills`.
    pub enable: Vec<String>,
    /// Base URL of the channel's API for this shop.
    pub base_url: Option<String>,
    /// Address of the channel's message stream for this shop.
    pub stream_url: Option<String>,
    /// Public id of the application.
    pub app_key: Option<String>,
    /// Secret of the application.
    pub app_secret: Option<SecretRef>,
    /// Token of the shop.
    pub token: Option<SecretRef>,
    /// What renews the token.
    pub refresh_token: Option<SecretRef>,
    /// Secrets that inbound deliveries are signed with; the first is the current one.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretRef>,
    /// Lower limits than the channel documents, by API name.
    #[serde(default)]
    pub limits: BTreeMap<String, Limit>,
    /// What the channel is told of a level that the ERP commands; the first rule that fits a SKU applies.
    #[serde(default)]
    pub stock_rules: Vec<StockRule>,
    /// Settings of the connector.
    #[serde(default)]
    pub settings: toml::Table,
}

/// What a shop may sell of a level.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockRule {
    /// Pattern of SKU ids: `*` is any characters, `?` is one.
    #[serde(default = "any_sku")]
    pub sku: String,
    /// Units that are kept back.
    #[serde(default)]
    pub safety_stock: u32,
    /// Percent of what is left that this shop may sell, 0 to 100.
    #[serde(default = "all_of_it")]
    pub share_percent: u32,
    /// Most units that the channel is told.
    #[serde(default)]
    pub cap: Option<u32>,
    /// The channel is told 0, whatever the level is.
    #[serde(default)]
    pub pause: bool,
}

fn any_sku() -> String {
    "*".to_owned()
}

fn all_of_it() -> u32 {
    100
}

/// A limit of calls.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls in a second.
    pub per_second: NonZeroU32,
    /// Calls at once after a pause.
    pub burst: NonZeroU32,
    /// Calls in a day, from midnight to midnight in China; none where nobody counts them.
    pub per_day: Option<NonZeroU32>,
}
