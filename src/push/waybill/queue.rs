//! In which order parcels leave: by deadline, then by arrival; of one order one at a time, in the order of its commands.
//!
//! An order whose head waits after a failure is parked: its parcels wait with it, everybody else's pass.

use connectors::contract::model::OrderId;
use std::collections::{BTreeSet, HashMap, VecDeque};
use tokio::time::Instant;

/// Something that waits, and what decides when it is its turn.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) order: OrderId,
    /// Deadline, Unix milliseconds.
    pub(super) ship_by: i64,
    arrival: u64,
    pub(super) item: T,
}

/// What a worker finds.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// This one; its order is busy until it is done or parked.
    Take(Entry<T>),
    /// Nothing before this moment.
    Wait(Instant),
    /// Nothing that this worker could wait for.
    Nothing,
}

/// Deadline of the most urgent parcel of an order, arrival of the one at its head.
type Turn = (i64, u64, OrderId);

#[derive(Debug)]
pub(super) struct Queue<T> {
    orders: HashMap<OrderId, Line<T>>,
    ready: BTreeSet<Turn>,
    parked: BTreeSet<(Instant, OrderId)>,
    arrivals: u64,
}

/// The parcels of one order.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<Entry<T>>,
    /// Of those that wait. An urgent one behind a patient one pulls it forward.
    deadlines: BTreeSet<(i64, u64)>,
    stands: Stands,
}

#[derive(Debug)]
enum Stands {
    /// With the turn it has, once it has a parcel.
    Ready(Option<Turn>),
    Busy,
    Parked,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            orders: HashMap::new(),
            ready: BTreeSet::new(),
            parked: BTreeSet::new(),
            arrivals: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Lets something wait behind what its order has already.
    pub(super) fn put(&mut self, order: OrderId, ship_by: i64, item: T) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        let line = self.orders.entry(order.clone()).or_insert_with(Line::idle);
        line.deadlines.insert((ship_by, arrival));
        line.waiting.push_back(Entry { order: order.clone(), ship_by, arrival, item });
        if matches!(line.stands, Stands::Ready(_)) {
            Self::stand_ready(&mut self.ready, &order, line);
        }
    }

    /// The most urgent of what may leave now.
    pub(super) fn take(&mut self, now: Instant) -> Next<T> {
        while let Some((until, _)) = self.parked.first()
            && *until <= now
            && let Some((_, order)) = self.parked.pop_first()
        {
            if let Some(line) = self.orders.get_mut(&order) {
                Self::stand_ready(&mut self.ready, &order, line);
            }
        }
        while let Some((_, _, order)) = self.ready.pop_first() {
            let Some(line) = self.orders.get_mut(&order) else { continue };
            let Some(entry) = line.waiting.pop_front() else { continue };
            line.deadlines.remove(&(entry.ship_by, entry.arrival));
            line.stands = Stands::Busy;
            return Next::Take(entry);
        }
        self.parked.first().map_or(Next::Nothing, |(until, _)| Next::Wait(*until))
    }

    /// Whether something is ready, or parked.
    pub(super) fn has_more(&self) -> bool {
        !self.ready.is_empty() || !self.parked.is_empty()
    }

    /// Gives an order free for its next parcel.
    pub(super) fn done(&mut self, order: &OrderId) {
        let Some(line) = self.orders.get_mut(order) else { return };
        if line.waiting.is_empty() {
            self.orders.remove(order);
        } else {
            Self::stand_ready(&mut self.ready, order, line);
        }
    }

    /// Puts what was taken back in front of its order, until a moment.
    pub(super) fn park(&mut self, entry: Entry<T>, until: Instant) {
        let order = entry.order.clone();
        let line = self.orders.entry(order.clone()).or_insert_with(Line::idle);
        line.deadlines.insert((entry.ship_by, entry.arrival));
        line.waiting.push_front(entry);
        line.stands = Stands::Parked;
        self.parked.insert((until, order));
    }

    fn stand_ready(ready: &mut BTreeSet<Turn>, order: &OrderId, line: &mut Line<T>) {
        if let Stands::Ready(Some(turn)) = &line.stands {
            ready.remove(turn);
        }
        let (Some(head), Some((ship_by, _))) = (line.waiting.front(), line.deadlines.first())
        else {
            return;
        };
        let turn = (*ship_by, head.arrival, order.clone());
        ready.insert(turn.clone());
        line.stands = Stands::Ready(Some(turn));
    }
}

impl<T> Line<T> {
    /// Of an order without parcels: the first that comes makes it ready.
    fn idle() -> Self {
        Self { waiting: VecDeque::new(), deadlines: BTreeSet::new(), stands: Stands::Ready(None) }
    }
}
