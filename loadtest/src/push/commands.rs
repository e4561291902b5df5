//! The commands of a run, and the way they get into Kafka.

use anyhow::Context;
use channel_gateway::push::StockCommand;
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::Duration;

/// SKUs of a listing, which is what the channel takes in one call.
pub(super) const LISTING: u64 = 20;
const FIRST_LISTING: u64 = 600_000_000_000;
const FIRST_SKU: u64 = 4_000_000_000_000;
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(20);

/// A level that the ERP commands: version `version` of SKU number `sku`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) sku: u64,
    pub(super) version: u64,
    pub(super) available: u32,
}

/// Which of so many shops has a SKU: a listing is in one shop.
pub(super) fn shop_of(sku: u64, shops: u64) -> u64 {
    sku / LISTING % shops.max(1)
}

/// The number of a SKU, from its id at the channel.
pub(super) fn number(id: &str) -> Option<u64> {
    id.parse::<u64>().ok()?.checked_sub(FIRST_SKU)
}

/// The id of a SKU at the channel.
pub(super) fn id(sku: u64) -> u64 {
    FIRST_SKU + sku
}

/// Puts commands into the topic of a run.
pub(super) struct Commands {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
    shops: u64,
}

impl Commands {
    pub(super) fn new(bootstrap: &str, topic: &str, shops: u64) -> anyhow::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("linger.ms", "2")
            .set("batch.num.messages", "10000")
            .set("compression.type", "lz4")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .create()?;
        Ok(Self { producer, topic: topic.to_owned(), shops })
    }

    /// Hands one over; waits while the producer is full.
    pub(super) async fn send(&self, level: Level) -> anyhow::Result<()> {
        let shop = format!("s{}", shop_of(level.sku, self.shops));
        let sku_id = id(level.sku).to_string();
        let key = ["taobao:", &shop, ":", &sku_id].concat();
        let command = StockCommand {
            channel: "taobao".into(),
            shop: shop.into(),
            sku_id,
            product_id: Some((FIRST_LISTING + level.sku / LISTING).to_string()),
            available: level.available,
            version: level.version,
        };
        let payload = serde_json::to_vec(&command)?;
        let record = BaseRecord::to(&self.topic).key(key.as_str()).payload(payload.as_slice());
        hand_over(&self.producer, record).await
    }

    /// Waits until Kafka has all of them.
    pub(super) async fn flush(&self) -> anyhow::Result<()> {
        let producer = self.producer.clone();
        tokio::task::spawn_blocking(move || producer.flush(PATIENCE)).await??;
        Ok(())
    }
}

/// Gives a producer a record; waits while it is full.
pub(super) async fn hand_over(
    producer: &ThreadedProducer<DefaultProducerContext>,
    mut record: BaseRecord<'_, str, [u8]>,
) -> anyhow::Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back))
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
            {
                record = back;
                tokio::time::sleep(PAUSE).await;
            }
            Err((error, _)) => return Err(error).context("a record cannot be sent"),
        }
    }
}
