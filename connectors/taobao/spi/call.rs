//! Takes a call apart as its signature needs it: into bytes, because what is signed is what was sent.
//!
//! Signed are the headers that the header `top-sign-list` names, the parameters of the query, and either those of a form
//! or the body as it stands. A name counts once: the query's before a form's before a header's.

use crate::contract::sign::md5;
use crate::contract::{Error, ErrorKind, RawWebhook, Result};
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// A name and a value, decoded.
type Pair<'r> = (Cow<'r, [u8]>, Cow<'r, [u8]>);

const SIGN: &[u8] = b"sign";
/// Header that names the headers which are signed.
const SIGN_LIST: &str = "top-sign-list";
/// Content types whose body is signed as it stands.
const TEXTS: [&str; 4] = ["application/json", "text/xml", "application/xml", "text/plain"];
const FORM: &str = "application/x-www-form-urlencoded";

/// A call, and nothing of it verified yet.
pub(super) struct Call<'r> {
    /// Sorted by name; without the signature.
    params: Vec<Pair<'r>>,
    sign: Option<Cow<'r, [u8]>>,
    /// What is signed behind the parameters.
    text: &'r [u8],
}

impl<'r> Call<'r> {
    /// Takes a delivery apart. A body that nobody could sign is refused like a bad signature.
    pub(super) fn read(raw: &'r RawWebhook) -> Result<Self> {
        let is_form = is_form(raw)?;
        let mut params = Vec::new();
        // Of a name that comes twice in the query the last counts, and in a form the first.
        params.extend(split(raw.query.as_bytes()));
        params.reverse();
        let sign = params.iter().find(|(name, _)| **name == *SIGN);
        let sign = sign.map(|(_, value)| value.clone());
        if is_form {
            params.extend(split(&raw.body));
        }
        params.extend(signed_headers(raw).map(|(name, value)| (name.as_bytes().into(), value)));
        params.retain(|(name, _)| **name != *SIGN);
        params.sort_by(|one, other| one.0.cmp(&other.0));
        params.dedup_by(|later, kept| later.0 == kept.0);
        let text = if is_form { &[] } else { &raw.body[..] };
        Ok(Self { params, sign, text })
    }

    /// The signature that the query carries.
    pub(super) fn signature(&self) -> Option<&[u8]> {
        self.sign.as_deref().filter(|sign| !sign.is_empty())
    }

    /// The digest that it must be: MD5, whatever `sign_method` says.
    pub(super) fn digest(&self, secret: &[u8]) -> [u8; 16] {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * self.params.len() + 3);
        parts.push(secret);
        for (name, value) in &self.params {
            parts.extend([&**name, &**value]);
        }
        parts.extend([self.text, secret]);
        md5(&parts)
    }

    /// A parameter; an empty one is as good as none.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>> {
        let found = self.params.binary_search_by(|(known, _)| (**known).cmp(name.as_bytes()));
        let Some((_, value)) = found.ok().and_then(|at| self.params.get(at)) else {
            return Ok(None);
        };
        let text =
            std::str::from_utf8(value).map_err(|_| Error::malformed("expected UTF-8").at(name))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// A parameter of the query alone, for the form of an answer: nothing is verified.
pub(super) fn unverified<'r>(raw: &'r RawWebhook, wanted: &str) -> Option<Cow<'r, [u8]>> {
    let mut found = split(raw.query.as_bytes()).filter(|(name, _)| **name == *wanted.as_bytes());
    found.next().map(|(_, value)| value)
}

/// The headers that are signed like parameters, decoded. One that is named and not there is signed as empty.
pub(super) fn signed_headers(raw: &RawWebhook) -> impl Iterator<Item = (&str, Cow<'_, [u8]>)> {
    let list = raw.header(SIGN_LIST).unwrap_or_default();
    list.split(',').filter(|name| !name.is_empty()).map(|name| {
        let value = raw.headers.get(name).map(http::HeaderValue::as_bytes);
        (name, decode(value.unwrap_or_default()))
    })
}

/// The content type without its parameters, in small letters.
pub(super) fn essence(raw: &RawWebhook) -> Option<String> {
    let kind = raw.header(CONTENT_TYPE.as_str())?;
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Whether the body is a form. A body without a content type is signed as it stands.
fn is_form(raw: &RawWebhook) -> Result<bool> {
    if !raw.headers.contains_key(CONTENT_TYPE) {
        return Ok(false);
    }
    match essence(raw).as_deref() {
        Some(FORM) => Ok(true),
        Some(kind) if TEXTS.contains(&kind) => Ok(false),
        Some(_) | None => {
            Err(Error::new(ErrorKind::BadSignature, "a body of this content type is never signed"))
        }
    }
}

fn split(text: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (halves.next(), halves.next());
        (decode(name.unwrap_or_default()), decode(value.unwrap_or_default()))
    })
}

fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.contains(&b'+') {
        let blanks: Vec<u8> =
            text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        return Cow::Owned(percent_decode(&blanks).collect());
    }
    percent_decode(text).into()
}
