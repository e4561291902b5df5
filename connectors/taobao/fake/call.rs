//! What a client sent: parameters merged from wherever they were, and the signature over them.
//!
//! Clients put parameters into the query, into an urlencoded body, into parts of a multipart body, or into several of
//! these. TOP merges them all and verifies the signature over the merged map, empty values included; file parts are
//! not signed, and a body of any other type is signed behind the parameters.

use super::answers::{Format, Refusal};
use crate::contract::{model::Timestamp, sign};
use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use std::collections::BTreeMap;
use std::str::FromStr;

/// One call.
#[derive(Default)]
pub(super) struct Call {
    params: BTreeMap<String, String>,
    /// Body that is signed as it is: neither a form nor multipart.
    raw: Bytes,
}

impl Call {
    /// Merges a request.
    pub(super) fn read(request: &Request<Bytes>) -> Result<Self, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::POST) {
            return Err(Refusal::new(9, "Http action not allowed"));
        }
        let mut call = Self::default();
        call.merge_form(request.uri().query().unwrap_or_default().as_bytes());
        let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (kind, rest) = header
            .unwrap_or_default()
            .split_once(';')
            .unwrap_or_else(|| (header.unwrap_or_default(), ""));
        let body = request.body();
        if kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            let boundary = rest.split_once("boundary=").map(|(_, boundary)| boundary);
            let boundary = boundary.ok_or_else(|| Refusal::new(3, "Upload fail"))?;
            call.merge_parts(boundary.trim().trim_matches('"'), body)?;
        } else if kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            call.merge_form(body);
        } else {
            call.raw = body.clone();
        }
        Ok(call)
    }

    fn merge_form(&mut self, form: &[u8]) {
        self.params.extend(form_urlencoded::parse(form).into_owned());
    }

    fn merge_parts(&mut self, boundary: &str, body: &[u8]) -> Result<(), Refusal> {
        let fail = || Refusal::new(3, "Upload fail");
        let text = String::from_utf8_lossy(body);
        let delimiter = format!("--{boundary}");
        for part in text.split(delimiter.as_str()).skip(1) {
            if part.starts_with("--") {
                return Ok(());
            }
            let (head, value) = part.split_once("\r\n\r\n").ok_or_else(fail)?;
            let value = value.strip_suffix("\r\n").ok_or_else(fail)?;
            let is_file = head.contains("filename=");
            let name = head.split_once(" name=\"").and_then(|(_, rest)| rest.split_once('"'));
            if let (Some((name, _)), false) = (name, is_file) {
                self.params.insert(name.to_owned(), value.to_owned());
            }
        }
        Err(fail())
    }

    /// A parameter; an empty one is as good as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A number.
    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|_| Refusal::invalid(name))).transpose()
    }

    /// A number that must be there.
    pub(super) fn id(&self, name: &str) -> Result<u64, Refusal> {
        self.number(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// `true` or `false`; false where it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }

    /// A time, in seconds since 1970.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time = Timestamp::parse_china(text).map_err(|_| Refusal::invalid(name))?;
        Ok(Some(time.unix_ms() / 1000))
    }

    /// A comma list.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let text = self.get(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// When the caller says it is: in China time, or as the official Python client says it, in milliseconds.
    pub(super) fn timestamp(&self) -> Result<Timestamp, Refusal> {
        let text = self.get("timestamp").ok_or_else(|| Refusal::new(30, "Missing timestamp"))?;
        let is_epoch = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
        let time = match text.parse() {
            Ok(unix_ms) if is_epoch => Ok(Timestamp::from_unix_ms(unix_ms)),
            _ => Timestamp::parse_china(text),
        };
        time.map_err(|_| Refusal::new(31, "Invalid timestamp"))
    }

    /// How the caller wants the answer. An unknown format is answered in the default one.
    pub(super) fn format(&self) -> Result<Format, Refusal> {
        match self.get("format") {
            None | Some("xml") => Ok(Format::Xml),
            Some("json") if self.get("simplify") == Some("true") => Ok(Format::Simple),
            Some("json") => Ok(Format::Json),
            Some(_) => Err(Refusal::new(23, "Invalid format")),
        }
    }

    /// Verifies the signature.
    pub(super) fn verify(&self, secret: &str) -> Result<(), Refusal> {
        let received = self.get("sign").ok_or_else(|| Refusal::new(24, "Missing signature"))?;
        let mut parts = Vec::with_capacity(self.params.len() * 2 + 3);
        for (name, value) in self.params.iter().filter(|(name, _)| *name != "sign") {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        parts.push(&self.raw);
        let matches = match self.get("sign_method") {
            Some("md5") => {
                parts.insert(0, secret.as_bytes());
                parts.push(secret.as_bytes());
                sign::matches_hex(&sign::md5(&parts), received.as_bytes())
            }
            Some("hmac") => {
                let digest = sign::hmac_md5(secret.as_bytes(), &parts);
                sign::matches_hex(&digest, received.as_bytes())
            }
            Some("hmac-sha256") => {
                let digest = sign::hmac_sha256(secret.as_bytes(), &parts);
                sign::matches_hex(&digest, received.as_bytes())
            }
            _ => false,
        };
        if matches { Ok(()) } else { Err(Refusal::new(25, "Invalid signature")) }
    }
}
