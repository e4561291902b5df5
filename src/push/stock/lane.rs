//! The stock of one shop: what waits, and who carries it.

use super::delivery::Worker;
use super::drift::Samples;
use super::queue::{Level, Put, Queue, Take};
use super::superseded::Superseded;
use super::versions::Remembered;
use super::{StockCommand, rules};
use crate::bus::Position;
use crate::push::counters::Counters;
use crate::push::delivery::{Delivery, WORKERS};
use crate::push::result::{Kind, Outcome};
use crate::shops::{Class, Held, Shop};
use connectors::contract::StockSink;
use connectors::contract::model::StockLevel;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Levels of one shop that wait or are under way.
#[derive(Debug)]
pub(in crate::push) struct Lane {
    pub(super) shop: Arc<Shop>,
    pub(super) delivery: Arc<Delivery>,
    pub(super) versions: Arc<Remembered>,
    /// What may be read back.
    pub(super) samples: Mutex<Samples>,
    pub(super) counters: Arc<Counters>,
    /// Levels that were replaced and are to be reported together.
    pub(super) superseded: Mutex<Superseded>,
    state: Mutex<State>,
    /// Something rests that was not known to the worker who waits for the first.
    rests: Notify,
    /// Held by the worker whose call is the next to leave: what a call carries is chosen as late as that, so that it is the
    /// newest. Who carries sold-out levels only passes by.
    door: Arc<tokio::sync::Mutex<()>>,
}

/// Levels for one call.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) levels: Vec<Level>,
    pub(super) class: Class,
    /// Keeps others from choosing theirs until it leaves.
    pub(super) held: Held,
}

#[derive(Debug)]
struct State {
    /// None before the first level: a gateway may have ten thousand shops, and most are told nothing.
    queue: Option<Box<Queue>>,
    /// Levels that a call takes.
    limit: usize,
    /// Workers that carry anything.
    workers: usize,
    /// Whether the worker is there who carries nothing but sold-out levels.
    has_urgent_worker: bool,
    /// Whether a worker waits for the first level that rests.
    has_sleeper: bool,
    /// SKUs with a call that nobody answered: it may still arrive, after the next one.
    unanswered: HashSet<String>,
}

impl State {
    fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_with(|| Box::new(Queue::new(self.limit)))
    }
}

impl Lane {
    pub(in crate::push) fn new(
        shop: Arc<Shop>,
        delivery: Arc<Delivery>,
        versions: Arc<Remembered>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let limit = shop.connector.stock().map_or(1, StockSink::max_batch);
        let state = State {
            queue: None,
            limit,
            workers: 0,
            has_urgent_worker: false,
            has_sleeper: false,
            unanswered: HashSet::new(),
        };
        Arc::new(Self {
            shop,
            delivery,
            versions,
            samples: Mutex::default(),
            counters,
            superseded: Mutex::default(),
            state: Mutex::new(state),
            rests: Notify::new(),
            door: Arc::default(),
        })
    }

    /// Lets a level wait and sees to it that somebody works. Returned is what has ended with it, the level that it replaces
    /// or the level itself: the caller reports it.
    pub(super) fn put(
        self: &Arc<Self>,
        command: StockCommand<'_>,
        position: Position,
        read_at: Instant,
    ) -> Option<Level> {
        let available = rules::apply(&self.shop.stock_rules, &command.sku_id, command.available);
        let level = Level {
            version: command.version,
            told: StockLevel { sku_id: command.sku_id, product_id: command.product_id, available },
            position: Some(position),
            read_at,
            tries: 0,
            is_repeat: false,
            heals: false,
        };
        let is_urgent = level.is_urgent();
        let put = {
            let mut state = self.state.lock();
            let put = state.queue().put(level, |told| self.group(told));
            self.hasten(&mut state, &put);
            put
        };
        let superseded = match put {
            Put::Waiting => {
                self.delivery.waiting.grow(Kind::Stock, 1);
                self.start_worker(is_urgent);
                return None;
            }
            Put::Replaced(level) | Put::Late(level) => level,
            Put::Here => return None,
        };
        if is_urgent {
            self.start_worker(true);
        }
        Some(superseded)
    }

    /// Tells a level once more, because another may have arrived at the channel after it.
    pub(super) async fn again(self: &Arc<Self>, level: Level, not_before: Option<Instant>) {
        let is_urgent = level.is_urgent();
        self.delivery.parts.metrics.push_healed.with_label_values(&[self.shop.channel]).inc();
        let put = {
            let mut state = self.state.lock();
            let put = state.queue().again(level, |told| self.group(told), not_before);
            if not_before.is_none() {
                self.hasten(&mut state, &put);
            } else if let Put::Late(level) = &put {
                // What is newer goes sooner, so that it is to be told once more itself.
                state.unanswered.insert(level.told.sku_id.clone());
            }
            put
        };
        self.rests.notify_one();
        self.start_worker(is_urgent);
        match put {
            Put::Waiting => self.delivery.waiting.grow(Kind::Stock, 1),
            Put::Replaced(level) | Put::Late(level) => {
                self.report(level, Outcome::Superseded, None).await;
            }
            Put::Here => {}
        }
    }

    /// Lets what replaced a level that was to heal go at once, and remembers that something older may arrive after it.
    fn hasten(&self, state: &mut State, put: &Put) {
        let Put::Replaced(Level { told, heals: true, .. }) = put else { return };
        state.unanswered.insert(told.sku_id.clone());
        let spacing = self.shop.connector.stock().and_then(StockSink::spacing);
        state.queue().hasten(&told.sku_id, Instant::now() + spacing.unwrap_or_default());
        self.rests.notify_one();
    }

    /// A call about this SKU got no answer.
    pub(super) fn note_unanswered(&self, sku: &str) {
        self.state.lock().unanswered.insert(sku.to_owned());
    }

    /// Whether a call before this one got no answer.
    pub(super) fn was_unanswered(&self, sku: &str) -> bool {
        self.state.lock().unanswered.remove(sku)
    }

    /// Gives the SKU of finished work free.
    pub(super) fn done(&self, sku: &str) {
        let spacing = self.shop.connector.stock().and_then(StockSink::spacing);
        let not_before = spacing.map(|spacing| Instant::now() + spacing);
        self.state.lock().queue().done(sku, not_before);
        self.rests.notify_one();
    }

    /// Leaves a level for later. Returned is what need not be tried again.
    pub(super) fn park(&self, level: Level, moment: Instant) -> Option<Level> {
        let superseded = self.state.lock().queue().park(level, moment);
        if superseded.is_none() {
            self.delivery.waiting.grow(Kind::Stock, 1);
        }
        self.rests.notify_one();
        superseded
    }

    /// What one call is to carry. None when this worker is not needed any more: it is no longer counted. The last worker
    /// who is there carries everything.
    pub(super) async fn take(&self, urgent_only: &mut bool) -> Option<Load> {
        loop {
            let held = if *urgent_only { Held::default() } else { Held::of(&self.door).await };
            let moment = {
                let mut state = self.state.lock();
                let is_over = self.delivery.shutdown.is_stopped();
                let taken = if is_over {
                    Take::Nothing
                } else {
                    state.queue().take(Instant::now(), *urgent_only)
                };
                match taken {
                    Take::Batch { levels, is_owed } => {
                        drop(state);
                        self.delivery.waiting.shrink(Kind::Stock, levels.len());
                        let is_urgent = is_owed || levels.iter().any(Level::is_urgent);
                        let class = if is_urgent { Class::Urgent } else { Class::Rest };
                        return Some(Load { levels, class, held });
                    }
                    Take::NotBefore(moment) if !*urgent_only && !state.has_sleeper => {
                        state.has_sleeper = true;
                        state.workers -= 1;
                        moment
                    }
                    // Nobody else may be there for what waited for this worker's own call, or rests.
                    Take::NotBefore(_) | Take::Nothing if *urgent_only && state.workers == 0 => {
                        state.has_urgent_worker = false;
                        state.workers = 1;
                        *urgent_only = false;
                        continue;
                    }
                    Take::NotBefore(_) | Take::Nothing => {
                        if *urgent_only {
                            state.has_urgent_worker = false;
                        } else {
                            state.workers -= 1;
                        }
                        return None;
                    }
                }
            };
            drop(held);
            let goes_on = tokio::select! {
                () = tokio::time::sleep_until(moment) => true,
                () = self.rests.notified() => true,
                () = self.delivery.shutdown.stopped() => false,
            };
            let mut state = self.state.lock();
            state.has_sleeper = false;
            state.workers += 1;
            if !goes_on {
                return None;
            }
        }
    }

    fn start_worker(self: &Arc<Self>, is_urgent: bool) {
        let mut state = self.state.lock();
        let for_urgent = is_urgent && !std::mem::replace(&mut state.has_urgent_worker, is_urgent);
        let for_all = state.workers < WORKERS;
        state.workers += usize::from(for_all);
        drop(state);
        for (is_wanted, urgent_only) in [(for_urgent, true), (for_all, false)] {
            if is_wanted {
                let worker = Worker { lane: Arc::clone(self), urgent_only };
                self.delivery.shutdown.spawn(async move { worker.run().await });
            }
        }
    }

    /// What a level may share a call with.
    pub(super) fn group<'l>(&self, level: &'l StockLevel) -> &'l str {
        self.shop.connector.stock().map_or("", |sink| sink.batch_key(level))
    }
}
