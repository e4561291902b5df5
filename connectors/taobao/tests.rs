//! The connector as a whole, against the strict fake of the channel.

use super::ENTRY;
use crate::contract::model::ShopId;
use crate::contract::{ErrorKind, ShopSetup};
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject, Tells};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const SECRET: &str = "0ebbcccfee18d7ad1aebc5b135ffa906";
pub(super) const TOKEN: &str = "6100e23000000000000000000000000000000000000001";

pub(super) fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new("2054500001").unwrap(),
        app_key: "12345678".to_owned(),
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
    }
}

#[tokio::test]
async fn conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.refresh = Some(format!("{TOKEN}-refresh"));
    subject.tells = Tells::Goods;
    subject.answers_in_body = true;
    subject.stale_after = Some(Duration::from_mins(10));
    subject.sign = Some(super::spi::tests::signed);
    conformance::check(&subject).await;
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    build(json!({ "sign_method": "md5", "carriers": { "JD": "OTHER" }, "extra_fields": ["invoice_name"] }))
        .unwrap();
    let wrong = [
        (json!({ "sign_method": "sha1" }), "sign_method"),
        (json!({ "carriers": { "JD": 1 } }), "carriers.JD"),
        (json!({ "carriers": { "JD": "a\n" } }), "carriers"),
        (json!({ "extra_fields": ["a,b"] }), "extra_fields[0]"),
        (json!({ "sing_method": "md5" }), "sing_method"),
        (json!({ "qimen_customer_id": " " }), "qimen_customer_id"),
    ];
    for (settings, path) in wrong {
        let error = build(settings).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
}
