//! Makes a request ready for the wire, in the terms of the shop's generation.

use super::form::Pair;
use super::sign::{self, AC, PrismCall, SIGN};
use super::{Generation, Setup};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Auth, Credentials, Error, ErrorKind, Explanation, Result, Secret, Session,
    SignedRequest, Token,
};
use async_trait::async_trait;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use std::borrow::Cow;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// Recognises a call that comes twice. One without it would be taken for every other one without it.
pub(super) const TASK: &str = "task";

#[async_trait]
impl Auth for Setup {
    fn sign(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest> {
        let mut params = self.system(credentials, now, request.api);
        params.extend(request.params.iter().map(|(name, value)| (name.clone(), value.clone())));
        let knows_tasks = self.generation != Generation::Ecshop;
        if knows_tasks && !params.iter().any(|(name, _)| name == TASK) {
            let task = fresh_task(now, &params);
            params.push((Cow::Borrowed(TASK), task));
        }
        let pairs: Vec<Pair<'_>> = params.iter().map(as_pair).collect();
        let token = credentials.app_secret.expose();
        let signature = match self.generation {
            Generation::Ecstore | Generation::Matrix => {
                (SIGN, crate::contract::sign::upper_hex(&sign::matrix(token, &pairs)))
            }
            Generation::V485 => (AC, sign::ac(token, &pairs)),
            Generation::Ecshop => (AC, sign::trimmed_ac(token, &pairs)),
        };
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&params).append_pair(signature.0, &signature.1);
        let mut headers = request.headers.clone();
        headers.insert(CONTENT_TYPE, FORM);
        Ok(SignedRequest {
            method: request.method.clone(),
            path_and_query: request.path.clone(),
            headers,
            body: body.finish().into(),
        })
    }

    async fn renew(&self, _: &Session<'_>, _: &Token) -> Result<Token> {
        Err(Error::new(ErrorKind::Unsupported, "a node's token does not end"))
    }

    /// Tells the scheme by the parameters: `act` is 4.8.5's, `client_id` Prism's, anything else the matrix's. Prism also
    /// signs what no parameter says: give it as `http_method`, `path` and `header:<name>`; the body is its form.
    fn explain(
        &self,
        secret: &Secret,
        params: &[(String, String)],
        body: &[u8],
    ) -> Result<Explanation> {
        let has = |wanted: &str| params.iter().any(|(name, _)| name == wanted);
        if has("client_id") {
            return explain_prism(secret, params, body);
        }
        let from_body = super::form::split(body);
        let mut pairs: Vec<Pair<'_>> = params
            .iter()
            .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
            .collect();
        pairs.extend(from_body);
        if has("act") {
            let values = sign::values(&pairs).concat();
            let text = format!("{}<secret>", String::from_utf8_lossy(&values));
            let (scheme, signature) = if self.generation == Generation::Ecshop {
                let scheme =
                    "ECShop ac: MD5 of the values and the token, blanks around the whole left out";
                (scheme, sign::trimmed_ac(secret.expose(), &pairs))
            } else {
                let scheme = "ShopEx 4.8.5 ac: MD5 of the values and the token";
                (scheme, sign::ac(secret.expose(), &pairs))
            };
            return Ok(Explanation::new(scheme, text, signature));
        }
        let text = sign::assemble(&pairs).concat();
        let digest = sign::matrix(secret.expose(), &pairs);
        let signature = crate::contract::sign::upper_hex(&digest);
        let scheme = "matrix: MD5 of the upper-case MD5 of this, and the token behind it";
        Ok(Explanation::new(scheme, String::from_utf8_lossy(&text), signature)
            .digest("MD5", &digest))
    }
}

impl Setup {
    /// What every call carries besides its own parameters.
    fn system(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        api: &'static str,
    ) -> Vec<(Cow<'static, str>, String)> {
        let node = self.own_node_id.as_deref().unwrap_or(&credentials.app_key);
        let mut params: Vec<(Cow<'static, str>, String)> = Vec::with_capacity(24);
        let mut add = |name: &'static str, value: &str| {
            params.push((Cow::Borrowed(name), value.to_owned()));
        };
        match self.generation {
            Generation::Ecstore => {
                add("app_id", "ecos.b2c");
                add("node_id", node);
            }
            Generation::Matrix => {
                add("app_id", "ecos.ome");
                add("node_type", &self.node_type);
                add("from_node_id", node);
                add("to_node_id", self.node_id.as_deref().unwrap_or_default());
                add("from_api_v", "2.2");
                add("to_api_v", "2.0");
            }
            Generation::V485 | Generation::Ecshop => {
                add("act", api);
                add("api_version", super::v485::VERSION);
                add("return_data", "json");
                return params;
            }
        }
        add("method", api);
        add("date", &now.to_china());
        add("format", "json");
        add("certi_id", &credentials.app_key);
        add("v", "1");
        params
    }
}

fn as_pair<'p>((name, value): &'p (Cow<'static, str>, String)) -> Pair<'p> {
    (name.as_bytes().into(), value.as_bytes().into())
}

/// A task of its own for this call at this time.
fn fresh_task(now: Timestamp, params: &[(Cow<'static, str>, String)]) -> String {
    let now = now.unix_ms().to_le_bytes();
    let mut parts: Vec<&[u8]> = vec![&now];
    for (name, value) in params {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    hex::encode(crate::contract::sign::md5(&parts))
}

fn explain_prism(secret: &Secret, params: &[(String, String)], body: &[u8]) -> Result<Explanation> {
    let given = |wanted: &'static str| {
        let found = params.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| {
            Error::malformed("expected the parameters `http_method` and `path`").at(wanted)
        })
    };
    let body: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let pair = |(name, value): &'_ (String, String)| (name.clone(), value.clone());
    let headers: Vec<_> = params
        .iter()
        .filter_map(|(name, value)| name.strip_prefix("header:").map(|name| (name, value.as_str())))
        .collect();
    let query: Vec<(String, String)> = params
        .iter()
        .filter(|(name, _)| {
            !matches!(name.as_str(), "http_method" | "path") && !name.starts_with("header:")
        })
        .map(pair)
        .collect();
    let call = PrismCall {
        method: given("http_method")?,
        path: given("path")?,
        headers,
        query: query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        post: body.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
    };
    let text = format!("<secret>&{}&<secret>", call.text());
    let scheme = "Prism: MD5 between two secrets";
    Ok(Explanation::new(scheme, text, call.sign(secret.expose())))
}
