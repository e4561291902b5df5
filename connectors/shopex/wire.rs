//! The shapes around records: lists, and what a call that sets several SKUs says. Nothing is computed here.
//!
//! Counts and switches come now as text and now as numbers (`"3"`, `0`, `"true"`), and lists now as lists and now as JSON
//! inside a text.

use super::fields::Fields;
use crate::contract::{Error, Event, Result, Suspect, parse_json};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One object of a body, unread.
pub(super) type Raw<'a> = &'a RawValue;

/// A list of trades.
#[derive(Deserialize)]
pub(super) struct Trades<'a> {
    #[serde(borrow)]
    pub(super) trades: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) total_results: Option<Raw<'a>>,
}

/// A list of orders of ShopEx 4.8.5.
#[derive(Deserialize)]
pub(super) struct Orders<'a> {
    #[serde(borrow)]
    pub(super) data_info: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) counts: Option<Raw<'a>>,
}

/// Reads an object.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Result<T> {
    parse_json(raw.get().as_bytes())
}

/// A count, said as a number or as text.
pub(super) fn count(raw: Option<Raw<'_>>, name: &str) -> Result<u64> {
    let text = raw.map(RawValue::get).unwrap_or_default();
    let digits = text.trim_matches('"');
    digits.parse().map_err(|_| Error::malformed("expected a count").at(name))
}

/// Records of a list. PHP writes an empty list as `[]` and may write a list as an object numbered from 0.
pub(super) fn records<'a>(raw: Option<Raw<'a>>, name: &str) -> Result<Vec<Raw<'a>>> {
    let Some(raw) = raw.filter(|raw| !matches!(raw.get(), "null" | "\"\"")) else {
        return Ok(Vec::new());
    };
    if raw.get().starts_with('{') {
        let numbered: std::collections::BTreeMap<String, Raw<'a>> =
            object(raw).map_err(|error| error.within(name))?;
        return Ok(numbered.into_values().collect());
    }
    object(raw).map_err(|error| error.within(name))
}

/// A record that cannot be read, whole, for the quarantine.
pub(super) fn suspect(error: Error, object_id: Option<String>, raw: &[u8]) -> Event {
    Event::Suspect(Box::new(Suspect { error, object_id, raw: Bytes::copy_from_slice(raw) }))
}

/// The id of a record that may not be readable otherwise.
pub(super) fn id_of(raw: Raw<'_>, name: &str) -> Option<String> {
    let fields = Fields::from_json(raw.get().as_bytes()).ok()?;
    fields.order_id(name).ok().map(|id| id.to_string())
}

/// What a call that sets several SKUs says of them.
#[derive(Default)]
pub(super) struct Verdicts {
    /// SKUs that it names as refused.
    pub(super) refused: Vec<String>,
    /// SKUs that it names as set.
    pub(super) set: Vec<String>,
}

impl Verdicts {
    /// Reads `error_response` and `true_bn`: lists of SKUs or of objects with a `bn`, plain or as JSON inside a text; and
    /// `detail_response`, which gives each SKU a `rsp` of its own.
    pub(super) fn read(data: Raw<'_>) -> Result<Self> {
        let value: Value = parse_json(data.get().as_bytes())?;
        let value = opened(value);
        let list =
            |field: &str| value.get(field).map(|list| opened(list.clone())).unwrap_or_default();
        let mut verdicts =
            Self { refused: skus(&list("error_response")), set: skus(&list("true_bn")) };
        for (rsp, sku) in by_verdict(&list("detail_response")) {
            match rsp.as_str() {
                "fail" => verdicts.refused.push(sku),
                "succ" => verdicts.set.push(sku),
                _ => {}
            }
        }
        Ok(verdicts)
    }
}

/// Verdict and SKU of each object of a list.
fn by_verdict(list: &Value) -> Vec<(String, String)> {
    let objects = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |object: &Value, name| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let verdict = |object: &Value| Some((text(object, "rsp")?, text(object, "bn")?));
    objects.iter().filter_map(verdict).collect()
}

/// A value, taken out of the text that it may stand in.
fn opened(value: Value) -> Value {
    match &value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value
        }
    }
}

fn skus(list: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let sku = |value: &Value| text(value).or_else(|| value.get("bn").and_then(text));
    match list {
        Value::Array(items) => items.iter().filter_map(sku).collect(),
        Value::Object(items) => items.values().filter_map(sku).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
