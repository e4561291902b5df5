//! JSON read once into a flat row of its values, for records that are many short texts.
//!
//! Nothing is allocated for a value: it is where it stands in the text, and what a list or an object holds follows it in
//! the row. The reader takes only what `serde_json` takes and leaves some of that to it: `None` says "not mine", never
//! "wrong", so whoever gets it asks `serde_json`, which says what is wrong and where.

mod escapes;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use escapes::{push_unescaped, unescaped};
use reader::Reader;
use std::ops::Range;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// `true`, or `false`.
    Switch,
    /// A whole number of at most 18 digits.
    Whole,
    /// Any other number.
    Number,
    /// Text without an escape.
    Text,
    /// Text with escapes, as it stands; see [`unescaped`].
    Escaped,
    /// A list.
    List,
    /// An object.
    Map,
}

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// What it is.
    pub(crate) kind: Kind,
    name: Span,
    value: Span,
    next: u32,
}

/// Where a part of the text begins and ends.
#[derive(Debug, Clone, Copy, Default)]
struct Span(u32, u32);

impl Span {
    fn of(range: Range<usize>) -> Option<Self> {
        Some(Self(u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?))
    }

    fn within(self, text: &str) -> &str {
        text.get(to_index(self.0)..to_index(self.1)).unwrap_or_default()
    }
}

fn to_index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl Item {
    /// Name of a field, which never has an escape; empty for what is no field.
    pub(crate) fn name(self, text: &str) -> &str {
        self.name.within(text)
    }

    /// Whether it is this text, written without an escape.
    pub(crate) fn is_text(self, text: &str, expected: &str) -> bool {
        self.kind == Kind::Text && self.value(text) == expected
    }

    /// Whether it holds others.
    pub(crate) fn is_container(self) -> bool {
        matches!(self.kind, Kind::List | Kind::Map)
    }

    /// The value: of a text what is between its quotes, of anything else all of it.
    pub(crate) fn value(self, text: &str) -> &str {
        self.value.within(text)
    }
}

/// The values of a text in the order in which they begin; the first is the whole.
#[derive(Debug, Default)]
pub(crate) struct Tape(Vec<Item>);

impl Tape {
    /// Reads a text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Reader::new(text).read()
    }

    /// Puts a value behind the last one: the places of its name and of itself in some text.
    #[inline]
    pub(crate) fn put(
        &mut self,
        kind: Kind,
        name: Range<usize>,
        value: Range<usize>,
    ) -> Option<usize> {
        let place = self.0.len();
        let next = u32::try_from(place.checked_add(1)?).ok()?;
        self.0.push(Item { kind, name: Span::of(name)?, value: Span::of(value)?, next });
        Some(place)
    }

    /// Makes another value of one that was put; what was put behind a list or an object is in it.
    pub(crate) fn set(&mut self, place: usize, kind: Kind, value: Range<usize>) -> Option<()> {
        let next = u32::try_from(self.0.len()).ok()?;
        let item = self.0.get_mut(place)?;
        (item.kind, item.value) = (kind, Span::of(value)?);
        if item.is_container() {
            item.next = next;
        }
        Some(())
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A value by its place in the row; the whole stands at 0.
    pub(crate) fn get(&self, at: usize) -> Option<Item> {
        self.0.get(at).copied()
    }

    /// What the list or the object at this place holds, each with its place.
    pub(crate) fn inside(&self, at: usize) -> impl Iterator<Item = (usize, Item)> {
        let end = self.0.get(at).map_or(0, |item| to_index(item.next));
        let mut next = at.saturating_add(1);
        std::iter::from_fn(move || {
            let here = next;
            let item = self.0.get(here).filter(|_| here < end)?;
            next = to_index(item.next);
            Some((here, *item))
        })
    }
}
