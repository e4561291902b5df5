//! The buyers of a simulated channel: they order, change and return, at given rates.

use super::flags::Rate;
use crate::clock::{Clock, SystemClock};
use crate::courier::Courier;
use crate::output::line;
use connectors::contract::model::{OrderId, ShopId};
use connectors::testkit::Fake;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Interval, interval};

const PROGRESS: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(50);
/// Of the orders made, the newest that may be changed or returned.
const REMEMBERED: usize = 1000;
/// Spreads consecutive numbers over all others.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// How often something happens, over all shops.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) orders: Rate,
    pub(super) edits: Rate,
    pub(super) refunds: Rate,
}

/// What happens in the shops of a fake, and how much of it. Prints as one line.
#[derive(Debug)]
pub(super) struct Trade {
    fake: Arc<dyn Fake>,
    courier: Option<Arc<Courier>>,
    shops: Vec<ShopId>,
    seed: u64,
    orders: AtomicU64,
    edits: AtomicU64,
    refunds: AtomicU64,
}

impl Trade {
    pub(super) fn new(
        fake: Arc<dyn Fake>,
        courier: Option<Arc<Courier>>,
        shops: Vec<ShopId>,
        seed: u64,
    ) -> Self {
        let none = || AtomicU64::new(0);
        Self { fake, courier, shops, seed, orders: none(), edits: none(), refunds: none() }
    }

    /// Trades until dropped; stands still while as many deliveries wait as may.
    pub(super) async fn run(&self, rates: Rates) {
        let ticks = |rate: Rate| rate.every().map(interval);
        let mut orders = ticks(rates.orders);
        let (mut edits, mut refunds) = (ticks(rates.edits), ticks(rates.refunds));
        let mut recent = VecDeque::with_capacity(REMEMBERED);
        loop {
            tokio::select! {
                () = tick(&mut orders) => self.order(&mut recent),
                () = tick(&mut edits) => self.edit(&recent),
                () = tick(&mut refunds) => self.refund(&recent),
            }
            let Some(courier) = &self.courier else { continue };
            if courier.is_full() {
                while courier.is_full() {
                    tokio::time::sleep(BREATH).await;
                }
                // What was not ordered meanwhile is not ordered at once.
                [&mut orders, &mut edits, &mut refunds]
                    .into_iter()
                    .flatten()
                    .for_each(Interval::reset);
            }
        }
    }

    /// Says every ten seconds how far it is, until dropped.
    pub(super) async fn report(&self) {
        let mut turns = interval(PROGRESS);
        turns.tick().await;
        loop {
            turns.tick().await;
            line(format_args!("so far: {self}"));
        }
    }

    fn order(&self, recent: &mut VecDeque<(ShopId, OrderId)>) {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let Some(shop) = pick(self.shops.len(), number).and_then(|at| self.shops.get(at)) else {
            return;
        };
        let id = self.fake.create_order(shop, self.seed.wrapping_add(number), SystemClock.now());
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back((shop.clone(), id));
    }

    fn edit(&self, recent: &VecDeque<(ShopId, OrderId)>) {
        let Some((shop, order)) = self.one_of(recent, &self.edits) else { return };
        self.fake.edit_order(shop, order, SystemClock.now());
    }

    fn refund(&self, recent: &VecDeque<(ShopId, OrderId)>) {
        let Some((shop, order)) = self.one_of(recent, &self.refunds) else { return };
        self.fake.create_refund(shop, order, SystemClock.now());
    }

    /// An order that follows from the seed and from how many were picked before.
    fn one_of<'r>(
        &self,
        recent: &'r VecDeque<(ShopId, OrderId)>,
        count: &AtomicU64,
    ) -> Option<&'r (ShopId, OrderId)> {
        let number = self.seed.wrapping_add(count.load(Ordering::Relaxed)).wrapping_mul(SPREAD);
        let picked = recent.get(pick(recent.len(), number >> 32)?)?;
        count.fetch_add(1, Ordering::Relaxed);
        Some(picked)
    }
}

impl fmt::Display for Trade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (orders, edits, refunds) = (of(&self.orders), of(&self.edits), of(&self.refunds));
        write!(f, "orders {orders}, edits {edits}, refunds {refunds}; calls")?;
        let calls = self.fake.calls();
        if calls.is_empty() {
            f.write_str(" none")?;
        }
        for (at, (api, count)) in calls.iter().enumerate() {
            write!(f, "{}{api} {count}", if at == 0 { " " } else { ", " })?;
        }
        if let Some(courier) = &self.courier {
            let counts = courier.counts();
            let (done, waiting, failed) = (counts.done, counts.waiting, counts.failed);
            write!(f, "; deliveries done {done}, waiting {waiting}, failed attempts {failed}")?;
        }
        Ok(())
    }
}

async fn tick(turns: &mut Option<Interval>) {
    match turns {
        Some(turns) => {
            turns.tick().await;
        }
        None => std::future::pending().await,
    }
}

fn pick(length: usize, number: u64) -> Option<usize> {
    let length = u64::try_from(length).ok()?;
    usize::try_from(number.checked_rem(length)?).ok()
}
