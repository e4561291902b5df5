//! A JSON body as a tree.

use super::node::{Node, Record};
use crate::contract::{Error, Result, parse_json};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// The fields of a request; the name `request` around them may be there or not.
pub(super) fn read(text: &str) -> Result<Record> {
    let Node::Map(Record(mut fields)) = parse_json(text.as_bytes())? else {
        return Err(Error::malformed("expected an object"));
    };
    match fields.pop() {
        Some((name, Node::Map(inner))) if fields.is_empty() && name == "request" => Ok(inner),
        Some(last) => {
            fields.push(last);
            Ok(Record(fields))
        }
        None => Ok(Record(fields)),
    }
}

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

    /// Weights and sizes, and ids too long for a number: those are not what they were any more.
    fn visit_f64<E>(self, value: f64) -> std::result::Result<Node, E> {
        Ok(Node::Decimal(format!("{value:?}")))
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
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry::<String, Node>()? {
            map.push(field);
        }
        Ok(Node::Map(Record(map)))
    }
}
