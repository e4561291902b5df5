//! Escapes of JSON texts.

use super::to_index;

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Where the next quote, backslash or control character is; the end where there is none. Eight bytes at a time: the
/// high bit of a byte of `found` is set where the byte is one of them. Bytes behind the first may be set wrongly.
pub(super) fn special(text: &[u8], mut at: usize) -> usize {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let found = (control | quote | backslash) & HIGH_BITS;
        if found != 0 {
            return at + to_index(found.trailing_zeros() / 8);
        }
        at += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The text that a value of [`Kind::Escaped`] means. None where an escape is half of a letter.
pub(crate) fn unescaped(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    push_unescaped(&mut text, raw)?;
    Some(text)
}

/// Writes that text behind another. Where the answer is none, a part of it may be there.
pub(crate) fn push_unescaped(text: &mut String, raw: &str) -> Option<()> {
    let mut rest = raw;
    loop {
        let (plain, escape) = rest.split_at_checked(special(rest.as_bytes(), 0))?;
        text.push_str(plain);
        let Some(escape) = escape.strip_prefix('\\') else {
            return escape.is_empty().then_some(());
        };
        let (&letter, _) = escape.as_bytes().split_first()?;
        let mut length = 1;
        text.push(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (letter, units) = letter_of(escape)?;
                length = units;
                letter
            }
            _ => return None,
        });
        rest = escape.get(length..)?;
    }
}

/// The letter of `uXXXX`, or of `uXXXX\uXXXX` where it takes two, and how many bytes that is.
fn letter_of(escape: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(escape.get(at..at + 4)?, 16).ok();
    let first = unit(1)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 5));
    }
    let second = unit(7).filter(|second| (0xdc00..0xe000).contains(second))?;
    if escape.get(5..7)? != "\\u" {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 11))
}
