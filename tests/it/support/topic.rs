//! A topic, read from its beginning by a consumer of its own. Each record that is read must keep its contract.

use super::contract::wrong_record;
use connectors::contract::model::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// A record as a consumer sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) value: Value,
}

/// A record as it lies in the log, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRecord {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// The header of this name.
    pub(crate) replayed_from: Option<String>,
}

/// A reader that remembers everything it has seen.
pub(crate) struct Topic {
    consumer: StreamConsumer,
    bootstrap: String,
    name: String,
    pub(crate) seen: Vec<Seen>,
}

impl Topic {
    pub(crate) fn read(bootstrap: &str, topic: &str) -> Self {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", super::unique("reader"))
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("topic.metadata.refresh.interval.ms", "500")
            .create()
            .unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let (bootstrap, name) = (bootstrap.to_owned(), topic.to_owned());
        Self { consumer, bootstrap, name, seen: Vec::new() }
    }

    /// Reads until so many records have been seen in all.
    pub(crate) async fn until(&mut self, count: usize) -> &[Seen] {
        self.until_such(&format!("{count} records"), |seen| seen.len() >= count).await
    }

    /// Reads until every object is there in the version that the channel has, and sees that no event is there twice.
    pub(crate) async fn until_equal<Id: Ord + ToString>(
        &mut self,
        what: &str,
        there: impl Fn() -> BTreeMap<Id, Timestamp>,
    ) {
        self.until_such(what, |seen| {
            let of =
                |seen: &Seen| (seen.headers["ce_subject"].clone(), seen.headers["version"].clone());
            let versions: BTreeSet<(String, String)> = seen.iter().map(of).collect();
            there().iter().all(|(id, modified)| {
                versions.contains(&(id.to_string(), modified.unix_ms().to_string()))
            })
        })
        .await;
        let ids: BTreeSet<&String> = self.seen.iter().map(|seen| &seen.headers["ce_id"]).collect();
        assert_eq!(ids.len(), self.seen.len(), "{what}: an event is there twice");
    }

    /// Reads until so many commands have a result, however often each.
    pub(crate) async fn until_results_of(&mut self, commands: usize) -> &[Seen] {
        let (mut ids, mut read) = (BTreeSet::new(), 0);
        let what = format!("results of {commands} commands");
        self.until_such(&what, |seen| {
            let new = seen[read..].iter().map(|result| result.value["push_id"].as_str().unwrap());
            ids.extend(new.map(str::to_owned));
            read = seen.len();
            ids.len() >= commands
        })
        .await
    }

    /// Reads until the records seen so far fulfil a condition.
    pub(crate) async fn until_such(
        &mut self,
        what: &str,
        mut enough: impl FnMut(&[Seen]) -> bool,
    ) -> &[Seen] {
        let end = Instant::now() + PATIENCE;
        while !enough(&self.seen) {
            match tokio::time::timeout_at(end, self.consumer.recv()).await {
                Ok(Ok(message)) => self.seen.push(seen(&message)),
                // The topic may not exist yet.
                Ok(Err(_)) => {}
                Err(elapsed) => {
                    let unread = self.unread().await;
                    panic!(
                        "never, {elapsed}: {what}; seen {:#?}; there and not read by this consumer {unread:#?}",
                        self.seen
                    )
                }
            }
        }
        &self.seen
    }

    /// Keys of what lies in the topic and did not come to this consumer: whether it was never written, or only not read.
    async fn unread(&self) -> Vec<String> {
        let is_new = |record: &RawRecord| {
            let is_its = |seen: &Seen| record.key.as_deref() == Some(seen.key.as_bytes());
            !self.seen.iter().any(is_its)
        };
        let records = raw_records(&self.bootstrap, &self.name).await;
        records.iter().filter(|record| is_new(record)).map(|record| format!("{record:?}")).collect()
    }
}

/// Everything that is in a topic now, up to the end of each partition: what is not in it is not there.
pub(crate) async fn everything(bootstrap: &str, topic: &str) -> Vec<Seen> {
    all(bootstrap, topic, seen).await
}

/// The same of a topic whose records need not keep a contract; those of a partition are in order.
pub(crate) async fn raw_records(bootstrap: &str, topic: &str) -> Vec<RawRecord> {
    all(bootstrap, topic, raw).await
}

async fn all<T: Send + 'static>(
    bootstrap: &str,
    topic: &str,
    each: fn(&BorrowedMessage<'_>) -> T,
) -> Vec<T> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    tokio::task::spawn_blocking(move || read_all(&bootstrap, &topic, each)).await.unwrap()
}

fn read_all<T>(bootstrap: &str, topic: &str, each: fn(&BorrowedMessage<'_>) -> T) -> Vec<T> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", super::unique("reader"))
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = ends(&consumer, topic, partition.id());
        left += high - low;
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut all = Vec::new();
    while left > 0 {
        let message = consumer.poll(PATIENCE).expect("a record in time").unwrap();
        all.push(each(&message));
        left -= 1;
    }
    all
}

/// A new partition has no leader for a moment.
fn ends(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let end = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Ok(ends) => return ends,
            Err(error) => assert!(Instant::now() < end, "{topic}/{partition}: {error}"),
        }
    }
}

fn raw(message: &BorrowedMessage<'_>) -> RawRecord {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec());
    RawRecord {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        replayed_from: headers
            .filter(|header| header.key == "replayed-from")
            .map(|header| text(header.value).unwrap())
            .next(),
    }
}

fn seen(message: &BorrowedMessage<'_>) -> Seen {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    });
    let value =
        serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or(Value::Null);
    let record = Seen { key: text(message.key()), headers, value };
    let wrong = wrong_record(message.topic(), &record);
    assert!(wrong.is_empty(), "{} breaks its contract: {wrong:#?}\n{record:#?}", message.topic());
    record
}
