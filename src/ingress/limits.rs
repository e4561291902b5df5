//! What one request may take: a place, memory for its body, and time to send it.

use super::reply::{self, Reply};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use prometheus::IntGauge;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies are budgeted in units of this size, so that a budget of gigabytes fits a semaphore.
const UNIT_BYTES: usize = 1024;

/// Places and memory for all requests of a listener.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    body_limit: usize,
    body_timeout: Duration,
    in_flight: IntGauge,
}

/// A request's place. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    in_flight: IntGauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// A body and the memory it was promised.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(
        max_in_flight: usize,
        body_budget: usize,
        body_limit: usize,
        body_timeout: Duration,
        in_flight: IntGauge,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max_in_flight)),
            memory: Arc::new(Semaphore::new(body_budget / UNIT_BYTES)),
            body_limit,
            body_timeout,
            in_flight,
        }
    }

    /// A place, or the answer that there is none.
    pub(super) fn enter(&self) -> Result<Place, Reply> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(reply::closing(reply::busy(
                "too many requests at once",
                Duration::from_secs(1),
            )));
        };
        self.in_flight.inc();
        Ok(Place { _place: place, in_flight: self.in_flight.clone() })
    }

    /// Reads a body whole. Its declared length is judged before the first byte is read.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Incoming) -> Result<Body, Reply> {
        let too_large = || {
            let message = "the body is larger than this gateway takes";
            reply::closing(reply::error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        };
        let declared = match headers.get(CONTENT_LENGTH) {
            None => self.body_limit,
            // hyper refuses lengths that are not numbers; what it lets through and we cannot read is not small.
            Some(length) => length
                .to_str()
                .ok()
                .and_then(|length| length.parse::<usize>().ok())
                .unwrap_or(usize::MAX),
        };
        if declared > self.body_limit {
            return Err(too_large());
        }
        let units = u32::try_from(declared.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let Ok(memory) = Arc::clone(&self.memory).try_acquire_many_owned(units) else {
            return Err(reply::closing(reply::busy(
                "too many bodies at once",
                Duration::from_secs(1),
            )));
        };
        let limited = Limited::new(body, self.body_limit);
        match tokio::time::timeout(self.body_timeout, limited.collect()).await {
            Ok(Ok(collected)) => Ok(Body { bytes: collected.to_bytes(), _memory: memory }),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(reply::closing(reply::error(
                StatusCode::BAD_REQUEST,
                "broken_body",
                "the body ended early",
            ))),
            Err(_) => Err(reply::closing(reply::error(
                StatusCode::REQUEST_TIMEOUT,
                "slow_body",
                "the body did not arrive in time",
            ))),
        }
    }
}

/// Whether a request names one host: what hyper leaves to its callers.
pub(super) fn has_one_host(version: Version, headers: &HeaderMap) -> bool {
    let hosts = headers.get_all(HOST).iter().count();
    match version {
        Version::HTTP_11 => hosts == 1,
        _ => hosts <= 1,
    }
}
