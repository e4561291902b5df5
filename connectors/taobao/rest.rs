//! What no canonical field holds: every field of an object that its wire struct does not name, without personal data.
//!
//! Numbers beyond 2^53 are ids and become text. The wrappers around lists are left out, so that a simplified answer
//! says the same as a plain one.

use super::wire::{Raw, object};
use crate::contract::model::Extensions;
use crate::contract::parts::Parts;
use crate::contract::{Error, Rest, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Largest whole number that every JSON reader keeps.
const SAFE_INTEGER: i64 = 1 << 53;
/// TOP's answers are three levels deep.
const DEPTH_LIMIT: u32 = 16;

/// Parts of names of fields that hold, or may hold, who somebody is: accounts, numbers, addresses, and free text of
/// buyers. They are not asked for; where they come nevertheless they are left out.
static PERSONAL: LazyLock<Parts> = LazyLock::new(|| {
    Parts::in_any_case(&[
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
    ])
});
/// Names that would be taken for personal and are not: the shop's own name, a switch, a number of points.
const NOT_PERSONAL: [&str; 3] = ["seller_nick", "has_buyer_message", "alipay_point"];
/// What a buyer or a distributor wrote to explain a refund.
const FREE_TEXT: [&str; 2] = ["desc", "refund_desc"];
/// Change with the clock and not with the trade, so that every reading would be another event.
const VOLATILE: [&str; 2] = ["can_rate", "seller_can_rate"];

/// What is kept of the fields that a wire struct does not name.
pub(super) fn kept(mut fields: Rest<'_>) -> Result<Extensions> {
    fields.retain(|(name, _)| !is_personal(name) && !VOLATILE.contains(&&**name));
    // Sorted, a name that is there twice stands beside itself; the last one counts.
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut kept = Vec::with_capacity(fields.len());
    let mut fields = fields.into_iter().peekable();
    while let Some((name, raw)) = fields.next() {
        if fields.peek().is_some_and(|(next, _)| *next == name) {
            continue;
        }
        if let Some(value) = value(raw, 0).map_err(|error| error.within(&name))? {
            kept.push((name.into_owned(), value));
        }
    }
    Ok(kept.into_iter().collect())
}

fn is_personal(name: &str) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    (PERSONAL.are_in(name) && !is_one_of(&NOT_PERSONAL)) || is_one_of(&FREE_TEXT)
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
            let text = unquoted(raw)?;
            (!text.is_empty() && text != "null" && !holds_mobile(&text))
                .then(|| Value::String(text.into_owned()))
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

/// A text, borrowed unless it holds escapes.
fn unquoted(raw: Raw<'_>) -> Result<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match inside.filter(|text| !text.as_bytes().contains(&b'\\')) {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => object::<String>(raw).map(Cow::Owned),
    }
}

/// Whether free-standing in a text there are eleven digits that a mobile number begins like, whatever the field is
/// called: new fields come without notice.
fn holds_mobile(text: &str) -> bool {
    let mut runs = text.as_bytes().split(|byte| !byte.is_ascii_digit());
    text.len() >= 11 && runs.any(|run| run.len() == 11 && matches!(run, [b'1', b'3'..=b'9', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use serde_json::value::RawValue;

    #[test]
    fn a_name_with_a_personal_part_anywhere_is_personal() {
        let parts = [
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
        for part in parts {
            for name in
                [part.to_owned(), format!("a{part}"), format!("{part}s"), part.to_uppercase()]
            {
                assert!(is_personal(&name), "{name}");
            }
            let cut = [part.strip_prefix(|_| true), part.strip_suffix(|_| true)];
            assert!(cut.into_iter().flatten().all(|name| !is_personal(name)), "{part}");
        }
        for name in ["desc", "refund_desc"] {
            assert!(is_personal(name), "{name}");
        }
        for name in
            ["seller_nick", "has_buyer_message", "alipay_point", "mark_desc", "title", "", "价"]
        {
            assert!(!is_personal(name), "{name}");
        }
    }

    #[test]
    fn of_a_name_that_is_there_twice_the_last_one_counts() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let (one, none, deep) = (raw("1"), raw("null"), raw(&("[".repeat(20) + &"]".repeat(20))));
        let fields: Rest<'_> =
            [("b", &deep), ("a", &one), ("b", &one), ("a", &none), ("c", &none), ("c", &one)]
                .into_iter()
                .map(|(name, raw)| (Cow::Borrowed(name), &**raw))
                .collect();
        assert_eq!(json!(kept(fields).unwrap()), json!({ "b": 1, "c": 1 }));
    }

    #[test]
    fn text_is_read_with_its_escapes_and_mobiles_are_left_out() {
        let read = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            value(&raw, 0).unwrap()
        };
        assert_eq!(read(r#""a\u4ef7\n""#), Some(json!("a价\n")));
        assert_eq!(read(r#""价""#), Some(json!("价")));
        for text in [r#""""#, r#""null""#, r#""打13800000000""#, r#""1380000000\u0030""#, "null"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(r#""138000000001""#), Some(json!("138000000001")));
    }
}
