//! The connector as a whole, against the strict fake of the channel, in every charset and form.

use super::ENTRY;
use crate::contract::model::ShopId;
use crate::contract::{ErrorKind, ShopSetup};
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject};
use serde_json::{Value, json};

pub(super) const SECRET: &str = "FRxAvTkAdSyIDVbk";
pub(super) const TOKEN: &str = "ba1ee4cf71f1b7a9f6f3ffb0a27d3ee5";
pub(super) const UIN: &str = "855000017";

pub(super) fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new(UIN).unwrap(),
        app_key: "700028402".to_owned(),
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
    }
}

async fn conforms(settings: Value) {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.settings = settings;
    conformance::check(&subject).await;
}

#[tokio::test]
async fn conforms_by_default() {
    conforms(json!({})).await;
}

#[tokio::test]
async fn conforms_in_gbk() {
    conforms(json!({ "charset": "gbk" })).await;
}

#[tokio::test]
async fn conforms_with_xml() {
    conforms(json!({ "format": "xml" })).await;
}

#[tokio::test]
async fn conforms_with_xml_in_gbk() {
    conforms(json!({ "charset": "gbk", "format": "xml" })).await;
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    let wrong = [
        (json!({ "uin": "" }), "uin"),
        (json!({ "uin": "1 2" }), "uin"),
        (json!({ "charset": "gb2312" }), "charset"),
        (json!({ "format": "yaml" }), "format"),
        (json!({ "arrive_days": 6 }), "arrive_days"),
        (json!({ "open_days": 90 }), "open_days"),
        (json!({ "open_days": 0 }), "open_days"),
        (json!({ "errors": { "4097": "maybe" } }), "errors.4097"),
        (json!({ "carriers": { "JD": "a\n" } }), "carriers"),
        (json!({ "sing": "oauth" }), "sing"),
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
    let (plain, tables) = settings.split_once("[shops.settings.carriers]\n").unwrap();
    let (carriers, errors) = tables.split_once("[shops.settings.errors]\n").unwrap();
    let pairs = |part: &str| {
        let lines = part.lines().map(|line| line.trim_start_matches("# "));
        let pair = |line: &str| {
            let (name, value) = line.split_once(" = ")?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let value: Value = serde_json::from_str(value).ok()?;
            is_name.then(|| (name.to_owned(), value))
        };
        lines.filter_map(pair).collect::<serde_json::Map<_, _>>()
    };
    let mut all = pairs(plain);
    all.insert("carriers".to_owned(), pairs(carriers).into());
    all.insert("errors".to_owned(), pairs(errors).into());
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let expected = ["arrive_days", "carriers", "charset", "errors", "format", "open_days", "uin"];
    assert_eq!(names, expected);
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings: all.into() }).unwrap();
}
