//! Parcels: a lost answer, another number, a command that comes again, deadlines, holds, and who waits for whom.

mod held;
mod turns;

use crate::support::{
    Channel, Erp, Fate, Gateway, Process, Proxy, Seen, Setup, Tampered, eventually, redis_url,
};
use connectors::contract::model::OrderId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const ENABLE: &str = "\"webhooks\", \"waybills\"";
/// What a partner is told, and what it is asked.
const TELL: &str = "waybill.created";
const LOOK: &str = "/shipments/";

fn parcel(order: &OrderId, number: &str) -> Value {
    json!({"channel": "partner", "shop": "s1", "order_id": order, "carrier": "SF", "number": number})
}

/// A partner with a hand on its answers, and its gateway.
async fn partner(name: &str, more: &[&str]) -> (Channel, Arc<Tampered>, Gateway, Erp) {
    let (channel, hand) = Channel::start_tampered("partner").await;
    let setup = more.iter().fold(Setup::new(name), |setup, line| setup.with(line));
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    let erp = Erp::new(&gateway.setup);
    (channel, hand, gateway, erp)
}

async fn command(erp: &Erp, command: &Value) {
    erp.command("waybill_commands", command["order_id"].as_str().unwrap(), command).await;
}

/// The newest result for each number.
async fn results(gateway: &Gateway, count: usize) -> BTreeMap<String, Value> {
    let mut topic = gateway.topic("push_results");
    let by_number =
        |result: &Seen| (result.value["number"].as_str().unwrap().to_owned(), result.value.clone());
    topic.until(count).await.iter().map(by_number).collect()
}

fn outcome(result: &Value) -> &str {
    result["outcome"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_read_back_and_the_parcel_is_not_told_twice() {
    let (channel, hand, gateway, erp) = partner("lost", &[]).await;
    let order = channel.order(1);
    hand.rule(|call| if call.contains(TELL) { Fate::Lost } else { Fate::Answered });
    command(&erp, &parcel(&order, "SF1")).await;
    let result = &results(&gateway, 1).await["SF1"];
    assert_eq!(outcome(result), "ok", "{result:#}");
    assert_eq!(result["tries"], 1);
    assert_eq!(hand.asked(&[TELL]).len(), 1);
    assert_eq!(hand.asked(&[LOOK]).len(), 1);
    assert_eq!(channel.numbers(&order), ["SF1"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_call_did_not_do_is_done_by_the_next_after_a_look() {
    let (channel, hand, gateway, erp) = partner("undone", &[]).await;
    let order = channel.order(1);
    let told = AtomicU32::new(0);
    hand.rule(move |call| {
        let is_first = call.contains(TELL) && told.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { Fate::Away } else { Fate::Answered }
    });
    command(&erp, &parcel(&order, "SF1")).await;
    let result = &results(&gateway, 1).await["SF1"];
    assert_eq!((outcome(result), &result["tries"]), ("ok", &json!(2)), "{result:#}");
    let asked = hand.asked(&[""]);
    let is_look: Vec<bool> = asked.iter().map(|call| call.contains(LOOK)).collect();
    assert_eq!(is_look, [false, true, false], "{asked:#?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_back_that_fails_is_not_taken_for_not_there() {
    let (channel, hand, gateway, erp) = partner("blind", &["push.tries = 20"]).await;
    let order = channel.order(1);
    let blind = |call: &str| match call {
        call if call.contains(TELL) => Fate::Lost,
        call if call.contains(LOOK) => Fate::Away,
        _ => Fate::Answered,
    };
    hand.rule(blind);
    command(&erp, &parcel(&order, "SF1")).await;
    // Each look is repeated by the caller of channels; this is more than one look.
    eventually("it was looked for more than once", async || {
        (hand.asked(&[LOOK]).len() >= 7).then_some(())
    })
    .await;
    assert_eq!(hand.asked(&[TELL]).len(), 1, "what may be there is not told again");
    hand.rule(|_| Fate::Answered);
    let result = &results(&gateway, 1).await["SF1"];
    assert_eq!((outcome(result), &result["tries"]), ("ok", &json!(1)), "{result:#}");
    assert_eq!(hand.asked(&[TELL]).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_out_ends_as_unknown_and_the_next_command_looks_first() {
    let (channel, hand, gateway, erp) = partner("unknown", &["push.tries = 2"]).await;
    let order = channel.order(1);
    let blind = |call: &str| match call {
        call if call.contains(TELL) => Fate::Lost,
        call if call.contains(LOOK) => Fate::Away,
        _ => Fate::Answered,
    };
    hand.rule(blind);
    command(&erp, &parcel(&order, "SF1")).await;
    let result = &results(&gateway, 1).await["SF1"];
    assert_eq!(outcome(result), "unknown", "{result:#}");
    hand.rule(|_| Fate::Answered);
    command(&erp, &parcel(&order, "SF1")).await;
    let result = &results(&gateway, 2).await["SF1"];
    assert_eq!((outcome(result), &result["tries"]), ("ok", &json!(0)), "{result:#}");
    assert_eq!(hand.asked(&[TELL]).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_is_a_conflict_and_is_told_again_only_by_force() {
    let (channel, hand, gateway, erp) = partner("conflict", &[]).await;
    let order = channel.order(1);
    command(&erp, &parcel(&order, "SF1")).await;
    results(&gateway, 1).await;
    // Also where the answer that says so is lost at first.
    let told = AtomicU32::new(0);
    hand.rule(move |call| {
        let is_first = call.contains(TELL) && told.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { Fate::Lost } else { Fate::Answered }
    });
    command(&erp, &parcel(&order, "SF2")).await;
    let result = &results(&gateway, 2).await["SF2"];
    assert_eq!(outcome(result), "conflict", "{result:#}");
    let calls = hand.asked(&[""]).len();
    command(&erp, &parcel(&order, "SF2")).await;
    let result = &results(&gateway, 3).await["SF2"];
    assert_eq!((outcome(result), &result["tries"]), ("conflict", &json!(0)), "{result:#}");
    assert_eq!(hand.asked(&[""]).len(), calls, "the journal knew it");
    let mut forced = parcel(&order, "SF2");
    forced["force"] = json!(true);
    command(&erp, &forced).await;
    let result = &results(&gateway, 4).await["SF2"];
    assert_eq!((outcome(result), &result["tries"]), ("conflict", &json!(1)), "{result:#}");
    assert_eq!(channel.numbers(&order), ["SF1"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_answered_and_another_number_is_listed_the_next_command_is_told() {
    let (channel, hand, gateway, erp) = partner("last-word", &["push.tries = 1"]).await;
    let order = channel.order(1);
    command(&erp, &parcel(&order, "SF1")).await;
    results(&gateway, 1).await;
    hand.rule(|call| if call.contains(TELL) { Fate::Away } else { Fate::Answered });
    command(&erp, &parcel(&order, "SF2")).await;
    let result = &results(&gateway, 2).await["SF2"];
    assert_eq!((outcome(result), &result["tries"]), ("conflict", &json!(1)), "{result:#}");
    hand.rule(|_| Fate::Answered);
    command(&erp, &parcel(&order, "SF2")).await;
    let result = &results(&gateway, 3).await["SF2"];
    assert_eq!((outcome(result), &result["tries"]), ("conflict", &json!(1)), "{result:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_again_after_a_restart_costs_no_call() {
    let (channel, hand) = Channel::start_tampered("partner").await;
    let first = channel.serve(Setup::new("again"), ENABLE, "").start().await;
    let order = channel.order(1);
    let erp = Erp::new(&first.setup);
    command(&erp, &parcel(&order, "SF1")).await;
    results(&first, 1).await;
    // The same parcel in another command, in other letters.
    command(&erp, &parcel(&order, "sf1")).await;
    let result = &results(&first, 2).await["sf1"];
    assert_eq!((outcome(result), &result["tries"]), ("ok", &json!(0)), "{result:#}");
    let setup = first.setup.clone();
    first.stop().await;
    // Another group reads everything again, as after an offset that was not stored.
    let second = setup.clone().with(&format!("kafka.group = \"{}-2\"", setup.name)).start().await;
    let again = results(&second, 4).await;
    assert!(again.values().all(|result| outcome(result) == "ok"), "{again:#?}");
    assert_eq!(hand.asked(&[""]).len(), 1);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_an_answer_or_an_offset_is_there_each_parcel_is_told_once_and_has_a_result() {
    let (channel, hand) = Channel::start_tampered("partner").await;
    let way = Proxy::to(&channel.address.to_string()).await;
    // What the operator says counts: offsets are kept back, and the group soon misses who was killed.
    let setup = Setup::new("killed")
        .with("kafka.properties.\"auto.commit.interval.ms\" = \"60000\"")
        .with("kafka.properties.\"session.timeout.ms\" = \"6000\"");
    let first = channel.serve_at(setup.clone(), way.address, ENABLE, "");
    let orders = [channel.order(1), channel.order(2)];
    let process = Process::start(&first).await;
    process.ready().await;
    let erp = Erp::new(&first);
    command(&erp, &parcel(&orders[0], "SF1")).await;
    first.topic("push_results").until(1).await;
    // The second arrives, and its answer does not come back.
    let held = Arc::new(AtomicBool::new(false));
    let arrived = Arc::clone(&held);
    let way = Arc::new(way);
    let gate = Arc::clone(&way);
    hand.rule(move |call| {
        if call.contains(TELL) && !arrived.swap(true, Ordering::SeqCst) {
            gate.hold();
        }
        Fate::Answered
    });
    command(&erp, &parcel(&orders[1], "SF2")).await;
    eventually("it arrived", async || held.load(Ordering::SeqCst).then_some(())).await;
    process.kill().await;

    let second = channel.serve(setup, ENABLE, "").start().await;
    let mut topic = second.topic("push_results");
    let has = |seen: &[Seen], number: &str| {
        seen.iter().any(|result| result.value["number"] == number && outcome(&result.value) == "ok")
    };
    topic.until_such("both are ok", |seen| has(seen, "SF1") && has(seen, "SF2")).await;
    // The first was reported and its offset not stored; it is reported again, and not told again.
    let of_first = |seen: &[Seen]| seen.iter().filter(|it| it.value["number"] == "SF1").count();
    topic.until_such("the first is reported again", |seen| of_first(seen) == 2).await;
    for (order, number) in orders.iter().zip(["SF1", "SF2"]) {
        assert_eq!(hand.asked(&[TELL, number]).len(), 1, "{number} was told once");
        assert_eq!(channel.numbers(order), [number]);
    }
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_parcels_are_carried_all_the_same() {
    let target = redis_url();
    let proxy = Proxy::to(target.trim_start_matches("redis://")).await;
    let (channel, hand) = Channel::start_tampered("partner").await;
    let setup = Setup::new("no-redis")
        .redis(format!("redis://{}", proxy.address))
        .with("store.timeout_ms = 50");
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    proxy.hold();
    let orders: Vec<OrderId> = (0..5).map(|seed| channel.order(seed)).collect();
    let erp = Erp::new(&gateway.setup);
    for (order, number) in orders.iter().zip(1..) {
        command(&erp, &parcel(order, &format!("SF{number}"))).await;
    }
    let seen = results(&gateway, 5).await;
    assert!(seen.values().all(|result| outcome(result) == "ok"), "{seen:#?}");
    assert_eq!(hand.asked(&[TELL]).len(), 5);
    let errors = &gateway.app.metrics().store_errors;
    assert!(errors.with_label_values(&["waybill"]).get() > 0, "and it is counted");
    gateway.stop().await;
}
