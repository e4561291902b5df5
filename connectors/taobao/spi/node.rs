//! What a body says: one tree for XML and JSON, and readers of its fields that name the path of what is wrong.
//!
//! None of these types has `Debug`: bodies may hold what buyers wrote.

use super::{call, json, xml};
use crate::contract::model::Timestamp;
use crate::contract::{Error, RawWebhook, Result};
use http::header::CONTENT_TYPE;
use serde_json::Value;

/// What may stand around a value. Other control characters are no blanks: they would make another id of one.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
/// Longest word or number of a warehouse that is taken.
const WORD_LIMIT: usize = 256;
/// Quantities beyond this are no goods.
const QUANTITY_LIMIT: i64 = 1_000_000_000_000;

/// Lists, and what XML calls each of their items.
const LISTS: [(&str, &str); 4] = [
    ("batchs", "batch"),
    ("items", "item"),
    ("packageMaterialList", "packageMaterial"),
    ("snList", "sn"),
];

/// A value.
pub(super) enum Node {
    /// Null, or an element with nothing in it.
    Empty,
    /// Text, or a whole number as its digits stand.
    Text(String),
    /// A JSON number that is not whole, or too large to be kept exactly.
    Decimal(String),
    /// A JSON list.
    List(Vec<Node>),
    /// A JSON object, or an element with elements in it.
    Map(Record),
}

/// The fields of an object, in their order. An element that is repeated is a field that is there several times.
#[derive(Default)]
pub(super) struct Record(pub(super) Vec<(String, Node)>);

/// Reads a body; what it is, it says itself.
pub(super) fn read(raw: &RawWebhook) -> Result<Record> {
    if call::essence(raw).is_some_and(|kind| kind.ends_with("form-urlencoded")) {
        return Err(Error::malformed("expected a body in XML or JSON, not a form"));
    }
    let not_utf8 = || Error::malformed("expected UTF-8");
    let text = std::str::from_utf8(&raw.body).map_err(|_| not_utf8())?;
    if !text.is_ascii() && says_other_charset(raw) {
        return Err(not_utf8());
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches(BLANKS);
    match text.as_bytes().first() {
        Some(b'<') => xml::read(text),
        Some(b'{') => json::read(text),
        Some(_) => Err(Error::malformed("expected a body in XML or JSON")),
        None => Err(Error::malformed("the body is empty")),
    }
}

fn says_other_charset(raw: &RawWebhook) -> bool {
    let kind = raw.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    let said = kind.split(';').skip(1).find_map(|word| word.trim().strip_prefix("charset="));
    said.is_some_and(|said| !matches!(said.trim_matches('"'), "utf-8" | "utf8"))
}

fn wrong(text: &'static str, name: &str) -> Error {
    Error::malformed(text).at(name.to_owned())
}

impl Node {
    /// As it stands, for facts that no canonical field holds.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) | Self::Decimal(text) => Value::from(text.trim_matches(BLANKS)),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(record) => record.to_json(),
        }
    }
}

impl Record {
    /// A field; one that is there twice is neither.
    fn field(&self, name: &str) -> Result<Option<&Node>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, node)| node);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(wrong("expected this field once", name)),
            (field, None) => Ok(field),
        }
    }

    /// A word: a code, an id, a name. None where it is empty or missing.
    pub(super) fn word(&self, name: &str) -> Result<Option<&str>> {
        let text = match self.field(name)? {
            None | Some(Node::Empty) => return Ok(None),
            Some(Node::Text(text)) => text.trim_matches(BLANKS),
            Some(Node::Decimal(_)) => return Err(wrong("expected text or a whole number", name)),
            Some(Node::List(_) | Node::Map(_)) => return Err(wrong("expected text", name)),
        };
        if text.len() > WORD_LIMIT || text.chars().any(char::is_control) {
            return Err(wrong("expected a word", name));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A word that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str> {
        self.word(name)?.ok_or_else(|| wrong("missing field", name))
    }

    /// A whole number, of either sign; `3.00` is one.
    pub(super) fn quantity(&self, name: &str) -> Result<Option<i64>> {
        let text = match self.field(name)? {
            Some(Node::Decimal(text)) => Some(text.as_str()),
            _ => self.word(name)?,
        };
        let Some(text) = text else { return Ok(None) };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        let number = whole.parse::<i64>().ok().filter(|_| is_whole && !whole.starts_with('+'));
        let number = number.filter(|number| number.unsigned_abs() <= QUANTITY_LIMIT.unsigned_abs());
        number.map(Some).ok_or_else(|| wrong("expected a whole number", name))
    }

    /// A number of pieces.
    pub(super) fn pieces(&self, name: &str) -> Result<Option<u32>> {
        let Some(number) = self.quantity(name)? else { return Ok(None) };
        let pieces = u32::try_from(number);
        pieces.map(Some).map_err(|_| wrong("expected a number of pieces", name))
    }

    /// `yyyy-MM-dd HH:mm:ss` in China.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.word(name)? else { return Ok(None) };
        Timestamp::parse_china(text).map(Some).map_err(|error| error.at(name.to_owned()))
    }

    /// The record in a field.
    pub(super) fn record(&self, name: &str) -> Result<Option<&Self>> {
        match self.field(name)? {
            None | Some(Node::Empty) => Ok(None),
            Some(Node::Map(record)) => Ok(Some(record)),
            Some(Node::Text(_) | Node::Decimal(_) | Node::List(_)) => {
                Err(wrong("expected a record", name))
            }
        }
    }

    /// The records of a list, each with its path. XML repeats an element inside another; JSON holds an array in the same
    /// place, or leaves the inner name out.
    pub(super) fn list(&self, outer: &str, inner: &str) -> Result<Vec<(String, &Self)>> {
        let nodes: Vec<&Node> = match self.field(outer)? {
            None | Some(Node::Empty) => Vec::new(),
            Some(Node::List(items)) => items.iter().collect(),
            Some(Node::Map(wrapper)) if wrapper.0.iter().all(|(name, _)| name == inner) => {
                let nodes = wrapper.0.iter().map(|(_, node)| node);
                nodes.flat_map(Node::items).collect()
            }
            Some(Node::Map(_) | Node::Text(_) | Node::Decimal(_)) => {
                return Err(wrong("expected a list", outer));
            }
        };
        let mut records = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            let path = format!("{outer}.{inner}[{index}]");
            let record = match node {
                Node::Map(Self(fields)) => match fields.as_slice() {
                    [(name, Node::Map(record))] if name == inner => Some(record),
                    _ => node.as_record(),
                },
                Node::Empty | Node::Text(_) | Node::Decimal(_) | Node::List(_) => None,
            };
            let record = record.ok_or_else(|| wrong("expected a record", &path))?;
            records.push((path, record));
        }
        Ok(records)
    }

    /// As it stands. Lists are the same in XML and JSON, and elements that are repeated become one.
    pub(super) fn to_json(&self) -> Value {
        let mut object = serde_json::Map::new();
        for (name, node) in &self.0 {
            let value = named(name, node);
            match object.get_mut(name) {
                None => drop(object.insert(name.clone(), value)),
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Value::Object(object)
    }

    /// A field as it stands; none where it is empty or missing.
    pub(super) fn fact(&self, name: &str) -> Option<Value> {
        let (_, node) = self.0.iter().find(|(known, _)| known == name)?;
        Some(named(name, node)).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }
}

/// A field's value; a list without the wrapper that XML puts around its items.
fn named(name: &str, node: &Node) -> Value {
    let Some((_, inner)) = LISTS.iter().find(|(outer, _)| *outer == name) else {
        return node.to_json();
    };
    match node {
        Node::Map(Record(fields)) if fields.iter().all(|(field, _)| field == inner) => {
            let nodes = fields.iter().map(|(_, node)| node);
            nodes.flat_map(Node::items).map(Node::to_json).collect()
        }
        Node::Empty | Node::Text(_) | Node::Decimal(_) | Node::List(_) | Node::Map(_) => {
            node.to_json()
        }
    }
}

impl Node {
    fn as_record(&self) -> Option<&Record> {
        match self {
            Self::Map(record) => Some(record),
            Self::Empty | Self::Text(_) | Self::Decimal(_) | Self::List(_) => None,
        }
    }

    /// The items of a list, or the one that stands for itself.
    fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Empty | Self::Text(_) | Self::Decimal(_) | Self::Map(_) => {
                std::slice::from_ref(self)
            }
        }
    }
}
