//! TOP's plain values: ids as numbers or text, yuan as text, China time, switches in four spellings.
//!
//! Ids and text are borrowed from the body. None of these types has `Debug`: they hold what buyers wrote.

use crate::contract::model::{Minor, Timestamp};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An id, said as a number or as text. Its digits are taken from the body as they stand, because 19 and 20 digits do
/// not survive a floating point number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id<'a>(pub(super) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let is_id = match quoted {
            Some(text) => text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'),
            None => raw.bytes().all(|byte| byte.is_ascii_digit()),
        };
        if is_id {
            Ok(Self(quoted.unwrap_or(raw)))
        } else {
            Err(D::Error::custom("expected an id, as a whole number or as text"))
        }
    }
}

/// Text, borrowed unless it holds escapes. Numbers are taken for text: TOP is not of one mind about small codes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

/// An amount in yuan with two decimal places, as text. A number, or an amount without a point, was rewritten by somebody
/// on the way and may mean fen: it is refused.
#[derive(Clone, Copy)]
pub(super) struct Yuan(pub(super) Minor);

struct YuanVisitor;

impl Visitor<'_> for YuanVisitor {
    type Value = Yuan;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in yuan with two decimal places, as text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Yuan, E> {
        let wrong = |_| E::custom("expected an amount in yuan with two decimal places, as text");
        Minor::from_decimal(text).map(Yuan).map_err(wrong)
    }
}

impl<'de> Deserialize<'de> for Yuan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(YuanVisitor)
    }
}

/// A time in China. Empty text means that there is none yet.
#[derive(Clone, Copy)]
pub(super) struct When(pub(super) Option<Timestamp>);

struct WhenVisitor;

impl Visitor<'_> for WhenVisitor {
    type Value = When;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time like 2026-11-11 00:00:09")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<When, E> {
        if text.is_empty() {
            return Ok(When(None));
        }
        let wrong = |_| E::custom("expected a time like 2026-11-11 00:00:09");
        Timestamp::parse_china(text).map(|time| When(Some(time))).map_err(wrong)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WhenVisitor)
    }
}

/// A whole number, said as a number or as text.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub(super) i64);

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        let wrong = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
        i64::try_from(number).map(Whole).map_err(wrong)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
        Ok(Whole(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
        text.parse().map(Whole).map_err(|_| E::custom("expected a whole number"))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

/// A switch: `true`, `1`, `"true"` or `"1"` is on.
#[derive(Clone, Copy)]
pub(super) struct Switch(pub(super) bool);

struct SwitchVisitor;

impl Visitor<'_> for SwitchVisitor {
    type Value = Switch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, 0 or 1")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Switch, E> {
        Ok(Switch(on))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Switch, E> {
        Ok(Switch(number != 0))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Switch, E> {
        Ok(Switch(number > 0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Switch, E> {
        match text {
            "true" | "1" => Ok(Switch(true)),
            "false" | "0" | "" => Ok(Switch(false)),
            _ => Err(E::custom("expected true, false, 0 or 1")),
        }
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchVisitor)
    }
}
