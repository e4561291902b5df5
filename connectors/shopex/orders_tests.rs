//! Lists and single reads: recorded answers, windows, and records that cannot be read.

use super::fields::Fields;
use super::sign_tests::{connector, recorded};
use super::tests::{NODE, shop};
use super::v485;
use crate::contract::model::{Minor, Order, OrderId, OrderStatus, Timestamp};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Error, ErrorKind, Event, Page, Result, Session,
    Window,
};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Gives one answer to everything, and remembers what was asked.
#[derive(Debug)]
struct Says {
    body: String,
    connector: Arc<dyn Connector>,
    asked: Mutex<Vec<ApiRequest>>,
}

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        self.asked.lock().push(request);
        let body = self.body.clone().into();
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body);
        self.connector.classify(&reply)?;
        Ok(reply)
    }
}

impl Says {
    fn new(settings: Value, body: impl Into<String>) -> Self {
        Self { body: body.into(), connector: connector(settings), asked: Mutex::default() }
    }

    async fn count(&self) -> Result<u64> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: self, app_key: NODE, now: window().to };
        self.connector.orders().unwrap().count(&session, window()).await
    }

    async fn page(&self) -> Result<Page> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: self, app_key: NODE, now: window().to };
        self.connector.orders().unwrap().page(&session, window(), 1).await
    }

    async fn order(&self, id: &str) -> Result<Event> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: self, app_key: NODE, now: window().to };
        let id = OrderId::try_new(id).unwrap();
        let notice = self.connector.orders().unwrap().order(&session, &id).await?;
        assert_eq!(notice.shop, shop);
        Ok(notice.event)
    }

    fn param(&self, name: &str) -> String {
        let asked = self.asked.lock();
        let params = &asked.last().unwrap().params;
        params.iter().find(|(known, _)| known == name).unwrap().1.clone()
    }
}

fn window() -> Window {
    let at = |text| Timestamp::parse_china(text).unwrap();
    let to = at("2014-08-02 00:00:00").plus(Duration::from_millis(700));
    Window { from: at("2014-08-01 00:00:00").plus(Duration::from_millis(300)), to }
}

#[tokio::test]
async fn a_recorded_list_says_what_changed() {
    for settings in [json!({}), json!({ "generation": "matrix", "node_id": NODE })] {
        let says = Says::new(settings.clone(), recorded("ecstore-order-search").1);
        assert_eq!(says.count().await.unwrap(), 3, "a count as text");
        let page = says.page().await.unwrap();
        let said: Vec<_> = page
            .notices
            .iter()
            .map(|notice| {
                let Event::OrderChanged { id, modified: Some(time) } = &notice.event else {
                    panic!("not thin");
                };
                (id.as_str(), time.to_china())
            })
            .collect();
        assert_eq!(said[0], ("20140801120001", "2014-08-01 20:05:00".to_owned()));
        assert_eq!(said[1].0, "20140801120002");
        let empty = Says::new(settings, recorded("ecstore-order-search-empty").1);
        assert_eq!(empty.count().await.unwrap(), 0, "a count as a number");
        assert!(empty.page().await.unwrap().notices.is_empty());
    }
}

#[tokio::test]
async fn both_ends_of_a_window_are_in_it_on_every_side() {
    let says = Says::new(json!({}), recorded("ecstore-order-search").1);
    says.page().await.unwrap();
    // The shop leaves out its first second.
    assert_eq!(says.param("start_time"), "2014-07-31 23:59:59");
    assert_eq!(says.param("end_time"), "2014-08-02 00:00:00");
    assert_eq!(says.param("page_size"), "100");
    let body = r#"{"result":"success","msg":"","info":{"counts":"0","data_info":[]}}"#;
    let says = Says::new(json!({ "generation": "485" }), body);
    assert_eq!(says.count().await.unwrap(), 0);
    // This one leaves out its last.
    assert_eq!(says.param("last_modify_st_time"), "1406822400");
    assert_eq!(says.param("last_modify_en_time"), "1406908801");
}

#[tokio::test]
async fn a_record_of_a_list_that_cannot_be_read_is_a_suspect_beside_the_others() {
    let body = r#"{"rsp":"succ","data":{"trades":[{"tid":"1","modified":"soon"},{"modified":1},
        {"tid":"2","modified":"2014-08-01 20:05:00"}],"total_results":3,"has_next":"false"}}"#;
    let page = Says::new(json!({}), body).page().await.unwrap();
    let suspect = |at: usize| {
        let Event::Suspect(suspect) = &page.notices[at].event else { panic!("{at} is none") };
        (suspect.object_id.as_deref(), suspect.error.path().unwrap())
    };
    assert_eq!(suspect(0), (Some("1"), "modified"));
    assert_eq!(suspect(1), (None, "tid"));
    assert!(matches!(&page.notices[2].event, Event::OrderChanged { id, .. } if id.as_str() == "2"));
    let no_count = r#"{"rsp":"succ","data":{"trades":[],"total_results":"many"}}"#;
    let error: Error = Says::new(json!({}), no_count).count().await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some("total_results")));
}

#[tokio::test]
async fn an_answer_about_nothing_or_about_another_order_is_none() {
    let kind = |body: String| async move {
        let says = Says::new(json!({}), body);
        says.order("20140801120009").await.unwrap_err().kind()
    };
    assert_eq!(kind(recorded("ecstore-order-detail").1).await, ErrorKind::Malformed);
    assert_eq!(kind(r#"{"rsp":"succ","data":null,"res":""}"#.into()).await, ErrorKind::Rejected);
    let empty = r#"{"rsp":"succ","data":{"tid":null,"created":"1970-01-01 08:00:00"},"res":""}"#;
    assert_eq!(kind(empty.into()).await, ErrorKind::Rejected);
    let used = recorded("ecstore-delivery-create-same-task").1;
    assert_eq!(kind(used).await, ErrorKind::Unavailable, "the call came twice, the order is there");
    assert_eq!(kind(r#"{"rsp":"running","msg_id":"1"}"#.into()).await, ErrorKind::Unavailable);
    let broken = recorded("ecstore-order-detail").1.replace("78.800", "78.900");
    let event = Says::new(json!({}), broken).order("20140801120001").await.unwrap();
    assert!(matches!(event, Event::Suspect(suspect)
        if suspect.object_id.as_deref() == Some("20140801120001")));
}

fn row(changes: Value) -> Result<Order> {
    let mut row: Value =
        serde_json::from_str(include_str!("fixtures/485-order-synthetic.json")).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        row["info"][name] = value.clone();
    }
    let text = row["info"].to_string();
    v485::read_order(&Fields::from_json(text.as_bytes())?)
}

#[test]
fn a_row_of_485_becomes_the_expected_event() {
    let order = row(json!({})).unwrap();
    order.check().unwrap();
    super::normalize_tests::expect("485-order-synthetic", &order);
    assert_eq!(order.amounts.adjustment, Minor(-500), "what the total is made of is not told");
}

#[test]
fn the_numbers_of_485_mean_what_is_documented() {
    use OrderStatus as S;
    for (status, pay, ship, expected) in [
        ("active", "0", "0", S::AwaitingPayment),
        ("active", "1", "0", S::AwaitingShipment),
        ("active", "2", "0", S::AwaitingShipment),
        ("active", "3", "0", S::PartlyPaid),
        ("active", "4", "0", S::AwaitingShipment),
        ("active", "5", "0", S::Closed),
        ("active", "1", "1", S::Shipped),
        ("active", "1", "2", S::PartlyShipped),
        ("active", "4", "3", S::Shipped),
        ("active", "5", "4", S::Shipped),
        ("finish", "1", "1", S::Completed),
        ("dead", "0", "0", S::Cancelled),
        ("dead", "1", "1", S::Closed),
        ("dead", "5", "4", S::Closed),
        ("frozen", "1", "1", S::Unknown),
        ("active", "6", "1", S::Unknown),
        ("active", "1", "9", S::Unknown),
    ] {
        let changes = json!({ "status": status, "pay_status": pay, "ship_status": ship });
        let order = row(changes).unwrap();
        assert_eq!(order.status, expected, "{status}/{pay}/{ship}");
        assert_eq!(order.channel_status, format!("{status}/{pay}/{ship}"));
    }
}

#[test]
fn a_wrong_row_of_485_names_its_field() {
    for (changes, path) in [
        (json!({ "order_id": null }), "order_id"),
        (json!({ "total_amount": "1.005" }), "total_amount"),
        (json!({ "total_amount": null }), "total_amount"),
        (json!({ "createtime": "x" }), "createtime"),
        (json!({ "pay_status": null }), "pay_status"),
        (json!({ "product_info": [{ "bn": "A" }] }), "product_info[0].product_number"),
        (json!({ "product_info": [{ "product_number": 1 }] }), "product_info[0].product_id"),
    ] {
        assert_eq!(row(changes).unwrap_err().path(), Some(path));
    }
    let nothing = row(json!({ "product_info": [], "gift_info": [] })).unwrap();
    assert_eq!(nothing.check().unwrap_err().path(), Some("lines"));
}
