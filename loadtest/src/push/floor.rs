//! The bare road of stock commands: the least that reading commands and writing a result for each costs with these libraries.
//!
//! One typed parse, the newest version of each SKU in a map, one result of the gateway's own type with as many headers,
//! by an idempotent producer. No calls, no limits, no waiting, no offsets that follow the results.

use super::commands::hand_over;
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::push::{Kind, Outcome, PushResult, StockCommand};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message};
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the bare road of stock commands that the gateway is compared with.
///
/// Reads commands and says of each that a newer one came, until SIGTERM.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Takes connections here and says nothing: who connects knows that it runs
    #[arg(long)]
    listen: SocketAddr,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: String,
    /// Topic of the commands
    #[arg(long)]
    commands: String,
    /// Topic of the results; it must exist
    #[arg(long)]
    results: String,
}

struct Floor {
    producer: ThreadedProducer<DefaultProducerContext>,
    newest: HashMap<String, u64>,
    results: String,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        carried = carry(&args) => carried,
        () = answer(&listener) => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn answer(listener: &TcpListener) {
    while listener.accept().await.is_ok() {}
}

/// Settings are the gateway's.
async fn carry(args: &Args) -> anyhow::Result<()> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &args.kafka).set("client.id", "floor");
    let consumer: StreamConsumer = settings
        .clone()
        .set("group.id", &args.results)
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.message.max.bytes", "262144")
        .set("fetch.queue.backoff.ms", "10")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[&args.commands])?;
    let producer = settings
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("batch.num.messages", "10000")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "200000")
        .set("queue.buffering.max.kbytes", "262144")
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        .create()?;
    let mut floor = Floor { producer, newest: HashMap::new(), results: args.results.clone() };
    loop {
        let message = consumer.recv().await?;
        floor.settle(&message).await?;
    }
}

impl Floor {
    async fn settle(&mut self, message: &BorrowedMessage<'_>) -> anyhow::Result<()> {
        let command: StockCommand<'_> =
            serde_json::from_slice(message.payload().unwrap_or_default())?;
        let newest = self.newest.entry(command.sku_id.clone()).or_default();
        *newest = command.version.max(*newest);
        let at = SystemClock.now();
        let result = PushResult {
            push_id: format!("{}/{}/{}", message.topic(), message.partition(), message.offset()),
            kind: Kind::Stock,
            channel: command.channel.into_owned(),
            shop: command.shop.into_owned(),
            object_id: command.sku_id,
            version: Some(command.version),
            available: None,
            number: None,
            outcome: Outcome::Superseded,
            error: None,
            tries: 0,
            at,
            also: Vec::new(),
        };
        let key = [&*result.channel, ":", &*result.shop, ":", &*result.object_id].concat();
        let payload = serde_json::to_vec(&result)?;
        let time = at.to_string();
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &result.push_id),
            ("ce_source", "/push"),
            ("ce_type", "push.result.v1"),
            ("ce_time", &time),
            ("ce_subject", &result.object_id),
            ("content-type", "application/json"),
            ("outcome", result.outcome.as_str()),
        ];
        let owned = OwnedHeaders::new_with_capacity(headers.len());
        let headers = headers.into_iter().fold(owned, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let record = BaseRecord::to(&self.results)
            .key(key.as_str())
            .payload(payload.as_slice())
            .headers(headers);
        hand_over(&self.producer, record).await
    }
}
