//! The connector as a whole, against the strict fake of the channel, once for each generation.

use super::{ENTRY, form, sign};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{ErrorKind, RawWebhook, ShopSetup};
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

pub(super) const TOKEN: &str = "5f4dcc3b5aa765d61d8327deb882cf99f0e1d2c3b4a5968778695a4b3c2d1e0f";
pub(super) const NODE: &str = "1234567890";

pub(super) fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new("shop-1").unwrap(),
        app_key: NODE.to_owned(),
        secret: TOKEN.to_owned(),
        token: String::new(),
    }
}

/// A push of a body, signed as the matrix signs it.
pub(super) fn signed(shop: &FakeShop, _: Timestamp, body: &[u8]) -> RawWebhook {
    let parts = body.split(|byte| *byte == b'&');
    let kept: Vec<&[u8]> =
        parts.filter(|part| form::get(&form::split(part), "sign").is_none()).collect();
    let mut body = kept.join(&b'&');
    let signature = hex::encode_upper(sign::matrix(shop.secret.as_bytes(), &form::split(&body)));
    body.extend(format!("&sign={signature}").into_bytes());
    raw(body)
}

pub(super) fn raw(body: Vec<u8>) -> RawWebhook {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    RawWebhook {
        shop: shop().shop,
        method: Method::POST,
        query: String::new(),
        headers,
        body: body.into(),
    }
}

fn subject(settings: Value) -> Subject {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.settings = settings;
    subject.sign = Some(signed);
    subject.answers_in_body = true;
    subject
}

#[tokio::test]
async fn an_ecstore_shop_conforms() {
    let mut subject = subject(json!({ "node_id": NODE }));
    subject.hides_numbers = true;
    conformance::check(&subject).await;
}

#[tokio::test]
async fn a_shop_behind_the_hub_conforms() {
    let settings = json!({ "generation": "matrix", "node_id": NODE, "own_node_id": "1987654321" });
    conformance::check(&subject(settings)).await;
}

#[tokio::test]
async fn a_shop_behind_the_hub_that_is_shipped_whole_conforms() {
    let settings = json!({ "generation": "matrix", "node_id": NODE, "hub_shipping": "offline" });
    conformance::check(&subject(settings)).await;
}

#[tokio::test]
async fn a_shop_behind_a_hub_that_answers_later_conforms() {
    let settings = json!({ "generation": "matrix", "node_id": NODE, "hub_path": "async" });
    conformance::check(&subject(settings)).await;
}

#[tokio::test]
async fn a_shopex_485_shop_conforms() {
    let mut subject = subject(json!({ "generation": "485" }));
    subject.hides_numbers = true;
    conformance::check(&subject).await;
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    let wrong = [
        (json!({ "generation": "5" }), "generation"),
        (json!({ "generation": "matrix" }), "node_id"),
        (json!({ "node_id": "a b" }), "node_id"),
        (json!({ "own_node_id": "" }), "own_node_id"),
        (json!({ "hub_path": "later" }), "hub_path"),
        (json!({ "carriers": { "JD": "a\n" } }), "carriers"),
        (json!({ "node": "1" }), "node"),
    ];
    for (settings, path) in wrong {
        let error = build(settings).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
}

#[test]
fn the_settings_file_names_every_setting_and_is_taken() {
    let text = include_str!("settings.toml");
    let (_, settings) = text.split_once("[shops.settings]\n").unwrap();
    let (plain, carriers) = settings.split_once("[shops.settings.carriers]\n").unwrap();
    let pairs = |part: &str| {
        let lines = part.lines().map(|line| line.trim_start_matches("# "));
        let pair = |line: &str| {
            let (name, value) = line.split_once(" = ")?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            is_name.then(|| (name.to_owned(), Value::from(value)))
        };
        lines.filter_map(pair).collect::<serde_json::Map<_, _>>()
    };
    let mut all = pairs(plain);
    all.insert("carriers".to_owned(), pairs(carriers).into());
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let expected = [
        "callback_url",
        "carriers",
        "certi_id",
        "generation",
        "hub_path",
        "hub_shipping",
        "node_id",
        "node_type",
        "own_node_id",
    ];
    assert_eq!(names, expected);
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings: all.into() }).unwrap();
}
