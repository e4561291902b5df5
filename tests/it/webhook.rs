//! A delivery, from its bytes to its record and its answer.

use crate::support::{Gateway, SECRET, Setup, exchange, kafka, now_secs, order};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::process::Command;

const MODIFIED: &str = "2026-11-11T00:00:09+08:00";

async fn gateway(name: &str) -> Gateway {
    Setup::new(name).partner("s1").partner("s2").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_sent_three_times_is_in_kafka_once_and_an_independent_client_sees_it() {
    let gateway = gateway("thrice").await;
    let partner = gateway.partner("s1");
    let event = order("12345678901234567890", MODIFIED);
    for _ in 0..3 {
        let answer = partner.send(&event).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json(), json!({"status": "accepted"}));
    }
    let topic = gateway.setup.topic_name("orders");
    let kcat = Command::new("kcat")
        .args(["-q", "-b", &kafka(), "-t", &topic, "-C", "-e", "-o", "beginning", "-J"])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("kcat is installed by tests/services.sh install");
    let lines = String::from_utf8(kcat.stdout).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let record: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(record["key"], "partner:s1:12345678901234567890");
    let headers = record["headers"].as_array().unwrap();
    let header = |name: &str| {
        let at =
            headers.iter().position(|header| header == name).unwrap_or_else(|| panic!("{name}"));
        headers[at + 1].as_str().unwrap().to_owned()
    };
    assert_eq!(header("ce_specversion"), "1.0");
    assert_eq!(header("ce_source"), "/channels/partner/shops/s1");
    assert_eq!(header("ce_type"), "order.snapshot.v1");
    assert_eq!(header("ce_subject"), "12345678901234567890");
    assert_eq!(header("ce_time"), MODIFIED);
    assert_eq!(header("origin"), "webhook");
    assert_eq!(header("dedup"), "ok");
    assert_eq!(header("version"), "1794326409000");
    assert_eq!(header("ce_id").len(), 32);
    assert!(header("traceparent").contains(&header("ce_id")));
    let value: Value = serde_json::from_str(record["payload"].as_str().unwrap()).unwrap();
    assert_eq!(value["order_id"], "12345678901234567890");
    assert_eq!(value["channel"], "partner");
    assert_eq!(value["shop"], "s1");
    assert_eq!(value["amounts"]["payable"], 2900);
    assert_eq!(value["ship_to"]["mobile"]["value"], "13800000000");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_deliveries_at_the_same_moment_become_one_record_and_all_get_their_answer() {
    let gateway = gateway("storm").await;
    let partner = gateway.partner("s1");
    let event = order("1", MODIFIED);
    let sending = (0..50).map(|_| {
        let (partner, event) = (partner.clone(), event.clone());
        tokio::task::spawn(async move { partner.send(&event).await.status })
    });
    for answer in sending.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(gateway.everything("orders").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_that_get_the_same_delivery_publish_it_once() {
    let setup = Setup::new("pair").partner("s1");
    let (one, other) = (setup.clone().start().await, setup.start().await);
    for number in 0..20 {
        let event = order(&number.to_string(), MODIFIED);
        let (first, second) = (one.partner("s1"), other.partner("s1"));
        let (first, second) = tokio::join!(first.send(&event), second.send(&event));
        assert_eq!((first.status, second.status), (200, 200));
    }
    assert_eq!(one.everything("orders").await.len(), 20);
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_within_the_same_second_is_a_record_of_its_own() {
    let gateway = gateway("second").await;
    let partner = gateway.partner("s1");
    let first = order("1", MODIFIED);
    let mut second = first.clone();
    second["data"]["seller"] = json!({"memo": "gift wrap"});
    assert_eq!(partner.send(&first).await.status, 200);
    assert_eq!(partner.send(&second).await.status, 200);
    let seen = gateway.everything("orders").await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].headers["version"], seen[1].headers["version"]);
    assert_ne!(seen[0].headers["ce_id"], seen[1].headers["ce_id"]);
    assert_ne!(seen[0].headers["content_hash"], seen[1].headers["content_hash"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_shops_and_refused_signatures_learn_nothing() {
    let gateway = gateway("refused").await;
    let partner = gateway.partner("s1");
    let body = order("1", MODIFIED).to_string();
    let body = body.as_bytes();
    let address = gateway.address();
    let send = async |head: String| exchange(address, &[head.as_bytes(), body].concat()).await;
    let now = now_secs();
    let unknown = partner.head(body, now, "application/json").replace("/partner/s1", "/partner/s9");
    assert_eq!(send(unknown).await.status, 404);
    let other_channel =
        partner.head(body, now, "application/json").replace("/partner/", "/nobody/");
    assert_eq!(send(other_channel).await.status, 404);
    let good = partner.head(body, now, "application/json");
    let unsigned = good.replace("Webhook-Signature", "X-Other");
    let wrong = good.replace("v1,", "v1,AAAA");
    let stale = partner.head(body, now - 3600, "application/json");
    let early = partner.head(body, now + 3600, "application/json");
    let mut answers = Vec::new();
    for head in [unsigned, wrong, stale, early] {
        let answer = send(head).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "each refusal says the same");
    assert!(gateway.everything("orders").await.is_empty());
    assert!(gateway.everything("quarantine").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_speaks_for_another_shop_is_refused() {
    let gateway = gateway("other").await;
    let mut event = order("1", MODIFIED);
    event["data"]["shop"] = json!("s2");
    let answer = gateway.partner("s1").send(&event).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert!(gateway.everything("orders").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_not_json_is_refused_by_its_own_status() {
    let gateway =
        Setup::new("size").with("listen.body_limit_bytes = 4096").partner("s1").start().await;
    let partner = gateway.partner("s1");
    let mut large = order("1", MODIFIED);
    large["data"]["buyer"]["message"] = json!("x".repeat(5000));
    assert_eq!(partner.send(&large).await.status, 413);
    let claimed = partner.head(b"", now_secs(), "application/json");
    let claimed = claimed.replace("Content-Length: 0", "Content-Length: 1073741824");
    assert_eq!(exchange(gateway.address(), claimed.as_bytes()).await.status, 413);
    for body in [&b"<html>"[..], b"{", b"\xff\xfe", "{\"a\":\"\u{4f60}".as_bytes(), b"", b"null"] {
        let answer = partner.send_bytes(body).await;
        assert!([400, 422].contains(&answer.status), "{answer:?}");
        assert!(answer.json()["error"]["code"].is_string(), "{answer:?}");
    }
    let gbk = b"{\"type\":\"order.created\",\"data\":\"\xc4\xe3\"}";
    assert_eq!(partner.send_bytes(gbk).await.status, 400);
    let get = "GET /v1/partner/s1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(gateway.address(), get.as_bytes()).await.status, 405);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_order_goes_to_quarantine_sealed_and_its_sender_hears_which_field() {
    let gateway = gateway("impossible").await;
    let mut event = order("77", MODIFIED);
    event["data"]["amounts"]["payable"] = json!(2901);
    let answer = gateway.partner("s1").send(&event).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.json()["error"]["path"], "data.amounts.payable");
    let again = gateway.partner("s1").send(&event).await;
    assert_eq!(again.status, 422);
    let kept = gateway.everything("quarantine").await;
    assert_eq!(kept.len(), 1, "a redelivery is one record: {kept:#?}");
    assert_eq!(kept[0].key, "partner:s1");
    let record = &kept[0].value;
    assert_eq!(record["kind"], "malformed");
    assert_eq!(record["path"], "data.amounts.payable");
    let sealed = record["sealed"].as_str().unwrap();
    assert!(!record.to_string().contains("13800000000"));
    let input = serde_json::to_string(record).unwrap();
    let opened = unseal(&input).await;
    let opened: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened, event);
    assert!(sealed.len() > 100);
    assert!(gateway.everything("orders").await.is_empty());
    gateway.stop().await;
}

async fn unseal(record: &str) -> String {
    use tokio::io::AsyncWriteExt;
    let mut child = Command::new(env!("CARGO_BIN_EXE_channel-gateway"))
        .args(["unseal", "--key", "env:KEY"])
        .env("KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(record.as_bytes()).await.unwrap();
    String::from_utf8(child.wait_with_output().await.unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_good_during_a_rotation() {
    let older = "whsec_b2xkZXItc2VjcmV0LW9mLXRoZS1wYXJ0bmVyLTAwMDE=";
    let gateway = Setup::new("rotation")
        .shop(&format!(
            "channel = \"partner\"\nid = \"s1\"\nenable = [\"webhooks\"]\nwebhook_secrets = [\"dev:{SECRET}\", \"dev:{older}\"]"
        ))
        .start()
        .await;
    let new = gateway.partner("s1");
    let old = crate::support::Partner::new(gateway.address(), "s1", older);
    assert_eq!(new.send(&order("1", MODIFIED)).await.status, 200);
    assert_eq!(old.send(&order("2", MODIFIED)).await.status, 200);
    let metrics = gateway.app.metrics();
    assert_eq!(metrics.old_keys.with_label_values(&["partner"]).get(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_its_topic_takes_is_quarantined_and_does_not_come_back_for_ever() {
    let gateway =
        Setup::new("large").with("listen.body_limit_bytes = 2097152").partner("s1").start().await;
    let mut event = order("1", MODIFIED);
    // Random, so that compressing does not make it fit.
    let mut noise = vec![0; 600_000];
    getrandom::fill(&mut noise).unwrap();
    event["data"]["buyer"]["message"] = json!(hex::encode(noise));
    let answer = gateway.partner("s1").send(&event).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let kept = gateway.everything("quarantine").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].value["reason"], "the event is larger than its topic takes");
    gateway.stop().await;
}
