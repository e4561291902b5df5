//! Records: what sums must hold, and the documented refunds, whole, cut and changed.

use super::tests::{changed_order, golden};
use super::{normalize, wire};
use crate::contract::model::{Minor, Order, Refund, RefundKind, RefundStatus};
use crate::contract::{ErrorKind, Result};
use crate::taobao::wire::reply;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const REFUNDS: &str = include_str!("fixtures/refund-query-synthetic.json");

/// Refunds of an answer, as the list reads them.
fn refunds(body: &[u8]) -> Result<Vec<Refund>> {
    let list: wire::Refunds<'_> = reply(body)?;
    let raws = wire::items(list.refund_list, &["refund_detail"])?;
    raws.into_iter().map(normalize::refund).collect()
}

/// The first documented refund with one field changed.
fn changed_refund(name: &str, value: Value) -> Result<Refund> {
    let mut answer: Value = serde_json::from_str(REFUNDS).unwrap();
    let list = &mut answer["fenxiao_refund_query_response"]["refund_list"]["refund_detail"];
    list[0][name] = value;
    normalize::refund(&RawValue::from_string(list[0].to_string()).unwrap())
}

#[test]
fn the_documented_refunds_become_the_expected_events() {
    let refunds = refunds(REFUNDS.as_bytes()).unwrap();
    let said = golden("refund-query-synthetic.event.json", &refunds);
    assert_eq!(refunds[0].refund_id.as_str(), "9876543210987654321", "beyond 2^53");
    assert_eq!((refunds[0].amount, refunds[1].amount), (Minor(8_000), Minor(1)));
    assert_eq!(
        (refunds[0].status, refunds[0].kind),
        (RefundStatus::Returning, RefundKind::ReturnGoods)
    );
    assert_eq!(refunds[1].status, RefundStatus::Requested, "agreed, and not yet paid");
    for personal in ["张小样", "电话", "测试买家", "测试分销商", "refund_desc"] {
        assert!(!said.contains(personal), "{personal} is in the event");
    }
}

#[test]
fn an_answer_with_refunds_cut_anywhere_is_an_error() {
    let body = REFUNDS.trim_end().as_bytes();
    for end in 0..body.len() {
        assert!(refunds(&body[..end]).is_err(), "cut at {end}");
    }
    assert_eq!(refunds(body).unwrap().len(), 2);
}

#[test]
fn a_field_of_a_refund_that_is_missing_or_of_another_type_is_named() {
    for (name, value) in [
        ("refund_id", json!(null)),
        ("refund_id", json!({})),
        ("purchase_order_id", json!("")),
        ("sub_order_id", json!([])),
        ("refund_status", json!("soon")),
        ("refund_status", json!(null)),
        ("refund_flow_type", json!(2.5)),
        ("refund_create_time", json!("")),
        ("modified", json!(null)),
        ("modified", json!("2026-11-31 00:00:00")),
        ("refund_fee", json!(80)),
        ("refund_fee", json!("80")),
        ("refund_fee", json!("8e1")),
        ("refund_fee", json!(null)),
        ("refund_reason", json!({})),
    ] {
        let error = changed_refund(name, value.clone()).unwrap_err();
        let found = (error.kind(), error.path());
        assert_eq!(found, (ErrorKind::Malformed, Some(name)), "{value}: {error}");
    }
    let gbk = encoding_rs::GBK.encode(REFUNDS).0;
    assert!(refunds(&gbk).is_err(), "GBK where UTF-8 is due");
}

#[test]
fn every_status_of_a_refund_has_its_word() {
    use RefundStatus as S;
    for (code, status) in [
        (1, S::Requested),
        (2, S::AwaitingReturn),
        (3, S::Returning),
        (4, S::Closed),
        (5, S::Succeeded),
        (6, S::Refused),
        (9, S::None),
        (10, S::Refused),
        (12, S::Requested),
        (7, S::Unknown),
    ] {
        let refund = changed_refund("refund_status", json!(code)).unwrap();
        assert_eq!((refund.status, refund.channel_status), (status, code.to_string().into()));
    }
}

#[test]
fn a_total_needs_the_parts_or_another_figure_that_says_the_same() {
    // Of the documented order: one part of 80.00, postage of 10.00, and 90.00 paid.
    let read = |total: &str, paid: Value, part_paid: Value| -> Result<Order> {
        changed_order(&json!({
            "total_fee": total, "distributor_payment": paid, "part.distributor_payment": part_paid,
        }))
    };
    let of = |order: Result<Order>| {
        let amounts = order.unwrap().amounts;
        (amounts.payable.0, amounts.discount.0, amounts.adjustment.0)
    };
    assert_eq!(of(read("80.00", json!(null), json!(null))), (9_000, 0, 0), "the parts");
    assert_eq!(of(read("80.00", json!("1.00"), json!("1.00"))), (9_000, 0, 0));
    assert_eq!(of(read("75.00", json!("85.00"), json!(null))), (8_500, 500, 0), "what was paid");
    assert_eq!(of(read("75.00", json!(null), json!("75.00"))), (8_500, 500, 0), "a changed part");
    assert_eq!(of(read("83.00", json!("93.00"), json!("80.00"))), (9_300, 0, 300), "a rise");
    for (total, paid, part_paid) in [
        ("75.00", json!(null), json!(null)),
        ("75.00", json!("90.00"), json!("80.00")),
        ("75.00", json!("75.00"), json!("80.00")),
        ("80.01", json!("90.00"), json!("80.00")),
        ("79.99", json!("0.00"), json!("0.00")),
    ] {
        let error = read(total, paid, part_paid).unwrap_err();
        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::Malformed, Some("total_fee")),
            "{total}"
        );
        assert!(!error.to_string().contains(total), "{error}");
    }
}

#[test]
fn a_part_costs_at_most_its_price_times_its_units() {
    let read = |num: u32, total: &str| {
        changed_order(&json!({
            "part.num": num, "part.total_fee": total, "part.distributor_payment": null,
            "total_fee": total, "distributor_payment": null,
        }))
    };
    let line = |order: Result<Order>| {
        let line = order.unwrap().lines.remove(0);
        (line.quantity, line.payable.0, line.discount.0)
    };
    assert_eq!(line(read(2, "160.00")), (2, 16_000, 0));
    assert_eq!(line(read(2, "150.00")), (2, 15_000, 1_000));
    for (num, total) in [(1, "80.01"), (2, "160.01"), (0, "0.01")] {
        let error = read(num, total).unwrap_err();
        let path = Some("sub_purchase_orders[0].total_fee");
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, path), "{total}");
    }
}
