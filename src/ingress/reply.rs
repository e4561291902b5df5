//! Answers that the gateway gives by itself, before or without a connector.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use std::time::Duration;

pub(super) type Reply = Response<Full<Bytes>>;

/// `{"error":{"code","message"}}`, the shape that partners know. Both parts are ours and need no escaping.
pub(super) fn error(status: StatusCode, code: &'static str, message: &'static str) -> Reply {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    with_body(status, "application/json", body.into())
}

/// Ours to solve: come back.
pub(super) fn busy(message: &'static str, after: Duration) -> Reply {
    let mut reply = error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    set_retry_after(&mut reply, after);
    reply
}

/// Only POST is taken here.
pub(super) fn only_post() -> Reply {
    let mut reply = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use POST");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    reply
}

/// Asks the connection to end: its body was not read whole.
pub(super) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

pub(super) fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// Whole seconds, at least one: the header has no finer unit.
pub(super) fn set_retry_after(reply: &mut Reply, after: Duration) {
    let secs = after.as_secs().max(1);
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
}
