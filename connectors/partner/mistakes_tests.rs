//! The mistakes that partners make with their first signature are recognized.

use super::ENTRY;
use crate::contract::model::ShopId;
use crate::contract::{Connector, RawWebhook, Secret, ShopSetup, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::sync::Arc;

const KEY: &str = "channel-gateway-test-secret-0001";
const BODY: &str = "{\"type\": \"order.created\"}";

fn partner() -> Arc<dyn Connector> {
    let shop = ShopId::try_new("one").unwrap();
    (ENTRY.build)(ShopSetup { shop, settings: serde_json::json!({}) }).unwrap()
}

fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(KEY))
}

fn params() -> Vec<(String, String)> {
    [("id", "msg_1"), ("timestamp", "1700000000")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn hmac(key: &str, text: &str) -> String {
    format!("v1,{}", STANDARD.encode(sign::hmac_sha256(key.as_bytes(), &[text.as_bytes()])))
}

#[test]
fn what_partners_get_wrong_is_named() {
    let found = partner().auth().mistakes(&Secret::new(secret()), &params(), BODY.as_bytes());
    let whole = format!("msg_1.1700000000.{BODY}");
    let hex = hex::encode(sign::hmac_sha256(KEY.as_bytes(), &[whole.as_bytes()]));
    let coded = STANDARD.encode(KEY);
    let right = hmac(KEY, &whole);
    for (signature, what) in [
        (
            hmac(&coded, &whole),
            "the secret behind whsec_ is used as text: it was not decoded from base64",
        ),
        (hmac(&secret(), &whole), "the secret is used as text, whsec_ included"),
        (hmac(KEY, BODY), "the body alone is signed, without id and timestamp"),
        (hmac(KEY, &format!("1700000000.{BODY}")), "timestamp and body are signed, without the id"),
        (
            hmac(KEY, &format!("msg_1.1700000000000.{BODY}")),
            "the time is signed in unix milliseconds",
        ),
        (
            hmac(KEY, "msg_1.1700000000.{\"type\":\"order.created\"}"),
            "JSON was written again without blanks",
        ),
        (format!("v1,{hex}"), "the digest is written in lower-case hexadecimal"),
        (
            right.trim_start_matches("v1,").to_owned(),
            "what stands before the comma of the signature is left out",
        ),
    ] {
        let named = found.iter().find(|mistake| mistake.signature == signature);
        assert_eq!(named.map(|mistake| mistake.what), Some(what));
    }
    assert!(found.iter().all(|mistake| mistake.signature != right));
}

#[test]
fn the_signed_parts_of_a_delivery_are_its_headers_and_its_body() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", "v1,X"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let shop = ShopId::try_new("one").unwrap();
    let body = Bytes::from_static(BODY.as_bytes());
    let raw = RawWebhook { shop, method: Method::POST, query: String::new(), headers, body };
    let parts = partner().auth().signed_parts("/v1/partner/one", &raw);
    assert_eq!(parts.params, params());
    assert_eq!(parts.body, BODY.as_bytes());
    assert_eq!(parts.received.as_deref(), Some("v1,X"));
    let shown = partner().auth().explain(&Secret::new(secret()), &parts.params, &parts.body);
    let digest = shown.unwrap().digest.unwrap();
    assert_eq!(digest.algorithm, "HMAC-SHA256");
    let whole = format!("msg_1.1700000000.{BODY}");
    assert_eq!(digest.hex, hex::encode(sign::hmac_sha256(KEY.as_bytes(), &[whole.as_bytes()])));
}
