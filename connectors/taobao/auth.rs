//! TOP's signature and its sessions.
//!
//! All parameters, sorted by name, name and value one after the other without separators and without encoding; then
//! `md5` of that between two copies of the secret, or `hmac` (HMAC-MD5) or `hmac-sha256` keyed with it; upper-case
//! hexadecimal. As in the official clients, what the gateway adds travels in the query and the API's own parameters in
//! the body, and parameters without a value are left out.

use super::Top;
use super::wire::{Renewed, TokenResult, reply};
use crate::contract::explain::SECRET_MARK;
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Auth, Credentials, Error, ErrorKind, Explanation, Mistake, RawWebhook, Result,
    Secret, Session, SignedParts, SignedRequest, Token, mistakes, sign,
};
use async_trait::async_trait;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use std::time::Duration;

/// The API that renews sessions. It needs none itself.
pub(super) const REFRESH: &str = "taobao.top.auth.token.refresh";
const FORM: HeaderValue =
    HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8");
const SIGN: &str = "sign";
const SIGN_METHOD: &str = "sign_method";

/// How calls are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum SignMethod {
    /// MD5 of the text between two copies of the secret.
    #[serde(rename = "md5")]
    Md5,
    /// HMAC-MD5.
    #[serde(rename = "hmac")]
    HmacMd5,
    /// HMAC-SHA256.
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
}

impl SignMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::HmacMd5 => "hmac",
            Self::HmacSha256 => "hmac-sha256",
        }
    }

    fn algorithm(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacMd5 => "HMAC-MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// Of parameters that are sorted already, and of a body where it is not made of parameters.
    fn digest(self, secret: &Secret, params: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let secret = secret.expose();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * params.len() + 3);
        if self == Self::Md5 {
            parts.push(secret);
        }
        for (name, value) in params {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        parts.push(body);
        match self {
            Self::Md5 => {
                parts.push(secret);
                sign::md5(&parts).to_vec()
            }
            Self::HmacMd5 => sign::hmac_md5(secret, &parts).to_vec(),
            Self::HmacSha256 => sign::hmac_sha256(secret, &parts).to_vec(),
        }
    }
}

#[async_trait]
impl Auth for Top {
    fn sign(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest> {
        let timestamp = now.to_china();
        let token = credentials.token.as_ref().filter(|_| request.api != REFRESH);
        let system = [
            ("method", request.api),
            ("app_key", credentials.app_key.as_str()),
            ("session", token.map_or("", |token| token.access.expose_str())),
            ("timestamp", timestamp.as_str()),
            ("format", "json"),
            ("v", "2.0"),
            (SIGN_METHOD, self.sign_method.as_str()),
        ];
        let is_there = |(_, value): &(&str, &str)| !value.trim().is_empty();
        let system: Vec<_> = system.into_iter().filter(is_there).collect();
        let own = request.params.iter().map(|(name, value)| (&**name, value.as_str()));
        let own: Vec<_> = own.filter(is_there).collect();
        let mut all = [system.as_slice(), own.as_slice()].concat();
        all.sort_unstable();
        let signature =
            sign::upper_hex(&self.sign_method.digest(&credentials.app_secret, &all, b""));
        let mut query = form_urlencoded::Serializer::new(format!("{}?", request.path));
        query.extend_pairs(&system).append_pair(SIGN, &signature);
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&own);
        let mut headers = request.headers.clone();
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(ACCEPT, HeaderValue::from_static("text/javascript,application/json"));
        Ok(SignedRequest {
            method: request.method.clone(),
            path_and_query: query.finish(),
            headers,
            body: body.finish().into(),
        })
    }

    /// Works for applications of the service market; the channel refuses it to a merchant's own, whose sessions have a
    /// fixed life and are granted anew by a person.
    async fn renew(&self, session: &Session<'_>, old: &Token) -> Result<Token> {
        let lost = |text: &'static str| Error::new(ErrorKind::Unauthorized, text);
        let refresh = old
            .refresh
            .as_ref()
            .ok_or_else(|| lost("there is nothing to renew the session with"))?;
        let request = ApiRequest::post(REFRESH).param("refresh_token", refresh.expose_str());
        let answer = session.api.call(request).await.map_err(|error| {
            if error.kind() != ErrorKind::Rejected {
                return error;
            }
            let code = error.channel_code().unwrap_or_default();
            lost("channel does not renew the session").code(code)
        })?;
        let renewed: Renewed<'_> = reply(&answer.body)?;
        let unreadable = || lost("the renewed session cannot be read");
        let token: TokenResult =
            serde_json::from_str(&renewed.token_result.0).map_err(|_| unreadable())?;
        if token.error.is_some() {
            return Err(lost("channel does not renew the session"));
        }
        let access = token.access_token.filter(|access| !access.is_empty());
        let life = token.expires_in.and_then(|seconds| u64::try_from(seconds.0).ok());
        Ok(Token {
            access: Secret::new(access.ok_or_else(unreadable)?),
            refresh: token.refresh_token.map(Secret::new).or_else(|| old.refresh.clone()),
            expires_at: token
                .expire_time
                .map(|end| Timestamp::from_unix_ms(end.0))
                .or_else(|| life.map(|seconds| session.now.plus(Duration::from_secs(seconds)))),
        })
    }

    fn signed_parts(&self, _: &str, raw: &RawWebhook) -> SignedParts {
        super::spi::signed_parts(raw)
    }

    fn mistakes(&self, secret: &Secret, params: &[(String, String)], body: &[u8]) -> Vec<Mistake> {
        let explain = |secret: &Secret, params: &[(String, String)], body: &[u8]| {
            self.explain(secret, params, body)
        };
        let mut found = mistakes::usual(&explain, secret, params, body);
        let Ok(right) = explain(secret, params, body) else { return found };
        found.extend(super::spi::mistakes(&explain, secret, params, body));
        mistakes::distinct(found, &right.signature)
    }

    /// Verifies what was received, so parameters without a value count: clients that send them sign them.
    fn explain(
        &self,
        secret: &Secret,
        params: &[(String, String)],
        body: &[u8],
    ) -> Result<Explanation> {
        let mut signed: Vec<_> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        signed.retain(|(name, _)| *name != SIGN);
        signed.sort_unstable();
        let said = signed.iter().find(|(name, _)| *name == SIGN_METHOD).map(|(_, value)| *value);
        let (method, scheme) = match said {
            Some("hmac-sha256") => (SignMethod::HmacSha256, "TOP hmac-sha256"),
            Some("hmac") => (SignMethod::HmacMd5, "TOP hmac: HMAC-MD5"),
            // Calls of the channel to us (SPI) name no method and are always MD5.
            Some("md5") | None => (SignMethod::Md5, "TOP md5: MD5 between two secrets"),
            Some(_) => {
                let text = "expected md5, hmac or hmac-sha256";
                return Err(Error::malformed(text).at(SIGN_METHOD));
            }
        };
        let shown = if method == SignMethod::Md5 { SECRET_MARK } else { "" };
        let mut text = shown.to_owned();
        for (name, value) in &signed {
            text.extend([*name, *value]);
        }
        text.push_str(&String::from_utf8_lossy(body));
        text.push_str(shown);
        let digest = method.digest(secret, &signed, body);
        let signature = sign::upper_hex(&digest);
        Ok(Explanation::new(scheme, text, signature)
            .params(signed)
            .digest(method.algorithm(), &digest))
    }
}
