//! What waits for one shop: parcels in the order in which they were commanded.

use super::command::WaybillCommand;
use super::delivery::Worker;
use crate::push::command::Job;
use crate::push::delivery::{Delivery, WORKERS};
use crate::push::receipt::Kind;
use crate::shops::Shop;
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// Parcels of one shop that wait or are under way.
#[derive(Debug)]
pub(in crate::push) struct Lane {
    pub(super) shop: Arc<Shop>,
    pub(super) delivery: Arc<Delivery>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job<WaybillCommand>>,
    /// Orders of which one parcel is under way: the next waits for it.
    busy: HashSet<String>,
    workers: usize,
}

impl Lane {
    pub(in crate::push) fn new(shop: Arc<Shop>, delivery: Arc<Delivery>) -> Arc<Self> {
        Arc::new(Self { shop, delivery, state: Mutex::default() })
    }

    /// Lets a parcel wait, and sees to it that somebody works.
    pub(in crate::push) fn put(self: &Arc<Self>, job: Job<WaybillCommand>) {
        self.delivery.waiting.grow(Kind::Waybill, 1);
        let mut state = self.state.lock();
        state.waiting.push_back(job);
        if state.workers < WORKERS {
            state.workers += 1;
            drop(state);
            let worker = Worker(Arc::clone(self));
            self.delivery.shutdown.spawn(async move { worker.run().await });
        }
    }

    /// The next parcel. None means that this worker is not needed: it is no longer counted.
    pub(super) fn take(&self) -> Option<Job<WaybillCommand>> {
        let mut state = self.state.lock();
        let State { waiting, busy, workers } = &mut *state;
        let free = waiting.iter().position(|job| !busy.contains(job.command.order_id.as_str()));
        let Some(job) = free.and_then(|index| waiting.remove(index)) else {
            *workers -= 1;
            return None;
        };
        busy.insert(job.command.order_id.as_str().to_owned());
        drop(state);
        self.delivery.waiting.shrink(Kind::Waybill, 1);
        Some(job)
    }

    /// Gives an order free for its next parcel.
    pub(super) fn done(&self, order: &str) {
        self.state.lock().busy.remove(order);
    }
}
