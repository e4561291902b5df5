//! Records: sums, greeting cards, and bodies that are cut, mistyped or in another charset.

use super::super::fields::Fields;
use super::super::tests::{TOKEN, shop, signed};
use super::super::{normalize, parcel};
use super::tests::{Says, connector, recorded, session, window};
use super::{DIALECT, answers};
use crate::contract::model::{LineStatus, Order, OrderStatus, Timestamp};
use crate::contract::{ApiReply, ErrorKind, Event, Key, Notice, RawWebhook, Result, Secret};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// The trade of a recorded answer.
fn trade() -> Value {
    let answer: Value = serde_json::from_str(&recorded("ec36-order-detail").1).unwrap();
    answer["info"]["trade"].clone()
}

fn read(trade: &Value) -> Result<Order> {
    let body = trade.to_string();
    normalize::checked(&Fields::from_json(body.as_bytes())?, &DIALECT)
}

/// The trade with some fields changed.
fn changed(changes: Value) -> Result<Order> {
    let mut trade = trade();
    for (name, value) in changes.as_object().unwrap() {
        trade[name] = value.clone();
    }
    read(&trade)
}

/// The objects of a trade, which stand in it as text.
fn objects(trade: &Value) -> Value {
    serde_json::from_str(trade["orders"].as_str().unwrap()).unwrap()
}

#[test]
fn money_paid_with_a_bonus_is_a_discount_and_money_from_nowhere_is_suspect() {
    let read = |total: &str| changed(json!({ "total_trade_fee": total }));
    assert_eq!(read("61.55").unwrap().amounts.discount.0, 0);
    assert_eq!(read("51.55").unwrap().amounts.discount.0, 1_000);
    assert_eq!(read("61.56").unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn a_code_that_an_order_holds_twice_makes_two_lines_with_ids_of_their_own() {
    let mut trade = trade();
    let mut orders = objects(&trade);
    let mut gift = orders["order"][0].clone();
    gift["order_items"]["item"][0]["price"] = json!("0.00");
    gift["order_items"]["item"][0]["sale_price"] = json!("0.00");
    orders["order"].as_array_mut().unwrap().push(gift);
    trade["orders"] = json!(orders.to_string());
    let body = trade.to_string();
    let trade = Fields::from_json(body.as_bytes()).unwrap();
    let order = normalize::checked(&trade, &DIALECT).unwrap();
    let ids: Vec<&str> = order.lines.iter().map(|line| line.line_id.as_str()).collect();
    assert_eq!(ids, ["ECS000063", "ECS000063#2"]);
    let items = parcel::items(&trade).unwrap();
    let ids: Vec<&str> = items.iter().map(|item| item.line_id.as_str()).collect();
    assert_eq!(ids, ["ECS000063", "ECS000063#2"]);
}

#[test]
fn a_detail_cut_anywhere_is_an_error_and_never_a_panic() {
    let (_, detail) = recorded("ec36-order-detail");
    for end in 0..detail.len() {
        let body = detail.as_bytes()[..end].to_vec().into();
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body);
        assert!(answers::classify(&reply).is_err(), "cut at {end}");
    }
}

/// A greeting card as the shop writes it among the goods.
fn card(price: &str) -> Value {
    let item = json!({
        "iid": "0", "bn": "ECS_CARD_1", "price": price, "name": "祝福贺卡", "weight": "0.00", "num": "1",
        "total_item_fee": price, "sku_properties": "祝福贺卡", "sendnum": "0", "item_type": "product",
        "sale_price": price, "discount_fee": "0.00", "score": "", "item_status": "normal",
    });
    json!({
        "iid": "0", "title": "祝福贺卡", "bn": "ECS_CARD", "orders_bn": "ECS_CARD_1", "items_num": "1",
        "total_order_fee": price, "oid": "2016051183359", "status": "TRADE_ACTIVE", "type": "goods",
        "order_items": { "item": [item] },
    })
}

#[test]
fn wrapping_and_a_greeting_card_are_in_the_sum() {
    let plain = read(&trade()).unwrap();
    // 3.00 of wrapping and 5.00 of the card, and 2.00 off: the shop keeps them in one figure.
    let mut wrapped = trade();
    let total =
        format!("{}.{:02}", (plain.amounts.payable.0 + 600) / 100, plain.amounts.payable.0 % 100);
    wrapped["total_trade_fee"] = json!(total);
    wrapped["discount_fee"] = json!("6.00");
    let mut orders = objects(&wrapped);
    orders["order"].as_array_mut().unwrap().push(card("5.00"));
    wrapped["orders"] = json!(orders.to_string());
    let order = read(&wrapped).unwrap();
    let of = |order: &Order| {
        (order.amounts.goods.0, order.amounts.adjustment.0, order.amounts.discount.0)
    };
    let (goods, adjustment, discount) = of(&plain);
    assert_eq!(of(&order), (goods + 500, adjustment + 100, discount));
    let last = order.lines.last().unwrap();
    assert_eq!((last.line_id.as_str(), last.payable.0), ("2016051183359", 500));
    // A card that its shop no longer has is an empty record, and costs what it cost.
    orders["order"].as_array_mut().unwrap().pop();
    orders["order"].as_array_mut().unwrap().push(json!([]));
    wrapped["orders"] = json!(orders.to_string());
    let order = read(&wrapped).unwrap();
    assert_eq!(of(&order), (goods, adjustment + 600, discount));
    assert_eq!(order.lines.len(), plain.lines.len());
    // The same card without its money: nothing documented explains the total.
    wrapped["discount_fee"] = json!("1.00");
    assert_eq!(read(&wrapped).unwrap_err().path(), Some("amounts.payable"));
    // A card is free above some sum.
    let mut free = trade();
    let mut orders = objects(&free);
    orders["order"].as_array_mut().unwrap().push(card("0.00"));
    free["orders"] = json!(orders.to_string());
    assert_eq!(of(&read(&free).unwrap()), of(&plain));
}

#[test]
fn fields_that_are_null_or_of_another_type_are_refused_with_their_path() {
    for (changes, path) in [
        (json!({ "tid": null }), "tid"),
        (json!({ "tid": {} }), "tid"),
        (json!({ "lastmodify": null }), "modified"),
        (json!({ "lastmodify": "soon" }), "lastmodify"),
        (json!({ "created": null }), "created"),
        (json!({ "created": false }), "created"),
        (json!({ "pay_time": "2016-13-01 00:00:00" }), "pay_time"),
        (json!({ "status": null }), "status"),
        (json!({ "pay_status": null }), "pay_status"),
        (json!({ "ship_status": "" }), "ship_status"),
        (json!({ "payed_fee": "many" }), "payed_fee"),
        (json!({ "payed_fee": [] }), "payed_fee"),
        (json!({ "total_goods_fee": null }), "total_goods_fee"),
        (json!({ "total_trade_fee": null }), "total_trade_fee"),
        (json!({ "total_trade_fee": "137.555" }), "total_trade_fee"),
        (json!({ "total_trade_fee": ["137.55"] }), "total_trade_fee"),
        (json!({ "discount_fee": "-" }), "discount_fee"),
        (json!({ "shipping_fee": {} }), "shipping_fee"),
        (json!({ "is_cod": "perhaps" }), "is_cod"),
        (json!({ "currency": "USD" }), "currency"),
        (json!({ "orders": null }), "lines"),
        (json!({ "orders": "[]" }), "lines"),
        (json!({ "orders": "{\"order\":[{\"oid\":null}]}" }), "orders[0].order_items"),
        (json!({ "payment_lists": "x" }), "payment_lists"),
    ] {
        let error = changed(changes.clone()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)), "{changes}");
    }
    let item = |name: &str, value: Value| {
        let mut trade = trade();
        let mut orders = objects(&trade);
        orders["order"][0]["order_items"]["item"][0][name] = value;
        trade["orders"] = json!(orders.to_string());
        read(&trade)
    };
    for (name, value, path) in [
        ("bn", Value::Null, ""),
        ("bn", json!({}), ""),
        ("num", Value::Null, "order_items[0].num"),
        ("num", json!("1.5"), "order_items[0].num"),
        ("num", json!([]), "order_items[0].num"),
        ("sendnum", json!("-1"), "order_items[0].sendnum"),
        ("price", Value::Null, "order_items[0].price"),
        ("price", json!(true), "order_items[0].discount_fee"),
        ("sale_price", json!("x"), "order_items[0].sale_price"),
        ("discount_fee", json!("0.01"), "order_items[0].discount_fee"),
    ] {
        let error = item(name, value.clone()).unwrap_err();
        let found = error.path().unwrap_or_default();
        assert!(found.starts_with("orders[0].") && found.contains(path), "{name} {value}: {error}");
    }
    // Numbers as numbers.
    assert_eq!(item("num", json!(1)).unwrap(), read(&trade()).unwrap());
}

#[tokio::test]
async fn a_record_of_a_list_that_cannot_be_read_is_suspect_beside_the_others() {
    let mut broken = trade();
    broken["payed_fee"] = json!("much");
    let list = json!({ "total_results": "4", "trades": [null, broken, trade(), []] });
    let answer = json!({ "result": "success", "msg": "", "info": list }).to_string();
    let (shop, connector) = (shop().shop, connector());
    let api = Says::new(vec![answer], Arc::clone(&connector));
    let page = connector.orders().unwrap().page(&session(&shop, &api), window(), 1).await.unwrap();
    let told: Vec<_> = page
        .notices
        .iter()
        .map(|notice| {
            if let Event::Suspect(suspect) = &notice.event {
                return (suspect.object_id.as_deref(), suspect.error.path());
            }
            let Event::Order(order) = &notice.event else { panic!("neither") };
            (Some(order.order_id.as_str()), Some("whole"))
        })
        .collect();
    let id = trade()["tid"].as_str().unwrap().to_owned();
    let id = Some(id.as_str());
    assert_eq!(told, [(None, None), (id, Some("payed_fee")), (id, Some("whole")), (None, None)]);
}

#[test]
fn an_answer_in_gbk_or_in_html_is_no_answer() {
    let detail = recorded("ec36-order-detail").1.replace("\\u5218", "刘");
    let html = "<html><body>502 Bad Gateway</body></html>".to_owned();
    for body in [encoding_rs::GBK.encode(&detail).0.into_owned(), html.into_bytes()] {
        let reply = ApiReply::new(StatusCode::OK, HeaderMap::new(), body.into());
        assert_eq!(answers::classify(&reply).unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(detail.contains('刘'), "nothing in it differs between the charsets");
}

#[test]
fn the_words_of_a_shop_mean_what_is_documented() {
    use OrderStatus as S;
    for (status, pay, ship, expected) in [
        ("TRADE_ACTIVE", "PAY_NO", "SHIP_NO", S::AwaitingPayment),
        ("TRADE_ACTIVE", "PAY_PART", "SHIP_NO", S::PartlyPaid),
        ("TRADE_ACTIVE", "PAY_FINISH", "SHIP_NO", S::AwaitingShipment),
        ("TRADE_ACTIVE", "PAY_FINISH", "SHIP_PREPARE", S::AwaitingShipment),
        ("TRADE_ACTIVE", "PAY_FINISH", "SHIP_PART", S::PartlyShipped),
        ("TRADE_ACTIVE", "REFUND_ALL", "SHIP_NO", S::Closed),
        // Handed out for shipping is called finished.
        ("TRADE_FINISHED", "PAY_FINISH", "SHIP_PREPARE", S::AwaitingShipment),
        ("TRADE_FINISHED", "PAY_FINISH", "SHIP_PART", S::PartlyShipped),
        ("TRADE_FINISHED", "PAY_FINISH", "SHIP_FINISH", S::Shipped),
        ("TRADE_FINISHED", "REFUND_PART", "RESHIP_PART", S::Shipped),
        ("TRADE_CLOSED", "PAY_NO", "SHIP_NO", S::Cancelled),
        ("TRADE_CLOSED", "PAY_FINISH", "SHIP_NO", S::Closed),
        ("TRADE_CLOSED", "REFUND_ALL", "SHIP_FINISH", S::Closed),
        ("TRADE_CLOSED", "REFUND_ALL", "SHIP_LOST", S::Unknown),
        ("TRADE_NEW", "PAY_FINISH", "SHIP_NO", S::Unknown),
        ("TRADE_FINISHED", "PAY_LATER", "SHIP_NO", S::Unknown),
    ] {
        let order = changed(json!({ "status": status, "pay_status": pay, "ship_status": ship }));
        let order = order.unwrap();
        assert_eq!(order.status, expected, "{status}/{pay}/{ship}");
        assert_eq!(order.channel_status, format!("{status}/{pay}/{ship}"));
        if expected == S::AwaitingShipment {
            assert_eq!(order.lines[0].status, Some(LineStatus::AwaitingShipment));
        }
    }
    let cod =
        changed(json!({ "is_cod": "true", "pay_status": "PAY_NO", "ship_status": "SHIP_NO" }));
    assert_eq!(cod.unwrap().status, S::AwaitingShipment);
}

fn decoded(body: &RawWebhook) -> Result<Vec<Notice>> {
    let connector = connector();
    let source = connector.webhooks().unwrap();
    let keys = [Key { index: 0, secret: Secret::new(TOKEN) }];
    let verified = source.verify(&keys, Timestamp::from_unix_ms(0), body).unwrap();
    source.decode(&verified)
}

/// A push with what says what it is in front, so that whatever is cut off is cut off the trade.
fn push(name: &str) -> Vec<u8> {
    let form = recorded(name).0;
    let unsigned = form.rsplit_once("&sign=").unwrap().0;
    let (trade, call) = unsigned.split_once("&method=").unwrap();
    format!("method={call}&{trade}").into_bytes()
}

fn sign(body: &[u8]) -> RawWebhook {
    signed(&shop(), Timestamp::from_unix_ms(0), body)
}

#[test]
fn a_push_cut_anywhere_and_signed_again_is_suspect_or_says_the_same_money() {
    for name in ["ec36-matrix-push-01-store.trade.add", "ec36-matrix-push-02-store.trade.update"] {
        let body = push(name);
        let whole = decoded(&sign(&body)).unwrap();
        let [Notice { event: Event::Order(whole), .. }] = &whole[..] else { panic!("{name}") };
        let from = body.windows(5).position(|part| part == b"&tid=").unwrap();
        let (mut suspects, mut orders) = (0, 0);
        for end in from..body.len() {
            match &decoded(&sign(&body[..end])).unwrap()[..] {
                [Notice { event: Event::Suspect(suspect), .. }] => {
                    assert_eq!(suspect.error.kind(), ErrorKind::Malformed);
                    assert!(suspect.error.path().is_some(), "cut at {end}: {}", suspect.error);
                    suspects += 1;
                }
                [Notice { event: Event::Order(order), .. }] => {
                    assert_eq!(order.order_id, whole.order_id);
                    assert_eq!(order.amounts, whole.amounts, "cut at {end}");
                    assert_eq!(order.lines, whole.lines, "cut at {end}");
                    orders += 1;
                }
                other => panic!("cut at {end}: {} notices", other.len()),
            }
        }
        assert!(suspects > 1_000 && orders > 100, "{suspects} suspects, {orders} orders");
    }
}

#[test]
fn a_push_in_gbk_or_with_a_field_missing_is_suspect_with_its_path() {
    let body = String::from_utf8(push("ec36-matrix-push-01-store.trade.add")).unwrap();
    let gbk = |text: &str| {
        let bytes = encoding_rs::GBK.encode(text).0.into_owned();
        form_urlencoded::byte_serialize(&bytes).collect::<String>()
    };
    let with = |name: &str, value: Option<&str>| {
        let parts = body.split('&').filter_map(|part| match part.split_once('=') {
            Some((known, _)) if known == name => value.map(|value| format!("{name}={value}")),
            _ => Some(part.to_owned()),
        });
        parts.collect::<Vec<_>>().join("&")
    };
    let name = gbk("张小样");
    for (changed, path) in [
        (with("receiver_name", Some(&name)), "receiver_name"),
        (with("payment_type", Some(&name)), "payment_type"),
        (with("orders", Some(&gbk("{\"order\":[{\"title\":\"围巾\"}]}"))), "orders"),
        (with("tid", None), "tid"),
        (with("lastmodify", None), "modified"),
        (with("status", Some("")), "status"),
        (with("total_trade_fee", None), "total_trade_fee"),
        (with("orders", Some("null")), "orders"),
    ] {
        let raw_push = sign(changed.as_bytes());
        let notices = decoded(&raw_push).unwrap();
        let [Notice { event: Event::Suspect(suspect), .. }] = &notices[..] else {
            panic!("{path}")
        };
        assert_eq!(suspect.error.path(), Some(path), "{}", suspect.error);
        assert_eq!(suspect.raw, raw_push.body, "whole, for whoever must look");
    }
    let node = with("from_node_id", Some("1"));
    assert_eq!(decoded(&sign(node.as_bytes())).unwrap_err().kind(), ErrorKind::Rejected);
}
