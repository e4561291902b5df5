//! What the contract promises to partners: signatures, answers, and what goes back. Bodies are in `tests_body.rs`.

use super::sign::{self, Signature};
use super::{ENTRY, message, waybill};
use crate::contract::model::{OrderId, ShopId, StockLevel, Timestamp, Waybill, WaybillAction};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, Error, ErrorKind, Key, Outcome,
    RawWebhook, Result, Secret, Session, ShopSetup, StockSink,
};
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW_MS: i64 = 1_794_326_430_000;

pub(super) fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new("p-1001").unwrap(),
        app_key: String::new(),
        secret: SECRET.to_owned(),
        token: String::new(),
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS)
}

pub(super) fn partner(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

pub(super) fn keys(secrets: &[&str]) -> Vec<Key> {
    let key = |(index, secret): (usize, &&str)| Key { index, secret: Secret::new(*secret) };
    secrets.iter().enumerate().map(key).collect()
}

pub(super) fn signed(shop: &FakeShop, now: Timestamp, body: &[u8]) -> RawWebhook {
    let secret = Secret::new(shop.secret.as_str());
    let timestamp = (now.unix_ms() / 1000).to_string();
    let signature = Signature::of(&secret, "msg_1", &timestamp, body).unwrap().to_header();
    delivery("msg_1", &timestamp, &signature, body)
}

fn delivery(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> RawWebhook {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
    headers.insert(sign::ID, id.parse().unwrap());
    headers.insert(sign::TIMESTAMP, timestamp.parse().unwrap());
    headers.insert(sign::SIGNATURE, signature.parse().unwrap());
    RawWebhook {
        shop: shop().shop,
        method: Method::POST,
        query: String::new(),
        headers,
        body: Bytes::copy_from_slice(body),
    }
}

fn verify(secrets: &[&str], at: Timestamp, raw: &RawWebhook) -> Result<usize> {
    let partner = partner(json!({}));
    let verified = partner.webhooks().unwrap().verify(&keys(secrets), at, raw);
    verified.map(|verified| verified.key_index())
}

#[tokio::test]
async fn conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.sign = Some(signed);
    subject.stale_after = Some(Duration::from_mins(5));
    subject.settings = json!({ "reads_stock": true });
    conformance::check(&subject).await;
}

#[test]
fn signs_and_verifies_as_the_standard_webhooks_library_does() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/standard-webhooks-vectors.json")).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let timestamp = vector["timestamp"].as_i64().unwrap();
        let (secret, body) = (Secret::new(text("secret")), text("body").as_bytes());
        let ours = sign::sign_out(&secret, text("id"), &timestamp.to_string(), body).unwrap();
        assert_eq!(ours, text("signature"), "{}", text("name"));
        let at = Timestamp::from_unix_ms(timestamp * 1000);
        let raw = delivery(text("id"), &timestamp.to_string(), text("signature"), body);
        assert_eq!(verify(&[text("secret")], at, &raw).unwrap(), 0, "{}", text("name"));
        let params = [("id", text("id")), ("timestamp", &timestamp.to_string())];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown = partner(json!({})).auth().explain(&secret, &params, body).unwrap();
        assert_eq!(shown.signature, text("signature"));
        assert!(!format!("{shown:?}").contains(text("secret").trim_start_matches("whsec_")));
    }
}

#[test]
fn one_good_signature_among_several_is_enough_and_other_versions_are_passed_over() {
    let good = signed(&shop(), now(), b"{}");
    let good = good.header(sign::SIGNATURE).unwrap();
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let timestamp = (NOW_MS / 1000).to_string();
    let with =
        |header: &str| verify(&[SECRET], now(), &delivery("msg_1", &timestamp, header, b"{}"));
    assert!(with(&format!("{wrong} {good}")).is_ok());
    assert!(with(&format!("v1a,xyz v2,{wrong} {good}")).is_ok());
    let bare = good.strip_prefix("v1,").unwrap();
    for refused in
        [wrong, bare, &format!("v2,{bare}"), &format!("v1,{}", bare.split_at(20).0), "v1,", ","]
    {
        assert_eq!(with(refused).unwrap_err().kind(), ErrorKind::BadSignature, "{refused}");
    }
}

#[test]
fn a_missing_or_doubled_header_is_a_bad_signature() {
    for name in [sign::ID, sign::TIMESTAMP, sign::SIGNATURE] {
        let mut without = signed(&shop(), now(), b"{}");
        without.headers.remove(name);
        assert_eq!(verify(&[SECRET], now(), &without).unwrap_err().kind(), ErrorKind::BadSignature);
        let mut doubled = signed(&shop(), now(), b"{}");
        let value = doubled.headers[name].clone();
        doubled.headers.append(name, value);
        assert_eq!(verify(&[SECRET], now(), &doubled).unwrap_err().kind(), ErrorKind::BadSignature);
    }
}

#[test]
fn timestamps_are_good_for_five_minutes_both_ways() {
    let raw = signed(&shop(), now(), b"{}");
    let (limit, beyond) = (Duration::from_mins(5), Duration::from_secs(301));
    for good in [now().plus(limit), now().minus(limit)] {
        assert!(verify(&[SECRET], good, &raw).is_ok());
    }
    for stale in [now().plus(beyond), now().minus(beyond)] {
        assert_eq!(verify(&[SECRET], stale, &raw).unwrap_err().kind(), ErrorKind::BadSignature);
    }
    let strict = partner(json!({ "tolerance_secs": 10 }));
    let strict = strict.webhooks().unwrap();
    let late = now().plus(Duration::from_secs(11));
    assert!(strict.verify(&keys(&[SECRET]), late, &raw).is_err());
}

#[test]
fn a_timestamp_that_is_not_plain_digits_is_refused_even_when_it_is_signed() {
    let secret = Secret::new(SECRET);
    for text in ["+1794326430", "1794326430.0", "1e9", "-1", "99999999999999999999", "0x10"] {
        let signature = sign::sign_out(&secret, "msg_1", text, b"{}").unwrap();
        let raw = delivery("msg_1", text, &signature, b"{}");
        assert!(verify(&[SECRET], now(), &raw).is_err(), "{text}");
    }
}

#[test]
fn secrets_work_with_and_without_prefix_and_nothing_else_is_a_secret() {
    let raw = signed(&shop(), now(), b"{}");
    assert_eq!(verify(&[SECRET.strip_prefix("whsec_").unwrap()], now(), &raw).unwrap(), 0);
    let long = "A".repeat(400);
    for wrong in ["", "whsec_", "whsec_***", "plain words", &long] {
        assert!(verify(&[wrong], now(), &raw).is_err(), "{wrong}");
        assert_eq!(verify(&[wrong, SECRET], now(), &raw).unwrap(), 1);
        let error = sign::sign_out(&Secret::new(wrong), "a", "1", b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
}

#[test]
fn settings_are_judged_with_their_path() {
    let build = |settings| (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap_err();
    assert_eq!(build(json!({ "tolerance_secs": 0 })).path(), Some("tolerance_secs"));
    assert_eq!(build(json!({ "tolerance_secs": 90_000 })).path(), Some("tolerance_secs"));
    assert_eq!(build(json!({ "tolerance_secs": "5" })).path(), Some("tolerance_secs"));
    assert_eq!(build(json!({ "tolerance": 5 })).kind(), ErrorKind::Malformed);
    let documented = include_str!("settings.toml");
    let default = format!("tolerance_secs = {}", super::TOLERANCE_SECS);
    assert!(documented.lines().any(|line| line == default));
}

#[test]
fn answers_have_stable_statuses_and_codes() {
    let partner = partner(json!({}));
    let answer = |outcome: &Outcome| {
        let reply = partner.webhooks().unwrap().reply(&signed(&shop(), now(), b"{}"), outcome);
        assert_eq!(reply.content_type, "application/json");
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status.as_u16(), body)
    };
    let refused = |error: Error| answer(&Outcome::Refused(error));
    assert_eq!(answer(&Outcome::Done), (200, json!({ "status": "accepted" })));
    let (status, body) = answer(&Outcome::Retry(Duration::from_secs(1)));
    assert_eq!((status, &body["error"]["code"]), (503, &json!("unavailable")));
    let bad = refused(Error::new(ErrorKind::BadSignature, "timestamp is outside the tolerance"));
    let unauthorized =
        json!({ "error": { "code": "unauthorized", "message": "signature refused" } });
    assert_eq!(bad, (401, unauthorized));
    let (status, body) = refused(Error::malformed("expected u32").at("data.lines[2].quantity"));
    let error = json!({
        "code": "invalid_field", "message": "expected u32", "path": "data.lines[2].quantity"
    });
    assert_eq!((status, body), (422, json!({ "error": error })));
    let (status, body) = refused(Error::new(ErrorKind::Unsupported, "unknown type"));
    assert_eq!((status, &body["status"]), (202, &json!("ignored")));
    let (status, body) = refused(Error::new(ErrorKind::Rejected, "no such order"));
    assert_eq!((status, &body["error"]["code"]), (422, &json!("rejected")));
    let (status, _) = refused(Error::new(ErrorKind::Unavailable, "not now"));
    assert_eq!(status, 503);
}

/// A partner's server that always says the same.
#[derive(Debug)]
struct Saying {
    status: u16,
    body: &'static str,
    retry_after: Option<&'static str>,
}

#[async_trait]
impl ChannelApi for Saying {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let mut headers = HeaderMap::new();
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        let status = StatusCode::from_u16(self.status).unwrap();
        let reply = ApiReply::new(status, headers, Bytes::from_static(self.body.as_bytes()));
        partner(json!({})).classify(&reply).map(|()| reply)
    }
}

fn saying(status: u16, body: &'static str) -> Saying {
    Saying { status, body, retry_after: None }
}

async fn set(api: &Saying) -> Result<Vec<Result<()>>> {
    let level = |sku: &str| StockLevel { sku_id: sku.to_owned(), product_id: None, available: 3 };
    let shop = shop().shop;
    let session = Session { shop: &shop, api, app_key: "", now: now() };
    partner(json!({})).stock().unwrap().set(&session, &[level("a"), level("b")]).await
}

async fn ship(api: &Saying) -> Result<()> {
    let shop = shop().shop;
    let session = Session { shop: &shop, api, app_key: "", now: now() };
    let waybill = parcel("SF1");
    partner(json!({})).waybills().unwrap().ship(&session, &waybill).await
}

fn parcel(number: &str) -> Waybill {
    Waybill {
        order_id: OrderId::try_new("17999999999999999999").unwrap(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: number.to_owned(),
        lines: Vec::new(),
    }
}

#[tokio::test]
async fn a_partner_may_answer_for_each_level_or_for_all() {
    let kinds = |outcomes: Vec<Result<()>>| -> Vec<Option<ErrorKind>> {
        outcomes.into_iter().map(|outcome| outcome.err().map(|error| error.kind())).collect()
    };
    let rejected = Some(ErrorKind::Rejected);
    for all_good in ["", "ok", "{}", r#"{"results":[]}"#] {
        assert_eq!(kinds(set(&saying(200, all_good)).await.unwrap()), [None, None], "{all_good}");
    }
    let one =
        r#"{"results":[{"sku_id":"b","ok":false,"error":"unknown_sku"},{"sku_id":"a","ok":true}]}"#;
    for status in [200, 422] {
        let outcomes = set(&saying(status, one)).await.unwrap();
        assert_eq!(outcomes[1].as_ref().unwrap_err().channel_code(), Some("unknown_sku"));
        assert_eq!(kinds(outcomes), [None, rejected]);
    }
    assert_eq!(kinds(set(&saying(422, "")).await.unwrap()), [rejected, rejected]);
    assert_eq!(kinds(set(&saying(404, "")).await.unwrap()), [rejected, rejected]);
    let unreadable = set(&saying(200, r#"{"results":"none"}"#)).await;
    assert_eq!(unreadable.unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(set(&saying(500, "")).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

async fn levels(api: &Saying, skus: &[&str]) -> Result<Vec<Option<u32>>> {
    let level =
        |sku: &&str| StockLevel { sku_id: (*sku).to_owned(), product_id: None, available: 3 };
    let told: Vec<StockLevel> = skus.iter().map(level).collect();
    let shop = shop().shop;
    let session = Session { shop: &shop, api, app_key: "", now: now() };
    let partner = partner(json!({ "reads_stock": true }));
    partner.stock().and_then(StockSink::reader).unwrap().levels(&session, &told).await
}

#[tokio::test]
async fn levels_are_read_only_from_a_partner_that_answers() {
    assert!(partner(json!({})).stock().unwrap().reader().is_none());
    let two =
        saying(200, r#"{"levels":[{"sku_id":"b","available":4},{"sku_id":"x","available":1}]}"#);
    assert_eq!(levels(&two, &["a", "b", "b"]).await.unwrap(), [None, Some(4), Some(4)]);
    let none = saying(200, r#"{"levels":[]}"#);
    assert_eq!(levels(&none, &["a"]).await.unwrap(), [None]);
    for (body, path) in [
        (r#"{"levels":[{"sku_id":"a","available":-1}]}"#, "levels[0].available"),
        (r#"{"levels":[{"sku_id":"a","available":null}]}"#, "levels[0].available"),
        (r#"{"levels":[{"sku_id":"a"}]}"#, "levels[0].available"),
        (r#"{"levels":[{"sku_id":7,"available":1}]}"#, "levels[0].sku_id"),
        ("{}", "levels"),
    ] {
        let error = levels(&saying(200, body), &["a"]).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{body}");
    }
    for body in ["", "ok", r#"{"levels":[{"sku_id":"a","avail"#] {
        let error = levels(&saying(200, body), &["a"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
    }
    let absent = levels(&saying(404, ""), &["a"]).await.unwrap_err();
    assert_eq!((absent.kind(), absent.channel_code()), (ErrorKind::Rejected, Some("404")));
    assert_eq!(levels(&saying(502, ""), &["a"]).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_partners_free_text_is_not_passed_on() {
    let chatty = r#"{"results":[{"sku_id":"a","ok":false,"error":"no stock for 13800000000"}]}"#;
    let outcomes = set(&saying(200, chatty)).await.unwrap();
    assert!(!format!("{outcomes:?}").contains("138"));
}

#[tokio::test]
async fn already_shipped_is_success_only_with_our_number() {
    ship(&saying(201, "")).await.unwrap();
    ship(&saying(409, r#"{"number":"SF1"}"#)).await.unwrap();
    for conflict in [r#"{"number":"SF2"}"#, ""] {
        assert_eq!(ship(&saying(409, conflict)).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
    for refused in [404, 422, 400] {
        let error = ship(&saying(refused, "")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{refused:?}");
    }
    assert_eq!(ship(&saying(403, "")).await.unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn retry_after_is_heard() {
    for status in [429, 503] {
        let api = Saying { status, body: "", retry_after: Some("17") };
        let retry_after = Some(Duration::from_secs(17));
        assert_eq!(ship(&api).await.unwrap_err().kind(), ErrorKind::Throttled { retry_after });
    }
    let dateless =
        Saying { status: 429, body: "", retry_after: Some("Wed, 11 Nov 2026 00:00:00 GMT") };
    let kind = ship(&dateless).await.unwrap_err().kind();
    assert_eq!(kind, ErrorKind::Throttled { retry_after: None });
    assert_eq!(ship(&saying(503, "")).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_waybill_keeps_its_id_and_a_level_that_comes_back_gets_a_new_one() {
    let shop = shop().shop;
    let id = |api, at, version: &[u8], data: &Waybill| {
        let request = message::post(api, &shop, at, version, data).unwrap();
        request.headers[sign::ID].to_str().unwrap().to_owned()
    };
    let later = now().plus(Duration::from_mins(1));
    let first = id(waybill::SHIP, now(), b"", &parcel("SF1"));
    assert_eq!(first, id(waybill::SHIP, later, b"", &parcel("SF1")));
    assert_ne!(first, id(waybill::SHIP, now(), b"", &parcel("SF2")));
    assert_ne!(first, id(waybill::SHIP, now(), b"later", &parcel("SF1")));
}

#[test]
fn the_fake_believes_nobody_without_a_signature() {
    let fake = (ENTRY.fake)(vec![shop()]);
    let partner = partner(json!({}));
    let data = json!({ "shop": "p-1001", "levels": [] });
    let request = message::post("stock.updated", &shop().shop, now(), b"", &data).unwrap();
    let credentials = |secret: &str| Credentials {
        app_key: String::new(),
        app_secret: Secret::new(secret),
        token: None,
    };
    let ask = |secret: &str, at: Timestamp| {
        let signed = partner.auth().sign(&credentials(secret), at, &request).unwrap();
        let mut http = Request::new(signed.body);
        *http.method_mut() = Method::POST;
        *http.headers_mut() = signed.headers;
        fake.handle(&http, now()).status().as_u16()
    };
    assert_eq!(ask(SECRET, now()), 200);
    assert_eq!(ask("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", now()), 401);
    assert_eq!(ask(SECRET, now().minus(Duration::from_mins(6))), 401);
    let too_many = (0..120).filter(|_| ask(SECRET, now()) == 429).count();
    assert!((1..120).contains(&too_many), "the fake keeps no pace");
}

#[test]
fn another_attempt_is_signed_at_its_own_time() {
    let fake = (ENTRY.fake)(vec![shop()]);
    fake.create_order(&shop().shop, 1, now());
    let first = fake.take_deliveries(now()).remove(0);
    let later = now().plus(Duration::from_hours(1));
    let again = fake.sign_again(&first, later);
    assert_eq!((again.path.as_str(), &again.body), (first.path.as_str(), &first.body));
    assert_eq!(again.headers[sign::ID], first.headers[sign::ID]);
    let raw = |delivery: &crate::testkit::Delivery| RawWebhook {
        shop: delivery.shop.clone(),
        method: Method::POST,
        query: String::new(),
        headers: delivery.headers.clone(),
        body: delivery.body.clone(),
    };
    assert!(verify(&[SECRET], later, &raw(&first)).is_err());
    assert_eq!(verify(&[SECRET], later, &raw(&again)).unwrap(), 0);
}
