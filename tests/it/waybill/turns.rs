//! Who goes first, and who waits for whom.

use super::{ENABLE, TELL, command, outcome, parcel, partner, results};
use crate::support::{Channel, Erp, Fate, Proxy, Seen, Setup, eventually, now};
use connectors::contract::model::OrderId;
use connectors::testkit::Faults;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Calls that a lane makes at once: by so many places what is sent may differ from the order in which it was taken.
const AT_ONCE: usize = 4;
const FIRST: &str = "SF1000000000001";
const SECOND: &str = "SF1000000000002";

#[tokio::test(flavor = "multi_thread")]
async fn the_most_urgent_parcel_goes_first_and_one_without_deadline_has_a_day() {
    const WAITING: usize = 24;
    let (channel, hand) = Channel::start_tampered("partner").await;
    let way = Proxy::to(&channel.address.to_string()).await;
    let gateway = channel.serve_at(Setup::new("urgent"), way.address, ENABLE, "").start().await;
    let erp = Erp::new(&gateway.setup);
    way.hold();
    for seed in 0..AT_ONCE {
        let order = channel.order(seed as u64);
        command(&erp, &parcel(&order, &format!("BUSY{seed}"))).await;
    }
    let queue = gateway.app.metrics().push_queue.with_label_values(&["waybill"]);
    let push = &gateway.app.metrics().quota_wait_seconds.with_label_values(&["partner", "waybill"]);
    eventually("everybody is busy", async || {
        (push.get_sample_count() == AT_ONCE as u64 && queue.get() == 0).then_some(())
    })
    .await;
    let mut expected = Vec::new();
    for seed in 0..WAITING {
        let order = channel.order(100 + seed as u64);
        let number = format!("WAIT{seed:02}");
        let mut command_of = parcel(&order, &number);
        // The last to come is the most urgent; every sixth has no deadline.
        let hours = if seed % 6 == 5 { 24 } else { WAITING - seed - 1 };
        if seed % 6 != 5 {
            let ship_by = now().plus(Duration::from_secs(3600 * hours as u64));
            command_of["ship_by"] = json!(ship_by.to_string());
        }
        expected.push((hours, seed, number));
        command(&erp, &command_of).await;
    }
    eventually("all wait", async || (usize::try_from(queue.get()) == Ok(WAITING)).then_some(()))
        .await;
    way.release();
    results(&gateway, AT_ONCE + WAITING).await;
    expected.sort();
    let sent: Vec<String> = hand.asked(&[TELL, "WAIT"]);
    assert_eq!(sent.len(), WAITING);
    for (place, (_, _, number)) in expected.iter().enumerate() {
        let at = sent.iter().position(|call| call.contains(number.as_str())).unwrap();
        assert!(at.abs_diff(place) <= AT_ONCE, "{number} is {at} and not {place}: {sent:#?}");
    }
    gateway.stop().await;
}

/// Nobody answers for these orders.
fn away(orders: &[OrderId]) -> impl Fn(&str) -> Fate + Send + 'static {
    let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
    move |call| {
        let is_away = call.contains(TELL) && ids.iter().any(|id| call.contains(id));
        if is_away { Fate::Away } else { Fate::Answered }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_away_for_some_orders_does_not_stop_the_others() {
    let (channel, hand, gateway, erp) = partner("parked", &["push.tries = 1000"]).await;
    // More than there are workers, and too few for the channel as a whole to be taken for away.
    let orders: Vec<OrderId> = (0..9).map(|seed| channel.order(seed)).collect();
    let (gone, here) = orders.split_at(AT_ONCE + 1);
    hand.rule(away(gone));
    for (order, number) in orders.iter().zip(1..) {
        command(&erp, &parcel(order, &format!("SF{number}"))).await;
    }
    // Of an order that waits the second parcel waits too.
    command(&erp, &parcel(&gone[0], "SF99")).await;
    let seen = results(&gateway, here.len()).await;
    assert!(seen.keys().all(|number| number.as_str() > "SF5"), "{seen:#?}");
    assert!(seen.values().all(|result| outcome(result) == "ok"), "{seen:#?}");
    let setup = gateway.setup.clone();
    gateway.stop().await;

    hand.rule(|_| Fate::Answered);
    let second = setup.start().await;
    let mut topic = second.topic("push_results");
    let ended = |number: &str, outcome: &str, seen: &[Seen]| {
        seen.iter().any(|it| it.value["number"] == number && it.value["outcome"] == outcome)
    };
    topic
        .until_such("everything has its result", |seen| {
            (1..=9).all(|number| ended(&format!("SF{number}"), "ok", seen))
                && ended("SF99", "conflict", seen)
        })
        .await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_parcels_that_come_due_do_not_wait_for_each_other() {
    let (channel, hand) = Channel::start_tampered("partner").await;
    let way = Proxy::to(&channel.address.to_string()).await;
    let setup = Setup::new("due").with("push.tries = 1000").with("egress.timeout_ms = 20000");
    let gateway = channel.serve_at(setup, way.address, ENABLE, "").start().await;
    let erp = Erp::new(&gateway.setup);
    let orders: Vec<OrderId> = (0..AT_ONCE as u64).map(|seed| channel.order(seed)).collect();
    hand.rule(away(&orders));
    for (order, number) in orders.iter().zip(1..) {
        command(&erp, &parcel(order, &format!("SF{number}"))).await;
    }
    let metrics = gateway.app.metrics().clone();
    let parked = || usize::try_from(metrics.push_parked.get());
    eventually("all are parked", async || (parked() == Ok(AT_ONCE)).then_some(())).await;
    // A channel that does not answer holds a call for twenty seconds.
    way.hold();
    let calls = metrics.quota_wait_seconds.with_label_values(&["partner", "waybill"]);
    let (before, began) = (calls.get_sample_count(), Instant::now());
    eventually("a call of each worker", async || {
        (calls.get_sample_count() >= before + AT_ONCE as u64).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(18), "they came one by one");
    hand.rule(|_| Fate::Answered);
    way.release();
    let seen = results(&gateway, AT_ONCE).await;
    assert!(seen.values().all(|result| outcome(result) == "ok"), "{seen:#?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_limits_calls_makes_a_parcel_wait_costs_it_no_try_and_does_not_delay_the_end()
 {
    let (channel, hand, gateway, erp) = partner("limited", &["push.tries = 1"]).await;
    let order = channel.order(1);
    channel.fake.set_faults(Faults { throttle_every: 1, ..Faults::default() });
    command(&erp, &parcel(&order, "SF1")).await;
    let parked = &gateway.app.metrics().push_parked;
    eventually("it waits", async || (parked.get() == 1).then_some(())).await;
    channel.fake.set_faults(Faults::default());
    let result = &results(&gateway, 1).await["SF1"];
    assert_eq!(outcome(result), "ok", "{result:#}");
    assert_eq!(parked.get(), 0);

    hand.rule(|_| Fate::Limited("3600"));
    command(&erp, &parcel(&channel.order(2), "SF2")).await;
    eventually("it waits for an hour", async || (parked.get() == 1).then_some(())).await;
    let began = Instant::now();
    gateway.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10), "the end waits for nobody who is parked");
}

/// Two parcels of one order, of which one call has another fate the first time.
async fn two_parcels(name: &'static str, call: &'static str, number: &'static str, fate: Fate) {
    let (channel, hand) = Channel::start_tampered(name).await;
    let enable = "\"orders\", \"waybills\"";
    let gateway = channel.serve(Setup::new("split").polls_quickly(), enable, "").start().await;
    for seed in 0..8 {
        channel.order(seed);
    }
    let mut orders = gateway.topic("orders");
    let seen = orders
        .until_such("an order of several lines", |seen| {
            seen.iter().any(|order| order.value["lines"].as_array().unwrap().len() >= 2)
        })
        .await;
    let order = seen.iter().find(|order| order.value["lines"].as_array().unwrap().len() >= 2);
    let order = &order.unwrap().value;
    let lines: Vec<Value> = order["lines"].as_array().unwrap().clone();
    let command_of = |number: &str, lines: &[Value]| {
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| json!({"line_id": line["line_id"], "quantity": line["quantity"]}))
            .collect();
        json!({"channel": name, "shop": "s1", "order_id": order["order_id"], "carrier": "SF",
               "number": number, "lines": lines})
    };
    let told = AtomicU32::new(0);
    hand.rule(move |asked| {
        let is_it = asked.contains(call) && asked.contains(number);
        let is_first_time = is_it && told.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first_time { fate } else { Fate::Answered }
    });
    let erp = Erp::new(&gateway.setup);
    command(&erp, &command_of(FIRST, &lines[..1])).await;
    command(&erp, &command_of(SECOND, &lines[1..])).await;
    let seen = results(&gateway, 2).await;
    assert!(seen.values().all(|result| outcome(result) == "ok"), "{seen:#?}");
    let id = OrderId::try_new(order["order_id"].as_str().unwrap()).unwrap();
    let mut numbers = channel.numbers(&id);
    numbers.sort();
    assert_eq!(numbers, [FIRST, SECOND]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parcels_of_one_order_are_told_apart_and_none_is_a_conflict() {
    // The second does not arrive at first; the list then shows the other parcel alone.
    two_parcels("taobao", "offline.send", SECOND, Fate::Away).await;
    two_parcels("taobao", "offline.send", SECOND, Fate::Lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_parcel_is_told_in_steps_the_next_step_follows_a_lost_answer() {
    // The shop then takes the order for shipped whole, and must be told that it is not.
    two_parcels("ecshop", "create_ome_delivery", FIRST, Fate::Lost).await;
}
