//! The envelope of a delivery: `{"type":…,"timestamp":…,"data":…}`.
//!
//! `data` is read straight into the canonical record when `type` comes before it, as the contract asks; otherwise its
//! text is kept and read when the type is known.

use super::strict::Strict;
use super::webhook::{INVALID_ENCODING, INVALID_JSON};
use crate::contract::model::{Order, Refund, Timestamp};
use crate::contract::{Error, Result, parse_json};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// What a delivery carries.
#[derive(Debug)]
pub(super) enum Data {
    Order(Box<Order>),
    Refund(Box<Refund>),
    /// Of a type that this version of the contract does not know.
    Other,
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Data> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::malformed("body is not UTF-8").code(INVALID_ENCODING))?;
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(_) => return Err(complain::<Envelope<'_>>(body)),
    };
    match envelope.data {
        Body::Read(data) => Ok(data),
        Body::Kept(kind, raw) => read_kept(kind, raw).map_err(|error| error.within("data")),
    }
}

fn read_kept(kind: Kind, raw: &RawValue) -> Result<Data> {
    let text = raw.get().as_bytes();
    Ok(match kind {
        Kind::Order => Data::Order(parse_json::<Strict<_>>(text)?.0),
        Kind::Refund => Data::Refund(parse_json::<Strict<_>>(text)?.0),
        Kind::Other => Data::Other,
    })
}

/// Finds out what is wrong with a body that could not be read: not JSON at all, or which field.
fn complain<'de, T: Deserialize<'de> + fmt::Debug>(body: &'de [u8]) -> Error {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        let (line, column) = (error.line(), error.column());
        let text = format!("not valid JSON, line {line} column {column}");
        return Error::malformed(text).code(INVALID_JSON);
    }
    match parse_json::<T>(body) {
        Err(error) => error,
        Ok(_) => Error::malformed("body cannot be read"),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Order,
    Refund,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "order.created" | "order.updated" => Self::Order,
            "refund.updated" => Self::Refund,
            _ => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_str(KindVisitor)
    }
}

struct KindVisitor;

impl Visitor<'_> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> std::result::Result<Kind, E> {
        Ok(Kind::of(name))
    }
}

#[derive(Debug)]
struct Envelope<'a> {
    data: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    Read(Data),
    Kept(Kind, &'a RawValue),
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Type,
    Timestamp,
    Data,
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `type`, `timestamp` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut kind = None;
        let mut timestamp: Option<Timestamp> = None;
        let mut read = None;
        let mut kept: Option<&'de RawValue> = None;
        while let Some(field) = map.next_key()? {
            match (field, kind) {
                (Field::Type, Some(_)) => return Err(A::Error::duplicate_field("type")),
                (Field::Type, None) => kind = Some(map.next_value()?),
                (Field::Timestamp, _) if timestamp.is_some() => {
                    return Err(A::Error::duplicate_field("timestamp"));
                }
                (Field::Timestamp, _) => timestamp = Some(map.next_value()?),
                (Field::Data, _) if read.is_some() || kept.is_some() => {
                    return Err(A::Error::duplicate_field("data"));
                }
                (Field::Data, None) => kept = Some(map.next_value()?),
                (Field::Data, Some(Kind::Order)) => {
                    read = Some(Data::Order(map.next_value::<Strict<_>>()?.0));
                }
                (Field::Data, Some(Kind::Refund)) => {
                    read = Some(Data::Refund(map.next_value::<Strict<_>>()?.0));
                }
                (Field::Data, Some(Kind::Other)) => {
                    map.next_value::<IgnoredAny>()?;
                    read = Some(Data::Other);
                }
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
        timestamp.ok_or_else(|| A::Error::missing_field("timestamp"))?;
        let data = match (read, kept) {
            (Some(data), _) => Body::Read(data),
            (None, Some(raw)) => Body::Kept(kind, raw),
            (None, None) => return Err(A::Error::missing_field("data")),
        };
        Ok(Envelope { data })
    }
}
