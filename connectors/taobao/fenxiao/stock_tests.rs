//! What a product shows of its levels, against the fake and against answers that it would not give.

use super::super::tests::shop;
use super::tests::Desk;
use super::{ENTRY, errors, stock};
use crate::contract::model::{StockLevel, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, ErrorKind, Result, Session, ShopSetup, StockSink,
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Answers everything with the same body.
#[derive(Debug)]
struct Saying(&'static str);

#[async_trait]
impl ChannelApi for Saying {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let reply = ApiReply::new(status, headers, Bytes::from_static(self.0.as_bytes()));
        errors::classify(&reply)?;
        Ok(reply)
    }
}

async fn read_back(api: &dyn ChannelApi, told: &[(&str, &str)]) -> Result<Vec<Option<u32>>> {
    let shop = shop().shop;
    let connector = (ENTRY.build)(ShopSetup { shop: shop.clone(), settings: Value::Null }).unwrap();
    let now = Timestamp::from_unix_ms(1_794_326_430_000);
    let session = Session { shop: &shop, api, app_key: "12345678", now };
    let level = |(product, sku): &(&str, &str)| StockLevel {
        sku_id: (*sku).to_owned(),
        product_id: Some((*product).to_owned()),
        available: 1,
    };
    let told: Vec<StockLevel> = told.iter().map(level).collect();
    connector.stock().and_then(StockSink::reader).unwrap().levels(&session, &told).await
}

#[tokio::test]
async fn a_product_says_what_it_has_of_each_sku() {
    let desk = Desk::new();
    let (product, plain) = ("600000000000", "600000000001");
    let level = |sku: &str, available| StockLevel {
        sku_id: sku.to_owned(),
        product_id: Some(product.to_owned()),
        available,
    };
    desk.set(&[level("4000000000001", 31)]).await.unwrap()[0].clone().unwrap();
    let before = desk.fake.calls()[stock::READ];
    let told = [(product, "4000000000001"), (product, "9"), (product, "4000000000000")];
    assert_eq!(read_back(&desk.api, &told).await.unwrap(), [Some(31), None, Some(100)]);
    assert_eq!(desk.fake.calls()[stock::READ], before + 1, "one call for one product");
    assert_eq!(read_back(&desk.api, &[(plain, plain)]).await.unwrap(), [Some(100)]);
    assert_eq!(read_back(&desk.api, &[(product, product)]).await.unwrap(), [None], "has variants");
    assert_eq!(read_back(&desk.api, &[("5", "1"), ("5", "2")]).await.unwrap(), [None, None]);
    let mixed = read_back(&desk.api, &[(product, "1"), (plain, plain)]).await.unwrap_err();
    assert_eq!(mixed.kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn a_product_that_states_no_level_is_an_error_and_no_level() {
    let of = |product: &str| -> Saying {
        let list = format!(r#"{{"total_results":1,"products":{product}}}"#);
        Saying(format!(r#"{{"fenxiao_products_get_response":{list}}}"#).leak())
    };
    let sku = |quantity: &str| {
        let sku = format!(r#"{{"id":7,"properties":"1:2"{quantity}}}"#);
        of(&format!(
            r#"{{"fenxiao_product":[{{"pid":5,"quantity":1,"skus":{{"fenxiao_sku":[{sku}]}}}}]}}"#
        ))
    };
    let documented = Saying(include_str!("fixtures/products-get-synthetic.json"));
    let both = [("520000000001", "4611686018427387905"), ("520000000001", "4611686018427387904")];
    assert_eq!(read_back(&documented, &both).await.unwrap(), [Some(12), Some(30)]);
    let told = [("5", "7")];
    assert_eq!(read_back(&sku(r#","quantity":"12""#), &told).await.unwrap(), [Some(12)]);
    assert_eq!(read_back(&sku(r#","quantity":-3"#), &told).await.unwrap(), [Some(0)], "oversold");
    assert_eq!(
        read_back(&of(r#"[{"pid":"5","quantity":4}]"#), &[("5", "5")]).await.unwrap(),
        [Some(4)]
    );
    assert_eq!(read_back(&of(r#"[{"pid":6,"quantity":4}]"#), &[("5", "5")]).await.unwrap(), [None]);
    for answer in [sku(""), sku(r#","quantity":4294967296"#), of(r#"[{"pid":5}]"#)] {
        let told = if answer.0.contains("skus") { ("5", "7") } else { ("5", "5") };
        let error = read_back(&answer, &[told]).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some("quantity")));
    }
    let limit =
        r#"{"error_response":{"code":7,"sub_code":"accesscontrol.limited-by-api-access-count"}}"#;
    let error = read_back(&Saying(limit), &told).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Throttled { .. }), "{error}");
}
