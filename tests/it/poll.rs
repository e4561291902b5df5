//! A channel that does not call: its lists, its details, its watermark, its limits, and the way back.

use crate::support::{
    Channel, Erp, Fate, Gateway, Proxy, Seen, Setup, eventually, exchange, now, redis_url,
};
use connectors::testkit::Faults;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ENABLE: &str = "\"orders\", \"refunds\", \"stock\", \"waybills\"";

async fn polled(name: &str) -> (Channel, Gateway) {
    let channel = Channel::start("taobao").await;
    let gateway = channel.serve(Setup::new(name).polls_quickly(), ENABLE, "").start().await;
    (channel, gateway)
}

/// Newest version of each object, in Unix milliseconds.
fn newest(seen: &[Seen]) -> BTreeMap<String, i64> {
    let mut newest = BTreeMap::new();
    for record in seen {
        let version: i64 = record.headers["version"].parse().unwrap();
        let known = newest.entry(record.headers["ce_subject"].clone()).or_insert(version);
        *known = version.max(*known);
    }
    newest
}

/// Waits until every order of the channel is in Kafka in its newest version, and nothing is there twice.
async fn until_complete(channel: &Channel, gateway: &Gateway) -> Vec<Seen> {
    let mut topic = gateway.topic("orders");
    let orders = || channel.fake.orders(&channel.shop.shop);
    topic.until_equal("every order in its newest version", orders).await;
    topic.seen
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_refunds_are_fetched_whole_and_once_while_more_come_in() {
    let (channel, gateway) = polled("poll").await;
    let shop = channel.shop.shop.clone();
    let mut orders = Vec::new();
    for seed in 0..130 {
        orders.push(channel.order(seed));
        if seed % 10 == 0 {
            channel.fake.edit_order(&shop, &orders[orders.len() / 2], now());
            channel.fake.create_refund(&shop, &orders[orders.len() / 3], now());
        }
        // The list must not stand still while it is read.
        tokio::task::yield_now().await;
    }
    let seen = until_complete(&channel, &gateway).await;
    for record in &seen {
        assert_eq!(record.headers["origin"], "poll");
        assert_eq!(record.value["channel"], "taobao");
        assert!(!record.value["lines"].as_array().unwrap().is_empty());
    }
    let receivers = seen.iter().filter(|record| record.value["ship_to"]["oaid"]["form"] == "token");
    assert!(receivers.count() > 0, "the addressee's id is carried");
    let mut refunds = gateway.topic("refunds");
    refunds
        .until_such("every refund", |seen| newest(seen).len() == channel.fake.refunds(&shop).len())
        .await;
    assert!(gateway.everything("quarantine").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_knows_how_far_it_was_nothing_is_listed() {
    let channel = Channel::start("taobao").await;
    let order = channel.order(1);
    let target = redis_url();
    let proxy = Proxy::to(target.trim_start_matches("redis://")).await;
    proxy.hold();
    let setup = Setup::new("unknown").polls_quickly().with("store.timeout_ms = 100");
    let setup = setup.redis(format!("redis://{}", proxy.address));
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    // The poller has asked the store since the start, as this does again and again.
    let request = b"GET /readyz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
    for _ in 0..3 {
        let said = exchange(gateway.app.admin(), request).await.json();
        assert_eq!(said["store"], "missing", "{said}");
    }
    assert!(channel.fake.calls().is_empty(), "{:?}", channel.fake.calls());
    proxy.release();
    let mut orders = gateway.topic("orders");
    orders.until_such("the order", |seen| newest(seen).contains_key(order.as_str())).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watermark_stays_until_everything_is_acknowledged_and_then_lets_a_restart_go_on() {
    let channel = Channel::start("taobao").await;
    let order = channel.order(1);
    let modified = channel.fake.orders(&channel.shop.shop)[&order].unix_ms();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    let setup = Setup::new("watermark").polls_quickly();
    let away = setup.clone().kafka(silent).with("kafka.create_partitions = 0");
    let first = channel.serve(away, ENABLE, "").start().await;
    let calls = &first.app.metrics().api_calls;
    let read = calls.with_label_values(&["taobao", "taobao.trade.fullinfo.get", "ok"]);
    eventually("the order was read", async || (read.get() > 0).then_some(())).await;
    let key = format!("{}:v:watermark:taobao:s1:orders", setup.name);
    let before = async || value(&key).await.is_none_or(|watermark| watermark < modified);
    assert!(before().await, "the watermark passed an order that is not acknowledged");
    first.stop().await;
    assert!(before().await, "the watermark passed an order that is not acknowledged");

    let second = channel.serve(setup.clone(), ENABLE, "").start().await;
    until_complete(&channel, &second).await;
    let moved = eventually("the watermark passes the order", async || {
        value(&key).await.filter(|watermark| *watermark >= modified)
    })
    .await;
    second.stop().await;
    channel.order(2);
    let third = channel.serve(setup, ENABLE, "").start().await;
    let seen = until_complete(&channel, &third).await;
    assert_eq!(newest(&seen).len(), 2);
    eventually("it goes on from there", async || (value(&key).await? > moved).then_some(())).await;
    third.stop().await;
}

/// A watermark in the store.
pub(crate) async fn value(key: &str) -> Option<i64> {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_does_not_hold_still_does_not_move_the_watermark() {
    const LIST: &str = "taobao.trades.sold.increment.get";
    let (channel, tampered) = Channel::start_tampered("taobao").await;
    let (fake, shop) = (Arc::downgrade(&channel.fake), channel.shop.shop.clone());
    // Every look at the list finds one more order in the window than the look before.
    let placed = now().minus(Duration::from_secs(20));
    tampered.rule(move |call| {
        if let (true, Some(fake)) = (call.contains(LIST), fake.upgrade()) {
            fake.create_order(&shop, 1, placed);
        }
        Fate::Answered
    });
    let setup = Setup::new("moving").polls_quickly();
    let key = format!("{}:v:watermark:taobao:s1:orders", setup.name);
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    let metrics = gateway.app.metrics();
    eventually("more looks than two windows take", async || {
        assert_eq!(value(&key).await, None, "the watermark moved");
        (tampered.asked(&[LIST]).len() > 30).then_some(())
    })
    .await;
    assert!(metrics.windows.with_label_values(&["taobao", "orders", "moving"]).get() >= 2);
    assert_eq!(metrics.windows.with_label_values(&["taobao", "orders", "complete"]).get(), 0);
    let shown = metrics.watermark.of(&["taobao", "s1", "orders"]);
    assert!(shown.get() < placed.unix_ms() / 1000, "called complete to {}", shown.get());
    tampered.rule(|_| Fate::Answered);
    eventually("it moves when the list holds still", async || {
        value(&key).await.filter(|watermark| *watermark >= placed.unix_ms())
    })
    .await;
    until_complete(&channel, &gateway).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_calls_and_lost_answers_cost_time_and_no_order() {
    let (channel, gateway) = polled("throttled").await;
    let faults = Faults { throttle_every: 5, lost_answer_every: 7, ..Faults::default() };
    channel.fake.set_faults(faults);
    for seed in 0..20 {
        channel.order(seed);
    }
    until_complete(&channel, &gateway).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_and_the_new_one_survives_a_restart() {
    let channel = Channel::start("taobao").await;
    let setup = channel.serve(Setup::new("token").polls_quickly(), ENABLE, "");
    let first = setup.clone().start().await;
    channel.fake.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    channel.order(1);
    until_complete(&channel, &first).await;
    let renewed = first.app.metrics().token_renewals.with_label_values(&["taobao", "ok"]).get();
    assert_eq!(renewed, 1);
    first.stop().await;
    channel.order(2);
    let second = setup.start().await;
    until_complete(&channel, &second).await;
    let again = second.app.metrics().token_renewals.with_label_values(&["taobao", "ok"]).get();
    assert_eq!(again, 0, "the stored token is used");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_a_waybill_go_back_to_the_shop_the_order_came_from() {
    let (channel, gateway) = polled("back").await;
    for seed in 0..10 {
        channel.order(seed);
    }
    let seen = until_complete(&channel, &gateway).await;
    let ready = seen
        .iter()
        .find(|record| {
            record.value["status"] == "awaiting_shipment"
                && record.value["type"] == "normal"
                && record.value["shipping"]["holds"].is_null()
        })
        .expect("some order may ship");
    let order = ready.value["order_id"].as_str().unwrap();
    let line = &ready.value["lines"][0];
    let sku = line["sku_id"].as_str().or_else(|| line["product_id"].as_str()).unwrap();
    let erp = Erp::new(&gateway.setup);
    let stock = json!({"channel": "taobao", "shop": "s1", "sku_id": sku,
        "product_id": line["product_id"], "available": 77, "version": 1});
    erp.command("stock_commands", sku, &stock).await;
    let waybill = json!({"channel": "taobao", "shop": "s1", "order_id": order,
        "carrier": "SF", "number": "SF1234567890123"});
    erp.command("waybill_commands", order, &waybill).await;
    // The same again, as after a crash between call and offset.
    erp.command("waybill_commands", order, &waybill).await;
    let mut other = waybill.clone();
    other["number"] = json!("SF9876543210987");
    erp.command("waybill_commands", order, &other).await;
    let mut results = gateway.topic("push_results");
    let seen = results.until(4).await;
    let outcome = |number: &str| -> Vec<&str> {
        let of = seen.iter().filter(|result| result.value["number"] == number);
        of.map(|result| result.value["outcome"].as_str().unwrap()).collect()
    };
    assert_eq!(outcome("SF1234567890123"), ["ok", "ok"], "{seen:#?}");
    assert_eq!(outcome("SF9876543210987"), ["conflict"], "{seen:#?}");
    assert_eq!(channel.level(sku), Some(77));
    let order = connectors::contract::model::OrderId::try_new(order).unwrap();
    assert_eq!(channel.numbers(&order), ["SF1234567890123"]);
    // Shipping changed the order at the channel, and the change comes in.
    until_complete(&channel, &gateway).await;
    gateway.stop().await;
}
