//! The promises of [`super`] in memory, for tests and simulation.

use super::{PublishError, Publisher, Record};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A log in memory that can be told to be away.
#[derive(Debug, Default)]
pub struct MemoryBus {
    records: Mutex<Vec<Record>>,
    away: AtomicBool,
}

impl MemoryBus {
    /// Everything published so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().clone()
    }

    /// Makes publishing fail until told otherwise.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }
}

#[async_trait]
impl Publisher for MemoryBus {
    async fn publish(&self, records: &[Record]) -> Vec<Result<(), PublishError>> {
        if self.away.load(Ordering::SeqCst) {
            return vec![Err(PublishError::Failed); records.len()];
        }
        let answers = vec![Ok(()); records.len()];
        self.records.lock().extend_from_slice(records);
        answers
    }

    async fn is_ready(&self) -> bool {
        !self.away.load(Ordering::SeqCst)
    }
}
