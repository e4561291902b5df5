//! Recorded answers and the events they become, byte for byte.
//!
//! `UPDATE_FIXTURES=1` writes what comes out as the new expectation; the diff is then the thing to judge.

use super::wire::{self, FullInfo, OneRefund, Raw, Refunds, Trades, items};
use super::{normalize, normalize_refund, orders};
use crate::contract::Result;
use crate::contract::model::{
    LineStatus, Minor, Order, OrderStatus, OrderType, PersonalForm, Refund, RefundKind,
    RefundStatus,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

const CLOSED: &str = include_str!("fixtures/trade-fullinfo-2014-closed-by-taobao.json");
const FINISHED: &str = include_str!("fixtures/trade-fullinfo-2014-finished-shipped.json");
const REWRITTEN: &str = include_str!("fixtures/trade-fullinfo-2021-step-rewritten.json");
const SANDBOX: &str = include_str!("fixtures/trades-sold-get-2016-sandbox.json");
const PLAIN: &str = include_str!("fixtures/trades-sold-increment-get-synthetic.json");
const SIMPLE: &str = include_str!("fixtures/trades-sold-increment-get-synthetic-simplify.json");
const EMPTY: &str = include_str!("fixtures/trades-sold-increment-get-empty-synthetic.json");
const REFUNDS: &str = include_str!("fixtures/refunds-receive-get-2016-sandbox.json");
const REFUND_2016: &str = include_str!("fixtures/refund-get-2016-sandbox.json");
const REFUND_2019: &str = include_str!("fixtures/refund-get-2019-jdp-template.json");

/// The trade of an answer. Where one reading of the body is enough, it says the same as one after the other.
pub(super) fn full(body: &[u8]) -> Result<Order> {
    let quick = orders::quick(body);
    let order = wire::reply(body).and_then(|FullInfo { trade }| normalize::order(trade));
    match &order {
        Ok(order) => assert!(quick.is_none_or(|quick| *quick == *order)),
        Err(_) => assert_eq!(quick, None),
    }
    order
}

fn listed(body: &str) -> Vec<Order> {
    let trades: Trades<'_> = wire::reply(body.as_bytes()).unwrap();
    let raws = items(trades.trades, "trade").unwrap();
    raws.into_iter().map(|raw| normalize::order(raw).unwrap()).collect()
}

pub(super) fn one_refund(body: &str) -> Refund {
    let OneRefund { refund } = wire::reply(body.as_bytes()).unwrap();
    normalize_refund::refund(refund).unwrap()
}

fn refunds(body: &str) -> Vec<Refund> {
    let list: Refunds<'_> = wire::reply(body.as_bytes()).unwrap();
    let raws: Vec<Raw<'_>> = items(list.refunds, "refund").unwrap();
    raws.into_iter().map(|raw| normalize_refund::refund(raw).unwrap()).collect()
}

#[track_caller]
pub(super) fn expect(name: &str, said: &impl Serialize) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("taobao/fixtures/{name}.event.json"));
    let said = serde_json::to_string_pretty(said).unwrap() + "\n";
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(said == expected, "{name}: the event is another than before:\n{said}");
}

/// A trade that changed in some fields.
pub(super) fn changed(body: &str, change: impl FnOnce(&mut Value)) -> Result<Order> {
    let mut body: Value = serde_json::from_str(body).unwrap();
    change(&mut body["trade_fullinfo_get_response"]["trade"]);
    full(body.to_string().as_bytes())
}

#[test]
fn recorded_trades_become_the_expected_orders() {
    let closed = full(CLOSED.as_bytes()).unwrap();
    closed.check().unwrap();
    assert_eq!(closed.status, OrderStatus::Cancelled);
    assert_eq!(closed.amounts.paid, Minor::ZERO, "it was never paid");
    assert_eq!(closed.amounts.payable, Minor(1380));
    expect("trade-fullinfo-2014-closed-by-taobao", &closed);
    let finished = full(FINISHED.as_bytes()).unwrap();
    finished.check().unwrap();
    assert_eq!(finished.shipments[0].number, "550281136794");
    expect("trade-fullinfo-2014-finished-shipped", &finished);
    let sandbox = listed(SANDBOX);
    sandbox[0].check().unwrap();
    assert_eq!(sandbox[0].amounts.payable, Minor(51000));
    assert_eq!(sandbox[0].lines[0].payable, Minor(50000), "postage is no part of a line");
    expect("trades-sold-get-2016-sandbox", &sandbox);
    let plain = listed(PLAIN);
    plain[0].check().unwrap();
    expect("trades-sold-increment-get-synthetic", &plain);
}

#[test]
fn recorded_refunds_become_the_expected_refunds() {
    let many = refunds(REFUNDS);
    assert_eq!(many.len(), 2);
    expect("refunds-receive-get-2016-sandbox", &many);
    let old = one_refund(REFUND_2016);
    assert_eq!(old.modified, many[1].modified, "the version stands in for a missing time");
    expect("refund-get-2016-sandbox", &old);
    let newer = one_refund(REFUND_2019);
    assert_eq!(newer.kind, RefundKind::ReturnGoods);
    expect("refund-get-2019-jdp-template", &newer);
}

#[test]
fn an_answer_in_its_usual_form_is_read_once() {
    for body in [CLOSED, FINISHED] {
        assert_eq!(*orders::quick(body.as_bytes()).unwrap(), full(body.as_bytes()).unwrap());
    }
    for (usual, other) in [("_response", "_answer"), ("\"order\":", "\"orders\":")] {
        let body = FINISHED.replace(usual, other);
        assert_eq!(orders::quick(body.as_bytes()), None, "{other}");
    }
}

#[test]
fn plain_and_simplified_answers_give_equal_orders() {
    assert_eq!(listed(PLAIN), listed(SIMPLE));
    assert!(listed(EMPTY).is_empty());
    let mut single: Value = serde_json::from_str(SANDBOX).unwrap();
    let trades = &mut single["trades_sold_get_response"]["trades"]["trade"];
    let mut trade = trades[0].take();
    let line = trade["orders"]["order"][0].take();
    trade["orders"]["order"] = line;
    *trades = trade;
    assert_eq!(listed(&single.to_string()), listed(SANDBOX), "one object where a list is expected");
}

#[test]
fn amounts_without_a_decimal_point_are_refused_by_name() {
    let error = full(REWRITTEN.as_bytes()).unwrap_err();
    assert_eq!(error.path(), Some("payment"));
    assert!(error.context().contains("two decimal places"), "{error}");
    assert!(!error.to_string().contains("29800"));
    let line = changed(CLOSED, |trade| trade["orders"]["order"][0]["price"] = json!("88"));
    assert_eq!(line.unwrap_err().path(), Some("orders[0].price"));
}

#[test]
fn sums_that_do_not_agree_are_not_bent_to_fit() {
    let wrong_payment = changed(CLOSED, |trade| trade["payment"] = json!("13.81")).unwrap();
    assert_eq!(wrong_payment.check().unwrap_err().path(), Some("amounts.payable"));
    let line = |trade: &mut Value| trade["orders"]["order"][0]["total_fee"] = json!("13.79");
    let wrong_line = changed(CLOSED, line).unwrap();
    assert_eq!(wrong_line.check().unwrap_err().path(), Some("lines[0].payable"));
    let wrong_goods = changed(CLOSED, |trade| trade["total_fee"] = json!("87.99")).unwrap();
    assert!(wrong_goods.check().is_err());
}

#[test]
fn a_discount_of_the_trade_counts_once_shared_or_not() {
    let shared = |trade: &mut Value| {
        trade["discount_fee"] = json!("3.80");
        trade["payment"] = json!("10.00");
        trade["orders"]["order"][0]["part_mjz_discount"] = json!("3.80");
    };
    let order = changed(CLOSED, shared).unwrap();
    order.check().unwrap();
    assert_eq!(order.amounts.discount, Minor(7800));
    assert_eq!(order.lines[0].payable, Minor(1000));
    let repeated = changed(CLOSED, |trade| trade["discount_fee"] = json!("74.20")).unwrap();
    repeated.check().unwrap();
    assert_eq!(repeated.amounts.discount, Minor(7420), "the only line's, said twice");
    let unshared = |trade: &mut Value| {
        trade["discount_fee"] = json!("3.80");
        trade["payment"] = json!("10.00");
    };
    let order = changed(CLOSED, unshared).unwrap();
    order.check().unwrap();
    assert_eq!(order.amounts.discount, Minor(7800));
}

#[test]
fn ids_of_twenty_digits_survive_as_numbers_and_as_text() {
    let big = "98765432109876543210";
    for written in [big.to_owned(), format!("\"{big}\"")] {
        let body = FINISHED
            .replace("518073718172548,", &format!("{written},"))
            .replace("\"alipay_id\": 2088000000000002", &format!("\"new_id\": {written}"));
        let order = full(body.as_bytes()).unwrap();
        assert_eq!(order.order_id.as_str(), big);
        assert_eq!(order.lines[0].line_id, big);
        assert_eq!(order.extensions["new_id"], json!(big));
    }
}

#[test]
fn every_status_of_the_channel_has_its_word_and_its_money() {
    let rows = [
        ("TRADE_NO_CREATE_PAY", OrderStatus::AwaitingPayment, 0),
        ("WAIT_BUYER_PAY", OrderStatus::AwaitingPayment, 0),
        ("PAY_PENDING", OrderStatus::AwaitingPayment, 0),
        ("WAIT_PRE_AUTH_CONFIRM", OrderStatus::AwaitingPayment, 0),
        ("PAID_FORBID_CONSIGN", OrderStatus::OnHold, 7600),
        ("WAIT_SELLER_SEND_GOODS", OrderStatus::AwaitingShipment, 7600),
        ("SELLER_CONSIGNED_PART", OrderStatus::PartlyShipped, 7600),
        ("WAIT_BUYER_CONFIRM_GOODS", OrderStatus::Shipped, 7600),
        ("TRADE_BUYER_SIGNED", OrderStatus::Delivered, 7600),
        ("TRADE_FINISHED", OrderStatus::Completed, 7600),
        ("TRADE_CLOSED", OrderStatus::Closed, 7600),
        ("TRADE_CLOSED_BY_TAOBAO", OrderStatus::Cancelled, 0),
        ("SOMETHING_NEW", OrderStatus::Unknown, 7600),
    ];
    for (word, status, paid) in rows {
        let change = |trade: &mut Value| {
            trade["status"] = json!(word);
            trade["orders"]["order"][0]["status"] = json!(word);
        };
        let order = changed(FINISHED, change).unwrap();
        order.check().unwrap();
        assert_eq!((order.status, order.channel_status.as_str()), (status, word));
        assert_eq!(order.lines[0].status, Some(status));
        assert_eq!(order.lines[0].channel_status.as_deref(), Some(word));
        assert_eq!(order.amounts.paid, Minor(paid), "{word}");
    }
}

#[test]
fn presales_pay_in_two_steps_and_the_door_pays_last() {
    let step = |status: &'static str, step: &'static str| {
        move |trade: &mut Value| {
            trade["type"] = json!("step");
            trade["status"] = json!(status);
            trade["step_trade_status"] = json!(step);
            trade["step_paid_fee"] = json!("10.00");
        }
    };
    let order = changed(FINISHED, step("WAIT_BUYER_PAY", "FRONT_PAID_FINAL_NOPAID")).unwrap();
    assert_eq!(order.order_type, OrderType::Presale);
    assert_eq!((order.status, order.amounts.paid), (OrderStatus::PartlyPaid, Minor(1000)));
    let order = changed(FINISHED, step("WAIT_BUYER_PAY", "FRONT_NOPAID_FINAL_NOPAID")).unwrap();
    assert_eq!((order.status, order.amounts.paid), (OrderStatus::AwaitingPayment, Minor(0)));
    let forfeited = step("TRADE_CLOSED_BY_TAOBAO", "FRONT_PAID_FRONT_FORFEITED");
    let order = changed(FINISHED, forfeited).unwrap();
    assert_eq!((order.status, order.amounts.paid), (OrderStatus::Cancelled, Minor(1000)));
    let cod = |status: &'static str| {
        move |trade: &mut Value| {
            trade["type"] = json!("cod");
            trade["status"] = json!(status);
        }
    };
    let order = changed(FINISHED, cod("WAIT_SELLER_SEND_GOODS")).unwrap();
    assert!(order.shipping.cash_on_delivery);
    assert_eq!((order.amounts.paid, order.times.paid), (Minor(0), None));
    let order = changed(FINISHED, cod("TRADE_FINISHED")).unwrap();
    assert_eq!(order.amounts.paid, Minor(7600));
}

#[test]
fn what_forbids_shipping_is_named_and_holds_the_order() {
    let change = |trade: &mut Value| {
        trade["status"] = json!("WAIT_SELLER_SEND_GOODS");
        trade["top_hold"] = json!(1);
        trade["team_buy_hold"] = json!("1");
        trade["ofp_hold"] = json!(0);
        trade["forbid_consign"] = json!(true);
    };
    let order = changed(FINISHED, change).unwrap();
    assert_eq!(order.status, OrderStatus::OnHold);
    let reasons: Vec<_> = order.shipping.holds.iter().map(|hold| hold.reason.as_str()).collect();
    assert_eq!(reasons, ["top_hold", "team_buy_hold", "forbid_consign"]);
    let status = changed(FINISHED, |trade| trade["status"] = json!("PAID_FORBID_CONSIGN")).unwrap();
    assert_eq!(status.shipping.holds[0].reason, "PAID_FORBID_CONSIGN");
}

#[test]
fn receivers_keep_the_form_the_channel_gave_them() {
    let change = |trade: &mut Value| {
        trade["receiver_name"] = json!("~c2VjcmV0~c2VhcmNo~1~~");
        trade["receiver_mobile"] = json!("$138$c2VjcmV0$1$");
        trade["receiver_phone"] = json!("a\u{1}b\u{1}c");
        trade["oaid"] = json!("1abc");
        trade["receiver_city"] = json!("");
    };
    let ship_to = changed(FINISHED, change).unwrap().ship_to;
    for part in [&ship_to.name, &ship_to.mobile, &ship_to.phone, &ship_to.oaid] {
        assert_eq!(part.as_ref().unwrap().form, PersonalForm::Token);
    }
    assert_eq!(ship_to.address.as_ref().unwrap().form, PersonalForm::Masked);
    assert_eq!(ship_to.city.as_deref(), Some("管城回族区"), "a county in the place of a city");
    assert_eq!(ship_to.district, None);
    let plain = listed(SANDBOX)[0].ship_to.clone();
    assert_eq!(plain.name.unwrap().form, PersonalForm::Plain);
    let tilde = changed(FINISHED, |trade| trade["receiver_name"] = json!("~小明~")).unwrap();
    assert_eq!(tilde.ship_to.name.unwrap().form, PersonalForm::Plain, "two tildes are a taste");
}

#[test]
fn unknown_fields_are_kept_and_personal_ones_are_not() {
    let change = |trade: &mut Value| {
        trade["brand_new"] = json!({ "list": { "string": ["a", "b"] }, "buyer_phone": "x" });
        trade["brand_new_2"] = json!("call 13800000000 now");
        trade["orders"]["order"][0]["line_new"] = json!(7);
        trade["orders"]["order"][0]["modify_address"] = json!("somewhere");
        trade["buyer_memo"] = json!("my door code is 1");
    };
    let order = changed(CLOSED, change).unwrap();
    assert_eq!(order.extensions["brand_new"], json!({ "list": ["a", "b"] }));
    assert_eq!(order.extensions["trade_from"], json!("TAOBAO"));
    assert_eq!(order.extensions["type"], json!("fixed"));
    assert_eq!(order.lines[0].extensions["line_new"], json!(7));
    let shown = serde_json::to_string(&order).unwrap();
    for personal in [
        "13800000000",
        "buyer_phone",
        "@example.com",
        "陕西西安电信",
        "2088000000000001",
        "door code",
        "测试公司",
        "somewhere",
        "010-0000",
    ] {
        assert!(!shown.contains(personal), "{personal} is in the event");
    }
    assert!(!format!("{order:?}").contains("测试买家001"), "the nick shows in `Debug`");
    let refund = serde_json::to_string(&one_refund(REFUND_2016)).unwrap();
    assert!(!refund.contains("10.189.224.91") && !refund.contains("sandbox_c_12"));
}

#[test]
fn what_the_channel_pays_out_and_keeps_is_told() {
    let order = changed(FINISHED, |trade| trade["commission_fee"] = json!("1.23")).unwrap();
    assert_eq!(order.amounts.received.map(|received| received.0), Some(7_600));
    let fees: Vec<_> = order.fees.iter().map(|fee| (fee.name.as_str(), fee.amount.0)).collect();
    assert_eq!(fees, [("commission_fee", 123)]);
    let strange = changed(FINISHED, |trade| trade["received_payment"] = json!(7600)).unwrap();
    assert_eq!(strange.amounts.received, None);
    assert_eq!(strange.extensions["received_payment"], 7600);
}

#[test]
fn parcels_are_told_by_carrier_and_number() {
    let mut body: Value = serde_json::from_str(PLAIN).unwrap();
    let trade = &mut body["trades_sold_increment_get_response"]["trades"]["trade"][0];
    for (index, number) in [(0, "SF1"), (1, "SF2")] {
        let line = &mut trade["orders"]["order"][index];
        line["logistics_company"] = json!("顺丰速运");
        line["invoice_no"] = json!(number);
        line["consign_time"] = json!("2026-11-02 10:00:00");
    }
    let apart = &listed(&body.to_string())[0].shipments;
    assert_eq!(apart.len(), 2);
    assert_eq!(apart[1].line_ids, ["2067719225654840"]);
    let together = listed(&body.to_string().replace("SF2", "SF1"));
    assert_eq!(together[0].shipments.len(), 1);
    assert_eq!(together[0].shipments[0].line_ids.len(), 2);
}

#[test]
fn every_status_of_a_refund_has_its_word() {
    let rows = [
        ("WAIT_SELLER_AGREE", RefundStatus::Requested),
        ("WAIT_BUYER_RETURN_GOODS", RefundStatus::AwaitingReturn),
        ("WAIT_SELLER_CONFIRM_GOODS", RefundStatus::Returning),
        ("SELLER_REFUSE_BUYER", RefundStatus::Refused),
        ("CLOSED", RefundStatus::Closed),
        ("SUCCESS", RefundStatus::Succeeded),
        ("WAIT_SELLER_CONSIGN_GOOGDS", RefundStatus::Unknown),
    ];
    for (word, status) in rows {
        let refund = one_refund(&REFUND_2019.replace("WAIT_BUYER_RETURN_GOODS", word));
        assert_eq!((refund.status, refund.channel_status.as_str()), (status, word));
    }
    let body =
        REFUND_2019.replace("\"num\": 1,", "\"num\": 1, \"dispute_type\": \"TMALL_EXCHANGE\",");
    assert_eq!(one_refund(&body).kind, RefundKind::Exchange);
    assert_eq!(one_refund(REFUND_2019).line_status, Some(LineStatus::AwaitingShipment));
}

#[test]
fn an_answer_cut_off_anywhere_is_an_error() {
    for (end, _) in CLOSED.trim_end().char_indices() {
        assert!(full(&CLOSED.as_bytes()[..end]).is_err(), "cut off at {end}");
    }
}

proptest! {
    #[test]
    fn a_garbled_answer_never_panics_and_is_never_quoted(
        at in 0..CLOSED.len(), byte in any::<u8>(), from in 0..CLOSED.len(), length in 0..40_usize,
    ) {
        let mut body = CLOSED.as_bytes().to_vec();
        body[at] = byte;
        let piece = body[from..(from + length).min(body.len())].to_vec();
        body.splice(at..at, piece);
        if let Err(error) = full(&body) {
            prop_assert!(!error.to_string().contains("1380000"));
        }
    }

    #[test]
    fn any_words_in_any_field_never_panic(
        field in "[a-z_]{1,20}", text in "\\PC{0,40}", number in any::<i64>(), pick in 0..4_usize,
    ) {
        let value = [json!(text), json!(number), json!([{ "a": [text] }]), Value::Null][pick].clone();
        drop(changed(FINISHED, |trade| {
            trade[&field] = value.clone();
            trade["orders"]["order"][0][&field] = value;
        }));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    let body = CLOSED.replace("\"fixed\"", &format!("\"fixed\", \"deep\": {deep}"));
    let error = full(body.as_bytes()).unwrap_err();
    assert_eq!(error.path(), Some("deep"));
}
