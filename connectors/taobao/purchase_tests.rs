//! What is read behind a trade, from scripted answers.

use super::fenxiao::LIST;
use super::tests::shop;
use super::{ENTRY, orders};
use crate::contract::model::{Distribution, Minor, Order, OrderId, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, ErrorKind, Event, Result, Session, ShopSetup,
};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};

const TRADE: &str = include_str!("fixtures/trade-fullinfo-synthetic-distributed.json");
const PLAIN: &str = include_str!("fixtures/trade-fullinfo-synthetic-gift.json");
const PURCHASE: &str = include_str!("fenxiao/fixtures/orders-get-synthetic.json");

/// Answers each of two APIs, and remembers what was asked.
#[derive(Debug)]
struct Says {
    trade: &'static str,
    purchase: String,
    asked: Mutex<Vec<ApiRequest>>,
}

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        let body = match request.api {
            orders::READ => self.trade.to_owned(),
            LIST => self.purchase.clone(),
            api => panic!("{api} is not expected"),
        };
        self.asked.lock().push(request);
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body.into());
        super::errors::classify(&reply).map(|()| reply)
    }
}

/// The order that is read, and the calls that it took.
async fn read(
    settings: Value,
    trade: &'static str,
    purchase: &str,
) -> (Result<Order>, Vec<ApiRequest>) {
    let shop = shop().shop;
    let connector = (ENTRY.build)(ShopSetup { shop: shop.clone(), settings }).unwrap();
    let api = Says { trade, purchase: purchase.to_owned(), asked: Mutex::default() };
    let answer: Value = serde_json::from_str(trade).unwrap();
    let id = answer["trade_fullinfo_get_response"]["trade"]["tid"].to_string();
    let id = OrderId::try_new(&id).unwrap();
    let now = Timestamp::from_unix_ms(1_794_326_430_000);
    let session = Session { shop: &shop, api: &api, app_key: "12345678", now };
    let notice = connector.orders().unwrap().order(&session, &id).await;
    let order = notice.map(|notice| {
        let Event::Order(order) = notice.event else { panic!("not an order") };
        *order
    });
    (order, api.asked.lock().clone())
}

fn on() -> Value {
    json!({ "purchase_orders": true })
}

/// The documented purchase orders with a change.
fn purchase(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut answer: Value = serde_json::from_str(PURCHASE).unwrap();
    let list = &mut answer["fenxiao_orders_get_response"]["purchase_orders"]["purchase_order"];
    change(list.as_array_mut().unwrap());
    answer.to_string()
}

#[tokio::test]
async fn a_trade_names_the_purchase_order_behind_it() {
    let (order, asked) = read(on(), TRADE, PURCHASE).await;
    let order = order.unwrap();
    let expected = Distribution {
        distributor: Some("测试分销商".into()),
        purchase_order_id: Some("1234567890123".into()),
        consumer_order_id: None,
        purchase_amount: Some(Minor(9_000)),
    };
    assert_eq!(order.distribution, Some(expected));
    assert_eq!(order.lines[0].purchase_payable, Some(Minor(8_000)));
    assert_eq!(order.extensions.get("purchase_order_ids"), None);
    let params: Vec<_> =
        asked[1].params.iter().map(|(name, value)| (&**name, value.as_str())).collect();
    assert_eq!(
        params,
        [("tc_order_id", "2067719225654838"), ("user_role_type", "1"), ("trade_types", "1,5,6"),]
    );
    assert!(asked[1].idempotent);
}

#[tokio::test]
async fn nothing_is_read_behind_a_plain_trade_or_where_nobody_asked_for_it() {
    let (order, asked) = read(on(), PLAIN, PURCHASE).await;
    assert_eq!((order.unwrap().distribution, asked.len()), (None, 1));
    let (order, asked) = read(json!({}), TRADE, PURCHASE).await;
    assert_eq!((order.unwrap().distribution, asked.len()), (Some(Distribution::default()), 1));
}

#[tokio::test]
async fn several_purchase_orders_are_all_named_and_strange_ones_are_none() {
    let two = purchase(|list| {
        let mut second = list[0].clone();
        second["fenxiao_id"] = json!(1_234_567_890_999_i64);
        second["distributor_payment"] = json!("0.50");
        second["sub_purchase_orders"] = json!(null);
        list.push(second);
        let mut strange = list[0].clone();
        strange["tc_order_id"] = json!(1);
        list.insert(0, strange);
    });
    let order = read(on(), TRADE, &two).await.0.unwrap();
    let distribution = order.distribution.unwrap();
    assert_eq!(distribution.purchase_order_id.as_deref(), Some("1234567890123"));
    assert_eq!(distribution.purchase_amount, Some(Minor(9_050)));
    let ids = json!(["1234567890123", "1234567890999"]);
    assert_eq!(order.extensions["purchase_order_ids"], ids);
    let unsaid = purchase(|list| list[0]["distributor_payment"] = json!(null));
    let order = read(on(), TRADE, &unsaid).await.0.unwrap();
    assert_eq!(order.distribution.unwrap().purchase_amount, None);
}

#[tokio::test]
async fn a_refusal_costs_the_name_and_a_passing_fault_is_tried_again() {
    let plain = read(json!({}), TRADE, PURCHASE).await.0.unwrap();
    for body in [
        r#"{"error_response":{"code":11,"msg":"Insufficient isv permissions","sub_code":"isv.permission-api-package-limit"}}"#,
        r#"{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isv.invalid-parameter:x"}}"#,
        r#"{"fenxiao_orders_get_response":{"total_results":0}}"#,
        r#"{"fenxiao_orders_get_response":{"purchase_orders":{"purchase_order":[{"fenxiao_id":{}}]}}}"#,
        r#"{"fenxiao_orders_get_response":{"purchase_orders":7}}"#,
    ] {
        assert_eq!(read(on(), TRADE, body).await.0.unwrap(), plain, "{body}");
    }
    for (body, kind) in [
        (
            r#"{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isp.remote-service-timeout"}}"#,
            ErrorKind::Unavailable,
        ),
        ("<html></html>", ErrorKind::Unavailable),
    ] {
        assert_eq!(read(on(), TRADE, body).await.0.unwrap_err().kind(), kind, "{body}");
    }
}
