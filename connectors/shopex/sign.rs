//! The three signatures of the family: the matrix's, `ac` of ShopEx 4.8.5 and ECShop, and Prism's.
//!
//! None of the first two signs a time or a nonce, and the matrix's text has no separators between names and values.

use super::form::Pair;
use crate::contract::sign::{md5, upper_hex};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The parameter that carries the matrix's and Prism's signature.
pub(super) const SIGN: &str = "sign";
/// The parameter that carries the signature of ShopEx 4.8.5.
pub(super) const AC: &str = "ac";

/// What PHP's `rawurlencode` leaves alone.
const RAW: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The text that the matrix signs: names in byte order, each followed by its value. A name like `a[0]` is PHP's way to
/// send a list, whose inner names are sorted the same way.
pub(super) fn assemble<'p>(pairs: &'p [Pair<'_>]) -> Vec<Cow<'p, [u8]>> {
    let signed = pairs.iter().filter(|(name, _)| **name != *SIGN.as_bytes());
    if pairs.iter().all(|(name, _)| !name.contains(&b'[')) {
        let mut flat: Vec<_> = signed.collect();
        flat.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        return flat
            .into_iter()
            .flat_map(|(name, value)| [Cow::Borrowed(&**name), Cow::Borrowed(&**value)])
            .collect();
    }
    let mut lists = BTreeMap::new();
    let mut nested: Vec<_> =
        signed.map(|(name, value)| (path(name, &mut lists), &**value)).collect();
    nested.sort();
    let mut parts = Vec::with_capacity(2 * nested.len());
    let mut before: Vec<Cow<'p, [u8]>> = Vec::new();
    for (path, value) in nested {
        let shared = path.iter().zip(&before).take_while(|(one, other)| one == other).count();
        parts.extend(path.iter().skip(shared).cloned());
        parts.push(Cow::Borrowed(value));
        before = path;
    }
    parts
}

/// The steps of a name like `a[b][0]`; `a[]` counts.
fn path<'p>(name: &'p [u8], lists: &mut BTreeMap<&'p [u8], usize>) -> Vec<Cow<'p, [u8]>> {
    let mut steps = name.split(|byte| *byte == b'[');
    let first = steps.next().unwrap_or_default();
    let mut path = vec![Cow::Borrowed(first)];
    for step in steps {
        let step = step.strip_suffix(b"]").unwrap_or(step);
        if step.is_empty() {
            let next = lists.entry(name).or_default();
            path.push(Cow::Owned(next.to_string().into_bytes()));
            *next += 1;
        } else {
            path.push(Cow::Borrowed(step));
        }
    }
    path
}

/// The matrix's signature: MD5 of the upper-case MD5 of the text, and the token behind it.
pub(super) fn matrix(token: &[u8], pairs: &[Pair<'_>]) -> [u8; 16] {
    let parts = assemble(pairs);
    let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
    let inner = upper_hex(&md5(&parts));
    md5(&[inner.as_bytes(), token])
}

/// The values that `ac` is made of, by the order of their names.
pub(super) fn values<'p>(pairs: &'p [Pair<'_>]) -> Vec<&'p [u8]> {
    let mut sorted: Vec<_> = pairs.iter().filter(|(name, _)| **name != *AC.as_bytes()).collect();
    sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    sorted.into_iter().map(|(_, value)| &**value).collect()
}

/// The signature of ShopEx 4.8.5, lower-case: the channel compares letters.
pub(super) fn ac(token: &[u8], pairs: &[Pair<'_>]) -> String {
    let mut parts = values(pairs);
    parts.push(token);
    hex::encode(md5(&parts))
}

/// ECShop's signature: the same, but what PHP's `trim` takes off both ends of the whole text does not count. Blanks that
/// PHP leaves alone, like the ideographic one, do.
pub(super) fn trimmed_ac(token: &[u8], pairs: &[Pair<'_>]) -> String {
    let mut parts = values(pairs);
    parts.push(token);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b);
    let whole = parts.concat();
    let start = whole.iter().position(|byte| !is_blank(byte)).unwrap_or(whole.len());
    let end = whole.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    hex::encode(md5(&[whole.get(start..end).unwrap_or_default()]))
}

/// One call in Prism's terms. Parameters without the signature.
#[derive(Debug, Default)]
pub(super) struct PrismCall<'c> {
    /// HTTP method.
    pub(super) method: &'c str,
    /// Path, as it stands in the URL before encoding.
    pub(super) path: &'c str,
    /// All headers; only those that Prism signs count.
    pub(super) headers: Vec<(&'c str, &'c str)>,
    /// Parameters of the query.
    pub(super) query: Vec<(&'c str, &'c str)>,
    /// Parameters of the body.
    pub(super) post: Vec<(&'c str, &'c str)>,
}

impl PrismCall<'_> {
    /// The text between the two secrets.
    pub(super) fn text(&self) -> String {
        let is_signed = |name: &str| {
            name.eq_ignore_ascii_case("authorization")
                || name.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("x-api-"))
        };
        let headers: Vec<_> =
            self.headers.iter().copied().filter(|(name, _)| is_signed(name)).collect();
        [
            self.method.to_owned(),
            encode(self.path),
            encode(&joined(&headers)),
            encode(&joined(&self.query)),
            encode(&joined(&self.post)),
        ]
        .join("&")
    }

    /// The signature.
    pub(super) fn sign(&self, secret: &[u8]) -> String {
        upper_hex(&md5(&[secret, b"&", self.text().as_bytes(), b"&", secret]))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RAW).to_string()
}

fn joined(pairs: &[(&str, &str)]) -> String {
    let mut sorted: Vec<_> = pairs.iter().filter(|(name, _)| *name != SIGN).collect();
    sorted.sort_unstable();
    let pairs: Vec<_> = sorted.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}
