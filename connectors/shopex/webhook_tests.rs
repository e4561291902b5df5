//! What is pushed to us: who may, what it says, and what is answered.

use super::sign_tests::{connector, recorded};
use super::tests::{NODE, TOKEN, raw, shop, signed};
use crate::contract::model::{Order, RefundKind, ShopId, Timestamp};
use crate::contract::{
    Connector, Error, ErrorKind, Event, Key, Notice, Outcome, RawWebhook, Result, Secret, Session,
};
use crate::testkit::{Delivery, FakeApi};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ADD: &str = "ecstore-push-01-store.trade.add";
const UPDATE: &str = "ecstore-push-02-store.trade.update";

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_794_326_430_000)
}

fn keys(tokens: &[&str]) -> Vec<Key> {
    let key = |(index, token): (usize, &&str)| Key { index, secret: Secret::new(*token) };
    tokens.iter().enumerate().map(key).collect()
}

fn verified(settings: Value, tokens: &[&str], raw: &RawWebhook) -> Result<usize> {
    let connector = connector(settings);
    let source = connector.webhooks().unwrap();
    source.verify(&keys(tokens), now(), raw).map(|verified| verified.key_index())
}

fn decoded(settings: Value, raw: &RawWebhook) -> Result<Vec<Notice>> {
    let connector = connector(settings);
    let source = connector.webhooks().unwrap();
    let keys = keys(&[TOKEN]);
    let verified = source.verify(&keys, now(), raw).unwrap();
    source.decode(&verified)
}

fn body(raw: &RawWebhook, outcome: &Outcome) -> Value {
    let connector = connector(json!({}));
    let reply = connector.webhooks().unwrap().reply(raw, outcome);
    assert_eq!(reply.status, StatusCode::OK, "the family answers 200 whatever happened");
    serde_json::from_slice(&reply.body).unwrap()
}

fn of_order(notices: &[Notice]) -> &Order {
    match notices {
        [Notice { event: Event::Order(order), .. }] => order,
        _ => panic!("not one order"),
    }
}

fn signed_body(body: &str) -> RawWebhook {
    signed(&shop(), now(), body.as_bytes())
}

#[test]
fn the_pushes_of_a_real_shop_are_taken() {
    for push in [ADD, UPDATE] {
        let raw = raw(recorded(push).0.into_bytes());
        assert_eq!(verified(json!({}), &[TOKEN], &raw).unwrap(), 0);
        assert_eq!(verified(json!({}), &["new", TOKEN], &raw).unwrap(), 1);
        let notices = decoded(json!({ "node_id": NODE }), &raw).unwrap();
        assert_eq!(of_order(&notices).order_id.as_str(), "20140801120001");
        assert_eq!(notices[0].shop, shop().shop);
    }
}

#[test]
fn only_the_node_whose_token_signed_is_believed() {
    let (push, _) = recorded(ADD);
    let good = raw(push.clone().into_bytes());
    let kind =
        |raw: &RawWebhook, tokens: &[&str]| verified(json!({}), tokens, raw).unwrap_err().kind();
    let other = TOKEN.replacen('5', "6", 1);
    assert_eq!(kind(&good, &[&other]), ErrorKind::BadSignature);
    assert_eq!(kind(&good, &[]), ErrorKind::BadSignature);
    for changed in [
        push.replace("total_trade_fee=78.800", "total_trade_fee=78.900"),
        push.replace("tid=20140801120001", "tid=20140801120002"),
        push.replace("invoice_title=&", ""),
        push.replace("&sign=", "&sing="),
        push.replace("&sign=1E63", "&sign="),
        push.split_once("&sign=").unwrap().0.to_owned(),
        format!("{push}&extra=1"),
        String::new(),
    ] {
        assert_eq!(kind(&raw(changed.into_bytes()), &[TOKEN]), ErrorKind::BadSignature);
    }
    // Hexadecimal says the same in small letters.
    let (head, sign) = push.rsplit_once("&sign=").unwrap();
    let small = raw(format!("{head}&sign={}", sign.to_lowercase()).into_bytes());
    assert_eq!(verified(json!({}), &[TOKEN], &small).unwrap(), 0);
}

#[test]
fn a_shop_cannot_speak_for_another() {
    let raw = raw(recorded(ADD).0.into_bytes());
    let error = decoded(json!({ "node_id": "7777777777" }), &raw).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("from_node_id")));
    let nameless = signed_body("method=store.trade.add&tid=1");
    let error = decoded(json!({ "node_id": NODE }), &nameless).unwrap_err();
    assert_eq!(error.path(), Some("from_node_id"));
    let certified = signed_body("method=store.trade.add&tid=1&certi_id=1");
    let error = decoded(json!({ "certi_id": "2" }), &certified).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("certi_id")));
}

#[test]
fn a_push_sent_again_is_the_same_event() {
    let again = raw(recorded(ADD).0.into_bytes());
    let first = decoded(json!({}), &again).unwrap();
    let second = decoded(json!({}), &again).unwrap();
    // `add` and `update` of one state too: the method and the call are no part of the order.
    let update = decoded(json!({}), &raw(recorded(UPDATE).0.into_bytes())).unwrap();
    assert_eq!(of_order(&first), of_order(&second));
    assert_eq!(of_order(&first), of_order(&update));
}

#[test]
fn a_record_that_cannot_be_true_is_kept_with_its_path() {
    let (push, _) = recorded(ADD);
    let unsigned = push.rsplit_once("&sign=").unwrap().0;
    for (from, to, path) in [
        ("total_trade_fee=78.800", "total_trade_fee=78.801", "total_trade_fee"),
        ("total_trade_fee=78.800", "total_trade_fee=88.800", "amounts.payable"),
        ("&modified=2026-11-23+10%3A59%3A11&lastmodify=2026-11-23+10%3A59%3A11", "", "modified"),
        ("receiver_name=%E5%BC%A0", "receiver_name=%D5%C5", "receiver_name"),
        ("&tid=20140801120001", "", "tid"),
    ] {
        let changed = unsigned.replace(from, to);
        assert_ne!(changed, unsigned);
        let raw = signed_body(&changed);
        let notices = decoded(json!({}), &raw).unwrap();
        let [Notice { event: Event::Suspect(suspect), .. }] = &notices[..] else {
            panic!("{path}: not one suspect");
        };
        assert_eq!(suspect.error.path(), Some(path), "{}", suspect.error);
        assert_eq!(suspect.error.kind(), ErrorKind::Malformed);
        assert_eq!(suspect.raw, raw.body, "whole, for whoever must look");
        assert_eq!(suspect.object_id.is_some(), path != "tid");
    }
}

#[test]
fn a_form_in_gbk_is_no_order_whatever_was_signed() {
    let (push, _) = recorded(ADD);
    let unsigned = push.rsplit_once("&sign=").unwrap().0;
    let name = encoding_rs::GBK.encode("张小样").0.into_owned();
    let name: String = form_urlencoded::byte_serialize(&name).collect();
    let (head, tail) = unsigned.split_once("receiver_name=").unwrap();
    let rest = tail.split_once('&').unwrap().1;
    let notices = decoded(json!({}), &signed_body(&format!("{head}receiver_name={name}&{rest}")));
    let notices = notices.unwrap();
    assert!(matches!(&notices[0].event, Event::Suspect(suspect)
        if suspect.error.path() == Some("receiver_name")));
    let error = decoded(json!({}), &signed_body("method=%D5%C5")).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some("method")));
}

#[test]
fn the_outcome_of_a_call_settles_without_an_event() {
    let outcome = raw(recorded("ecstore-async-callback-ok").0.into_bytes());
    assert_eq!(verified(json!({}), &[TOKEN], &outcome).unwrap(), 0);
    assert!(decoded(json!({ "node_id": NODE }), &outcome).unwrap().is_empty());
    assert_eq!(body(&outcome, &Outcome::Done)["rsp"], "succ");
    let bad = raw(recorded("ecstore-async-callback-badsign").0.into_bytes());
    let error = verified(json!({}), &[TOKEN], &bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadSignature);
    let neither = decoded(json!({}), &signed_body("rsp=running&msg_id=1")).unwrap_err();
    assert_eq!((neither.kind(), neither.path()), (ErrorKind::Malformed, Some("method")));
}

#[test]
fn methods_are_taken_settled_or_kept() {
    let kind = |method: &str| {
        let raw = signed_body(&format!("method={method}&tid=1"));
        decoded(json!({}), &raw).unwrap_err().kind()
    };
    assert_eq!(kind("store.trade.payment.add"), ErrorKind::Unsupported);
    assert_eq!(kind("store.trade.ad"), ErrorKind::Rejected);
    assert_eq!(kind("store.trade.destroy"), ErrorKind::Rejected);
    let application = "method=store.trade.aftersale.add&tid=7&aftersale_id=5&status=1\
                       &created=2014-08-01+12:00:00&title=x";
    let notices = decoded(json!({}), &signed_body(application)).unwrap();
    assert!(matches!(&notices[0].event, Event::Refund(refund)
        if refund.kind == RefundKind::ReturnGoods && refund.refund_id.as_str() == "5"));
}

#[test]
fn answers_are_those_of_the_matrix() {
    let push = raw(recorded(ADD).0.into_bytes());
    let done = body(&push, &Outcome::Done);
    assert_eq!(done["rsp"], "succ");
    assert_eq!(done["data"], json!({ "tid": "20140801120001" }));
    let again = body(&push, &Outcome::Retry(Duration::from_secs(1)));
    assert_eq!((&again["rsp"], &again["res"]), (&json!("fail"), &json!("e00090")));
    let refused = |kind| body(&push, &Outcome::Refused(Error::new(kind, "why").at("tid")));
    let forged = refused(ErrorKind::BadSignature);
    assert_eq!((&forged["rsp"], &forged["res"]), (&json!("fail"), &json!("4003")));
    assert!(!forged.to_string().contains("20140801120001"), "nothing forged is repeated");
    assert_eq!(refused(ErrorKind::Unsupported)["rsp"], "succ");
    let wrong = refused(ErrorKind::Malformed);
    assert_eq!((&wrong["rsp"], &wrong["err_msg"]), (&json!("fail"), &json!("why at tid")));
    assert_eq!(refused(ErrorKind::Unavailable)["res"], "e00090");
}

/// What a delivery of the fake says.
fn of_delivery(connector: &dyn Connector, delivery: Delivery) -> Vec<Notice> {
    let raw = RawWebhook { body: delivery.body, ..raw(Vec::new()) };
    let source = connector.webhooks().unwrap();
    let keys = keys(&[TOKEN]);
    source.decode(&source.verify(&keys, now(), &raw).unwrap()).unwrap()
}

#[tokio::test]
async fn the_same_change_is_the_same_event_by_push_and_by_poll() {
    for settings in [json!({}), json!({ "generation": "matrix", "node_id": NODE })] {
        let connector = connector(settings);
        let fake = super::fake::build(vec![shop()]);
        let api = FakeApi::new(
            Arc::clone(&connector),
            Arc::clone(&fake),
            crate::contract::Credentials {
                app_key: NODE.to_owned(),
                app_secret: Secret::new(TOKEN),
                token: None,
            },
            now(),
        )
        .stepping(Duration::from_secs(1));
        let shop: ShopId = shop().shop;
        for seed in 0..40 {
            let id = fake.create_order(&shop, seed, api.now());
            fake.edit_order(&shop, &id, api.now());
            let [_, delivery] = <[Delivery; 2]>::try_from(fake.take_deliveries(api.now())).unwrap();
            let pushed = of_delivery(&*connector, delivery);
            let session = Session { shop: &shop, api: &api, app_key: NODE, now: api.now() };
            let read = connector.orders().unwrap().order(&session, &id).await.unwrap();
            let json = |order: &Order| serde_json::to_string(order).unwrap();
            let read = json(of_order(std::slice::from_ref(&read)));
            assert_eq!(json(of_order(&pushed)), read, "seed {seed}");
        }
    }
}

#[test]
fn an_empty_body_is_answered_too() {
    let nothing = RawWebhook { body: Bytes::new(), ..raw(Vec::new()) };
    let refused = Outcome::Refused(Error::new(ErrorKind::BadSignature, "x"));
    assert_eq!(body(&nothing, &refused)["rsp"], "fail");
}
