//! The inside of a reply, read in one go.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Whether this is the field of a reply that holds its inside.
pub(super) fn is_inside(name: &str) -> bool {
    name.ends_with("_response")
}

/// The inside of a reply in its usual form, if it can be read.
pub(super) fn inside<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let body = std::str::from_utf8(body).ok()?;
    serde_json::from_str(body).ok().map(|Inside(inside)| inside)
}

struct Inside<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inside<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InsideVisitor(PhantomData))
    }
}

struct InsideVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for InsideVisitor<T> {
    type Value = Inside<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inside<T>, A::Error> {
        let other = || A::Error::custom("not a reply in its usual form");
        let mut found = None;
        while let Some(name) = map.next_key::<&str>()? {
            if !is_inside(name) {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_none() {
                found = Some(map.next_value()?);
            } else {
                return Err(other());
            }
        }
        found.map(Inside).ok_or_else(other)
    }
}
