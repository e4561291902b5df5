//! A [`ChannelApi`] that signs with the connector and asks a fake directly, without sockets.

use super::Fake;
use crate::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, Result, model::Timestamp,
};
use async_trait::async_trait;
use http::Request;
use std::sync::Arc;

/// Connects a connector to a fake of its channel.
#[derive(Debug)]
pub struct FakeApi {
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    credentials: Credentials,
    now: Timestamp,
}

impl FakeApi {
    /// A way out that ends at `fake`, with the clock standing at `now`.
    pub fn new(
        connector: Arc<dyn Connector>,
        fake: Arc<dyn Fake>,
        credentials: Credentials,
        now: Timestamp,
    ) -> Self {
        Self { connector, fake, credentials, now }
    }
}

#[async_trait]
impl ChannelApi for FakeApi {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        let signed = self.connector.auth().sign(&self.credentials, self.now, &request)?;
        let uri = if signed.path_and_query.is_empty() { "/" } else { &signed.path_and_query };
        let mut http = Request::new(signed.body);
        *http.method_mut() = signed.method;
        *http.uri_mut() = uri
            .parse()
            .map_err(|_| crate::contract::Error::malformed("signed path is not a path"))?;
        *http.headers_mut() = signed.headers;
        let answer = self.fake.handle(&http, self.now);
        let (parts, body) = answer.into_parts();
        let reply = ApiReply { status: parts.status, headers: parts.headers, body };
        self.connector.classify(&reply)?;
        Ok(reply)
    }
}
