//! What the small ERP knows: orders by their newest version, what it commanded, and what became of it.

use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

/// Units of every SKU when the demo begins.
const START_LEVEL: u32 = 100_000;

/// (channel, shop, object id)
pub(super) type Key = (String, String, String);

#[derive(Default)]
pub(super) struct Books {
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Records by channel, and the event ids seen, to find what is there twice.
    pub(super) records: HashMap<String, usize>,
    pub(super) events: HashSet<String>,
    pub(super) twice: HashMap<String, usize>,
    /// Newest version of each order and refund, in Unix milliseconds.
    pub(super) orders: HashMap<Key, i64>,
    pub(super) refunds: HashMap<Key, i64>,
    /// Newest level commanded, and its version.
    pub(super) levels: HashMap<Key, (u32, u64)>,
    /// Tracking number commanded for each order.
    pub(super) waybills: HashMap<Key, String>,
    /// Commands that have no result yet.
    pub(super) commanded: usize,
    pub(super) results: HashSet<String>,
    /// Orders whose waybill the channel refused, with its words.
    pub(super) refused: HashMap<Key, String>,
    pub(super) unknown: usize,
    pub(super) dead: usize,
}

impl Books {
    pub(super) fn summary(&self) -> String {
        let state = self.state.lock();
        format!(
            "{} orders and {} refunds in Kafka, {} waybills and {} stock levels back, {} of {} commands settled",
            state.orders.len(),
            state.refunds.len(),
            state.waybills.len(),
            state.levels.len(),
            state.results.len(),
            state.commanded
        )
    }
}

impl State {
    /// Notes a record. `false` if the event is there already.
    pub(super) fn note(&mut self, channel: &str, event: &str) -> bool {
        *self.records.entry(channel.to_owned()).or_default() += 1;
        let fresh = self.events.insert(event.to_owned());
        if !fresh {
            *self.twice.entry(channel.to_owned()).or_default() += 1;
        }
        fresh
    }

    /// Sells units of a SKU: its new level and version.
    pub(super) fn sell(&mut self, key: Key, units: u32) -> (u32, u64) {
        let (level, version) = self.levels.entry(key).or_insert((START_LEVEL, 0));
        *level = level.saturating_sub(units);
        *version += 1;
        (*level, *version)
    }
}
