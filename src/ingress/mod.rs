//! Takes HTTP in: listeners with every limit set, the webhook road, and the operators' endpoints.
//!
//! Promises: nothing is answered as success before the intake settled it; our own fault is a 5xx, never a 4xx; every
//! phase of a connection has a deadline. Nothing here knows a channel: a request is handed to the connector of the shop
//! that its path names.

mod admin;
mod connection;
mod limits;
mod listener;
mod reply;
mod tls;
mod webhook;

pub use admin::{Admin, Readiness};
pub use listener::{Limits, Listener};
pub use tls::acceptor as tls_acceptor;
pub use webhook::Webhooks;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::fmt::Debug;

/// Answers requests of one listener.
#[async_trait]
pub trait Handler: Send + Sync + Debug + 'static {
    /// Answers one request. Dropped when the client goes away.
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>>;
}
