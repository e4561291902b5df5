//! Reads a topic outside any group, and puts records back where they were.

use super::producer::{client_config, is_placed};
use super::{Position, PublishError, RawCommand, ReadError};
use crate::config::Kafka;
use connectors::contract::Secret;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(500);
/// Kafka that says nothing for so long is away.
const SILENCE: Duration = Duration::from_secs(20);
/// A record that lies so near behind the last one is read on to.
const NEAR: i64 = 1_000;

/// Reads records by their place. It assigns and never subscribes, so no group notices; nothing is committed.
pub struct TopicReader {
    consumer: BaseConsumer<Quiet>,
    /// What comes next, if the last look was at a single place.
    next: Option<Position>,
}

impl TopicReader {
    /// Prepares a reader; the brokers may be away now.
    pub fn new(
        bootstrap: &str,
        settings: &Kafka,
        secrets: &[(String, Secret)],
    ) -> Result<Self, ReadError> {
        let mut config = client_config(bootstrap, settings, secrets);
        // A look at another place waits for the fetch before it; a person waits for many looks.
        for (name, value) in [("queued.max.messages.kbytes", "16384"), ("fetch.wait.max.ms", "10")]
        {
            if !settings.properties.contains_key(name) {
                config.set(name, value);
            }
        }
        // The reading below stands on these, whatever the properties say.
        let consumer = config
            // librdkafka wants a name even where nobody joins; this one the user is allowed to read with.
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create_with_context(Quiet)
            .map_err(failed)?;
        Ok(Self { consumer, next: None })
    }

    /// The partitions of a topic; an error if there is no such topic. Blocks.
    pub fn partitions(&self, topic: &str) -> Result<Vec<i32>, ReadError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), TIMEOUT).map_err(failed)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from) {
            None | Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {}
            Some(error) => return Err(ReadError(format!("{topic}: {error}"))),
        }
        let partitions: Vec<i32> =
            found.iter().flat_map(|found| found.partitions()).map(MetadataPartition::id).collect();
        if partitions.is_empty() {
            return Err(ReadError(format!("Kafka has no topic {topic}")));
        }
        Ok(partitions)
    }

    /// Hands over every record between a time (or the beginning) and the end as it is now. Blocks.
    pub fn read(
        &mut self,
        topic: &str,
        since_ms: Option<i64>,
        mut each: impl FnMut(RawCommand),
    ) -> Result<(), ReadError> {
        self.next = None;
        let mut starts = TopicPartitionList::new();
        let mut ends = HashMap::new();
        for partition in self.partitions(topic)? {
            let (low, high) = self.ends(topic, partition)?;
            if low < high {
                ends.insert(partition, high);
                let start = Offset::Offset(since_ms.unwrap_or(low));
                starts.add_partition_offset(topic, partition, start).map_err(failed)?;
            }
        }
        if since_ms.is_some() && !ends.is_empty() {
            starts = self.consumer.offsets_for_times(starts, TIMEOUT).map_err(failed)?;
        }
        self.consumer.assign(&starts).map_err(failed)?;
        let name: Arc<str> = topic.into();
        while !ends.is_empty() {
            match step(&self.consumer)? {
                Step::Record(message) => {
                    let partition = message.partition();
                    let Some(end) = ends.get(&partition).copied() else { continue };
                    if *message.topic() == *name && message.offset() < end {
                        each(raw(&name, &message));
                    }
                    if message.offset() + 1 >= end {
                        ends.remove(&partition);
                    }
                }
                Step::End(partition) => {
                    ends.remove(&partition);
                }
            }
        }
        Ok(())
    }

    /// The record at a place; none if Kafka no longer has it. Places in the order of their offsets are read in one go.
    /// Blocks.
    pub fn at(&mut self, position: &Position) -> Result<Option<RawCommand>, ReadError> {
        let Position { topic, partition, offset } = position;
        let last = self.next.take();
        let reads_on = last.is_some_and(|next| {
            next.topic == *topic
                && next.partition == *partition
                && (next.offset..next.offset + NEAR).contains(offset)
        });
        if !reads_on {
            let (low, high) = self.ends(topic, *partition)?;
            if !(low..high).contains(offset) {
                return Ok(None);
            }
            let mut place = TopicPartitionList::new();
            let start = Offset::Offset(*offset);
            place.add_partition_offset(topic, *partition, start).map_err(failed)?;
            self.consumer.assign(&place).map_err(failed)?;
        }
        loop {
            match step(&self.consumer)? {
                Step::Record(message) => {
                    let is_here = *message.topic() == **topic && message.partition() == *partition;
                    if !is_here || message.offset() < *offset {
                        continue;
                    }
                    let next = Position { offset: message.offset() + 1, ..position.clone() };
                    self.next = Some(next);
                    // Compaction leaves a gap, and a later record comes.
                    return Ok((message.offset() == *offset).then(|| raw(topic, &message)));
                }
                // The end that was met while reading on may be an old one.
                Step::End(ended) if ended == *partition && reads_on => return self.at(position),
                Step::End(ended) if ended == *partition => return Ok(None),
                Step::End(_) => {}
            }
        }
    }

    fn ends(&self, topic: &str, partition: i32) -> Result<(i64, i64), ReadError> {
        self.consumer.fetch_watermarks(topic, partition, TIMEOUT).map_err(failed)
    }
}

/// The end of a partition is what is read for, and nothing for a log.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka reader");
        }
    }
}

impl ConsumerContext for Quiet {}

enum Step<'c> {
    Record(BorrowedMessage<'c>),
    /// A partition has no more now.
    End(i32),
}

fn step(consumer: &BaseConsumer<Quiet>) -> Result<Step<'_>, ReadError> {
    let end = Instant::now() + SILENCE;
    let mut last = None;
    loop {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => return Ok(Step::Record(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => return Ok(Step::End(partition)),
            // One broker of several may be away for a moment.
            Some(Err(error)) => last = Some(error),
            None => {}
        }
        if Instant::now() >= end {
            let silent = || ReadError("Kafka does not answer".to_owned());
            return Err(last.map_or_else(silent, failed));
        }
    }
}

impl fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicReader").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Produces records again, each to its topic and partition with its exact key.
pub struct TopicWriter(FutureProducer);

impl TopicWriter {
    /// Prepares a writer; the brokers may be away now.
    pub fn new(
        bootstrap: &str,
        settings: &Kafka,
        secrets: &[(String, Secret)],
    ) -> Result<Self, ReadError> {
        let mut config = client_config(bootstrap, settings, secrets);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // What was read is written: the brokers judge by topic.
            .set("message.max.bytes", "4194304")
            .set("allow.auto.create.topics", "false")
            .set("linger.ms", "0")
            // A person waits.
            .set("delivery.timeout.ms", "20000");
        for (name, value) in &settings.properties {
            config.set(name, value);
        }
        Ok(Self(config.create().map_err(failed)?))
    }

    /// Hands all of them over in order and waits for each acknowledgement. Says where each lies now; the header
    /// `replayed-from` says where it lay. One that was not acknowledged may be in the log nevertheless.
    pub async fn put_back(&self, records: Vec<RawCommand>) -> Vec<Result<Position, String>> {
        let sent: Vec<_> = records
            .into_iter()
            .map(|RawCommand { position, key, payload }| {
                let from = format!("{}/{}/{}", position.topic, position.partition, position.offset);
                let header = Header { key: "replayed-from", value: Some(&from) };
                let mut record = FutureRecord::<[u8], [u8]>::to(&position.topic)
                    .partition(position.partition)
                    .headers(OwnedHeaders::new().insert(header));
                record.key = key.as_deref();
                record.payload = payload.as_deref();
                let report = self.0.send_result(record).map_err(|(error, _)| error);
                (position, report)
            })
            .collect();
        let mut done = Vec::with_capacity(sent.len());
        for (position, report) in sent {
            let acknowledged = match report {
                Ok(report) => report.await,
                Err(error) => {
                    done.push(Err(error.to_string()));
                    continue;
                }
            };
            done.push(match acknowledged {
                Ok(Ok(at)) if !is_placed(at.offset) => Err(PublishError::Unplaced.to_string()),
                Ok(Ok(at)) => {
                    Ok(Position { partition: at.partition, offset: at.offset, ..position })
                }
                Ok(Err((error, _))) => Err(error.to_string()),
                Err(_) => Err("the producer ended".to_owned()),
            });
        }
        done
    }
}

impl fmt::Debug for TopicWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TopicWriter")
    }
}

fn raw(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> RawCommand {
    RawCommand {
        position: Position {
            topic: Arc::clone(topic),
            partition: message.partition(),
            offset: message.offset(),
        },
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it serves map_err")]
fn failed(error: KafkaError) -> ReadError {
    ReadError(format!("Kafka: {error}"))
}
