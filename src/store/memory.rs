//! The promises of [`super`] in memory, for the embedded default, tests and simulation.

use super::{Claim, Dedup, Error, Kv};
use async_trait::async_trait;
use connectors::contract::EventId;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Facts kept at most; the oldest are forgotten first, which costs a duplicate and nothing else.
const FACTS: usize = 1_000_000;

/// Remembers until the process ends.
#[derive(Debug)]
pub struct MemoryStore {
    lease: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<EventId, Entry>,
    published: VecDeque<EventId>,
    values: HashMap<String, Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Claimed { token: u64, until: Instant },
    Published,
}

impl MemoryStore {
    /// An empty store whose claims live for `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { lease, state: Mutex::default() }
    }

    /// Forgets everything, as a flushed Redis does.
    pub fn flush(&self) {
        *self.state.lock() = State::default();
    }
}

#[async_trait]
impl Dedup for MemoryStore {
    async fn claim(&self, ids: &[EventId], token: u64) -> Result<Vec<Claim>, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let claim = |id: &EventId| match state.entries.get(id) {
            Some(Entry::Published) => Claim::Published,
            Some(Entry::Claimed { token: holder, until }) if *until > now && *holder != token => {
                Claim::InFlight
            }
            Some(Entry::Claimed { .. }) | None => {
                state.entries.insert(*id, Entry::Claimed { token, until: now + self.lease });
                Claim::Mine
            }
        };
        Ok(ids.iter().map(claim).collect())
    }

    async fn confirm(&self, ids: &[EventId]) -> Result<(), Error> {
        let mut state = self.state.lock();
        for id in ids {
            state.entries.insert(*id, Entry::Published);
            state.published.push_back(*id);
        }
        while state.published.len() > FACTS {
            if let Some(oldest) = state.published.pop_front() {
                state.entries.remove(&oldest);
            }
        }
        Ok(())
    }

    async fn release(&self, ids: &[EventId], token: u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        for id in ids {
            if matches!(state.entries.get(id), Some(Entry::Claimed { token: holder, .. }) if *holder == token)
            {
                state.entries.remove(id);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Kv for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.state.lock().values.get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.state.lock().values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}
