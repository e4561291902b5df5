//! What is repaired, and what is not.

use super::wire::Record;
use super::{Charset, body};
use crate::contract::{ErrorKind, Result};
use proptest::prelude::*;

fn read(text: &str) -> Result<Record> {
    body::read(Charset::Utf8, text.as_bytes())
}

fn text(answer: &str, name: &str) -> String {
    read(answer).unwrap().text(name).unwrap().unwrap_or_default()
}

#[test]
fn the_four_known_breakages_are_repaired() {
    assert_eq!(text(r#"{"a":"C:\小区\3号","errorCode":0}"#, "a"), r"C:\小区\3号");
    assert_eq!(text(r#"{"a":"x\u12z","errorCode":0}"#, "a"), r"x\u12z");
    assert_eq!(text("{\"a\":\"x\u{b}y\nz\",\"errorCode\":0}", "a"), "xy\nz");
    assert_eq!(text("{\"a\":\"x,}\",\"b\":[{\"c\":1,} , ],\n}", "a"), "x,}");
    let half = b"{\"buyerName\" : \"\xd0\xa1\xc3\",\"errorCode\":0}";
    let read = body::read(Charset::Gbk, half).unwrap();
    assert_eq!(read.cleaned("buyerName").unwrap().as_deref(), Some("小"));
    let half = b"<r><buyerName>\xd0\xa1\xc3</buyerName><errorCode>0</errorCode></r>";
    let read = body::read(Charset::Gbk, half).unwrap();
    assert_eq!(read.cleaned("buyerName").unwrap().as_deref(), Some("小"));
}

#[test]
fn what_is_broken_otherwise_stays_broken() {
    for answer in [
        r#"{"a":"C:\","errorCode":0}"#,
        r#"{"a":1,,"b":2}"#,
        r#"{"a":01}"#,
        r#"{"a":1"#,
        r"{a:1}",
        r#"{"a":"x"y"}"#,
        r#"{"a":1,"a":2}"#,
        "try{callback({\"errorCode\":0})}catch(e){}",
        "<r><a>1</b></r>",
        "<r><a>1</a>",
        "<r>&nbsp;</r>",
        "<!DOCTYP r><r/>",
        "<r/><r/>",
        "[]",
        "1",
        "",
    ] {
        let error = read(answer).err().unwrap_or_else(|| panic!("{answer} was read"));
        assert_eq!(error.kind(), ErrorKind::Malformed, "{answer}");
    }
    let elsewhere: [&[u8]; 4] = [
        b"{\"receiverName\":\"\xd0\xa1\xc3\",\"errorCode\":0}",
        b"{\"buyerName\":\"\xd0\xa1\xc3 \",\"errorCode\":0}",
        b"{\"a\":\"\\\"buyerName\\\":\xc3\",\"errorCode\":0}",
        b"<r><buyerName>\xd0\xa1\xc3</buyerNames></r>",
    ];
    for answer in elsewhere {
        let error = body::read(Charset::Gbk, answer).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[test]
fn no_repair_makes_another_id_or_amount() {
    let read =
        read("{\"id\":\"12\u{b}3\",\"fen\":\"1\u{b}0\",\"path\":\"1\\2\",\"n\":1,}").unwrap();
    assert_eq!(read.id("id").unwrap_err().path(), Some("id"));
    assert_eq!(read.fen("fen").unwrap_err().path(), Some("fen"));
    assert_eq!(read.id("path").unwrap_err().path(), Some("path"));
    assert_eq!(read.id("n").unwrap(), Some("1"));
    let xml = "<r><id>12\u{b}3</id><fen>1\u{b}0</fen><edge>5\u{b}</edge></r>";
    let read = body::read(Charset::Utf8, xml.as_bytes()).unwrap();
    assert!(read.id("id").is_err() && read.fen("fen").is_err() && read.fen("edge").is_err());
    assert!(body::read(Charset::Utf8, b"{\"fen\":1\x0b0,}").is_err());
}

#[test]
fn one_charset_is_not_read_as_the_other() {
    let gbk = b"{\"a\":\"\xd6\xd0\xcd\xa8\"}";
    // These bytes are characters of GBK too, only not those that are meant.
    let utf8 = "{\"a\":\"小明\"}".as_bytes();
    assert_eq!(body::read(Charset::Utf8, gbk).err().unwrap().kind(), ErrorKind::Malformed);
    assert_eq!(body::read(Charset::Gbk, utf8).err().unwrap().kind(), ErrorKind::Malformed);
    assert_eq!(
        body::read(Charset::Gbk, gbk).unwrap().cleaned("a").unwrap().as_deref(),
        Some("中通")
    );
    let declared = "<?xml version=\"1.0\" encoding=\"utf-8\"?><r><a>圆通</a></r>";
    let read = body::read(Charset::Gbk, declared.as_bytes()).unwrap();
    assert_eq!(read.cleaned("a").unwrap().as_deref(), Some("圆通"));
}

#[test]
fn html_is_somebody_else_who_answers() {
    for page in ["<html><body>busy</body></html>", "\n<!DOCTYPE html><html></html>", "<HTML>"] {
        assert_eq!(read(page).err().unwrap().kind(), ErrorKind::Unavailable, "{page}");
    }
}

#[test]
fn records_are_found_however_they_are_wrapped() {
    let count = |answer: &str| {
        let records = read(answer).unwrap().records("itemList").unwrap();
        records.iter().filter(|item| item.id("sub").unwrap().is_some()).count()
    };
    assert_eq!(count(r#"{"r":{"errorCode":0,"itemList":[{"sub":1},{"sub":2}]}}"#), 2);
    assert_eq!(count(r#"{"errorCode":0,"itemList":{"itemInfo":[{"sub":1},{"sub":2}]}}"#), 2);
    assert_eq!(count(r#"{"errorCode":0,"itemList":{"itemInfo":{"sub":1}}}"#), 1);
    assert_eq!(count(r#"{"errorCode":0,"itemList":{"sub":1}}"#), 1);
    assert_eq!(count(r#"{"errorCode":0,"itemList":""}"#), 0);
    assert_eq!(count("<r><itemList><i><sub>1</sub></i><i><sub>2</sub></i></itemList></r>"), 2);
    assert_eq!(count("<r><itemList><sub>1</sub><name>x &amp; &#x4E2D;</name></itemList></r>"), 1);
    assert_eq!(count("<r><itemList>\n</itemList></r>"), 0);
    let wrong = read(r#"{"errorCode":0,"itemList":[1]}"#).unwrap();
    assert_eq!(wrong.records("itemList").err().unwrap().path(), Some("itemList"));
}

proptest! {
    #[test]
    fn a_text_that_was_well_written_is_not_touched(value in "[^\u{0}-\u{1f}\u{fffd}]{0,40}") {
        let answer = serde_json::json!({ "errorCode": 0, "a": value }).to_string();
        prop_assert_eq!(super::repair::json(&answer), answer);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for charset in [Charset::Utf8, Charset::Gbk] {
            drop(body::read(charset, &bytes));
        }
    }
}
