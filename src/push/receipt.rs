//! Results and dead letters: published in order, and only then the command's offset may be stored.

use super::Parts;
use crate::bus::{Position, PublishError, RawCommand, Record};
use crate::config::Topics;
use crate::shutdown::Shutdown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::contract::model::Timestamp;
use connectors::contract::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Receipts that may wait; when it is full, deliveries wait.
const QUEUE: usize = 4096;
const BATCH: usize = 2048;
/// A longer key, which no ERP means, does not become the key of a letter, nor is it in a letter without its bytes: that
/// one always fits.
const KEY_BYTES: usize = 1024;
const PAUSE: Duration = Duration::from_millis(500);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The channel has it.
    Ok,
    /// A newer version was there before this one was sent.
    Superseded,
    /// The channel, or the gateway for it, said no for good.
    Refused,
    /// The channel holds something else already, like another number for the parcel: a person decides.
    Conflict,
    /// Every try ended without an answer; the channel may have it or not.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Ok, Self::Superseded, Self::Refused, Self::Conflict, Self::Unknown];

    /// The metric label and header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// What a command was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A stock level.
    Stock,
    /// A shipment.
    Waybill,
}

impl Kind {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Waybill => "waybill",
        }
    }
}

/// A value of `push.results.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushResult {
    /// Where the command lies: `topic/partition/offset`.
    pub push_id: String,
    /// What it was about.
    pub kind: Kind,
    /// Channel.
    pub channel: String,
    /// Shop.
    pub shop: String,
    /// SKU id or order id.
    pub object_id: String,
    /// Version of a stock command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Units that the channel was told, after the shop's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<u32>,
    /// Tracking number of a waybill command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
    /// Calls that carried it.
    pub tries: u32,
    /// When it ended.
    pub at: Timestamp,
}

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// `rejected`, `unauthorized`, `throttled`, `unavailable`, …
    pub kind: String,
    /// In words.
    pub message: String,
    /// The channel's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_code: Option<String>,
    /// What to do, for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().label().to_owned(),
            message: error.context().to_owned(),
            channel_code: error.channel_code().map(str::to_owned),
            advice: advice(error.kind()).to_owned(),
        }
    }
}

/// What whoever sent the command can do about a failure of this kind.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Rejected => {
            "correct the command and send it again, a level with a newer version"
        }
        ErrorKind::Unauthorized => "have the seller authorize the shop again, then send it again",
        ErrorKind::BadSignature => {
            "correct the application's secret in the config, then send it again"
        }
        ErrorKind::Unsupported => "the channel has no such call: do it in its own back office",
        ErrorKind::Conflict => {
            "decide which number is right: to change what the channel has, send it with `replace`"
        }
        ErrorKind::Malformed => "look at the channel whether it has it; its answer made no sense",
        ErrorKind::Unavailable => "look at the channel whether it has it, and send it again if not",
        ErrorKind::Throttled { .. } => "send it again later",
    }
}

/// A value of `push.dlq.v1`. The bytes are sealed, because nobody knows what is in a command that cannot be read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadLetter<'a> {
    /// Where the command lies: `topic/partition/offset`.
    push_id: String,
    /// Kind of the problem, the word of the metric label.
    kind: &'static str,
    /// What is wrong. Never quotes the command.
    reason: &'a str,
    /// Field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// Calls that carried it.
    tries: u32,
    /// The exact key of the command, Base64. Not there where the command has none, and in a letter
    /// without bytes if it is longer than 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// When it was read. Letters of older gateways do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Timestamp>,
    /// When it was given up.
    at: Timestamp,
    /// The bytes as they lay in the log: AES-256-GCM, Base64; `channel-gateway unseal` opens them. Empty where the
    /// command has no value, and where Kafka refuses so large a record: then they are to be found at `push_id` only.
    sealed: String,
}

struct Receipt {
    record: Option<Record>,
    /// What is published instead where Kafka refuses the record for good.
    smaller: Option<Record>,
    position: Position,
}

/// The way to report. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Receipts {
    queue: mpsc::Sender<Receipt>,
    results: Arc<str>,
    dead_letters: Arc<str>,
    parts: Parts,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipt({})", push_id(&self.position))
    }
}

impl Receipts {
    pub(super) fn start(topics: &Topics, parts: &Parts, shutdown: &Shutdown) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let worker = parts.clone();
        shutdown.spawn(publish(waiting, worker));
        Self {
            queue,
            results: topics.push_results.as_str().into(),
            dead_letters: topics.push_dlq.as_str().into(),
            parts: parts.clone(),
        }
    }

    pub(super) async fn result(&self, result: PushResult, position: Position) {
        let key = [&*result.channel, ":", &*result.shop, ":", &*result.object_id].concat();
        let mut headers = headers(&result.push_id, "push.result.v1", result.at, &result.object_id);
        headers.push(("outcome", result.outcome.as_str().to_owned()));
        let record = serde_json::to_vec(&result).ok().map(|payload| Record {
            topic: Arc::clone(&self.results),
            key,
            payload,
            headers,
        });
        self.enqueue(Receipt { record, smaller: None, position }).await;
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
        let mut letter = DeadLetter {
            push_id,
            kind: error.kind().label(),
            reason: error.context(),
            path: error.path(),
            tries: 0,
            key: command.key.as_deref().map(|key| STANDARD.encode(key)),
            // It is judged as it is read, before any call.
            read_at: Some(at),
            at,
            sealed: sealed.unwrap_or_default(),
        };
        let key = record_key(command.key.as_deref(), &letter.push_id);
        let record = |letter: &DeadLetter<'_>| {
            let payload = serde_json::to_vec(letter).ok()?;
            let (topic, key) = (Arc::clone(&self.dead_letters), key.clone());
            Some(Record { topic, key, payload, headers: headers.clone() })
        };
        let whole = record(&letter);
        letter.sealed = String::new();
        if command.key.as_ref().is_some_and(|key| key.len() > KEY_BYTES) {
            letter.key = None;
        }
        let smaller = record(&letter);
        self.enqueue(Receipt { record: whole, smaller, position: command.position.clone() }).await;
        true
    }

    async fn enqueue(&self, receipt: Receipt) {
        if self.queue.send(receipt).await.is_err() {
            tracing::debug!(
                "a receipt came after the end; its command is read again at the next start"
            );
        }
    }
}

/// The key of a letter's record: that of the command, or the push id where that is too long or no text.
fn record_key(key: Option<&[u8]>, push_id: &str) -> String {
    let key = std::str::from_utf8(key.unwrap_or_default()).ok();
    key.filter(|key| key.len() <= KEY_BYTES).unwrap_or(push_id).to_owned()
}

/// Where a command lies, as text.
pub(super) fn push_id(position: &Position) -> String {
    format!("{}/{}/{}", position.topic, position.partition, position.offset)
}

async fn publish(mut waiting: mpsc::Receiver<Receipt>, parts: Parts) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let mut left: Vec<Receipt> = std::mem::take(&mut batch);
        loop {
            left = publish_batch(left, &parts).await;
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Returns what Kafka did not take, in order.
async fn publish_batch(batch: Vec<Receipt>, parts: &Parts) -> Vec<Receipt> {
    let (mut receipts, mut records) = (Vec::with_capacity(batch.len()), Vec::new());
    let (mut left, mut settled) = (Vec::new(), Vec::with_capacity(batch.len()));
    for mut receipt in batch {
        match receipt.record.take() {
            Some(record) => {
                records.push(record);
                receipts.push(receipt);
            }
            None => settled.push(receipt.position),
        }
    }
    let results = parts.publisher.publish(&records).await.into_iter();
    let results = results.chain(std::iter::repeat(Err(PublishError::Failed)));
    for ((mut receipt, record), result) in receipts.into_iter().zip(records).zip(results) {
        match result {
            Ok(()) => settled.push(receipt.position),
            // The command itself still lies where the letter says.
            Err(PublishError::TooLarge) if receipt.smaller.is_some() => {
                receipt.record = receipt.smaller.take();
                left.push(receipt);
            }
            Err(PublishError::TooLarge) => {
                tracing::error!(
                    push_id = push_id(&receipt.position),
                    "a result is larger than its topic takes"
                );
                settled.push(receipt.position);
            }
            Err(PublishError::QueueFull | PublishError::Failed) => {
                receipt.record = Some(record);
                left.push(receipt);
            }
        }
    }
    parts.commands.settle_all(&settled);
    left
}

fn headers(
    id: &str,
    event_type: &str,
    time: Timestamp,
    subject: &str,
) -> Vec<(&'static str, String)> {
    let ce_id = hex::encode(Sha256::digest(id.as_bytes()).split_at(16).0);
    vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", ce_id),
        ("ce_source", "/push".to_owned()),
        ("ce_type", event_type.to_owned()),
        ("ce_time", time.to_string()),
        ("ce_subject", subject.to_owned()),
        ("content-type", "application/json".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_long_or_no_text_does_not_become_the_key_of_a_letter() {
        assert_eq!(record_key(Some("店:1".as_bytes()), "c/0/1"), "店:1");
        assert_eq!(record_key(None, "c/0/1"), "");
        assert_eq!(record_key(Some(b"\xff"), "c/0/1"), "c/0/1");
        assert_eq!(record_key(Some(&[b'k'; KEY_BYTES]), "c/0/1").len(), KEY_BYTES);
        assert_eq!(record_key(Some(&[b'k'; KEY_BYTES + 1]), "c/0/1"), "c/0/1");
    }
}
