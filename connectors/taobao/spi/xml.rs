//! An XML body as a tree. No document type, no entities but the five that XML defines, no other charset, and not deep:
//! what a warehouse sends needs none of it.

use super::node::{Node, Record};
use crate::contract::{Error, Result};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesStart, Event};

/// A request is seven levels deep.
const DEPTH_LIMIT: usize = 32;
const ROOT: &str = "request";

/// An element that is being read.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    fields: Record,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Result<Self> {
        let name = String::from_utf8(start.name().as_ref().to_owned().into());
        Ok(Self { name: name.map_err(|_| invalid())?, ..Self::default() })
    }

    fn end(self) -> Result<(String, Node)> {
        let is_blank = self.text.trim().is_empty();
        match (self.fields.0.is_empty(), is_blank) {
            (true, true) => Ok((self.name, Node::Empty)),
            (true, false) => Ok((self.name, Node::Text(self.text))),
            (false, true) => Ok((self.name, Node::Map(self.fields))),
            (false, false) => Err(invalid()),
        }
    }
}

fn invalid() -> Error {
    Error::malformed("not valid XML")
}

/// The content of the root, which is called `request`.
pub(super) fn read(text: &str) -> Result<Record> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| invalid())? {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(invalid());
                }
                if open.len() >= DEPTH_LIMIT {
                    return Err(Error::malformed("nested too deeply"));
                }
                open.push(Element::new(&start)?);
            }
            Event::Empty(start) => {
                let ended = Element::new(&start)?.end()?;
                open.last_mut().ok_or_else(invalid)?.fields.0.push(ended);
            }
            Event::End(_) => {
                let ended = open.pop().ok_or_else(invalid)?.end()?;
                match open.last_mut() {
                    Some(parent) => parent.fields.0.push(ended),
                    None => root = Some(ended),
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if text.xml10_content().trim().is_empty() => {}
                None => return Err(invalid()),
            },
            Event::CData(text) => {
                open.last_mut().ok_or_else(invalid)?.text.push_str(&text.xml10_content());
            }
            Event::GeneralRef(reference) => {
                let element = open.last_mut().ok_or_else(invalid)?;
                if let Some(letter) = reference.resolve_char_ref().map_err(|_| invalid())? {
                    element.text.push(letter);
                } else {
                    let name = reference.xml10_content();
                    element.text.push_str(resolve_predefined_entity(&name).ok_or_else(invalid)?);
                }
            }
            Event::Decl(declaration) => check_charset(&declaration)?,
            Event::PI(_) | Event::Comment(_) => {}
            Event::DocType(_) => return Err(Error::malformed("a document type is not taken")),
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(invalid());
    }
    match root {
        Some((name, Node::Map(fields))) if name == ROOT => Ok(fields),
        Some((name, Node::Empty)) if name == ROOT => Err(Error::malformed("the request is empty")),
        Some(_) | None => Err(Error::malformed("expected an element `request`")),
    }
}

/// The text was UTF-8 to begin with; one that calls itself something else was changed on the way.
fn check_charset(declaration: &BytesDecl<'_>) -> Result<()> {
    let Some(said) = declaration.encoding() else { return Ok(()) };
    let said = said.map_err(|_| invalid())?;
    if said.eq_ignore_ascii_case("utf-8") || said.eq_ignore_ascii_case("utf8") {
        return Ok(());
    }
    Err(Error::malformed("expected UTF-8"))
}
