//! A gateway on real Redis and Kafka, with topics and a key prefix of its own.

use super::{Partner, RawRecord, Seen, Topic, kafka, redis_url, unique};
use channel_gateway::app::App;
use channel_gateway::config;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::net::SocketAddr;

/// Known to everybody, as everything in tests.
pub(crate) const SECRET: &str = "whsec_Y2hhbm5lbC1nYXRld2F5LXRlc3Qtc2VjcmV0LTAwMDE=";
const TOPICS: [&str; 10] = [
    "orders",
    "refunds",
    "shipments",
    "stock_observations",
    "settlements",
    "quarantine",
    "stock_commands",
    "waybill_commands",
    "push_results",
    "push_dlq",
];
const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What a test wants different, and the names that are its own.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) name: String,
    redis: String,
    kafka: String,
    more: String,
    shops: String,
}

/// A running gateway in this process.
pub(crate) struct Gateway {
    pub(crate) app: App,
    pub(crate) setup: Setup,
}

impl Setup {
    /// Topics, group and key prefix begin with a unique name.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            name: unique(prefix),
            redis: redis_url(),
            kafka: kafka(),
            more: String::new(),
            shops: String::new(),
        }
    }

    /// Another way to Redis.
    pub(crate) fn redis(mut self, url: impl Into<String>) -> Self {
        self.redis = url.into();
        self
    }

    /// Another way to Kafka.
    pub(crate) fn kafka(mut self, bootstrap: impl Into<String>) -> Self {
        self.kafka = bootstrap.into();
        self
    }

    /// Lines like `intake.deadline_ms = 500`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }

    /// Polls every fifth of a second, up to a second before now.
    pub(crate) fn polls_quickly(self) -> Self {
        self.with("poll.interval_ms = 200")
            .with("poll.settle_secs = 1")
            .with("poll.overlap_secs = 5")
            .with("poll.lookback_secs = 60")
    }

    /// A `[[shops]]` table.
    pub(crate) fn shop(mut self, table: &str) -> Self {
        self.shops.push_str("[[shops]]\n");
        self.shops.push_str(table);
        self.shops.push('\n');
        self
    }

    /// A partner shop that takes webhooks.
    pub(crate) fn partner(self, shop: &str) -> Self {
        self.shop(&format!(
            "channel = \"partner\"\nid = \"{shop}\"\nenable = [\"webhooks\"]\nwebhook_secrets = [\"dev:{SECRET}\"]"
        ))
    }

    /// The config file. Secrets in it are `dev:` ones, so it runs with `--dev`.
    pub(crate) fn config(&self) -> String {
        let Self { name, redis, kafka, more, shops } = self;
        let defaults = format!(
            "listen.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n\
             sealing_key = \"dev:{SEALING_KEY}\"\nstore.url = \"{redis}\"\nstore.prefix = \"{name}:\"\n\
             store.timeout_ms = 1000\nkafka.bootstrap = \"{kafka}\"\nkafka.group = \"{name}\"\n\
             kafka.create_partitions = 4\ntelemetry.log = \"warn\"\n"
        );
        let key = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
        let own: Vec<String> = more.lines().map(key).collect();
        let mut text = String::new();
        for line in defaults.lines().filter(|line| !own.contains(&key(line))).chain(more.lines()) {
            text.push_str(line);
            text.push('\n');
        }
        for topic in TOPICS {
            let name = self.topic_name(topic);
            text.push_str(&["kafka.topics.", topic, " = \"", &name, "\"\n"].concat());
        }
        text + shops
    }

    pub(crate) fn topic_name(&self, topic: &str) -> String {
        format!("{}.{topic}", self.name)
    }

    /// A reader of one of this test's topics, from its beginning.
    pub(crate) fn topic(&self, topic: &str) -> Topic {
        Topic::read(&kafka(), &self.topic_name(topic))
    }

    /// Everything in one of this test's topics now.
    pub(crate) async fn everything(&self, topic: &str) -> Vec<Seen> {
        super::topic::everything(&kafka(), &self.topic_name(topic)).await
    }

    /// Everything in one of this test's topics now, whatever it is.
    pub(crate) async fn records(&self, topic: &str) -> Vec<RawRecord> {
        super::topic::raw_records(&kafka(), &self.topic_name(topic)).await
    }

    /// Creates one of this test's topics as Kafka creates one of which nothing is said.
    pub(crate) async fn create_plain(&self, topic: &str) {
        let client: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", kafka()).create().unwrap();
        let name = self.topic_name(topic);
        let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
        let created = client.create_topics([&topic], &AdminOptions::new()).await.unwrap();
        assert!(created.iter().all(Result::is_ok), "{created:?}");
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Gateway {
        let (plan, problems) = config::plan(true, Some(&self.config()));
        let app = App::start(plan.unwrap_or_else(|| panic!("{problems:#?}"))).await.unwrap();
        Gateway { app, setup: self }
    }
}

impl Gateway {
    /// A partner that signs with the shop's secret.
    pub(crate) fn partner(&self, shop: &str) -> Partner {
        Partner::new(self.address(), shop, SECRET)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.app.address()
    }

    pub(crate) fn topic(&self, topic: &str) -> Topic {
        self.setup.topic(topic)
    }

    /// Everything in one of this test's topics now.
    pub(crate) async fn everything(&self, topic: &str) -> Vec<Seen> {
        self.setup.everything(topic).await
    }

    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}
