//! What one schema says, read from its keywords.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub(super) type Object = Map<String, Value>;

/// Says nothing about values.
pub(super) const REMARKS: &[&str] =
    &["$defs", "$ref", "$schema", "default", "description", "examples", "title"];

/// Keywords that say more than the reference or the choice beside them.
pub(super) fn beside_reference(schema: &Value) -> impl Iterator<Item = &String> {
    let whole = ["$ref", "anyOf", "oneOf"];
    let keys = schema.as_object().into_iter().flat_map(Map::keys);
    let is_whole = whole.iter().any(|keyword| schema.get(keyword).is_some());
    keys.filter(move |key| {
        let says_more = !whole.contains(&key.as_str()) && !REMARKS.contains(&key.as_str());
        is_whole && says_more
    })
}

/// The alternatives of a schema, each with one type and without references. Alternatives that are words are one.
pub(super) fn alternatives(document: &Value, schema: &Value) -> Vec<Object> {
    let Some(object) = schema.as_object() else { return vec![Object::new()] };
    if let Some(name) = reference(schema) {
        let pointer = name.trim_start_matches('#');
        let target = document.pointer(pointer).unwrap_or_else(|| panic!("{name} leads nowhere"));
        return alternatives(document, target);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(list) = object.get(keyword).and_then(Value::as_array) {
            let all = list.iter().flat_map(|one| alternatives(document, one)).collect();
            return with_words_joined(all);
        }
    }
    let Some(types) = object.get("type").and_then(Value::as_array) else {
        return vec![object.clone()];
    };
    let of_type = |one: &Value| {
        let mut object = object.clone();
        object.insert("type".to_owned(), one.clone());
        object
    };
    types.iter().map(of_type).collect()
}

fn with_words_joined(all: Vec<Object>) -> Vec<Object> {
    let (with, mut rest): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| type_of(one) == Some("string") && words(one).is_some());
    if let Some(first) = with.first() {
        let mut joined = first.clone();
        joined.remove("const");
        let all: BTreeSet<String> = with.iter().filter_map(words).flatten().collect();
        joined.insert("enum".to_owned(), all.into_iter().collect());
        rest.push(joined);
    }
    rest
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

pub(super) fn type_of(schema: &Object) -> Option<&str> {
    schema.get("type")?.as_str()
}

pub(super) fn is_null(schema: &Object) -> bool {
    type_of(schema) == Some("null")
}

pub(super) fn reads_type(reader: Option<&str>, writer: Option<&str>) -> bool {
    reader.is_none() || reader == writer || (reader, writer) == (Some("number"), Some("integer"))
}

pub(super) fn words(schema: &Object) -> Option<BTreeSet<String>> {
    let one = schema.get("const").map(std::slice::from_ref);
    let many = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let text = |word: &Value| word.as_str().map_or_else(|| word.to_string(), str::to_owned);
    Some(one.or(many)?.iter().map(text).collect())
}

pub(super) fn fields(schema: &Object) -> Object {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn required(schema: &Object) -> BTreeSet<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What an integer's format holds.
pub(super) fn integers(schema: &Object) -> Option<(i128, i128)> {
    let range = match schema.get("format")?.as_str()? {
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "int64" => (i64::MIN.into(), i64::MAX.into()),
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint64" => (0, u64::MAX.into()),
        _ => return None,
    };
    Some(range)
}

/// The numbers that fit: by the format, and by the bounds.
pub(super) fn range(schema: &Object) -> (i128, i128) {
    let (low, high) = integers(schema).unwrap_or((i128::MIN, i128::MAX));
    let bound = |key: &str| {
        let bound = schema.get(key)?;
        Some(bound.as_i64().map(i128::from).or_else(|| bound.as_u64().map(i128::from)).unwrap())
    };
    let low = bound("minimum").map_or(low, |bound| bound.max(low));
    let high = bound("maximum").map_or(high, |bound| bound.min(high));
    (low, high)
}
