//! Which orders must not ship now: a hint, taken from what passes the intake, for whoever is about to ship one.
//!
//! Promises: an order that shows no reason costs the intake one look at its own fields, and no call. A hold never delays
//! and never fails an event: it is known to this process at once, and written to the store in the background, where other
//! instances and the next process find it. It is noted before the event is on the road, also of a duplicate, so whatever
//! comes again mends what a crash or a store that is away has lost.
//!
//! A hold is a hint because the channel has the last word: before a parcel is refused for it the order is read again,
//! where the channel lets it be read, and that settles it. So a note is never taken back, it only gets older; where an
//! order cannot be read, the newest event that passed this process decides.
//!
//! What is kept: ids of lines and refunds, and the channel's word for the reason. No personal data; the key is a hash.

mod facts;
#[cfg(test)]
mod tests;

pub use facts::{Held, Reason, of_order, of_refund};

use crate::shutdown::Shutdown;
use crate::store::Notes;
use crate::telemetry::metrics::Metrics;
use connectors::contract::Event;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Orders whose hold this process remembers by itself.
const KNOWN: usize = 10_000;
/// Holds that wait to be written; one more is not written, and counted as a failure of the store.
const QUEUE: usize = 1024;
const PAUSE: Duration = Duration::from_secs(1);

/// The holds that this gateway knows.
#[derive(Debug)]
pub struct Holds {
    known: Arc<Cache<String, Held>>,
    /// Whether anything was ever known: as long as not, an event costs no look-up.
    knows_any: AtomicBool,
    notes: Arc<Notes>,
    queue: mpsc::Sender<(String, Held)>,
    metrics: Arc<Metrics>,
}

impl Holds {
    /// Starts writing in the background; ends when the last handle is dropped and everything is written, or, once the
    /// gateway stops, at the first note that the store does not take.
    pub fn start(notes: Notes, metrics: Arc<Metrics>, shutdown: &Shutdown) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let holds = Self {
            known: Arc::new(Cache::new(KNOWN)),
            knows_any: AtomicBool::new(false),
            notes: Arc::new(notes),
            queue,
            metrics,
        };
        let (known, notes, stop) =
            (Arc::clone(&holds.known), Arc::clone(&holds.notes), shutdown.clone());
        shutdown.spawn(async move { write(waiting, &known, &notes, &stop).await });
        Arc::new(holds)
    }

    /// Takes note of an order or a refund that says whether its order may ship.
    pub fn see(&self, channel: &str, shop: &str, event: &Event) {
        let (order_id, seen) = match event {
            Event::Order(order) => (&order.order_id, of_order(order)),
            Event::Refund(refund) => (&refund.order_id, of_refund(refund)),
            Event::OrderChanged { .. }
            | Event::RefundChanged { .. }
            | Event::Shipment(_)
            | Event::Stock(_)
            | Event::AuthorizationEnded
            | Event::Suspect(_) => return,
        };
        // Nearly every event: nothing is said, and nothing was known.
        if seen.is_free() && !self.knows_any.load(Ordering::Acquire) {
            return;
        }
        let key = key(channel, shop, order_id.as_str());
        let before = self.known.get(&key);
        if seen.is_free() && before.is_none() {
            return;
        }
        let before = before.unwrap_or_default();
        let after = before.clone().merged(seen);
        if after == before {
            return;
        }
        self.remember(key.clone(), after.clone());
        if self.queue.try_send((key, after)).is_err() {
            self.metrics.store_errors.with_label_values(&["hold"]).inc();
        }
    }

    /// What is known of an order that was held at some time, here or by another process.
    pub async fn find(&self, channel: &str, shop: &str, order: &str) -> Option<Held> {
        let key = key(channel, shop, order);
        let here = self.known.get(&key);
        if here.as_ref().is_some_and(|held| !held.is_free()) {
            return here;
        }
        // What was lifted here may be held again by what came to another process.
        let Some(there) = self.notes.read::<Held>(&hashed(&key)).await else { return here };
        let merged = here.unwrap_or_default().merged(there);
        self.remember(key, merged.clone());
        Some(merged)
    }

    fn remember(&self, key: String, held: Held) {
        self.known.insert(key, held);
        self.knows_any.store(true, Ordering::Release);
    }
}

/// Writes what is known, merged with what another process wrote.
async fn write(
    mut waiting: mpsc::Receiver<(String, Held)>,
    known: &Cache<String, Held>,
    notes: &Notes,
    stop: &Shutdown,
) {
    while let Some((key, seen)) = waiting.recv().await {
        let note = hashed(&key);
        let merged = match notes.read::<Held>(&note).await {
            Some(there) => there.merged(seen),
            None => seen,
        };
        while !notes.write(&note, &merged).await {
            if stop.is_stopped() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(here) = known.get(&key) {
            known.insert(key, here.merged(merged));
        }
    }
}

/// Ids never hold a colon.
fn key(channel: &str, shop: &str, order: &str) -> String {
    [channel, ":", shop, ":", order].concat()
}

fn hashed(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}
