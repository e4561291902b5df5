//! Both sides of a run: what was answered 200, and what is in its topic when the load has ended.

use super::load::Seen;
use anyhow::{Context, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// The ledger of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Orders made, each with one or more deliveries.
    pub(super) made: usize,
    /// Orders of which a delivery was answered 200.
    pub(super) answered: usize,
    /// Deliveries answered otherwise. They are no orders and not lost: the sender knows.
    pub(super) refused: u64,
    /// Records in the topic, orders in it, and events by their `ce_id` where records have one.
    pub(super) records: usize,
    pub(super) orders: usize,
    pub(super) events: Option<usize>,
    /// Answered 200, but not in the topic.
    pub(super) lost: usize,
    /// In the topic, but never made.
    pub(super) strange: usize,
}

impl Ledger {
    /// Reads the topic to its end. Blocks.
    pub(super) fn of(kafka: &str, topic: &str, first: u64, seen: &Seen) -> anyhow::Result<Self> {
        let mut there = vec![false; seen.orders.len()];
        let mut events = HashSet::new();
        let mut ledger = Self { made: seen.orders.len(), refused: seen.refused, ..Self::default() };
        read(kafka, topic, |key, event| {
            ledger.records += 1;
            events.extend(event);
            let number = key.rsplit(':').next().and_then(|id| id.parse::<u64>().ok());
            let index = number.and_then(|number| usize::try_from(number.checked_sub(first)?).ok());
            match index.and_then(|index| there.get_mut(index)) {
                Some(there) => *there = true,
                None => ledger.strange += 1,
            }
        })?;
        ledger.orders = there.iter().filter(|there| **there).count();
        ledger.events = (!events.is_empty()).then_some(events.len());
        for (answered, there) in seen.orders.iter().zip(there) {
            ledger.answered += usize::from(*answered);
            ledger.lost += usize::from(*answered && !there);
        }
        Ok(ledger)
    }

    /// Records beyond one for each order.
    pub(super) fn twice(&self) -> usize {
        self.records.saturating_sub(self.orders.min(self.events.unwrap_or(self.orders)))
    }

    pub(super) fn closes(&self) -> bool {
        self.lost == 0
            && self.twice() == 0
            && self.strange == 0
            && self.answered > 0
            && self.events.is_none_or(|events| events == self.orders)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made, answered, refused, records, lost, strange, .. } = self;
        let twice = self.twice();
        write!(
            f,
            "made {made}, answered {answered}, deliveries refused {refused}, in Kafka {records}, lost {lost}, twice {twice}"
        )?;
        if *strange > 0 { write!(f, ", never made {strange}") } else { Ok(()) }
    }
}

/// Hands every record's key and `ce_id` over, up to the end that each partition has now.
fn read(
    kafka: &str,
    topic: &str,
    mut take: impl FnMut(&str, Option<String>),
) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", "bench-ledger")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        left += high - low;
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let end = Instant::now() + PATIENCE;
    while left > 0 {
        ensure!(Instant::now() < end, "{left} records of {topic} cannot be read");
        let message = consumer.poll(PATIENCE).context("a record in time")??;
        let event = message.headers().and_then(|headers| {
            headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value)
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        take(&text(message.key().unwrap_or_default()), event.map(text));
        left -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_closes_only_when_everything_answered_is_there_once() {
        let good = Ledger { made: 9, answered: 8, records: 8, orders: 8, ..Ledger::default() };
        assert!(good.closes());
        assert!(!Ledger { lost: 1, ..good }.closes());
        assert!(!Ledger { records: 9, ..good }.closes());
        assert!(!Ledger { events: Some(7), ..good }.closes());
        assert!(!Ledger { strange: 1, ..good }.closes());
        assert!(!Ledger::default().closes());
    }
}
