//! One pass over the bytes of a JSON text, which puts every value where it begins.

use super::escapes::special;
use super::{Kind, Tape};
use std::ops::Range;

/// Nested deeper than any record of a channel; the rest is left to `serde_json`.
const DEPTH_LIMIT: u32 = 32;
/// Most values of a record are longer than this with their name.
const VALUE_BYTES: usize = 16;
/// Values that are shorter on average are no record, and would take many times as much memory as their text.
const LEAST_BYTES: usize = 6;
/// Values that any text may have.
const FEW: usize = 64;

pub(super) struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// So many values are taken.
    most: usize,
    tape: Tape,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let tape = Tape(Vec::with_capacity((text.len() / VALUE_BYTES).min(4096) + 8));
        Self { text: text.as_bytes(), at: 0, most: text.len() / LEAST_BYTES + FEW, tape }
    }

    /// Reads all of it: one value.
    pub(super) fn read(mut self) -> Option<Tape> {
        self.value(0..0, DEPTH_LIMIT)?;
        self.skip_blanks();
        (self.at == self.text.len()).then_some(self.tape)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        self.skip_blanks();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn value(&mut self, name: Range<usize>, depth: u32) -> Option<()> {
        if self.tape.len() >= self.most {
            return None;
        }
        let first = self.next()?;
        let begin = self.at - 1;
        match first {
            b'"' => {
                let (value, kind) = self.text()?;
                self.tape.put(kind, name, value)?;
            }
            b'{' => {
                let place = self.tape.put(Kind::Map, name, 0..0)?;
                self.fields(depth.checked_sub(1)?)?;
                self.tape.set(place, Kind::Map, begin..self.at)?;
            }
            b'[' => {
                let place = self.tape.put(Kind::List, name, 0..0)?;
                self.elements(depth.checked_sub(1)?)?;
                self.tape.set(place, Kind::List, begin..self.at)?;
            }
            b'n' => self.word(b"null", Kind::Null, name)?,
            b't' => self.word(b"true", Kind::Switch, name)?,
            b'f' => self.word(b"false", Kind::Switch, name)?,
            b'-' | b'0'..=b'9' => {
                self.at = begin;
                let kind = self.number()?;
                self.tape.put(kind, name, begin..self.at)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn fields(&mut self, depth: u32) -> Option<()> {
        let mut first = self.next()?;
        if first == b'}' {
            return Some(());
        }
        loop {
            if first != b'"' {
                return None;
            }
            let (name, kind) = self.text()?;
            if kind != Kind::Text || self.next()? != b':' {
                return None;
            }
            self.value(name, depth)?;
            match self.next()? {
                b',' => first = self.next()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn elements(&mut self, depth: u32) -> Option<()> {
        self.skip_blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(0..0, depth)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind, name: Range<usize>) -> Option<()> {
        let begin = self.at - 1;
        let end = begin + word.len();
        if self.text.get(begin..end)? != word {
            return None;
        }
        self.at = end;
        self.tape.put(kind, name, begin..end).map(|_| ())
    }

    /// The rest of a text whose first quote is behind.
    fn text(&mut self) -> Option<(Range<usize>, Kind)> {
        let begin = self.at;
        let mut kind = Kind::Text;
        loop {
            self.at = special(self.text, self.at);
            let found = self.peek()?;
            self.at += 1;
            match found {
                b'"' => return Some((begin..self.at - 1, kind)),
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let letter = self.peek()?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Kind> {
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let is_zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if is_zero && digits > 1 {
            return None;
        }
        // serde_json makes a fraction of minus zero.
        let mut is_whole = digits <= 18 && !(is_zero && is_negative);
        if self.peek() == Some(b'.') {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(if is_whole { Kind::Whole } else { Kind::Number })
    }

    /// How many digits there are; at least one.
    fn digits(&mut self) -> Option<usize> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Some(self.at - begin).filter(|digits| *digits > 0)
    }
}
