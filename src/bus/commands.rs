//! The consumer of command topics. Offsets are stored by hand, after everything before them is settled.

use super::offsets::Offsets;
use super::producer::client_config;
use super::{Commands, Position, RawCommand, ReadError};
use crate::config::Kafka;
use async_trait::async_trait;
use connectors::contract::Secret;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientContext, Message, Statistics};
use std::fmt;
use std::sync::Arc;

#[derive(Default)]
struct Assignments {
    offsets: Arc<Offsets>,
}

impl ClientContext for Assignments {
    fn stats(&self, _: Statistics) {}
}

impl ConsumerContext for Assignments {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            for partition in partitions.elements() {
                self.offsets.forget(partition.topic(), partition.partition());
            }
        }
    }
}

/// Reads commands from Kafka as a member of a consumer group.
pub struct KafkaCommands {
    consumer: StreamConsumer<Assignments>,
    offsets: Arc<Offsets>,
    topics: Vec<Arc<str>>,
}

impl KafkaCommands {
    /// Joins the group and subscribes.
    pub fn subscribe(
        bootstrap: &str,
        settings: &Kafka,
        secrets: &[(String, Secret)],
        topics: &[&str],
    ) -> KafkaResult<Self> {
        let offsets = Arc::<Offsets>::default();
        let mut config = client_config(bootstrap, settings, secrets);
        config
            .set("auto.commit.interval.ms", "1000")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "15000")
            .set("queued.max.messages.kbytes", "16384")
            .set("reconnect.backoff.max.ms", "1000");
        // The operator's word counts, but for what a promise hangs on.
        for (name, value) in &settings.properties {
            config.set(name, value);
        }
        let consumer: StreamConsumer<Assignments> = config
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "true")
            // Without this librdkafka stores an offset before the command is handed over, and a crash loses it.
            .set("enable.auto.offset.store", "false")
            .create_with_context(Assignments { offsets: Arc::clone(&offsets) })?;
        consumer.subscribe(topics)?;
        Ok(Self {
            consumer,
            offsets,
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        })
    }

    fn set_paused(&self, paused: bool) {
        let changed = self.consumer.assignment().and_then(|assignment| {
            if paused {
                self.consumer.pause(&assignment)
            } else {
                self.consumer.resume(&assignment)
            }
        });
        if let Err(error) = changed {
            tracing::warn!(%error, paused, "command partitions cannot be paused or resumed");
        }
    }
}

#[async_trait]
impl Commands for KafkaCommands {
    async fn next(&self) -> Result<RawCommand, ReadError> {
        let message = self.consumer.recv().await.map_err(|error| ReadError(error.to_string()))?;
        let topic = self.topics.iter().find(|topic| ***topic == *message.topic()).cloned();
        let position = Position {
            topic: topic.unwrap_or_else(|| Arc::from(message.topic())),
            partition: message.partition(),
            offset: message.offset(),
        };
        self.offsets.read(&position);
        Ok(RawCommand {
            position,
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
        })
    }

    fn settle(&self, position: &Position) {
        if let Some(offset) = self.offsets.settle(position)
            && let Err(error) =
                self.consumer.store_offset(&position.topic, position.partition, offset)
        {
            // The partition is somebody else's now, who will read the command again.
            tracing::debug!(%error, "offset not stored");
        }
    }

    fn pause(&self) {
        self.set_paused(true);
    }

    fn resume(&self) {
        self.set_paused(false);
    }
}

impl fmt::Debug for KafkaCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaCommands").field("topics", &self.topics).finish_non_exhaustive()
    }
}
