//! Commands that could not be understood: what is kept of them, and what `dlq` does with them.

use crate::support::{Channel, Erp, Gateway, RawRecord, Seen, Setup, eventually, now, run};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::contract::model::ShopId;
use connectors::testkit::FakeShop;
use serde_json::{Value, json};
use std::sync::Arc;

const ENABLE: &str = "\"stock\", \"waybills\"";
const NO_TEXT: &[u8] = b"key \xff\xfe";

fn stock(sku: &str, available: u32, version: u32) -> Value {
    json!({"channel": "partner", "shop": "s1", "sku_id": sku, "available": available, "version": version})
}

fn sku(channel: &Channel) -> String {
    channel.order(1);
    channel.fake.stock(&channel.shop.shop).keys().next().expect("a shop has SKUs").clone()
}

/// A gateway of the same group and topics that serves another shop.
async fn start_elsewhere(channel: &Channel, setup: &Setup) -> Gateway {
    let shop = ShopId::try_new("s2").unwrap();
    let elsewhere = Channel {
        name: channel.name,
        fake: Arc::clone(&channel.fake),
        shop: FakeShop { shop, ..channel.shop.clone() },
        address: channel.address,
        timed: None,
    };
    elsewhere.serve(setup.clone(), ENABLE, "").start().await
}

/// Runs `channel-gateway dlq`: status, standard output, standard error.
async fn dlq(setup: &Setup, args: &[&str]) -> (i32, String, String) {
    let name = crate::support::unique("dlq");
    let config = std::env::temp_dir().join(format!("{name}.toml"));
    std::fs::write(&config, setup.config()).unwrap();
    let path = config.to_str().unwrap();
    let done = run(&[&["dlq"], args, &["--dev", "--config", path]].concat(), &[]).await;
    std::fs::remove_file(&config).unwrap();
    done
}

/// A letter that holds no bytes.
fn letter_of(push_id: &str) -> Vec<u8> {
    let at = "2026-11-11T00:00:00Z";
    let letter =
        json!({"push_id": push_id, "kind": "malformed", "reason": "none", "at": at, "sealed": ""});
    letter.to_string().into_bytes()
}

fn push_id(letter: &Seen) -> &str {
    letter.value["push_id"].as_str().unwrap()
}

fn name(setup: &Setup, topic: &str, record: &RawRecord) -> String {
    format!("{}/{}/{}", setup.topic_name(topic), record.partition, record.offset)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_command_comes_back_byte_for_byte_where_it_lay_and_is_a_letter_again() {
    let channel = Channel::start("partner").await;
    let gateway = channel.serve(Setup::new("replay"), ENABLE, "").start().await;
    let (setup, erp) = (&gateway.setup, Erp::new(&gateway.setup));
    // One key in every partition: no partitioner would put it there.
    let bytes: &[u8] = b"<html>\x00\xff\xfe";
    let mut sent = Vec::new();
    for partition in 0..4 {
        sent.push(erp.record("stock_commands", partition, Some(NO_TEXT), Some(bytes)).await);
    }
    // Kafka takes no record without a key into a compacted topic.
    let keyless = erp.record("waybill_commands", 2, None, Some(b"{}")).await;
    sent.push(keyless.clone());
    let mut dead = gateway.topic("push_dlq");
    for letter in dead.until(5).await {
        let key = letter.value["key"].as_str().map(|key| STANDARD.decode(key).unwrap());
        let is_keyless = push_id(letter) == keyless;
        assert_eq!(key.as_deref(), (!is_keyless).then_some(NO_TEXT), "{letter:#?}");
        assert_eq!(letter.value["read_at"], letter.value["at"]);
    }

    let ids: Vec<&str> = sent.iter().map(String::as_str).collect();
    let (code, said, complaints) = dlq(setup, &[&["replay"], &*ids].concat()).await;
    assert_eq!(code, 0, "{complaints}");
    assert!(complaints.contains("5 replayed"), "{complaints}");
    let records = setup.records("stock_commands").await;
    assert_eq!(records.len(), 8, "{records:#?}");
    for first in records.iter().filter(|record| record.replayed_from.is_none()) {
        let place = name(setup, "stock_commands", first);
        let again: Vec<&RawRecord> =
            records.iter().filter(|record| record.replayed_from.as_ref() == Some(&place)).collect();
        let [again] = &*again else { panic!("{place}: {again:#?}") };
        assert_eq!((&again.key, &again.value), (&first.key, &first.value));
        assert_eq!(again.partition, first.partition);
        let line = format!("{place} -> {}", name(setup, "stock_commands", again));
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    let keyless_again = setup.records("waybill_commands").await;
    assert_eq!((keyless_again.len(), &keyless_again[1].key), (2, &None));
    let letters = dead.until(10).await;
    let places: Vec<&str> = letters.iter().map(push_id).collect();
    for record in &records {
        assert!(places.contains(&&*name(setup, "stock_commands", record)), "{places:?}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_gateway_did_not_serve_another_carries_after_a_replay() {
    const COUNT: u32 = 130;
    let (channel, setup) = (Channel::start("partner").await, Setup::new("other-shop"));
    let gateway = start_elsewhere(&channel, &setup).await;
    let (sku, order, erp) = (sku(&channel), channel.order(7), Erp::new(&setup));
    for version in 1..=COUNT {
        erp.command("stock_commands", &sku, &stock(&sku, 1000 + version, version)).await;
    }
    let parcel = json!({"channel": "partner", "shop": "s1", "order_id": order, "carrier": "SF", "number": "SF1234567890123"});
    erp.command("waybill_commands", order.as_str(), &parcel).await;
    let mut dead = gateway.topic("push_dlq");
    for letter in dead.until(COUNT as usize + 1).await {
        assert_eq!(letter.value["path"], "shop", "{letter:#?}");
    }
    gateway.stop().await;
    assert_eq!(channel.numbers(&order), [""; 0]);

    let gateway = channel.serve(setup.clone(), ENABLE, "").start().await;
    let waybills = setup.topic_name("waybill_commands");
    let (code, said, complaints) =
        dlq(&setup, &["replay", "--all", "--topic", &waybills, "--since", "1h"]).await;
    assert_eq!((code, said.lines().count()), (0, 1), "{said}{complaints}");
    let (code, said, complaints) = dlq(&setup, &["replay", "--all"]).await;
    assert_eq!((code, &*said), (1, ""));
    assert!(complaints.contains("131 would be replayed; say --yes"), "{complaints}");
    let levels = setup.topic_name("stock_commands");
    let (code, said, complaints) =
        dlq(&setup, &["replay", "--all", "--topic", &levels, "--yes"]).await;
    assert_eq!((code, said.lines().count()), (0, COUNT as usize), "{said}{complaints}");
    assert!(complaints.contains("64 of 130\n128 of 130\n130 of 130\n130 replayed"), "{complaints}");

    let mut results = gateway.topic("push_results");
    let seen = results.until(COUNT as usize + 1).await;
    let outcome = |object: &str, outcome: &str| {
        let of = |result: &&Seen| {
            result.value["object_id"] == object && result.value["outcome"] == outcome
        };
        seen.iter().filter(of).count()
    };
    assert_eq!(outcome(order.as_str(), "ok"), 1, "{seen:#?}");
    assert!(outcome(&sku, "ok") >= 1, "{seen:#?}");
    assert_eq!(outcome(&sku, "ok") + outcome(&sku, "superseded"), COUNT as usize);
    assert_eq!(channel.level(&sku), Some(1000 + COUNT));
    assert_eq!(channel.numbers(&order), ["SF1234567890123"]);
    let records = setup.records("stock_commands").await;
    let offsets = |is_again: bool| {
        let of = move |record: &&RawRecord| record.replayed_from.is_some() == is_again;
        records.iter().filter(of)
    };
    let first: Vec<String> =
        offsets(false).map(|record| name(&setup, "stock_commands", record)).collect();
    let again: Vec<String> =
        offsets(true).filter_map(|record| record.replayed_from.clone()).collect();
    assert_eq!(first, again, "in the order in which they were commanded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_level_replayed_after_a_newer_was_carried_is_superseded() {
    let (channel, setup) = (Channel::start("partner").await, Setup::new("older"));
    let gateway = start_elsewhere(&channel, &setup).await;
    let (sku, erp) = (sku(&channel), Erp::new(&setup));
    erp.command("stock_commands", &sku, &stock(&sku, 5, 1)).await;
    let letter = push_id(&gateway.topic("push_dlq").until(1).await[0]).to_owned();
    gateway.stop().await;

    let gateway = channel.serve(setup.clone(), ENABLE, "").start().await;
    erp.command("stock_commands", &sku, &stock(&sku, 9, 2)).await;
    let mut results = gateway.topic("push_results");
    assert_eq!(results.until(1).await[0].value["outcome"], "ok");
    let (code, said, complaints) = dlq(&setup, &["replay", &letter]).await;
    assert_eq!(code, 0, "{complaints}");
    let replayed = said.trim_end().rsplit(' ').next().unwrap();
    let result = &results.until(2).await[1];
    assert_eq!(result.value["outcome"], "superseded", "{result:#?}");
    assert_eq!(result.value["push_id"], replayed);
    assert_eq!(channel.level(&sku), Some(9));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let channel = Channel::start("partner").await;
    let gateway = channel.serve(Setup::new("dry"), ENABLE, "").start().await;
    let (setup, erp) = (&gateway.setup, Erp::new(&gateway.setup));
    let first = erp.record("stock_commands", 1, Some(b"k\x1b1"), Some(b"{\"available\":-1}")).await;
    let mut dead = gateway.topic("push_dlq");
    dead.until(1).await;
    let between = now().to_string();
    let other = erp.record("waybill_commands", 3, Some(b"k2"), Some(b"<html>")).await;
    dead.until(2).await;

    let (code, said, _) = dlq(setup, &["list"]).await;
    assert_eq!((code, said.lines().count()), (0, 2), "{said}");
    assert!(said.contains(&format!("  {first}  k\\u{{1b}}1  malformed  available  ")), "{said}");
    assert!(!said.contains("available\":") && !said.contains("html"), "never the bytes: {said}");
    let (_, said, _) = dlq(setup, &["list", "--json", "--limit", "1"]).await;
    let letter: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(letter["push_id"], *other);
    let (_, said, _) = dlq(setup, &["list", "--since", &between]).await;
    assert!(said.lines().count() == 1 && said.contains(&other), "{said}");
    let (_, said, _) = dlq(setup, &["list", "--kind", "rejected"]).await;
    assert_eq!(said, "");
    let (code, said, _) = dlq(setup, &["show", &first]).await;
    assert_eq!((code, said.contains("available\":-1")), (0, false), "{said}");
    let (_, said, warning) = dlq(setup, &["show", &first, "--unseal"]).await;
    assert!(said.ends_with("{\"available\":-1}\n") && warning.contains("personal"), "{said}");

    let before = (setup.records("stock_commands").await, setup.records("waybill_commands").await);
    let (code, said, complaints) = dlq(setup, &["replay", "--all", "--dry-run"]).await;
    assert_eq!(code, 0, "{complaints}");
    for (id, bytes) in [(&first, 16), (&other, 6)] {
        let partition = id.rsplit_once('/').unwrap().0;
        let line = format!("would replay {id} to {partition}, {bytes} bytes\n");
        assert!(said.contains(&line), "{line}{said}");
    }
    assert!(complaints.contains("2 would be replayed; nothing was"), "{complaints}");
    let after = (setup.records("stock_commands").await, setup.records("waybill_commands").await);
    assert_eq!(before, after);
    assert_eq!(gateway.everything("push_dlq").await.len(), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_is_said_plainly_and_nothing_is_produced() {
    let channel = Channel::start("partner").await;
    let gateway = channel.serve(Setup::new("wrong"), ENABLE, "").start().await;
    let (setup, erp) = (&gateway.setup, Erp::new(&gateway.setup));
    let letter = erp.record("stock_commands", 0, Some(b"k"), Some(b"<html>")).await;
    let long = erp.record("stock_commands", 0, Some(b"k"), Some(&[b'x'; 5_000])).await;
    gateway.topic("push_dlq").until(2).await;
    tokio::task::block_in_place(|| erp.record_with_gaps("waybill_commands", 3));
    let (orders, waybills) = (setup.topic_name("orders"), setup.topic_name("waybill_commands"));
    let forged = format!("{orders}/0/0");
    let gaps = [1, 3, 4].map(|offset| format!("{waybills}/3/{offset}"));
    for id in gaps.iter().chain([&forged]) {
        erp.record("push_dlq", 0, None, Some(&letter_of(id))).await;
    }
    erp.record("push_dlq", 0, None, Some(b"no letter")).await;

    let other_key = setup.clone().with(&format!("sealing_key = \"dev:{}\"", "ff".repeat(32)));
    let elsewhere = Setup::new("no-topics");
    // Its letters are there and its command topics are not.
    let bare = Setup::new("no-commands");
    bare.create_plain("push_dlq").await;
    let stock_topic = bare.topic_name("stock_commands");
    let homeless = format!("{stock_topic}/0/0");
    // Told of twice, as after a crash between the letter and the offset.
    for _ in 0..2 {
        Erp::new(&bare).record("push_dlq", 0, None, Some(&letter_of(&homeless))).await;
    }
    let away = setup.clone().kafka("127.0.0.1:1");
    let unknown = format!("{}/0/77", setup.topic_name("stock_commands"));
    let gone = "its letter does not hold it, and Kafka no longer has it where it lay";
    for (setup, id, expected) in [
        (&other_key, &letter, format!("{letter}: not sealed with this key, or changed since")),
        (setup, &forged, format!("{forged}: {orders} is no command topic of this config")),
        (setup, &gaps[0], format!("{}: {gone}", gaps[0])),
        (setup, &gaps[1], format!("{}: {gone}", gaps[1])),
        (setup, &gaps[2], format!("{}: {gone}", gaps[2])),
        (setup, &unknown, format!("there is no dead letter of {unknown}")),
        (setup, &"25".to_owned(), "25 is no push_id, like stock.commands.v1/1/25".to_owned()),
        (&bare, &homeless, format!("Kafka has no topic {stock_topic}; 0 of 1 were replayed")),
        (&elsewhere, &letter, format!("Kafka has no topic {}", elsewhere.topic_name("push_dlq"))),
    ] {
        for dry in [&["replay", id][..], &["replay", id, "--dry-run"]] {
            let (code, said, complaints) = dlq(setup, dry).await;
            assert_eq!((code, &*said), (1, ""), "{complaints}");
            assert!(complaints.contains(&expected), "{expected}: {complaints}");
        }
    }
    // The operator's own properties are those of the replay too.
    let small = setup.clone().with("kafka.properties.\"message.max.bytes\" = \"1000\"");
    let (code, said, complaints) = dlq(&small, &["replay", &long]).await;
    assert_eq!((code, &*said), (1, ""));
    assert!(
        complaints.contains(&format!("{long}: Message production error: MessageSizeTooLarge")),
        "{complaints}"
    );
    assert!(complaints.contains("0 of 1 were replayed"), "{complaints}");
    let (code, said, complaints) = dlq(&away, &["replay", &letter]).await;
    assert_eq!((code, &*said), (1, ""));
    assert!(complaints.contains("BrokerTransportFailure"), "{complaints}");
    let (_, _, complaints) = dlq(setup, &["list"]).await;
    assert!(complaints.contains("1 records of"), "{complaints}");
    assert_eq!(setup.records("stock_commands").await.len(), 2);
    assert_eq!(setup.records("orders").await.len(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_no_text_and_a_megabyte_each_become_one_letter_with_its_position() {
    let (channel, setup) = (Channel::start("partner").await, Setup::new("poison"));
    // It takes no more than the command topics do, so that a sealed megabyte is too large.
    setup.create_plain("push_dlq").await;
    let gateway = channel.serve(setup, ENABLE, "").start().await;
    let (setup, erp) = (&gateway.setup, Erp::new(&gateway.setup));
    let (sku, mut large) = (sku(&channel), vec![0; 1_000_000]);
    // What could be compressed would fit.
    getrandom::fill(&mut large).unwrap();
    let no_level = erp.record("stock_commands", 0, Some(b"k"), None).await;
    let no_waybill = erp.record("waybill_commands", 0, Some(b"k"), None).await;
    let no_text = erp.record("stock_commands", 0, Some(NO_TEXT), Some(b"<html>")).await;
    let large_key = erp.record("stock_commands", 0, Some(&large), Some(b"<html>")).await;
    let large_value = erp.record("stock_commands", 0, Some(b"k"), Some(&large)).await;
    erp.command("stock_commands", &sku, &stock(&sku, 12, 2)).await;
    eventually("the good one is carried", async || (channel.level(&sku) == Some(12)).then_some(()))
        .await;
    gateway.topic("push_results").until(1).await;
    gateway.topic("push_dlq").until(5).await;

    let letters = gateway.everything("push_dlq").await;
    assert_eq!(letters.len(), 5, "{letters:#?}");
    let letter = |id: &String| letters.iter().find(|letter| push_id(letter) == id).unwrap();
    let key = |id| letter(id).value["key"].as_str().map(|key| STANDARD.decode(key).unwrap());
    let is_sealed = |id| !letter(id).value["sealed"].as_str().unwrap().is_empty();
    let reason = |id| letter(id).value["reason"].as_str().unwrap();
    assert!(reason(&no_level).starts_with("no value: a level is never deleted, send 0"));
    assert!(reason(&no_waybill).starts_with("no value: a waybill is never deleted"));
    for (id, own, record_key, sealed) in [
        (&no_level, Some(b"k".to_vec()), "k", false),
        (&no_waybill, Some(b"k".to_vec()), "k", false),
        (&no_text, Some(NO_TEXT.to_vec()), &*no_text, true),
        (&large_key, None, &*large_key, false),
        (&large_value, Some(b"k".to_vec()), "k", false),
    ] {
        assert!(key(id) == own, "the key of {id}");
        assert_eq!((&*letter(id).key, is_sealed(id)), (record_key, sealed), "{id}");
    }

    // What its letter does not hold is taken from where it lay, as long as Kafka has it.
    let (code, said, complaints) = dlq(setup, &["replay", "--all"]).await;
    assert_eq!((code, said.lines().count()), (1, 3), "{said}{complaints}");
    for id in [&no_level, &no_waybill] {
        assert!(complaints.contains(&format!("{id}: it has no value to replay")), "{complaints}");
    }
    assert!(complaints.contains("3 of 5 replayed"), "{complaints}");
    let records = setup.records("stock_commands").await;
    let again: Vec<_> = records.iter().filter(|record| record.replayed_from.is_some()).collect();
    let expected: [(&[u8], &[u8]); 3] = [(NO_TEXT, b"<html>"), (&large, b"<html>"), (b"k", &large)];
    assert_eq!(again.len(), expected.len());
    for (record, (key, value)) in again.iter().zip(expected) {
        assert!(record.key.as_deref() == Some(key) && record.value.as_deref() == Some(value));
    }
    assert_eq!(setup.records("waybill_commands").await.len(), 1);
    gateway.topic("push_dlq").until(8).await;
    gateway.stop().await;
}
