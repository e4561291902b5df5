//! Frames as TMC's server reads and writes them.
//!
//! Written from the bytes that real clients exchanged, and from nothing of the connector.

use flate2::{Compress, Compression, Crc, FlushCompress};
use std::collections::BTreeMap;

/// A value of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Text(String),
    Number(i64),
    Other,
}

/// A frame of a client.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) kind: u8,
    pub(super) flag: Option<[u8; 4]>,
    pub(super) token: Option<String>,
    pub(super) fields: BTreeMap<String, Field>,
}

impl Received {
    pub(super) fn text(&self, name: &str) -> &str {
        match self.fields.get(name) {
            Some(Field::Text(text)) => text,
            Some(Field::Number(_) | Field::Other) | None => "",
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.fields.get(name) {
            Some(Field::Number(number)) => Some(*number),
            Some(Field::Text(_) | Field::Other) | None => None,
        }
    }
}

/// Reads a client's frame; none where it is not one, to its last byte.
pub(super) fn read(frame: &[u8]) -> Option<Received> {
    let mut at = 0;
    let [2, kind] = *slice(frame, &mut at, 2)? else { return None };
    let mut received = Received { kind, ..Received::default() };
    loop {
        match slice(frame, &mut at, 2)? {
            [0, 0] => return (at == frame.len()).then_some(received),
            [1, 0] => {
                let name = text(frame, &mut at)?;
                let value = match slice(frame, &mut at, 1)? {
                    [0] => Field::Other,
                    [1] => Field::Text(text(frame, &mut at)?),
                    [2] => Field::Number(number(slice(frame, &mut at, 1)?)),
                    [3] => Field::Number(number(slice(frame, &mut at, 2)?)),
                    [4] => Field::Number(number(slice(frame, &mut at, 4)?)),
                    [5 | 6] => Field::Number(number(slice(frame, &mut at, 8)?)),
                    [7] => {
                        counted(frame, &mut at)?;
                        Field::Other
                    }
                    _ => return None,
                };
                received.fields.insert(name, value);
            }
            [4, 0] => received.flag = slice(frame, &mut at, 4)?.try_into().ok(),
            [5, 0] => received.token = Some(text(frame, &mut at)?),
            _ => return None,
        }
    }
}

fn slice<'f>(frame: &'f [u8], at: &mut usize, length: usize) -> Option<&'f [u8]> {
    let end = at.checked_add(length)?;
    let found = frame.get(*at..end)?;
    *at = end;
    Some(found)
}

fn counted<'f>(frame: &'f [u8], at: &mut usize) -> Option<&'f [u8]> {
    let length = number(slice(frame, at, 4)?);
    slice(frame, at, usize::try_from(length).ok()?)
}

fn text(frame: &[u8], at: &mut usize) -> Option<String> {
    String::from_utf8(counted(frame, at)?.to_vec()).ok()
}

/// Little-endian; what clients send is never negative.
fn number(bytes: &[u8]) -> i64 {
    bytes.iter().rev().fold(0, |sum: i64, byte| (sum << 8) | i64::from(*byte))
}

/// Adds the length in front.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

/// The answer to a client that is let in.
pub(super) fn accepted(flag: Option<[u8; 4]>, token: &str) -> Vec<u8> {
    let mut frame = vec![2, 1];
    if let Some(flag) = flag {
        frame.extend([4, 0]);
        frame.extend(flag);
    }
    frame.extend([5, 0]);
    frame.extend(with_length(token.as_bytes()));
    frame.extend([0, 0]);
    frame
}

/// The answer to a client that is not let in.
pub(super) fn refused(flag: Option<[u8; 4]>, status: i32, phrase: &str) -> Vec<u8> {
    let mut frame = vec![2, 1, 2, 0];
    frame.extend(status.to_le_bytes());
    frame.extend([3, 0]);
    frame.extend(with_length(phrase.as_bytes()));
    if let Some(flag) = flag {
        frame.extend([4, 0]);
        frame.extend(flag);
    }
    frame.extend([0, 0]);
    frame
}

/// What a message says besides its content.
#[derive(Debug)]
pub(super) struct Head<'m> {
    pub(super) id: i64,
    pub(super) topic: &'m str,
    pub(super) publisher: &'m str,
    pub(super) user_id: i64,
    pub(super) nick: &'m str,
    pub(super) published_ms: i64,
    pub(super) sent_ms: i64,
}

/// A message.
pub(super) fn data(token: &str, head: &Head<'_>, content: &str, is_packed: bool) -> Vec<u8> {
    let mut frame = vec![2, 2, 5, 0];
    frame.extend(with_length(token.as_bytes()));
    let mut field = |name: &str, form: u8, value: &[u8]| {
        frame.extend([1, 0]);
        frame.extend(with_length(name.as_bytes()));
        frame.push(form);
        frame.extend(value);
    };
    field("__kind", 2, &[3]);
    field("id", 5, &head.id.to_le_bytes());
    field("topic", 1, &with_length(head.topic.as_bytes()));
    field("publisher", 1, &with_length(head.publisher.as_bytes()));
    field("userid", 5, &head.user_id.to_le_bytes());
    field("nick", 1, &with_length(head.nick.as_bytes()));
    field("time", 6, &head.published_ms.to_le_bytes());
    field("outtime", 6, &head.sent_ms.to_le_bytes());
    if is_packed {
        field("content", 7, &with_length(&pack(content.as_bytes())));
    } else {
        field("content", 1, &with_length(content.as_bytes()));
    }
    frame.extend([0, 0]);
    frame
}

/// A gzip stream.
fn pack(content: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    packed.reserve(content.len() + 128);
    let mut deflate = Compress::new(Compression::fast(), false);
    let done = deflate.compress_vec(content, &mut packed, FlushCompress::Finish);
    debug_assert!(done.is_ok(), "there is room for all of it");
    let mut sums = Crc::new();
    sums.update(content);
    packed.extend(sums.sum().to_le_bytes());
    packed.extend(sums.amount().to_le_bytes());
    packed
}
