//! The composition: builds every room, hands out handles, and knows in which order things start and stop.
//!
//! Start: way to Kafka and store, shops, intake, polling, streams, push-back, public listener. Stop: the public listener
//! drains, streams, pollers and lanes finish what is under way, the producer flushes, and the operators' listener goes last, so that
//! `/readyz` says "shutting down" for as long as it is true.

use crate::bus::{self, Embedded, KafkaCommands, KafkaPast, KafkaPublisher, Publisher};
use crate::clock::{Clock, SystemClock};
use crate::config::{Plan, ShopPlan};
use crate::egress::{self, Account, Guard, SharedLimits, ShopApi, Transport};
use crate::holds::Holds;
use crate::ingress::{self, Admin, Limits, Listener, Readiness, Webhooks};
use crate::intake::{self, Intake};
use crate::seal::Sealer;
use crate::shops::{Counters, Shop, Shops, WayOut};
use crate::shutdown::Shutdown;
use crate::store::{Dedup, Kv, Lives, MemoryStore, Notes, RedisStore, Slots, Versions};
use crate::telemetry::metrics::Metrics;
use crate::{poll, push, stream as streams};
use connectors::contract::Capability;
use futures_util::stream::{self, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Time for everything behind the listeners to finish after the stop.
const LONGEST_STOP: Duration = Duration::from_secs(25);
const LONGEST_FLUSH: Duration = Duration::from_secs(3);
const TOPICS_PAUSE: Duration = Duration::from_secs(2);
/// Shops whose stored tokens are read at once at the start.
const TOKENS_PARALLEL: usize = 64;
const EMBEDDED: &str = "embedded";

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be bound.
    #[error("{0} cannot be bound: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// librdkafka refuses the settings.
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// The store's URL is not one.
    #[error("store: {0}")]
    Store(#[from] crate::store::Error),
    /// Certificate and key do not serve.
    #[error("TLS: {0}")]
    Tls(String),
    /// The sealing key does not serve.
    #[error("sealing key: {0}")]
    Seal(#[from] crate::seal::Error),
    /// The HTTP client cannot be set up.
    #[error("calling channels: {0}")]
    Egress(#[from] connectors::contract::Error),
    /// Two metrics have one name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    admin: SocketAddr,
    bootstrap: String,
    metrics: Arc<Metrics>,
    publisher: Arc<KafkaPublisher>,
    shutdown: Shutdown,
    admin_shutdown: Shutdown,
    _embedded: Option<Embedded>,
}

/// The store, by what is asked of it.
type Stores = (Arc<dyn Dedup>, Arc<dyn Kv>, Arc<dyn Versions>, Option<Arc<dyn Slots>>);

/// What all rooms share.
struct Base {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    sealer: Sealer,
    dedup: Arc<dyn Dedup>,
    kv: Arc<dyn Kv>,
    versions: Arc<dyn Versions>,
    /// Shares limits with other processes; none where there are no others.
    slots: Option<Arc<dyn Slots>>,
    publisher: Arc<KafkaPublisher>,
    bootstrap: String,
}

impl App {
    /// Starts everything. Kafka and the store may be away: then the gateway is not ready, and becomes so.
    pub async fn start(plan: Plan) -> Result<Self, Error> {
        let (shutdown, admin_shutdown) = (Shutdown::default(), Shutdown::default());
        let embedded = match &*plan.config.kafka.bootstrap {
            EMBEDDED => Some(Embedded::start(&plan.config.kafka.topics)?),
            _ => None,
        };
        let base = base(&plan, embedded.as_ref())?;
        // Bound before anybody can hear "ready": from here on a connection waits instead of being refused.
        let listener = bind(plan.config.listen.address).await?;
        let admin = start_admin(&plan, &base, &shutdown, &admin_shutdown).await?;
        if embedded.is_none() {
            create_topics(&plan, &base.bootstrap, &shutdown).await;
        }
        let transport = transport(&plan)?;
        let shops = shops(&plan, &base, &transport, &shutdown).await;
        let config = &plan.config;
        let holds = holds(&plan, &base, &shutdown);
        let intake =
            Intake::open(&config.intake, &config.kafka.topics, base.intake(&holds), &shutdown);
        let polling = poll::Parts {
            intake: intake.clone(),
            store: Arc::clone(&base.kv),
            clock: Arc::clone(&base.clock),
            metrics: Arc::clone(&base.metrics),
        };
        poll::start(&config.poll, &shops, &polling, &shutdown);
        let listening = streams::Parts {
            intake: intake.clone(),
            transport,
            clock: Arc::clone(&base.clock),
            metrics: Arc::clone(&base.metrics),
        };
        streams::start(&config.stream, members(&plan, &shops), &listening, &shutdown);
        start_push(&plan, &base, &shops, &intake, holds, &shutdown)?;
        let webhooks = Webhooks::new(
            config,
            Arc::clone(&shops),
            intake,
            Arc::clone(&base.clock),
            Arc::clone(&base.metrics),
        );
        let address = start_public(&plan, &base, listener, webhooks, &shutdown)?;
        tracing::info!(%address, %admin, kafka = base.bootstrap, shops = plan.shops.len(), "started");
        Ok(Self {
            address,
            admin,
            bootstrap: base.bootstrap,
            metrics: base.metrics,
            publisher: base.publisher,
            shutdown,
            admin_shutdown,
            _embedded: embedded,
        })
    }

    /// Where channels call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators look.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where Kafka clients connect, also when the broker is embedded.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// All metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Stops: no accepted request is lost, and it takes at most 30 seconds.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.shutdown.stop();
        if tokio::time::timeout(LONGEST_STOP, self.shutdown.wait()).await.is_err() {
            tracing::warn!(
                "not everything finished in time; what was not acknowledged comes again"
            );
        }
        self.publisher.flush(LONGEST_FLUSH).await;
        self.admin_shutdown.stop();
        self.admin_shutdown.wait().await;
        tracing::info!("stopped");
    }
}

impl Base {
    fn intake(&self, holds: &Arc<Holds>) -> intake::Parts {
        intake::Parts {
            dedup: Arc::clone(&self.dedup),
            publisher: self.publisher(),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            sealer: self.sealer.clone(),
            holds: Arc::clone(holds),
        }
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::<KafkaPublisher>::clone(&self.publisher)
    }
}

fn base(plan: &Plan, embedded: Option<&Embedded>) -> Result<Base, Error> {
    let config = &plan.config;
    let metrics = Arc::new(Metrics::try_new()?);
    let sealer = match &plan.sealing_key {
        Some(key) => Sealer::try_new(key)?,
        None => Sealer::random()?,
    };
    let lives = Lives {
        timeout: Duration::from_millis(config.store.timeout_ms),
        lease: Duration::from_millis(config.intake.lease_ms),
        remember: Duration::from_secs(config.intake.remember_secs),
    };
    let (dedup, kv, versions, slots): Stores = match &plan.redis_url {
        Some(url) => {
            let store = RedisStore::connect(url.expose_str(), &config.store.prefix, lives)?;
            let store = Arc::new(store);
            (
                Arc::<RedisStore>::clone(&store),
                Arc::<RedisStore>::clone(&store),
                Arc::<RedisStore>::clone(&store),
                Some(store),
            )
        }
        None => {
            let store = Arc::new(MemoryStore::new(lives.lease));
            (Arc::<MemoryStore>::clone(&store), Arc::<MemoryStore>::clone(&store), store, None)
        }
    };
    let bootstrap = embedded.map_or_else(|| config.kafka.bootstrap.clone(), Embedded::bootstrap);
    let publisher =
        KafkaPublisher::new(&bootstrap, &config.kafka, &plan.kafka_secrets, Arc::clone(&metrics))?;
    Ok(Base {
        clock: Arc::new(SystemClock),
        metrics,
        sealer,
        dedup,
        kv,
        versions,
        slots,
        publisher: Arc::new(publisher),
        bootstrap,
    })
}

async fn start_admin(
    plan: &Plan,
    base: &Base,
    shutdown: &Shutdown,
    admin_shutdown: &Shutdown,
) -> Result<SocketAddr, Error> {
    let readiness = Readiness {
        publisher: base.publisher(),
        store: Arc::clone(&base.kv),
        store_optional: plan.config.intake.store_away == crate::config::StoreAway::Open,
        shutdown: shutdown.clone(),
    };
    let handler = Admin::new(readiness, Arc::clone(&base.metrics), plan.admin_token.clone());
    let listener = bind(plan.config.admin.address).await?;
    let address = listener.address();
    let limits = Limits::of_admin();
    // Connections of operators are few and not counted.
    let open = prometheus::IntGauge::new("uncounted", "connections of operators")?;
    let stop = admin_shutdown.clone();
    admin_shutdown.spawn(async move {
        listener.serve(limits, None, Arc::new(handler), open, &stop).await;
    });
    Ok(address)
}

fn start_public(
    plan: &Plan,
    base: &Base,
    listener: Listener,
    webhooks: Webhooks,
    shutdown: &Shutdown,
) -> Result<SocketAddr, Error> {
    let listen = &plan.config.listen;
    let tls = match (&listen.tls_cert, &listen.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(ingress::tls_acceptor(certificate, key).map_err(Error::Tls)?)
        }
        _ => None,
    };
    let address = listener.address();
    let (limits, open) = (Limits::of(listen), base.metrics.connections.clone());
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        listener.serve(limits, tls, Arc::new(webhooks), open, &stop).await;
    });
    Ok(address)
}

async fn bind(address: SocketAddr) -> Result<Listener, Error> {
    Listener::bind(address).await.map_err(|error| Error::Bind(address, error))
}

/// Tries once before the rooms start, and goes on in the background while Kafka is away.
async fn create_topics(plan: &Plan, bootstrap: &str, shutdown: &Shutdown) {
    if plan.config.kafka.create_partitions == 0 {
        return;
    }
    let (settings, secrets) = (plan.config.kafka.clone(), plan.kafka_secrets.clone());
    let Err(error) = bus::create_topics(bootstrap, &settings, &secrets).await else { return };
    tracing::warn!(%error, "kafka is away; topics are created when it is back");
    let (bootstrap, stop) = (bootstrap.to_owned(), shutdown.clone());
    shutdown.spawn(async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(TOPICS_PAUSE) => {}
            }
            if bus::create_topics(&bootstrap, &settings, &secrets).await.is_ok() {
                return;
            }
        }
    });
}

fn transport(plan: &Plan) -> Result<Transport, Error> {
    let egress = &plan.config.egress;
    let timeout = Duration::from_millis(egress.timeout_ms);
    Ok(Transport::new(Guard::new(&plan.networks), timeout, egress.answer_limit_bytes)?)
}

async fn shops(plan: &Plan, base: &Base, transport: &Transport, shutdown: &Shutdown) -> Arc<Shops> {
    let limits = Arc::new(SharedLimits::new(
        base.slots.clone(),
        &plan.config.egress,
        Arc::clone(&base.clock),
        Arc::clone(&base.metrics),
    ));
    let shared = egress::Shared {
        transport: transport.clone(),
        store: Arc::clone(&base.kv),
        limits: Arc::clone(&limits),
        sealer: base.sealer.clone(),
        tries: plan.config.egress.tries.get(),
        clock: Arc::clone(&base.clock),
        metrics: Arc::clone(&base.metrics),
    };
    let shops = stream::iter(&plan.shops)
        .map(|shop| build_shop(shop, &shared, &base.metrics))
        .buffer_unordered(TOKENS_PARALLEL)
        .collect::<Vec<Arc<Shop>>>()
        .await;
    limits.watch(shutdown);
    Arc::new(Shops::new(shops))
}

/// The shops whose messages come by a stream.
fn members(plan: &Plan, shops: &Shops) -> Vec<streams::Member> {
    let streaming = plan.shops.iter().filter(|shop| shop.enabled.contains(&Capability::Stream));
    let member = |plan: &ShopPlan| {
        let shop = Arc::clone(shops.find(plan.entry.channel, plan.id.as_str())?);
        let (url, secret) = (plan.stream_url.clone(), plan.app_secret.clone());
        Some(streams::Member { shop, url, secret })
    };
    streaming.filter_map(member).collect()
}

async fn build_shop(plan: &ShopPlan, shared: &egress::Shared, metrics: &Metrics) -> Arc<Shop> {
    let account = Account {
        shop: plan.id.clone(),
        base_url: plan.base_url.clone(),
        app_key: plan.app_key.clone(),
        app_secret: plan.app_secret.clone(),
        token: plan.token.clone(),
        limits: plan.limits.clone(),
        app_limits: plan.app_limits.clone(),
    };
    let api = ShopApi::new(plan.entry, Arc::clone(&plan.connector), account, shared.clone());
    api.load_token().await;
    let api: Arc<dyn WayOut> = Arc::new(api);
    Arc::new(Shop {
        channel: plan.entry.channel,
        id: plan.id.clone(),
        connector: Arc::clone(&plan.connector),
        keys: plan.keys.clone(),
        stock_rules: plan.stock_rules.clone(),
        enabled: plan.enabled.clone(),
        api,
        app_key: plan.app_key.clone(),
        counters: Counters::of(metrics, plan.entry.channel),
    })
}

fn holds(plan: &Plan, base: &Base, shutdown: &Shutdown) -> Arc<Holds> {
    let (store, metrics) = (Arc::clone(&base.kv), Arc::clone(&base.metrics));
    let life = plan.config.push.journal_life();
    let notes = Notes::new(store, "hold", life, Arc::clone(&metrics));
    Holds::start(notes, metrics, shutdown)
}

/// Commands are read only where some shop takes them.
fn start_push(
    plan: &Plan,
    base: &Base,
    shops: &Arc<Shops>,
    intake: &Intake,
    holds: Arc<Holds>,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let takes = |shop: &Arc<Shop>| shop.does(Capability::Stock) || shop.does(Capability::Waybills);
    if !plan.config.push.enabled || !shops.iter().any(takes) {
        return Ok(());
    }
    let topics = &plan.config.kafka.topics;
    let commands = KafkaCommands::subscribe(
        &base.bootstrap,
        &plan.config.kafka,
        &plan.kafka_secrets,
        &[&topics.stock_commands, &topics.waybill_commands],
    )?;
    let parts = push::Parts {
        commands: Arc::new(commands),
        publisher: base.publisher(),
        shops: Arc::clone(shops),
        store: Arc::clone(&base.kv),
        holds,
        clock: Arc::clone(&base.clock),
        metrics: Arc::clone(&base.metrics),
        sealer: base.sealer.clone(),
        versions: Arc::clone(&base.versions),
        past: Arc::new(KafkaPast::new(
            &base.bootstrap,
            &plan.config.kafka,
            &plan.kafka_secrets,
            &topics.stock_commands,
        )),
        intake: intake.clone(),
    };
    push::start(&plan.config.push, topics, &parts, shutdown);
    Ok(())
}
