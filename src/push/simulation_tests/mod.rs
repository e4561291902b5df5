//! Several processes, one shop, one log of stock commands: rebalances, processes that die in the middle of anything, calls
//! that arrive late, answers that are lost. At the end the channel has the newest level of every SKU and every command has
//! a result.
//!
//! The real push-back runs, on a paused clock; only Kafka, the store and the channel are in memory. A process that died
//! gets no answer from any of them any more, and its calls that had left arrive all the same.

mod world;

use super::{Outcome, Parts, PushResult, start};
use crate::clock::SystemClock;
use crate::config::{self, Push, StockRule, Superseded, Topics};
use crate::holds::Holds;
use crate::intake::{self, Intake};
use crate::seal::Sealer;
use crate::shops::{Counters, Shop, Shops};
use crate::shutdown::Shutdown;
use crate::store::{MemoryStore, Notes};
use crate::telemetry::metrics::Metrics;
use connectors::contract::model::ShopId;
use connectors::contract::{Capability, ShopSetup};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use world::{Fate, Process, Shared};

const SKUS: u8 = 3;
const STOCK: &str = "stock";
const WAYBILLS: &str = "waybills";

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
    /// The partition comes to a process that had it before and still has its commands; it is read from what was settled.
    Return,
    /// The owner dies, another process goes on.
    Crash,
    /// Redis forgets everything.
    Forget,
    /// In a quiet hour Redis forgets everything and the process starts anew.
    StartAnew,
    Wait(u16),
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
    fn new(fates: Vec<Fate>, superseded: Superseded) -> Self {
        let (plan, problems) = config::plan(true, None);
        let config = plan.unwrap_or_else(|| panic!("{problems:?}")).config;
        let shared = Arc::new(Shared::default());
        shared.world.lock().fates = fates;
        let mut simulation = Self {
            shared,
            store: Arc::new(MemoryStore::new(Duration::from_secs(1))),
            topics: Topics { stock_commands: STOCK.to_owned(), ..config.kafka.topics },
            settings: Push { superseded, ..config.push },
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
        start(&self.settings, &self.topics, &parts, &shutdown);
        self.processes.push((process, shutdown));
        self.deal(id);
    }

    /// Gives the partition to a process.
    fn deal(&self, id: usize) {
        {
            let mut world = self.shared.world.lock();
            (world.owner, world.cursor) = (id, world.committed);
            world.settled.clear();
        }
        self.shared.changed.notify_waiters();
    }

    /// Gives the partition to whoever lives and had it longest ago.
    fn back(&self) {
        let lives = |(process, _): &&(Process, Shutdown)| !process.is_dead.load(Ordering::SeqCst);
        if let Some((process, _)) = self.processes.iter().find(lives) {
            self.deal(process.id);
        }
    }

    fn crash(&mut self) {
        let owner = self.shared.world.lock().owner;
        let (owner, _) = &self.processes[owner];
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
        self.shared.command(STOCK, &command);
    }

    fn waybill(&self, parcel: u8) {
        let command = json!({
            "channel": "partner", "shop": "s1", "order_id": format!("o{parcel}"), "carrier": "SF",
            "number": format!("SF{parcel:013}"),
        });
        self.shared.command(WAYBILLS, &command);
    }

    async fn run(&mut self, steps: &[Step]) {
        self.run_steps(steps).await;
        // Tries and pauses end within minutes; the clock is paused, so this takes no time.
        tokio::time::sleep(Duration::from_mins(30)).await;
    }

    async fn run_steps(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Command { sku, available, older } => self.command(sku, available, older),
                Step::Rebalance => self.join(),
                Step::Return => self.back(),
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
    }

    fn judge(&self) {
        let world = self.shared.world.lock();
        assert_eq!(world.committed, world.log.len(), "a command is not settled");
        let results: BTreeSet<&str> = world.results.iter().flat_map(names).collect();
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
        enabled: vec![Capability::Stock, Capability::Waybills],
        api: Arc::new(process.clone()),
        app_key: String::new(),
        counters: Counters::of(metrics, entry.channel),
    }
}

/// Every command that a result settles.
fn names(result: &PushResult) -> impl Iterator<Item = &str> {
    let also = result.also.iter().map(|also| also.push_id.as_str());
    also.chain([result.push_id.as_str()])
}

/// Whether results are shared must make no difference to the channel.
fn simulate_both(fates: &[Fate], steps: &[Step]) {
    simulate(fates, steps, Superseded::Each);
    simulate(fates, steps, Superseded::Together);
}

fn any_superseded() -> impl Strategy<Value = Superseded> {
    prop::sample::select(vec![Superseded::Each, Superseded::Together])
}

fn simulate(fates: &[Fate], steps: &[Step], superseded: Superseded) {
    paused(async {
        let mut simulation = Simulation::new(fates.to_vec(), superseded);
        simulation.run(steps).await;
        simulation.judge();
    });
}

/// Runs on a clock that goes on only when nobody has anything to do.
fn paused(future: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future);
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
    simulate_both(&fates, &[command(1), Step::Wait(600), Step::Rebalance, command(2)]);
}

#[test]
fn a_level_that_was_given_up_is_followed_by_what_is_newer_by_then() {
    let slow = Fate { held: 20_000, ..LOST };
    let fates = vec![QUICK, LOST, LOST, LOST, LOST, slow, QUICK, QUICK, QUICK, QUICK];
    simulate_both(&fates, &[command(1), Step::Wait(8_300), Step::Rebalance, command(2)]);
}

#[test]
fn what_a_call_carries_is_chosen_when_it_may_leave() {
    let slow = Fate { held: 1_000, ..QUICK };
    paused(async {
        let mut simulation = Simulation::new(vec![slow], Superseded::Each);
        simulation.run_steps(&[command(5), Step::Wait(100)]).await;
        // Other SKUs, so that nothing but the limit keeps them waiting.
        for (sku, available) in [(1, 5), (2, 5), (1, 4)] {
            let other = Step::Command { sku, available, older: 0 };
            simulation.run_steps(&[other, Step::Wait(100)]).await;
        }
        simulation.run(&[]).await;
        simulation.judge();
        assert_eq!(simulation.shared.world.lock().calls, 2);
    });
}

#[test]
fn what_waited_while_an_older_call_was_repeated_is_told_again_although_the_store_forgot_that_call()
{
    // The first call arrives after the newer level, which came while the second was under way.
    let late = Fate { arrives: 1_900, ..LOST };
    let fates = vec![QUICK, late, Fate { answered: 300, ..QUICK }, QUICK, QUICK];
    simulate_both(&fates, &[command(0), Step::Wait(501), Step::Forget, command(1)]);
    // Or just after it.
    simulate_both(&fates, &[command(0), Step::Wait(1_000), Step::Forget, command(1)]);
}

#[test]
fn a_command_that_is_read_again_while_it_waits_is_not_settled_before_it_is_told() {
    let fates = vec![QUICK, Fate { held: 5_000, ..QUICK }, QUICK];
    simulate_both(
        &fates,
        &[command(1), Step::Wait(100), Step::Return, Step::Wait(100), Step::Crash],
    );
}

#[test]
fn a_waybill_that_is_read_again_while_it_waits_is_carried_once() {
    let slow = Fate { held: 5_000, ..QUICK };
    paused(async {
        let mut simulation = Simulation::new(vec![slow], Superseded::Each);
        for parcel in 0..10 {
            simulation.waybill(parcel);
        }
        simulation.run(&[Step::Wait(100), Step::Return, Step::Wait(6_000), Step::Return]).await;
        let world = simulation.shared.world.lock();
        let told = world.results.iter().map(|result| (result.push_id.as_str(), result.outcome));
        let wanted: Vec<_> = (0..10).map(|parcel| format!("{WAYBILLS}/0/{parcel}")).collect();
        let wanted: Vec<_> = wanted.iter().map(|id| (id.as_str(), Outcome::Ok)).collect();
        assert_eq!(told.collect::<Vec<_>>(), wanted);
        assert_eq!(world.committed, wanted.len());
    });
}

#[test]
fn what_is_newer_than_a_call_without_an_answer_goes_at_once_and_is_told_again_after_it() {
    // The first call arrives after the second, which was answered, and after the newer level.
    let late = Fate { arrives: 3_000, ..LOST };
    let fates = vec![QUICK, late, QUICK, QUICK, QUICK];
    paused(async {
        let mut simulation = Simulation::new(fates, Superseded::Each);
        simulation.run_steps(&[command(1), Step::Wait(1_000), command(0), Step::Wait(1_000)]).await;
        let level = |simulation: &Simulation| simulation.shared.world.lock().channel["sku0"];
        assert_eq!(level(&simulation), 0, "sold out, and known at once");
        simulation.run_steps(&[Step::Wait(2_000)]).await;
        assert_eq!(level(&simulation), 1, "the late call arrived");
        simulation.run(&[]).await;
        simulation.judge();
    });
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
        superseded in any_superseded(),
        fates in prop::collection::vec(any_fate(), 1..12),
        steps in prop::collection::vec(
            prop_oneof![
                6 => any_command(), 4 => any_wait(), 1 => Just(Step::Rebalance), 1 => Just(Step::Return),
                1 => Just(Step::Crash),
            ],
            1..40,
        ),
    ) {
        simulate(&fates, &steps, superseded);
    }

    #[test]
    fn an_old_level_never_wins_although_the_store_forgets(
        superseded in any_superseded(),
        fates in prop::collection::vec(any_fate(), 1..12),
        steps in prop::collection::vec(
            prop_oneof![
                6 => any_command(), 4 => any_wait(), 1 => Just(Step::Forget), 1 => Just(Step::StartAnew),
            ],
            1..40,
        ),
    ) {
        simulate(&fates, &steps, superseded);
    }
}
