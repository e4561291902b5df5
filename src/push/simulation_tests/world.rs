//! What one process sees of the log, the store and the channel, and what becomes of it when the process dies.

use crate::bus::{
    Commands, Past, Position, PublishError, Publisher, RawCommand, ReadError, Record, Take,
};
use crate::push::PushResult;
use crate::shops::{Class, Held, WayOut};
use crate::shutdown::Shutdown;
use crate::store::{self, Begun, MemoryStore, Newer, Version, Versions};
use async_trait::async_trait;
use bytes::Bytes;
use connectors::contract::{ApiReply, ApiRequest, Error, ErrorKind, Result as CallResult};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// What happens to a call on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// Milliseconds until the call leaves, because its limit makes it wait; if its process dies meanwhile, it never does.
    pub(super) held: u64,
    /// Milliseconds until the channel has it.
    pub(super) arrives: u64,
    /// Milliseconds until the caller hears of it, or gives up.
    pub(super) answered: u64,
    /// Whether the caller hears at all.
    pub(super) is_lost: bool,
}

#[derive(Debug, Default)]
pub(super) struct World {
    /// One partition, of which each command says which topic it is of: both have the same fate.
    pub(super) log: Vec<(&'static str, Vec<u8>)>,
    /// First offset that is not settled.
    pub(super) committed: usize,
    pub(super) settled: BTreeSet<usize>,
    /// Which process reads, and where it is.
    pub(super) owner: usize,
    pub(super) cursor: usize,
    pub(super) results: Vec<PushResult>,
    pub(super) channel: BTreeMap<String, u32>,
    pub(super) fates: Vec<Fate>,
    pub(super) calls: usize,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) changed: Notify,
}

impl Shared {
    pub(super) fn command(&self, topic: &'static str, command: &serde_json::Value) {
        self.world.lock().log.push((topic, command.to_string().into_bytes()));
        self.changed.notify_waiters();
    }
}

/// One process's view of everything outside it.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) id: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) is_dead: Arc<AtomicBool>,
}

impl Process {
    /// A dead process gets no further.
    async fn lives(&self) {
        if self.is_dead.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }

    /// The next command, if this process reads.
    fn read(&self) -> Option<RawCommand> {
        let mut world = self.shared.world.lock();
        let offset = world.cursor;
        let (topic, payload) = world.log.get(offset).filter(|_| world.owner == self.id)?.clone();
        world.cursor += 1;
        let offset = i64::try_from(offset).unwrap();
        let position = Position { topic: topic.into(), partition: 0, offset };
        Some(RawCommand { position, key: None, payload: Some(payload) })
    }
}

#[async_trait]
impl Commands for Process {
    async fn next(&self) -> Result<RawCommand, ReadError> {
        loop {
            self.lives().await;
            let changed = self.shared.changed.notified();
            if let Some(command) = self.read() {
                return Ok(command);
            }
            changed.await;
        }
    }

    fn at_hand(&self, most: usize) -> Vec<RawCommand> {
        let is_dead = self.is_dead.load(Ordering::SeqCst);
        std::iter::from_fn(|| self.read()).take(if is_dead { 0 } else { most }).collect()
    }

    fn settle(&self, position: &Position) {
        let mut world = self.shared.world.lock();
        if world.owner == self.id && !self.is_dead.load(Ordering::SeqCst) {
            world.settled.insert(usize::try_from(position.offset).unwrap());
            while world.settled.contains(&world.committed) {
                world.committed += 1;
            }
        }
    }

    fn pause(&self) {}

    fn resume(&self) {}
}

#[async_trait]
impl Publisher for Process {
    async fn publish(&self, records: &[Record]) -> Vec<Result<(), PublishError>> {
        self.lives().await;
        let results = records.iter().map(|record| serde_json::from_slice(&record.payload).unwrap());
        self.shared.world.lock().results.extend(results);
        self.lives().await;
        vec![Ok(()); records.len()]
    }

    async fn is_ready(&self) -> bool {
        true
    }
}

#[async_trait]
impl Past for Process {
    async fn each(&self, mut take: Take) -> Result<(), ReadError> {
        self.lives().await;
        let log = self.shared.world.lock().log.clone();
        for (_, payload) in log {
            take(&payload);
        }
        Ok(())
    }
}

#[async_trait]
impl Versions for Process {
    async fn begin(&self, shop: &str, levels: &[Version<'_>]) -> Result<Vec<Begun>, store::Error> {
        self.lives().await;
        let begun = self.store.begin(shop, levels).await;
        self.lives().await;
        begun
    }

    async fn finish(
        &self,
        shop: &str,
        levels: &[Version<'_>],
    ) -> Result<Vec<Option<Newer>>, store::Error> {
        self.lives().await;
        self.store.finish(shop, levels).await
    }

    async fn newest(&self, shop: &str, skus: &[&str]) -> Result<Vec<Option<Newer>>, store::Error> {
        self.lives().await;
        self.store.newest(shop, skus).await
    }

    async fn recall(&self, shop: &str, levels: &[Version<'_>]) -> Result<(), store::Error> {
        self.lives().await;
        self.store.recall(shop, levels).await
    }

    async fn recalled(&self) -> Result<(), store::Error> {
        self.lives().await;
        self.store.recalled().await
    }
}

#[async_trait]
impl WayOut for Process {
    async fn call(&self, request: ApiRequest, _: Class, held: &Held) -> CallResult<ApiReply> {
        self.lives().await;
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        // A parcel has none.
        let levels = body["data"]["levels"].as_array().cloned().unwrap_or_default();
        let fate = {
            let mut world = self.shared.world.lock();
            world.calls += 1;
            let call = world.calls;
            let count = world.fates.len();
            world.fates[call % count]
        };
        tokio::time::sleep(Duration::from_millis(fate.held)).await;
        held.let_go();
        self.lives().await;
        let shared = Arc::clone(&self.shared);
        Shutdown::default().spawn(async move {
            tokio::time::sleep(Duration::from_millis(fate.arrives)).await;
            let mut world = shared.world.lock();
            for level in levels {
                let sku = level["sku_id"].as_str().unwrap().to_owned();
                let available = level["available"].as_u64().unwrap();
                world.channel.insert(sku, u32::try_from(available).unwrap());
            }
        });
        tokio::time::sleep(Duration::from_millis(fate.answered)).await;
        self.lives().await;
        // An answer cannot be there before the call.
        if fate.is_lost || fate.answered < fate.arrives {
            return Err(Error::new(ErrorKind::Unavailable, "no answer"));
        }
        Ok(ApiReply::new(StatusCode::OK, HeaderMap::new(), Bytes::new()))
    }

    fn authorization_ended(&self) {}
}
