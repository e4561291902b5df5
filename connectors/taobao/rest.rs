//! What no canonical field holds: every field of an object that its wire struct does not name, without personal data.
//!
//! Numbers beyond 2^53 are ids and become text. The wrappers around lists are left out, so that a simplified answer
//! says the same as a plain one.

use super::wire::{Raw, object};
use crate::contract::model::Extensions;
use crate::contract::{Error, Result};
use serde::Deserialize;
use serde::de::value::Error as Found;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest whole number that every JSON reader keeps.
const SAFE_INTEGER: i64 = 1 << 53;
/// TOP's answers are three levels deep.
const DEPTH_LIMIT: u32 = 16;

/// Parts of names of fields that hold, or may hold, who somebody is: accounts, numbers, addresses, and free text of
/// buyers. They are not asked for; where they come nevertheless they are left out.
const PERSONAL: [&str; 20] = [
    "alipay",
    "phone",
    "mobile",
    "email",
    "address",
    "receiver",
    "nick",
    "area",
    "contact",
    "memo",
    "message",
    "seller_name",
    "buyer_name",
    "real_name",
    "id_card",
    "identity",
    "cert",
    "passport",
    "birth",
    "attribute",
];
/// Names that would be taken for personal and are not: the shop's own name, a switch, a number of points.
const NOT_PERSONAL: [&str; 3] = ["seller_nick", "has_buyer_message", "alipay_point"];
/// What a buyer or a distributor wrote to explain a refund.
const FREE_TEXT: [&str; 2] = ["desc", "refund_desc"];
/// Change with the clock and not with the trade, so that every reading would be another event.
const VOLATILE: [&str; 2] = ["can_rate", "seller_can_rate"];

/// The fields of an object beyond those that `T` names.
pub(super) fn rest<'a, T: Deserialize<'a>>(raw: Raw<'_>) -> Result<Extensions> {
    let known = field_names::<T>();
    let mut kept = Extensions::new();
    let fields: BTreeMap<String, Raw<'_>> = object(raw)?;
    for (name, raw) in fields {
        if !known.contains(&name.as_str())
            && !is_personal(&name)
            && !VOLATILE.contains(&name.as_str())
            && let Some(value) = value(raw, 0).map_err(|error| error.within(&name))?
        {
            kept.insert(name, value);
        }
    }
    Ok(kept)
}

fn is_personal(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FREE_TEXT.contains(&name.as_str())
        || (PERSONAL.iter().any(|part| name.contains(part))
            && !NOT_PERSONAL.contains(&name.as_str()))
}

/// A value, or nothing for null, empty text, and TOP's text `null`.
fn value(raw: Raw<'_>, depth: u32) -> Result<Option<Value>> {
    if depth > DEPTH_LIMIT {
        return Err(Error::malformed("nested too deeply"));
    }
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => inner_object(raw, depth)?,
        Some(b'[') => {
            let items: Vec<Raw<'_>> = object(raw)?;
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                values.extend(value(item, depth + 1)?);
            }
            Some(Value::Array(values))
        }
        Some(b'"') => {
            let text: String = object(raw)?;
            (!text.is_empty() && text != "null" && !holds_mobile(&text))
                .then_some(Value::String(text))
        }
        Some(b't') => Some(Value::Bool(true)),
        Some(b'f') => Some(Value::Bool(false)),
        Some(b'n') | None => None,
        _ => Some(match text.parse::<i64>() {
            Ok(number) if (-SAFE_INTEGER..=SAFE_INTEGER).contains(&number) => number.into(),
            _ => Value::String(text.to_owned()),
        }),
    })
}

fn inner_object(raw: Raw<'_>, depth: u32) -> Result<Option<Value>> {
    let fields: BTreeMap<String, Raw<'_>> = object(raw)?;
    if fields.len() == 1
        && let Some((_, list)) = fields.iter().next()
        && list.get().starts_with('[')
    {
        return value(list, depth + 1);
    }
    let mut kept = serde_json::Map::new();
    for (name, raw) in fields {
        if !is_personal(&name)
            && let Some(value) = value(raw, depth + 1)?
        {
            kept.insert(name, value);
        }
    }
    Ok(Some(Value::Object(kept)))
}

/// Whether free-standing in a text there are eleven digits that a mobile number begins like, whatever the field is
/// called: new fields come without notice.
fn holds_mobile(text: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_digit()).any(|run| {
        let bytes = run.as_bytes();
        run.len() == 11 && bytes.first() == Some(&b'1') && matches!(bytes.get(1), Some(b'3'..=b'9'))
    })
}

/// The names of the fields of a wire struct, from its `Deserialize`.
fn field_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Found;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> std::result::Result<V::Value, Found> {
        *self.0 = fields;
        Err(Found::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> std::result::Result<V::Value, Found> {
        Err(Found::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
