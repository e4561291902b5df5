//! `/livez`, `/readyz`, `/metrics`: for operators, on a listener of their own.

use super::Handler;
use super::reply::{self, Reply};
use crate::bus::Publisher;
use crate::shutdown::Shutdown;
use crate::store::Kv;
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use bytes::Bytes;
use connectors::contract::{Secret, sign};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A dependency that does not answer within this time is missing.
const PROBE: Duration = Duration::from_secs(2);

/// What must work before orders can be taken.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// The log.
    pub publisher: Arc<dyn Publisher>,
    /// The store.
    pub store: Arc<dyn Kv>,
    /// Whether the gateway can do without the store.
    pub store_optional: bool,
    /// Whether the end has begun.
    pub shutdown: Shutdown,
}

/// The operators' handler.
#[derive(Debug)]
pub struct Admin {
    readiness: Readiness,
    metrics: Arc<Metrics>,
    token: Option<Secret>,
}

impl Admin {
    /// A handler; with a token, `/metrics` asks for it.
    pub fn new(readiness: Readiness, metrics: Arc<Metrics>, token: Option<Secret>) -> Self {
        Self { readiness, metrics, token }
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        given
            .and_then(|given| given.strip_prefix("Bearer "))
            .is_some_and(|given| sign::matches(given.as_bytes(), token.expose()))
    }

    /// Ready, and which dependency is missing if not. A store that may be away is reported, and does not count.
    async fn ready(&self) -> Reply {
        let kafka = tokio::time::timeout(PROBE, self.readiness.publisher.is_ready());
        let store = tokio::time::timeout(PROBE, self.readiness.store.ping());
        let (kafka, store) = tokio::join!(kafka, store);
        let (kafka, store) = (kafka.unwrap_or(false), matches!(store, Ok(Ok(()))));
        let stopping = self.readiness.shutdown.is_stopped();
        let ready = kafka && (store || self.readiness.store_optional) && !stopping;
        let word = |ok| if ok { "ok" } else { "missing" };
        let body = json!({
            "ready": ready,
            "kafka": word(kafka),
            "store": word(store),
            "shutting_down": stopping,
        });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        reply::with_body(status, "application/json", body.to_string().into())
    }

    fn metrics(&self) -> Reply {
        let text = self.metrics.render();
        reply::with_body(StatusCode::OK, "text/plain; version=0.0.4", text.into())
    }
}

#[async_trait]
impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET");
        }
        match request.uri().path() {
            "/livez" => reply::with_body(StatusCode::OK, "text/plain", Bytes::from_static(b"ok\n")),
            "/readyz" => self.ready().await,
            "/metrics" if self.is_allowed(request.headers()) => self.metrics(),
            "/metrics" => {
                let message = "send Authorization: Bearer <token>";
                let mut refused = reply::error(StatusCode::UNAUTHORIZED, "unauthorized", message);
                let scheme = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(WWW_AUTHENTICATE, scheme);
                refused
            }
            _ => {
                let message = "here are /livez, /readyz and /metrics";
                reply::error(StatusCode::NOT_FOUND, "not_found", message)
            }
        }
    }
}
