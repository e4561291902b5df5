//! An answer as a flat row of its values: one shape for JSON and XML, with one text that all values stand in.

use crate::contract::names::{Added, Names};
use crate::contract::tape::{Item, Kind, Tape, push_unescaped};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// A longer fraction may be too large for a number, which `serde_json` must say.
const FRACTION_LIMIT: usize = 40;
/// A record of fewer fields is searched as fast without an index, and a hostile answer of many gets none.
const INDEXED_FIELDS: usize = 8;

/// The values of an answer. Numbers that are not whole are [`Kind::Number`], and no text has an escape.
#[derive(Default)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) tape: Tape,
    /// Where the fields of records stand, counted from the record, by its place.
    names: Vec<(usize, Names)>,
}

impl Row {
    /// Takes plain JSON of which nothing is to be said: no field twice, no number that may be none, no half of a letter.
    /// None where `serde_json` must say what is wrong with it.
    pub(super) fn plain(json: &str) -> Option<Self> {
        let tape = Tape::read(json)?;
        let mut row = Self { text: json.to_owned(), tape, names: Vec::new() };
        for place in 0..row.tape.len() {
            let item = row.tape.get(place)?;
            match item.kind {
                Kind::Map => row.index(json, place)?,
                Kind::Number if !is_fraction(item.value(json)) => return None,
                Kind::Escaped => {
                    let begin = row.text.len();
                    push_unescaped(&mut row.text, item.value(json))?;
                    row.tape.set(place, Kind::Text, begin..row.text.len())?;
                }
                Kind::Null
                | Kind::Switch
                | Kind::Whole
                | Kind::Number
                | Kind::Text
                | Kind::List => {}
            }
        }
        Some(row)
    }

    /// Keeps where the fields of a record stand; none where one comes twice. The index is filled where it will stay:
    /// it is larger than what it holds.
    fn index(&mut self, json: &str, map: usize) -> Option<()> {
        let Self { tape, names, .. } = self;
        let name_at = |at: usize| tape.get(map + at).map_or("", |item| item.name(json));
        names.push((map, Names::default()));
        let (_, index) = names.last_mut()?;
        for (place, item) in tape.inside(map) {
            if index.add(item.name(json), place - map, name_at) != Added::New {
                return None;
            }
        }
        if index.len() < INDEXED_FIELDS {
            names.pop();
        }
        Some(())
    }

    /// Name of a field by its place.
    pub(super) fn name_at(&self, place: usize) -> &str {
        self.tape.get(place).map_or("", |item| item.name(&self.text))
    }

    /// Which index tells where the fields of a record stand; none for one that must be gone through.
    pub(super) fn index_of(&self, record: usize) -> Option<usize> {
        self.names.binary_search_by_key(&record, |(place, _)| *place).ok()
    }

    /// An index: where the fields of its record stand, counted from the record.
    pub(super) fn names(&self, index: usize) -> Option<&Names> {
        self.names.get(index).map(|(_, names)| names)
    }

    /// Adds a text, and says where it is.
    pub(super) fn write(&mut self, text: &str) -> Range<usize> {
        let begin = self.text.len();
        self.text.push_str(text);
        begin..self.text.len()
    }
}

/// Place of the record of an answer, whatever its root is called: the only field of an answer is the root where it holds
/// others. None where the answer is no record.
pub(super) fn record_of(tape: &Tape) -> Option<usize> {
    let is_map = |item: Item| item.kind == Kind::Map;
    tape.get(0).filter(|item| is_map(*item))?;
    let mut fields = tape.inside(0);
    match (fields.next(), fields.next()) {
        (Some((place, root)), None) if is_map(root) => Some(place),
        _ => Some(0),
    }
}

/// Whether a number is a fraction of a size that `serde_json` takes. A long whole number may be none.
fn is_fraction(number: &str) -> bool {
    number.len() <= FRACTION_LIMIT && number.contains('.') && !number.contains(['e', 'E'])
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut row = Self::default();
        Value { row: &mut row, name: 0..0 }.deserialize(deserializer)?;
        Ok(row)
    }
}

/// Puts one value.
struct Value<'r> {
    row: &'r mut Row,
    name: Range<usize>,
}

impl Value<'_> {
    fn put<E: Error>(self, kind: Kind, text: &str) -> Result<(), E> {
        let value = self.row.write(text);
        self.row.tape.put(kind, self.name, value).map(|_| ()).ok_or_else(too_long)
    }
}

fn too_long<E: Error>() -> E {
    E::custom("expected a shorter answer")
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Kind::Null, "")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(Kind::Switch, if value { "true" } else { "false" })
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(Kind::Whole, &value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(Kind::Whole, &value.to_string())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.put(Kind::Number, "")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(Kind::Text, value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let place = self.row.tape.put(Kind::List, self.name, 0..0).ok_or_else(too_long)?;
        while items.next_element_seed(Value { row: &mut *self.row, name: 0..0 })?.is_some() {}
        self.row.tape.set(place, Kind::List, 0..0).ok_or_else(too_long)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let place = self.row.tape.put(Kind::Map, self.name, 0..0).ok_or_else(too_long)?;
        let mut known = BTreeSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            let written = self.row.write(&name);
            fields.next_value_seed(Value { row: &mut *self.row, name: written })?;
            if !known.insert(name) {
                return Err(A::Error::custom("expected each field once"));
            }
        }
        self.row.tape.set(place, Kind::Map, 0..0).ok_or_else(too_long)
    }
}
