//! Lists of records inside a record.

use super::wire::{Raw, object};
use crate::contract::{Error, Result, WithRest};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a list may hold.
pub(super) trait Listed {
    /// The channel's names of one.
    const NAMES: &'static [&'static str];
}

/// A list: as it stands, or read together with the record around it.
pub(super) trait List<'a, T>: Sized {
    /// Makes something of each item. `items` takes apart a list that has not its usual form, or of which an item cannot
    /// be read: so the error names the first that is wrong. `path` is the field that holds the list.
    fn each<O>(
        self,
        path: &str,
        items: impl FnOnce(Option<Raw<'a>>) -> Result<Vec<Raw<'a>>>,
        make: impl FnMut(WithRest<'a, T>) -> Result<O>,
    ) -> Result<Vec<O>>;
}

impl<'a, T: Listed + Deserialize<'a>> List<'a, T> for Raw<'a> {
    fn each<O>(
        self,
        path: &str,
        items: impl FnOnce(Option<Raw<'a>>) -> Result<Vec<Raw<'a>>>,
        mut make: impl FnMut(WithRest<'a, T>) -> Result<O>,
    ) -> Result<Vec<O>> {
        if let Ok(list) = serde_json::from_str::<Items<'a, T>>(self.get()) {
            return list.each(path, items, make);
        }
        let raws = items(Some(self)).map_err(|error| error.within(path))?;
        let mut made = Vec::with_capacity(raws.len());
        for (index, raw) in raws.into_iter().enumerate() {
            made.push(object(raw).and_then(&mut make).map_err(|error| at(path, index, error))?);
        }
        Ok(made)
    }
}

/// A list in its usual form: an object with an array in it and nothing else.
pub(super) struct Items<'a, T>(pub(super) Vec<WithRest<'a, T>>);

impl<'a, T> List<'a, T> for Items<'a, T> {
    fn each<O>(
        self,
        path: &str,
        _: impl FnOnce(Option<Raw<'a>>) -> Result<Vec<Raw<'a>>>,
        mut make: impl FnMut(WithRest<'a, T>) -> Result<O>,
    ) -> Result<Vec<O>> {
        let mut made = Vec::with_capacity(self.0.len());
        for (index, item) in self.0.into_iter().enumerate() {
            made.push(make(item).map_err(|error| at(path, index, error))?);
        }
        Ok(made)
    }
}

fn at(path: &str, index: usize, error: Error) -> Error {
    error.within(&format!("{path}[{index}]"))
}

impl<'de: 'a, 'a, T: Listed + Deserialize<'de>> Deserialize<'de> for Items<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ItemsVisitor(PhantomData)).map(Self)
    }
}

struct ItemsVisitor<'a, T>(PhantomData<WithRest<'a, T>>);

impl<'de: 'a, 'a, T: Listed + Deserialize<'de>> Visitor<'de> for ItemsVisitor<'a, T> {
    type Value = Vec<WithRest<'a, T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let other = || A::Error::custom("not a list in its usual form");
        if !map.next_key::<&str>()?.is_some_and(|name| T::NAMES.contains(&name)) {
            return Err(other());
        }
        let items = map.next_value()?;
        if map.next_key::<IgnoredAny>()?.is_some() { Err(other()) } else { Ok(items) }
    }
}
