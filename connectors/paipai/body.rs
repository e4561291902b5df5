//! From the bytes of an answer to its fields.

use super::wire::{Node, Record};
use super::{Charset, repair};
use crate::contract::{Error, ErrorKind, Result, parse_json};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// The channel's answers are six levels deep.
const DEPTH_LIMIT: usize = 32;

/// Reads an answer, JSON or XML, whatever its root is called.
pub(super) fn read(charset: Charset, body: &[u8]) -> Result<Record> {
    let body = body.trim_ascii();
    if is_html(body) {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "something in front of the channel answered",
        ));
    }
    let root = if body.starts_with(b"<") {
        xml(&repair::decode(said_charset(body).unwrap_or(charset), body)?)?
    } else {
        json(&repair::decode(charset, body)?)?
    };
    match root {
        Node::Map(fields) => Ok(Record(without_root(fields))),
        Node::Empty | Node::Text(_) | Node::List(_) | Node::Fraction => {
            Err(Error::malformed("answer is no record"))
        }
    }
}

fn is_html(body: &[u8]) -> bool {
    let starts =
        |with: &[u8]| body.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    starts(b"<!doctype") || starts(b"<html") || starts(b"<head") || starts(b"<body")
}

/// The charset that XML says it is in.
fn said_charset(body: &[u8]) -> Option<Charset> {
    let end = body.iter().position(|byte| *byte == b'>')?;
    let head = body.get(..end)?.to_ascii_lowercase();
    let declares = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
    if !head.starts_with(b"<?xml") || !declares(b"encoding") {
        return None;
    }
    if declares(b"utf-8") {
        return Some(Charset::Utf8);
    }
    (declares(b"gb2312") || declares(b"gbk") || declares(b"gb18030")).then_some(Charset::Gbk)
}

/// The only record of an answer that has a root: it is named as the channel likes.
fn without_root(mut fields: Vec<(String, Node)>) -> Vec<(String, Node)> {
    match fields.pop() {
        Some((_, Node::Map(inner))) if fields.is_empty() => inner,
        Some(last) => {
            fields.push(last);
            fields
        }
        None => fields,
    }
}

fn json(text: &str) -> Result<Node> {
    match serde_json::from_str(text) {
        Ok(node) => Ok(node),
        Err(_) => parse_json(repair::json(text).as_bytes()),
    }
}

/// An element that is being read.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    fields: Vec<(String, Node)>,
}

impl Element {
    fn end(self) -> Result<(String, Node)> {
        if self.fields.is_empty() {
            return Ok((self.name, Node::Text(self.text)));
        }
        if !self.text.trim().is_empty() {
            return Err(Error::malformed("not valid XML"));
        }
        Ok((self.name, Node::Map(self.fields)))
    }
}

/// The root element's content, as the only field of a record.
fn xml(text: &str) -> Result<Node> {
    let wrong = || Error::malformed("not valid XML");
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| wrong())? {
            Event::Start(start) => {
                if root.is_some() || open.len() >= DEPTH_LIMIT {
                    return Err(wrong());
                }
                let name = start.name().as_ref().to_owned();
                let name = String::from_utf8(name.into()).map_err(|_| wrong())?;
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(start) => {
                let name = start.name().as_ref().to_owned();
                let name = String::from_utf8(name.into()).map_err(|_| wrong())?;
                open.last_mut().ok_or_else(wrong)?.fields.push((name, Node::Empty));
            }
            Event::End(_) => {
                let ended = open.pop().ok_or_else(wrong)?.end()?;
                match open.last_mut() {
                    Some(parent) => parent.fields.push(ended),
                    None => root = Some(ended),
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if text.xml10_content().trim().is_empty() => {}
                None => return Err(wrong()),
            },
            Event::CData(text) => {
                open.last_mut().ok_or_else(wrong)?.text.push_str(&text.xml10_content());
            }
            Event::GeneralRef(reference) => {
                let element = open.last_mut().ok_or_else(wrong)?;
                if let Some(letter) = reference.resolve_char_ref().map_err(|_| wrong())? {
                    element.text.push(letter);
                } else {
                    let name = reference.xml10_content();
                    element.text.push_str(resolve_predefined_entity(&name).ok_or_else(wrong)?);
                }
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::DocType(_) => return Err(wrong()),
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(wrong());
    }
    Ok(Node::Map(vec![root.ok_or_else(wrong)?]))
}
