//! Bytes to a channel and back: one pool of connections, one deadline, one size limit, no redirects.

use super::Guard;
use bytes::Bytes;
use connectors::contract::{ApiReply, Error, ErrorKind, Result, SignedRequest};
use http::{HeaderValue, Request, Response, Uri, header::USER_AGENT};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(50);
/// Silence after which the other side of a long connection is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(15);
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("channel-gateway/", env!("CARGO_PKG_VERSION")));

type HttpClient = Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>;

/// The HTTP client of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    client: HttpClient,
    /// A WebSocket begins with HTTP/1.1, so that must be the protocol that TLS agrees on.
    sockets: HttpClient,
    guard: Guard,
    timeout: Duration,
    answer_limit: usize,
}

impl Transport {
    /// A client that calls only what the guard allows.
    pub fn new(guard: Guard, timeout: Duration, answer_limit: usize) -> Result<Self> {
        let mut http = HttpConnector::new_with_resolver(guard.clone());
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeout / 2));
        let tls = tls()?;
        let mut long = http.clone();
        // A long connection that is cut without a word must be noticed although nothing is owed on it.
        long.set_keepalive(Some(KEEPALIVE));
        long.set_keepalive_interval(Some(KEEPALIVE));
        long.set_keepalive_retries(Some(3));
        long.set_tcp_user_timeout(Some(KEEPALIVE * 4));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(http);
        let upgradable = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(long);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(https);
        let sockets =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(upgradable);
        Ok(Self { client, sockets, guard, timeout, answer_limit })
    }

    /// Sends one request. An error is always [`ErrorKind::Unavailable`]: it may or may not have arrived.
    pub(super) async fn send(&self, uri: Uri, request: SignedRequest) -> Result<ApiReply> {
        self.check_literal(&uri)?;
        let mut http = Request::new(Full::new(request.body));
        *http.method_mut() = request.method;
        *http.uri_mut() = uri;
        *http.headers_mut() = request.headers;
        http.headers_mut().insert(USER_AGENT, AGENT);
        let exchange = async {
            let answer = self.client.request(http).await.map_err(|error| broken(&error))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, self.answer_limit).collect().await.map_err(|_| {
                Error::new(ErrorKind::Unavailable, "the answer broke off or is too large")
            })?;
            let (status, headers) = (parts.status, parts.headers);
            Ok(ApiReply::new(status, headers, body.to_bytes()))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(ErrorKind::Unavailable, "the channel did not answer in time")),
        }
    }

    /// Asks for a WebSocket.
    pub(super) async fn ask_for_socket(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>> {
        self.check_literal(request.uri())?;
        request.headers_mut().insert(USER_AGENT, AGENT);
        self.sockets.request(request).await.map_err(|error| broken(&error))
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn answer_limit(&self) -> usize {
        self.answer_limit
    }

    /// A host that is an address never reaches the resolver, so it is judged here.
    fn check_literal(&self, uri: &Uri) -> Result<()> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if !self.guard.allows(address) => {
                Err(Error::new(ErrorKind::Rejected, "this address may not be called"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// The machine's root certificates. A machine without any can still call plain HTTP, which the config must allow.
fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::new(ErrorKind::Unavailable, "TLS cannot be set up"))?;
    Ok(match builder.clone().with_native_roots() {
        Ok(builder) => builder.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no root certificates here: channels cannot be called by https");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    })
}

/// The error of the client, without its URL.
fn broken(error: &hyper_util::client::legacy::Error) -> Error {
    let text = if error.is_connect() {
        "the channel cannot be reached"
    } else {
        "the connection to the channel broke"
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) {
            return Error::new(ErrorKind::Rejected, "this address may not be called");
        }
        cause = inner.source();
    }
    Error::new(ErrorKind::Unavailable, text)
}
