//! From the bytes of an answer to its fields.

use super::row::Row;
use super::wire::Record;
use super::{Charset, repair};
use crate::contract::tape::Kind;
use crate::contract::{ApiReply, Error, ErrorKind, Result, parse_json};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use std::sync::Arc;

/// The channel's answers are six levels deep.
const DEPTH_LIMIT: usize = 32;

/// Reads an answer, JSON or XML, whatever its root is called. What was read of it before is not read again.
pub(super) fn of_reply(charset: Charset, reply: &ApiReply) -> Result<Record> {
    record(reply.read(|body| row(charset, body))?)
}

/// The same, of a body alone.
pub(super) fn read(charset: Charset, body: &[u8]) -> Result<Record> {
    record(Arc::new(row(charset, body)?))
}

fn record(row: Arc<Row>) -> Result<Record> {
    Record::of_answer(row).ok_or_else(|| Error::malformed("answer is no record"))
}

fn row(charset: Charset, body: &[u8]) -> Result<Row> {
    let body = body.trim_ascii();
    if is_html(body) {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "something in front of the channel answered",
        ));
    }
    if body.starts_with(b"<") {
        return xml(&repair::decode(said_charset(body).unwrap_or(charset), body)?);
    }
    json(&repair::decode(charset, body)?)
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

fn json(text: &str) -> Result<Row> {
    if let Some(row) = Row::plain(text) {
        return Ok(row);
    }
    match serde_json::from_str(text) {
        Ok(row) => Ok(row),
        Err(_) => parse_json(repair::json(text).as_bytes()),
    }
}

/// An element that is being read, and what stands in it besides elements.
struct Element {
    place: usize,
    text: String,
}

/// The root element's content, as the only field of a record.
fn xml(text: &str) -> Result<Row> {
    let wrong = || Error::malformed("not valid XML");
    let mut reader = Reader::from_str(text);
    let mut row = Row::default();
    let whole = row.tape.put(Kind::Map, 0..0, 0..0).ok_or_else(wrong)?;
    let mut open: Vec<Element> = Vec::new();
    let mut has_root = false;
    loop {
        match reader.read_event().map_err(|_| wrong())? {
            Event::Start(start) => {
                if open.len() >= DEPTH_LIMIT || (open.is_empty() && has_root) {
                    return Err(wrong());
                }
                has_root = true;
                let name = row.write(start.name().as_ref());
                let place = row.tape.put(Kind::Map, name, 0..0).ok_or_else(wrong)?;
                open.push(Element { place, text: String::new() });
            }
            Event::Empty(start) => {
                if open.is_empty() {
                    return Err(wrong());
                }
                let name = row.write(start.name().as_ref());
                row.tape.put(Kind::Null, name, 0..0).ok_or_else(wrong)?;
            }
            Event::End(_) => {
                let Element { place, text } = open.pop().ok_or_else(wrong)?;
                let is_plain = row.tape.len() == place + 1;
                if !is_plain && !text.trim().is_empty() {
                    return Err(wrong());
                }
                let (kind, value) =
                    if is_plain { (Kind::Text, row.write(&text)) } else { (Kind::Map, 0..0) };
                row.tape.set(place, kind, value).ok_or_else(wrong)?;
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
    if !open.is_empty() || !has_root {
        return Err(wrong());
    }
    row.tape.set(whole, Kind::Map, 0..0).ok_or_else(wrong)?;
    Ok(row)
}
