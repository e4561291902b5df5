//! The channel's answers as they are: records of fields, in one shape for JSON and XML.
//!
//! Both forms say numbers as text now and then, name their root as they like, and wrap the records of a list in
//! different ways; a record evens that out. It has no `Debug`: it holds what buyers wrote.

use super::row::{self, Row};
use crate::contract::model::{Minor, Timestamp};
use crate::contract::names::Names;
use crate::contract::tape::{Item, Kind};
use crate::contract::{Error, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// What the channel says for "not yet".
pub(super) const UNSET: &str = "1970-01-01 08:00:00";
/// What XML may have around a value. Other control characters are no blanks: they would make another id of one.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
const NOT_TEXT: &str = "expected one text or whole number";

/// The fields of an object, in their order.
#[derive(Clone)]
pub(super) struct Record {
    row: Arc<Row>,
    /// Where the object stands in the row.
    place: usize,
    /// Which index of the row is of its fields.
    index: Option<usize>,
}

impl Record {
    /// The record of an answer; none where the answer is none.
    pub(super) fn of_answer(row: Arc<Row>) -> Option<Self> {
        let place = row::record_of(&row.tape)?;
        Some(Self { index: row.index_of(place), place, row })
    }

    fn at(&self, place: usize) -> Self {
        Self { row: Arc::clone(&self.row), place, index: self.row.index_of(place) }
    }

    /// A field and its place; one that an XML record has twice is neither.
    fn field(&self, name: &str) -> Result<Option<(usize, Item)>> {
        if let Some(names) = self.index.and_then(|index| self.row.names(index)) {
            return Ok(self.indexed(names, name));
        }
        let fields = self.row.tape.inside(self.place);
        let mut found = fields.filter(|(_, item)| item.name(&self.row.text) == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Error::malformed("expected each field once").at(name.to_owned())),
            (field, None) => Ok(field),
        }
    }

    fn indexed(&self, names: &Names, name: &str) -> Option<(usize, Item)> {
        let at = names.find(name, |at| self.row.name_at(self.place + at))?;
        let place = self.place + at;
        Some((place, self.row.tape.get(place)?))
    }

    /// The fields that are text and wanted by their name, cleaned. One that an XML record has twice is left out.
    pub(super) fn texts(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.row.tape.inside(self.place).filter_map(move |(_, item)| {
            let name = item.name(&self.row.text);
            if !is_wanted(name) {
                return None;
            }
            // Where there is an index, every name is there once.
            let text = match self.index {
                Some(_) => self.trimmed(item).map(without_controls)?,
                None => self.cleaned(name).ok()??,
            };
            (!text.is_empty()).then_some((name, text))
        })
    }

    /// A value that is text, without blanks around it; none where it is something else.
    fn trimmed(&self, item: Item) -> Option<&str> {
        match item.kind {
            Kind::Null => Some(""),
            Kind::Switch | Kind::Whole | Kind::Text => {
                let text = item.value(&self.row.text);
                Some(if has_edges(text) { text.trim_matches(BLANKS) } else { text })
            }
            Kind::Number | Kind::Escaped | Kind::List | Kind::Map => None,
        }
    }

    /// Text as it stands, without blanks around it; none where it is empty or missing.
    fn plain(&self, name: &str) -> Result<Option<&str>> {
        let Some((_, item)) = self.field(name)? else { return Ok(None) };
        match self.trimmed(item) {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(Error::malformed(NOT_TEXT).at(name.to_owned())),
        }
    }

    /// Text, without the control characters that come with some.
    pub(super) fn text<T: for<'t> From<&'t str>>(&self, name: &str) -> Result<Option<T>> {
        Ok(self.cleaned(name)?.map(|text| T::from(&text)))
    }

    /// The same, where it may not be needed.
    pub(super) fn cleaned(&self, name: &str) -> Result<Option<Cow<'_, str>>> {
        Ok(self.plain(name)?.map(without_controls).filter(|text| !text.is_empty()))
    }

    /// A word of the channel, for example a state: without control characters, or it is none.
    pub(super) fn word(&self, name: &str) -> Result<Option<&str>> {
        let Some(text) = self.plain(name)? else { return Ok(None) };
        if may_have_controls(text) && text.chars().any(char::is_control) {
            return Err(Error::malformed("expected a word").at(name.to_owned()));
        }
        Ok(Some(text))
    }

    /// An id; 0 is none.
    pub(super) fn id(&self, name: &str) -> Result<Option<&str>> {
        let Some(id) = self.plain(name)?.filter(|id| *id != "0") else { return Ok(None) };
        let is_id = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"');
        if !id.bytes().all(is_id) {
            return Err(
                Error::malformed("expected an id, of visible ASCII characters").at(name.to_owned())
            );
        }
        Ok(Some(id))
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>> {
        let wrong = || Error::malformed("expected a whole number").at(name.to_owned());
        let Some(text) = self.plain(name).map_err(|_| wrong())? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// An amount in fen; none where it is empty or missing.
    pub(super) fn fen(&self, name: &str) -> Result<Option<Minor>> {
        Ok(self.whole(name)?.map(Minor))
    }

    /// A time in China; none where it is empty, missing or "not yet".
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.plain(name)?.filter(|text| !matches!(*text, UNSET | "0")) else {
            return Ok(None);
        };
        Timestamp::parse_china(text).map(Some).map_err(|error| error.at(name.to_owned()))
    }

    /// The records of a list, however it wraps them: a JSON list, elements of any name, or the fields of the only record.
    pub(super) fn records(&self, name: &str) -> Result<Vec<Self>> {
        let wrong = || Error::malformed("expected a list of records").at(name.to_owned());
        let Some((place, field)) = self.field(name)? else { return Ok(Vec::new()) };
        let record = |(place, item): (usize, Item)| {
            if item.kind == Kind::Map { Ok(self.at(place)) } else { Err(wrong()) }
        };
        match field.kind {
            Kind::Null => Ok(Vec::new()),
            Kind::Switch | Kind::Whole | Kind::Text
                if field.value(&self.row.text).trim().is_empty() =>
            {
                Ok(Vec::new())
            }
            Kind::Switch | Kind::Whole | Kind::Text | Kind::Escaped | Kind::Number => Err(wrong()),
            Kind::List => self.row.tape.inside(place).map(record).collect(),
            Kind::Map => {
                if self.row.tape.inside(place).any(|(_, item)| !item.is_container()) {
                    return Ok(vec![self.at(place)]);
                }
                let mut records = Vec::new();
                for (place, item) in self.row.tape.inside(place) {
                    if item.kind == Kind::List {
                        for item in self.row.tape.inside(place) {
                            records.push(record(item)?);
                        }
                    } else {
                        records.push(self.at(place));
                    }
                }
                Ok(records)
            }
        }
    }

    /// Whether there is a field of that name, with anything in it.
    pub(super) fn has(&self, name: &str) -> bool {
        if let Some(names) = self.index.and_then(|index| self.row.names(index)) {
            return self.indexed(names, name).is_some_and(|(_, item)| item.kind != Kind::Null);
        }
        let mut fields = self.row.tape.inside(self.place);
        fields.any(|(_, item)| item.kind != Kind::Null && item.name(&self.row.text) == name)
    }
}

/// Text without control characters other than ends of lines and tabs, and without blanks around what is left.
fn without_controls(text: &str) -> Cow<'_, str> {
    if may_have_controls(text) {
        let kept = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
        let text: String = text.chars().filter(kept).collect();
        Cow::Owned(text.trim().to_owned())
    } else if has_edges(text) {
        Cow::Borrowed(text.trim())
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether there may be blanks around a text: it does not both begin and end with a visible ASCII character.
fn has_edges(text: &str) -> bool {
    let edge = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_graphic);
    edge(text.as_bytes().first()) || edge(text.as_bytes().last())
}

/// Whether a text may have control characters: 0xc2 begins those beyond ASCII, and signs like `©` too. Nearly no text has
/// one, so the loop does not stop at the first: that lets it take many bytes in one step.
fn may_have_controls(text: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_control() || byte == 0xc2;
    text.bytes().fold(false, |found, byte| found | may_be(byte))
}

/// A field that must be there.
pub(super) fn needed<T>(field: Option<T>, name: &'static str) -> Result<T> {
    field.ok_or_else(|| Error::malformed("channel's answer lacks a field").at(name))
}
