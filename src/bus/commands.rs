//! The consumer of command topics. Offsets are stored by hand, after everything before them is settled.

use super::offsets::Offsets;
use super::producer::client_config;
use super::{Commands, Position, RawCommand, ReadError};
use crate::config::Kafka;
use async_trait::async_trait;
use connectors::contract::Secret;
use futures_util::{FutureExt, StreamExt};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, ClientContext, Message, Statistics};
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
        let consumer: StreamConsumer<Assignments> = config(bootstrap, settings, secrets)
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
        Ok(self.hand_out(&message))
    }

    fn at_hand(&self, most: usize) -> Vec<RawCommand> {
        let mut stream = self.consumer.stream();
        let mut commands = Vec::new();
        // An error comes again, or is gone, when the next command is asked for.
        while commands.len() < most
            && let Some(Some(Ok(message))) = stream.next().now_or_never()
        {
            commands.push(self.hand_out(&message));
        }
        commands
    }

    fn settle(&self, position: &Position) {
        self.settle_all(std::slice::from_ref(position));
    }

    fn settle_all(&self, positions: &[Position]) {
        for (topic, partition, offset) in self.offsets.settle(positions) {
            if let Err(error) = self.consumer.store_offset(&topic, partition, offset) {
                // The partition is somebody else's now, who will read the command again.
                tracing::debug!(%error, "offset not stored");
            }
        }
    }

    fn pause(&self) {
        self.set_paused(true);
    }

    fn resume(&self) {
        self.set_paused(false);
    }
}

impl KafkaCommands {
    fn hand_out(&self, message: &BorrowedMessage<'_>) -> RawCommand {
        let topic = self.topics.iter().find(|topic| ***topic == *message.topic()).cloned();
        let position = Position {
            topic: topic.unwrap_or_else(|| Arc::from(message.topic())),
            partition: message.partition(),
            offset: message.offset(),
        };
        self.offsets.read(&position);
        RawCommand {
            position,
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
        }
    }
}

impl fmt::Debug for KafkaCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaCommands").field("topics", &self.topics).finish_non_exhaustive()
    }
}

/// The operator's word counts, but for what a promise hangs on.
pub(super) fn config(
    bootstrap: &str,
    settings: &Kafka,
    secrets: &[(String, Secret)],
) -> ClientConfig {
    let mut config = client_config(bootstrap, settings, secrets);
    for (name, value) in [
        ("auto.commit.interval.ms", "1000"),
        ("session.timeout.ms", "15000"),
        // Commands are small and many: what librdkafka reads ahead takes several times its size, and the queues are ours.
        ("queued.max.messages.kbytes", "4096"),
        ("fetch.message.max.bytes", "262144"),
        // When that much is read ahead, librdkafka rests before it fetches again: a second, unless told otherwise, while we
        // need a tenth of that to take it in.
        ("fetch.queue.backoff.ms", "10"),
        ("reconnect.backoff.max.ms", "1000"),
        // A topic that the broker does not know yet, as just after it was made, is asked about again only so often: five
        // minutes, unless told otherwise, in which no command is read.
        ("topic.metadata.refresh.interval.ms", "5000"),
    ] {
        if config.get(name).is_none() {
            config.set(name, value);
        }
    }
    config
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "true")
        // Without this librdkafka stores an offset before the command is handed over, and a crash loses it.
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest");
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_word_counts_but_for_what_a_promise_hangs_on() {
        let mut settings: Kafka = toml::from_str(include_str!("../../config/default.toml"))
            .map(|all: toml::Table| all["kafka"].clone().try_into().unwrap())
            .unwrap();
        let default = config("127.0.0.1:1", &settings, &[]);
        assert_eq!(default.get("session.timeout.ms"), Some("15000"));
        for (name, value) in [("session.timeout.ms", "6000"), ("enable.auto.offset.store", "true")]
        {
            settings.properties.insert(name.to_owned(), value.to_owned());
        }
        let own = config("127.0.0.1:1", &settings, &[]);
        assert_eq!(own.get("session.timeout.ms"), Some("6000"));
        assert_eq!(own.get("enable.auto.offset.store"), Some("false"));
    }
}
