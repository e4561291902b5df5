//! What came, went or was counted, and that a change is counted once.

use super::tests::{CHANGE, decoded, refused, shown};
use crate::contract::{ErrorKind, Event};
use serde_json::Value;
use std::collections::BTreeSet;

const METHOD: &str = "stockchange.report";
const COUNT: &str = include_str!("fixtures/inventory-report.json");

/// The change of each observation, and what tells the observations apart.
fn changes(method: &str, body: &str) -> (Vec<Option<i64>>, BTreeSet<String>) {
    let notices = decoded(method, body).unwrap();
    let stock = |event: &Event| {
        let Event::Stock(stock) = event else { panic!("no stock") };
        (**stock).clone()
    };
    let all: Vec<_> = notices.iter().map(|notice| stock(&notice.event)).collect();
    let texts = all.iter().map(|stock| serde_json::to_string(stock).unwrap()).collect();
    (all.iter().map(|stock| stock.change).collect(), texts)
}

#[test]
fn a_change_is_an_observation_of_the_warehouse() {
    let expected: Value =
        serde_json::from_str(include_str!("fixtures/stockchange-report.event.json")).unwrap();
    assert_eq!(shown(&decoded(METHOD, CHANGE).unwrap()), expected);
}

#[test]
fn a_count_gives_what_was_found_more_or_less() {
    let expected: Value =
        serde_json::from_str(include_str!("fixtures/inventory-report.event.json")).unwrap();
    let shown = shown(&decoded("inventory.report", COUNT).unwrap());
    assert_eq!(shown, expected);
    assert!(!shown.to_string().contains("13800000000"), "remarks stay where they are");
}

#[test]
fn damaged_goods_are_no_change_of_what_can_be_sold() {
    for kind in ["CC", "JS", "XS", "ZT"] {
        let body = CHANGE.replace(">ZP<", &format!(">{kind}<"));
        let shown = shown(&decoded(METHOD, &body).unwrap());
        let stock = &shown[0]["stock"];
        assert!(stock.get("change").is_none() && stock.get("available").is_none(), "{stock}");
        assert_eq!(stock["extensions"]["quantity"], -1);
        assert_eq!(stock["extensions"]["inventoryType"], kind);
    }
    let unsaid = CHANGE.replace("<inventoryType>ZP</inventoryType>", "");
    assert_eq!(changes(METHOD, &unsaid).0, [Some(-1)]);
}

#[test]
fn equal_lines_of_one_report_are_two_changes_and_a_report_sent_again_is_none() {
    let (_, rest) = CHANGE.split_once("<item>").unwrap();
    let (item, _) = rest.split_once("</item>").unwrap();
    let item = format!("<item>{item}</item>");
    let twice = CHANGE.replace(&item, &format!("{item}{item}"));
    let (units, first) = changes(METHOD, &twice);
    assert_eq!((units, first.len()), (vec![Some(-1), Some(-1)], 2));
    assert_eq!(changes(METHOD, &twice).1, first);
    assert!(first.contains(changes(METHOD, CHANGE).1.first().unwrap()));
}

#[test]
fn a_change_that_could_not_be_told_from_another_is_refused() {
    for (from, path) in [
        ("<outBizCode>msg-0002</outBizCode>", "items.item[0].outBizCode"),
        ("<changeTime>2026-11-01 12:00:00</changeTime>", "items.item[0].changeTime"),
        ("<itemCode>SKU-1-RED</itemCode>", "items.item[0].itemCode"),
        ("<quantity>-1</quantity>", "items.item[0].quantity"),
    ] {
        let body = CHANGE.replace(from, "");
        assert_ne!(body, CHANGE);
        let error = refused(METHOD, &body);
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
    for (name, path) in
        [("outBizCode", "outBizCode"), ("checkTime", "checkTime"), ("items", "items")]
    {
        let body = COUNT.replace(&format!("\"{name}\""), "\"other\"");
        let error = refused("inventory.report", &body);
        assert_eq!((error.kind(), error.path()), (ErrorKind::Malformed, Some(path)));
    }
    assert_eq!(refused(METHOD, "<request><items/></request>").path(), Some("items"));
}

#[test]
fn a_quantity_is_whole_and_of_this_world() {
    let body = |quantity: &str| CHANGE.replace(">-1<", &format!(">{quantity}<"));
    for (text, units) in [("-1", -1), ("7", 7), ("0", 0), ("12.000", 12), ("-3.0", -3)] {
        assert_eq!(changes(METHOD, &body(text)).0, [Some(units)]);
    }
    for wrong in [
        "1.5",
        "1e3",
        "1.",
        ".5",
        "--1",
        "+1",
        "1,000",
        "一",
        "1000000000001",
        "9223372036854775808",
    ] {
        let error = refused(METHOD, &body(wrong));
        assert_eq!(error.path(), Some("items.item[0].quantity"), "{wrong}");
        assert!(!error.to_string().contains(wrong));
    }
    let number = |text: &str| COUNT.replace("\"quantity\": 3.0", &format!("\"quantity\": {text}"));
    assert_eq!(changes("inventory.report", &number("4.0")).0[2], Some(4));
    for wrong in ["3.5", "1e300", "null", "[1]", "{}", "true"] {
        let notices = decoded("inventory.report", &number(wrong)).unwrap();
        assert!(
            matches!(&notices[2].event, Event::Suspect(suspect)
            if suspect.error.path() == Some("items.item[2].quantity")),
            "{wrong}"
        );
    }
}
