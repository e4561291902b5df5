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

/// How superseded commands are reported: what the gateway's `push.superseded` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    Each,
    Together,
}

impl Reported {
    /// The word in the gateway's config.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Together => "together",
        }
    }
}

/// Reads the results of a run.
pub(super) struct Results {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
    reported: Reported,
    /// Records that were read.
    records: u64,
    ledger: Ledger,
    /// Places of the commands that have a result.
    seen: HashSet<String>,
}

impl Results {
    pub(super) fn new(
        bootstrap: &str,
        topic: &str,
        partitions: i32,
        reported: Reported,
    ) -> anyhow::Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "bench-results")
            .set("enable.auto.commit", "false")
            .create()?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
            partitions,
            reported,
            records: 0,
            ledger: Ledger::default(),
            seen: HashSet::new(),
        })
    }

    /// Records there are. Asks the broker for the ends of the partitions, so that waiting costs next to nothing.
    fn count(&self) -> anyhow::Result<u64> {
        let mut count = 0;
        for partition in 0..self.partitions {
            count += self.consumer.fetch_watermarks(&self.topic, partition, PATIENCE)?.1;
        }
        Ok(u64::try_from(count)?)
    }

    /// Waits until so many commands have a result.
    pub(super) async fn wait(self, wanted: u64, longest: Duration) -> anyhow::Result<Self> {
        let end = Instant::now() + longest;
        let mut results = self;
        loop {
            let (back, count) = tokio::task::spawn_blocking(move || {
                let count = match results.reported {
                    Reported::Each => results.count(),
                    Reported::Together => results.read(),
                };
                (results, count)
            })
            .await?;
            results = back;
            // For a moment after a topic was made not every broker knows it.
            let count = match count {
                Err(error) if Instant::now() < end => {
                    tracing::debug!(%error, "results cannot be counted yet");
                    0
                }
                count => count?,
            };
            if count >= wanted {
                return Ok(results);
            }
            ensure!(Instant::now() < end, "{count} of {wanted} commands have a result");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads all of them and closes the ledger.
    pub(super) async fn close(mut self, commands: u64) -> anyhow::Result<Ledger> {
        let ledger = tokio::task::spawn_blocking(move || {
            self.read()?;
            anyhow::Ok(self.ledger)
        });
        let ledger = ledger.await??;
        let Ledger { ok, superseded, others, twice } = ledger;
        ensure!(
            ok + superseded == commands && others == 0 && twice == 0,
            "the ledger of {commands} commands does not close: {ledger:?}"
        );
        Ok(ledger)
    }

    /// Reads on to the end. Returns how many commands have a result.
    fn read(&mut self) -> anyhow::Result<u64> {
        let mut left = self.count()?.saturating_sub(self.records);
        if self.records == 0 {
            let mut assignment = TopicPartitionList::new();
            for partition in 0..self.partitions {
                assignment.add_partition_offset(&self.topic, partition, Offset::Beginning)?;
            }
            self.consumer.assign(&assignment)?;
        }
        while left > 0 {
            let record = self.consumer.poll(PATIENCE).context("results cannot be read")??;
            let result: PushResult = serde_json::from_slice(record.payload().unwrap_or_default())?;
            let others = result.also.into_iter().map(|also| also.push_id);
            for push_id in [result.push_id].into_iter().chain(others) {
                match result.outcome {
                    Outcome::Ok => self.ledger.ok += 1,
                    Outcome::Superseded => self.ledger.superseded += 1,
                    Outcome::Refused | Outcome::Conflict | Outcome::Unknown => {
                        self.ledger.others += 1;
                    }
                }
                let place = push_id.split_once('/').map(|(_, place)| place.to_owned());
                let is_new = self.seen.insert(place.context("a push id without a place")?);
                self.ledger.twice += u64::from(!is_new);
            }
            self.records += 1;
            left -= 1;
        }
        Ok(u64::try_from(self.seen.len())?)
    }
}
