//! Stock levels and waybills, against the fake.

use super::orders_tests::Desk;
use super::tests::shop;
use super::{ENTRY, stock, waybill};
use crate::contract::model::{OrderId, StockLevel, Waybill, WaybillAction, WaybillLine};
use crate::contract::{Error, ErrorKind, Event};
use crate::testkit::Faults;
use serde_json::json;
use std::time::Duration;

const SHIRT: &str = "7C44F63200000000007C39A9064A181E";
const SOCKS: &str = "7C44F63200000000007C39A9064A1820";

fn level(item: &str, sku: &str, available: u32) -> StockLevel {
    StockLevel { sku_id: sku.to_owned(), product_id: Some(item.to_owned()), available }
}

fn parcel(order: &OrderId, number: &str) -> Waybill {
    Waybill {
        order_id: order.clone(),
        action: WaybillAction::Ship,
        carrier: "SF".to_owned(),
        number: number.to_owned(),
        lines: Vec::new(),
    }
}

async fn ship(desk: &Desk, waybill: &Waybill) -> crate::contract::Result<()> {
    desk.connector.waybills().unwrap().ship(&desk.session(), waybill).await
}

fn calls(desk: &Desk, api: &str) -> u64 {
    desk.fake.calls().get(api).copied().unwrap_or(0)
}

#[tokio::test]
async fn skus_of_a_listing_share_a_call_and_each_has_its_outcome() {
    let desk = Desk::new(json!({}));
    let sink = desk.connector.stock().unwrap();
    let levels = [
        level(SHIRT, "9071234567", 3),
        level(SHIRT, "9071234999", 4),
        level(SHIRT, "9071234569", 5),
    ];
    let outcomes = sink.set(&desk.session(), &levels).await.unwrap();
    let kinds: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Rejected), None]);
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!(error.channel_code(), Some("5001"));
    assert_eq!((calls(&desk, stock::BATCH), calls(&desk, stock::ONE)), (1, 0));
    let there = desk.fake.stock(&shop().shop);
    assert_eq!((there["9071234567"], there["9071234569"]), (3, 5));
}

#[tokio::test]
async fn a_listing_without_skus_is_set_by_itself() {
    let desk = Desk::new(json!({ "charset": "gbk" }));
    let sink = desk.connector.stock().unwrap();
    for levels in [
        vec![level(SOCKS, SOCKS, 9)],
        vec![level(SOCKS, SOCKS, 10), level(SOCKS, "9071234567", 1)],
        vec![StockLevel { product_id: None, ..level(SOCKS, SOCKS, 11) }],
    ] {
        let outcomes = sink.set(&desk.session(), &levels).await.unwrap();
        outcomes[0].clone().unwrap();
        assert_eq!(desk.fake.stock(&shop().shop)[SOCKS], levels[0].available);
    }
}

#[tokio::test]
async fn a_parcel_is_told_once_and_its_number_is_there_to_read() {
    let desk = Desk::new(json!({ "charset": "gbk", "carriers": { "SF": "顺丰速递" } }));
    let order = desk.create(1);
    ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap();
    ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap();
    assert_eq!(calls(&desk, waybill::CONSIGN), 1, "what is done is not asked for again");
    let there = desk.fake.shipments(&shop().shop);
    assert_eq!(there[&order], [("顺丰速递".to_owned(), "SF1234567890".to_owned())]);
    let shipped =
        desk.connector.waybills().unwrap().shipped(&desk.session(), &order).await.unwrap();
    assert_eq!((shipped[0].carrier.as_str(), shipped[0].number.as_str()), ("SF", "SF1234567890"));
    let error = ship(&desk, &parcel(&order, "SF1234567891")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(calls(&desk, waybill::CONSIGN), 1);
}

#[tokio::test]
async fn a_lost_answer_does_not_ship_twice() {
    let desk = Desk::new(json!({}));
    let order = desk.create(1);
    // The second call is the shipment itself: it is done, and its answer is lost.
    desk.fake.set_faults(Faults { lost_answer_every: 2, ..Faults::default() });
    let error = ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    desk.fake.set_faults(Faults::default());
    ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap();
    assert_eq!(calls(&desk, waybill::CONSIGN), 1);
    assert_eq!(desk.fake.shipments(&shop().shop)[&order].len(), 1);
}

#[tokio::test]
async fn what_the_channel_would_refuse_costs_no_call_that_fails() {
    let desk = Desk::new(json!({}));
    let (order, cod) = (desk.create(1), desk.create(8));
    let long = Waybill { carrier: "DBKD".to_owned(), ..parcel(&order, "123456789012345678901") };
    let nobody = Waybill { carrier: "ZTOO".to_owned(), ..parcel(&order, "1") };
    for (waybill, path) in [(long, Some("number")), (nobody, Some("carrier"))] {
        let error = ship(&desk, &waybill).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, path));
    }
    assert!(desk.api.asked().is_empty(), "these are known to be wrong before any call");
    let error = ship(&desk, &parcel(&cod, "SF1234567890")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.context().contains("paid at the door"), "{error}");
    let replaced = Waybill { action: WaybillAction::Replace, ..parcel(&order, "SF1234567890") };
    assert_eq!(ship(&desk, &replaced).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(calls(&desk, waybill::CONSIGN), 0);
}

#[tokio::test]
async fn a_parcel_holds_all_of_a_deal_or_is_refused() {
    let desk = Desk::new(json!({}));
    let order = desk.create(3);
    let Event::Order(read) = desk.read(&order).await.unwrap() else { panic!("not an order") };
    let line = |index: usize, quantity: u32| WaybillLine {
        line_id: read.lines[index].line_id.to_string(),
        quantity,
    };
    let with = |lines: Vec<WaybillLine>| Waybill { lines, ..parcel(&order, "SF1234567890") };
    let all: Vec<_> = (0..2).map(|index| line(index, read.lines[index].quantity)).collect();
    let stranger = WaybillLine { line_id: "1".to_owned(), quantity: 1 };
    for lines in
        [vec![line(0, 2)], vec![line(0, 1), line(1, 2)], [all.clone(), vec![stranger]].concat()]
    {
        let error = ship(&desk, &with(lines)).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("lines")));
    }
    assert_eq!(calls(&desk, waybill::CONSIGN), 0);
    ship(&desk, &with(all)).await.unwrap();
}

#[tokio::test]
async fn goods_without_a_parcel_are_told_as_such_and_once() {
    let desk = Desk::new(json!({ "format": "xml" }));
    let order = desk.create(1);
    let waybill =
        Waybill { action: WaybillAction::NoParcel, carrier: String::new(), ..parcel(&order, "") };
    ship(&desk, &waybill).await.unwrap();
    ship(&desk, &waybill).await.unwrap();
    assert_eq!(desk.fake.shipments(&shop().shop)[&order], [("NO".to_owned(), String::new())]);
    let error = ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let shipped =
        desk.connector.waybills().unwrap().shipped(&desk.session(), &order).await.unwrap();
    assert_eq!((shipped.len(), shipped[0].number.as_str()), (1, ""));
}

#[tokio::test]
async fn an_ended_deal_is_not_shipped() {
    let desk = Desk::new(json!({}));
    let order = desk.create(1);
    ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap();
    desk.edit(&order);
    desk.api.pass(Duration::from_hours(1));
    ship(&desk, &parcel(&order, "SF1234567890")).await.unwrap();
    let error = ship(&desk, &parcel(&order, "SF1234567899")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(calls(&desk, waybill::CONSIGN), 1);
    assert!(ENTRY.quotas.iter().any(|quota| quota.api == waybill::CONSIGN));
}
