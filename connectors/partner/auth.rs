//! Signs what goes out as what comes in is signed.

use super::{Partner, sign};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Auth, Credentials, Error, ErrorKind, Explanation, Mistake, RawWebhook, Result,
    Secret, Session, SignedParts, SignedRequest, Token, mistakes,
};
use async_trait::async_trait;
use http::HeaderValue;

/// Names of the parameters of [`Auth::explain`].
const ID: &str = "id";
const TIMESTAMP: &str = "timestamp";

#[async_trait]
impl Auth for Partner {
    /// The request brings its `webhook-id`; time and signature are of this attempt.
    fn sign(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest> {
        let mut headers = request.headers.clone();
        let id = headers.get(sign::ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
        let timestamp = now.unix_ms().div_euclid(1000).to_string();
        let signature = sign::sign_out(&credentials.app_secret, id, &timestamp, &request.body)?;
        headers.insert(sign::TIMESTAMP, header(&timestamp)?);
        headers.insert(sign::SIGNATURE, header(&signature)?);
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut path_and_query = request.path.clone();
        if !request.params.is_empty() {
            query.extend_pairs(request.params.iter().map(|(name, value)| (&**name, value)));
            path_and_query.push('?');
            path_and_query.push_str(&query.finish());
        }
        Ok(SignedRequest {
            method: request.method.clone(),
            path_and_query,
            headers,
            body: request.body.clone(),
        })
    }

    async fn renew(&self, _: &Session<'_>, _: &Token) -> Result<Token> {
        Err(Error::new(ErrorKind::Unsupported, "partners have no tokens"))
    }

    /// Takes the parameters `id` and `timestamp` (unix seconds).
    fn explain(
        &self,
        secret: &Secret,
        params: &[(String, String)],
        body: &[u8],
    ) -> Result<Explanation> {
        let (id, timestamp) = signed_with(params)?;
        let text = String::from_utf8_lossy(body);
        let text = [id, ".", timestamp, ".", &text].concat();
        let signature = sign::sign_out(secret, id, timestamp, body)?;
        let digest = sign::digest_of(&signature);
        Ok(Explanation::new("Standard Webhooks v1: base64 of HMAC-SHA256", text, signature)
            .params([(ID, id), (TIMESTAMP, timestamp)])
            .digest("HMAC-SHA256", &digest))
    }

    /// Besides the usual ones: a secret that was not decoded, and texts that other specifications sign.
    fn mistakes(&self, secret: &Secret, params: &[(String, String)], body: &[u8]) -> Vec<Mistake> {
        let explain = |secret: &Secret, params: &[(String, String)], body: &[u8]| {
            self.explain(secret, params, body)
        };
        let Ok(right) = explain(secret, params, body) else { return Vec::new() };
        let mut found = sign::mistakes(secret, params, body);
        found.extend(mistakes::usual(&explain, secret, params, body));
        mistakes::distinct(found, &right.signature)
    }

    fn signed_parts(&self, _: &str, raw: &RawWebhook) -> SignedParts {
        let headers = [(ID, sign::ID), (TIMESTAMP, sign::TIMESTAMP)];
        let param = |(name, header): (&str, &str)| {
            raw.header(header).map(|value| (name.to_owned(), value.to_owned()))
        };
        SignedParts {
            params: headers.into_iter().filter_map(param).collect(),
            body: raw.body.to_vec(),
            received: raw.header(sign::SIGNATURE).map(str::to_owned),
        }
    }
}

/// The parameters `id` and `timestamp`.
pub(super) fn signed_with(params: &[(String, String)]) -> Result<(&str, &str)> {
    let param = |wanted: &'static str| {
        let found = params.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| {
            Error::malformed("expected the parameters `id` and `timestamp`").at(wanted)
        })
    };
    Ok((param(ID)?, param(TIMESTAMP)?))
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Error::malformed("not a header value"))
}
