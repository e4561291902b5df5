//! A [`ChannelApi`] that signs with the connector and asks a fake directly, without sockets.

use super::Fake;
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, Error, Result, Token,
    model::Timestamp,
};
use async_trait::async_trait;
use http::Request;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Connects a connector to a fake of its channel.
#[derive(Debug)]
pub struct FakeApi {
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    step: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    credentials: Credentials,
    now: Timestamp,
    asked: Vec<ApiRequest>,
}

impl FakeApi {
    /// A way out that ends at `fake`, with the clock standing at `now`.
    pub fn new(
        connector: Arc<dyn Connector>,
        fake: Arc<dyn Fake>,
        credentials: Credentials,
        now: Timestamp,
    ) -> Self {
        let state = Mutex::new(State { credentials, now, asked: Vec::new() });
        Self { connector, fake, step: Duration::ZERO, state }
    }

    /// Lets that much time pass before every call, so that a fake's limits are kept without waiting.
    #[must_use]
    pub fn stepping(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// The clock.
    pub fn now(&self) -> Timestamp {
        self.state.lock().now
    }

    /// Moves the clock.
    pub fn pass(&self, time: Duration) {
        let mut state = self.state.lock();
        state.now = state.now.plus(time);
    }

    /// Signs with another token from now on.
    pub fn set_token(&self, token: Token) {
        self.state.lock().credentials.token = Some(token);
    }

    /// Every request so far, unsigned.
    pub fn asked(&self) -> Vec<ApiRequest> {
        self.state.lock().asked.clone()
    }
}

#[async_trait]
impl ChannelApi for FakeApi {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        let (credentials, now) = {
            let mut state = self.state.lock();
            state.now = state.now.plus(self.step);
            state.asked.push(request.clone());
            (state.credentials.clone(), state.now)
        };
        let signed = self.connector.auth().sign(&credentials, now, &request)?;
        let path = &signed.path_and_query;
        // An empty path is the base URL, which a client asks for as `/`.
        let uri = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
        let mut http = Request::new(signed.body);
        *http.method_mut() = signed.method;
        *http.uri_mut() = uri.parse().map_err(|_| Error::malformed("signed path is not a path"))?;
        *http.headers_mut() = signed.headers;
        let answer = self.fake.handle(&http, now);
        let (parts, body) = answer.into_parts();
        let reply = ApiReply::new(parts.status, parts.headers, body);
        self.connector.classify(&reply)?;
        Ok(reply)
    }
}
