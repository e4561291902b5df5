//! What a client sent: the bytes of its parameters, and the signature over them.
//!
//! Everything is done on the bytes as they came, so that a client which signs in another charset than it sends is
//! refused, as the channel refuses it.

use crate::contract::sign::{hmac_sha1, upper_hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::GBK;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use std::collections::BTreeMap;

/// One call.
pub(super) struct Call {
    method: String,
    /// Path of the API, without what a server in front mounts it below.
    path: String,
    params: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
}

impl Call {
    /// Takes a request apart; none if it is no form.
    pub(super) fn read(request: &Request<Bytes>) -> Option<Self> {
        let whole = request.uri().path();
        let folder = ["/deal/", "/item/"].iter().find_map(|folder| whole.find(folder))?;
        let path = whole.split_at(folder).1.to_owned();
        let mut call = Self { method: request.method().to_string(), path, params: BTreeMap::new() };
        call.merge(request.uri().query().unwrap_or_default().as_bytes());
        if request.method() == Method::POST {
            let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
            if !kind.starts_with("application/x-www-form-urlencoded") {
                return None;
            }
            call.merge(request.body());
        }
        Some(call)
    }

    fn merge(&mut self, form: &[u8]) {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let value = decoded(value.strip_prefix(b"=").unwrap_or_default());
            self.params.entry(decoded(name)).or_default().push(value);
        }
    }

    /// Name of the API: the last step of its path.
    pub(super) fn api(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.strip_suffix(".xhtml").unwrap_or_default()
    }

    /// Whether the answer is to be in UTF-8; GBK is what the channel answers in by itself.
    pub(super) fn is_utf8(&self) -> bool {
        self.params
            .get(b"charset".as_slice())
            .is_some_and(|values| values.iter().any(|value| value.eq_ignore_ascii_case(b"utf-8")))
    }

    /// A parameter; an empty one is as good as none.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = self.params.get(name.as_bytes())?.first()?;
        let text = if self.is_utf8() {
            String::from_utf8_lossy(value).into_owned()
        } else {
            GBK.decode_without_bom_handling(value).0.into_owned()
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Length of a parameter on the wire.
    pub(super) fn length(&self, name: &str) -> usize {
        self.params.get(name.as_bytes()).and_then(|values| values.first()).map_or(0, Vec::len)
    }

    /// Whether a parameter was sent at all.
    pub(super) fn sends(&self, name: &str) -> bool {
        self.params.contains_key(name.as_bytes())
    }

    /// Whether the call is signed with this key.
    pub(super) fn is_signed(&self, secret: &str) -> bool {
        let mut joined = Vec::new();
        for (name, values) in &self.params {
            if name == b"sign" {
                continue;
            }
            if !joined.is_empty() {
                joined.push(b'&');
            }
            joined.extend_from_slice(name);
            joined.push(b'=');
            let mut values = values.clone();
            values.sort();
            joined.extend(values.concat());
        }
        let text = format!("{}&{}&{}", self.method, quoted(self.path.as_bytes()), quoted(&joined));
        let key = format!("{secret}&");
        let right = STANDARD.encode(hmac_sha1(key.as_bytes(), &[text.as_bytes()]));
        self.get("sign").is_some_and(|sign| sign == right)
    }
}

/// Percent-encoding as the channel's clients do it: blank is %20, and `*` and `~` are encoded too.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            text.push(char::from(*byte));
        } else {
            text.extend(["%", &upper_hex(&[*byte])]);
        }
    }
    text
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _, _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    bytes
}
