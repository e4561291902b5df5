//! Remembers: which events are in Kafka, and small values such as watermarks.
//!
//! Two small traits, two implementations with the same promises: [`RedisStore`] and [`MemoryStore`]. Everything here may
//! vanish at any time and then costs duplicates or time, never an order: the only transition into "published" is
//! [`Dedup::confirm`], and only a delivery report calls it. No payload is ever stored.

mod memory;
mod notes;
mod redis;
mod slots;
mod versions;

pub use self::redis::{Lives, RedisStore};
pub use memory::MemoryStore;
pub use notes::Notes;
pub use slots::{DayLimit, Reserved, SharedLimit, Slot, Slots};
pub use versions::{Begun, Newer, Version, Versions};

use async_trait::async_trait;
use connectors::contract::EventId;
use std::fmt::Debug;
use std::time::Duration;

/// What the store says about an event id that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Claimed for the caller, or already claimed by the same token.
    Mine,
    /// Somebody else is publishing it; never a reason to answer success.
    InFlight,
    /// In Kafka.
    Published,
}

/// The store did not answer, or not in time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer within the room's timeout.
    #[error("the store did not answer in time")]
    Late,
    /// The store or the way to it is broken.
    #[error("the store is away: {0}")]
    Away(String),
    /// The store answers and has lost its memory.
    #[error("the store has lost its memory")]
    Forgotten,
}

/// Claims and facts about event ids.
#[async_trait]
pub trait Dedup: Send + Sync + Debug {
    /// Claims ids for a time. One answer each, in the same order.
    async fn claim(&self, ids: &[EventId], token: u64) -> Result<Vec<Claim>, Error>;
    /// States that the ids are in Kafka. Unconditional: it is true whoever holds the claim now.
    async fn confirm(&self, ids: &[EventId]) -> Result<(), Error>;
    /// Gives claims up that are still the caller's.
    async fn release(&self, ids: &[EventId], token: u64) -> Result<(), Error>;
}

/// Small values by name: watermarks, sealed tokens, what was told to a channel.
#[async_trait]
pub trait Kv: Send + Sync + Debug {
    /// The value, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    /// Sets the value.
    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    /// Sets the value for a time, in whole seconds; then it is gone.
    async fn put_for(&self, key: &str, value: &[u8], life: Duration) -> Result<(), Error>;
    /// Answers when the store works.
    async fn ping(&self) -> Result<(), Error>;
}
