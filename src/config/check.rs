//! What settings must be to each other. Returns every problem, not the first.

use super::plan::Plan;
use super::problem::Problem;
use super::{Config, SecretRef, check_shops};
use connectors::contract::Secret;
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Everything is embedded in the process when Kafka and the store are.
pub(super) const EMBEDDED: &str = "embedded";
pub(super) const MEMORY: &str = "memory";
/// SIGTERM to exit takes at most half a minute; the drain of requests is one part of it.
const LONGEST_DRAIN_MS: u64 = 20_000;
/// More than a call a second and shop is no sample.
const MOST_READ_BACK: u32 = 60;
/// A sealed copy of a body must fit a record of the quarantine, which takes 4 MiB.
const LARGEST_BODY_BYTES: usize = 3 << 20;
const LARGEST_RESERVE_PERCENT: u8 = 90;
/// More than any machine has room for, and less than what ends the process at the start.
const MOST_AT_ONCE: usize = 10_000_000;
/// What librdkafka sends in one request.
const LARGEST_BATCH: usize = 10_000;
/// librdkafka properties that the promises stand on, or that other settings say.
const OURS: [&str; 9] = [
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
];
const SECRET_WORDS: [&str; 4] = ["password", "secret", "sasl.jaas", "ssl.key.pem"];

/// Judges settings. A plan is there only when no problem is more than a warning.
pub(super) fn check(config: Config, dev: bool, problems: &mut Vec<Problem>) -> Option<Plan> {
    let secrets = Secrets { dev };
    listen(&config, problems);
    let kafka_secrets = kafka(&config, &secrets, problems);
    let redis_url = store(&config, &secrets, problems);
    times(&config, problems);
    reserve(&config, problems);
    sizes(&config, problems);
    let networks = networks(&config, problems);
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.telemetry.log) {
        problems.push(Problem::new("telemetry.log", format!("not a filter: {error}")));
    }
    let sealing_key = sealing_key(&config, &secrets, problems);
    let admin_token = secrets.get("admin.token", config.admin.token.as_ref(), problems);
    let shops = check_shops::check(&config, &secrets, &networks, problems);
    if problems.iter().any(|problem| !problem.is_warning) {
        return None;
    }
    // Everything that is said of shops is in their plans now; there may be ten thousand.
    let config = Config { shops: Vec::new(), ..config };
    Some(Plan { config, sealing_key, admin_token, redis_url, kafka_secrets, networks, shops })
}

/// Resolves references, and knows whether secrets that everybody knows are welcome.
#[derive(Debug)]
pub(super) struct Secrets {
    dev: bool,
}

impl Secrets {
    pub(super) fn get(
        &self,
        key: &str,
        reference: Option<&SecretRef>,
        problems: &mut Vec<Problem>,
    ) -> Option<Secret> {
        let reference = reference?;
        if matches!(reference, SecretRef::Dev(_)) && !self.dev {
            let text = "expected `env:NAME` or `file:PATH`; `dev:` secrets are known to everybody and need --dev";
            problems.push(Problem::new(key, text));
            return None;
        }
        match reference.resolve() {
            Ok(secret) => Some(secret),
            Err(message) => {
                problems.push(Problem::new(key, message));
                None
            }
        }
    }
}

fn listen(config: &Config, problems: &mut Vec<Problem>) {
    let listen = &config.listen;
    match (&listen.tls_cert, &listen.tls_key) {
        (Some(certificate), Some(key)) => {
            for (name, path) in [("listen.tls_cert", certificate), ("listen.tls_key", key)] {
                if let Err(error) = std::fs::metadata(path) {
                    problems.push(Problem::new(name, format!("{}: {error}", path.display())));
                }
            }
        }
        (Some(_), None) => {
            problems
                .push(Problem::new("listen.tls_key", "TLS needs the key beside the certificate"));
        }
        (None, Some(_)) => {
            problems
                .push(Problem::new("listen.tls_cert", "TLS needs the certificate beside the key"));
        }
        (None, None) => {}
    }
    if listen.body_limit_bytes == 0 || listen.body_limit_bytes > listen.body_budget_bytes {
        let text = "must be at least 1 and not more than listen.body_budget_bytes";
        problems.push(Problem::new("listen.body_limit_bytes", text));
    }
    if listen.body_limit_bytes > LARGEST_BODY_BYTES {
        let text =
            format!("must be at most {LARGEST_BODY_BYTES}: a sealed copy has to fit a record");
        problems.push(Problem::new("listen.body_limit_bytes", text));
    }
    for (key, value) in [
        ("listen.header_timeout_ms", listen.header_timeout_ms),
        ("listen.body_timeout_ms", listen.body_timeout_ms),
        ("listen.idle_timeout_ms", listen.idle_timeout_ms),
        ("intake.deadline_ms", config.intake.deadline_ms),
        ("intake.lease_ms", config.intake.lease_ms),
        ("intake.remember_secs", config.intake.remember_secs),
        ("store.timeout_ms", config.store.timeout_ms),
        ("stream.deadline_ms", config.stream.deadline_ms),
        ("stream.reconnect_ms", config.stream.reconnect_ms),
        ("poll.interval_ms", config.poll.interval_ms),
        ("poll.window_secs", config.poll.window_secs),
        ("egress.timeout_ms", config.egress.timeout_ms),
    ] {
        if value == 0 {
            problems.push(Problem::new(key, "must be more than 0"));
        }
    }
    if listen.drain_timeout_ms > LONGEST_DRAIN_MS {
        let text =
            format!("must be at most {LONGEST_DRAIN_MS}, so that the process ends within 30 s");
        problems.push(Problem::new("listen.drain_timeout_ms", text));
    }
    let (public, admin) = (listen.address, config.admin.address);
    let meet =
        public.ip() == admin.ip() || [public, admin].iter().any(|one| one.ip().is_unspecified());
    if meet && public.port() == admin.port() && public.port() != 0 {
        problems.push(Problem::new("admin.address", "is the address of the public listener"));
    }
}

fn kafka(config: &Config, secrets: &Secrets, problems: &mut Vec<Problem>) -> Vec<(String, Secret)> {
    let kafka = &config.kafka;
    if kafka.bootstrap.trim().is_empty() {
        problems.push(Problem::new("kafka.bootstrap", "name at least one broker, or `embedded`"));
    }
    if kafka.group.is_empty() {
        problems.push(Problem::new("kafka.group", "name the group that reads commands"));
    }
    let topics = kafka.topics.all();
    let valid = |topic: &str| {
        let of_letters = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !topic.is_empty() && topic.len() <= 249 && topic.bytes().all(of_letters)
    };
    if !topics.iter().all(|topic| valid(topic)) {
        let text = "a topic is 1 to 249 letters, digits, dots, underscores and hyphens";
        problems.push(Problem::new("kafka.topics", text));
    }
    if BTreeSet::from(topics).len() != topics.len() {
        problems.push(Problem::new("kafka.topics", "two topics have one name"));
    }
    for name in kafka.properties.keys().filter(|name| OURS.contains(&name.as_str())) {
        let text = "the gateway sets this itself: its promises stand on it";
        problems.push(Problem::new(format!("kafka.properties.{name:?}"), text));
    }
    let protocol = kafka.properties.get("security.protocol").map(|value| value.to_lowercase());
    if protocol.is_some_and(|protocol| protocol.ends_with("ssl")) && !cfg!(feature = "kafka-tls") {
        let text = "this build has no TLS to Kafka; build with --features kafka-tls";
        problems.push(Problem::new("kafka.properties.\"security.protocol\"", text));
    }
    for name in kafka.properties.keys() {
        if SECRET_WORDS.iter().any(|word| name.contains(word)) {
            let text = "this is a secret: write it under [kafka.secret_properties] as a reference";
            problems.push(Problem::new(format!("kafka.properties.{name:?}"), text));
        }
    }
    let resolve = |(name, reference): (&String, &SecretRef)| {
        let key = format!("kafka.secret_properties.{name:?}");
        Some((name.clone(), secrets.get(&key, Some(reference), problems)?))
    };
    kafka.secret_properties.iter().filter_map(resolve).collect()
}

fn store(config: &Config, secrets: &Secrets, problems: &mut Vec<Problem>) -> Option<Secret> {
    let store = &config.store;
    let secret = secrets.get("store.secret_url", store.secret_url.as_ref(), problems);
    if store.secret_url.is_some() {
        let is_tls = secret.as_ref().is_some_and(|url| url.expose().starts_with(b"rediss://"));
        if is_tls {
            let text = "this build has no TLS to Redis; put a TLS tunnel in between";
            problems.push(Problem::new("store.secret_url", text));
        }
        return secret;
    }
    if store.url == MEMORY {
        if config.kafka.bootstrap != EMBEDDED {
            let text = "claims, watermarks and tokens are forgotten at exit, and other instances do not see them";
            problems.push(Problem::warning("store.url", text));
        }
        return None;
    }
    if store.url.starts_with("rediss://") {
        let text = "this build has no TLS to Redis; put a TLS tunnel in between";
        problems.push(Problem::new("store.url", text));
        return None;
    }
    let scheme = ["redis://", "unix://", "redis+unix://"];
    if !scheme.iter().any(|scheme| store.url.starts_with(scheme)) {
        problems.push(Problem::new("store.url", "expected redis://HOST:PORT or `memory`"));
        return None;
    }
    if store.url.contains('@') {
        let text = "a URL with a password is a secret: write it as store.secret_url = \"env:NAME\"";
        problems.push(Problem::new("store.url", text));
        return None;
    }
    Some(Secret::new(store.url.as_bytes()))
}

fn times(config: &Config, problems: &mut Vec<Problem>) {
    let intake = &config.intake;
    if config.store.timeout_ms >= intake.deadline_ms {
        problems.push(Problem::new("store.timeout_ms", "must be less than intake.deadline_ms"));
    }
    if intake.lease_ms <= intake.deadline_ms {
        let text =
            "must be more than intake.deadline_ms: a claim outlives the delivery that made it";
        problems.push(Problem::new("intake.lease_ms", text));
    }
    if intake.remember_secs.saturating_mul(1000) <= intake.lease_ms {
        let text = "must be longer than intake.lease_ms";
        problems.push(Problem::new("intake.remember_secs", text));
    }
    if intake.remember_secs < 86_400 {
        let text = "less than a day: what a channel redelivers later is published again";
        problems.push(Problem::warning("intake.remember_secs", text));
    }
    if config.poll.overlap_secs < config.poll.settle_secs {
        let text = "less than poll.settle_secs: records that become visible late may be missed";
        problems.push(Problem::warning("poll.overlap_secs", text));
    }
    if config.poll.window_secs <= config.poll.overlap_secs {
        let text = "must be more than poll.overlap_secs, or no window gets ahead";
        problems.push(Problem::new("poll.window_secs", text));
    }
    if config.push.read_back_per_minute > MOST_READ_BACK {
        let text = "at most 60: it is a sample, and what a channel allows is for orders and levels";
        problems.push(Problem::new("push.read_back_per_minute", text));
    }
    if config.push.read_back_after_secs > 86_400 {
        let text = "more than a day: what a channel sold meanwhile hides every difference";
        problems.push(Problem::new("push.read_back_after_secs", text));
    }
}

fn reserve(config: &Config, problems: &mut Vec<Problem>) {
    if config.egress.evening_reserve_percent > LARGEST_RESERVE_PERCENT {
        let text = format!(
            "must be at most {LARGEST_RESERVE_PERCENT}: stock is set before the evening too"
        );
        problems.push(Problem::new("egress.evening_reserve_percent", text));
    }
}

fn sizes(config: &Config, problems: &mut Vec<Problem>) {
    let Config { listen, intake, poll, stream, push, .. } = config;
    for (key, value, most) in [
        ("listen.max_connections", listen.max_connections.get(), MOST_AT_ONCE),
        ("listen.max_in_flight", listen.max_in_flight.get(), MOST_AT_ONCE),
        ("intake.remember_local", intake.remember_local, MOST_AT_ONCE),
        ("intake.batch_max", intake.batch_max.get(), LARGEST_BATCH),
        ("intake.queue", intake.queue.get(), MOST_AT_ONCE),
        ("poll.hydrate_parallel", poll.hydrate_parallel.get(), MOST_AT_ONCE),
        ("poll.shops_parallel", poll.shops_parallel.get(), MOST_AT_ONCE),
        ("stream.in_flight", stream.in_flight.get(), MOST_AT_ONCE),
        ("stream.parallel", stream.parallel.get(), MOST_AT_ONCE),
        ("push.queue", push.queue.get(), MOST_AT_ONCE),
    ] {
        if value > most {
            problems.push(Problem::new(key, format!("must be at most {most}")));
        }
    }
}

fn networks(config: &Config, problems: &mut Vec<Problem>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (index, text) in config.egress.allow_networks.iter().enumerate() {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let key = format!("egress.allow_networks[{index}]");
                problems.push(Problem::new(key, "expected a network like 10.1.0.0/16"));
            }
        }
    }
    networks
}

fn sealing_key(config: &Config, secrets: &Secrets, problems: &mut Vec<Problem>) -> Option<Secret> {
    let key = secrets.get("sealing_key", config.sealing_key.as_ref(), problems);
    let everything_embedded = config.kafka.bootstrap == EMBEDDED && config.store.url == MEMORY;
    if config.sealing_key.is_none() && !everything_embedded {
        let text =
            "needed: it seals what is kept of bad deliveries; make one with `openssl rand -hex 32`";
        problems.push(Problem::new("sealing_key", text));
    }
    if let Some(key) = &key {
        let is_hex = key.expose().len() == 64 && key.expose().iter().all(u8::is_ascii_hexdigit);
        if !is_hex {
            problems
                .push(Problem::new("sealing_key", "expected 32 bytes as 64 hexadecimal digits"));
        }
    }
    key
}
