//! What a delivery may say, and that whatever else it says is refused with the field's path.

use super::tests::{keys, now, partner, shop, signed};
use crate::contract::{ErrorKind, Event, Notice, Outcome, RawWebhook, Result};
use http::header::CONTENT_TYPE;
use proptest::prelude::*;
use serde_json::{Value, json};

const ORDER: &str = include_str!("fixtures/order.json");
const REFUND: &str = include_str!("fixtures/refund.json");
const MARK: &str = "\"@here@\"";

fn decode_raw(raw: &RawWebhook) -> Result<Vec<Notice>> {
    let partner = partner(json!({}));
    let source = partner.webhooks().unwrap();
    let keys = keys(&[shop().secret.as_str()]);
    source.decode(&source.verify(&keys, now(), raw).unwrap())
}

fn decode(body: &[u8]) -> Result<Vec<Notice>> {
    decode_raw(&signed(&shop(), now(), body))
}

/// The record that a body says, as canonical JSON.
fn record(body: &str) -> Result<Value> {
    let mut notices = decode(body.as_bytes())?;
    assert_eq!(notices.len(), 1);
    let notice = notices.remove(0);
    assert_eq!(notice.shop, shop().shop);
    Ok(match notice.event {
        Event::Order(order) => serde_json::to_value(*order).unwrap(),
        Event::Refund(refund) => serde_json::to_value(*refund).unwrap(),
        Event::OrderChanged { .. }
        | Event::RefundChanged { .. }
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => {
            panic!("neither an order nor a refund")
        }
    })
}

fn status(body: &[u8]) -> (u16, Option<String>) {
    let error = decode(body).unwrap_err();
    let reply = partner(json!({}))
        .webhooks()
        .unwrap()
        .reply(&signed(&shop(), now(), body), &Outcome::Refused(error));
    let said: Value = serde_json::from_slice(&reply.body).unwrap();
    (reply.status.as_u16(), said["error"]["code"].as_str().map(str::to_owned))
}

/// A golden body with one place changed. `text` is raw JSON; none takes the field out.
fn changed(golden: &str, pointer: &str, text: Option<&str>) -> String {
    let mut body: Value = serde_json::from_str(golden).unwrap();
    let Some(text) = text else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        if let Some(object) = parent.as_object_mut() {
            object.remove(name);
        } else {
            parent.as_array_mut().unwrap().remove(name.parse().unwrap());
        }
        return body.to_string();
    };
    *body.pointer_mut(pointer).unwrap() = json!("@here@");
    body.to_string().replace(MARK, text)
}

/// `/data/lines/2/quantity` as `data.lines[2].quantity`.
fn path(pointer: &str) -> String {
    pointer.trim_start_matches('/').split('/').fold(String::new(), |path, part| {
        if part.parse::<usize>().is_ok() {
            format!("{path}[{part}]")
        } else if path.is_empty() {
            part.to_owned()
        } else {
            format!("{path}.{part}")
        }
    })
}

/// Every place in a document.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut visit = |name: String, inner: &Value| {
        let pointer = format!("{at}/{name}");
        found.push(pointer.clone());
        pointers(inner, &pointer, found);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, inner)| visit(name.clone(), inner)),
        Value::Array(array) => {
            array.iter().enumerate().for_each(|(index, inner)| visit(index.to_string(), inner));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn golden_records_arrive_as_they_were_sent() {
    for golden in [ORDER, REFUND] {
        let sent: Value = serde_json::from_str(golden).unwrap();
        assert_eq!(record(golden).unwrap(), sent["data"]);
    }
}

#[test]
fn the_order_of_the_envelope_does_not_matter() {
    for golden in [ORDER, REFUND] {
        // Sorted by name, so `data` comes before `type`.
        let sent: Value = serde_json::from_str(golden).unwrap();
        let sorted = sent.to_string();
        assert!(sorted.starts_with(r#"{"data""#));
        assert_eq!(record(&sorted).unwrap(), sent["data"]);
        let wrong = changed(golden, "/data/currency", Some("7"));
        assert_eq!(decode(wrong.as_bytes()).unwrap_err().path(), Some("data.currency"));
    }
}

#[test]
fn channel_and_shop_may_be_left_out_and_must_not_be_others() {
    for golden in [ORDER, REFUND] {
        for field in ["channel", "shop"] {
            let pointer = format!("/data/{field}");
            decode(changed(golden, &pointer, None).as_bytes()).unwrap();
            let other = decode(changed(golden, &pointer, Some("\"other\"")).as_bytes());
            assert_eq!(other.unwrap_err().path(), Some(path(&pointer).as_str()));
        }
    }
}

#[test]
fn unknown_types_are_ignored_and_said_to_be() {
    for kind in ["\"order.deleted\"", "\"\"", "\"Order.Created\""] {
        let body = changed(ORDER, "/type", Some(kind));
        assert_eq!(decode(body.as_bytes()).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(status(body.as_bytes()).0, 202);
    }
    let first = r#"{"type":"cart.left","timestamp":"2026-11-11T00:00:00Z","data":[1,{"a":2}]}"#;
    assert_eq!(status(first.as_bytes()).0, 202);
}

#[test]
fn what_is_not_json_is_told_from_what_is_wrong() {
    let code = |code: &str| Some(code.to_owned());
    for not_json in ["", "{", "hello", "{'a':1}", "\u{feff}{}", "{} {}", "{\"type\":NaN}"] {
        assert_eq!(status(not_json.as_bytes()), (400, code("invalid_json")), "{not_json}");
    }
    let mut broken = ORDER.as_bytes().to_vec();
    let at = ORDER.find("保温杯").unwrap();
    broken[at] = 0xff;
    assert_eq!(status(&broken), (400, code("invalid_encoding")));
    for wrong in ["[]", "1", "\"x\"", "null", "{}", r#"{"type":"order.created"}"#] {
        assert_eq!(status(wrong.as_bytes()), (422, code("invalid_field")), "{wrong}");
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep = changed(ORDER, "/data/extensions/campaign", Some(&deep));
    assert_eq!(status(deep.as_bytes()), (422, code("invalid_field")));
}

#[test]
fn only_json_in_utf_8_is_read() {
    let with = |content_type: Option<&str>| {
        let mut raw = signed(&shop(), now(), ORDER.as_bytes());
        raw.headers.remove(CONTENT_TYPE);
        if let Some(content_type) = content_type {
            raw.headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        decode_raw(&raw).map_err(|error| error.channel_code().map(str::to_owned))
    };
    for good in
        ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/json ; a=b"]
    {
        assert!(with(Some(good)).is_ok(), "{good}");
    }
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        assert_eq!(with(Some(wrong)).unwrap_err().as_deref(), Some("invalid_content_type"));
    }
    assert_eq!(with(None).unwrap_err().as_deref(), Some("invalid_content_type"));
    let gbk = with(Some("application/json; charset=gbk")).unwrap_err();
    assert_eq!(gbk.as_deref(), Some("invalid_encoding"));
}

#[test]
fn impossible_records_are_refused_with_the_field() {
    let cases = [
        ("/data/lines/1/payable", "9999", "data.lines[1].payable"),
        ("/data/amounts/payable", "24901", "data.amounts.payable"),
        ("/data/lines", "[]", "data.lines"),
        ("/data/amounts/paid", "-1", "data.amounts.paid"),
        ("/data/currency", "\"cny\"", "data.currency"),
        ("/data/lines/0/line_id", "\"\"", "data.lines[0].line_id"),
        ("/data/lines/0/quantity", "2.0", "data.lines[0].quantity"),
        ("/data/lines/0/unit_price", "9223372036854775807", "data.lines[0].payable"),
        ("/data/lines/0/unit_price", "9223372036854775808", "data.lines[0].unit_price"),
        ("/data/times/created", "\"2026-11-11T00:00:01\"", "data.times.created"),
        ("/data/order_id", "17999999999999999999", "data.order_id"),
        ("/data/order_id", "\"a:b\"", "data.order_id"),
        ("/data/status", "\"shipped!\"", "data.status"),
    ];
    for (pointer, text, expected) in cases {
        let error = decode(changed(ORDER, pointer, Some(text)).as_bytes()).unwrap_err();
        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::Malformed, Some(expected)),
            "{pointer}"
        );
    }
}

#[test]
fn an_unknown_or_doubled_field_is_refused() {
    for (from, to, path) in [
        ("\"currency\"", "\"colour\": 1, \"currency\"", "data.colour"),
        ("\"timestamp\"", "\"colour\": 1, \"timestamp\"", "colour"),
        ("\"currency\"", "\"currency\": \"CNY\", \"currency\"", "data.currency"),
        ("\"timestamp\"", "\"type\": \"order.created\", \"timestamp\"", "type"),
    ] {
        let body = ORDER.replacen(from, to, 1);
        assert_eq!(status(body.as_bytes()).0, 422, "{to}");
        assert_eq!(decode(body.as_bytes()).unwrap_err().path(), Some(path));
    }
}

/// Every place × every wrong value: the same meaning or the field's path, never another amount.
#[test]
fn every_field_is_accepted_as_it_is_or_refused_by_its_path() {
    let mut tried = 0;
    for golden in [ORDER, REFUND] {
        let whole: Value = serde_json::from_str(golden).unwrap();
        let mut places = Vec::new();
        pointers(&whole, "", &mut places);
        for pointer in &places {
            let place = whole.pointer(pointer).unwrap();
            let swapped = match place.as_str() {
                Some(text) => text.len().to_string(),
                None if place.is_number() => format!("\"{place}\""),
                None => "\"text\"".to_owned(),
            };
            let values = ["null", "\"\"", "0", "-1", "1e400", "[]", "{}", &swapped];
            for text in values.into_iter().map(Some).chain([None]) {
                one_change(golden, pointer, text);
                tried += 1;
            }
        }
    }
    assert!(tried > 900, "{tried}");
}

fn one_change(golden: &str, pointer: &str, text: Option<&str>) {
    let body = changed(golden, pointer, text);
    let what = format!("{pointer} = {text:?}");
    match record(&body) {
        Ok(read) => {
            let sent: Value = serde_json::from_str(&body).unwrap();
            let inner = pointer.strip_prefix("/data").unwrap();
            let mut expected = sent["data"].clone();
            if matches!(text, None | Some("null")) && !inner.contains("extensions") {
                // Left out: nothing, or the default that the contract names.
                let default = read.pointer(inner).cloned().unwrap_or(Value::Null);
                let nothing =
                    [json!(null), json!(0), json!(""), json!(false), json!({}), json!([])];
                let normal = json!("normal");
                let is_nothing = nothing.contains(&default) || default == normal;
                let shorter = read.pointer(inner) == expected.pointer(inner);
                let empty = json!({ "cash_on_delivery": false });
                assert!(is_nothing || shorter || default == empty, "{what} became {default}");
            }
            fill(&mut expected, &read);
            assert_eq!(read, expected, "{what}");
        }
        Err(error) => {
            let known = matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Unsupported);
            assert!(known, "{what}: {error:?}");
            let named = error.path().unwrap_or_else(|| panic!("{what}: {error:?} has no path"));
            let of_field = named.starts_with(&path(pointer));
            // A sum names its result, whichever part is wrong.
            let field = named.rsplit('.').next();
            let of_sum = matches!(field, Some("payable" | "goods"));
            assert!(of_field || of_sum, "{what}: {named}");
        }
    }
}

/// What serializing adds to what was sent: empty fields that the sender left out; and takes away: nulls and empty lists.
fn fill(sent: &mut Value, read: &Value) {
    let (Value::Object(sent), Value::Object(read)) = (&mut *sent, read) else {
        if let (Value::Array(sent), Value::Array(read)) = (sent, read) {
            sent.iter_mut().zip(read).for_each(|(sent, read)| fill(sent, read));
        }
        return;
    };
    let is_empty =
        |value: &Value| *value == json!(null) || *value == json!([]) || *value == json!({});
    sent.retain(|name, value| read.contains_key(name) || !is_empty(value));
    for (name, value) in read {
        let nothing = [json!(0), json!(""), json!(false), json!({}), json!("normal")];
        let absent = nothing.contains(value) || *value == json!({ "cash_on_delivery": false });
        match sent.get_mut(name) {
            Some(inner) => fill(inner, value),
            None if absent => drop(sent.insert(name.clone(), value.clone())),
            None => {}
        }
    }
}

#[test]
fn a_body_cut_off_anywhere_is_not_json() {
    for golden in [ORDER, REFUND] {
        let whole = golden.trim_end();
        for length in 0..whole.len() {
            let error = decode(&whole.as_bytes()[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed);
            let code = error.channel_code().unwrap();
            assert!(code == "invalid_json" || code == "invalid_encoding", "{length}: {error}");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_an_error_and_never_a_panic(body: Vec<u8>) {
        prop_assert!(decode(&body).is_err());
    }

    #[test]
    fn mutated_bodies_never_panic_and_never_change_an_amount_unseen(
        places in prop::collection::vec((0..ORDER.len(), any::<u8>()), 1..4),
    ) {
        let mut body = ORDER.as_bytes().to_vec();
        for (at, byte) in places {
            body[at] = byte;
        }
        if let Ok(notices) = decode(&body) {
            let Event::Order(order) = &notices[0].event else { panic!("not an order") };
            let sent: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(sent["data"]["amounts"]["payable"].as_i64(), Some(order.amounts.payable.0));
            order.check().unwrap();
        }
    }
}
