//! Frames of the message stream: little-endian, a version, a type, then headers up to one that says "end".
//!
//! A header is a number and, depending on it, a whole number, a counted text or a named value; the value says of which
//! form it is. Counted means four bytes of length in front. Everything is borrowed from the frame, and nothing is
//! allocated by what a length claims.

use crate::contract::{Error, Result};

const VERSION: u8 = 2;
/// Named values of one frame; the channel's longest has ten.
const FIELDS_LIMIT: usize = 64;

/// Types of frames.
pub(super) mod kind {
    pub(in super::super) const CONNECT: u8 = 0;
    pub(in super::super) const CONNECT_ACK: u8 = 1;
    pub(in super::super) const SEND: u8 = 2;
    pub(in super::super) const SEND_ACK: u8 = 3;
}

/// Numbers of headers.
mod header {
    pub(super) const END: u16 = 0;
    pub(super) const CUSTOM: u16 = 1;
    pub(super) const STATUS_CODE: u16 = 2;
    pub(super) const STATUS_PHRASE: u16 = 3;
    pub(super) const FLAG: u16 = 4;
    pub(super) const TOKEN: u16 = 5;
}

/// Forms of values.
mod form {
    pub(super) const VOID: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BYTE: u8 = 2;
    pub(super) const INT16: u8 = 3;
    pub(super) const INT32: u8 = 4;
    pub(super) const INT64: u8 = 5;
    pub(super) const DATE: u8 = 6;
    pub(super) const BYTES: u8 = 7;
}

/// A named value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Void,
    /// Should be UTF-8; whoever needs it as text finds out.
    Text(&'a [u8]),
    Byte(u8),
    Whole(i64),
    /// Milliseconds since 1970.
    Date(i64),
    Bytes(&'a [u8]),
}

/// A frame, read. Without `Debug`: what buyers wrote is in it.
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) status: Option<i32>,
    pub(super) token: Option<&'a [u8]>,
    fields: Vec<(&'a [u8], Value<'a>)>,
}

impl<'a> Frame<'a> {
    /// Reads a frame. What stands behind the header that says "end" is not looked at.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = Reader(bytes);
        if rest.byte()? != VERSION {
            return Err(Error::malformed("a version of frames that is not known here"));
        }
        let mut frame = Self { kind: rest.byte()?, status: None, token: None, fields: Vec::new() };
        loop {
            match rest.u16()? {
                header::END => return Ok(frame),
                header::CUSTOM => {
                    let name = rest.counted()?;
                    let value = rest.value()?;
                    if frame.fields.len() == FIELDS_LIMIT {
                        return Err(Error::malformed("too many values in a frame"));
                    }
                    if frame.fields.iter().any(|(known, _)| *known == name) {
                        return Err(Error::malformed("a value that is there twice"));
                    }
                    frame.fields.push((name, value));
                }
                header::STATUS_CODE => frame.status = Some(rest.i32()?),
                header::STATUS_PHRASE => drop(rest.counted()?),
                header::FLAG => drop(rest.i32()?),
                header::TOKEN => frame.token = Some(rest.counted()?),
                // Its length is not known, so nothing behind it can be read.
                _ => return Err(Error::malformed("a header that is not known here")),
            }
        }
    }

    /// A named value.
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.fields.iter().find(|(known, _)| *known == name.as_bytes());
        found.map(|(_, value)| *value).filter(|value| *value != Value::Void)
    }

    /// A named whole number, of whatever width.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Byte(byte) => Some(i64::from(byte)),
            Value::Whole(whole) | Value::Date(whole) => Some(whole),
            Value::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Value::Void | Value::Bytes(_) => None,
        }
    }

    /// A named text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::Text(text) => std::str::from_utf8(text).ok(),
            Value::Void | Value::Byte(_) | Value::Whole(_) | Value::Date(_) | Value::Bytes(_) => {
                None
            }
        }
    }
}

/// What is left of a frame.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn counted(&mut self) -> Result<&'a [u8]> {
        let length = self.array().map(u32::from_le_bytes)?;
        self.take(usize::try_from(length).map_err(|_| cut_off())?)
    }

    fn value(&mut self) -> Result<Value<'a>> {
        Ok(match self.byte()? {
            form::VOID => Value::Void,
            form::TEXT => match self.counted()? {
                // A text of no bytes is how the channel writes that there is none.
                b"" => Value::Void,
                text => Value::Text(text),
            },
            form::BYTE => Value::Byte(self.byte()?),
            form::INT16 => Value::Whole(self.array().map(i16::from_le_bytes)?.into()),
            form::INT32 => Value::Whole(self.i32()?.into()),
            form::INT64 => Value::Whole(self.i64()?),
            form::DATE => Value::Date(self.i64()?),
            form::BYTES => Value::Bytes(self.counted()?),
            _ => return Err(Error::malformed("a form of value that is not known here")),
        })
    }
}

fn cut_off() -> Error {
    Error::malformed("the frame ends before it should")
}

/// A frame, being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![VERSION, kind])
    }

    /// The token of the connection.
    pub(super) fn token(mut self, token: &[u8]) -> Self {
        self.header(header::TOKEN);
        self.counted(token);
        self
    }

    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.named(name, form::TEXT);
        self.counted(value.as_bytes());
        self
    }

    pub(super) fn byte(mut self, name: &str, value: u8) -> Self {
        self.named(name, form::BYTE);
        self.0.push(value);
        self
    }

    pub(super) fn int64(mut self, name: &str, value: i64) -> Self {
        self.named(name, form::INT64);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.header(header::END);
        self.0
    }

    fn header(&mut self, header: u16) {
        self.0.extend(header.to_le_bytes());
    }

    fn named(&mut self, name: &str, form: u8) {
        self.header(header::CUSTOM);
        self.counted(name.as_bytes());
        self.0.push(form);
    }

    /// What is written here is far shorter than four bytes can say.
    fn counted(&mut self, bytes: &[u8]) {
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(bytes);
    }
}
