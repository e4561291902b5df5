//! The channel's answers as they are: one tree for JSON and XML, and readers of its fields.
//!
//! Both forms say numbers as text now and then, name their root as they like, and wrap the records of a list in
//! different ways; the tree evens that out. None of these types has `Debug`: they hold what buyers wrote.

use crate::contract::model::{Minor, Timestamp};
use crate::contract::{Error, Result};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// What the channel says for "not yet".
const UNSET: &str = "1970-01-01 08:00:00";
/// What XML may have around a value. Other control characters are no blanks: they would make another id of one.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
const NOT_TEXT: &str = "expected one text or whole number";

/// A value.
#[derive(Clone)]
pub(super) enum Node {
    /// Null.
    Empty,
    /// Text, or a number as its digits stand.
    Text(String),
    /// A JSON list.
    List(Vec<Node>),
    /// A JSON object, or an XML element with elements in it.
    Map(Vec<(String, Node)>),
    /// A number that is not whole, which no field of the channel is.
    Fraction,
}

/// The fields of an object, in their order.
#[derive(Clone)]
pub(super) struct Record(pub(super) Vec<(String, Node)>);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Node, E> {
        Ok(Node::Fraction)
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<Node, A::Error> {
        let mut map: Vec<(String, Node)> = Vec::new();
        while let Some((name, value)) = fields.next_entry::<String, Node>()? {
            if map.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("expected each field once"));
            }
            map.push((name, value));
        }
        Ok(Node::Map(map))
    }
}

impl Record {
    /// A field; one that an XML record has twice is neither.
    fn field(&self, name: &str) -> Result<Option<&Node>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, node)| node);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Error::malformed("expected each field once").at(name.to_owned())),
            (field, None) => Ok(field),
        }
    }

    /// Text as it stands, without blanks around it; none where it is empty or missing.
    fn plain(&self, name: &str) -> Result<Option<&str>> {
        match self.field(name)? {
            None | Some(Node::Empty) => Ok(None),
            Some(Node::Text(text)) => {
                Ok(Some(text.trim_matches(BLANKS)).filter(|text| !text.is_empty()))
            }
            Some(Node::List(_) | Node::Map(_) | Node::Fraction) => {
                Err(Error::malformed(NOT_TEXT).at(name.to_owned()))
            }
        }
    }

    /// Text, without the control characters that come with some.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        let clean = |text: &str| {
            let kept = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
            text.chars().filter(kept).collect::<String>().trim().to_owned()
        };
        Ok(self.plain(name)?.map(clean).filter(|text| !text.is_empty()))
    }

    /// A word of the channel, for example a state: without control characters, or it is none.
    pub(super) fn word(&self, name: &str) -> Result<Option<&str>> {
        let Some(text) = self.plain(name)? else { return Ok(None) };
        if text.chars().any(char::is_control) {
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
        match self.field(name)? {
            None | Some(Node::Empty) => Ok(Vec::new()),
            Some(Node::Text(text)) if text.trim().is_empty() => Ok(Vec::new()),
            Some(Node::Text(_) | Node::Fraction) => Err(wrong()),
            Some(Node::List(items)) => items.iter().map(|item| item.record(name)).collect(),
            Some(Node::Map(fields)) => {
                let is_scalar =
                    |(_, node): &(String, Node)| !matches!(node, Node::Map(_) | Node::List(_));
                if fields.iter().any(is_scalar) {
                    return Ok(vec![Self(fields.clone())]);
                }
                let mut records = Vec::new();
                for (_, node) in fields {
                    match node {
                        Node::List(items) => {
                            for item in items {
                                records.push(item.record(name)?);
                            }
                        }
                        Node::Map(_) => records.push(node.record(name)?),
                        Node::Empty | Node::Text(_) | Node::Fraction => return Err(wrong()),
                    }
                }
                Ok(records)
            }
        }
    }

    /// Whether there is a field of that name, with anything in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, node)| known == name && !matches!(node, Node::Empty))
    }
}

impl Node {
    fn record(&self, name: &str) -> Result<Record> {
        match self {
            Self::Map(fields) => Ok(Record(fields.clone())),
            Self::Empty | Self::Text(_) | Self::List(_) | Self::Fraction => {
                Err(Error::malformed("expected a list of records").at(name.to_owned()))
            }
        }
    }
}

/// A field that must be there.
pub(super) fn needed<T>(field: Option<T>, name: &'static str) -> Result<T> {
    field.ok_or_else(|| Error::malformed("channel's answer lacks a field").at(name))
}
