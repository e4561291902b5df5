//! What each topic means, and what becomes of contents that are not what they should be.

use super::topics::{Heard, read, seller};
use super::{Settings, Stream};
use crate::contract::carriers::Carriers;
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{ErrorKind, Event, Result, ShopSetup};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TRADE: &str = "2067719225654838";

fn contents() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../fixtures/tmc-contents.json")).unwrap()
}

fn carriers() -> Carriers {
    Carriers::try_new(BTreeMap::new()).unwrap()
}

fn hear(topic: &str, content: &[u8]) -> Result<Vec<Event>> {
    let at = Some(Timestamp::from_unix_ms(1_795_401_670_000));
    read(&Heard { topic, at, content }, &carriers())
}

/// Events in a form that compares.
fn shown(events: Vec<Event>) -> Vec<Value> {
    let show = |event| match event {
        Event::OrderChanged { id, modified: None } => json!({ "order": id }),
        Event::RefundChanged { id, modified } => json!({ "refund": id, "modified": modified }),
        Event::Shipment(shipment) => json!(shipment),
        Event::Stock(stock) => json!(stock),
        Event::AuthorizationEnded => json!("authorization ended"),
        Event::Order(_) | Event::Refund(_) | Event::OrderChanged { .. } | Event::Suspect(_) => {
            panic!("{event:?}")
        }
    };
    events.into_iter().map(show).collect()
}

#[test]
fn every_documented_content_says_what_it_should() {
    let order = json!({ "order": TRADE });
    for (topic, content) in contents() {
        let read = hear(&topic, content.to_string().as_bytes());
        let expected = match topic.as_str() {
            "taobao_refund_RefundCreated" => {
                let modified = "2026-11-01T00:20:00+08:00";
                vec![json!({ "refund": "77001234567890123", "modified": modified }), order.clone()]
            }
            "taobao_refund_RefundSuccess" => {
                let modified = "2026-11-01T00:30:00+08:00";
                vec![json!({ "refund": "77001234567890123", "modified": modified }), order.clone()]
            }
            "taobao_item_ItemStockChanged" => vec![json!({
                "channel": "taobao", "sku_id": "1230005", "product_id": "3838293428",
                "source": "channel", "available": 11, "change": -1,
                "observed_at": "2026-11-23T02:41:10Z",
            })],
            "taobao_item_ItemZeroStock" => vec![json!({
                "channel": "taobao", "sku_id": "3838293428", "product_id": "3838293428",
                "source": "channel", "available": 0, "observed_at": "2026-11-23T02:41:10Z",
            })],
            "taobao_item_ItemUpdate" | "taobao_datapush_QueryBiz" => Vec::new(),
            "taobao_fenxiao_FxRefundCreate" => vec![json!({ "order": "2067719225654839" })],
            "taobao_fenxiao_FxOrderModifyConsign" => {
                let error = read.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{topic}");
                continue;
            }
            "taobao_logistics_LogsticDetailTrace" => vec![json!({
                "channel": "taobao", "order_id": TRADE, "carrier": "SF",
                "number": "SF1234567890123", "source": "channel", "status": "shipped",
                "channel_status": "CONSIGN", "at": "2026-11-01T09:33:04+08:00",
                "traces": [{ "at": "2026-11-01T09:33:04+08:00", "action": "CONSIGN",
                             "description": "卖家发货" }],
            })],
            "taobao_top_AuthCancel" => vec![json!("authorization ended")],
            _ => vec![order.clone()],
        };
        assert_eq!(shown(read.unwrap()), expected, "{topic}");
    }
}

#[test]
fn every_step_of_a_parcel_has_a_word_or_is_unknown() {
    let steps = [
        ("CREATE", "unknown"),
        ("CONSIGN", "shipped"),
        ("GOT", "shipped"),
        ("TMS_GOT", "shipped"),
        ("ARRIVAL", "in_transit"),
        ("DEPARTURE", "in_transit"),
        ("SENT_CITY", "in_transit"),
        ("TO_EMS", "in_transit"),
        ("SENT_SCAN", "out_for_delivery"),
        ("SIGNED", "delivered"),
        ("TMS_SIGNED", "delivered"),
        ("FAILED", "failed"),
        ("LOST", "lost"),
        ("OTHER", "unknown"),
        ("今日新词", "unknown"),
    ];
    for (action, status) in steps {
        let content = json!({ "tid": 1, "out_sid": "1", "action": action });
        let read =
            hear("taobao_logistics_LogsticDetailTrace", content.to_string().as_bytes()).unwrap();
        let shown = &shown(read)[0];
        assert_eq!((&shown["status"], &shown["channel_status"]), (&json!(status), &json!(action)));
        assert!(shown["at"].is_null() && shown["traces"].is_null(), "{shown}");
    }
}

#[test]
fn an_unknown_topic_is_kept_and_not_confirmed_away() {
    for topic in ["taobao_new_Thing", "tmall_trade_Create", "", "taobao", "taobao_trade", "a_b_c"] {
        let error = hear(topic, br#"{"tid":1}"#).unwrap_err();
        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::Unsupported, Some("topic")),
            "{topic}"
        );
    }
    // A new word about a trade is still about a trade.
    assert_eq!(shown(hear("taobao_trade_New", br#"{"tid":1}"#).unwrap()), [json!({"order":"1"})]);
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_named() {
    let said = |topic: &str, content: &Value| {
        let error = hear(topic, content.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        error.path().unwrap_or_default().to_owned()
    };
    assert_eq!(said("taobao_trade_TradeCreate", &json!({})), "tid");
    assert_eq!(said("taobao_trade_TradeCreate", &json!({ "tid": null })), "tid");
    assert_eq!(said("taobao_trade_TradeCreate", &json!({ "tid": 1.5 })), "tid");
    assert_eq!(said("taobao_trade_TradeCreate", &json!({ "tid": -1 })), "tid");
    assert_eq!(said("taobao_trade_TradeCreate", &json!({ "tid": "a:b" })), "tid");
    assert_eq!(said("taobao_refund_RefundCreated", &json!({ "tid": 1 })), "refund_id");
    let late = json!({ "refund_id": 1, "modified": "yesterday" });
    assert_eq!(said("taobao_refund_RefundCreated", &late), "modified");
    assert_eq!(said("taobao_item_ItemStockChanged", &json!({ "num_iid": 1 })), "num");
    let words = json!({ "num_iid": 1, "num": "many" });
    assert_eq!(said("taobao_item_ItemStockChanged", &words), "num");
    assert_eq!(said("taobao_logistics_LogsticDetailTrace", &json!({ "tid": 1 })), "out_sid");
}

#[test]
fn contents_cut_off_anywhere_say_nothing_wrong() {
    for (topic, content) in contents() {
        let content = content.to_string();
        for end in 0..content.len() {
            match hear(&topic, &content.as_bytes()[..end]) {
                Err(error) => {
                    let quoted = error.context().contains("77001234567890123");
                    assert!(!quoted, "{topic} at {end}: {error}");
                }
                Ok(events) => {
                    let only_a_topic =
                        events.is_empty() || matches!(events[..], [Event::AuthorizationEnded]);
                    assert!(only_a_topic, "{topic} at {end}");
                }
            }
        }
    }
}

#[test]
fn the_content_names_the_seller_only_who_withdrew() {
    let heard = |topic| Heard { topic, at: None, content: br#"{"user_id":"2054501234"}"# };
    assert_eq!(seller(&heard("taobao_top_AuthCancel")).as_deref(), Some("2054501234"));
    assert_eq!(seller(&heard("taobao_trade_TradeCreate")), None);
}

#[test]
fn a_shop_goes_by_its_user_id_and_its_nick_and_never_by_both_in_one_word() {
    let names = |shop: &str, settings: Value| {
        let shop = ShopId::try_new(shop).unwrap();
        let connector = (crate::taobao::ENTRY.build)(ShopSetup { shop, settings }).unwrap();
        connector.stream().unwrap().names()
    };
    assert_eq!(names("2054501234", Value::Null), ["id:2054501234"]);
    let named = json!({ "stream": { "nick": "测试旗舰店" } });
    assert_eq!(names("2054501234", named.clone()), ["id:2054501234", "nick:测试旗舰店"]);
    assert_eq!(names("flagship", named), ["nick:flagship", "nick:测试旗舰店"]);
}

#[test]
fn a_group_has_a_name_that_the_channel_takes() {
    let stream = |group: &str| {
        let settings: Settings = serde_json::from_value(json!({ "group": group })).unwrap();
        Stream::try_new(ShopId::try_new("1").unwrap(), settings)
    };
    assert!(stream("default").is_ok() && stream(&"组".repeat(32)).is_ok());
    for wrong in ["", &"g".repeat(33)] {
        assert_eq!(stream(wrong).unwrap_err().path(), Some("stream.group"));
    }
}
