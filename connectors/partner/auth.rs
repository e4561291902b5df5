//! Signs what goes out as what comes in is signed.

use super::{Partner, sign};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Auth, Credentials, Error, ErrorKind, Explanation, Result, Secret, Session,
    SignedRequest, Token,
};
use async_trait::async_trait;
use http::HeaderValue;

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
        let param = |wanted: &'static str| {
            let found = params.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).ok_or_else(|| {
                Error::malformed("expected the parameters `id` and `timestamp`").at(wanted)
            })
        };
        let (id, timestamp) = (param("id")?, param("timestamp")?);
        let text = String::from_utf8_lossy(body);
        Ok(Explanation {
            scheme: "Standard Webhooks v1: base64 of HMAC-SHA256".to_owned(),
            string_to_sign: [id, ".", timestamp, ".", &text].concat(),
            signature: sign::sign_out(secret, id, timestamp, body)?,
        })
    }
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Error::malformed("not a header value"))
}
