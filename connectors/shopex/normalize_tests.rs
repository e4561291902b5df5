//! Recorded answers and pushes, and the events they become, byte for byte.
//!
//! `UPDATE_FIXTURES=1` writes what comes out as the new expectation; the diff is then the thing to judge.

use super::fields::Fields;
use super::sign_tests::recorded;
use super::{answers, form, normalize, normalize_refund, words};
use crate::contract::Result;
use crate::contract::model::{
    LineStatus, Minor, Order, OrderStatus, OrderType, RefundKind, RefundStatus,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

const DETAIL: &str = "ecstore-order-detail";
const AFTER: &str = "ecstore-order-detail-after-ship";
const PUSHES: [&str; 2] = ["ecstore-push-01-store.trade.add", "ecstore-push-02-store.trade.update"];

fn answered(body: &str) -> Result<Order> {
    let data = answers::data(body.as_bytes())?;
    Fields::from_json(data.get().as_bytes())
        .and_then(|trade| normalize::checked(&trade, &normalize::FAMILY))
}

fn pushed(body: &str) -> Result<Order> {
    let pairs = form::split(body.as_bytes());
    Fields::from_form(&pairs).and_then(|trade| normalize::checked(&trade, &normalize::FAMILY))
}

#[track_caller]
pub(super) fn expect(name: &str, said: &impl Serialize) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("shopex/fixtures/{name}.event.json"));
    let said = serde_json::to_string_pretty(said).unwrap() + "\n";
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(said == expected, "{name}: the event is another than before:\n{said}");
}

/// The recorded trade with some fields changed; `null` takes one away.
fn changed(changes: Value) -> Result<Order> {
    let mut answer: Value = serde_json::from_str(&recorded(DETAIL).1).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        answer["data"][name] = value.clone();
    }
    answered(&answer.to_string())
}

/// The recorded trade with its first item changed.
fn with_item(change: impl FnOnce(&mut Value)) -> Result<Order> {
    let mut answer: Value = serde_json::from_str(&recorded(DETAIL).1).unwrap();
    let mut orders: Value =
        serde_json::from_str(answer["data"]["orders"].as_str().unwrap()).unwrap();
    change(&mut orders["order"][0]["order_items"]["item"][0]);
    answer["data"]["orders"] = orders.to_string().into();
    answered(&answer.to_string())
}

#[track_caller]
fn refused_at(read: Result<Order>, path: &str) {
    let error = read.unwrap_err();
    assert_eq!(error.path(), Some(path), "{error}");
}

#[test]
fn recorded_orders_become_the_expected_events() {
    let order = answered(&recorded(DETAIL).1).unwrap();
    assert_eq!(order.status, OrderStatus::AwaitingShipment);
    assert_eq!(order.amounts.payable, Minor(7880));
    assert_eq!(order.amounts.discount, Minor(1000));
    assert_eq!(order.amounts.adjustment, Minor::ZERO, "this shop repeats its discount");
    expect(DETAIL, &order);
    let order = answered(&recorded(AFTER).1).unwrap();
    assert_eq!(order.status, OrderStatus::Shipped);
    expect(AFTER, &order);
}

#[test]
fn a_push_and_a_read_of_the_same_change_say_the_same_to_the_byte() {
    let read = serde_json::to_string(&answered(&recorded(AFTER).1).unwrap()).unwrap();
    for push in PUSHES {
        let pushed = pushed(&recorded(push).0).unwrap();
        assert_eq!(serde_json::to_string(&pushed).unwrap(), read, "{push}");
    }
}

#[test]
fn nothing_of_a_person_is_in_the_extensions() {
    let changes = json!({
        "buyer_mobile": "13800000001", "buyer_email": "buyer@example.com", "buyer_name": "张小样",
        "shipping_area": "浙江", "new_fact": "kept", "receiver_time": "工作日",
    });
    let order = changed(changes).unwrap();
    let shown = serde_json::to_string(&order.extensions).unwrap();
    assert!(shown.contains("kept") && shown.contains("工作日"), "{shown}");
    for personal in ["13800000001", "example.com", "张小样", "a@b.cn"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[test]
fn amounts_are_read_to_the_fen_or_not_at_all() {
    for amount in [json!(78.8), json!("78.80"), json!("78.8"), json!("78.800")] {
        let order = changed(json!({ "total_trade_fee": amount, "payed_fee": amount })).unwrap();
        assert_eq!(order.amounts.paid, Minor(7880), "{amount}");
    }
    assert_eq!(changed(json!({ "payed_fee": 78 })).unwrap().amounts.paid, Minor(7800));
    for wrong in ["78.801", "78.8000", "78.", ".8", "7e1", "+78.80", "78,80", "NaN", "--1"] {
        refused_at(changed(json!({ "payed_fee": wrong })), "payed_fee");
    }
    refused_at(changed(json!({ "payed_fee": 7e30 })), "payed_fee");
    refused_at(changed(json!({ "total_trade_fee": null })), "total_trade_fee");
    refused_at(changed(json!({ "total_trade_fee": "" })), "total_trade_fee");
}

#[test]
fn sums_that_do_not_hold_are_refused_with_the_field() {
    refused_at(changed(json!({ "total_trade_fee": "78.790" })), "amounts.payable");
    refused_at(changed(json!({ "total_goods_fee": "78.81" })), "amounts.payable");
    refused_at(changed(json!({ "shipping_fee": "9.990" })), "amounts.payable");
    let both = json!({ "total_goods_fee": "78.90", "total_trade_fee": "78.900" });
    refused_at(changed(both), "amounts.goods");
    let path = "orders[0].order_items[0].discount_fee";
    refused_at(with_item(|item| item["sale_price"] = "58.000".into()), path);
    refused_at(with_item(|item| item["price"] = "59.001".into()), "orders[0].order_items[0].price");
}

#[test]
fn a_reduction_that_is_no_repetition_counts() {
    // Both are taken off, and the total says so.
    let order = changed(json!({ "total_trade_fee": "68.800" })).unwrap();
    assert_eq!((order.amounts.discount, order.amounts.adjustment), (Minor(1000), Minor(-1000)));
    // Only the seller's change.
    let order = changed(json!({ "orders_discount_fee": "0.000", "total_trade_fee": "78.800" }));
    assert_eq!(order.unwrap().amounts.adjustment, Minor(-1000));
    // The fees beside the goods.
    let fees = json!({
        "protect_fee": "1.000", "pay_cost": "0.500", "invoice_fee": "2.000",
        "total_trade_fee": "82.300",
    });
    let order = changed(fees).unwrap();
    assert_eq!(order.amounts.freight, Minor(1100));
    assert_eq!((order.amounts.tax, order.amounts.adjustment), (Minor(200), Minor(50)));
}

#[test]
fn what_php_multiplied_with_floating_point_numbers_is_not_believed() {
    let order = with_item(|item| {
        item["sale_price"] = "49.000".into();
        item["discount_fee"] = json!(9.999_999_999_999_998);
    });
    // The line holds; the order's own sum of reductions does not know of it.
    refused_at(order, "goods_discount_fee");
}

#[test]
fn fields_of_another_type_are_refused_with_their_path() {
    for (changes, path) in [
        (json!({ "tid": null }), "tid"),
        (json!({ "tid": ["a"] }), "tid"),
        (json!({ "tid": "a:b" }), "tid"),
        (json!({ "status": null }), "status"),
        (json!({ "tid": {} }), "tid"),
        (json!({ "pay_status": {} }), "pay_status"),
        (json!({ "created": "yesterday" }), "created"),
        (json!({ "created": 99_999_999_999_999_u64 }), "created"),
        (json!({ "lastmodify": "2026-02-30 00:00:00" }), "lastmodify"),
        (json!({ "lastmodify": null, "modified": "" }), "modified"),
        (json!({ "is_cod": "maybe" }), "is_cod"),
        (json!({ "currency": "USD" }), "currency"),
        (json!({ "orders": "{\"order\":[{\"oid\":\"1\"}]}" }), "orders[0].order_items"),
        (json!({ "orders": "{\"order\":[" }), "orders.order"),
        (json!({ "orders": "" }), "lines"),
        (json!({ "orders": 7 }), "orders"),
        (json!({ "payment_lists": "x" }), "payment_lists"),
    ] {
        let error = changed(changes.clone()).unwrap_err();
        assert_eq!(error.path(), Some(path), "{changes}: {error}");
    }
    let item = |name: &'static str, value: Value| with_item(move |item| item[name] = value);
    for name in ["num", "sendnum"] {
        for wrong in [json!("two"), json!(-1), json!(1.5), json!(5_000_000_000_u64)] {
            refused_at(item(name, wrong), &format!("orders[0].order_items[0].{name}"));
        }
    }
    refused_at(item("num", Value::Null), "orders[0].order_items[0].num");
    assert_eq!(item("num", json!("1.00")).unwrap().lines[0].quantity, 1);
}

#[test]
fn bodies_cut_off_anywhere_are_never_read_as_something_else() {
    let whole = recorded(DETAIL).1;
    for (length, _) in whole.char_indices() {
        assert!(answered(whole.split_at(length).0).is_err(), "cut off at {length}");
    }
    let orders = answered(&whole).unwrap();
    for push in PUSHES {
        let (whole, _) = recorded(push);
        for (length, _) in whole.char_indices() {
            // The fields of the call stand behind those of the trade.
            if let Ok(order) = pushed(whole.split_at(length).0) {
                assert_eq!(order.amounts, orders.amounts, "{push} cut off at {length}");
                assert_eq!(order.lines.len(), orders.lines.len());
            }
        }
    }
}

#[test]
fn an_unknown_word_is_unknown_with_the_word_beside_it() {
    for name in ["status", "pay_status", "ship_status"] {
        let order = changed(json!({ name: "SOMETHING_NEW" })).unwrap();
        assert_eq!(order.status, OrderStatus::Unknown);
        assert!(order.channel_status.contains("SOMETHING_NEW"), "{}", order.channel_status);
    }
    assert_eq!(words::refund_status("SOMETHING_NEW"), RefundStatus::Unknown);
    let line = with_item(|item| item["item_status"] = "odd".into()).unwrap().lines[0].clone();
    assert_eq!(line.status, Some(LineStatus::Unknown));
    assert_eq!(line.channel_status.as_deref(), Some("odd"));
}

#[test]
fn every_known_word_means_what_is_documented() {
    use OrderStatus as S;
    let table = [
        ("TRADE_ACTIVE", "PAY_NO", "SHIP_NO", S::AwaitingPayment),
        ("TRADE_ACTIVE", "PAY_PART", "SHIP_NO", S::PartlyPaid),
        ("TRADE_ACTIVE", "PAY_FINISH", "SHIP_NO", S::AwaitingShipment),
        ("TRADE_ACTIVE", "PAY_TO_MEDIUM", "SHIP_PREPARE", S::AwaitingShipment),
        ("TRADE_ACTIVE", "REFUND_PART", "SHIP_NO", S::AwaitingShipment),
        ("TRADE_ACTIVE", "REFUND_ALL", "SHIP_NO", S::Closed),
        ("TRADE_ACTIVE", "PAY_FINISH", "SHIP_PART", S::PartlyShipped),
        ("TRADE_ACTIVE", "PAY_NO", "SHIP_FINISH", S::Shipped),
        ("TRADE_ACTIVE", "REFUND_ALL", "RESHIP_ALL", S::Shipped),
        ("TRADE_CLOSED", "PAY_NO", "SHIP_NO", S::Cancelled),
        ("TRADE_CLOSED", "PAY_NO", "SHIP_FINISH", S::Unknown),
        ("TRADE_CLOSED", "PAY_FINISH", "SHIP_FINISH", S::Completed),
        ("TRADE_CLOSED", "PAY_FINISH", "SHIP_NO", S::Closed),
        ("TRADE_CLOSED", "REFUND_ALL", "RESHIP_ALL", S::Closed),
        ("TRADE_FINISHED", "PAY_FINISH", "SHIP_FINISH", S::Completed),
    ];
    for (status, pay, ship, expected) in table {
        let found = words::order_status(status, pay, ship, false);
        assert_eq!(found, expected, "{status}/{pay}/{ship}");
    }
    let at_the_door = changed(json!({ "is_cod": "true", "pay_status": "PAY_NO" })).unwrap();
    assert_eq!(at_the_door.status, OrderStatus::AwaitingShipment);
    assert_eq!(at_the_door.order_type, OrderType::CashOnDelivery);
}

#[test]
fn a_package_has_a_line_for_each_item_and_a_payment_says_when() {
    let mut orders: Value = json!({ "order": [{
        "oid": "9", "type": "pkg", "title": "套装", "order_items": { "item": [
            { "sku_id": "1", "iid": "1", "bn": "A", "name": "a", "price": "10.000", "num": "1",
              "sendnum": "1", "sale_price": "9.000", "discount_fee": 1, "item_type": "product" },
            { "sku_id": "2", "iid": "1", "bn": "B", "name": "b", "price": 5, "num": 2,
              "sendnum": 0, "sale_price": "10.000", "item_type": "gift" },
        ] },
    }] });
    let payments = json!({ "payment_list": [
        { "payment_code": "alipay", "pay_fee": "19.000", "t_end": "2014-08-01 20:01:00",
          "status": "SUCC", "outer_no": "77", "buyer_account": "buyer@example.com" },
        { "payment_code": "deposit", "pay_fee": "1.000", "status": "FAILED" },
    ] });
    let promotions = json!([{ "promotion_name": "满减", "promotion_fee": "1.000" }]);
    let mut changes = json!({
        "orders": orders.to_string(), "payment_lists": payments.to_string(),
        "promotion_details": promotions.to_string(), "total_goods_fee": "20.00",
        "goods_discount_fee": "1.000", "orders_discount_fee": "0.000", "discount_fee": "0.000",
        "total_trade_fee": "29.000", "ship_status": "SHIP_PART",
    });
    let order = changed(changes.clone()).unwrap();
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    assert_eq!(ids, ["9", "9-2"]);
    assert_eq!(order.lines[0].status, Some(LineStatus::Shipped));
    assert_eq!(order.lines[1].status, Some(LineStatus::AwaitingShipment));
    assert!(order.lines[1].gift && !order.lines[0].gift);
    assert_eq!(order.payments.len(), 1, "one of two went through");
    assert_eq!(order.payments[0].number.as_deref(), Some("77"));
    assert_eq!(order.times.paid.unwrap().to_string(), "2014-08-01T20:01:00+08:00");
    assert_eq!(order.promotions[0].discount, Minor(100));
    assert!(!serde_json::to_string(&order).unwrap().contains("buyer@example.com"));
    // The same lists, not inside a text.
    changes["orders"] = orders.take();
    changes["payment_lists"] = payments;
    assert_eq!(changed(changes).unwrap(), order);
}

#[test]
fn a_shop_that_tells_numbers_is_read() {
    let told = json!({ "logistics_no": "A1<br>A2", "logistics_company": "圆通速递" });
    let order = changed(told).unwrap();
    let numbers: Vec<&str> = order.shipments.iter().map(|parcel| parcel.number.as_str()).collect();
    assert_eq!(numbers, ["A1", "A2"]);
}

#[test]
fn refunds_and_applications_become_refunds() {
    let read = |body: &str| {
        let pairs = form::split(body.as_bytes());
        normalize_refund::refund(&Fields::from_form(&pairs).unwrap(), &normalize::FAMILY)
    };
    let body = "refund_id=R1&tid=7&oid=3&refund_fee=19.800&status=SUCC&created=1406865600\
                &modified=2014-08-01+12:05:00&refund_type=refund&reason=x";
    let refund = read(body).unwrap();
    assert_eq!((refund.amount, refund.status), (Minor(1980), RefundStatus::Succeeded));
    assert_eq!(refund.kind, RefundKind::MoneyOnly);
    assert_eq!(refund.created.to_string(), "2014-08-01T12:00:00+08:00");
    assert_eq!(refund.modified.to_string(), "2014-08-01T12:05:00+08:00");
    assert_eq!(refund.line_id.as_deref(), Some("3"));
    for (part, path) in [
        ("refund_id=R1&", "refund_id"),
        ("tid=7&", "tid"),
        ("refund_fee=19.800&", "refund_fee"),
        ("status=SUCC&", "status"),
        ("created=1406865600", "t_begin"),
    ] {
        assert_eq!(read(&body.replace(part, "")).unwrap_err().path(), Some(path));
    }
    let pairs = form::split(
        "tid=7&aftersale_id=5&created=2014-08-01+12:00:00&status=1&title=换\
         &aftersale_items=[{\"sku_bn\":\"A\",\"sku_name\":\"a\",\"number\":\"2\"}]"
            .as_bytes(),
    );
    let refund =
        normalize_refund::aftersale(&Fields::from_form(&pairs).unwrap(), &normalize::FAMILY)
            .unwrap();
    assert_eq!((refund.kind, refund.quantity), (RefundKind::ReturnGoods, Some(2)));
    assert_eq!(refund.extensions["amount_is_stated"], json!(false));
}

proptest! {
    #[test]
    fn any_text_in_any_field_is_an_order_or_an_error(
        name in "(tid|status|created|orders|payment_lists|total_trade_fee|is_cod|discount_fee)",
        text in "\\PC{0,20}",
    ) {
        drop(changed(json!({ name: text })));
    }
}
