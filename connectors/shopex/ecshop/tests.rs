//! ECShop against its strict fake, and against recorded answers of a real shop.

use super::super::sign;
use super::super::tests::{NODE, TOKEN, raw, shop, signed};
use super::{ENTRY, answers};
use crate::contract::model::{OrderId, OrderStatus, ShopId, StockLevel, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, ErrorKind, Event, Key, Notice,
    Result, Secret, Session, ShopSetup, Window,
};
use crate::testkit::conformance::{self, Subject};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const START_MS: i64 = 1_794_326_430_000;

pub(super) fn connector() -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings: json!({ "node_id": NODE }) }).unwrap()
}

/// What was asked and what was answered.
pub(super) fn recorded(name: &str) -> (String, String) {
    let path = format!("{}/shopex/ecshop/fixtures/{name}.http.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let (request, response) = text.split_once("### RESPONSE").unwrap();
    let body = |part: &str| part.split_once("\n\n").map(|(_, body)| body.trim().to_owned());
    (body(request).unwrap(), body(response).unwrap_or_default())
}

/// Answers in the given words, in turn, and remembers what was asked.
#[derive(Debug)]
pub(super) struct Says {
    answers: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<ApiRequest>>,
    connector: Arc<dyn Connector>,
}

impl Says {
    pub(super) fn new(answers: Vec<String>, connector: Arc<dyn Connector>) -> Self {
        Self { answers: Mutex::new(answers.into()), asked: Mutex::default(), connector }
    }

    /// Whether every answer was asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.lock().is_empty()
    }

    pub(super) fn asked(&self) -> Vec<ApiRequest> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        self.asked.lock().push(request);
        let body = self.answers.lock().pop_front().expect("no more calls than answers");
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body.into());
        self.connector.classify(&reply)?;
        Ok(reply)
    }
}

pub(super) fn saying(answers: &[&str]) -> Says {
    Says::new(answers.iter().map(|answer| recorded(answer).1).collect(), connector())
}

pub(super) fn session<'s>(shop: &'s ShopId, api: &'s dyn ChannelApi) -> Session<'s> {
    Session { shop, api, app_key: NODE, now: Timestamp::from_unix_ms(START_MS) }
}

pub(super) fn window() -> Window {
    let at = |text| Timestamp::parse_china(text).unwrap();
    Window { from: at("2016-05-01 00:00:00"), to: at("2016-05-30 23:59:59") }
}

fn level(sku: &str, available: u32) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: None, available }
}

#[tokio::test]
async fn an_ecshop_shop_conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.settings = json!({ "node_id": NODE });
    subject.sign = Some(signed);
    subject.answers_in_body = true;
    conformance::check(&subject).await;
}

#[test]
fn every_recorded_call_bears_the_signature_that_is_computed_here() {
    let folder = format!("{}/shopex/ecshop/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut calls = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".http.txt") else { continue };
        if name.contains("matrix-push") || matches!(name, "ec36-bad-sign" | "ec36-no-ac") {
            continue;
        }
        let form = recorded(name).0;
        let pairs = super::super::form::split(form.as_bytes());
        let received = super::super::form::text(&pairs, "ac").unwrap().unwrap();
        assert_eq!(sign::trimmed_ac(TOKEN.as_bytes(), &pairs), received, "{name}");
        calls += 1;
    }
    assert!(calls > 20, "{calls}");
}

#[test]
fn only_what_php_trims_is_trimmed_and_only_around_the_whole() {
    // As PHP computes md5(trim($first . "1.0 " . $token)).
    for (first, behind, expected) in [
        (" \t\r\n\0\x0bact", "", "bbb92f3effedbe620e0f76f77c5a0d07"),
        ("act", "\n", "bbb92f3effedbe620e0f76f77c5a0d07"),
        ("\u{3000}act", "", "b31a505e7f681d383f3ef779bbf9269d"),
        ("\x0cact", "", "cf40361d79fa572c8f2e7255d2475630"),
        ("act", "\u{a0}", "1f97e5932e20ff35511dd760522c13db"),
    ] {
        let token = format!("{TOKEN}{behind}");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let params = [pair("act", first), pair("api_version", "1.0 "), pair("ac", "anything")];
        let told = connector().auth().explain(&Secret::new(token.clone()), &params, b"").unwrap();
        assert_eq!(told.signature, expected, "{first:?} {behind:?}");
    }
    let sent = |token: String| {
        let app_secret = Secret::new(token);
        let credentials = Credentials { app_key: NODE.to_owned(), app_secret, token: None };
        let now = Timestamp::from_unix_ms(START_MS);
        connector().auth().sign(&credentials, now, &super::request("x")).unwrap().body
    };
    assert_eq!(sent(TOKEN.to_owned()), sent(format!("{TOKEN} \n")), "calls that are sent, too");
    assert_ne!(sent(TOKEN.to_owned()), sent(format!("{TOKEN}\u{3000}")));
}

#[test]
fn every_vector_of_the_shop_is_met() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/ac-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let pairs: Vec<_> = vector["params"].as_object().unwrap().iter().collect();
        let pairs: Vec<(String, String)> = pairs
            .into_iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let secret = Secret::new(vector["token"].as_str().unwrap());
        let told = connector().auth().explain(&secret, &pairs, b"").unwrap();
        assert_eq!(told.signature, vector["ac_36"], "{}", vector["id"]);
    }
}

#[test]
fn pushes_of_a_real_shop_are_taken_and_one_changed_letter_is_refused() {
    let connector = connector();
    let source = connector.webhooks().unwrap();
    let keys = [Key { index: 0, secret: Secret::new(TOKEN) }];
    let now = Timestamp::from_unix_ms(START_MS);
    for (push, id) in [
        ("ec36-matrix-push-01-store.trade.add", "2016051183359"),
        ("ec36-matrix-push-02-store.trade.update", "2016051166250"),
    ] {
        let body = recorded(push).0;
        let raw_push = raw(body.clone().into_bytes());
        let verified = source.verify(&keys, now, &raw_push).unwrap();
        let notices = source.decode(&verified).unwrap();
        let [Notice { event: Event::Order(order), .. }] = &notices[..] else { panic!("{push}") };
        assert_eq!((order.channel.as_str(), order.order_id.as_str()), ("ecshop", id));
        let changed = raw(body.replace("PAY_FINISH", "PAY_FINISI").into_bytes());
        assert_eq!(
            source.verify(&keys, now, &changed).unwrap_err().kind(),
            ErrorKind::BadSignature
        );
        for end in 0..body.len() {
            // The form ends with one `&` too many, which says nothing.
            if body.get(end..) != Some("&") {
                let cut = raw(body.as_bytes()[..end].to_vec());
                assert!(source.verify(&keys, now, &cut).is_err(), "{push} cut at {end}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_gives_whole_orders_in_states_that_are_true() {
    let (shop, api) = (shop().shop, saying(&["ec36-order-list"]));
    let connector = connector();
    let page = connector.orders().unwrap().page(&session(&shop, &api), window(), 1).await.unwrap();
    let orders: Vec<_> = page
        .notices
        .iter()
        .map(|notice| {
            let Event::Order(order) = &notice.event else { panic!("not an order") };
            order
        })
        .collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0].status, OrderStatus::AwaitingShipment);
    // Handed out for shipping, which the shop calls finished.
    assert_eq!(orders[1].channel_status, "TRADE_FINISHED/PAY_FINISH/SHIP_PREPARE");
    assert_eq!(orders[1].status, OrderStatus::AwaitingShipment);
    assert_eq!((orders[0].amounts.payable.0, orders[0].amounts.freight.0), (13_755, 1_500));
    assert!(orders[0].promotions.is_empty());
    let said = serde_json::to_string_pretty(&orders).unwrap() + "\n";
    let path = format!(
        "{}/shopex/ecshop/fixtures/ec36-order-list.events.json",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(path).unwrap());
}

#[tokio::test]
async fn nothing_found_is_empty_and_an_sql_error_is_none_of_it() {
    let (shop, connector) = (shop().shop, connector());
    let orders = connector.orders().unwrap();
    let api = saying(&["ec36-order-list-empty", "ec36-order-list-empty"]);
    assert_eq!(orders.count(&session(&shop, &api), window()).await.unwrap(), 0);
    let page = orders.page(&session(&shop, &api), window(), 1).await.unwrap();
    assert!(page.notices.is_empty());
    let api = saying(&["ec36-order-list-page-beyond"]);
    assert_eq!(orders.count(&session(&shop, &api), window()).await.unwrap(), 4);
    let api = saying(&["ec36-order-list-neg-page"]);
    let error = orders.page(&session(&shop, &api), window(), 1).await.unwrap_err();
    assert_eq!((error.kind(), error.channel_code()), (ErrorKind::Unavailable, Some("sql")));
    let id = OrderId::try_new("1").unwrap();
    let api = saying(&["ec36-order-detail-missing"]);
    let error = orders.order(&session(&shop, &api), &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn refusals_say_what_to_do_next() {
    use ErrorKind::{Conflict, Rejected, Unauthorized, Unavailable};
    let judged = |body: &str| {
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body.to_owned().into());
        answers::classify(&reply)
    };
    for (name, kind) in [
        ("ec36-bad-sign", Unauthorized),
        ("ec36-no-ac", Rejected),
        ("ec36-unknown-act", Rejected),
        ("ec36-low-version", Rejected),
        ("ec36-order-list-badtime", Rejected),
        ("ec36-order-list-notimes", Rejected),
        ("ec36-order-list-status-pay2", Rejected),
        ("ec36-order-list-xml", Unavailable),
        ("ec36-delivery-dup", Conflict),
        ("ec36-delivery-noorder", Rejected),
        ("ec36-store-baddata", Rejected),
        ("ec36-store-nonnumeric", Unavailable),
    ] {
        let error = judged(&recorded(name).1).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
    let dump = "<b>MySQL server error report:Array ( [error] => Unknown column 'modified' in 'where clause' )";
    let error = judged(dump).unwrap_err();
    assert!(error.context().contains("README"), "{error}");
    for nonsense in ["", "null", "[]", "{}", r#"{"result":1}"#, "<html></html>"] {
        assert_eq!(judged(nonsense).unwrap_err().kind(), Unavailable, "{nonsense}");
    }
}

#[tokio::test]
async fn each_level_has_its_own_outcome_and_the_same_second_only_waits() {
    let (shop, connector) = (shop().shop, connector());
    let stock = connector.stock().unwrap();
    let api = saying(&["ec36-store-ok"]);
    let levels = [level("ECS000050", 77), level("NOPE-1", 3), level("ECS000035", 12)];
    let outcomes = stock.set(&session(&shop, &api), &levels).await.unwrap();
    let kinds: Vec<_> =
        outcomes.iter().map(|one| one.as_ref().err().map(crate::contract::Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Rejected), None]);
    let api = saying(&["ec36-store-again-same-second"]);
    let outcomes = stock.set(&session(&shop, &api), &[level("ECS000050", 78)]).await.unwrap();
    let waits = ErrorKind::Throttled { retry_after: Some(Duration::from_secs(1)) };
    assert_eq!(outcomes[0].as_ref().unwrap_err().kind(), waits);
    assert!(stock.set(&session(&shop, &saying(&[])), &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_shop_says_of_a_level_is_believed_as_far_as_it_goes() {
    use ErrorKind::{Rejected, Throttled, Unavailable};
    let waits = Throttled { retry_after: Some(Duration::from_secs(1)) };
    let (shop, connector) = (shop().shop, connector());
    for (info, expected) in [
        // Named twice, and not named at all.
        (
            json!({ "msg": "", "error_response": ["A"], "true_bn": ["A", "B"] }),
            [Some(Rejected), None, Some(Unavailable)],
        ),
        // The second that one was written in is not another's.
        (
            json!({ "msg": "[B]kv not update|[A] update error|", "error_response": ["A", "B"], "true_bn": ["C"] }),
            [Some(Rejected), Some(waits), None],
        ),
        (json!({ "true_bn": ["C", "B", "A"] }), [None, None, None]),
        (json!({}), [Some(Unavailable); 3]),
    ] {
        let answer = json!({ "result": "success", "msg": "", "info": info }).to_string();
        let api = Says::new(vec![answer], Arc::clone(&connector));
        let levels = [level("A", 1), level("B", 2), level("C", 0)];
        let stock = connector.stock().unwrap();
        let outcomes = stock.set(&session(&shop, &api), &levels).await.unwrap();
        let kinds: Vec<_> = outcomes
            .iter()
            .map(|one| one.as_ref().err().map(crate::contract::Error::kind))
            .collect();
        assert_eq!(kinds, expected, "{info}");
    }
    let silent = json!({ "result": "success", "msg": "", "info": "true" }).to_string();
    let api = Says::new(vec![silent], Arc::clone(&connector));
    let error = connector.stock().unwrap().set(&session(&shop, &api), &[level("A", 1)]).await;
    assert_eq!(error.unwrap_err().kind(), Unavailable);
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    for (settings, path) in [
        (json!({ "node_id": "a b" }), "node_id"),
        (json!({ "certi_id": "" }), "certi_id"),
        (json!({ "generation": "485" }), "generation"),
        (json!({ "carriers": { "JD": "a\n" } }), "carriers"),
    ] {
        let error = build(settings).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
}
