//! Levels that are read back, against the fake and against answers that it would not give.

use super::push_tests::{Desk, Says};
use super::sign_tests::connector;
use super::tests::{NODE, shop};
use super::{ecstore, v485};
use crate::contract::model::{StockLevel, Timestamp};
use crate::contract::{ErrorKind, Result, Session, StockSink};
use serde_json::{Value, json};
use std::sync::Arc;

fn level(product: &str, sku: &str) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: Some(product.to_owned()), available: 1 }
}

fn v485() -> Value {
    json!({ "generation": "485" })
}

/// What is read where the shop answers in these words, in turn.
async fn said(settings: Value, bodies: &[&'static str], told: StockLevel) -> Result<Option<u32>> {
    let connector = connector(settings);
    let api = Says::new(bodies, Arc::clone(&connector));
    let shop = shop().shop;
    let now = Timestamp::from_unix_ms(1_794_326_430_000);
    let session = Session { shop: &shop, api: &api, app_key: NODE, now };
    let reader = connector.stock().and_then(StockSink::reader).unwrap();
    reader.levels(&session, &[told]).await.map(|levels| levels[0])
}

#[tokio::test]
async fn a_shop_says_what_can_be_sold_and_not_what_is_reserved() {
    // Products of an ECStore shop are read by the number of the listing, those of a 4.8.5 shop by that of the SKU.
    for (settings, known, calls) in [
        (json!({}), level("1", "BN-002"), [(ecstore::ITEM, 3), (ecstore::STORE, 1)]),
        (v485(), level("2", "BN-002"), [(v485::READ, 3), (ecstore::STORE, 0)]),
    ] {
        let desk = Desk::new(settings.clone());
        let set = StockLevel { available: 31, ..known.clone() };
        desk.set(&[set]).await.unwrap()[0].clone().unwrap();
        assert_eq!(desk.read_back(&[known]).await.unwrap(), [Some(31)], "{settings}");
        let strangers = [level("999", "BN-002"), level("1", "BN-006")];
        assert_eq!(desk.read_back(&strangers).await.unwrap(), [None, None], "{settings}");
        for (api, times) in calls {
            assert_eq!(desk.calls(api), times, "{api}");
        }
    }
}

#[tokio::test]
async fn only_a_number_is_put_into_the_shops_query() {
    for settings in [json!({}), v485()] {
        let desk = Desk::new(settings);
        for product in [Some("1 OR 1=1"), Some("-1"), Some(""), None] {
            let told =
                StockLevel { product_id: product.map(str::to_owned), ..level("1", "BN-002") };
            let error = desk.read_back(&[told]).await.unwrap_err();
            assert_eq!((error.kind(), error.path()), (ErrorKind::Unsupported, Some("product_id")));
        }
        assert!(desk.api.asked().is_empty());
    }
}

#[tokio::test]
async fn a_hub_tells_no_level_that_could_be_compared() {
    let hub = connector(json!({ "generation": "matrix", "node_id": NODE }));
    assert!(hub.stock().unwrap().reader().is_none());
}

#[tokio::test]
async fn an_ecstore_answer_is_read_in_every_shape() {
    let told = || level("1", "A");
    let item = include_str!("fixtures/ecstore-goods-item-synthetic.json");
    let plain =
        r#"{"rsp":"succ","res":"","data":{"item":{"skus":{"sku":[{"sku_id":"7","bn":"A"}]}}}}"#;
    for first in [item, plain] {
        for (second, units) in [
            (include_str!("fixtures/ecstore-goods-store-synthetic.json"), Some(5)),
            (r#"{"rsp":"succ","res":"","data":{"7":"5.00"}}"#, Some(5)),
            (r#"{"rsp":"succ","res":"","data":{"7":-2}}"#, Some(0)),
            (r#"{"rsp":"succ","res":"","data":{"status":"error","message":"x"}}"#, None),
        ] {
            let read = said(json!({}), &[first, second], told()).await.unwrap();
            assert_eq!(read, units, "{first} {second}");
        }
    }
    for gone in [
        r#"{"rsp":"succ","res":"","data":{"item":""}}"#,
        r#"{"rsp":"succ","res":"","data":{"item":"{\"iid\":\"1\",\"skus\":\"\"}"}}"#,
    ] {
        assert_eq!(said(json!({}), &[gone], told()).await.unwrap(), None, "{gone}");
    }
    let nameless = r#"{"rsp":"succ","data":{"item":{"skus":[{"bn":"A"}]}}}"#;
    let error = said(json!({}), &[nameless], told()).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some("sku_id")));
    let large = r#"{"rsp":"succ","data":{"7":4294967296}}"#;
    let error = said(json!({}), &[item, large], told()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    for (body, kind) in [
        (r#"{"rsp":"fail","res":"4003","data":"sign error"}"#, ErrorKind::Unauthorized),
        (r#"{"rsp":"fail","res":"4007","data":"php error"}"#, ErrorKind::Unavailable),
        (r#"{"rsp":"fail","res":"必填参数不存在！","data":{"item":""}}"#, ErrorKind::Rejected),
        ("<html></html>", ErrorKind::Unavailable),
    ] {
        let error = said(json!({}), &[body], told()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{body}");
    }
}

#[tokio::test]
async fn a_485_answer_is_read_in_every_shape() {
    let told = || level("7", "A");
    for (body, units) in [
        (include_str!("fixtures/485-product-synthetic.json"), Some(5)),
        (r#"{"result":"success","info":{"data_info":{"0":{"bn":"A","store":5}}}}"#, Some(5)),
        (r#"{"result":"success","info":{"data_info":[{"bn":"B","store":"5"}]}}"#, None),
        (r#"{"result":"success","info":{"data_info":[]}}"#, None),
        (r#"{"result":"success","info":{"data_info":false}}"#, None),
        (r#"{"result":"success","info":{"data_info":""}}"#, None),
    ] {
        assert_eq!(said(v485(), &[body], told()).await.unwrap(), units, "{body}");
    }
    // A shop that does not count has no level, and that is not 0.
    for store in ["null", "\"\"", "4294967296"] {
        let body = format!(
            r#"{{"result":"success","info":{{"data_info":[{{"bn":"A","store":{store}}}]}}}}"#
        );
        let error = said(v485(), &[body.leak()], told()).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some("store")), "{store}");
    }
    let refused = r#"{"result":"fail","msg_code":"0x003","msg":"数据异常","info":"data fail"}"#;
    let error = said(v485(), &[refused], told()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}
