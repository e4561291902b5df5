//! Passes on: records to Kafka and commands from it.
//!
//! Two small traits, [`Publisher`] and [`Commands`]; Kafka behind them, and the same promises in memory. A record counts
//! as published only by its own delivery report. Nothing here knows what a record means.

mod commands;
mod embedded;
mod judge;
mod memory;
mod offsets;
mod past;
mod producer;
mod replay;
mod topics;

pub use commands::KafkaCommands;
pub use embedded::Embedded;
pub use judge::{Refused, judge};
pub use memory::MemoryBus;
pub use past::{KafkaPast, Past, Take};
pub use producer::KafkaPublisher;
pub use replay::{TopicReader, TopicWriter};
pub use topics::create_topics;

use async_trait::async_trait;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// Names and values of headers; most values are the same in all records.
pub type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// One record for a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Topic.
    pub topic: Arc<str>,
    /// Key: records with equal keys keep their order.
    pub key: String,
    /// Value.
    pub payload: Vec<u8>,
    /// Headers.
    pub headers: Headers,
}

impl Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the payload: it holds the receiver.
        write!(f, "Record({} {} {} bytes)", self.topic, self.key, self.payload.len())
    }
}

/// Why a record was not acknowledged. Each may nevertheless be in the log: librdkafka cannot tell for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The producer's queue is full: come back.
    #[error("the producer queue is full")]
    QueueFull,
    /// Larger than its topic takes, now and later.
    #[error("the record is larger than its topic takes")]
    TooLarge,
    /// Not acknowledged. A missing topic or right is here too: an operator mends it, and the record is still good.
    #[error("kafka did not acknowledge the record")]
    Failed,
    /// Reported as delivered without a place in the log: librdkafka concluded it and no broker said it.
    #[error("kafka did not say where the record lies")]
    Unplaced,
}

impl PublishError {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
            Self::Unplaced => "unplaced",
        }
    }
}

/// Puts records into the log.
#[async_trait]
pub trait Publisher: Send + Sync + Debug {
    /// Publishes records that travel together and waits for the delivery report of each. Dropping the future loses the
    /// answers, not the records.
    async fn publish(&self, records: &[Record]) -> Vec<Result<(), PublishError>>;

    /// Whether the log can be reached now.
    async fn is_ready(&self) -> bool;
}

/// Where a command was read, for settling it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A command as it lies in the log.
#[derive(Debug, Clone)]
pub struct RawCommand {
    /// Where.
    pub position: Position,
    /// Key, if any.
    pub key: Option<Vec<u8>>,
    /// Value, if any.
    pub payload: Option<Vec<u8>>,
}

/// The log ended or broke.
#[derive(Debug, thiserror::Error)]
#[error("commands cannot be read: {0}")]
pub struct ReadError(pub String);

/// Reads commands and remembers how far they are settled.
#[async_trait]
pub trait Commands: Send + Sync + Debug {
    /// The next command. Cancel-safe.
    async fn next(&self) -> Result<RawCommand, ReadError>;
    /// The next commands, at most so many, as far as they are here already: cheaper than [`Self::next`], and none does not say
    /// that there is none.
    fn at_hand(&self, _most: usize) -> Vec<RawCommand> {
        Vec::new()
    }
    /// States that this command needs nothing more. The stored offset moves only when everything before it is settled.
    fn settle(&self, position: &Position);
    /// The same of many at once, which costs less than one after the other.
    fn settle_all(&self, positions: &[Position]) {
        for position in positions {
            self.settle(position);
        }
    }
    /// Stops fetching while the lanes are full; the group membership is kept.
    fn pause(&self);
    /// Fetches again.
    fn resume(&self);
}
