//! The books of a run: what was answered must be in Kafka, and nothing may be there twice.

use super::load::Outcome;
use super::orders::Orders;
use anyhow::{Context, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The ledger of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ledger {
    /// Orders sent.
    pub(super) made: u64,
    /// Of these, answered 200.
    pub(super) answered: u64,
    /// Of these, in Kafka.
    pub(super) in_kafka: u64,
    /// Answered 200 and not in Kafka. Must be 0.
    pub(super) lost: u64,
    /// Records beyond the first of an order. Must be 0.
    pub(super) twice: u64,
    /// Records of orders that this run never sent. Must be 0.
    pub(super) foreign: u64,
}

impl Ledger {
    pub(super) fn closes(&self) -> bool {
        self.lost == 0 && self.twice == 0 && self.foreign == 0 && self.answered > 0
    }

    /// From whether each order was answered, and how many records it has.
    fn of(orders: &[bool], records: &[u64], foreign: u64) -> Self {
        let mut ledger = Self { foreign, ..Self::default() };
        for (answered, records) in orders.iter().zip(records) {
            ledger.made += 1;
            ledger.answered += u64::from(*answered);
            ledger.in_kafka += u64::from(*records > 0);
            ledger.lost += u64::from(*answered && *records == 0);
            ledger.twice += records.saturating_sub(1);
        }
        ledger
    }
}

/// The topics of the bench.
pub(crate) struct Topics {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    options: AdminOptions,
}

impl Topics {
    pub(crate) fn new(bootstrap: &str) -> anyhow::Result<Self> {
        let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        Ok(Self { bootstrap: bootstrap.to_owned(), admin, options })
    }

    pub(crate) async fn create(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        for created in self.admin.create_topics([&topic], &self.options).await? {
            match created {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, error)) => bail!("topic {name}: {error}"),
            }
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> anyhow::Result<()> {
        for deleted in self.admin.delete_topics(&[name], &self.options).await? {
            deleted.map_err(|(name, error)| anyhow::anyhow!("topic {name}: {error}"))?;
        }
        Ok(())
    }

    /// Reads the topic of a run to its end and closes the ledger.
    pub(super) async fn close(
        &self,
        topic: &str,
        orders: Arc<Orders>,
        outcome: &Outcome,
    ) -> anyhow::Result<Ledger> {
        let (bootstrap, topic, made) =
            (self.bootstrap.clone(), topic.to_owned(), outcome.orders.len());
        let read = move || count(&bootstrap, &topic, &orders, made);
        let (records, foreign) = tokio::task::spawn_blocking(read).await??;
        Ok(Ledger::of(&outcome.orders, &records, foreign))
    }
}

/// Records of each order, and records of no order of this run.
fn count(
    bootstrap: &str,
    topic: &str,
    orders: &Orders,
    made: usize,
) -> anyhow::Result<(Vec<u64>, u64)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench-ledger")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    ensure!(!partitions.is_empty(), "topic {topic} has no partitions");
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        left += high - low;
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut records, mut foreign) = (vec![0; made], 0);
    while left > 0 {
        let record = consumer.poll(PATIENCE).context("the topic cannot be read to its end")??;
        let number = orders.number(record.key().unwrap_or_default());
        let slot = number.and_then(|number| usize::try_from(number).ok());
        match slot.and_then(|slot| records.get_mut(slot)) {
            Some(count) => *count += 1,
            None => foreign += 1,
        }
        left -= 1;
    }
    Ok((records, foreign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_and_is_not_there_is_lost_and_what_is_there_twice_is_twice() {
        let ledger = Ledger::of(&[true, true, false, false, true], &[1, 0, 1, 0, 3], 0);
        let expected = Ledger { made: 5, answered: 3, in_kafka: 3, lost: 1, twice: 2, foreign: 0 };
        assert_eq!(ledger, expected);
        assert!(!ledger.closes());
        assert!(Ledger::of(&[true, false], &[1, 0], 0).closes());
        assert!(!Ledger::of(&[true], &[1], 1).closes());
    }
}
