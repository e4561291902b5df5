//! What waits for one shop: of every stock level only the newest.

use super::command::StockCommand;
use super::delivery::{Worker, result};
use crate::push::command::Job;
use crate::push::delivery::{Delivery, WORKERS};
use crate::push::receipt::{Kind, Outcome};
use crate::shops::Shop;
use parking_lot::Mutex;
use quick_cache::unsync::Cache;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// SKUs of a shop whose newest version is remembered.
const VERSIONS: usize = 100_000;

/// Levels of one shop that wait or are under way.
#[derive(Debug)]
pub(in crate::push) struct Lane {
    pub(super) shop: Arc<Shop>,
    pub(super) delivery: Arc<Delivery>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waiting: HashMap<String, Job<StockCommand>>,
    /// SKUs in the order in which they began to wait. May name SKUs that wait no longer.
    turns: VecDeque<String>,
    busy: HashSet<String>,
    newest: Cache<String, u64>,
    workers: usize,
}

/// What a command finds.
enum Put {
    /// It waits.
    Waiting,
    /// It waits in the place of an older one.
    Replaced(Box<Job<StockCommand>>),
    /// A newer one was here before.
    Late(Box<Job<StockCommand>>),
}

impl Lane {
    pub(in crate::push) fn new(shop: Arc<Shop>, delivery: Arc<Delivery>) -> Arc<Self> {
        let state = State {
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            busy: HashSet::new(),
            newest: Cache::new(VERSIONS),
            workers: 0,
        };
        Arc::new(Self { shop, delivery, state: Mutex::new(state) })
    }

    /// Lets a level wait, reports the one that it replaces, and sees to it that somebody works.
    pub(in crate::push) async fn put(self: &Arc<Self>, job: Job<StockCommand>) {
        let put = self.state.lock().put(job);
        let superseded = match put {
            Put::Waiting => {
                self.delivery.waiting.grow(Kind::Stock, 1);
                return self.start_worker();
            }
            Put::Replaced(job) | Put::Late(job) => *job,
        };
        let at = self.delivery.parts.clock.now();
        let result = result(&superseded, Outcome::Superseded, None, at);
        self.delivery.receipts.result(result, superseded.position).await;
    }

    fn start_worker(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.workers < WORKERS {
            state.workers += 1;
            drop(state);
            let worker = Worker(Arc::clone(self));
            self.delivery.shutdown.spawn(async move { worker.run().await });
        }
    }

    /// Levels for one call; their SKUs are busy until [`Lane::done`]. None means that this worker is not needed: it is
    /// no longer counted.
    pub(super) fn take(&self) -> Option<Vec<Job<StockCommand>>> {
        let mut state = self.state.lock();
        let batch = state.take(&self.shop);
        if batch.is_empty() {
            state.workers -= 1;
            return None;
        }
        drop(state);
        self.delivery.waiting.shrink(Kind::Stock, batch.len());
        Some(batch)
    }

    /// Gives the SKUs of finished work free.
    pub(super) fn done<'k>(&self, skus: impl IntoIterator<Item = &'k str>) {
        let mut state = self.state.lock();
        for sku in skus {
            state.busy.remove(sku);
        }
    }

    /// Whether a newer level of the SKU waits, so that an older one need not be tried again.
    pub(super) fn has_newer(&self, sku: &str, version: u64) -> bool {
        self.state.lock().waiting.get(sku).is_some_and(|job| job.command.version > version)
    }
}

impl State {
    fn put(&mut self, job: Job<StockCommand>) -> Put {
        let sku = job.command.sku_id.clone();
        if self.newest.get(&sku).is_some_and(|newest| job.command.version <= *newest) {
            return Put::Late(Box::new(job));
        }
        self.newest.insert(sku.clone(), job.command.version);
        match self.waiting.insert(sku.clone(), job) {
            Some(older) => Put::Replaced(Box::new(older)),
            None => {
                self.turns.push_back(sku);
                Put::Waiting
            }
        }
    }

    /// The SKU that waits longest, and those that may share its call.
    fn take(&mut self, shop: &Shop) -> Vec<Job<StockCommand>> {
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
            let Some(job) = self.waiting.get(&sku) else { continue };
            let key = batch_key(job);
            let fits = batch.is_empty() || key == shared;
            if self.busy.contains(&sku) || !fits {
                passed.push_back(sku);
                continue;
            }
            shared = key;
            if let Some(job) = self.waiting.remove(&sku) {
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
