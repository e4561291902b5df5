//! What waits for one shop: waybills in order, and of every stock level only the newest.

use super::command::{StockCommand, WaybillCommand};
use super::receipt::Kind;
use crate::bus::Position;
use crate::shops::Shop;
use crate::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use quick_cache::unsync::Cache;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::Instant;

/// SKUs of a shop whose newest version is remembered.
const VERSIONS: usize = 100_000;

/// A command that waits, with what is needed to report on it.
#[derive(Debug, Clone)]
pub(super) struct Job<C> {
    pub(super) command: C,
    pub(super) position: Position,
    pub(super) read_at: Instant,
    pub(super) tries: u32,
}

/// Work for one call. Its keys are busy until [`Lane::done`].
#[derive(Debug)]
pub(super) enum Work {
    Waybill(Box<Job<WaybillCommand>>),
    Stock(Vec<Job<StockCommand>>),
}

/// All lanes, and how much waits in them together.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Mutex<HashMap<(String, String), Arc<Lane>>>,
    limit: usize,
    waiting: AtomicUsize,
    room: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) shop: Arc<Shop>,
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug)]
struct State {
    waybills: VecDeque<Job<WaybillCommand>>,
    stock: HashMap<String, Job<StockCommand>>,
    /// SKUs in the order in which they began to wait. May name SKUs that wait no longer.
    turns: VecDeque<String>,
    busy: HashSet<String>,
    newest: Cache<String, u64>,
}

/// What a stock command finds.
#[derive(Debug)]
pub(super) enum Put {
    /// It waits.
    Waiting,
    /// It waits in the place of an older one.
    Replaced(Box<Job<StockCommand>>),
    /// A newer one was here before.
    Late(Box<Job<StockCommand>>),
}

impl Lanes {
    pub(super) fn new(limit: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            lanes: Mutex::default(),
            limit,
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            metrics,
        }
    }

    pub(super) fn add(&self, shop: Arc<Shop>) -> Arc<Lane> {
        let key = (shop.channel.to_owned(), shop.id.to_string());
        let state = State {
            waybills: VecDeque::new(),
            stock: HashMap::new(),
            turns: VecDeque::new(),
            busy: HashSet::new(),
            newest: Cache::new(VERSIONS),
        };
        let lane = Arc::new(Lane { shop, state: Mutex::new(state), work: Notify::new() });
        self.lanes.lock().insert(key, Arc::clone(&lane));
        lane
    }

    pub(super) fn find(&self, channel: &str, shop: &str) -> Option<Arc<Lane>> {
        self.lanes.lock().get(&(channel.to_owned(), shop.to_owned())).cloned()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= self.limit
    }

    /// Ends when half of the room is free again.
    pub(super) async fn has_room(&self) {
        loop {
            let freed = self.room.notified();
            if self.waiting.load(Ordering::Acquire) <= self.limit / 2 {
                return;
            }
            freed.await;
        }
    }

    pub(super) fn put_waybill(&self, lane: &Lane, job: Job<WaybillCommand>) {
        self.grow(Kind::Waybill, 1);
        lane.state.lock().waybills.push_back(job);
        lane.work.notify_one();
    }

    pub(super) fn put_stock(&self, lane: &Lane, job: Job<StockCommand>) -> Put {
        let put = lane.state.lock().put(job);
        if matches!(put, Put::Waiting) {
            self.grow(Kind::Stock, 1);
        }
        lane.work.notify_one();
        put
    }

    /// The next work of a lane; ends only with some. Cancel-safe.
    pub(super) async fn take(&self, lane: &Lane) -> Work {
        loop {
            let more = lane.work.notified();
            let work = lane.state.lock().take(&lane.shop);
            if let Some(work) = work {
                // Others may find work too: waking is cheap, forgetting to is not.
                lane.work.notify_one();
                match &work {
                    Work::Waybill(_) => self.shrink(Kind::Waybill, 1),
                    Work::Stock(levels) => self.shrink(Kind::Stock, levels.len()),
                }
                return work;
            }
            more.await;
        }
    }

    fn grow(&self, kind: Kind, count: usize) {
        self.waiting.fetch_add(count, Ordering::AcqRel);
        self.show(kind, i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn shrink(&self, kind: Kind, count: usize) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        self.room.notify_one();
        self.show(kind, -i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn show(&self, kind: Kind, change: i64) {
        self.metrics.push_queue.with_label_values(&[kind.as_str()]).add(change);
    }
}

impl Lane {
    /// Gives the keys of finished work free.
    pub(super) fn done<'k>(&self, keys: impl IntoIterator<Item = &'k str>) {
        let mut state = self.state.lock();
        for key in keys {
            state.busy.remove(key);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Whether a newer level of the SKU waits, so that an older one need not be tried again.
    pub(super) fn has_newer(&self, sku: &str, version: u64) -> bool {
        self.state.lock().stock.get(sku).is_some_and(|job| job.command.version > version)
    }
}

impl State {
    fn put(&mut self, job: Job<StockCommand>) -> Put {
        let sku = job.command.sku_id.clone();
        if self.newest.get(&sku).is_some_and(|newest| job.command.version <= *newest) {
            return Put::Late(Box::new(job));
        }
        self.newest.insert(sku.clone(), job.command.version);
        match self.stock.insert(sku.clone(), job) {
            Some(older) => Put::Replaced(Box::new(older)),
            None => {
                self.turns.push_back(sku);
                Put::Waiting
            }
        }
    }

    /// Waybills first: a buyer waits for them.
    fn take(&mut self, shop: &Shop) -> Option<Work> {
        let free =
            self.waybills.iter().position(|job| !self.busy.contains(job.command.order_id.as_str()));
        if let Some(job) = free.and_then(|index| self.waybills.remove(index)) {
            self.busy.insert(job.command.order_id.as_str().to_owned());
            return Some(Work::Waybill(Box::new(job)));
        }
        let batch = self.take_stock(shop);
        (!batch.is_empty()).then_some(Work::Stock(batch))
    }

    /// The SKU that waits longest, and those that may share its call.
    fn take_stock(&mut self, shop: &Shop) -> Vec<Job<StockCommand>> {
        let sink = shop.connector.stock();
        let limit = sink.map_or(1, |sink| sink.max_batch().max(1));
        let batch_key = |job: &Job<StockCommand>| {
            let level = job.command.level();
            sink.map(|sink| sink.batch_key(&level).to_owned())
        };
        let mut batch: Vec<Job<StockCommand>> = Vec::new();
        let mut shared = None;
        let mut passed = VecDeque::new();
        while batch.len() < limit
            && let Some(sku) = self.turns.pop_front()
        {
            let Some(job) = self.stock.get(&sku) else { continue };
            let key = batch_key(job);
            let fits = batch.is_empty() || key == shared;
            if self.busy.contains(&sku) || !fits {
                passed.push_back(sku);
                continue;
            }
            shared = key;
            if let Some(job) = self.stock.remove(&sku) {
                batch.push(job);
            }
            self.busy.insert(sku);
        }
        // Those that did not fit keep their place in the order.
        passed.append(&mut self.turns);
        self.turns = passed;
        batch
    }
}
