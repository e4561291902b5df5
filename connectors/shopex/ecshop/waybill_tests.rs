//! Parcels, against the strict fake and against scripted answers.

use super::super::tests::{NODE, TOKEN, shop};
use super::tests::{Says, connector, recorded, session};
use super::{ENTRY, waybill as calls};
use crate::contract::model::{
    Order, OrderId, OrderStatus, Timestamp, Waybill, WaybillAction, WaybillLine,
};
use crate::contract::{
    ApiRequest, Connector, Credentials, Error, ErrorKind, Event, Result, Secret, Session,
};
use crate::testkit::{Fake, FakeApi, Faults};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NUMBER: &str = "SF1000000000001";
const OTHER: &str = "SF1000000000002";
const START_MS: i64 = 1_794_326_430_000;

fn waybill(order: &str, lines: Vec<WaybillLine>) -> Waybill {
    Waybill {
        order_id: OrderId::try_new(order).unwrap(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: NUMBER.to_owned(),
        lines,
    }
}

fn line(line_id: &str, quantity: u32) -> WaybillLine {
    WaybillLine { line_id: line_id.to_owned(), quantity }
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

    async fn read(&self, id: &OrderId) -> Order {
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
    let other = Waybill { number: OTHER.to_owned(), ..whole };
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
    let strange = waybill(order.order_id.as_str(), vec![line("NOPE", 1)]);
    let error = desk.ship(&strange).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines[0].line_id")));
    assert_eq!(desk.fake.calls().get(calls::PART), None);
    let first = &order.lines[0];
    let part = waybill(order.order_id.as_str(), vec![line(&first.line_id, first.quantity)]);
    desk.ship(&part).await.unwrap();
    // The shop writes the delivery to whom the call says.
    let asked = desk.api.asked();
    let call = asked.iter().find(|call| call.api == calls::PART).unwrap();
    let name = order.ship_to.name.as_ref().unwrap().value.expose();
    assert_eq!(param(call, "ship_name"), Some(name.as_str()));
    assert!(param(call, "ship_addr").is_some_and(|address| !address.is_empty()));
    desk.ship(&part).await.unwrap();
    assert_eq!(desk.read(&order.order_id).await.status, OrderStatus::PartlyShipped);
    let rest: Vec<_> =
        order.lines[1..].iter().map(|one| line(&one.line_id, one.quantity)).collect();
    let rest = Waybill { number: OTHER.to_owned(), ..waybill(order.order_id.as_str(), rest) };
    desk.ship(&rest).await.unwrap();
    let numbers: Vec<String> = desk.fake.shipments(&shop().shop)[&order.order_id]
        .iter()
        .map(|(_, number)| number.clone())
        .collect();
    assert_eq!(numbers, [NUMBER, OTHER]);
}

fn param<'r>(request: &'r ApiRequest, name: &str) -> Option<&'r str> {
    let found = request.params.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// What the shop shows of an order: its word for shipping, its numbers, and what is sent of what was ordered.
fn shows(ship: &str, numbers: &str, items: &[(&str, u32, u32)]) -> String {
    let object = |(bn, ordered, sent): &(&str, u32, u32)| {
        let oid = if bn.starts_with("ECS_CARD") { json!("2016") } else { Value::Null };
        let item = json!({ "bn": bn, "num": ordered.to_string(), "sendnum": sent.to_string() });
        json!({ "bn": bn, "oid": oid, "order_items": { "item": [item] } })
    };
    let orders = json!({ "order": items.iter().map(object).collect::<Vec<_>>() }).to_string();
    let trade =
        json!({ "tid": "1", "ship_status": ship, "logistics_no": numbers, "orders": orders });
    json!({ "result": "success", "msg": "", "info": { "trade": trade } }).to_string()
}

/// What the shop says of a call.
fn fails(info: &str) -> String {
    json!({ "result": "fail", "msg": "0x003", "info": info }).to_string()
}

async fn told(answers: &[String], lines: &[WaybillLine]) -> (Option<Error>, Vec<ApiRequest>) {
    let (shop, connector) = (shop().shop, connector());
    let api = Says::new(answers.to_vec(), Arc::clone(&connector));
    let parcel = waybill("1", lines.to_vec());
    let told = connector.waybills().unwrap().ship(&session(&shop, &api), &parcel).await;
    assert!(api.is_empty(), "an answer was not asked for");
    (told.err(), api.asked())
}

async fn kind(answers: &[String], lines: &[WaybillLine]) -> Option<ErrorKind> {
    told(answers, lines).await.0.map(|error| error.kind())
}

#[tokio::test]
async fn a_parcel_counts_when_each_of_its_skus_does() {
    use ErrorKind::{Conflict, Rejected, Unavailable};
    let succ = recorded("ec36-delivery-ok").1;
    let dup = recorded("ec36-delivery-dup").1;
    let both = [line("A", 1), line("B", 1)];
    let open = shows("SHIP_NO", "", &[("A", 3, 0), ("B", 2, 0)]);
    let after = |a, b| shows("SHIP_PART", NUMBER, &[("A", 3, a), ("B", 2, b)]);
    for ((a, b), expected) in [
        ((1, 1), None),
        // As many units as are in the parcel, of the wrong goods.
        ((2, 0), Some(Rejected)),
        ((0, 2), Some(Rejected)),
        ((1, 0), Some(Rejected)),
        ((0, 0), Some(Rejected)),
        // Somebody shipped more meanwhile.
        ((3, 1), None),
    ] {
        let answers = [open.clone(), succ.clone(), after(a, b)];
        assert_eq!(kind(&answers, &both).await, expected, "{a} of A and {b} of B");
        let again = if (a, b) == (1, 1) || (a, b) == (3, 1) { None } else { Some(Rejected) };
        assert_eq!(kind(&[after(a, b)], &both).await, again, "told again: {a} of A, {b} of B");
    }
    // What was sent before is not of this parcel.
    let before = shows("SHIP_PART", OTHER, &[("A", 3, 1), ("B", 2, 1)]);
    let numbers = format!("{OTHER}<br>{NUMBER}");
    let same = shows("SHIP_PART", &numbers, &[("A", 3, 2), ("B", 2, 1)]);
    let more = shows("SHIP_PART", &numbers, &[("A", 3, 2), ("B", 2, 2)]);
    assert_eq!(kind(&[before.clone(), succ.clone(), same], &both).await, Some(Rejected));
    assert_eq!(kind(&[before, succ.clone(), more], &both).await, None);
    // No number, whatever was said.
    assert_eq!(kind(&[open.clone(), succ.clone(), open.clone()], &both).await, Some(Unavailable));
    assert_eq!(kind(&[open.clone(), dup, open.clone()], &both).await, Some(Conflict));
    let exists = fails("发货单已经存在不能重复添加");
    assert_eq!(kind(&[open.clone(), exists.clone(), open.clone()], &both).await, Some(Conflict));
    assert_eq!(kind(&[open, exists, after(1, 1)], &both).await, None);
}

#[tokio::test]
async fn an_order_that_left_whole_counts_every_sku_at_least_once() {
    use ErrorKind::{Conflict, Rejected, Unavailable};
    let succ = recorded("ec36-delivery-ok").1;
    let open = shows("SHIP_NO", "", &[("A", 3, 0), ("B", 2, 0)]);
    let after = |a, b| shows("SHIP_FINISH", NUMBER, &[("A", 3, a), ("B", 2, b)]);
    for ((a, b), expected) in [
        ((3, 2), None),
        // Sizes of one article: the shop wrote the units of one over those of the other.
        ((2, 2), None),
        ((3, 0), Some(Rejected)),
        ((0, 0), Some(Rejected)),
    ] {
        let answers = [open.clone(), succ.clone(), after(a, b)];
        assert_eq!(kind(&answers, &[]).await, expected, "{a} of A and {b} of B");
        assert_eq!(kind(&[after(a, b)], &[]).await, expected, "told again: {a} of A, {b} of B");
    }
    assert_eq!(kind(&[open.clone(), succ, open.clone()], &[]).await, Some(Unavailable));
    let raced = fails("订单已经发货，不需要重复发货");
    let other = shows("SHIP_FINISH", OTHER, &[("A", 3, 3), ("B", 2, 2)]);
    assert_eq!(kind(&[open.clone(), raced.clone(), other], &[]).await, Some(Conflict));
    assert_eq!(kind(&[open, raced, after(3, 2)], &[]).await, None);
}

#[tokio::test]
async fn a_refusal_that_came_halfway_is_no_refusal_and_the_next_try_goes_on() {
    use ErrorKind::{Conflict, Unavailable};
    let open = shows("SHIP_NO", "", &[("A", 1, 0), ("B", 1, 0)]);
    // The shop counted the units, wrote a delivery, and then looked into its stock.
    let stopped = shows("SHIP_PREPARE", "", &[("A", 1, 1), ("B", 1, 1)]);
    let done = shows("SHIP_FINISH", NUMBER, &[("A", 1, 1), ("B", 1, 1)]);
    for info in ["goods store error", "update delivery_id fail"] {
        let answers = [open.clone(), fails(info), stopped.clone()];
        let error = told(&answers, &[]).await.0.unwrap();
        assert_eq!((error.kind(), error.channel_code()), (Unavailable, Some("stopped_halfway")));
        // It may have come through all the same.
        assert_eq!(kind(&[open.clone(), fails(info), done.clone()], &[]).await, None);
    }
    let succ = recorded("ec36-delivery-ok").1;
    for lines in [vec![], vec![line("A", 1), line("B", 1)]] {
        let answers = [stopped.clone(), succ.clone(), done.clone()];
        let (error, asked) = told(&answers, &lines).await;
        assert_eq!(error, None);
        assert_eq!(asked[1].api, calls::WHOLE, "the only call that goes past what was counted");
    }
    assert_eq!(kind(std::slice::from_ref(&stopped), &[line("A", 1)]).await, Some(Conflict));
    // Counted, under a number: that is shipped.
    let other = shows("SHIP_PREPARE", OTHER, &[("A", 1, 1), ("B", 1, 1)]);
    assert_eq!(kind(&[other], &[]).await, Some(Conflict));
    for info in ["创建发货单失败", "发货失败"] {
        assert_eq!(kind(&[open.clone(), fails(info)], &[]).await, Some(Unavailable), "{info}");
    }
}

#[tokio::test]
async fn a_greeting_card_travels_along_and_keeps_no_order_open() {
    let succ = recorded("ec36-delivery-ok").1;
    let card = |ship, numbers, sent| {
        shows(ship, numbers, &[("A", 2, sent), ("B", 1, sent.min(1)), ("ECS_CARD_1", 1, 0)])
    };
    let (open, done) = (card("SHIP_NO", "", 0), card("SHIP_FINISH", NUMBER, 2));
    for lines in [
        vec![],
        vec![line("A", 2), line("B", 1)],
        vec![line("A", 2), line("B", 1), line("2016", 1)],
    ] {
        let (error, asked) = told(&[open.clone(), succ.clone(), done.clone()], &lines).await;
        assert_eq!(error, None, "{lines:?}");
        assert_eq!(asked[1].api, calls::WHOLE);
        assert_eq!(kind(std::slice::from_ref(&done), &lines).await, None, "told again");
    }
    let part = shows("SHIP_PART", NUMBER, &[("A", 2, 1), ("B", 1, 0), ("ECS_CARD_1", 1, 0)]);
    let (error, asked) = told(&[open.clone(), succ, part], &[line("A", 1), line("2016", 1)]).await;
    assert_eq!(error, None);
    let items = param(&asked[1], "delivery_item").unwrap();
    assert!(items.contains("\"A\"") && !items.contains("CARD"), "{items}");
    let error = told(&[open], &[line("2016", 1)]).await.0.unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Unsupported, Some("lines")));
}

#[tokio::test]
async fn an_order_that_the_shop_closed_too_soon_is_opened_again() {
    let succ = recorded("ec36-delivery-ok").1;
    let opened = recorded("ec36-status-ship").1;
    let open = shows("SHIP_NO", "", &[("A", 2, 0), ("B", 1, 0)]);
    let closed = shows("SHIP_FINISH", NUMBER, &[("A", 2, 2), ("B", 1, 0)]);
    let lines = [line("A", 2)];
    let (error, asked) = told(&[open, succ, closed.clone(), opened.clone()], &lines).await;
    assert_eq!((error, asked.len()), (None, 4));
    let said = ["order_id", "type", "status"].map(|name| param(&asked[3], name).unwrap());
    assert_eq!((asked[3].api, said), (calls::STATUS, ["1", "ship_status", "6"]));
    // The answer to that was lost the first time.
    let (error, asked) = told(&[closed, opened], &lines).await;
    assert_eq!((error, asked[1].api), (None, calls::STATUS));
}
