//! Reads an object into a struct and keeps, in the same reading, the fields that the struct has no place for.
//!
//! A struct that serde derives asks for the value of a field it does not know only to ignore it. Such a value is kept
//! instead, as it stands in the body; no name is compared a second time and nothing is parsed twice.

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Room for the fields of a usual object; with more of them it grows.
const USUAL_REST: usize = 24;

/// Fields by name, in the order of the body; a name may be there twice.
pub type Rest<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// What a struct has of an object, and what it has not. `T` derives `Deserialize`, without `flatten` and without
/// `deny_unknown_fields`.
pub struct WithRest<'a, T> {
    /// The fields that `T` names.
    pub known: T,
    /// The others.
    pub rest: Rest<'a>,
}

/// Not what is inside, which may be personal.
impl<T> fmt::Debug for WithRest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithRest").finish_non_exhaustive()
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for WithRest<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut rest = Rest::new();
        let known = T::deserialize(Object { inner: deserializer, rest: &mut rest })?;
        Ok(Self { known, rest })
    }
}

/// Where the struct is read from.
struct Object<'r, 'de, D> {
    inner: D,
    rest: &'r mut Rest<'de>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = ObjectVisitor { inner: visitor, rest: self.rest };
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct ObjectVisitor<'r, 'de, V> {
    inner: V,
    rest: &'r mut Rest<'de>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ObjectVisitor<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Fields { map, name: Cow::Borrowed(""), rest: self.rest })
    }

    /// serde takes an array for a struct, field by field; no channel means that.
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(seq)?;
        Err(A::Error::custom("expected a map"))
    }
}

/// The fields of the object, one by one.
struct Fields<'r, 'de, A> {
    map: A,
    name: Cow<'de, str>,
    rest: &'r mut Rest<'de>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.map.next_key_seed(Name)? else { return Ok(None) };
        self.name = name;
        match &self.name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(StrDeserializer::new(name)),
        }
        .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let Self { map, name, rest } = self;
        map.next_value_seed(Value { inner: seed, name, rest })
    }

    fn size_hint(&self) -> Option<usize> {
        self.map.size_hint()
    }
}

/// A name, borrowed unless it holds escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// The value of a field: a seed, and then the deserializer that it is given.
struct Value<'f, 'de, S> {
    inner: S,
    name: &'f mut Cow<'de, str>,
    rest: &'f mut Rest<'de>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Value<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let Self { inner, name, rest } = self;
        inner.deserialize(Value { inner: deserializer, name, rest })
    }
}

macro_rules! passed_on {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($argument,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Value<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let raw = <&RawValue>::deserialize(self.inner)?;
        if self.rest.is_empty() {
            self.rest.reserve(USUAL_REST);
        }
        self.rest.push((std::mem::take(self.name), raw));
        visitor.visit_unit()
    }

    passed_on! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::parse_json;

    #[derive(Deserialize)]
    struct Sample<'a> {
        #[serde(borrow)]
        title: &'a str,
        count: Option<u32>,
    }

    fn read(body: &str) -> crate::contract::Result<WithRest<'_, Sample<'_>>> {
        parse_json(body.as_bytes())
    }

    #[test]
    fn what_the_struct_does_not_name_is_kept_as_it_stands() {
        let body = r#"{"b": [1, {"title":2}],"title":"t","a\n":1.50,"b":null,"count":3}"#;
        let read = read(body).unwrap();
        assert_eq!((read.known.title, read.known.count), ("t", Some(3)));
        let rest: Vec<_> = read.rest.iter().map(|(name, raw)| (&**name, raw.get())).collect();
        assert_eq!(rest, [("b", r#"[1, {"title":2}]"#), ("a\n", "1.50"), ("b", "null")]);
    }

    #[test]
    fn errors_are_those_of_the_struct_alone() {
        for body in [
            r#"{"title":1}"#,
            r#"{"title":"t","count":"many","other":{}}"#,
            r#"{"other":1}"#,
            r#"{"title":"t","title":"u"}"#,
            r#"{"title":"t","other":[1,}"#,
            r#"{"title":"t","other":"#,
            r#"{"title":"t"}}"#,
            "[]",
            "null",
            "\"t\"",
            "",
        ] {
            let alone = parse_json::<Sample<'_>>(body.as_bytes()).err();
            assert!(alone.is_some(), "{body}");
            assert_eq!(read(body).err(), alone, "{body}");
        }
        assert!(read(r#"["t",1]"#).is_err(), "an array is no object");
    }
}
