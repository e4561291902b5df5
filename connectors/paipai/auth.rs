//! The channel's signature.
//!
//! Parameters, sorted by name, joined as `name=value` with `&` and without encoding; before them the method and the
//! path; each of the three percent-encoded in the bytes of the charset that the call names; HMAC-SHA1 keyed with the
//! secret and `&`; base64. What is sent empty is signed empty.

use super::{Charset, Format, Paipai};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Auth, Credentials, Error, ErrorKind, Explanation, RawWebhook, Result, Secret,
    Session, SignedParts, SignedRequest, Token, sign,
};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::borrow::Cow;

const FORM_UTF8: HeaderValue =
    HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8");
const FORM_GBK: HeaderValue =
    HeaderValue::from_static("application/x-www-form-urlencoded;charset=gbk");
const SIGN: &str = "sign";
const CHARSET: &str = "charset";
const METHOD: &str = "http_method";
const PATH: &str = "path";
/// All but letters, digits and `-_.`: `~` and `*` too.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The exact text that is signed.
fn source(charset: Charset, method: &str, path: &str, params: &[(&str, &str)]) -> Result<String> {
    let mut sorted = params.to_vec();
    sorted.sort_unstable();
    let mut joined = String::new();
    let mut last = None;
    for (name, value) in sorted {
        // A name that comes more than once stands there once, with its values sorted and one behind the other.
        if last != Some(name) {
            if last.is_some() {
                joined.push('&');
            }
            joined.extend([name, "="]);
            last = Some(name);
        }
        joined.push_str(value);
    }
    let escaped = |text: &str| escape(charset, text);
    Ok([method.to_ascii_uppercase(), escaped(path)?, escaped(&joined)?].join("&"))
}

fn escape(charset: Charset, text: &str) -> Result<String> {
    let bytes: Cow<'_, [u8]> = match charset {
        Charset::Utf8 => text.as_bytes().into(),
        Charset::Gbk => {
            let (bytes, _, has_unmappable) = GBK.encode(text);
            if has_unmappable {
                let text = "a character that GBK does not have; set `charset` to utf-8";
                return Err(Error::new(ErrorKind::Rejected, text));
            }
            bytes
        }
    };
    Ok(percent_encode(&bytes, RESERVED).to_string())
}

fn digest(secret: &Secret, text: &str) -> [u8; 20] {
    let key = zeroize::Zeroizing::new([secret.expose(), b"&"].concat());
    sign::hmac_sha1(&key, &[text.as_bytes()])
}

/// A number for `randomValue`, which only has to differ: from the time and the call.
fn random(now: Timestamp, request: &ApiRequest) -> String {
    let now = now.unix_ms().to_le_bytes();
    let mut parts: Vec<&[u8]> = vec![&now, request.api.as_bytes()];
    parts.extend(request.params.iter().map(|(_, value)| value.as_bytes()));
    let [a, b, c, d, ..] = sign::md5(&parts);
    (u32::from_le_bytes([a, b, c, d]) % 100_000_000).to_string()
}

#[async_trait]
impl Auth for Paipai {
    fn sign(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest> {
        let token = credentials.token.as_ref().map_or("", |token| token.access.expose_str());
        let (time, random) = (now.unix_ms().to_string(), random(now, request));
        let mut params = vec![
            ("uin", self.uin.as_str()),
            ("appOAuthID", credentials.app_key.as_str()),
            ("accessToken", token),
            ("timeStamp", time.as_str()),
            ("randomValue", random.as_str()),
            (CHARSET, self.charset.as_str()),
        ];
        match self.format {
            Format::Json => {
                params.extend([("format", "json"), ("pureData", "1"), ("needRoot", "1")]);
            }
            Format::Xml => params.push(("format", "xml")),
        }
        params.extend(request.params.iter().map(|(name, value)| (&**name, value.as_str())));
        let text = source(self.charset, request.method.as_str(), &request.path, &params)?;
        let signature = STANDARD.encode(digest(&credentials.app_secret, &text));
        params.push((SIGN, &signature));
        let mut body = String::new();
        for (name, value) in params {
            let value = escape(self.charset, value).map_err(|error| error.at(name.to_owned()))?;
            let joint = if body.is_empty() { "" } else { "&" };
            body.extend([joint, name, "=", &value]);
        }
        let mut headers = request.headers.clone();
        let kind = match self.charset {
            Charset::Utf8 => FORM_UTF8,
            Charset::Gbk => FORM_GBK,
        };
        headers.insert(CONTENT_TYPE, kind);
        Ok(SignedRequest {
            method: request.method.clone(),
            path_and_query: request.path.clone(),
            headers,
            body: body.into(),
        })
    }

    async fn renew(&self, _: &Session<'_>, _: &Token) -> Result<Token> {
        Err(Error::new(ErrorKind::Unsupported, "the seller gives a new access token by hand"))
    }

    /// The method and the path are given as the parameters `http_method` and `path`.
    fn explain(
        &self,
        secret: &Secret,
        params: &[(String, String)],
        _body: &[u8],
    ) -> Result<Explanation> {
        let given = |wanted: &'static str| {
            let found = params.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let needed = |wanted: &'static str| {
            given(wanted).ok_or_else(|| {
                Error::malformed("expected the parameters `http_method` and `path`").at(wanted)
            })
        };
        // Without a charset the channel takes a call for GBK.
        let is_utf8 = given(CHARSET).is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8"));
        let charset = if is_utf8 { Charset::Utf8 } else { Charset::Gbk };
        let mut signed: Vec<(&str, &str)> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        signed.retain(|(name, _)| !matches!(*name, SIGN | METHOD | PATH));
        signed.sort_unstable();
        let text = source(charset, needed(METHOD)?, needed(PATH)?, &signed)?;
        let digest = digest(secret, &text);
        let scheme = "Paipai OAuth: HMAC-SHA1 keyed with the secret and &";
        Ok(Explanation::new(scheme, text, STANDARD.encode(digest))
            .params(signed)
            .digest("HMAC-SHA1", &digest))
    }

    fn signed_parts(&self, path: &str, raw: &RawWebhook) -> SignedParts {
        SignedParts::of(raw).with_call(path, raw)
    }
}
