//! A record of the family as it stands: names and texts.
//!
//! The same trade comes as JSON from a call and as a form from a push, its numbers now as numbers and now as text, and
//! its lists as JSON inside a text. Both are read into one flat shape first, so that they cannot differ later. Nothing
//! here has `Debug`: it holds what buyers wrote.

use super::form::{Pair, not_utf8};
use crate::contract::model::{Extensions, Minor, OrderId, Timestamp};
use crate::contract::names::{Added, Names};
use crate::contract::tape::{Item, Kind, Tape, unescaped};
use crate::contract::{Error, Result, parse_json};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A decimal has at most this many places, and those beyond the second say nothing.
const LONGEST_DECIMALS: usize = 3;

/// The end of the year 9998: what lies behind is no time of an order.
const LAST_SECOND: i64 = 253_370_764_799;

#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// A record: what is absent and what is `null` are one.
#[derive(Default)]
pub(super) struct Fields<'a> {
    fields: Vec<Field<'a>>,
    /// Where a field stands. None where they are sorted by name: they are too many, or were read slowly.
    names: Option<Names>,
    /// The text that the record was read from, where [`Tape`] could read it.
    row: Option<(&'a str, Arc<Tape>)>,
}

struct Field<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    /// Where it stands in the row that the record was read from.
    place: usize,
}

impl<'a> Fields<'a> {
    /// Reads a JSON object.
    pub(super) fn from_json(body: &'a [u8]) -> Result<Self> {
        let row = std::str::from_utf8(body).ok().and_then(|text| Some((text, Tape::read(text)?)));
        if let Some((text, tape)) = row
            && let Some(fields) = Self::from_row(text, &Arc::new(tape), 0)
        {
            return Ok(fields);
        }
        let raws: BTreeMap<String, &'a RawValue> = parse_json(body)?;
        let mut fields = BTreeMap::new();
        for (name, raw) in raws {
            if let Some(value) = scalar(raw).map_err(|error| error.at(shown(&name)))? {
                fields.insert(Cow::Owned(name), value);
            }
        }
        Ok(Self::sorted(fields))
    }

    /// Takes the object at a place of a row. None where a field comes twice or has half a letter in it.
    pub(super) fn from_row(text: &'a str, tape: &Arc<Tape>, place: usize) -> Option<Self> {
        if tape.get(place)?.kind != Kind::Map {
            return None;
        }
        let mut fields = Self::indexed(tape.inside(place).count())?;
        for (place, item) in tape.inside(place) {
            let (name, value) = (item.name(text), item.value(text));
            let value = match item.kind {
                Kind::Escaped => Cow::Owned(unescaped(value)?),
                Kind::Switch => Cow::Borrowed(if value == "true" { "1" } else { "0" }),
                Kind::Null if fields.find(name).is_none() => continue,
                Kind::Null => return None,
                Kind::Text | Kind::Whole | Kind::Number | Kind::List | Kind::Map => {
                    Cow::Borrowed(value)
                }
            };
            if fields.put(Field { name: Cow::Borrowed(name), value, place }) != Added::New {
                return None;
            }
        }
        fields.row = Some((text, Arc::clone(tape)));
        Some(fields)
    }

    /// Takes the pairs of a form.
    pub(super) fn from_form(pairs: &'a [Pair<'a>]) -> Result<Self> {
        let mut fields = BTreeMap::new();
        let mut indexed = Self::indexed(pairs.len());
        for (name, value) in pairs {
            let name = std::str::from_utf8(name).map_err(|_| not_utf8())?;
            let value = std::str::from_utf8(value).map_err(|_| not_utf8().at(shown(name)))?;
            let (name, value) = (Cow::Borrowed(name), Cow::Borrowed(value));
            match &mut indexed {
                Some(indexed) => {
                    indexed.put(Field { name, value, place: 0 });
                }
                None => {
                    fields.insert(name, value);
                }
            }
        }
        Ok(indexed.unwrap_or_else(|| Self::sorted(fields)))
    }

    fn sorted(fields: BTreeMap<Cow<'a, str>, Cow<'a, str>>) -> Self {
        let field = |(name, value)| Field { name, value, place: 0 };
        Self { fields: fields.into_iter().map(field).collect(), names: None, row: None }
    }

    /// Room for so many fields, if they are few enough to be found by an index.
    fn indexed(fields: usize) -> Option<Self> {
        let names = (fields <= Names::MOST).then(Names::default)?;
        Some(Self { fields: Vec::with_capacity(fields), names: Some(names), row: None })
    }

    /// Puts a field; one of that name is replaced.
    fn put(&mut self, field: Field<'a>) -> Added {
        let Some(names) = &mut self.names else { return Added::Full };
        let added = names.add(&field.name, self.fields.len(), |at| name_at(&self.fields, at));
        match added {
            Added::New => self.fields.push(field),
            Added::Known(at) => {
                if let Some(known) = self.fields.get_mut(at) {
                    *known = field;
                }
            }
            Added::Full => {}
        }
        added
    }

    fn find(&self, name: &str) -> Option<&Field<'a>> {
        let at = match &self.names {
            Some(names) => names.find(name, |at| name_at(&self.fields, at)),
            None => self.fields.binary_search_by(|field| (*field.name).cmp(name)).ok(),
        };
        self.fields.get(at?).filter(|field| !field.value.is_empty())
    }

    /// Text, where there is any.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.find(name).map(|field| &*field.value)
    }

    /// Text, where there is any, to keep.
    pub(super) fn owned<T: for<'t> From<&'t str>>(&self, name: &str) -> Option<T> {
        self.text(name).map(T::from)
    }

    /// The first of several names that has a text.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// Text that must be there. A list or an object in its place is none.
    pub(super) fn required(&self, name: &str) -> Result<&str> {
        let text = self.text(name).ok_or_else(|| Error::malformed("missing field").at(name))?;
        if text.starts_with(['{', '[']) {
            return Err(Error::malformed("expected a text").at(name));
        }
        Ok(text)
    }

    /// An order id that must be there.
    pub(super) fn order_id(&self, name: &str) -> Result<OrderId> {
        OrderId::try_new(self.required(name)?).map_err(|error| error.at(name))
    }

    /// An amount in yuan.
    pub(super) fn yuan(&self, name: &str) -> Result<Option<Minor>> {
        self.text(name).map(|text| yuan(text).map_err(|error| error.at(name))).transpose()
    }

    /// An amount in yuan; nothing where it is absent.
    pub(super) fn yuan_or_zero(&self, name: &str) -> Result<Minor> {
        self.yuan(name).map(Option::unwrap_or_default)
    }

    /// An amount in yuan that must be there.
    pub(super) fn yuan_required(&self, name: &str) -> Result<Minor> {
        self.required(name)?;
        self.yuan_or_zero(name)
    }

    /// A time in the shop's zone, or in seconds since 1970. Zero means that there is none yet.
    pub(super) fn when(&self, name: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        when(text).map_err(|error| error.at(name))
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        // Counts are decimals in the shop's tables.
        let digits = match text.split_once('.') {
            Some((whole, rest)) if rest.bytes().all(|byte| byte == b'0') => whole,
            _ => text,
        };
        let number = digits.parse();
        number.map(Some).map_err(|_| Error::malformed("expected a whole number").at(name))
    }

    /// A number of units; none where it is absent.
    pub(super) fn units(&self, name: &str) -> Result<u32> {
        let number = self.whole(name)?.unwrap_or_default();
        u32::try_from(number).map_err(|_| Error::malformed("expected a number of units").at(name))
    }

    /// A number of units that must be there.
    pub(super) fn units_required(&self, name: &str) -> Result<u32> {
        self.required(name)?;
        self.units(name)
    }

    /// A switch; absent is off.
    pub(super) fn switch(&self, name: &str) -> Result<bool> {
        match self.text(name) {
            Some("true" | "1") => Ok(true),
            None | Some("false" | "0") => Ok(false),
            Some(_) => Err(Error::malformed("expected true, false, 0 or 1").at(name)),
        }
    }

    /// A list of records: JSON inside the text, either the list itself or an object that holds it as `item`.
    pub(super) fn list(&self, name: &str, item: &str) -> Result<Vec<Fields<'_>>> {
        let Some(field) = self.find(name) else { return Ok(Vec::new()) };
        if let Some(records) = self.list_in_row(field, item) {
            return Ok(records);
        }
        let text = &*field.value;
        let within = |error: Error| error.within(name);
        let raws: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
            Some(b'{') => {
                let mut inner: BTreeMap<String, &RawValue> =
                    parse_json(text.as_bytes()).map_err(within)?;
                let Some(list) = inner.remove(item) else { return Ok(Vec::new()) };
                let list = list.get();
                parse_json(list.as_bytes()).map_err(|error| within(error.within(item)))?
            }
            _ => parse_json(text.as_bytes()).map_err(within)?,
        };
        let mut records = Vec::with_capacity(raws.len());
        for (index, raw) in raws.into_iter().enumerate() {
            // How PHP writes a record without fields.
            if raw.get() == "[]" {
                continue;
            }
            let record = Fields::from_json(raw.get().as_bytes());
            records.push(record.map_err(|error| error.within(&format!("{name}[{index}]")))?);
        }
        Ok(records)
    }

    /// The same, where a [`Tape`] can read it: the row of this record, or that of the text.
    fn list_in_row<'s>(&'s self, field: &'s Field<'a>, item: &str) -> Option<Vec<Fields<'s>>> {
        let (text, tape, place) = match &self.row {
            Some((text, tape)) if tape.get(field.place)?.is_container() => {
                (*text, Arc::clone(tape), field.place)
            }
            _ => (&*field.value, Arc::new(Tape::read(&field.value)?), 0),
        };
        let place = if tape.get(place)?.kind == Kind::Map {
            let mut lists = tape.inside(place).filter(|(_, inner)| inner.name(text) == item);
            match (lists.next(), lists.next()) {
                (None, _) => return Some(Vec::new()),
                (Some((place, _)), None) => place,
                (_, Some(_)) => return None,
            }
        } else {
            place
        };
        if tape.get(place)?.kind != Kind::List {
            return None;
        }
        let is_empty = |record: Item| record.kind == Kind::List && record.value(text) == "[]";
        let records = tape.inside(place).filter(|(_, record)| !is_empty(*record));
        records.map(|(place, _)| Fields::from_row(text, &tape, place)).collect()
    }

    /// What no canonical field holds: every text whose name is not among those.
    pub(super) fn rest(&self, is_known: impl Fn(&str) -> bool) -> Extensions {
        let said = self.fields.iter().filter(|field| !field.value.is_empty());
        let kept = said.filter(|field| !is_known(&field.name));
        kept.map(|field| (field.name.to_string(), (&*field.value).into())).collect()
    }
}

fn name_at<'f>(fields: &'f [Field<'_>], at: usize) -> &'f str {
    fields.get(at).map_or("", |field| &field.name)
}

/// A value as text. `null` is none; a list or an object stays JSON; true and false become what a form says for them.
fn scalar(raw: &RawValue) -> Result<Option<Cow<'_, str>>> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'"') => {
            let Borrowed(text) = parse_json(text.as_bytes())?;
            Some(text)
        }
        Some(b'n') | None => None,
        Some(b't') => Some(Cow::Borrowed("1")),
        Some(b'f') => Some(Cow::Borrowed("0")),
        Some(_) => Some(Cow::Borrowed(text)),
    })
}

/// A name as an error may show it: one that is no plain name is the sender's text.
fn shown(name: &str) -> String {
    let is_plain = name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_alphabetic());
    if is_plain { name.to_owned() } else { "?".to_owned() }
}

/// Reads `78.800`, `78.80`, `19.8` and `59` as yuan. The third place must be 0: this is money, and nothing is rounded.
pub(super) fn yuan(text: &str) -> Result<Minor> {
    fen(text).ok_or_else(|| Error::malformed("expected an amount in yuan, to the fen"))
}

fn fen(text: &str) -> Option<Minor> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let is_short = (1..=LONGEST_DECIMALS).contains(&places.len());
    let mut digits = whole.bytes().chain(places.bytes());
    if whole.is_empty() || !is_short || !digits.all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let place = |at: usize| i64::from(places.as_bytes().get(at).map_or(0, |place| place - b'0'));
    if place(2) != 0 {
        return None;
    }
    Minor::from_parts(sign, whole, place(0) * 10 + place(1))
}

/// Reads a time in the shop's zone, or in seconds since 1970.
pub(super) fn when(text: &str) -> Result<Option<Timestamp>> {
    let wrong = || Error::malformed("expected a time like 2026-11-11 00:00:09");
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: i64 = text.parse().map_err(|_| wrong())?;
        if seconds == 0 {
            return Ok(None);
        }
        let unix_ms = seconds.checked_mul(1000).filter(|_| seconds <= LAST_SECOND);
        let unix_ms = unix_ms.ok_or_else(wrong)?;
        let time = Timestamp::from_unix_ms(unix_ms).in_offset(Timestamp::CHINA_OFFSET_SECS);
        return Ok(Some(time));
    }
    if text.starts_with("0000-00-00") {
        return Ok(None);
    }
    Timestamp::parse_china(text).map(Some).map_err(|_| wrong())
}
