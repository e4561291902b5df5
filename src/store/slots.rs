//! Limits that several processes share: each call reserves its time of sending.

use super::Error;
use async_trait::async_trait;
use std::fmt::Debug;
use std::time::Duration;

/// A limit by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLimit {
    /// Name; who uses the same name shares the limit.
    pub key: String,
    /// Time between two calls.
    pub emission: Duration,
    /// Calls at once after a pause.
    pub burst: u32,
}

/// A quota of one day by the name of its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayLimit {
    /// Name, the day in it.
    pub key: String,
    /// Calls in the day.
    pub per_day: u32,
    /// Calls of this day that were made while the store was away; they are counted now.
    pub owed: u32,
}

/// What the store says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// When it may be sent.
    pub slot: Slot,
    /// Calls that each quota of the day has seen, this one with them if it was reserved.
    pub used: Vec<u32>,
}

/// When a call may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Reserved: after this time.
    After(Duration),
    /// Nothing is reserved; to be asked again after this time.
    AskAgain(Duration),
    /// Nothing is reserved: a quota of the day is used up.
    UsedUp,
}

/// Reserves.
#[async_trait]
pub trait Slots: Send + Sync + Debug {
    /// Reserves the first time that all limits allow, the narrowest limit first. While a narrower limit is what the call
    /// waits for, nothing is taken from the wider ones. A call that is reserved is counted at each quota of the day; where
    /// one of them is used up, nothing is reserved.
    async fn reserve(&self, limits: &[SharedLimit], days: &[DayLimit]) -> Result<Reserved, Error>;
    /// Stops everybody at a limit for a time.
    async fn ban(&self, key: &str, time: Duration) -> Result<(), Error>;
}
