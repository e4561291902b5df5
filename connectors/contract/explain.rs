//! A signature, step by step, for the person who must find out why it is refused.

use super::RawWebhook;
use encoding_rs::GBK;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Stands in a shown text where the secret is.
pub const SECRET_MARK: &str = "<secret>";

/// Names under which channels send the signature among the parameters, in the order they are looked for.
const SIGNATURES: [&str; 2] = ["sign", "ac"];

/// A signature, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// Name of the scheme.
    pub scheme: String,
    /// What is signed, in signing order and decoded; empty where a body is signed and nothing else.
    pub params: Vec<(String, String)>,
    /// The exact text that is signed; the secret inside it is shown as [`SECRET_MARK`].
    pub string_to_sign: String,
    /// The digest of that text, before it is written as a signature.
    pub digest: Option<Digest>,
    /// The signature as it goes over the wire.
    pub signature: String,
}

/// A digest and how it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// `MD5`, `HMAC-SHA256` and the like.
    pub algorithm: String,
    /// Lower-case hexadecimal.
    pub hex: String,
}

impl Explanation {
    /// What every explanation has.
    pub fn new(
        scheme: impl Into<String>,
        string_to_sign: impl Into<String>,
        signature: impl Into<String>,
    ) -> Self {
        Self {
            scheme: scheme.into(),
            string_to_sign: string_to_sign.into(),
            signature: signature.into(),
            ..Self::default()
        }
    }

    /// Adds what is signed, in signing order.
    #[must_use]
    pub fn params<N: Into<String>, V: Into<String>>(
        mut self,
        params: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let own = |(name, value): (N, V)| (name.into(), value.into());
        self.params = params.into_iter().map(own).collect();
        self
    }

    /// Adds the digest.
    #[must_use]
    pub fn digest(mut self, algorithm: &str, digest: &[u8]) -> Self {
        self.digest = Some(Digest { algorithm: algorithm.to_owned(), hex: hex::encode(digest) });
        self
    }
}

/// A usual mistake, and the signature that it gives for the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What would have gone wrong, as the end of the sentence "it is what one gets when …".
    pub what: &'static str,
    /// The signature it gives, as it would go over the wire.
    pub signature: String,
}

/// The parts of an HTTP request that a signature is about, in the words of [`super::Auth::explain`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignedParts {
    /// Parameters, decoded, in the order they came.
    pub params: Vec<(String, String)>,
    /// Body, where it is signed as it is.
    pub body: Vec<u8>,
    /// The signature that the request carries.
    pub received: Option<String>,
}

impl SignedParts {
    /// Query, form and the text parts of a multipart form are parameters, any other body is itself; the signature is the
    /// parameter `sign` or `ac`.
    pub fn of(raw: &RawWebhook) -> Self {
        let mut params = read_form(raw.query.as_bytes());
        let kind = raw.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default();
        let (essence, more) = kind.split_once(';').unwrap_or((kind, ""));
        let body = match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                params.extend(read_form(&raw.body));
                Vec::new()
            }
            "multipart/form-data" => {
                params.extend(read_multipart(more, &raw.body));
                Vec::new()
            }
            _ => raw.body.to_vec(),
        };
        let received = signature_among(&params);
        Self { params, body, received }
    }

    /// Adds the method and the path as the parameters `http_method` and `path`, for schemes that sign them.
    #[must_use]
    pub fn with_call(mut self, path: &str, raw: &RawWebhook) -> Self {
        let call = [("http_method", raw.method.as_str()), ("path", path)];
        let own = call.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.params.splice(0..0, own);
        self
    }
}

/// The signature among parameters, where there is one.
pub fn signature_among(params: &[(String, String)]) -> Option<String> {
    let named = |wanted: &&str| params.iter().find(|(name, _)| name == wanted);
    SIGNATURES.iter().find_map(named).map(|(_, value)| value.clone())
}

/// Splits and decodes a query or a form. What is not UTF-8 is read as GBK, because channels of that age send it.
pub fn read_form(text: &[u8]) -> Vec<(String, String)> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next(), halves.next());
            (decode(name.unwrap_or_default()), decode(value.unwrap_or_default()))
        })
        .collect()
}

/// The parts of a multipart form that are no files.
fn read_multipart(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    let boundary = content_type.split(';').find_map(|word| word.trim().strip_prefix("boundary="));
    let Some(boundary) = boundary.map(|boundary| boundary.trim_matches('"')) else {
        return Vec::new();
    };
    let body = to_text(body);
    let mark = format!("--{boundary}");
    body.split(&mark)
        .filter_map(|part| {
            let (head, value) = part.split_once("\r\n\r\n")?;
            let named = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-disposition").then_some(value)
            })?;
            let mut words = named.split(';').map(str::trim);
            let name = words.clone().find_map(|word| word.strip_prefix("name="))?;
            let is_file = words.any(|word| word.starts_with("filename"));
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            (!is_file).then(|| (name.trim_matches('"').to_owned(), value.to_owned()))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let blanks: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Cow<'_, [u8]> = percent_decode(&blanks).into();
    to_text(&bytes)
}

fn to_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map_or_else(|_| GBK.decode_without_bom_handling(bytes).0.into_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::model::ShopId;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    fn raw(content_type: &'static str, body: &'static str) -> RawWebhook {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let shop = ShopId::try_new("one").unwrap();
        let (query, body) = ("a=1&sign=S".to_owned(), Bytes::from_static(body.as_bytes()));
        RawWebhook { shop, method: Method::POST, query, headers, body }
    }

    fn shown(params: &[(String, String)]) -> Vec<String> {
        params.iter().map(|(name, value)| format!("{name}|{value}")).collect()
    }

    #[test]
    fn a_form_is_read_in_order_as_utf_8_or_else_as_gbk() {
        let read = read_form(b"b=%E6%B5%8B+1&a=%B2%E2%CA%D4&=x&flag&c=1%3D2=3&&");
        assert_eq!(shown(&read), ["b|测 1", "a|测试", "|x", "flag|", "c|1=2=3"]);
    }

    #[test]
    fn the_signature_is_found_under_either_name() {
        let pairs = |text: &str| read_form(text.as_bytes());
        assert_eq!(signature_among(&pairs("ac=1&sign=2")).as_deref(), Some("2"));
        assert_eq!(signature_among(&pairs("x=0&ac=1")).as_deref(), Some("1"));
        assert_eq!(signature_among(&pairs("signature=1")), None);
    }

    #[test]
    fn a_request_is_taken_apart_by_the_kind_of_its_body() {
        let form = SignedParts::of(&raw("application/x-www-form-urlencoded; charset=UTF-8", "b=2"));
        assert_eq!(shown(&form.params), ["a|1", "sign|S", "b|2"]);
        assert!(form.body.is_empty() && form.received.as_deref() == Some("S"));
        let xml = SignedParts::of(&raw("text/xml", "<a/>"));
        assert_eq!((shown(&xml.params).len(), xml.body.as_slice()), (2, b"<a/>".as_slice()));
        let parts = "--XX\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--XX\r\n\
                     content-disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nfile\r\n--XX--\r\n";
        let multipart = SignedParts::of(&raw("multipart/form-data; boundary=XX", parts));
        assert_eq!(shown(&multipart.params), ["a|1", "sign|S", "b|2"]);
        let call = xml.with_call("/p", &raw("text/xml", ""));
        assert_eq!(shown(&call.params)[..2], ["http_method|POST", "path|/p"]);
    }
}
