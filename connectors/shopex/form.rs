//! Splits a form as its signature needs it: into bytes, because what is signed is what was sent.

use crate::contract::{Error, Result};
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// A name and a value, decoded.
pub(super) type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The pairs of a form. A name that comes twice counts once, with its last value, and one without a name not at all: so
/// PHP reads it on the other side.
pub(super) fn split(body: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for part in body.split(|byte| *byte == b'&') {
        let mut halves = part.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default());
        let value = decode(halves.next().unwrap_or_default());
        if !name.is_empty() {
            pairs.push((name, value));
        }
    }
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let name = |at: usize| pairs.get(at).map(|(name, _)| name);
    order.sort_unstable_by(|one, other| name(*one).cmp(&name(*other)).then(one.cmp(other)));
    let is_list = |at: usize| name(at).is_some_and(|name| name.ends_with(b"[]"));
    let mut is_overruled = vec![false; pairs.len()];
    for (one, next) in order.iter().zip(order.iter().skip(1)) {
        if name(*one) == name(*next)
            && !is_list(*one)
            && let Some(overruled) = is_overruled.get_mut(*one)
        {
            *overruled = true;
        }
    }
    let mut is_overruled = is_overruled.into_iter();
    pairs.retain(|_| !is_overruled.next().unwrap_or_default());
    pairs
}

/// A value by its name.
pub(super) fn get<'p>(pairs: &'p [Pair<'_>], name: &str) -> Option<&'p [u8]> {
    let found = pairs.iter().find(|(known, _)| **known == *name.as_bytes());
    found.map(|(_, value)| &**value)
}

/// A value by its name, as text.
pub(super) fn text<'p>(pairs: &'p [Pair<'_>], name: &'static str) -> Result<Option<&'p str>> {
    let Some(value) = get(pairs, name) else { return Ok(None) };
    let text = std::str::from_utf8(value).map_err(|_| not_utf8().at(name))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A form, or a field of it, in another charset.
pub(super) fn not_utf8() -> Error {
    Error::malformed("expected UTF-8")
}

fn decode(part: &[u8]) -> Cow<'_, [u8]> {
    if part.contains(&b'+') {
        let spaced: Vec<u8> =
            part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        return Cow::Owned(percent_decode(&spaced).collect());
    }
    percent_decode(part).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_php_reads_it() {
        let pairs = split(b"a=1&b=%E5%BC%A0+x&a=0&a=2&=3&&c&l[]=1&l[]=2&d=x=y");
        assert_eq!(get(&pairs, "a"), Some(&b"2"[..]));
        assert_eq!(text(&pairs, "b").unwrap(), Some("张 x"));
        assert_eq!(get(&pairs, "c"), Some(&b""[..]));
        assert_eq!(get(&pairs, "d"), Some(&b"x=y"[..]));
        assert_eq!(pairs.len(), 6, "a list keeps both of its values and a nameless part is none");
        assert_eq!(text(&split(b"a=%FF"), "a").unwrap_err().path(), Some("a"));
    }
}
