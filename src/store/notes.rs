//! Small facts that are kept for a time, and whose loss costs a call and never an order.
//!
//! Whoever reads or writes a note goes on without it when the store is away. A store that just failed is left alone for
//! a moment, so that it does not cost each caller its timeout.

use super::{Error, Kv};
use crate::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(500);

/// Notes of one sort.
#[derive(Debug)]
pub struct Notes {
    store: Arc<dyn Kv>,
    /// First part of every key, and the label of its failures.
    sort: &'static str,
    life: Duration,
    metrics: Arc<Metrics>,
    paused_until: Mutex<Option<Instant>>,
}

impl Notes {
    /// Notes whose keys begin with `sort`, each kept for `life`.
    pub fn new(
        store: Arc<dyn Kv>,
        sort: &'static str,
        life: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { store, sort, life, metrics, paused_until: Mutex::new(None) }
    }

    /// The note, if there is one, it can be read, and the store answers.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        if self.is_paused() {
            return None;
        }
        match self.store.get(&[self.sort, ":", key].concat()).await {
            Ok(value) => serde_json::from_slice(&value?).ok(),
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// Writes a note. `false` where it is not written.
    pub async fn write<T: Serialize + Sync>(&self, key: &str, note: &T) -> bool {
        let Ok(value) = serde_json::to_vec(note) else { return false };
        if self.is_paused() {
            return false;
        }
        match self.store.put_for(&[self.sort, ":", key].concat(), &value, self.life).await {
            Ok(()) => true,
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn is_paused(&self) -> bool {
        self.paused_until.lock().is_some_and(|until| Instant::now() < until)
    }

    fn failed(&self, error: &Error) {
        self.metrics.store_errors.with_label_values(&[self.sort]).inc();
        tracing::debug!(%error, sort = self.sort, "the store is away; going on without");
        *self.paused_until.lock() = Some(Instant::now() + PAUSE);
    }
}
