//! The outbound half: requests in the channel's terms, sent by the gateway.

use super::{Explanation, Mistake, RawWebhook, Reading, Result, Secret, SignedParts, mistakes};
use crate::contract::model::{ShopId, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// One call, before it is signed. Every retry signs it anew with a fresh clock reading.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    /// The channel's name of the API; also the name of its quota and its metric label, hence from a closed set.
    pub api: &'static str,
    /// Whether repeating it after an unknown result is harmless.
    pub idempotent: bool,
    /// HTTP method.
    pub method: Method,
    /// Path below the shop's base URL; empty means the base URL itself.
    pub path: String,
    /// API parameters, unsigned and unencoded.
    pub params: Vec<(Cow<'static, str>, String)>,
    /// Headers besides those that signing adds.
    pub headers: HeaderMap,
    /// Body, where the API takes one besides its parameters.
    pub body: Bytes,
}

impl ApiRequest {
    /// A POST with parameters only.
    pub fn post(api: &'static str) -> Self {
        Self {
            api,
            idempotent: false,
            method: Method::POST,
            path: String::new(),
            params: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Marks the call as harmless to repeat.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }
}

/// What came back, before anybody has judged it.
#[derive(Debug, Clone)]
pub struct ApiReply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, size-limited by the gateway.
    pub body: Bytes,
    /// What the connector has read of the body.
    pub(crate) reading: Reading,
}

impl ApiReply {
    /// An answer that nobody has read yet.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body, reading: Reading::default() }
    }

    /// What `read` makes of the body. It is read once for whoever judges the answer and whoever takes its record, so
    /// `read` must make the same of the same bytes.
    pub(crate) fn read<T: Any + Send + Sync, E>(
        &self,
        read: impl FnOnce(&Bytes) -> std::result::Result<T, E>,
    ) -> std::result::Result<Arc<T>, E> {
        self.reading.of(&self.body, read)
    }
}

/// A request ready for the wire.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// HTTP method.
    pub method: Method,
    /// Path and query to append to the shop's base URL.
    pub path_and_query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A token that the channel gives for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What calls carry.
    pub access: Secret,
    /// What renews it, where the channel has such a thing.
    pub refresh: Option<Secret>,
    /// When it ends, if the channel said so.
    pub expires_at: Option<Timestamp>,
}

/// What a shop signs its calls with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Public id of the application at the channel.
    pub app_key: String,
    /// Secret of the application.
    pub app_secret: Secret,
    /// Current token of the shop.
    pub token: Option<Token>,
}

/// How the channel knows that we are we.
#[async_trait]
pub trait Auth: Send + Sync {
    /// Adds the channel's system parameters and signature.
    fn sign(
        &self,
        credentials: &Credentials,
        now: Timestamp,
        request: &ApiRequest,
    ) -> Result<SignedRequest>;

    /// Gets a new token for an old one. [`super::ErrorKind::Unsupported`] where the channel's tokens never end.
    async fn renew(&self, session: &Session<'_>, old: &Token) -> Result<Token>;

    /// Signs given parameters (or a body) and shows the work. A signature among the parameters is no part of the text.
    fn explain(
        &self,
        secret: &Secret,
        params: &[(String, String)],
        body: &[u8],
    ) -> Result<Explanation>;

    /// The usual mistakes, each with the signature that it gives for the same request. A connector whose scheme invites
    /// others adds them to those of [`mistakes::usual`].
    fn mistakes(&self, secret: &Secret, params: &[(String, String)], body: &[u8]) -> Vec<Mistake> {
        let explain = |secret: &Secret, params: &[(String, String)], body: &[u8]| {
            self.explain(secret, params, body)
        };
        mistakes::usual(&explain, secret, params, body)
    }

    /// What of a captured request is signed, in the words of [`Auth::explain`], and the signature it carries.
    ///
    /// Nothing in it is verified; it is for the person who must find out why it is refused. The path is
    /// given without the query, for schemes that sign it.
    fn signed_parts(&self, _path: &str, raw: &RawWebhook) -> SignedParts {
        SignedParts::of(raw)
    }
}

/// The one way out. The gateway's egress and the testkit's `FakeApi` implement it.
#[async_trait]
pub trait ChannelApi: Send + Sync + Debug {
    /// Signs, waits for quota, sends, retries what may be retried, and returns an answer that the connector's
    /// `classify` accepted.
    async fn call(&self, request: ApiRequest) -> Result<ApiReply>;

    /// The channel said, outside any call, that the seller withdrew the authorization: calls stop until it may be back.
    fn authorization_ended(&self) {}
}

/// Who is asking, and how to ask.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// The shop.
    pub shop: &'a ShopId,
    /// The way out.
    pub api: &'a dyn ChannelApi,
    /// Public application id, for the few calls that carry it as a parameter.
    pub app_key: &'a str,
    /// When this piece of work began.
    pub now: Timestamp,
}
