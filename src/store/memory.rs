//! The promises of [`super`] in memory, for the embedded default, tests and simulation.

use super::{Begun, Claim, Dedup, Error, Kv, Newer, Version, Versions};
use async_trait::async_trait;
use connectors::contract::EventId;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Facts kept at most; the oldest are forgotten first, which costs a duplicate and nothing else.
const FACTS: usize = 1_000_000;
/// Values with an end that are kept at most; the oldest are forgotten first.
const PASSING: usize = 100_000;
/// A call that began so long ago and never finished belongs to nobody.
const LONGEST_CALL: Duration = Duration::from_mins(1);

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
    passing: HashMap<String, Passing>,
    /// Names of passing values in the order in which they were first set.
    passing_order: VecDeque<String>,
    /// By shop and SKU.
    versions: HashMap<String, HashMap<String, Told>>,
    is_whole: bool,
}

#[derive(Debug)]
struct Passing {
    value: Vec<u8>,
    until: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    version: u64,
    available: u32,
    calls: u32,
    since: Instant,
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
        let state = self.state.lock();
        let now = Instant::now();
        let passing = state.passing.get(key).filter(|passing| passing.until > now);
        Ok(passing.map(|passing| &passing.value).or_else(|| state.values.get(key)).cloned())
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.state.lock().values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn put_for(&self, key: &str, value: &[u8], life: Duration) -> Result<(), Error> {
        let mut state = self.state.lock();
        let passing = Passing { value: value.to_vec(), until: Instant::now() + life };
        if state.passing.insert(key.to_owned(), passing).is_none() {
            state.passing_order.push_back(key.to_owned());
        }
        while state.passing.len() > PASSING {
            let Some(oldest) = state.passing_order.pop_front() else { break };
            state.passing.remove(&oldest);
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Versions for MemoryStore {
    async fn begin(&self, shop: &str, levels: &[Version<'_>]) -> Result<Vec<Begun>, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if !state.is_whole {
            return Err(Error::Forgotten);
        }
        let of_shop = state.versions.entry(shop.to_owned()).or_default();
        let begin = |level: &Version<'_>| {
            let Version { sku, version, available } = *level;
            let known = of_shop.get(sku);
            if let Some(known) = known.filter(|known| version < known.version) {
                let Told { version, available, .. } = *known;
                return Begun::Superseded(Newer { version, available });
            }
            let (calls, since) = known
                .filter(|known| known.calls > 0 && now < known.since + LONGEST_CALL)
                .map_or((0, now), |known| (known.calls, known.since));
            let told = Told { version, available, calls: calls + 1, since };
            of_shop.insert(sku.to_owned(), told);
            Begun::Go { is_unsettled: calls > 0 }
        };
        Ok(levels.iter().map(begin).collect())
    }

    async fn finish(
        &self,
        shop: &str,
        levels: &[Version<'_>],
    ) -> Result<Vec<Option<Newer>>, Error> {
        let mut state = self.state.lock();
        let of_shop = state.versions.entry(shop.to_owned()).or_default();
        let finish = |level: &Version<'_>| {
            let known = of_shop.get_mut(level.sku)?;
            known.calls = known.calls.saturating_sub(1);
            let newer = Newer { version: known.version, available: known.available };
            (level.version < known.version).then_some(newer)
        };
        Ok(levels.iter().map(finish).collect())
    }

    async fn newest(&self, shop: &str, skus: &[&str]) -> Result<Vec<Option<Newer>>, Error> {
        let state = self.state.lock();
        let of_shop = state.versions.get(shop);
        let newest = |sku: &&str| {
            let Told { version, available, .. } = *of_shop?.get(*sku)?;
            Some(Newer { version, available })
        };
        Ok(skus.iter().map(newest).collect())
    }

    async fn recall(&self, shop: &str, levels: &[Version<'_>]) -> Result<(), Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let of_shop = state.versions.entry(shop.to_owned()).or_default();
        for Version { sku, version, available } in levels.iter().copied() {
            if of_shop.get(sku).is_none_or(|known| known.version < version) {
                of_shop.insert(sku.to_owned(), Told { version, available, calls: 0, since: now });
            }
        }
        Ok(())
    }

    async fn recalled(&self) -> Result<(), Error> {
        self.state.lock().is_whole = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_passing_value_is_gone_after_its_time_and_the_oldest_make_room() {
        let store = MemoryStore::new(Duration::from_secs(1));
        store.put_for("a", b"1", Duration::from_secs(5)).await.unwrap();
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(&b"1"[..]));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(store.get("a").await.unwrap(), None);
        store.put_for("a", b"2", Duration::from_secs(5)).await.unwrap();
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(&b"2"[..]));
        for number in 0..PASSING {
            store.put_for(&number.to_string(), b"", Duration::from_secs(5)).await.unwrap();
        }
        assert_eq!(store.get("a").await.unwrap(), None, "the oldest made room");
        assert!(store.get("0").await.unwrap().is_some());
        assert_eq!(store.state.lock().passing_order.len(), PASSING);
    }
}
