//! Repairs of answers, and only those that the channel's answers are known to need.
//!
//! - A backslash before something that JSON does not escape is a backslash.
//! - A control character inside a text is that character; readers of ids and amounts refuse it, readers of text drop it.
//! - A comma before the end of a list or of an object is none.
//! - Half a GBK character at the end of `buyerName` was cut off there and is dropped.
//!
//! Nothing else is touched, and none of these can make another number or id of one: outside of texts only commas before
//! an end go, and what is added inside a text is an escape of what stood there.

use super::Charset;
use crate::contract::{Error, Result};
use encoding_rs::GBK;
use std::borrow::Cow;

const CUT: char = '\u{fffd}';

/// The text of an answer.
pub(super) fn decode(charset: Charset, body: &[u8]) -> Result<Cow<'_, str>> {
    let wrong = || Error::malformed("answer is not in the charset that was asked for");
    match charset {
        Charset::Utf8 => std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| wrong()),
        Charset::Gbk => {
            // GBK that happens to be UTF-8 does not reach into the range where Chinese begins.
            let is_utf8 = std::str::from_utf8(body)
                .is_ok_and(|text| text.chars().any(|letter| letter >= '\u{800}'));
            if is_utf8 {
                return Err(wrong());
            }
            let (text, has_errors) = GBK.decode_without_bom_handling(body);
            if !has_errors {
                return Ok(text);
            }
            without_cut_names(&text).map(Cow::Owned).ok_or_else(wrong)
        }
    }
}

/// Drops half characters at the end of buyers' names; none if there is one anywhere else.
fn without_cut_names(text: &str) -> Option<String> {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(CUT) {
        kept.push_str(before);
        let (head, value) = kept.rsplit_once(['"', '>'])?;
        let in_json = || {
            let key = head.trim_end().strip_suffix(':')?.trim_end();
            (after.starts_with('"') && key.ends_with("\"buyerName\"")).then_some(())
        };
        let in_xml =
            || (after.starts_with("</buyerName>") && head.ends_with("<buyerName")).then_some(());
        if value.contains('<') || in_json().or_else(in_xml).is_none() {
            return None;
        }
        rest = after;
    }
    kept.push_str(rest);
    Some(kept)
}

/// JSON that can be read, of JSON that cannot.
pub(super) fn json(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + 64);
    let mut letters = text.char_indices();
    let mut in_text = false;
    while let Some((at, letter)) = letters.next() {
        let rest = text.split_at(at + letter.len_utf8()).1;
        match letter {
            '"' => {
                in_text = !in_text;
                repaired.push(letter);
            }
            '\\' if in_text && is_escape(rest) => {
                repaired.push(letter);
                repaired.extend(letters.next().map(|(_, escaped)| escaped));
            }
            '\\' if in_text => repaired.push_str("\\\\"),
            '\0'..='\u{1f}' if in_text => {
                repaired.extend(["\\u", &format!("{:04x}", u32::from(letter))]);
            }
            ',' if !in_text && rest.trim_start().starts_with(['}', ']']) => {}
            _ => repaired.push(letter),
        }
    }
    repaired
}

/// Whether what follows a backslash is something that JSON escapes.
fn is_escape(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        [b'u', digits @ ..] => {
            digits.get(..4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}
