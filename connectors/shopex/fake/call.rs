//! A call as PHP sees it: the fields of query and body in one map, and the checks of both signatures.

use crate::contract::sign::{md5, upper_hex};
use bytes::Bytes;
use http::Request;
use std::collections::BTreeMap;

/// An answer's body.
pub(super) struct Said(pub(super) String);

/// One call.
pub(super) struct Call(BTreeMap<String, String>);

impl Call {
    /// Merges a request.
    pub(super) fn read(request: &Request<Bytes>) -> Self {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let mut fields: BTreeMap<String, String> =
            form_urlencoded::parse(query).into_owned().collect();
        fields.extend(form_urlencoded::parse(request.body()).into_owned());
        Self(fields)
    }

    /// A field; an empty one is as good as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A field, or nothing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// Whether the call bears the matrix's signature; capital letters only.
    pub(super) fn bears_sign(&self, token: &str) -> bool {
        let Some(received) = self.0.get("sign") else { return false };
        *received
            == matrix(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())), token)
    }

    /// Whether the call bears the signature of 4.8.5; small letters only.
    pub(super) fn bears_ac(&self, token: &str) -> bool {
        let Some(received) = self.0.get("ac") else { return false };
        let mut text = String::new();
        for (name, value) in &self.0 {
            if name != "ac" {
                text.push_str(value);
            }
        }
        text.push_str(token);
        *received == hex::encode(md5(&[text.as_bytes()]))
    }

    /// Whether the call bears ECShop's signature: what PHP trims around the text does not count, and letters may be large or
    /// small.
    pub(super) fn bears_trimmed_ac(&self, token: &str) -> bool {
        let Some(received) = self.0.get("ac") else { return false };
        let values = self.0.iter().filter(|(name, _)| *name != "ac");
        let text: String = values.map(|(_, value)| value.as_str()).collect();
        let text = format!("{text}{token}");
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\0', '\x0b']);
        received.eq_ignore_ascii_case(&hex::encode(md5(&[text.as_bytes()])))
    }
}

/// The matrix's signature of fields that come sorted.
pub(super) fn matrix<'f>(sorted: impl Iterator<Item = (&'f str, &'f str)>, token: &str) -> String {
    let mut text = String::new();
    for (name, value) in sorted.filter(|(name, _)| *name != "sign") {
        text.push_str(name);
        text.push_str(value);
    }
    let inner = upper_hex(&md5(&[text.as_bytes()]));
    upper_hex(&md5(&[format!("{inner}{token}").as_bytes()]))
}
