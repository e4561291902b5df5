//! Answers and the events they become, byte for byte.
//!
//! `UPDATE_FIXTURES=1` writes what comes out as the new expectation; the diff is then the thing to judge.

use super::tests::UIN;
use super::wire::Record;
use super::{Charset, body, normalize, normalize_refund, words};
use crate::contract::Result;
use crate::contract::model::{
    Minor, Order, OrderStatus, OrderType, Refund, RefundKind, RefundStatus, Text,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

const DETAIL: &str = include_str!("fixtures/deal-detail.utf8.json");
const LIST: &str = include_str!("fixtures/deal-list.utf8.json");
const REFUND: &str = include_str!("fixtures/refund-detail.utf8.json");

/// An answer of the fixtures, in the charset that its name says.
fn fixture(name: &str) -> Result<Record> {
    let path = format!("{}/paipai/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let charset = if name.contains(".gbk.") { Charset::Gbk } else { Charset::Utf8 };
    body::read(charset, &std::fs::read(path).unwrap())
}

fn detail(answer: &str) -> Result<Order> {
    normalize::order(&body::read(Charset::Utf8, answer.as_bytes())?, UIN)
}

fn listed(answer: &Record) -> Vec<Order> {
    let deals = answer.records("dealList").unwrap();
    deals.iter().map(|deal| normalize::order(deal, UIN).unwrap()).collect()
}

#[track_caller]
fn expect(name: &str, said: &impl Serialize) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("paipai/fixtures/{name}.event.json"));
    let said = serde_json::to_string_pretty(said).unwrap() + "\n";
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(said == expected, "{name}: the event is another than before:\n{said}");
}

/// The deal with some fields changed; `null` takes one away.
fn changed(changes: Value) -> Result<Order> {
    let mut answer: Value = serde_json::from_str(DETAIL).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
    }
    detail(&answer.to_string())
}

/// The deal with its first item changed.
fn with_item(change: impl FnOnce(&mut Value)) -> Result<Order> {
    let mut answer: Value = serde_json::from_str(DETAIL).unwrap();
    change(&mut answer["itemList"][0]);
    detail(&answer.to_string())
}

fn refund(change: impl FnOnce(&mut Value)) -> Result<Refund> {
    let mut answer: Value = serde_json::from_str(REFUND).unwrap();
    change(&mut answer["itemList"][0]["refundInfoList"][0]);
    let answer = body::read(Charset::Utf8, answer.to_string().as_bytes())?;
    let refunds = normalize_refund::of_deal(&answer)?;
    normalize_refund::refund("855000017-20140801-363110208", &refunds[0])
}

#[test]
fn the_detail_becomes_the_expected_order_in_every_charset_and_form() {
    let order = detail(DETAIL).unwrap();
    assert_eq!(order.status, OrderStatus::AwaitingShipment);
    assert_eq!((order.amounts.payable, order.amounts.freight), (Minor(8800), Minor(1000)));
    assert_eq!(order.lines[1].payable, Minor(1900));
    expect("deal-detail", &order);
    let xml = normalize::order(&fixture("deal-detail.gbk.xml").unwrap(), UIN).unwrap();
    assert_eq!(serde_json::to_string(&xml).unwrap(), serde_json::to_string(&order).unwrap());
}

#[test]
fn the_list_becomes_the_expected_orders_in_every_charset_and_form() {
    let orders = listed(&body::read(Charset::Utf8, LIST.as_bytes()).unwrap());
    assert_eq!(orders[1].order_type, OrderType::CashOnDelivery);
    assert_eq!(orders[1].amounts.paid, Minor::ZERO, "it is paid at the door");
    expect("deal-list", &orders);
    for name in [
        "deal-list.gbk.json",
        "deal-list.gbk.xml",
        "deal-list.utf8.xml",
        "deal-list-root.utf8.json",
    ] {
        assert_eq!(listed(&fixture(name).unwrap()), orders, "{name}");
    }
    let empty = fixture("deal-list-empty.utf8.json").unwrap();
    assert!(listed(&empty).is_empty());
}

#[test]
fn broken_lists_say_the_same_but_for_what_was_broken() {
    let whole = listed(&body::read(Charset::Utf8, LIST.as_bytes()).unwrap());
    let message = |order: &Order| order.buyer.message.as_ref().map(|text| text.expose().clone());
    for (name, said) in [
        ("broken-backslash.utf8.json", r"路径 C:\小区\3号"),
        ("broken-control.utf8.json", "请尽快\n发货，谢谢"),
        ("broken-control.utf8.xml", "请尽快发货，谢谢"),
        ("broken-trailing-comma.utf8.json", "请尽快发货，谢谢"),
    ] {
        let mut orders = listed(&fixture(name).unwrap());
        assert_eq!(message(&orders[0]).as_deref(), Some(said), "{name}");
        orders[0].buyer.message.clone_from(&whole[0].buyer.message);
        assert_eq!(orders, whole, "{name}");
    }
    let mut cut = listed(&fixture("broken-halfchar.gbk.json").unwrap());
    for (cut, whole) in cut.iter_mut().zip(&whole) {
        assert_eq!(cut.buyer.nick.as_ref().unwrap().expose(), "小");
        cut.buyer.nick.clone_from(&whole.buyer.nick);
    }
    assert_eq!(cut, whole);
}

#[test]
fn a_total_balances_with_the_freight_or_without_it_or_not_at_all() {
    let amounts = |changes| changed(changes).map(|order| order.amounts);
    let without = amounts(json!({ "dealPayFeeTotal": 7800 })).unwrap();
    assert_eq!((without.payable, without.freight), (Minor(8800), Minor(1000)));
    let sellers = json!({ "dealPayFeeTotal": 7800, "whoPayShippingfee": 1 });
    let order = changed(sellers).unwrap();
    assert_eq!((order.amounts.payable, order.amounts.freight), (Minor(7800), Minor::ZERO));
    assert_eq!(order.extensions["freight"], "1000");
    for total in [8799, 8801, 7799, 0, 9800] {
        let error = changed(json!({ "dealPayFeeTotal": total })).unwrap_err();
        assert_eq!(error.path(), Some("dealPayFeeTotal"), "{total}");
    }
}

#[test]
fn a_discount_lowers_the_price_whichever_sign_it_has() {
    for fee in [150, -150] {
        let order = changed(json!({ "couponFee": fee, "dealPayFeeTotal": 8650 })).unwrap();
        assert_eq!(order.amounts.discount, Minor(150));
        assert_eq!(order.promotions[0].discount, Minor(150));
        let error = changed(json!({ "couponFee": fee, "dealPayFeeTotal": 8950 })).unwrap_err();
        assert_eq!(error.path(), Some("dealPayFeeTotal"), "a discount never raises a price");
    }
    for fee in [100, -100] {
        let mut answer: Value = serde_json::from_str(DETAIL).unwrap();
        answer["itemList"][0]["itemDiscountFee"] = json!(fee);
        answer["dealPayFeeTotal"] = json!(8700);
        let order = detail(&answer.to_string()).unwrap();
        assert_eq!((order.lines[0].discount, order.lines[0].payable), (Minor(100), Minor(5800)));
    }
}

#[test]
fn a_wrong_field_is_named() {
    for (changes, path) in [
        (json!({ "dealCode": null }), "dealCode"),
        (json!({ "dealCode": "a b" }), "dealCode"),
        (json!({ "dealState": "" }), "dealState"),
        (json!({ "createTime": null }), "createTime"),
        (json!({ "createTime": "1970-01-01 08:00:00" }), "createTime"),
        (json!({ "payTime": "yesterday" }), "payTime"),
        (json!({ "lastUpdateTime": null }), "lastUpdateTime"),
        (json!({ "dealPayFeeTotal": "88.00" }), "dealPayFeeTotal"),
        (json!({ "dealPayFeeTotal": 88.0 }), "dealPayFeeTotal"),
        (json!({ "freight": {} }), "freight"),
        (json!({ "sellerUin": "1" }), "sellerUin"),
        (json!({ "itemList": null }), "itemList"),
        (json!({ "itemList": 7 }), "itemList"),
    ] {
        let error = changed(changes.clone()).unwrap_err();
        assert_eq!(error.path(), Some(path), "{changes}");
    }
    let error = with_item(|item| item["itemDealPrice"] = json!("59.00")).unwrap_err();
    assert_eq!(error.path(), Some("itemList[0].itemDealPrice"));
    let error = with_item(|item| item["itemDealCount"] = json!(-1)).unwrap_err();
    assert_eq!(error.path(), Some("itemList[0].itemDealCount"));
    let error = with_item(|item| item["dealSubCode"] = json!(null)).unwrap_err();
    assert_eq!(error.path(), Some("itemList[0].dealSubCode"));
    let error = with_item(|item| item["itemDealPrice"] = json!(i64::MAX)).unwrap_err();
    assert!(error.path().is_some());
}

#[test]
fn the_other_spellings_of_the_channels_readers_are_read() {
    let mut answer: Value = serde_json::from_str(DETAIL).unwrap();
    let whole = detail(DETAIL).unwrap();
    let fields = answer.as_object_mut().unwrap();
    let items = fields.remove("itemList").unwrap();
    let time = fields.remove("lastUpdateTime").unwrap();
    fields.insert("itemListNew".to_owned(), json!({ "itemInfo": items }));
    fields.insert("lastUpStringTime".to_owned(), time);
    assert_eq!(detail(&answer.to_string()).unwrap(), whole);
}

#[test]
fn states_are_canonical_and_an_unknown_one_holds_the_order() {
    let order = |state: &str| changed(json!({ "dealState": state })).unwrap();
    for (state, status) in [
        ("DS_WAIT_SELLER_DELIVERY", OrderStatus::AwaitingShipment),
        ("DS_WAIT_BUYER_RECEIVE", OrderStatus::Shipped),
        ("DS_DEAL_END_NORMAL", OrderStatus::Completed),
        ("DS_DEAL_CANCELLED", OrderStatus::Closed),
        ("DS_DEAL_REFUNDING", OrderStatus::OnHold),
        ("DS_SYSTEM_HALT", OrderStatus::OnHold),
        ("DS_SYSTEM_PAYING", OrderStatus::Unknown),
        ("DS_NEW_IN_2027", OrderStatus::Unknown),
    ] {
        let order = order(state);
        assert_eq!((order.status, order.channel_status.as_str()), (status, state));
        assert_eq!(order.shipping.holds.is_empty(), !words::is_held(status), "{state}");
    }
    let unpaid = json!({ "dealState": "DS_DEAL_CANCELLED", "payTime": "1970-01-01 08:00:00" });
    assert_eq!(changed(unpaid).unwrap().status, OrderStatus::Cancelled);
    let shipped =
        json!({ "dealState": "DS_DEAL_REFUNDING", "sellerConsignmentTime": "2014-08-02 09:00:00" });
    assert_eq!(changed(shipped).unwrap().status, OrderStatus::Shipped);
}

#[test]
fn an_address_is_taken_apart_only_where_its_shape_is_known() {
    let parts = |address: &str| {
        let to = changed(json!({ "receiverAddress": address })).unwrap().ship_to;
        let rest = to.address.map(|rest| Text::from(rest.value.expose()));
        [to.province, to.city, to.district, rest].map(Option::unwrap_or_default)
    };
    assert_eq!(parts("北京 北京市 海淀区 样例路1号"), ["北京", "北京市", "海淀区", "样例路1号"]);
    assert_eq!(parts("上海 上海市 样例路 3单元"), ["上海", "上海市", "", "样例路 3单元"]);
    assert_eq!(parts("上海 上海市 海淀区"), ["上海", "上海市", "", "海淀区"]);
    assert_eq!(parts("样例路1号"), ["", "", "", "样例路1号"]);
}

#[test]
fn nothing_of_a_person_is_in_the_extensions() {
    let changes = json!({ "buyerUin": "10001", "receiverNew": "张小样", "accountName": "x",
        "newFact": "kept", "dealDetailLink": "http://example.com/" });
    let shown = serde_json::to_string(&changed(changes).unwrap().extensions).unwrap();
    assert!(shown.contains("kept"), "{shown}");
    for personal in ["10001", "张小样", "accountName", "张三", "13800138000"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[test]
fn refunds_become_the_expected_refunds() {
    let whole = refund(|_| {}).unwrap();
    assert_eq!(whole.refund_id.as_str(), "855000017-20140801-363110208-900001");
    assert_eq!((whole.kind, whole.amount), (RefundKind::ReturnGoods, Minor(5900)));
    expect("refund-detail", &whole);
    for (state, status) in [
        ("DS_REFUND_WAIT_SELLER_AGREE", RefundStatus::Requested),
        ("DS_REFUND_WAIT_SELLER_RECEIVE", RefundStatus::Returning),
        ("DS_REFUND_OK", RefundStatus::Succeeded),
        ("DS_REFUND_ALL_CANCEL", RefundStatus::Closed),
        ("DS_REFUND_WAIT_MODIFY", RefundStatus::Unknown),
        ("DS_NEW_IN_2027", RefundStatus::Unknown),
    ] {
        let refund = refund(|refund| refund["refundState"] = json!(state)).unwrap();
        assert_eq!((refund.status, refund.channel_status.as_str()), (status, state));
    }
    let refused = refund(|refund| {
        refund["refundState"] = json!("DS_REFUND_WAIT_MODIFY");
        refund["sellerRefuseTime"] = json!("2014-08-03 10:00:00");
    });
    assert_eq!(refused.unwrap().status, RefundStatus::Refused);
    for field in
        ["tradeRefundId", "refundState", "refundToBuyer", "refundReqTime", "lastUpdateTime"]
    {
        let error = refund(|refund| refund[field] = json!(null)).unwrap_err();
        assert_eq!(error.path(), Some(field));
    }
}

#[test]
fn an_answer_cut_off_anywhere_is_refused() {
    for name in ["deal-detail.utf8.json", "deal-detail.gbk.xml", "deal-list.gbk.json"] {
        let path = format!("{}/paipai/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let charset = if name.contains(".gbk.") { Charset::Gbk } else { Charset::Utf8 };
        let whole = std::fs::read(path).unwrap();
        let whole = whole.trim_ascii_end();
        for length in 0..whole.len() {
            let cut = body::read(charset, &whole[..length]);
            assert!(cut.is_err(), "{name} cut off at {length} was read");
        }
    }
}

proptest! {
    #[test]
    fn a_changed_byte_never_changes_an_amount_unseen(at in 0_usize..3000, byte in any::<u8>()) {
        let mut bytes = DETAIL.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(answer) = body::read(Charset::Utf8, &bytes)
            && let Ok(order) = normalize::order(&answer, UIN)
        {
            prop_assert!(order.check().is_ok());
        }
    }
}
