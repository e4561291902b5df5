//! What goes back: one outcome for each level and each parcel, and nothing shipped twice.

use super::fields::Fields;
use super::parcel::Contents;
use super::sign_tests::connector;
use super::tests::{NODE, TOKEN, shop};
use super::{ecstore, hub, parcel, v485};
use crate::contract::model::{
    Line, OrderId, StockLevel, Timestamp, Waybill, WaybillAction, WaybillLine,
};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, ErrorKind, Event, Result, Secret,
    Session, StockSink,
};
use crate::testkit::{Fake, FakeApi, Faults};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const START_MS: i64 = 1_794_326_430_000;
const NUMBER: &str = "SF1000000000001";

/// A connector, the fake it talks to, and the way between.
pub(super) struct Desk {
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    pub(super) api: FakeApi,
}

impl Desk {
    pub(super) fn new(settings: Value) -> Self {
        let connector = connector(settings);
        let fake = super::fake::build(vec![shop()]);
        let credentials =
            Credentials { app_key: NODE.to_owned(), app_secret: Secret::new(TOKEN), token: None };
        let now = Timestamp::from_unix_ms(START_MS);
        let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&fake), credentials, now)
            .stepping(Duration::from_secs(1));
        Self { connector, fake, api }
    }

    fn order(&self, seed: u64) -> OrderId {
        self.fake.create_order(&shop().shop, seed, self.api.now())
    }

    async fn ship(&self, waybill: &Waybill) -> Result<()> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        self.connector.waybills().unwrap().ship(&session, waybill).await
    }

    pub(super) async fn set(&self, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        self.connector.stock().unwrap().set(&session, levels).await
    }

    pub(super) async fn read_back(&self, told: &[StockLevel]) -> Result<Vec<Option<u32>>> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        let reader = self.connector.stock().and_then(StockSink::reader).unwrap();
        reader.levels(&session, told).await
    }

    async fn lines(&self, id: &OrderId) -> Vec<Line> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        let notice = self.connector.orders().unwrap().order(&session, id).await.unwrap();
        let Event::Order(order) = notice.event else { panic!("no whole order") };
        order.lines
    }

    /// Numbers under which an order was shipped at the channel.
    fn numbers(&self, id: &OrderId) -> Vec<String> {
        let shipments = self.fake.shipments(&shop().shop).remove(id).unwrap_or_default();
        shipments.into_iter().map(|(_, number)| number).collect()
    }

    pub(super) fn calls(&self, api: &str) -> u64 {
        self.fake.calls().get(api).copied().unwrap_or(0)
    }

    fn lose_every(&self, every: u32) {
        self.fake.set_faults(Faults { lost_answer_every: every, ..Faults::default() });
    }
}

fn waybill(order_id: &OrderId, number: &str) -> Waybill {
    Waybill {
        order_id: order_id.clone(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: number.to_owned(),
        lines: Vec::new(),
    }
}

fn level(sku: &str, available: u32) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: None, available }
}

fn every_generation() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "generation": "matrix", "node_id": NODE }),
        json!({ "generation": "485" }),
    ]
}

/// Answers in the given words, in turn.
#[derive(Debug)]
pub(super) struct Says(Mutex<VecDeque<&'static str>>, Arc<dyn Connector>);

impl Says {
    pub(super) fn new(bodies: &[&'static str], connector: Arc<dyn Connector>) -> Self {
        Self(Mutex::new(bodies.iter().copied().collect()), connector)
    }
}

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let body = self.0.lock().pop_front().unwrap_or_default();
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body.into());
        self.1.classify(&reply)?;
        Ok(reply)
    }
}

async fn set_and_told(settings: Value, body: &'static str) -> Result<Vec<Result<()>>> {
    let connector = connector(settings);
    let api = Says::new(&[body], Arc::clone(&connector));
    let shop = shop().shop;
    let now = Timestamp::from_unix_ms(START_MS);
    let session = Session { shop: &shop, api: &api, app_key: NODE, now };
    connector.stock().unwrap().set(&session, &[level("A", 1), level("B", 2)]).await
}

#[track_caller]
fn kinds(outcomes: Result<Vec<Result<()>>>) -> Vec<Option<ErrorKind>> {
    let kind = |outcome: Result<()>| outcome.err().map(|error| error.kind());
    outcomes.unwrap().into_iter().map(kind).collect()
}

#[tokio::test]
async fn a_level_that_fails_fails_alone() {
    for settings in every_generation() {
        let desk = Desk::new(settings.clone());
        let levels = [level("NOPE", 1), level("BN-002", 9), level("BN-004", 0)];
        let outcomes = kinds(desk.set(&levels).await);
        assert_eq!(outcomes, [Some(ErrorKind::Rejected), None, None], "{settings}");
        let stock = desk.fake.stock(&shop().shop);
        assert_eq!((stock["BN-002"], stock["BN-004"]), (9, 0), "what is reserved is not in it");
    }
}

#[tokio::test]
async fn verdicts_are_read_in_every_shape() {
    let hub = || json!({ "generation": "matrix", "node_id": NODE });
    let (no, yes) = (Some(ErrorKind::Rejected), None);
    for body in [
        r#"{"rsp":"fail","res":"","data":{"error_response":["A"]}}"#,
        r#"{"rsp":"fail","res":"","data":{"error_response":"[\"A\"]","true_bn":"[\"B\"]"}}"#,
        r#"{"rsp":"fail","res":"","data":"{\"error_response\":[{\"bn\":\"A\"}]}"}"#,
        r#"{"rsp":"succ","res":"","data":{"error_response":{"0":"A"},"true_bn":["B"]}}"#,
    ] {
        assert_eq!(kinds(set_and_told(hub(), body).await), [no, yes], "{body}");
    }
    for body in [
        r#"{"rsp":"fail","data":{"detail_response":[{"bn":"A","rsp":"fail","msg":"x"},{"bn":"B","rsp":"succ"}]}}"#,
        r#"{"rsp":"succ","data":{"error_response":[],"detail_response":"[{\"bn\":\"A\",\"rsp\":\"fail\"}]"}}"#,
    ] {
        assert_eq!(kinds(set_and_told(hub(), body).await), [no, yes], "{body}");
    }
    // Named as both: it is set.
    let both = r#"{"rsp":"fail","data":{"error_response":["A","B"],"true_bn":["A"]}}"#;
    assert_eq!(kinds(set_and_told(hub(), both).await), [yes, no]);
    let taken = r#"{"rsp":"running","msg_id":"1","res":"","data":""}"#;
    assert_eq!(kinds(set_and_told(hub(), taken).await), [yes, yes]);
    let wrong = r#"{"rsp":"fail","res":"W90011","err_msg":"x","data":""}"#;
    assert_eq!(set_and_told(hub(), wrong).await.unwrap_err().kind(), ErrorKind::Rejected);
    // A failure that names none of ours says nothing of any: all are said again.
    for (settings, body) in [
        (hub(), r#"{"rsp":"fail","res":"","data":{"error_response":[]}}"#),
        (hub(), r#"{"rsp":"fail","res":"","data":{"error_response":["C"]}}"#),
        (hub(), r#"{"rsp":"fail","res":"","err_msg":"库存更新失败","data":""}"#),
        (json!({}), r#"{"rsp":"succ","data":null,"res":"该请求已经处理，不能在处理了！"}"#),
        (json!({}), r#"{"rsp":"succ","data":false,"res":""}"#),
        (
            json!({ "generation": "485" }),
            r#"{"result":"fail","msg_code":"0x004","info":{"error_response":[]}}"#,
        ),
    ] {
        let error = set_and_told(settings, body).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
    }
}

#[tokio::test]
async fn an_empty_list_is_never_sent() {
    for settings in every_generation() {
        let desk = Desk::new(settings);
        assert!(desk.set(&[]).await.unwrap().is_empty());
        assert!(desk.api.asked().is_empty(), "the shop would answer success");
    }
}

#[tokio::test]
async fn a_parcel_is_told_once_however_many_answers_are_lost() {
    for settings in every_generation() {
        for every in 3..=7 {
            let desk = Desk::new(settings.clone());
            let id = desk.order(1);
            desk.lose_every(every);
            let mut told = desk.ship(&waybill(&id, NUMBER)).await;
            for _ in 0..10 {
                match &told {
                    Err(error) if error.kind() == ErrorKind::Unavailable => {
                        told = desk.ship(&waybill(&id, NUMBER)).await;
                    }
                    _ => break,
                }
            }
            told.unwrap();
            assert_eq!(desk.numbers(&id), [NUMBER], "{settings}, every {every}");
            desk.lose_every(0);
            desk.ship(&waybill(&id, NUMBER)).await.unwrap();
            assert_eq!(desk.numbers(&id), [NUMBER], "{settings}, said again");
        }
    }
}

#[tokio::test]
async fn a_task_that_failed_before_is_no_success_now() {
    let desk = Desk::new(json!({}));
    let id = desk.order(1);
    let parcel_of = waybill(&id, NUMBER);
    let shop_id = shop().shop;
    let session = Session { shop: &shop_id, api: &desk.api, app_key: NODE, now: desk.api.now() };
    // Somebody used the tasks of both steps, and nothing came of it.
    for (api, step) in [(ecstore::CREATE, "create"), (ecstore::UPDATE, "update")] {
        let mut request =
            ApiRequest::post(api).param("task", parcel::task(&session, &parcel_of, step));
        request.path.push_str("/index.php/api");
        desk.api.call(request).await.unwrap_err();
    }
    assert!(desk.numbers(&id).is_empty());
    desk.ship(&parcel_of).await.unwrap();
    assert_eq!(desk.numbers(&id), [NUMBER], "the answer `done before` was believed");
}

#[tokio::test]
async fn the_task_of_a_step_is_made_from_shop_order_number_and_step() {
    let desk = Desk::new(json!({}));
    let (one, other) = (desk.order(1), desk.order(2));
    let (shop_id, second) =
        (shop().shop, crate::contract::model::ShopId::try_new("shop-2").unwrap());
    let session = Session { shop: &shop_id, api: &desk.api, app_key: NODE, now: desk.api.now() };
    let elsewhere = Session { shop: &second, ..session };
    let later = Session { now: desk.api.now().plus(Duration::from_hours(5)), ..session };
    let task = parcel::task(&session, &waybill(&one, NUMBER), "create");
    assert_eq!(task, parcel::task(&later, &waybill(&one, NUMBER), "create"));
    for different in [
        parcel::task(&session, &waybill(&one, NUMBER), "update"),
        parcel::task(&session, &waybill(&other, NUMBER), "create"),
        parcel::task(&session, &waybill(&one, "SF1000000000002"), "create"),
        parcel::task(&elsewhere, &waybill(&one, NUMBER), "create"),
    ] {
        assert_ne!(task, different);
    }
    let number = parcel::delivery_number(&session, &waybill(&one, NUMBER));
    assert!(number.len() == 18 && number.parse::<u64>().is_ok(), "{number}");
}

#[tokio::test]
async fn parcels_of_single_lines_ship_what_is_in_them() {
    for settings in every_generation() {
        let desk = Desk::new(settings.clone());
        let mut tried = 0;
        for seed in 0..30 {
            let id = desk.order(seed);
            let lines = desk.lines(&id).await;
            let [first, rest @ ..] = &lines[..] else { continue };
            if rest.is_empty() {
                continue;
            }
            tried += 1;
            let mut part = waybill(&id, "SF1000000000011");
            part.lines =
                vec![WaybillLine { line_id: first.line_id.to_string(), quantity: first.quantity }];
            desk.ship(&part).await.unwrap();
            let rest = waybill(&id, "SF1000000000012");
            desk.ship(&rest).await.unwrap();
            desk.ship(&part).await.unwrap();
            desk.ship(&rest).await.unwrap();
            assert_eq!(desk.numbers(&id), ["SF1000000000011", "SF1000000000012"], "{settings}");
        }
        assert!(tried > 3);
        let id = desk.order(1);
        let mut unknown = waybill(&id, NUMBER);
        unknown.lines = vec![WaybillLine { line_id: "no-such-line".to_owned(), quantity: 1 }];
        let error = desk.ship(&unknown).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines[0].line_id")));
    }
}

#[test]
fn what_was_cancelled_is_in_no_parcel() {
    let orders = json!({ "order": [{ "oid": "1", "order_items": { "item": [
        { "bn": "A", "name": "a", "num": "2", "sendnum": "1", "item_status": "normal" },
        { "bn": "B", "name": "b", "num": "1", "sendnum": "0", "item_status": "cancel" },
    ] } }, { "oid": "2", "order_items": { "item": [
        { "bn": "A", "name": "a", "num": 1, "sendnum": 0, "item_type": "gift" },
    ] } }] });
    let body = json!({ "orders": orders.to_string() }).to_string();
    let trade = Fields::from_json(body.as_bytes()).unwrap();
    let items = parcel::items(&trade).unwrap();
    let contents = Contents::of(&items, &[]).unwrap();
    assert!(contents.is_open);
    // What is left of both lines of A, named once.
    let expected = json!([{ "product_bn": "A", "product_name": "a", "number": "2" }]);
    assert_eq!(contents.as_delivery(false), expected.to_string());
    let line = |id: &str, quantity| WaybillLine { line_id: id.to_owned(), quantity };
    assert!(Contents::of(&items, &[line("2", 1)]).unwrap().is_open);
    assert!(!Contents::of(&items, &[line("1", 2)]).unwrap().is_open, "one of two is left");
    assert!(Contents::of(&items, &[line("1-B", 1)]).is_err());
}

#[tokio::test]
async fn what_no_call_can_tell_is_refused_before_any_call() {
    for settings in every_generation() {
        let desk = Desk::new(settings);
        let id = desk.order(1);
        for action in [WaybillAction::Replace, WaybillAction::NoParcel] {
            let error = desk.ship(&Waybill { action, ..waybill(&id, NUMBER) }).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        let nobody = Waybill { carrier: "NOBODY".to_owned(), ..waybill(&id, NUMBER) };
        let error = desk.ship(&nobody).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("carrier")));
        let error = desk.ship(&waybill(&id, "12")).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("number")));
        assert!(desk.api.asked().is_empty());
    }
}

#[tokio::test]
async fn a_carrier_goes_by_name_and_a_setting_wins() {
    let desk = Desk::new(json!({ "carriers": { "SF": "顺丰" } }));
    let id = desk.order(1);
    desk.ship(&waybill(&id, NUMBER)).await.unwrap();
    let shipments = desk.fake.shipments(&shop().shop);
    assert_eq!(shipments[&id], [("顺丰".to_owned(), NUMBER.to_owned())]);
    let request = &desk.api.asked()[1];
    assert!(request.idempotent, "its task makes it harmless to repeat");
}

#[tokio::test]
async fn a_hub_that_answers_later_is_read_back() {
    let settings = json!({
        "generation": "matrix", "node_id": NODE, "hub_path": "async",
        "callback_url": "https://gateway.example/v1/shopex/shop-1",
    });
    let desk = Desk::new(settings);
    let id = desk.order(1);
    desk.ship(&waybill(&id, NUMBER)).await.unwrap();
    assert_eq!(desk.numbers(&id), [NUMBER]);
    assert_eq!(desk.calls(hub::FULLINFO), 2, "before, and after the hub said `running`");
}

/// A trade as the hub tells it: units ordered and sent of its only line, and the numbers it names.
const OPEN: &str = r#"{"rsp":"succ","data":{"trade":{"tid":"1","orders":"{\"order\":[{\"oid\":\"1\",\"order_items\":{\"item\":[{\"bn\":\"A\",\"num\":2,\"sendnum\":0}]}}]}"}}}"#;
const SENT: &str = r#"{"rsp":"succ","data":{"trade":{"tid":"1","orders":"{\"order\":[{\"oid\":\"1\",\"order_items\":{\"item\":[{\"bn\":\"A\",\"num\":2,\"sendnum\":2}]}}]}"}}}"#;
const SENT_BY_ANOTHER: &str = r#"{"rsp":"succ","data":{"trade":{"tid":"1","logistics_no":"SF999999999999","orders":"{\"order\":[{\"oid\":\"1\",\"order_items\":{\"item\":[{\"bn\":\"A\",\"num\":2,\"sendnum\":2}]}}]}"}}}"#;
const SUCCESS: &str = r#"{"rsp":"succ","msg_id":"1","res":"","data":{"tid":"1"}}"#;
const RUNNING: &str = r#"{"rsp":"running","msg_id":"1","res":"","data":""}"#;
const BEFORE: &str = r#"{"rsp":"fail","msg_id":"1","res":"W90012","err_msg":"x","data":""}"#;
const WRONG: &str = r#"{"rsp":"fail","msg_id":"1","res":"W90013","err_msg":"x","data":""}"#;
const AGAIN: &str = r#"{"rsp":"fail","msg_id":"1","res":"W30012","err_msg":"x","data":""}"#;

async fn ship_and_told(answers: &[&'static str]) -> Option<ErrorKind> {
    let connector = connector(json!({ "generation": "matrix", "node_id": NODE }));
    let answers: VecDeque<_> = answers.iter().copied().collect();
    let api = Says(Mutex::new(answers), Arc::clone(&connector));
    let shop = shop().shop;
    let now = Timestamp::from_unix_ms(START_MS);
    let session = Session { shop: &shop, api: &api, app_key: NODE, now };
    let order = waybill(&OrderId::try_new("1").unwrap(), NUMBER);
    let told = connector.waybills().unwrap().ship(&session, &order).await;
    assert!(api.0.lock().is_empty(), "an answer was not asked for");
    told.err().map(|error| error.kind())
}

#[tokio::test]
async fn what_the_hub_says_of_a_parcel_is_believed_as_far_as_it_goes() {
    use ErrorKind::{Conflict, Rejected, Unavailable};
    for (answers, expected) in [
        (&[OPEN, SUCCESS, SUCCESS][..], None),
        (&[OPEN, SUCCESS, AGAIN], Some(Unavailable)),
        (&[OPEN, WRONG], Some(Rejected)),
        // Added before, and shipped now.
        (&[OPEN, BEFORE, SUCCESS], None),
        // Shipped before: by us, unless the trade says otherwise.
        (&[OPEN, SUCCESS, BEFORE, SENT], None),
        (&[OPEN, SUCCESS, BEFORE, SENT_BY_ANOTHER], Some(Conflict)),
        (&[SENT_BY_ANOTHER], Some(Conflict)),
        (&[SENT, BEFORE, SENT], None),
        (&[SENT, SUCCESS], None),
        (&[SENT, WRONG], Some(Rejected)),
        // Being worked on: nobody knows yet, whatever else was shipped.
        (&[OPEN, RUNNING, RUNNING, OPEN], Some(Unavailable)),
        (&[OPEN, RUNNING, RUNNING, SENT_BY_ANOTHER], Some(Unavailable)),
    ] {
        assert_eq!(ship_and_told(answers).await, expected, "{answers:?}");
    }
}

#[tokio::test]
async fn an_order_that_ships_whole_takes_no_single_lines() {
    let settings = json!({ "generation": "matrix", "node_id": NODE, "hub_shipping": "offline" });
    let desk = Desk::new(settings);
    let id = desk.order(1);
    let mut part = waybill(&id, NUMBER);
    part.lines = vec![WaybillLine { line_id: "11".to_owned(), quantity: 1 }];
    let error = desk.ship(&part).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Unsupported, Some("lines")));
    desk.ship(&waybill(&id, NUMBER)).await.unwrap();
    assert_eq!(desk.calls(hub::OFFLINE), 1);
}

#[tokio::test]
async fn a_485_page_sends_one_pair_of_page_parameters() {
    let desk = Desk::new(json!({ "generation": "485" }));
    desk.order(1);
    let shop_id = shop().shop;
    let now = desk.api.now();
    let session = Session { shop: &shop_id, api: &desk.api, app_key: NODE, now };
    let window = crate::contract::Window { from: now, to: now };
    let page = desk.connector.orders().unwrap().page(&session, window, 1).await.unwrap();
    assert_eq!(page.notices.len(), 1);
    let asked = desk.api.asked();
    let has = |name: &str| asked[0].params.iter().any(|(known, _)| known == name);
    assert!(has("pages") && has("counts") && !has("page_no") && !has("page_size"));
    assert_eq!(asked[0].api, v485::LIST);
}
