//! Values and records against their schemas: what connectors are expected to make, and that the check sees what is wrong.
//!
//! Every record that an end-to-end test reads is checked where it is read, in `support`.

use super::kept;
use crate::repository::{assert_none, channels, files};
use crate::support::{Seen, wrong_record, wrong_value};
use connectors::contract::model::{Order, Refund};
use serde_json::{Value, json};

/// The canonical records of a channel's fixtures, with the topic that each goes to.
fn golden(channel: &str) -> Vec<(String, &'static str, Value)> {
    let mut found = Vec::new();
    for path in files(&format!("connectors/{channel}/fixtures"), "json") {
        let path = path.to_str().unwrap();
        let records = if path.ends_with(".event.json") {
            let said = kept(path);
            said.as_array().cloned().unwrap_or_else(|| vec![said])
        } else if ["partner/fixtures/order.json", "partner/fixtures/refund.json"]
            .iter()
            .any(|fixture| path.ends_with(fixture))
        {
            vec![rewritten(kept(path)["data"].take())]
        } else {
            continue;
        };
        for record in records {
            found.push((path.to_owned(), topic_of(&record), record));
        }
    }
    found
}

fn topic_of(record: &Value) -> &'static str {
    let has = |field: &str| record.get(field).is_some();
    match (has("lines"), has("refund_id"), has("number"), has("observed_at")) {
        (true, false, false, false) => "orders",
        (false, true, false, false) => "refunds",
        (_, false, true, false) => "shipments",
        (false, false, false, true) => "stock_observations",
        _ => panic!("of which topic is this? {record}"),
    }
}

#[test]
fn what_connectors_are_expected_to_make_fits_the_schemas() {
    let mut findings = Vec::new();
    for channel in channels() {
        let golden = golden(&channel);
        if golden.is_empty() {
            findings.push(format!("connectors/{channel}/fixtures has no canonical record"));
        }
        for (path, topic, record) in golden {
            let wrong = wrong_value(topic, &record);
            findings.extend(wrong.into_iter().map(|wrong| format!("{path}: {wrong}")));
        }
    }
    assert_none("fixtures that do not fit their schema", &findings);
}

/// The partner's own protocol is the canonical schema in an envelope; what may be left out there is always written.
fn rewritten(record: Value) -> Value {
    match topic_of(&record) {
        "orders" => json!(serde_json::from_value::<Order>(record).unwrap()),
        _ => json!(serde_json::from_value::<Refund>(record).unwrap()),
    }
}

/// Makes a good record a bad one.
type Change = fn(&mut Seen);

fn record() -> Seen {
    let id = "46cfa973fec99e049404d8fc5ce3816c";
    let headers = [
        ("traceparent", format!("00-{id}-46cfa973fec99e04-01")),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id.to_owned()),
        ("ce_source", "/channels/partner/shops/dev".to_owned()),
        ("ce_type", "stock.observation.v1".to_owned()),
        ("ce_time", "2026-11-12T09:00:00+08:00".to_owned()),
        ("ce_subject", "4611686018427387904".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("origin", "webhook".to_owned()),
        ("version", "1794445200000".to_owned()),
        ("content_hash", "924a64b4683111b4d3e7a3ba20a3b662".to_owned()),
        ("dedup", "ok".to_owned()),
    ];
    Seen {
        key: "partner:dev:4611686018427387904".to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        value: json!({
            "channel": "partner", "shop": "dev", "sku_id": "4611686018427387904", "source": "channel",
            "available": 12, "observed_at": "2026-11-12T09:00:00+08:00"
        }),
    }
}

#[test]
fn a_record_that_breaks_its_contract_is_seen() {
    let wrong = |change: Change| {
        let mut record = record();
        change(&mut record);
        wrong_record("a-test.stock_observations", &record)
    };
    assert_none("of a good record", &wrong(|_| {}));
    let changes: [(&str, Change); 10] = [
        ("key", |record| record.key = "partner:dev".to_owned()),
        ("headers", |record| drop(record.headers.remove("version"))),
        ("headers", |record| drop(record.headers.insert("undocumented".into(), "x".into()))),
        ("headers/ce_time", |record| drop(record.headers.insert("ce_time".into(), "now".into()))),
        ("headers/ce_type", |record| drop(record.headers.insert("ce_type".into(), "x".into()))),
        ("schema", |record| record.value["undocumented"] = json!(1)),
        ("payload", |record| record.value["undocumented"] = json!(1)),
        ("schema/available", |record| record.value["available"] = json!("12")),
        ("schema/observed_at", |record| record.value["observed_at"] = json!("2026-11-12")),
        ("schema/source", |record| record.value["source"] = json!("rumour")),
    ];
    for (part, change) in changes {
        let found = wrong(change);
        assert!(found.iter().any(|one| one.starts_with(part)), "{part}: {found:#?}");
    }
}
