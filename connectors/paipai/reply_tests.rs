//! An answer is read once for its verdict and for its record, and only the very same answer is.

use super::row::Row;
use super::{Charset, body, build, normalize};
use crate::contract::model::ShopId;
use crate::contract::{ApiReply, Connector, ErrorKind, Result, ShopSetup};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// Plain, XML in GBK, plain under a root, and one that is repaired.
const FIXTURES: [(&str, Charset); 4] = [
    ("deal-detail.utf8.json", Charset::Utf8),
    ("deal-detail.gbk.xml", Charset::Gbk),
    ("deal-list-root.utf8.json", Charset::Utf8),
    ("broken-backslash.utf8.json", Charset::Utf8),
];

fn fixture(name: &str) -> Bytes {
    let path = format!("{}/paipai/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    Bytes::from(std::fs::read(path).unwrap().trim_ascii_end().to_vec())
}

fn connector(charset: Charset) -> Arc<dyn Connector> {
    let shop = ShopId::try_new("855005035").unwrap();
    build(ShopSetup { shop, settings: json!({ "charset": charset.as_str() }) }).unwrap()
}

fn reply(body: Bytes) -> ApiReply {
    ApiReply::new(StatusCode::OK, HeaderMap::new(), body)
}

/// What was kept of an answer.
fn kept(reply: &ApiReply) -> Option<Arc<Row>> {
    reply.read(|_| Err(())).ok()
}

#[test]
fn what_was_read_for_the_verdict_is_what_the_record_is_taken_of() {
    for (name, charset) in FIXTURES {
        let reply = reply(fixture(name));
        assert!(kept(&reply).is_none(), "{name}");
        connector(charset).classify(&reply).unwrap();
        let judged = kept(&reply).unwrap();
        for reply in [reply.clone(), reply] {
            body::of_reply(charset, &reply).unwrap();
            assert!(Arc::ptr_eq(&judged, &kept(&reply).unwrap()), "{name}");
        }
    }
}

#[test]
fn the_record_is_the_same_whether_the_answer_was_judged_or_not() {
    let body = fixture("deal-detail.utf8.json");
    let order = |reply: &ApiReply| -> Result<_> {
        let deal = body::of_reply(Charset::Utf8, reply)?;
        normalize::order(&deal, deal.id("sellerUin")?.unwrap_or_default())
    };
    let judged = reply(body.clone());
    connector(Charset::Utf8).classify(&judged).unwrap();
    assert_eq!(order(&judged).unwrap(), order(&reply(body)).unwrap());
}

#[test]
fn an_answer_cut_off_anywhere_is_broken_whatever_was_read_before() {
    for (name, charset) in FIXTURES.into_iter().take(2) {
        let (whole, connector) = (reply(fixture(name)), connector(charset));
        connector.classify(&whole).unwrap();
        for length in 0..whole.body.len() {
            let cut = ApiReply { body: whole.body.slice(..length), ..whole.clone() };
            let error = connector.classify(&cut).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{name} cut off at {length}");
        }
    }
}

#[test]
fn a_refusal_is_one_however_often_it_is_judged() {
    let text = fixture("error-INVENTED-CODE.utf8.json");
    let (reply, connector) = (reply(text), connector(Charset::Utf8));
    let codes = [(); 2].map(|()| {
        let error = connector.classify(&reply).unwrap_err();
        (error.kind(), error.channel_code().map(str::to_owned))
    });
    assert!(codes[0].1.is_some());
    assert_eq!(codes[0], codes[1]);
}
