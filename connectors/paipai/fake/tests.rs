//! The fake is as strict as the channel: held against requests of the channel's own clients.

use super::build;
use crate::contract::model::{ShopId, Timestamp};
use crate::testkit::{Fake, FakeShop};
use bytes::Bytes;
use encoding_rs::GBK;
use http::Request;
use std::sync::Arc;

/// The second in which the recorded requests were signed.
const NOW: i64 = 1_406_822_400_000;
const V1: &str = include_str!("../fixtures/request-V1.http.txt");
const V2: &str = include_str!("../fixtures/request-V2.http.txt");
const V3: &str = include_str!("../fixtures/request-V3.http.txt");
const V5: &str = include_str!("../fixtures/request-V5.http.txt");

fn fake() -> Arc<dyn Fake> {
    build(vec![FakeShop {
        shop: ShopId::try_new("855000017").unwrap(),
        app_key: "700028402".to_owned(),
        secret: "FRxAvTkAdSyIDVbk".to_owned(),
        token: "ba1ee4cf71f1b7a9f6f3ffb0a27d3ee5".to_owned(),
    }])
}

/// What the fake says to a request as it goes over the wire, in the charset it asks for.
fn said_at(fake: &Arc<dyn Fake>, text: &str, now: i64) -> String {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut words = head.split([' ', '\n']);
    let (method, uri) = (words.next().unwrap(), words.next().unwrap());
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/x-www-form-urlencoded;charset=gbk")
        .body(Bytes::from(body.trim().to_owned()))
        .unwrap();
    let answer = fake.handle(&request, Timestamp::from_unix_ms(now)).into_body();
    if text.contains("charset=utf-8") {
        String::from_utf8(answer.to_vec()).unwrap()
    } else {
        let (text, _, has_errors) = GBK.decode(&answer);
        assert!(!has_errors);
        text.into_owned()
    }
}

fn said(text: &str) -> String {
    said_at(&fake(), text, NOW)
}

#[test]
fn requests_of_the_channels_own_clients_are_let_in() {
    assert!(said(V1).contains("<countTotal>0</countTotal>"), "{}", said(V1));
    assert!(said(V2).contains("\"countTotal\":0"), "{}", said(V2));
    assert!(said(V3).contains("订单不存在"), "{}", said(V3));
    assert!(said(V5).contains("缺少logisticsCode"), "{}", said(V5));
}

#[test]
fn a_changed_request_is_not() {
    for (from, to) in [
        ("pageIndex=1", "pageIndex=2"),
        ("sign=k", "sign=K"),
        ("POST", "GET"),
        ("sellerSearchDealList", "getDealDetail"),
        ("charset=gbk&format", "charset=GBK&format"),
        ("listItem=1&", ""),
        ("listItem=1&", "listItem=1&dealCode=&"),
    ] {
        let said = said(&V1.replace(from, to));
        assert!(said.contains("签名错误") || said.contains("缺少系统参数"), "{from}: {said}");
    }
    let utf8 = V3.replace("%D4%B2%CD%A8%CB%D9%B5%DD", "%E5%9C%86%E9%80%9A%E9%80%9F%E9%80%92");
    assert!(said(&utf8).contains("签名错误"), "UTF-8 where GBK was signed");
    assert!(said(&V1.replace("uin=855000017", "uin=855000018")).contains("appOAuthID错误"));
    assert!(said(&V1.replace("appOAuthID=700028402&", "")).contains("缺少系统参数"));
    assert!(said_at(&fake(), V1, NOW + 601_000).contains("timeStamp错误"));
    assert!(said_at(&fake(), V1, NOW + 599_000).contains("countTotal"));
}

#[test]
fn a_call_in_a_row_too_many_that_fails_is_punished() {
    let fake = fake();
    for _ in 0..3 {
        assert!(said_at(&fake, V3, NOW).contains("订单不存在"));
    }
    assert!(said_at(&fake, V3, NOW).contains("已被处罚"));
    assert!(said_at(&fake, V3, NOW + 61_000).contains("订单不存在"));
}

#[test]
fn what_is_no_form_of_the_platform_is_answered_by_the_web_server() {
    let request = Request::get("/elsewhere").body(Bytes::new()).unwrap();
    let answer = fake().handle(&request, Timestamp::from_unix_ms(NOW));
    assert_eq!(answer.status(), 404);
    assert!(answer.body().starts_with(b"<html>"));
}
