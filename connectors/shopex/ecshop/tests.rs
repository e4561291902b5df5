//! ECShop against its strict fake, and against recorded answers of a real shop.

use super::super::sign;
use super::super::tests::{NODE, TOKEN, raw, shop, signed};
use super::{ENTRY, answers};
use crate::contract::model::{
    OrderId, OrderStatus, ShopId, StockLevel, Timestamp, Waybill, WaybillAction, WaybillLine,
};
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, ErrorKind, Event, Key, Notice,
    Result, Secret, Session, ShopSetup, Window,
};
use crate::testkit::conformance::{self, Subject};
use crate::testkit::{Fake, FakeApi, Faults};
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const NUMBER: &str = "SF1000000000001";
const START_MS: i64 = 1_794_326_430_000;

fn connector() -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings: json!({ "node_id": NODE }) }).unwrap()
}

/// What was asked and what was answered.
fn recorded(name: &str) -> (String, String) {
    let path = format!("{}/shopex/ecshop/fixtures/{name}.http.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let (request, response) = text.split_once("### RESPONSE").unwrap();
    let body = |part: &str| part.split_once("\n\n").map(|(_, body)| body.trim().to_owned());
    (body(request).unwrap(), body(response).unwrap_or_default())
}

/// Answers in the given words, in turn.
#[derive(Debug)]
struct Says(Mutex<VecDeque<String>>, Arc<dyn Connector>);

#[async_trait]
impl ChannelApi for Says {
    async fn call(&self, _: ApiRequest) -> Result<ApiReply> {
        let body = self.0.lock().pop_front().expect("no more calls than answers");
        let reply =
            ApiReply { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
        self.1.classify(&reply)?;
        Ok(reply)
    }
}

fn saying(answers: &[&str]) -> Says {
    Says(Mutex::new(answers.iter().map(|answer| recorded(answer).1).collect()), connector())
}

fn session<'s>(shop: &'s ShopId, api: &'s dyn ChannelApi) -> Session<'s> {
    Session { shop, api, app_key: NODE, now: Timestamp::from_unix_ms(START_MS) }
}

fn window() -> Window {
    let at = |text| Timestamp::parse_china(text).unwrap();
    Window { from: at("2016-05-01 00:00:00"), to: at("2016-05-30 23:59:59") }
}

fn waybill(order: &str, lines: Vec<WaybillLine>) -> Waybill {
    Waybill {
        order_id: OrderId::try_new(order).unwrap(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: NUMBER.to_owned(),
        lines,
    }
}

fn level(sku: &str, available: u32) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: None, available }
}

#[tokio::test]
async fn an_ecshop_shop_conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.settings = json!({ "node_id": NODE });
    subject.sign = Some(signed);
    subject.answers_in_body = true;
    conformance::check(&subject).await;
}

#[test]
fn every_recorded_call_bears_the_signature_that_is_computed_here() {
    let folder = format!("{}/shopex/ecshop/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut calls = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".http.txt") else { continue };
        if name.contains("matrix-push") || matches!(name, "ec36-bad-sign" | "ec36-no-ac") {
            continue;
        }
        let form = recorded(name).0;
        let pairs = super::super::form::split(form.as_bytes());
        let received = super::super::form::text(&pairs, "ac").unwrap().unwrap();
        assert_eq!(sign::ac(TOKEN.as_bytes(), &pairs), received, "{name}");
        calls += 1;
    }
    assert!(calls > 20, "{calls}");
}

#[test]
fn pushes_of_a_real_shop_are_taken_and_one_changed_letter_is_refused() {
    let connector = connector();
    let source = connector.webhooks().unwrap();
    let keys = [Key { index: 0, secret: Secret::new(TOKEN) }];
    let now = Timestamp::from_unix_ms(START_MS);
    for (push, id) in [
        ("ec36-matrix-push-01-store.trade.add", "2016051183359"),
        ("ec36-matrix-push-02-store.trade.update", "2016051166250"),
    ] {
        let body = recorded(push).0;
        let raw_push = raw(body.clone().into_bytes());
        let verified = source.verify(&keys, now, &raw_push).unwrap();
        let notices = source.decode(&verified).unwrap();
        let [Notice { event: Event::Order(order), .. }] = &notices[..] else { panic!("{push}") };
        assert_eq!((order.channel.as_str(), order.order_id.as_str()), ("ecshop", id));
        let changed = raw(body.replace("PAY_FINISH", "PAY_FINISI").into_bytes());
        assert_eq!(
            source.verify(&keys, now, &changed).unwrap_err().kind(),
            ErrorKind::BadSignature
        );
        for end in 0..body.len() {
            // The form ends with one `&` too many, which says nothing.
            if body.get(end..) != Some("&") {
                let cut = raw(body.as_bytes()[..end].to_vec());
                assert!(source.verify(&keys, now, &cut).is_err(), "{push} cut at {end}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_gives_whole_orders_in_states_that_are_true() {
    let (shop, api) = (shop().shop, saying(&["ec36-order-list"]));
    let connector = connector();
    let page = connector.orders().unwrap().page(&session(&shop, &api), window(), 1).await.unwrap();
    let orders: Vec<_> = page
        .notices
        .iter()
        .map(|notice| {
            let Event::Order(order) = &notice.event else { panic!("not an order") };
            order
        })
        .collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0].status, OrderStatus::AwaitingShipment);
    // Handed out for shipping, which the shop calls finished.
    assert_eq!(orders[1].channel_status, "TRADE_FINISHED/PAY_FINISH/SHIP_PREPARE");
    assert_eq!(orders[1].status, OrderStatus::AwaitingShipment);
    assert_eq!((orders[0].amounts.payable.0, orders[0].amounts.freight.0), (13_755, 1_500));
    assert!(orders[0].promotions.is_empty());
    let said = serde_json::to_string_pretty(&orders).unwrap() + "\n";
    let path = format!(
        "{}/shopex/ecshop/fixtures/ec36-order-list.events.json",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(path).unwrap());
}

#[tokio::test]
async fn nothing_found_is_empty_and_an_sql_error_is_none_of_it() {
    let (shop, connector) = (shop().shop, connector());
    let orders = connector.orders().unwrap();
    let api = saying(&["ec36-order-list-empty", "ec36-order-list-empty"]);
    assert_eq!(orders.count(&session(&shop, &api), window()).await.unwrap(), 0);
    let page = orders.page(&session(&shop, &api), window(), 1).await.unwrap();
    assert!(page.notices.is_empty());
    let api = saying(&["ec36-order-list-page-beyond"]);
    assert_eq!(orders.count(&session(&shop, &api), window()).await.unwrap(), 4);
    let api = saying(&["ec36-order-list-neg-page"]);
    let error = orders.page(&session(&shop, &api), window(), 1).await.unwrap_err();
    assert_eq!((error.kind(), error.channel_code()), (ErrorKind::Unavailable, Some("sql")));
    let id = OrderId::try_new("1").unwrap();
    let api = saying(&["ec36-order-detail-missing"]);
    let error = orders.order(&session(&shop, &api), &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn refusals_say_what_to_do_next() {
    use ErrorKind::{Conflict, Rejected, Unauthorized, Unavailable};
    let judged = |body: &str| {
        let reply = ApiReply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        };
        answers::classify(&reply)
    };
    for (name, kind) in [
        ("ec36-bad-sign", Unauthorized),
        ("ec36-no-ac", Rejected),
        ("ec36-unknown-act", Rejected),
        ("ec36-low-version", Rejected),
        ("ec36-order-list-badtime", Rejected),
        ("ec36-order-list-notimes", Rejected),
        ("ec36-order-list-status-pay2", Rejected),
        ("ec36-order-list-xml", Unavailable),
        ("ec36-delivery-dup", Conflict),
        ("ec36-delivery-noorder", Rejected),
        ("ec36-store-baddata", Rejected),
        ("ec36-store-nonnumeric", Unavailable),
    ] {
        let error = judged(&recorded(name).1).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
    let dump = "<b>MySQL server error report:Array ( [error] => Unknown column 'modified' in 'where clause' )";
    let error = judged(dump).unwrap_err();
    assert!(error.context().contains("README"), "{error}");
    for nonsense in ["", "null", "[]", "{}", r#"{"result":1}"#, "<html></html>"] {
        assert_eq!(judged(nonsense).unwrap_err().kind(), Unavailable, "{nonsense}");
    }
}

#[tokio::test]
async fn each_level_has_its_own_outcome_and_the_same_second_only_waits() {
    let (shop, connector) = (shop().shop, connector());
    let stock = connector.stock().unwrap();
    let api = saying(&["ec36-store-ok"]);
    let levels = [level("ECS000050", 77), level("NOPE-1", 3), level("ECS000035", 12)];
    let outcomes = stock.set(&session(&shop, &api), &levels).await.unwrap();
    let kinds: Vec<_> =
        outcomes.iter().map(|one| one.as_ref().err().map(crate::contract::Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Rejected), None]);
    let api = saying(&["ec36-store-again-same-second"]);
    let outcomes = stock.set(&session(&shop, &api), &[level("ECS000050", 78)]).await.unwrap();
    let waits = ErrorKind::Throttled { retry_after: Some(Duration::from_secs(1)) };
    assert_eq!(outcomes[0].as_ref().unwrap_err().kind(), waits);
    assert!(stock.set(&session(&shop, &saying(&[])), &[]).await.unwrap().is_empty());
}

/// A connector, the fake it talks to, and the way between.
struct Desk {
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    api: FakeApi,
}

impl Desk {
    fn new() -> Self {
        let (connector, fake) = (connector(), (ENTRY.fake)(vec![shop()]));
        let credentials =
            Credentials { app_key: NODE.to_owned(), app_secret: Secret::new(TOKEN), token: None };
        let now = Timestamp::from_unix_ms(START_MS);
        let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&fake), credentials, now)
            .stepping(Duration::from_secs(1));
        Self { connector, fake, api }
    }

    /// An order with more than one line.
    fn order(&self) -> OrderId {
        for seed in 0..50 {
            let id = self.fake.create_order(&shop().shop, seed, self.api.now());
            if seed == 7 {
                return id;
            }
        }
        panic!("no order")
    }

    async fn ship(&self, waybill: &Waybill) -> Result<()> {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        self.connector.waybills().unwrap().ship(&session, waybill).await
    }

    async fn read(&self, id: &OrderId) -> crate::contract::model::Order {
        let shop = shop().shop;
        let session = Session { shop: &shop, api: &self.api, app_key: NODE, now: self.api.now() };
        let notice = self.connector.orders().unwrap().order(&session, id).await.unwrap();
        let Event::Order(order) = notice.event else { panic!("no whole order") };
        *order
    }
}

#[tokio::test]
async fn parcels_are_read_back_and_lost_answers_ship_once() {
    let desk = Desk::new();
    let id = desk.order();
    desk.fake.set_faults(Faults { lost_answer_every: 2, ..Faults::default() });
    let whole = waybill(id.as_str(), Vec::new());
    for _ in 0..6 {
        if desk.ship(&whole).await.is_ok() {
            break;
        }
    }
    desk.fake.set_faults(Faults::default());
    desk.ship(&whole).await.unwrap();
    assert_eq!(desk.fake.shipments(&shop().shop)[&id].len(), 1);
    let order = desk.read(&id).await;
    assert_eq!(order.status, OrderStatus::Shipped);
    assert_eq!(order.channel_status, "TRADE_FINISHED/PAY_FINISH/SHIP_FINISH");
    let other = Waybill { number: "SF1000000000002".to_owned(), ..whole };
    assert_eq!(desk.ship(&other).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_parcel_of_one_line_leaves_the_rest_open_and_a_strange_line_is_refused_before_a_call() {
    let desk = Desk::new();
    let mut found = None;
    for seed in 0..50 {
        let id = desk.fake.create_order(&shop().shop, seed, desk.api.now());
        let order = desk.read(&id).await;
        if order.lines.len() > 1 && !order.shipping.cash_on_delivery {
            found = Some(order);
            break;
        }
    }
    let order = found.unwrap();
    let line = |line_id: &str, quantity| WaybillLine { line_id: line_id.to_owned(), quantity };
    let strange = waybill(order.order_id.as_str(), vec![line("NOPE", 1)]);
    let error = desk.ship(&strange).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines[0].line_id")));
    assert_eq!(desk.fake.calls().get(super::waybill::PART), None);
    let first = &order.lines[0];
    let part = waybill(order.order_id.as_str(), vec![line(&first.line_id, first.quantity)]);
    desk.ship(&part).await.unwrap();
    desk.ship(&part).await.unwrap();
    assert_eq!(desk.read(&order.order_id).await.status, OrderStatus::PartlyShipped);
    let rest: Vec<_> =
        order.lines[1..].iter().map(|one| line(&one.line_id, one.quantity)).collect();
    let rest =
        Waybill { number: "SF1000000000002".to_owned(), ..waybill(order.order_id.as_str(), rest) };
    desk.ship(&rest).await.unwrap();
    let numbers: Vec<String> = desk.fake.shipments(&shop().shop)[&order.order_id]
        .iter()
        .map(|(_, number)| number.clone())
        .collect();
    assert_eq!(numbers, [NUMBER, "SF1000000000002"]);
}

#[tokio::test]
async fn a_success_that_shipped_nothing_is_no_success() {
    let (shop, connector) = (shop().shop, connector());
    let (_, open) = recorded("ec36-order-detail-after-delivery");
    let open = open.replace(r#"\"sendnum\":\"1\""#, r#"\"sendnum\":\"0\""#);
    let before = open.replace("YT1234567890", "").replace("SHIP_FINISH", "SHIP_NO");
    let taken = open.replace("YT1234567890", NUMBER);
    let line = WaybillLine { line_id: "ECS000050".to_owned(), quantity: 1 };
    let told = |answers: Vec<String>, lines: Vec<WaybillLine>| {
        let (shop, connector) = (shop.clone(), Arc::clone(&connector));
        async move {
            let api = Says(Mutex::new(answers.into()), Arc::clone(&connector));
            let parcel = waybill("2016051124036", lines);
            connector.waybills().unwrap().ship(&session(&shop, &api), &parcel).await
        }
    };
    let succ = recorded("ec36-delivery-ok").1;
    let already = told(vec![taken.clone()], Vec::new()).await.unwrap_err();
    assert_eq!(already.kind(), ErrorKind::Rejected);
    let silent = told(vec![before.clone(), succ.clone(), before.clone()], vec![line.clone()]).await;
    assert_eq!(silent.unwrap_err().kind(), ErrorKind::Unavailable);
    let dup = recorded("ec36-delivery-dup").1;
    let raced = told(vec![before.clone(), dup, before], Vec::new()).await.unwrap_err();
    assert_eq!(raced.kind(), ErrorKind::Conflict);
}

#[test]
fn money_paid_with_a_bonus_is_a_discount_and_money_from_nowhere_is_suspect() {
    let (_, detail) = recorded("ec36-order-detail");
    let read = |total: &str| {
        let mut answer: Value = serde_json::from_str(&detail).unwrap();
        answer["info"]["trade"]["total_trade_fee"] = json!(total);
        let body = answer["info"]["trade"].to_string();
        let trade = super::super::fields::Fields::from_json(body.as_bytes()).unwrap();
        super::super::normalize::checked(&trade, &super::DIALECT)
    };
    assert_eq!(read("61.55").unwrap().amounts.discount.0, 0);
    assert_eq!(read("51.55").unwrap().amounts.discount.0, 1_000);
    assert_eq!(read("61.56").unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn a_code_that_an_order_holds_twice_makes_two_lines_with_ids_of_their_own() {
    let (_, detail) = recorded("ec36-order-detail");
    let mut answer: Value = serde_json::from_str(&detail).unwrap();
    let trade = &mut answer["info"]["trade"];
    let mut orders: Value = serde_json::from_str(trade["orders"].as_str().unwrap()).unwrap();
    let mut gift = orders["order"][0].clone();
    gift["order_items"]["item"][0]["price"] = json!("0.00");
    gift["order_items"]["item"][0]["sale_price"] = json!("0.00");
    orders["order"].as_array_mut().unwrap().push(gift);
    trade["orders"] = json!(orders.to_string());
    let body = trade.to_string();
    let trade = super::super::fields::Fields::from_json(body.as_bytes()).unwrap();
    let order = super::super::normalize::checked(&trade, &super::DIALECT).unwrap();
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    assert_eq!(ids, ["ECS000063", "ECS000063#2"]);
    let items = super::super::parcel::items(&trade).unwrap();
    let ids: Vec<&str> = items.iter().map(|item| item.line_id.as_str()).collect();
    assert_eq!(ids, ["ECS000063", "ECS000063#2"]);
}

#[test]
fn a_detail_cut_anywhere_is_an_error_and_never_a_panic() {
    let (_, detail) = recorded("ec36-order-detail");
    for end in 0..detail.len() {
        let reply = ApiReply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: detail.as_bytes()[..end].to_vec().into(),
        };
        assert!(answers::classify(&reply).is_err(), "cut at {end}");
    }
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    for (settings, path) in [
        (json!({ "node_id": "a b" }), "node_id"),
        (json!({ "certi_id": "" }), "certi_id"),
        (json!({ "generation": "485" }), "generation"),
        (json!({ "carriers": { "JD": "a\n" } }), "carriers"),
    ] {
        let error = build(settings).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
}
