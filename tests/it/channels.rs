//! Every channel of the registry, from an order placed there to its stock level and its waybill back there.

use crate::support::{Channel, Erp, Gateway, Seen, Setup, eventually, now, redis_url};
use channel_gateway::courier::{Courier, Pauses};
use channel_gateway::shutdown::Shutdown;
use connectors::contract::model::{Order, OrderId, OrderStatus, OrderType, ShopId};
use connectors::contract::{Capability, Entry, ShopSetup};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ORDERS: u64 = 12;

/// The words of `enable` for everything that a channel's connector can do.
fn offered(entry: &Entry) -> String {
    offered_of(entry, &Capability::ALL)
}

/// The words for what it can do of these.
fn offered_of(entry: &Entry, wanted: &[Capability]) -> String {
    let shop = ShopId::try_new("s1").unwrap();
    let connector = (entry.build)(ShopSetup { shop, settings: json!({}) }).unwrap();
    let has = wanted.iter().filter(|capability| connector.has(**capability));
    has.map(|capability| format!("\"{}\"", capability.as_str())).collect::<Vec<_>>().join(", ")
}

/// A gateway that does all that the channel can, and somebody who carries the channel's webhooks to it.
async fn serve(channel: &Channel, entry: &Entry, carrying: &Shutdown) -> Gateway {
    let setup = Setup::new(channel.name).polls_quickly();
    start(channel, setup, &offered(entry), carrying).await
}

async fn start(channel: &Channel, setup: Setup, enable: &str, carrying: &Shutdown) -> Gateway {
    let stream = channel.fake.stream().map_or_else(String::new, |stream| {
        format!("stream_url = \"ws://{}{}\"", channel.address, stream.path())
    });
    let gateway = channel.serve(setup, enable, &stream).start().await;
    let pauses = Pauses { first: Duration::from_millis(20), longest: Duration::from_millis(200) };
    let target = format!("http://{}", gateway.address());
    let courier = Courier::try_new(Arc::clone(&channel.fake), &target, pauses).unwrap();
    carrying.spawn(Arc::new(courier).run(carrying.clone()));
    gateway
}

/// Orders that an ERP would ship, as it read them.
fn ready_to_ship(seen: &[Seen], touched: &[&OrderId]) -> Vec<Order> {
    let mut newest: BTreeMap<OrderId, Order> = BTreeMap::new();
    for record in seen {
        let order: Order = serde_json::from_value(record.value.clone()).unwrap();
        match newest.get(&order.order_id) {
            Some(known) if known.times.modified >= order.times.modified => {}
            _ => drop(newest.insert(order.order_id.clone(), order)),
        }
    }
    let is_ready = |order: &Order| {
        order.status == OrderStatus::AwaitingShipment
            && order.order_type != OrderType::Virtual
            && order.shipping.holds.is_empty()
            && !order.shipping.cash_on_delivery
            && !touched.contains(&&order.order_id)
    };
    newest.into_values().filter(is_ready).collect()
}

/// Commands a level for each SKU and a parcel for each order; returns what the channel must show in the end.
async fn command(
    channel: &Channel,
    gateway: &Gateway,
    orders: &[Order],
) -> (BTreeMap<String, u32>, BTreeMap<OrderId, String>) {
    let (erp, shop) = (Erp::new(&gateway.setup), channel.shop.shop.as_str());
    let (mut levels, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for (index, order) in (0_u32..).zip(orders) {
        let number = format!("SF{}", 1_000_000_000_000_u64 + u64::from(index));
        let waybill = json!({
            "channel": channel.name, "shop": shop, "order_id": order.order_id,
            "carrier": "SF", "number": number,
        });
        erp.command("waybill_commands", order.order_id.as_str(), &waybill).await;
        numbers.insert(order.order_id.clone(), number);
        for line in &order.lines {
            let Some(sku) = line.sku_id.as_ref().or(line.product_id.as_ref()) else { continue };
            if levels.contains_key(sku.as_str()) {
                continue;
            }
            let available = 40 + index;
            let mut stock = json!({
                "channel": channel.name, "shop": shop, "sku_id": sku,
                "available": available, "version": 1,
            });
            if let Some(product) = &line.product_id {
                stock["product_id"] = json!(product);
            }
            erp.command("stock_commands", sku, &stock).await;
            levels.insert(sku.to_string(), available);
        }
    }
    (levels, numbers)
}

/// An order is placed, edited, refunded; everything is in Kafka once per version; stock and waybills are back.
async fn trade(entry: &'static Entry) {
    let channel = Channel::start(entry.channel).await;
    let (carrying, shop) = (Shutdown::default(), channel.shop.shop.clone());
    let gateway = serve(&channel, entry, &carrying).await;
    let (mut orders, mut refunds) = (gateway.topic("orders"), gateway.topic("refunds"));
    let what = |what: &str| format!("{}: every {what} in its newest version", channel.name);
    let placed: Vec<OrderId> = (0..ORDERS).map(|seed| channel.order(seed)).collect();
    orders.until_equal(&what("order"), || channel.fake.orders(&shop)).await;
    let touched: Vec<&OrderId> = placed.iter().step_by(3).collect();
    for order in &touched {
        channel.fake.edit_order(&shop, order, now());
    }
    let refunded = channel.fake.create_refund(&shop, touched[1], now());
    orders.until_equal(&what("edited order"), || channel.fake.orders(&shop)).await;
    refunds.until_equal(&what("refund"), || channel.fake.refunds(&shop)).await;
    assert!(channel.fake.refunds(&shop).contains_key(&refunded), "{}", channel.name);
    for record in orders.seen.iter().chain(&refunds.seen) {
        assert_eq!(record.value["channel"], channel.name);
        assert_eq!(record.value["shop"], shop.as_str());
    }

    let ready = ready_to_ship(&orders.seen, &touched);
    assert!(ready.len() > 2, "{}: {} orders can be shipped", channel.name, ready.len());
    let (levels, numbers) = command(&channel, &gateway, &ready).await;
    let mut results = gateway.topic("push_results");
    for result in results.until(levels.len() + numbers.len()).await {
        assert_eq!(result.value["outcome"], "ok", "{}: {result:#?}", channel.name);
    }
    for (sku, available) in &levels {
        assert_eq!(channel.level(sku), Some(*available), "{}: {sku}", channel.name);
    }
    for (order, number) in &numbers {
        assert_eq!(channel.numbers(order), [number.as_str()], "{}: {order}", channel.name);
    }
    // Shipping changed the orders; that is news too.
    orders.until_equal(&what("shipped order"), || channel.fake.orders(&shop)).await;
    let quarantined = gateway.everything("quarantine").await;
    assert!(quarantined.is_empty(), "{}: {quarantined:#?}", channel.name);
    carrying.stop();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_carries_orders_in_and_stock_and_waybills_back() {
    let trades = connectors::REGISTRY.iter().map(trade);
    futures_util::future::join_all(trades).await;
}

/// How a channel tells of orders without being asked, and with.
const PUSHED: [Capability; 2] = [Capability::Webhooks, Capability::Stream];
const LISTED: [Capability; 2] = [Capability::Orders, Capability::Refunds];

/// Waits until the lists were read up to now.
async fn until_listed(channel: &Channel, gateway: &Gateway, feeds: &str) {
    let newest = now().unix_ms() / 1000;
    let metrics = gateway.app.metrics();
    for feed in ["orders", "refunds"].into_iter().filter(|feed| feeds.contains(feed)) {
        let labels = [channel.name, channel.shop.shop.as_str(), feed];
        let watermark = metrics.watermark.of(&labels);
        eventually("it was listed", async || (watermark.get() >= newest).then_some(())).await;
    }
}

/// A channel pushes orders to one gateway, and lists them to another, which knows by Redis what the first published; then
/// Redis forgets.
async fn tell_twice(entry: &'static Entry) {
    let channel = Channel::start(entry.channel).await;
    let shop = channel.shop.shop.clone();
    let setup = Setup::new(&format!("{}-twice", channel.name))
        .with("poll.interval_ms = 200")
        .with("poll.settle_secs = 1")
        .with("poll.overlap_secs = 5")
        .with("poll.lookback_secs = 600");
    let (pushed, listed) = (offered_of(entry, &PUSHED), offered_of(entry, &LISTED));
    let carrying = Shutdown::default();
    let hears = start(&channel, setup.clone(), &pushed, &carrying).await;
    let (mut orders, mut refunds) = (hears.topic("orders"), hears.topic("refunds"));
    let placed: Vec<OrderId> = (0..ORDERS).map(|seed| channel.order(seed)).collect();
    orders.until_equal("every pushed order", || channel.fake.orders(&shop)).await;
    for order in placed.iter().step_by(3) {
        channel.fake.edit_order(&shop, order, now());
    }
    channel.fake.create_refund(&shop, &placed[1], now());
    orders.until_equal("every edited order", || channel.fake.orders(&shop)).await;
    refunds.until_equal("every pushed refund", || channel.fake.refunds(&shop)).await;
    carrying.stop();
    hears.stop().await;
    let topics = ["orders", "refunds", "shipments", "settlements"];
    let ids = async || {
        let mut ids: BTreeMap<String, usize> = BTreeMap::new();
        for topic in topics {
            for record in setup.everything(topic).await {
                *ids.entry(record.headers["ce_id"].clone()).or_default() += 1;
            }
        }
        ids
    };
    let said = ids().await;
    assert!(said.values().all(|count| *count == 1), "{}: {said:#?}", channel.name);

    let asks = channel.serve(setup.clone(), &listed, "").start().await;
    until_listed(&channel, &asks, &listed).await;
    assert_eq!(ids().await, said, "{}: what was pushed is listed as something else", channel.name);
    let known = asks.app.metrics().duplicates.with_label_values(&[channel.name, "poll"]).get();
    assert!(known >= ORDERS, "{}: {known} were known", channel.name);
    asks.stop().await;

    forget(&setup.name).await;
    let again = channel.serve(setup.clone(), &listed, "").start().await;
    until_listed(&channel, &again, &listed).await;
    again.stop().await;
    let both = ids().await;
    assert!(both.keys().eq(said.keys()), "{}: another id for the same", channel.name);
    let twice = both.values().filter(|count| **count == 2).count();
    assert!(twice >= placed.len(), "{}: {twice} came again", channel.name);
}

/// Redis as after a flush, for the keys of one test.
async fn forget(prefix: &str) {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pattern = format!("{prefix}:*");
    let keys: Vec<Vec<u8>> =
        redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
    let deleted: usize = redis::cmd("DEL").arg(&keys).query_async(&mut connection).await.unwrap();
    assert!(deleted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_channel_pushes_and_what_it_lists_is_one_event() {
    let both = |entry: &&Entry| {
        !offered_of(entry, &PUSHED).is_empty() && offered_of(entry, &LISTED).contains("orders")
    };
    let channels: Vec<&Entry> = connectors::REGISTRY.iter().filter(both).collect();
    assert!(channels.len() > 2, "{channels:?}");
    futures_util::future::join_all(channels.into_iter().map(tell_twice)).await;
}
