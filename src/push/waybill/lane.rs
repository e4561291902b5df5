//! What waits for one shop, who works on it, and who waits for what is parked.

use super::command::WaybillCommand;
use super::delivery::Worker;
use super::queue::{Entry, Next, Queue};
use crate::bus::Position;
use crate::push::command::Job;
use crate::push::delivery::{Delivery, WORKERS};
use crate::push::result::Kind;
use crate::shops::Shop;
use connectors::contract::model::OrderId;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Deadline of a parcel whose command names none, counted from when it was read.
const PATIENCE: Duration = Duration::from_hours(24);
/// Repeats in place that a lane may have in stock, in tenths; see [`Lane::may_repeat_in_place`].
const BUDGET: u32 = 100;

/// A parcel, and what was found out about it so far.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) job: Job<WaybillCommand>,
    /// Tries that ended without an answer, readings back included.
    pub(super) failures: u32,
    /// A call left whose result is not known: look before another.
    pub(super) in_doubt: bool,
    pub(super) journal: Asked,
    /// It waits after a failure, and not for its turn.
    pub(super) is_parked: bool,
}

/// What the journal was asked and told about a parcel by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing yet.
    Nothing,
    /// How far the parcel has come.
    State,
    /// And told that a call leaves.
    Sent,
}

/// Parcels of one shop that wait or are under way.
#[derive(Debug)]
pub(in crate::push) struct Lane {
    pub(super) shop: Arc<Shop>,
    pub(super) delivery: Arc<Delivery>,
    state: Mutex<State>,
    /// Told when something is parked: it may be due before what the watcher waits for.
    parked: Notify,
}

#[derive(Debug)]
struct State {
    queue: Queue<Parcel>,
    /// Where the commands of these parcels lie. A partition that comes back is read again from what was settled.
    open: HashSet<Position>,
    workers: usize,
    /// Whether somebody waits for the next parked parcel.
    is_watched: bool,
    /// Tenths of a repeat in place.
    budget: u32,
}

impl Lane {
    pub(in crate::push) fn new(shop: Arc<Shop>, delivery: Arc<Delivery>) -> Arc<Self> {
        let state = State {
            queue: Queue::default(),
            open: HashSet::new(),
            workers: 0,
            is_watched: false,
            budget: BUDGET,
        };
        Arc::new(Self { shop, delivery, state: Mutex::new(state), parked: Notify::new() })
    }

    /// Lets a parcel wait, and sees to it that somebody works. One whose very command is here already is reported once.
    pub(in crate::push) fn put(self: &Arc<Self>, job: Job<WaybillCommand>) {
        if !self.state.lock().open.insert(job.position.clone()) {
            return;
        }
        self.delivery.waiting.grow(Kind::Waybill, 1);
        let now = self.delivery.parts.clock.now();
        let ship_by = job.command.ship_by.unwrap_or_else(|| now.plus(PATIENCE)).unix_ms();
        let order = job.command.order_id.clone();
        let parcel =
            Parcel { job, failures: 0, in_doubt: false, journal: Asked::Nothing, is_parked: false };
        let mut state = self.state.lock();
        state.queue.put(order, ship_by, parcel);
        self.help(&mut state);
    }

    /// Lets one more work, if there is room for one.
    fn help(self: &Arc<Self>, state: &mut State) {
        if state.workers < WORKERS {
            state.workers += 1;
            let worker = Worker(Arc::clone(self));
            self.delivery.shutdown.spawn(async move { worker.run().await });
        }
    }

    /// The next parcel, waiting for a parked one if there is nothing else. None means that this worker is not needed, or
    /// that the gateway stops: it is no longer counted.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Entry<Parcel>> {
        loop {
            let until = {
                let mut state = self.state.lock();
                match state.queue.take(Instant::now()) {
                    Next::Take(mut entry) => {
                        state.budget = BUDGET.min(state.budget + 1);
                        // Parked parcels come due together, and somebody must wait for those that do not.
                        if state.queue.has_more() && !state.is_watched {
                            self.help(&mut state);
                        }
                        drop(state);
                        self.delivery.waiting.shrink(Kind::Waybill, 1);
                        if std::mem::take(&mut entry.item.is_parked) {
                            self.delivery.parts.metrics.push_parked.dec();
                        }
                        return Some(entry);
                    }
                    Next::Wait(until) if !state.is_watched => {
                        state.is_watched = true;
                        // Whoever watches does not take the place of somebody who works.
                        state.workers -= 1;
                        until
                    }
                    Next::Wait(_) | Next::Nothing => {
                        state.workers -= 1;
                        return None;
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.parked.notified() => {}
                () = self.delivery.shutdown.stopped() => {}
            }
            let mut state = self.state.lock();
            state.is_watched = false;
            if self.delivery.shutdown.is_stopped() || state.workers >= WORKERS {
                // Those who work look for parked parcels too before they end.
                return None;
            }
            state.workers += 1;
        }
    }

    /// A parcel's command has ended, or is left to the next process: gives its order free for the next parcel.
    pub(super) fn done(&self, order: &OrderId, command: &Position) {
        let mut state = self.state.lock();
        state.open.remove(command);
        state.queue.done(order);
    }

    /// Lets a parcel wait for a time, and the rest of its order with it. Nobody works on it meanwhile.
    pub(super) fn park(&self, mut entry: Entry<Parcel>, time: Duration) {
        entry.item.is_parked = true;
        self.delivery.waiting.grow(Kind::Waybill, 1);
        self.delivery.parts.metrics.push_parked.inc();
        self.state.lock().queue.park(entry, Instant::now() + time);
        self.parked.notify_one();
    }

    /// Whether a failed try may be repeated while its worker waits. Each parcel earns a tenth of a repeat: a channel that
    /// fails every call soon gets no more calls than parcels.
    pub(super) fn may_repeat_in_place(&self) -> bool {
        let mut state = self.state.lock();
        let left = state.budget.checked_sub(10);
        state.budget = left.unwrap_or(state.budget);
        left.is_some()
    }
}
