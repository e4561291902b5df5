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

/// When a call may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Reserved: after this time.
    After(Duration),
    /// Nothing is reserved; to be asked again after this time.
    AskAgain(Duration),
}

/// Reserves.
#[async_trait]
pub trait Slots: Send + Sync + Debug {
    /// Reserves the first time that all limits allow, the narrowest limit first. While a narrower limit is what the call
    /// waits for, nothing is taken from the wider ones.
    async fn reserve(&self, limits: &[SharedLimit]) -> Result<Slot, Error>;
    /// Stops everybody at a limit for a time.
    async fn ban(&self, key: &str, time: Duration) -> Result<(), Error>;
}
