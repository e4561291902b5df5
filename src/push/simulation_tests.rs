//! Several processes, one shop, one log of stock commands: rebalances, processes that die in the middle of anything, calls
//! that arrive late, answers that are lost. At the end the channel has the newest level of every SKU and every command has
//! a result.
//!
//! The real push-back runs, on a paused clock; only Kafka, the store and the channel are in memory. A process that died
//! gets no answer from any of them any more, and its calls that had left arrive all the same.

use super::{Outcome, Parts, PushResult, start};
use crate::bus::{
    Commands, Past, Position, PublishError, Publisher, RawCommand, ReadError, Record, Take,
};
use crate::clock::SystemClock;
use crate::config::{self, Push, StockRule, Topics};
use crate::holds::Holds;
use crate::intake::{self, Intake};
use crate::seal::Sealer;
use crate::shops::{Class, Counters, Shop, Shops, WayOut};
use crate::shutdown::Shutdown;
use crate::store::{self, Begun, MemoryStore, Newer, Notes, Version, Versions};
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use bytes::Bytes;
use connectors::contract::model::ShopId;
use connectors::contract::{
    ApiReply, ApiRequest, Capability, Error, ErrorKind, Result as CallResult, ShopSetup,
};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

const SKUS: u8 = 3;
const TOPIC: &str = "stock";

/// What happens to a call on its way.
#[derive(Debug, Clone, Copy)]
struct Fate {
    /// Milliseconds until the call leaves, because its limit makes it wait; if its process dies meanwhile, it never does.
    held: u64,
    /// Milliseconds until the channel has it.
    arrives: u64,
    /// Milliseconds until the caller hears of it, or gives up.
    answered: u64,
    /// Whether the caller hears at all.
    is_lost: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The ERP commands the next version, or says again what it said so many versions ago.
    Command {
        sku: u8,
        available: u8,
        older: u8,
    },
    /// The partition goes to another process; the former owner works on what it has.
    Rebalance,
    /// The owner dies, another process goes on.
    Crash,
    /// Redis forgets everything.
    Forget,
    /// In a quiet hour Redis forgets everything and the process starts anew.
    StartAnew,
    Wait(u16),
}

#[derive(Debug, Default)]
struct World {
    log: Vec<Vec<u8>>,
    /// First offset that is not settled.
    committed: usize,
    settled: BTreeSet<usize>,
    /// Which process reads, and where it is.
    owner: usize,
    cursor: usize,
    results: Vec<PushResult>,
    channel: BTreeMap<String, u32>,
    fates: Vec<Fate>,
    calls: usize,
}

#[derive(Debug, Default)]
struct Shared {
    world: Mutex<World>,
    changed: Notify,
}

/// One process's view of everything outside it.
#[derive(Debug, Clone)]
struct Process {
    id: usize,
    shared: Arc<Shared>,
    store: Arc<MemoryStore>,
    is_dead: Arc<AtomicBool>,
}

impl Process {
    /// A dead process gets no further.
    async fn lives(&self) {
        if self.is_dead.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl Commands for Process {
    async fn next(&self) -> Result<RawCommand, ReadError> {
        loop {
            self.lives().await;
            let changed = self.shared.changed.notified();
            {
                let mut world = self.shared.world.lock();
                let offset = world.cursor;
                if world.owner == self.id
                    && let Some(payload) = world.log.get(offset).cloned()
                {
                    world.cursor += 1;
                    let offset = i64::try_from(offset).unwrap();
                    let position = Position { topic: TOPIC.into(), partition: 0, offset };
                    return Ok(RawCommand { position, key: None, payload: Some(payload) });
                }
            }
            changed.await;
        }
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
        for payload in log {
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
    async fn call(&self, request: ApiRequest, _: Class) -> CallResult<ApiReply> {
        self.lives().await;
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let levels = body["data"]["levels"].as_array().unwrap().clone();
        let fate = {
            let mut world = self.shared.world.lock();
            world.calls += 1;
            let call = world.calls;
            let count = world.fates.len();
            world.fates[call % count]
        };
        tokio::time::sleep(Duration::from_millis(fate.held)).await;
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

struct Simulation {
    shared: Arc<Shared>,
    store: Arc<MemoryStore>,
    topics: Topics,
    settings: Push,
    intake: config::Intake,
    processes: Vec<(Process, Shutdown)>,
    versions: BTreeMap<u8, Vec<u8>>,
}

impl Simulation {
    fn new(fates: Vec<Fate>) -> Self {
        let (plan, problems) = config::plan(true, None);
        let config = plan.unwrap_or_else(|| panic!("{problems:?}")).config;
        let shared = Arc::new(Shared::default());
        shared.world.lock().fates = fates;
        let mut simulation = Self {
            shared,
            store: Arc::new(MemoryStore::new(Duration::from_secs(1))),
            topics: Topics { stock_commands: TOPIC.to_owned(), ..config.kafka.topics },
            settings: config.push,
            intake: config.intake,
            processes: Vec::new(),
            versions: BTreeMap::new(),
        };
        simulation.join();
        simulation
    }

    /// A new process takes the partition over.
    fn join(&mut self) {
        let id = self.processes.len();
        let process = Process {
            id,
            shared: Arc::clone(&self.shared),
            store: Arc::clone(&self.store),
            is_dead: Arc::default(),
        };
        let metrics = Arc::new(Metrics::try_new().unwrap());
        let shutdown = Shutdown::default();
        let store = Arc::<MemoryStore>::clone(&self.store);
        let life = self.settings.journal_life();
        let notes = Notes::new(store, "hold", life, Arc::clone(&metrics));
        let holds = Holds::start(notes, Arc::clone(&metrics), &shutdown);
        let (clock, sealer) = (Arc::new(SystemClock), Sealer::random().unwrap());
        let entrance = intake::Parts {
            dedup: Arc::<MemoryStore>::clone(&self.store),
            publisher: Arc::new(process.clone()),
            clock: Arc::<SystemClock>::clone(&clock),
            metrics: Arc::clone(&metrics),
            sealer: sealer.clone(),
            holds: Arc::clone(&holds),
        };
        let parts = Parts {
            store: Arc::<MemoryStore>::clone(&self.store),
            holds,
            intake: Intake::open(&self.intake, &self.topics, entrance, &shutdown),
            commands: Arc::new(process.clone()),
            publisher: Arc::new(process.clone()),
            shops: Arc::new(Shops::new([Arc::new(shop(&process, &metrics))])),
            clock,
            metrics,
            sealer,
            versions: Arc::new(process.clone()),
            past: Arc::new(process.clone()),
        };
        {
            let mut world = self.shared.world.lock();
            (world.owner, world.cursor) = (id, world.committed);
            world.settled.clear();
        }
        start(&self.settings, &self.topics, &parts, &shutdown);
        self.processes.push((process, shutdown));
        self.shared.changed.notify_waiters();
    }

    fn crash(&mut self) {
        let (owner, _) = self.processes.last().unwrap();
        owner.is_dead.store(true, Ordering::SeqCst);
        self.join();
    }

    fn command(&mut self, sku: u8, available: u8, older: u8) {
        let levels = self.versions.entry(sku).or_default();
        let back = usize::from(older).min(levels.len());
        if back == 0 {
            levels.push(available);
        }
        let index = if back == 0 { levels.len() - 1 } else { levels.len() - back };
        let command = json!({
            "channel": "partner", "shop": "s1", "sku_id": format!("sku{sku}"),
            "available": levels[index], "version": index + 1,
        });
        self.shared.world.lock().log.push(command.to_string().into_bytes());
        self.shared.changed.notify_waiters();
    }

    async fn run(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Command { sku, available, older } => self.command(sku, available, older),
                Step::Rebalance => self.join(),
                Step::Crash => self.crash(),
                Step::StartAnew => {
                    tokio::time::sleep(Duration::from_mins(30)).await;
                    self.store.flush();
                    self.crash();
                }
                Step::Forget => self.store.flush(),
                Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(u64::from(ms))).await,
            }
        }
        // Tries and pauses end within minutes; the clock is paused, so this takes no time.
        tokio::time::sleep(Duration::from_mins(30)).await;
    }

    fn judge(&self) {
        let world = self.shared.world.lock();
        assert_eq!(world.committed, world.log.len(), "a command is not settled");
        let results: BTreeSet<&str> =
            world.results.iter().map(|result| result.push_id.as_str()).collect();
        assert_eq!(results.len(), world.log.len(), "a command has no result");
        for (sku, levels) in &self.versions {
            let sku = format!("sku{sku}");
            let known = world.results.iter().filter(|result| result.object_id == sku);
            // A level whose every try ended without an answer may be there or not, and its command says so.
            let newest = u64::try_from(levels.len()).unwrap();
            let is_unknown = known
                .clone()
                .any(|result| result.version == Some(newest) && result.outcome == Outcome::Unknown);
            let told = known
                .clone()
                .any(|result| result.version == Some(newest) && result.outcome == Outcome::Ok);
            assert!(told || is_unknown, "{sku}: the newest level was never told");
            if told && !is_unknown {
                let last = u32::from(*levels.last().unwrap());
                assert_eq!(world.channel.get(&sku), Some(&last), "{sku}: an old level won");
            }
        }
    }
}

fn shop(process: &Process, metrics: &Metrics) -> Shop {
    let entry = connectors::find("partner").unwrap();
    let id = ShopId::try_new("s1").unwrap();
    let setup = ShopSetup { shop: id.clone(), settings: serde_json::Value::Null };
    Shop {
        channel: entry.channel,
        id,
        connector: (entry.build)(setup).unwrap(),
        keys: Vec::new(),
        stock_rules: Vec::<StockRule>::new(),
        enabled: vec![Capability::Stock],
        api: Arc::new(process.clone()),
        app_key: String::new(),
        counters: Counters::of(metrics, entry.channel),
    }
}

fn simulate(fates: Vec<Fate>, steps: &[Step]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut simulation = Simulation::new(fates);
        simulation.run(steps).await;
        simulation.judge();
    });
}

/// A call that takes no time at all.
const QUICK: Fate = Fate { held: 0, arrives: 0, answered: 0, is_lost: false };
const LOST: Fate = Fate { is_lost: true, ..QUICK };

fn command(available: u8) -> Step {
    Step::Command { sku: 0, available, older: 0 }
}

#[test]
fn a_former_owner_whose_call_had_no_answer_has_the_newest_level_told_after_it() {
    let slow = Fate { held: 15_000, ..LOST };
    // The first call is the former owner's second: the store is asked for the first time before it.
    let fates = vec![QUICK, slow, QUICK, QUICK, QUICK, QUICK];
    simulate(fates, &[command(1), Step::Wait(600), Step::Rebalance, command(2)]);
}

#[test]
fn a_level_that_was_given_up_is_followed_by_what_is_newer_by_then() {
    let slow = Fate { held: 20_000, ..LOST };
    let fates = vec![QUICK, LOST, LOST, LOST, LOST, slow, QUICK, QUICK, QUICK, QUICK];
    simulate(fates, &[command(1), Step::Wait(8_300), Step::Rebalance, command(2)]);
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let held = prop_oneof![8 => Just(0_u64), 1 => 0..1000_u64, 1 => 0..30_000_u64];
    (held, 0..3000_u64, 0..4000_u64, prop::bool::weighted(0.1))
        .prop_map(|(held, arrives, answered, is_lost)| Fate { held, arrives, answered, is_lost })
}

fn any_command() -> impl Strategy<Value = Step> {
    (0..SKUS, 0..5_u8, prop_oneof![3 => Just(0_u8), 1 => 1..4_u8])
        .prop_map(|(sku, available, older)| Step::Command { sku, available, older })
}

fn any_wait() -> impl Strategy<Value = Step> {
    prop_oneof![(0..300_u16), (0..6000_u16)].prop_map(Step::Wait)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_old_level_never_wins_and_each_command_settles_whoever_dies(
        fates in prop::collection::vec(any_fate(), 1..12),
        steps in prop::collection::vec(
            prop_oneof![
                6 => any_command(), 4 => any_wait(), 1 => Just(Step::Rebalance), 1 => Just(Step::Crash),
            ],
            1..40,
        ),
    ) {
        simulate(fates, &steps);
    }

    #[test]
    fn an_old_level_never_wins_although_the_store_forgets(
        fates in prop::collection::vec(any_fate(), 1..12),
        steps in prop::collection::vec(
            prop_oneof![
                6 => any_command(), 4 => any_wait(), 1 => Just(Step::Forget), 1 => Just(Step::StartAnew),
            ],
            1..40,
        ),
    ) {
        simulate(fates, &steps);
    }
}
