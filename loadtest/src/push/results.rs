//! The books of a run: every command has its result, and only one.

use anyhow::{Context, ensure};
use channel_gateway::push::{Outcome, PushResult};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// How the commands of a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) ok: u64,
    pub(super) superseded: u64,
    /// Neither. Must be 0.
    pub(super) others: u64,
    /// Results beyond the first of a command. Must be 0.
    pub(super) twice: u64,
}

/// Reads the results of a run.
pub(super) struct Results {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Results {
    pub(super) fn new(bootstrap: &str, topic: &str, partitions: i32) -> anyhow::Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "bench-results")
            .set("enable.auto.commit", "false")
            .create()?;
        Ok(Self { consumer, topic: topic.to_owned(), partitions })
    }

    /// Results there are. Asks the broker for the ends of the partitions, so that waiting costs next to nothing.
    fn count(&self) -> anyhow::Result<u64> {
        let mut count = 0;
        for partition in 0..self.partitions {
            count += self.consumer.fetch_watermarks(&self.topic, partition, PATIENCE)?.1;
        }
        Ok(u64::try_from(count)?)
    }

    /// Waits until there are so many.
    pub(super) async fn wait(self, wanted: u64, longest: Duration) -> anyhow::Result<Self> {
        let end = Instant::now() + longest;
        let mut results = self;
        loop {
            let (back, count) = tokio::task::spawn_blocking(move || {
                let count = results.count();
                (results, count)
            })
            .await?;
            results = back;
            let count = count?;
            if count >= wanted {
                return Ok(results);
            }
            ensure!(Instant::now() < end, "{count} of {wanted} commands have a result");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads all of them and closes the ledger.
    pub(super) async fn close(self, commands: u64) -> anyhow::Result<Ledger> {
        let ledger = tokio::task::spawn_blocking(move || self.read()).await??;
        let Ledger { ok, superseded, others, twice } = ledger;
        ensure!(
            ok + superseded == commands && others == 0 && twice == 0,
            "the ledger of {commands} commands does not close: {ledger:?}"
        );
        Ok(ledger)
    }

    fn read(&self) -> anyhow::Result<Ledger> {
        let mut assignment = TopicPartitionList::new();
        for partition in 0..self.partitions {
            assignment.add_partition_offset(&self.topic, partition, Offset::Beginning)?;
        }
        let mut left = self.count()?;
        self.consumer.assign(&assignment)?;
        let (mut ledger, mut seen) = (Ledger::default(), HashSet::new());
        while left > 0 {
            let record = self.consumer.poll(PATIENCE).context("results cannot be read")??;
            let result: PushResult = serde_json::from_slice(record.payload().unwrap_or_default())?;
            match result.outcome {
                Outcome::Ok => ledger.ok += 1,
                Outcome::Superseded => ledger.superseded += 1,
                Outcome::Refused | Outcome::Conflict | Outcome::Unknown => ledger.others += 1,
            }
            let place = result.push_id.split_once('/').map(|(_, place)| place.to_owned());
            ledger.twice += u64::from(!seen.insert(place));
            left -= 1;
        }
        Ok(ledger)
    }
}
