//! A fake channel that remembers when each call came: what a limit is held against.

use bytes::Bytes;
use connectors::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use connectors::testkit::{Delivery, Fake, Faults};
use http::{Request, Response};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);

/// Passes everything on, and writes down the time.
#[derive(Debug)]
pub(crate) struct Timed {
    fake: Arc<dyn Fake>,
    calls: Mutex<Vec<Instant>>,
}

impl Timed {
    pub(crate) fn new(fake: Arc<dyn Fake>) -> Arc<Self> {
        Arc::new(Self { fake, calls: Mutex::default() })
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().len()
    }

    /// Most calls in any second.
    pub(crate) fn busiest_second(&self) -> usize {
        busiest_second(&self.calls.lock())
    }
}

/// Most of these moments, in their order, in any second.
pub(crate) fn busiest_second(moments: &[Instant]) -> usize {
    let in_window = |(index, begin): (usize, &Instant)| {
        moments[index..].iter().take_while(|moment| **moment < *begin + WINDOW).count()
    };
    moments.iter().enumerate().map(in_window).max().unwrap_or_default()
}

impl Fake for Timed {
    fn channel(&self) -> &'static str {
        self.fake.channel()
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        self.calls.lock().push(Instant::now());
        self.fake.handle(request, now)
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        self.fake.create_order(shop, seed, now)
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        self.fake.edit_order(shop, order, now);
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        self.fake.create_refund(shop, order, now)
    }

    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        self.fake.take_deliveries(now)
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        self.fake.orders(shop)
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        self.fake.refunds(shop)
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.fake.stock(shop)
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.fake.shipments(shop)
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.fake.calls()
    }

    fn set_faults(&self, faults: Faults) {
        self.fake.set_faults(faults);
    }
}
