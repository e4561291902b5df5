//! Purchase orders against the strict fake of the platform, and against the documented answer.

use super::super::tests::{SECRET, TOKEN, shop};
use super::{ENTRY, normalize};
use crate::contract::model::{
    LineStatus, Minor, OrderId, OrderStatus, Refund, RefundKind, RefundPhase, RefundStatus,
    StockLevel, Timestamp, Waybill, WaybillAction, WaybillLine,
};
use crate::contract::{
    Connector, Credentials, ErrorKind, Event, Notice, Result, Secret, Session, ShopSetup, Token,
    Window,
};
use crate::testkit::conformance::{self, Subject};
use crate::testkit::{Fake, FakeApi, Faults};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DOCUMENTED: &str = include_str!("fixtures/orders-get-synthetic.json");

#[tokio::test]
async fn a_supplier_conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.refresh = Some(format!("{TOKEN}-refresh"));
    conformance::check(&subject).await;
}

/// What is said, which is what the file of that name expects.
#[track_caller]
pub(super) fn golden(name: &str, said: &impl serde::Serialize) -> String {
    let said = serde_json::to_string_pretty(said).unwrap() + "\n";
    let path = format!("{}/taobao/fenxiao/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(path).unwrap_or_default(), "{name}");
    said
}

/// The documented order with some fields changed; `null` takes one away.
pub(super) fn changed_order(changes: &Value) -> Result<crate::contract::model::Order> {
    let answer: Value = serde_json::from_str(DOCUMENTED).unwrap();
    let list = &answer["fenxiao_orders_get_response"]["purchase_orders"]["purchase_order"];
    let mut order = list[0].clone();
    for (name, value) in changes.as_object().unwrap() {
        match name.strip_prefix("part.") {
            Some(name) => {
                order["sub_purchase_orders"]["sub_purchase_order"][0][name] = value.clone();
            }
            None => order[name] = value.clone(),
        }
    }
    let raw = RawValue::from_string(order.to_string()).unwrap();
    let read = normalize::order(&raw).and_then(|order| order.check().map(|()| order));
    let answer = json!({ "purchase_orders": { "purchase_order": [order] } });
    let answer = json!({ "fenxiao_orders_get_response": answer }).to_string();
    // One reading of the whole answer says the same.
    assert_eq!(super::orders::quick(answer.as_bytes()), read.as_ref().ok().cloned());
    read
}

#[test]
fn the_documented_order_is_read_whole() {
    let order = changed_order(&json!({})).unwrap();
    let said = golden("orders-get-synthetic.event.json", &order);
    let distribution = order.distribution.unwrap();
    assert_eq!(distribution.consumer_order_id.as_deref(), Some("2067719225654838"));
    assert_eq!(distribution.distributor.as_deref(), Some("测试分销商"));
    assert_eq!(distribution.purchase_amount, Some(Minor(9_000)));
    assert_eq!((order.amounts.payable, order.amounts.paid), (Minor(9_000), Minor(9_000)));
    assert!(!said.contains("尽快发货") && !said.contains("order_messages"));
}

#[test]
fn fen_stay_fen_and_yuan_yuan() {
    let changes = json!({
        "part.tc_discount_fee": 150, "part.discount_fee": "250", "part.price": "80.00",
        "part.total_fee": "77.50", "total_fee": "75.00", "distributor_payment": "85.00",
    });
    let order = changed_order(&changes).unwrap();
    let line = &order.lines[0];
    assert_eq!((line.payable, line.discount), (Minor(7_750), Minor(250)));
    assert_eq!(line.extensions["tc_discount_fee_fen"], 150);
    assert_eq!(line.extensions["discount_fee_fen"], 250);
    assert_eq!((order.amounts.discount, order.amounts.payable), (Minor(500), Minor(8_500)));
    for (field, path) in [
        ("total_fee", "total_fee"),
        ("part.price", "sub_purchase_orders[0].price"),
        ("part.total_fee", "sub_purchase_orders[0].total_fee"),
    ] {
        for wrong in [json!(80), json!("80"), json!(80.0), json!("80.000"), json!(null)] {
            let error = changed_order(&json!({ field: wrong })).unwrap_err();
            assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{wrong}");
        }
    }
}

#[test]
fn words_for_states_are_known_and_others_are_kept() {
    for (word, status) in [
        ("WAIT_BUYER_PAY", OrderStatus::AwaitingPayment),
        ("WAIT_SELLER_SEND_GOODS", OrderStatus::AwaitingShipment),
        ("PAID_FORBID_CONSIGN", OrderStatus::OnHold),
        ("WAIT_BUYER_CONFIRM_GOODS", OrderStatus::Shipped),
        ("WAIT_BUYER_CONFIRM_GOODS_ACOUNTED", OrderStatus::Shipped),
        ("PAY_ACOUNTED_GOODS_CONFIRM", OrderStatus::Delivered),
        ("TRADE_FINISHED", OrderStatus::Completed),
        ("TRADE_CLOSED", OrderStatus::Closed),
        ("SOMETHING_NEW", OrderStatus::Unknown),
    ] {
        let order = changed_order(&json!({ "status": word })).unwrap();
        assert_eq!((order.status, order.channel_status.as_str()), (status, word));
        assert_eq!(order.shipping.holds.len(), usize::from(status == OrderStatus::OnHold));
    }
    let line = |word: &str| changed_order(&json!({ "part.status": word })).unwrap().lines[0].status;
    assert_eq!(line("TRADE_REFUNDING"), Some(LineStatus::OnHold));
    assert_eq!(line("TRADE_REFUNDED"), Some(LineStatus::Closed));
    assert_eq!(line("SOMETHING_NEW"), Some(LineStatus::Unknown));
}

#[test]
fn both_names_of_orders_and_parts_are_read() {
    let renamed = DOCUMENTED
        .replace("\"purchase_order\"", "\"top_dp_order_do\"")
        .replace("\"sub_purchase_order\"", "\"sub_order_detail\"");
    for body in [DOCUMENTED.to_owned(), renamed] {
        let raw = super::orders::only(body.as_bytes()).unwrap();
        assert_eq!(normalize::order(raw).unwrap().lines.len(), 1);
    }
    let strange = DOCUMENTED.replace("\"sub_purchase_order\"", "\"parts\"");
    let raw = super::orders::only(strange.as_bytes()).unwrap();
    let error = normalize::order(raw).unwrap_err();
    assert_eq!(error.path(), Some("sub_purchase_orders"));
}

#[test]
fn an_answer_cut_anywhere_is_an_error() {
    let body = DOCUMENTED.trim_end().as_bytes();
    for end in 0..body.len() {
        let read = super::orders::only(&body[..end]).and_then(normalize::order);
        assert!(read.is_err(), "cut at {end}");
    }
}

#[test]
fn refunds_by_flow_and_status() {
    let read = |flow: Value, status: i64| -> Refund {
        let refund = json!({
            "refund_id": 7, "purchase_order_id": 1_234_567_890_123_i64, "sub_order_id": 8,
            "refund_create_time": "2026-11-02 00:00:00", "modified": "2026-11-02 00:00:05",
            "refund_status": status, "refund_flow_type": flow, "refund_fee": "12.30",
        });
        normalize::refund(&RawValue::from_string(refund.to_string()).unwrap()).unwrap()
    };
    let before = read(json!(4), 1);
    assert_eq!((before.kind, before.phase), (RefundKind::MoneyOnly, Some(RefundPhase::OnSale)));
    assert_eq!((before.status, before.amount), (RefundStatus::Requested, Minor(1_230)));
    let after = read(json!("6"), 5);
    assert_eq!((after.kind, after.phase), (RefundKind::ReturnGoods, Some(RefundPhase::AfterSale)));
    assert_eq!(after.status, RefundStatus::Succeeded);
    let strange = read(json!(null), 77);
    assert_eq!((strange.status, strange.channel_status.as_str()), (RefundStatus::Unknown, "77"));
}

/// A connector, the fake it talks to, and the way between.
pub(super) struct Desk {
    connector: Arc<dyn Connector>,
    pub(super) fake: Arc<dyn Fake>,
    pub(super) api: FakeApi,
}

impl Desk {
    pub(super) fn new() -> Self {
        let setup = ShopSetup { shop: shop().shop, settings: Value::Null };
        let (connector, fake) = ((ENTRY.build)(setup).unwrap(), (ENTRY.fake)(vec![shop()]));
        let token = Token { access: Secret::new(TOKEN), refresh: None, expires_at: None };
        let credentials = Credentials {
            app_key: shop().app_key,
            app_secret: Secret::new(SECRET),
            token: Some(token),
        };
        let now = Timestamp::from_unix_ms(1_794_326_430_000);
        let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&fake), credentials, now)
            .stepping(Duration::from_secs(1));
        Self { connector, fake, api }
    }

    fn session<'s>(&'s self, id: &'s crate::contract::model::ShopId) -> Session<'s> {
        Session { shop: id, api: &self.api, app_key: "12345678", now: self.api.now() }
    }

    fn order(&self, seed: u64) -> OrderId {
        self.fake.create_order(&shop().shop, seed, self.api.now())
    }

    async fn read(&self, id: &OrderId) -> crate::contract::model::Order {
        let shop = shop().shop;
        let orders = self.connector.orders().unwrap();
        let Notice { event: Event::Order(order), .. } =
            orders.order(&self.session(&shop), id).await.unwrap()
        else {
            panic!("no whole order")
        };
        *order
    }

    async fn ship(&self, waybill: &Waybill) -> Result<()> {
        let shop = shop().shop;
        self.connector.waybills().unwrap().ship(&self.session(&shop), waybill).await
    }

    pub(super) async fn set(&self, levels: &[StockLevel]) -> Result<Vec<Result<()>>> {
        let shop = shop().shop;
        self.connector.stock().unwrap().set(&self.session(&shop), levels).await
    }
}

#[tokio::test]
async fn a_purchase_order_ships_whole_and_once() {
    let desk = Desk::new();
    let mut id = desk.order(0);
    let mut order = desk.read(&id).await;
    for seed in 1..50 {
        if order.lines.len() > 1 {
            break;
        }
        id = desk.order(seed);
        order = desk.read(&id).await;
    }
    let line = |line_id: &str, quantity| WaybillLine { line_id: line_id.to_owned(), quantity };
    let whole = Waybill {
        order_id: id.clone(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: "SF1000000000001".to_owned(),
        lines: order.lines.iter().map(|one| line(&one.line_id, one.quantity)).collect(),
    };
    let first = &order.lines[0];
    let part = Waybill { lines: vec![line(&first.line_id, first.quantity)], ..whole.clone() };
    let error = desk.ship(&part).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines")));
    let strange = Waybill { lines: vec![line("1", 1)], ..whole.clone() };
    assert_eq!(desk.ship(&strange).await.unwrap_err().path(), Some("lines[0].line_id"));
    assert!(desk.fake.shipments(&shop().shop).is_empty());
    desk.fake.set_faults(Faults { lost_answer_every: 2, ..Faults::default() });
    drop(desk.ship(&whole).await);
    drop(desk.ship(&whole).await);
    desk.fake.set_faults(Faults::default());
    desk.ship(&whole).await.unwrap();
    assert_eq!(desk.fake.shipments(&shop().shop)[&id].len(), 1);
    let is_split = |(name, _): &(std::borrow::Cow<'static, str>, String)| name == "sub_tid";
    let asked = desk.api.asked();
    assert!(asked.iter().all(|request| !request.params.iter().any(is_split)), "never by lines");
    let shipped = desk.read(&id).await;
    assert_eq!(shipped.shipments[0].number, "SF1000000000001");
    let other = Waybill { number: "SF1000000000002".to_owned(), ..whole };
    assert_eq!(desk.ship(&other).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_parcel_that_lacks_a_unit_is_no_whole_order() {
    let desk = Desk::new();
    for seed in 0..50 {
        let order = desk.read(&desk.order(seed)).await;
        let Some(at) = order.lines.iter().position(|line| line.quantity > 1) else { continue };
        let line = |line: &crate::contract::model::Line| WaybillLine {
            line_id: line.line_id.to_string(),
            quantity: line.quantity,
        };
        let mut waybill = Waybill {
            order_id: order.order_id.clone(),
            action: WaybillAction::Ship,
            carrier: "SF".to_owned(),
            number: "SF1000000000001".to_owned(),
            lines: order.lines.iter().map(line).collect(),
        };
        waybill.lines[at].quantity -= 1;
        let error = desk.ship(&waybill).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines")));
        // Named twice, it is there after all.
        waybill.lines.push(WaybillLine { quantity: 1, ..waybill.lines[at].clone() });
        desk.ship(&waybill).await.unwrap();
        return;
    }
    panic!("no order has two units of anything");
}

#[tokio::test]
async fn what_the_platform_has_no_call_for_is_refused_before_any_call() {
    let desk = Desk::new();
    let order_id = desk.order(0);
    for action in [WaybillAction::Replace, WaybillAction::NoParcel] {
        let waybill = Waybill {
            order_id: order_id.clone(),
            action,
            carrier: "SF".to_owned(),
            number: "SF1000000000001".to_owned(),
            lines: Vec::new(),
        };
        assert_eq!(desk.ship(&waybill).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert!(desk.api.asked().is_empty());
    assert!(desk.fake.shipments(&shop().shop).is_empty());
}

#[tokio::test]
async fn skus_are_written_by_their_properties_and_a_strange_one_is_refused_alone() {
    let desk = Desk::new();
    let stock = desk.fake.stock(&shop().shop);
    let skus: Vec<&String> = stock.keys().filter(|sku| sku.starts_with("40000000000")).collect();
    let level = |sku: &str, available| StockLevel {
        sku_id: sku.to_owned(),
        product_id: Some("600000000000".to_owned()),
        available,
    };
    let levels = [level(skus[0], 7), level("9", 1), level(skus[1], 0)];
    let outcomes = desk.set(&levels).await.unwrap();
    let kinds: Vec<_> =
        outcomes.iter().map(|one| one.as_ref().err().map(crate::contract::Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Rejected), None]);
    let now = desk.fake.stock(&shop().shop);
    assert_eq!((now[skus[0]], now[skus[1]]), (7, 0));
    assert_eq!(desk.fake.calls()[super::stock::WRITE], 1);
    // A listing without SKUs is named by its own id, and costs no reading.
    let whole = StockLevel { sku_id: "600000000001".to_owned(), product_id: None, available: 33 };
    desk.set(&[whole]).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.fake.stock(&shop().shop)["600000000001"], 33);
    assert_eq!(desk.fake.calls()[super::stock::READ], 1);
}

#[tokio::test]
async fn a_window_of_more_than_a_week_is_never_asked_for() {
    let desk = Desk::new();
    desk.order(1);
    let shop = shop().shop;
    let orders = desk.connector.orders().unwrap();
    let to = desk.api.now();
    let week = orders.spec().longest_window;
    let count = orders.count(&desk.session(&shop), Window { from: to.minus(week), to }).await;
    assert_eq!(count.unwrap(), 1);
    let from = to.minus(week + Duration::from_secs(1));
    let error = orders.count(&desk.session(&shop), Window { from, to }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn lists_ask_for_every_kind_of_order_by_the_time_it_changed() {
    let desk = Desk::new();
    let shop = shop().shop;
    let to = desk.api.now();
    let window = Window { from: to.minus(Duration::from_mins(5)), to };
    let orders = desk.connector.orders().unwrap();
    orders.count(&desk.session(&shop), window).await.unwrap();
    orders.page(&desk.session(&shop), window, 1).await.unwrap();
    let asked = desk.api.asked();
    assert_eq!(asked.len(), 2);
    for request in asked {
        let param = |name: &str| {
            let found = request.params.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        // Sold for a supplier, to a dealer, and both ways of consignment.
        assert_eq!(param("trade_types"), Some("1,2,5,6"));
        assert_eq!(param("time_type"), Some("update_time_type"));
        assert_eq!(param("end_created"), Some(to.to_china().as_str()));
    }
}

#[test]
fn a_wrong_setting_names_its_path() {
    let build = |settings: Value| (ENTRY.build)(ShopSetup { shop: shop().shop, settings });
    build(Value::Null).unwrap();
    build(json!({ "sign_method": "md5", "carriers": { "JD": "OTHER" } })).unwrap();
    for (settings, path) in [
        (json!({ "sign_method": "sha1" }), "sign_method"),
        (json!({ "carriers": { "JD": 1 } }), "carriers.JD"),
        (json!({ "stream": {} }), "stream"),
    ] {
        let error = build(settings).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
}
