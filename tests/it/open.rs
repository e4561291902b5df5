//! A channel that lists orders by the time they were placed: what happens to them later.

use crate::poll::value;
use crate::support::{Channel, Gateway, Seen, Setup, eventually, now};
use bytes::Bytes;
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use connectors::testkit::{Delivery, Fake, Faults};
use http::{Request, Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ENABLE: &str = "\"orders\"";
/// The life of an order that is paid at the door, and its end.
const STATES: [&str; 3] = ["STATE_COD_WAIT_SHIP", "STATE_COD_SHIP_OK", "STATE_COD_SIGN"];
const ENDED: &str = "STATE_COD_SUCESS";
const DAYS: Duration = Duration::from_hours(24 * 10);

fn quick(name: &str) -> Setup {
    Setup::new(name)
        .with("poll.interval_ms = 200")
        .with("poll.settle_secs = 1")
        .with("poll.overlap_secs = 0")
        .with("poll.lookback_secs = 60")
}

/// Waits until the newest record of an order has this word of the channel.
async fn until_state(gateway: &Gateway, order: &OrderId, state: &str) -> Vec<Seen> {
    let mut topic = gateway.topic("orders");
    topic
        .until_such("the order in that state", |seen| {
            let of_order = |record: &&Seen| record.headers["ce_subject"] == order.as_str();
            let newest = seen.iter().rfind(of_order);
            newest.is_some_and(|record| record.value["channel_status"] == state)
        })
        .await;
    topic.seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_the_end_of_an_order_placed_long_ago_come_in_also_after_a_restart() {
    let channel = Channel::start("paipai").await;
    let shop = channel.shop.shop.clone();
    // Paid at the door, and placed long before any window of this gateway.
    let order = channel.fake.create_order(&shop, 8, now().minus(DAYS));
    let setup = channel.serve(quick("open"), ENABLE, "");
    let first = setup.clone().start().await;
    until_state(&first, &order, "STATE_COD_WAIT_SHIP").await;
    channel.fake.edit_order(&shop, &order, now());
    until_state(&first, &order, "STATE_COD_SHIP_OK").await;
    first.stop().await;
    // It ends while nobody looks, and is on no list of open orders any more.
    channel.fake.edit_order(&shop, &order, now());
    channel.fake.edit_order(&shop, &order, now());
    let second = setup.start().await;
    let seen = until_state(&second, &order, ENDED).await;
    assert_eq!(seen.len(), 3, "{seen:#?}");
    assert!(second.everything("quarantine").await.is_empty());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ended_is_read_again_when_its_refund_changes() {
    let channel = Channel::start("paipai").await;
    let shop = channel.shop.shop.clone();
    let gateway = channel.serve(quick("refunded"), "\"orders\", \"refunds\"", "").start().await;
    let order = channel.fake.create_order(&shop, 8, now().minus(DAYS));
    for state in STATES {
        until_state(&gateway, &order, state).await;
        channel.fake.edit_order(&shop, &order, now());
    }
    until_state(&gateway, &order, ENDED).await;
    channel.fake.create_refund(&shop, &order, now());
    let mut topic = gateway.topic("orders");
    topic
        .until_such("the order with its refund", |seen| {
            seen.iter().any(|record| record.value["lines"][0]["refund_status"].is_string())
        })
        .await;
    gateway.stop().await;
}

/// The channel, but for its list of open orders, which answers only when it is let.
#[derive(Debug)]
struct Stubborn {
    fake: Arc<dyn Fake>,
    is_silent: AtomicBool,
}

impl Fake for Stubborn {
    fn channel(&self) -> &'static str {
        self.fake.channel()
    }
    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let asks_open = request.body().windows(10).any(|part| part == b"dealState=");
        if asks_open && self.is_silent.load(Ordering::Relaxed) {
            let mut away = Response::new(Bytes::new());
            *away.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return away;
        }
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

impl Stubborn {
    /// Puts it on a socket, in the channel's place.
    async fn serve(channel: &mut Channel) -> Arc<Self> {
        let (fake, is_silent) = (Arc::clone(&channel.fake), AtomicBool::new(true));
        let stubborn = Arc::new(Self { fake, is_silent });
        let fake: Arc<dyn Fake> = Arc::<Self>::clone(&stubborn);
        let local = "127.0.0.1:0".parse().unwrap();
        channel.address = simulate::serve(fake, local, &Shutdown::default()).await.unwrap();
        stubborn
    }

    fn speak(&self) {
        self.is_silent.store(false, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ends_before_the_list_is_read_is_seen_to_end() {
    let mut channel = Channel::start("paipai").await;
    let stubborn = Stubborn::serve(&mut channel).await;
    let setup = quick("ends");
    let key = format!("{}:v:watermark:paipai:s1:orders", setup.name);
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    let order = channel.order(8);
    let placed = now().unix_ms();
    let [first, ..] = STATES;
    until_state(&gateway, &order, first).await;
    eventually("no window holds the order any more", async || {
        (value(&key).await? > placed + 2000).then_some(())
    })
    .await;
    for _ in STATES {
        channel.fake.edit_order(&channel.shop.shop, &order, now());
    }
    stubborn.speak();
    until_state(&gateway, &order, ENDED).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_called_complete_only_as_far_as_open_ones_are_too() {
    let mut channel = Channel::start("paipai").await;
    let stubborn = Stubborn::serve(&mut channel).await;
    let placed = now().unix_ms() / 1000;
    let order = channel.order(1);
    let gateway = channel.serve(quick("complete"), ENABLE, "").start().await;
    let metrics = gateway.app.metrics();
    let complete = metrics.windows.with_label_values(&["paipai", "orders", "complete"]);
    let failed = metrics.windows.with_label_values(&["paipai", "open_orders", "failed"]);
    let shown = metrics.watermark.of(&["paipai", "s1", "orders"]);
    // The window that holds the order is complete, which is as far as the order is concerned.
    until_state(&gateway, &order, "DS_WAIT_SELLER_DELIVERY").await;
    let windows = complete.get();
    eventually("windows go on and the list fails", async || {
        (complete.get() > windows + 10 && failed.get() > 0).then_some(())
    })
    .await;
    assert!(shown.get() < placed, "called complete to {}, {placed} is not", shown.get());
    stubborn.speak();
    eventually("both are complete", async || (shown.get() > placed).then_some(())).await;
    let open = metrics.watermark.of(&["paipai", "s1", "open_orders"]);
    assert!(open.get() > placed);
    gateway.stop().await;
}
