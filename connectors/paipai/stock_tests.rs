//! Levels that are read back, against the fake and against answers that it would not give.

use super::orders_tests::Desk;
use super::stock;
use super::tests::shop;
use crate::contract::model::StockLevel;
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, ErrorKind, Result, Session, StockSink,
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const SHIRT: &str = "7C44F63200000000007C39A9064A181E";
const SOCKS: &str = "7C44F63200000000007C39A9064A1820";

fn level(item: &str, sku: &str) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: Some(item.to_owned()), available: 1 }
}

/// Gives every call the same answer.
#[derive(Debug)]
struct Saying(Bytes, Arc<dyn Connector>);

#[async_trait]
impl ChannelApi for Saying {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let reply = ApiReply::new(status, headers, self.0.clone());
        self.1.classify(&reply)?;
        Ok(reply)
    }
}

async fn read(desk: &Desk, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
    desk.connector.stock().and_then(StockSink::reader).unwrap().levels(&desk.session(), told).await
}

/// What is read of an answer with these bytes.
async fn said(body: impl Into<Bytes>, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
    let desk = Desk::new(json!({}));
    let api = Saying(body.into(), Arc::clone(&desk.connector));
    let shop = shop().shop;
    let session = Session { shop: &shop, api: &api, app_key: "700028402", now: desk.api.now() };
    desk.connector.stock().and_then(StockSink::reader).unwrap().levels(&session, told).await
}

/// An answer of the channel about a listing with these fields.
fn item(fields: &Value) -> String {
    let mut answer = json!({ "errorCode": 0, "errorMessage": "", "itemCode": SHIRT });
    answer.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    answer.to_string()
}

#[tokio::test]
async fn a_listing_says_what_it_has_of_each_sku() {
    for settings in [json!({}), json!({ "charset": "gbk", "format": "xml" })] {
        let desk = Desk::new(settings);
        let set = StockLevel { available: 31, ..level(SHIRT, "9071234569") };
        let sink = desk.connector.stock().unwrap();
        sink.set(&desk.session(), &[set]).await.unwrap()[0].clone().unwrap();
        let told = [level(SHIRT, "9071234569"), level(SHIRT, "1"), level(SHIRT, "9071234567")];
        assert_eq!(read(&desk, &told).await.unwrap(), [Some(31), None, Some(100)]);
        assert_eq!(desk.fake.calls()[stock::READ], 1, "one call for one listing");
        assert_eq!(read(&desk, &[level(SOCKS, SOCKS)]).await.unwrap(), [Some(100)]);
        assert_eq!(read(&desk, &[level(SHIRT, SHIRT)]).await.unwrap(), [None], "has variants");
        let told = [level("7C", "1"), level("7C", "2")];
        assert_eq!(read(&desk, &told).await.unwrap(), [None, None], "no such listing");
        let mixed = read(&desk, &[level(SHIRT, "1"), level(SOCKS, SOCKS)]).await.unwrap_err();
        assert_eq!(mixed.kind(), ErrorKind::Malformed);
    }
}

#[tokio::test]
async fn levels_are_read_in_every_shape() {
    let told = [level(SHIRT, "9071234567"), level(SHIRT, "9071234568")];
    let both = [Some(12), Some(13)];
    let documented = include_bytes!("fixtures/item.utf8.json").as_slice();
    assert_eq!(said(documented, &told).await.unwrap(), both);
    let deleted = [level(SHIRT, "9071234570")];
    assert_eq!(said(documented, &deleted).await.unwrap(), [None], "is about to be deleted");
    let older = include_bytes!("fixtures/item.gbk.xml").as_slice();
    assert_eq!(said(older, &told).await.unwrap(), both);
    let newer = json!([
        { "skuId": 9_071_234_567_u64, "num": 12, "status": 2, "attr": "颜色:\"红\"" },
        { "skuId": 9_071_234_568_u64, "num": "13", "status": 2 },
    ]);
    for list in [newer.clone(), newer.to_string().into()] {
        let body = item(&json!({ "stockCount": 25, "stockList": [], "stockJsonList": list }));
        assert_eq!(said(body, &told).await.unwrap(), both);
    }
}

#[tokio::test]
async fn a_listing_that_has_one_sku_is_its_sku() {
    let one = json!([{ "skuId": 7, "stockCount": 4 }]);
    let body = item(&json!({ "stockCount": 4, "stockList": one }));
    let told = [level(SHIRT, SHIRT), level(SHIRT, "7")];
    assert_eq!(said(body, &told).await.unwrap(), [Some(4), Some(4)]);
    let body = item(&json!({ "stockCount": -2 }));
    assert_eq!(said(body, &told).await.unwrap(), [Some(0), None], "sold more than there was");
}

#[tokio::test]
async fn an_answer_without_a_level_is_an_error_and_no_level() {
    let sku = |stock: Value| item(&json!({ "stockCount": 1, "stockList": [stock] }));
    let told = [level(SHIRT, "7")];
    for (body, path) in [
        (sku(json!({ "skuId": 7 })), "stockCount"),
        (sku(json!({ "skuId": 7, "stockCount": 4_294_967_296_u64 })), "stockCount"),
        (sku(json!({ "skuId": 7, "stockCount": "many" })), "stockCount"),
        (item(&json!({ "stockList": "none" })), "stockList"),
    ] {
        let error = said(body.clone(), &told).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{body}");
    }
    for (text, kind) in [
        ("系统繁忙", ErrorKind::Unavailable),
        ("无权限", ErrorKind::Rejected),
        ("accessToken已过期", ErrorKind::Unauthorized),
    ] {
        let body = json!({ "errorCode": 4097, "errorMessage": text }).to_string();
        assert_eq!(said(body, &told).await.unwrap_err().kind(), kind, "{text}");
    }
}
