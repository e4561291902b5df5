//! Who may call: signatures, what is signed, and when.

use super::tests::{CONFIRM, Call, SECRET, connector, now, verified};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{ErrorKind, RawWebhook, Secret, SignedParts, sign};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::time::Duration;

const BODY: &str =
    "<request><deliveryOrder><deliveryOrderCode>D1</deliveryOrderCode></deliveryOrder></request>";
const METHOD: &str = "deliveryorder.confirm";

#[track_caller]
fn refuses(raw: &RawWebhook, at: Timestamp) {
    let error = verified(raw, at, &[SECRET]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadSignature, "{error}");
}

/// A request as it was recorded, without blanks at the end that the recorder added.
fn recorded(text: &'static str) -> RawWebhook {
    let text = text.split("===== request =====\n").nth(1).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let target = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_static(value),
        );
    }
    let length = headers["content-length"].to_str().unwrap().parse().unwrap();
    RawWebhook {
        shop: ShopId::try_new("2054500001").unwrap(),
        method: Method::POST,
        query: target.split_once('?').unwrap().1.to_owned(),
        headers,
        body: Bytes::copy_from_slice(&body.as_bytes()[..length]),
    }
}

#[test]
fn a_request_of_the_official_client_is_taken_at_its_time_and_no_other() {
    let raw = recorded(include_str!("../fixtures/clients/qm.http.txt"));
    let sent = Timestamp::parse_china("2026-11-23 10:41:56").unwrap();
    let at = |at| verified(&raw, at, &["helloworldsecret"]);
    assert_eq!(at(sent).unwrap(), 0);
    assert_eq!(verified(&raw, sent, &["new", "helloworldsecret"]).unwrap(), 1);
    let tolerance = Duration::from_mins(10);
    let second = Duration::from_secs(1);
    assert!(at(sent.plus(tolerance)).is_ok() && at(sent.minus(tolerance)).is_ok());
    for wrong in [sent.plus(tolerance + second), sent.minus(tolerance + second)] {
        assert_eq!(at(wrong).unwrap_err().kind(), ErrorKind::BadSignature);
    }
}

#[test]
fn every_vector_is_met() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/sign-vectors.json")).unwrap();
    for vector in &vectors {
        let secret = vector["secret"].as_str().unwrap();
        let body = vector["body"].as_str().unwrap();
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in vector["params"].as_object().unwrap() {
            query.append_pair(name, value.as_str().unwrap());
        }
        query.append_pair("sign", vector["sign"].as_str().unwrap());
        let at = Timestamp::parse_china(vector["params"]["timestamp"].as_str().unwrap()).unwrap();
        let raw = RawWebhook {
            query: query.finish(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..Call::of(METHOD, now()).with(b"")
        };
        assert_eq!(verified(&raw, at, &[secret]).unwrap(), 0, "{}", vector["id"]);
        refuses(&RawWebhook { body: Bytes::from_static(b"<request/>"), ..raw }, at);
    }
    assert_eq!(vectors.len(), 2);
}

#[test]
fn what_was_changed_is_refused() {
    let good = Call::of(METHOD, now()).with(BODY.as_bytes());
    assert_eq!(verified(&good, now(), &[SECRET]).unwrap(), 0);
    let query = |from: &str, to: &str| {
        let changed = good.query.replace(from, to);
        assert_ne!(changed, good.query, "{from}");
        RawWebhook { query: changed, ..good.clone() }
    };
    for raw in [
        query("deliveryorder.confirm", "deliveryorder.confirN"),
        query("&v=2.0", ""),
        query("&v=2.0", "&v=2.0&extra=1"),
        query("&v=2.0", "&v=2.0&extra="),
        query("sign=", "sing="),
        query("&sign=", "&sign=&x="),
        query("format=xml", "Format=xml"),
        RawWebhook { query: String::new(), ..good.clone() },
        RawWebhook { body: Bytes::new(), ..good.clone() },
        RawWebhook { body: Bytes::from(format!("{BODY}\n")), ..good.clone() },
    ] {
        refuses(&raw, now());
    }
    // Hexadecimal says the same in small letters.
    let (head, sign) = good.query.rsplit_once("&sign=").unwrap();
    let small =
        RawWebhook { query: format!("{head}&sign={}", sign.to_lowercase()), ..good.clone() };
    assert_eq!(verified(&small, now(), &[SECRET]).unwrap(), 0);
    for secrets in [&[][..], &["0ebbcccfee18d7ad1aebc5b135ffa907"], &[""]] {
        assert_eq!(verified(&good, now(), secrets).unwrap_err().kind(), ErrorKind::BadSignature);
    }
}

#[test]
fn md5_is_what_counts_whatever_the_call_says() {
    let call = Call::of(METHOD, now()).param("sign_method", "hmac-sha256");
    assert!(verified(&call.with(BODY.as_bytes()), now(), &[SECRET]).is_ok());
    let raw = call.with(BODY.as_bytes());
    let text = raw.query.split_once("&sign=").unwrap().0.to_owned();
    let hmac = sign::upper_hex(&sign::hmac_sha256(SECRET.as_bytes(), &[text.as_bytes()]));
    refuses(&RawWebhook { query: format!("{text}&sign={hmac}"), ..raw }, now());
}

#[test]
fn a_call_without_a_time_is_as_good_as_an_old_one() {
    for time in ["", "yesterday", "2026-11-01T12:00:05", "1793505605", "2026-11-01 11:49:00"] {
        refuses(&Call::of(METHOD, now()).param("timestamp", time).with(b"<a/>"), now());
    }
    let mut call = Call::of(METHOD, now());
    call.params.retain(|(name, _)| *name != "timestamp");
    refuses(&call.with(b"<a/>"), now());
    let ms = now().unix_ms().to_string();
    let raw = Call::of(METHOD, now()).param("timestamp", &ms).with(b"<a/>");
    assert!(verified(&raw, now(), &[SECRET]).is_ok(), "milliseconds are a time too");
}

#[test]
fn empty_values_are_signed_as_their_names() {
    let call = Call::of(METHOD, now()).param("remark", "").param("flag", "");
    let raw = call.with(BODY.as_bytes());
    assert!(verified(&raw, now(), &[SECRET]).is_ok());
    let bare = RawWebhook { query: raw.query.replace("flag=&", "flag&"), ..raw.clone() };
    assert_ne!(bare.query, raw.query);
    assert!(verified(&bare, now(), &[SECRET]).is_ok(), "a name without `=` has an empty value");
    refuses(&RawWebhook { query: raw.query.replace("flag=&", ""), ..raw }, now());
}

#[test]
fn a_name_that_comes_twice_counts_once() {
    let raw = Call::of(METHOD, now()).with(BODY.as_bytes());
    let query = raw.query.replace("v=2.0", "v=1.0&v=2.0");
    assert!(verified(&RawWebhook { query, ..raw.clone() }, now(), &[SECRET]).is_ok());
    let query = raw.query.replace("v=2.0", "v=2.0&v=1.0");
    refuses(&RawWebhook { query, ..raw }, now());
}

#[test]
fn headers_of_the_list_are_signed_and_others_are_not() {
    let call = Call::of(METHOD, now()).param("X-Caller", "仓 one").param("x-none", "");
    let mut raw = call.with(BODY.as_bytes());
    let sent = "X-Caller=%E4%BB%93+one&";
    assert!(raw.query.contains(sent), "{}", raw.query);
    raw.query = raw.query.replace(sent, "").replace("x-none=&", "");
    refuses(&raw, now());
    let list = HeaderValue::from_static("X-Caller,x-none");
    raw.headers.insert("top-sign-list", list);
    refuses(&raw, now());
    raw.headers.insert("x-caller", HeaderValue::from_static("%E4%BB%93+one"));
    raw.headers.insert("x-other", HeaderValue::from_static("anything"));
    assert!(verified(&raw, now(), &[SECRET]).is_ok());
    for (name, value) in
        [("x-caller", "two"), ("x-none", "1"), ("top-sign-list", "X-Caller"), ("top-sign-list", "")]
    {
        let mut changed = raw.clone();
        changed.headers.insert(name, HeaderValue::from_static(value));
        refuses(&changed, now());
    }
}

#[test]
fn a_form_is_signed_like_the_query_and_a_text_as_it_stands() {
    let call = Call::of(METHOD, now()).param("a", "1 2").param("z", "测");
    let mut raw = call.with(b"");
    raw.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    raw.query = raw.query.replace("a=1+2&", "").replace("z=%E6%B5%8B&", "");
    raw.body = Bytes::from_static("z=%E6%B5%8B&a=1+2&v=9&sign=0".as_bytes());
    assert!(verified(&raw, now(), &[SECRET]).is_ok(), "the query's `v` counts, and its `sign`");
    refuses(&RawWebhook { body: Bytes::from_static(b"a=1+2"), ..raw.clone() }, now());
    let mut as_text = raw.clone();
    as_text.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    refuses(&as_text, now());
    for kind in ["application/json", "text/xml", "Application/XML; charset=GBK", "text/plain"] {
        let call = Call { content_type: Some(kind), ..Call::of(METHOD, now()) };
        assert!(verified(&call.with(BODY.as_bytes()), now(), &[SECRET]).is_ok(), "{kind}");
    }
    let call = Call { content_type: None, ..Call::of(METHOD, now()) };
    assert!(verified(&call.with(BODY.as_bytes()), now(), &[SECRET]).is_ok());
    for kind in ["multipart/form-data; boundary=x", "application/octet-stream", "image/png", ""] {
        let call = Call { content_type: Some(kind), ..Call::of(METHOD, now()) };
        refuses(&call.with(BODY.as_bytes()), now());
    }
    let mut twice = Call::of(METHOD, now()).with(BODY.as_bytes());
    twice.headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    refuses(&twice, now());
}

#[test]
fn the_signature_kit_takes_a_call_apart_and_knows_its_mistakes() {
    let mut raw = Call::of(METHOD, now()).param("x-caller", "w 1").with(CONFIRM.as_bytes());
    raw.query = raw.query.replace("x-caller=w+1&", "");
    raw.headers.insert("top-sign-list", HeaderValue::from_static("x-caller"));
    raw.headers.insert("x-caller", HeaderValue::from_static("w%201"));
    assert!(verified(&raw, now(), &[SECRET]).is_ok());
    let connector = connector(json!({}));
    let secret = Secret::new(SECRET);
    let SignedParts { params, body, received } = connector.auth().signed_parts("/v1/x/y", &raw);
    let explained = connector.auth().explain(&secret, &params, &body).unwrap();
    assert_eq!(received.as_deref(), Some(&*explained.signature));
    let found = connector.auth().mistakes(&secret, &params, &body);
    let md5 = |text: &str| {
        let text = format!("{SECRET}{text}{CONFIRM}{SECRET}");
        sign::upper_hex(&sign::md5(&[text.as_bytes()]))
    };
    let text = |method: &str, customer: &str, time: &str| {
        md5(&format!(
            "app_key12345678{customer}formatxmlmethod{method}sign_methodmd5{time}v2.0x-callerw 1"
        ))
    };
    let (customer, time) = ("customerIdc测1", "timestamp2026-11-01 12:00:05");
    for (signature, what) in [
        (
            text("taobao.qimen.deliveryorder.confirm", customer, time),
            "the method is signed with `taobao.qimen.` before it",
        ),
        (md5(""), "the body is signed without the parameters of the query"),
        (text(METHOD, "", time), "`customerId` is not signed"),
        (text(METHOD, customer, ""), "`timestamp` is not signed"),
    ] {
        let named = found.iter().find(|mistake| mistake.signature == signature);
        assert_eq!(named.map(|mistake| mistake.what), Some(what));
    }
    assert!(found.iter().any(|mistake| mistake.what == "the body is not signed"));
}
