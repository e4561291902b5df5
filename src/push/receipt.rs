//! Results and dead letters: published in order, and only then the command's offset may be stored.

use super::Parts;
use super::letter::{self, DeadLetter};
use super::result::{Also, PushResult};
use crate::bus::{Headers, Position, PublishError, RawCommand, Record};
use crate::config::Topics;
use crate::shutdown::Shutdown;
use connectors::contract::Error;
use connectors::contract::model::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Receipts that may wait (`gateway_push_results_queue_depth`); when it is full, deliveries wait, and so does reading.
const QUEUE: usize = 4096;
/// What they may hold together, in units of 1 KiB; letters carry the commands they are about.
const ROOM: u32 = 64 * 1024;
const UNIT: usize = 1024;
/// Most results are smaller, but for the commands that they name besides, each of which is smaller than this.
const USUAL_BYTES: usize = 384;
const NAMED_BYTES: usize = 128;
/// Of a push id after its topic: most partitions and offsets are shorter.
const PLACE_BYTES: usize = 24;
const BATCH: usize = 2048;
const PAUSE: Duration = Duration::from_millis(500);

struct Receipt {
    record: Option<Record>,
    /// What is published instead where Kafka refuses the record for good; only few have it.
    smaller: Option<Box<Record>>,
    /// The commands that it settles, at least one.
    positions: Vec<Position>,
    /// Its part of the room, given back when it is published.
    room: Option<OwnedSemaphorePermit>,
}

/// The way to report. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Receipts {
    queue: mpsc::Sender<Receipt>,
    room: Arc<Semaphore>,
    results: Arc<str>,
    dead_letters: Arc<str>,
    parts: Parts,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipt({})", self.name())
    }
}

impl Receipt {
    /// Leaves the first half of the commands that share a result here, and returns the others; none where it is of one.
    fn halve(&mut self, whole: &Record) -> Option<Self> {
        let mut first: PushResult = serde_json::from_slice(&whole.payload).ok()?;
        let middle = self.positions.len() / 2;
        // The first command is the result's own, so the second half begins among the others.
        let mut others = first.also.split_off(middle.checked_sub(1)?).into_iter();
        let Also { push_id, object_id, version } = others.next()?;
        let also = others.collect();
        let version = Some(version);
        let second = PushResult { push_id, object_id, version, also, ..first.clone() };
        self.record = record(&whole.topic, &first);
        let (record, positions) = (record(&whole.topic, &second), self.positions.split_off(middle));
        Some(Self { record, smaller: None, positions, room: None })
    }

    fn name(&self) -> String {
        self.positions.first().map(push_id).unwrap_or_default()
    }
}

impl Receipts {
    pub(super) fn start(topics: &Topics, parts: &Parts, shutdown: &Shutdown) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let worker = parts.clone();
        shutdown.spawn(publish(waiting, worker));
        Self {
            queue,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            results: topics.push_results.as_str().into(),
            dead_letters: topics.push_dlq.as_str().into(),
            parts: parts.clone(),
        }
    }

    /// Publishes how commands ended, of which the result names each.
    pub(super) async fn result(&self, result: PushResult, positions: Vec<Position>) {
        let record = record(&self.results, &result);
        self.enqueue(Receipt { record, smaller: None, positions, room: None }).await;
    }

    /// `false` if the letter could not be sealed: then the command stays where it is.
    pub(super) async fn dead_letter(&self, command: &RawCommand, error: &Error) -> bool {
        let sealed = command.payload.as_deref().map(|payload| self.parts.sealer.seal(payload));
        let Ok(sealed) = sealed.transpose() else {
            tracing::error!("a dead letter cannot be sealed; its partition waits");
            return false;
        };
        self.parts.metrics.push_dlq.inc();
        let push_id = push_id(&command.position);
        let at = self.parts.clock.now();
        tracing::warn!(push_id, %error, "a command cannot be understood");
        let headers = headers(&push_id, "push.dead_letter.v1", at, &push_id);
        let key = letter::record_key(command.key.as_deref(), &push_id);
        let letter = DeadLetter::new(push_id, command, error, at, sealed.unwrap_or_default());
        let record = |letter: &DeadLetter<'_>| {
            let payload = serde_json::to_vec(letter).ok()?;
            let (topic, key) = (Arc::clone(&self.dead_letters), key.clone());
            Some(Record { topic, key, payload, headers: headers.clone() })
        };
        let whole = record(&letter);
        let smaller = record(&letter.smaller(command)).map(Box::new);
        let positions = vec![command.position.clone()];
        self.enqueue(Receipt { record: whole, smaller, positions, room: None }).await;
        true
    }

    async fn enqueue(&self, mut receipt: Receipt) {
        let both = receipt.record.iter().chain(receipt.smaller.as_deref());
        let bytes = both.map(|record| record.payload.len()).sum();
        let units = u32::try_from(usize::div_ceil(bytes, UNIT)).unwrap_or(ROOM).min(ROOM);
        receipt.room = Arc::clone(&self.room).acquire_many_owned(units).await.ok();
        if self.queue.send(receipt).await.is_err() {
            tracing::debug!(
                "a receipt came after the end; its command is read again at the next start"
            );
        }
    }
}

/// Where a command lies, as text.
pub(super) fn push_id(position: &Position) -> String {
    let Position { topic, partition, offset } = position;
    let mut id = String::with_capacity(topic.len() + PLACE_BYTES);
    // Writing to a string does not fail.
    write!(id, "{topic}/{partition}/{offset}").ok();
    id
}

fn record(topic: &Arc<str>, result: &PushResult) -> Option<Record> {
    let key = [&*result.channel, ":", &*result.shop, ":", &*result.object_id].concat();
    let mut headers = headers(&result.push_id, "push.result.v1", result.at, &result.object_id);
    headers.push(("outcome", result.outcome.as_str().into()));
    let mut payload = Vec::with_capacity(USUAL_BYTES + result.also.len() * NAMED_BYTES);
    serde_json::to_writer(&mut payload, result).ok()?;
    Some(Record { topic: Arc::clone(topic), key, payload, headers })
}

async fn publish(mut waiting: mpsc::Receiver<Receipt>, parts: Parts) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let mut left: Vec<Receipt> = std::mem::take(&mut batch);
        loop {
            parts.metrics.push_results_queue.set(depth(left.len() + waiting.len()));
            left = publish_batch(left, &parts).await;
            parts.metrics.push_results_queue.set(depth(left.len() + waiting.len()));
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn depth(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns what Kafka did not take, in order.
async fn publish_batch(batch: Vec<Receipt>, parts: &Parts) -> Vec<Receipt> {
    let (mut receipts, mut records) = (Vec::with_capacity(batch.len()), Vec::new());
    let positions = batch.iter().map(|receipt| receipt.positions.len()).sum();
    let (mut left, mut settled) = (Vec::new(), Vec::with_capacity(positions));
    for mut receipt in batch {
        match receipt.record.take() {
            Some(record) => {
                records.push(record);
                receipts.push(receipt);
            }
            None => settled.extend(receipt.positions),
        }
    }
    let results = parts.publisher.publish(&records).await.into_iter();
    let results = results.chain(std::iter::repeat(Err(PublishError::Failed)));
    for ((mut receipt, record), result) in receipts.into_iter().zip(records).zip(results) {
        match result {
            Ok(()) => settled.extend(receipt.positions),
            // The command itself still lies where the letter says.
            Err(PublishError::TooLarge) if receipt.smaller.is_some() => {
                receipt.record = receipt.smaller.take().map(|smaller| *smaller);
                left.push(receipt);
            }
            Err(PublishError::TooLarge) => match receipt.halve(&record) {
                Some(other) => left.extend([receipt, other]),
                None => {
                    tracing::error!(
                        push_id = receipt.name(),
                        "a result is larger than its topic takes"
                    );
                    settled.extend(receipt.positions);
                }
            },
            Err(PublishError::QueueFull | PublishError::Failed | PublishError::Unplaced) => {
                receipt.record = Some(record);
                left.push(receipt);
            }
        }
    }
    parts.commands.settle_all(&settled);
    left
}

fn headers(id: &str, event_type: &'static str, time: Timestamp, subject: &str) -> Headers {
    let ce_id = hex::encode(Sha256::digest(id.as_bytes()).split_at(16).0);
    let mut headers = Headers::with_capacity(8);
    headers.extend([
        ("ce_specversion", "1.0".into()),
        ("ce_id", ce_id.into()),
        ("ce_source", "/push".into()),
        ("ce_type", event_type.into()),
        ("ce_time", time.to_string().into()),
        ("ce_subject", subject.to_owned().into()),
        ("content-type", "application/json".into()),
    ]);
    headers
}
