//! Commands from Kafka to the channel, and what is said of them.

use crate::support::{Channel, Erp, Process, Seen, Setup, eventually, spawn};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn stock(sku: &str, available: u32, version: u64) -> Value {
    json!({"channel": "partner", "shop": "s1", "sku_id": sku, "available": available, "version": version})
}

fn waybill(order: &str, number: &str) -> Value {
    json!({"channel": "partner", "shop": "s1", "order_id": order, "carrier": "SF", "number": number})
}

const ENABLE: &str = "\"webhooks\", \"stock\", \"waybills\"";

/// Any SKU that the fake's shop knows.
fn sku(channel: &Channel) -> String {
    channel.order(1);
    channel.fake.stock(&channel.shop.shop).keys().next().expect("a shop has SKUs").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_waybills_reach_the_channel_and_their_results_reach_kafka() {
    let channel = Channel::start("partner").await;
    let gateway = channel.serve(Setup::new("push"), ENABLE, "").start().await;
    let (sku, order) = (sku(&channel), channel.order(7));
    let erp = Erp::new(&gateway.setup);
    erp.command("stock_commands", &sku, &stock(&sku, 41, 1)).await;
    erp.command("waybill_commands", order.as_str(), &waybill(order.as_str(), "SF1234567890123"))
        .await;
    let mut results = gateway.topic("push_results");
    let seen = results.until(2).await;
    for result in seen {
        assert_eq!(result.value["outcome"], "ok", "{result:#?}");
        assert_eq!(result.headers["ce_type"], "push.result.v1");
    }
    assert_eq!(channel.level(&sku), Some(41));
    assert_eq!(channel.numbers(&order), ["SF1234567890123"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_levels_the_newest_wins_few_are_sent_and_each_has_a_result() {
    let channel = Channel::start("partner").await;
    let slow = "limits.\"stock.updated\" = { per_second = 2, burst = 1 }";
    let gateway = channel.serve(Setup::new("coalesce"), ENABLE, slow).start().await;
    let sku = sku(&channel);
    let erp = Erp::new(&gateway.setup);
    for version in 1..=100 {
        erp.command("stock_commands", &sku, &stock(&sku, 1000 - version, u64::from(version))).await;
    }
    // Late and old: it must not overwrite.
    erp.command("stock_commands", &sku, &stock(&sku, 5, 3)).await;
    let mut results = gateway.topic("push_results");
    let seen = results.until(101).await;
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for result in seen {
        *outcomes.entry(result.value["outcome"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(channel.level(&sku), Some(900), "{outcomes:?}");
    assert!(outcomes["ok"] <= 10, "{outcomes:?}");
    assert_eq!(outcomes["ok"] + outcomes["superseded"], 101, "{outcomes:?}");
    let calls: u64 = channel.fake.calls().values().sum();
    assert!(calls <= 10, "{:?}", channel.fake.calls());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn superseded_commands_share_results_where_the_config_says_so() {
    let channel = Channel::start("partner").await;
    let slow = "limits.\"stock.updated\" = { per_second = 1, burst = 1 }";
    let setup = Setup::new("together").with("push.superseded = \"together\"");
    let setup = channel.serve(setup, ENABLE, slow);
    let sku = sku(&channel);
    // All are there before anybody reads, so that they are read together.
    let erp = Erp::new(&setup);
    for version in 1..=400 {
        erp.command("stock_commands", &sku, &stock(&sku, 1000 - version, u64::from(version))).await;
    }
    let gateway = setup.clone().start().await;
    let mut results = gateway.topic("push_results");
    let seen = results.until_such("400 commands settled", |seen| named(seen).count() >= 400).await;
    let records = seen.len();
    assert!(records < 100, "{records} records for 400 commands");
    let ends: BTreeMap<u64, String> = named(seen).collect();
    assert_eq!(ends.len(), 400, "a command is named twice: {seen:#?}");
    assert_eq!(ends[&400], "ok");
    let are_alone =
        |seen: &Seen| seen.value["outcome"] == "superseded" || seen.value["also"].is_null();
    assert!(seen.iter().all(are_alone), "{seen:#?}");
    assert_eq!(channel.level(&sku), Some(600));
    gateway.stop().await;
    // All of them are settled: who starts now finds nothing to do but what comes.
    erp.command("stock_commands", &sku, &stock(&sku, 7, 401)).await;
    let gateway = setup.start().await;
    let seen = results.until(records + 1).await;
    assert_eq!(named(&seen[records..]).collect::<Vec<_>>(), [(401, "ok".to_owned())]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_result_that_is_too_large_is_shared_by_fewer() {
    let channel = Channel::start("partner").await;
    let slow = "limits.\"stock.updated\" = { per_second = 1, burst = 1 }";
    let setup = Setup::new("smaller")
        .with("push.superseded = \"together\"")
        .with("kafka.properties.\"message.max.bytes\" = \"3000\"");
    let setup = channel.serve(setup, ENABLE, slow);
    let sku = sku(&channel);
    let erp = Erp::new(&setup);
    for version in 1..=200 {
        erp.command("stock_commands", &sku, &stock(&sku, 1000 - version, u64::from(version))).await;
    }
    let gateway = setup.start().await;
    let mut results = gateway.topic("push_results");
    let seen = results.until_such("200 commands settled", |seen| named(seen).count() >= 200).await;
    let ends: BTreeMap<u64, String> = named(seen).collect();
    assert_eq!((named(seen).count(), ends.len()), (200, 200), "twice: {seen:#?}");
    assert!(seen.iter().any(|result| result.value["also"].is_array()), "none is shared");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_comes_after_the_start_is_read_soon() {
    let channel = Channel::start("partner").await;
    let setup = Setup::new("late").with("kafka.create_partitions = 0");
    let setup = channel.serve(setup, ENABLE, "");
    // One of two is there, so that the consumer has something and does not look for the other by itself.
    setup.create_plain("waybill_commands").await;
    let process = Process::start(&setup).await;
    process.logged("Unknown topic or partition").await;
    for topic in ["stock_commands", "push_results"] {
        setup.create_plain(topic).await;
    }
    let (sku, erp) = (sku(&channel), Erp::new(&setup));
    erp.command("stock_commands", &sku, &stock(&sku, 41, 1)).await;
    setup.topic("push_results").until(1).await;
    assert_eq!(channel.level(&sku), Some(41));
    assert!(process.terminate().await.0, "it ends with success");
}

/// Version and outcome of every command that these results settle.
fn named(results: &[Seen]) -> impl Iterator<Item = (u64, String)> {
    results.iter().flat_map(|result| {
        let also = result.value["also"].as_array().into_iter().flatten();
        let outcome = result.value["outcome"].as_str().unwrap();
        also.chain([&result.value])
            .map(move |command| (command["version"].as_u64().unwrap(), outcome.to_owned()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_commands_go_to_the_dead_letters_with_the_reason_and_the_partition_goes_on() {
    let channel = Channel::start("partner").await;
    let gateway = channel.serve(Setup::new("dead"), ENABLE, "").start().await;
    let sku = sku(&channel);
    let erp = Erp::new(&gateway.setup);
    let mut negative = stock(&sku, 1, 1);
    negative["available"] = json!(-13_800_000_000_i64);
    let mut absurd = stock(&sku, 1, 1);
    absurd["available"] = json!(100_000_001);
    let mut stranger = stock(&sku, 1, 1);
    stranger["shop"] = json!("s9");
    let mut nameless = waybill("1", "SF1");
    nameless["carrier"] = json!("");
    erp.raw("stock_commands", "k", b"<html>").await;
    erp.raw("stock_commands", "k", &vec![b'x'; 900_000]).await;
    erp.raw("stock_commands", "k", negative.to_string().as_bytes()).await;
    erp.raw("stock_commands", "k", absurd.to_string().as_bytes()).await;
    erp.command("stock_commands", "k", &stranger).await;
    erp.command("waybill_commands", "k", &nameless).await;
    erp.command("stock_commands", &sku, &stock(&sku, 12, 2)).await;
    let mut dead = gateway.topic("push_dlq");
    let seen = dead.until(6).await;
    let paths: Vec<&str> = seen.iter().filter_map(|letter| letter.value["path"].as_str()).collect();
    for path in ["available", "shop", "carrier"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    for letter in seen {
        assert!(letter.value["sealed"].as_str().unwrap().len() > 10);
        assert!(!letter.value.to_string().contains("13800000000"));
    }
    eventually("the good one is carried", async || (channel.level(&sku) == Some(12)).then_some(()))
        .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_channel_is_away_waits_in_kafka_for_the_next_process() {
    let channel = Channel::start("partner").await;
    let setup = Setup::new("resume").with("egress.timeout_ms = 200");
    // Nobody listens there.
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let first = channel.serve_at(setup.clone(), nowhere, ENABLE, "").start().await;
    let sku = sku(&channel);
    let erp = Erp::new(&first.setup);
    erp.command("stock_commands", &sku, &stock(&sku, 33, 1)).await;
    let calls = &first.app.metrics().api_calls;
    eventually("it was tried", async || {
        let tried = calls.with_label_values(&["partner", "stock.updated", "unavailable"]).get();
        (tried > 0).then_some(())
    })
    .await;
    first.stop().await;
    assert_ne!(channel.level(&sku), Some(33));

    let setup = channel.serve(setup, ENABLE, "");
    let second = setup.clone().start().await;
    eventually("it is carried", async || (channel.level(&sku) == Some(33)).then_some(())).await;
    second.topic("push_results").until(1).await;
    second.stop().await;
    let before = channel.fake.calls();

    // Its offset is stored: a third process has nothing to do for it.
    let third = setup.start().await;
    erp.command("stock_commands", &sku, &stock(&sku, 34, 2)).await;
    eventually("the next is carried", async || (channel.level(&sku) == Some(34)).then_some(()))
        .await;
    let (before, after): (u64, u64) = (before.values().sum(), channel.fake.calls().values().sum());
    assert_eq!(after, before + 1, "one call for the one new command");
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = elsewhere.local_addr().unwrap();
    let redirecting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = redirecting.local_addr().unwrap();
    spawn(async move {
        while let Ok((mut client, _)) = redirecting.accept().await {
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{there}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let mut request = vec![0; 64 * 1024];
            assert_ne!(client.read(&mut request).await.unwrap(), 0);
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let channel = Channel::start("partner").await;
    let gateway = channel.serve_at(Setup::new("redirect"), here, ENABLE, "").start().await;
    Erp::new(&gateway.setup).command("stock_commands", "a", &stock("a", 1, 1)).await;
    let mut results = gateway.topic("push_results");
    let result = &results.until(1).await[0].value;
    assert_eq!(result["outcome"], "refused", "{result:#?}");
    assert_eq!(result["error"]["channel_code"], "307", "{result:#?}");
    assert!(result["error"]["advice"].as_str().is_some_and(|advice| !advice.is_empty()));
    let followed = futures_util::FutureExt::now_or_never(elsewhere.accept());
    assert!(followed.is_none(), "the place that the answer names was called");
    gateway.stop().await;
}
