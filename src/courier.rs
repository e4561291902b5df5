//! Carries the webhooks of a simulated channel to a gateway on this machine, as a channel does.
//!
//! Nothing is dropped: a delivery that is not settled is tried again, with pauses that grow to half a minute, until it is
//! or the simulator ends; each attempt is signed anew where the channel signs its time. At most [`WAITING_LIMIT`]
//! deliveries wait; whoever makes more must pause while [`Courier::is_full`]. Only loopback is called.

use crate::clock::{Clock, SystemClock};
use crate::shutdown::Shutdown;
use bytes::Bytes;
use connectors::testkit::{Delivery, Fake};
use http::header::RETRY_AFTER;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Deliveries that wait for an attempt or an answer.
pub const WAITING_LIMIT: usize = 10_000;
const ATTEMPTS_AT_ONCE: usize = 64;
const TURN: Duration = Duration::from_millis(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT_BYTES: usize = 64 << 10;
const DEFAULT_PORT: u16 = 80;

/// The first pause after a failure, and the longest.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// After the first failure; doubled after each.
    pub first: Duration,
    /// Never longer, whatever the gateway asks for.
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

/// What became of the deliveries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Settled.
    pub done: usize,
    /// Not settled yet.
    pub waiting: usize,
    /// Attempts that failed.
    pub failed: usize,
}

/// Carries deliveries of one fake to one gateway.
#[derive(Debug)]
pub struct Courier {
    fake: Arc<dyn Fake>,
    client: Client<HttpConnector, Full<Bytes>>,
    authority: String,
    pauses: Pauses,
    attempts: Semaphore,
    done: AtomicUsize,
    waiting: AtomicUsize,
    failed: AtomicUsize,
}

impl Courier {
    /// A courier to `http://{loopback address}:{port}`; the error says what is wrong with another target.
    pub fn try_new(fake: Arc<dyn Fake>, target: &str, pauses: Pauses) -> Result<Self, String> {
        Ok(Self {
            fake,
            client: Client::builder(TokioExecutor::new()).build_http(),
            authority: authority(target)?,
            pauses,
            attempts: Semaphore::new(ATTEMPTS_AT_ONCE),
            done: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        })
    }

    /// What became of the deliveries so far.
    pub fn counts(&self) -> Counts {
        let of = |count: &AtomicUsize| count.load(Ordering::Acquire);
        Counts { done: of(&self.done), waiting: of(&self.waiting), failed: of(&self.failed) }
    }

    /// Whether as many deliveries wait as may.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= WAITING_LIMIT
    }

    /// Takes what the fake has to say and carries it, until shutdown.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) {
        while !shutdown.is_stopped() {
            let deliveries = if self.is_full() {
                Vec::new()
            } else {
                self.fake.take_deliveries(SystemClock.now())
            };
            for delivery in deliveries {
                self.waiting.fetch_add(1, Ordering::AcqRel);
                let (courier, stop) = (Arc::clone(&self), shutdown.clone());
                shutdown.spawn(async move {
                    tokio::select! {
                        () = courier.carry(delivery) => {}
                        () = stop.stopped() => {}
                    }
                });
            }
            tokio::select! {
                () = tokio::time::sleep(TURN) => {}
                () = shutdown.stopped() => {}
            }
        }
    }

    /// Tries until it is settled.
    async fn carry(&self, mut delivery: Delivery) {
        let mut pause = self.pauses.first;
        loop {
            let asked = match self.attempt(&delivery).await {
                Some(answer) if self.fake.is_settled(&answer) => {
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    self.done.fetch_add(1, Ordering::AcqRel);
                    return;
                }
                Some(answer) => retry_after(&answer),
                None => None,
            };
            self.failed.fetch_add(1, Ordering::AcqRel);
            tokio::time::sleep(asked.unwrap_or(pause).max(pause).min(self.pauses.longest)).await;
            pause = (pause * 2).min(self.pauses.longest);
            delivery = self.fake.sign_again(&delivery, SystemClock.now());
        }
    }

    /// One attempt; none if there was no whole answer.
    async fn attempt(&self, delivery: &Delivery) -> Option<Response<Bytes>> {
        let _permit = self.attempts.acquire().await.ok()?;
        let mut request = Request::new(Full::new(delivery.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("http://{}{}", self.authority, delivery.path).parse().ok()?;
        *request.headers_mut() = delivery.headers.clone();
        let exchange = async {
            let (parts, body) = self.client.request(request).await.ok()?.into_parts();
            let body = Limited::new(body, ANSWER_LIMIT_BYTES).collect().await.ok()?;
            Some(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.ok().flatten()
    }
}

/// Host and port of a target on this machine. `localhost` is written out, so that nobody else's answer is believed.
fn authority(target: &str) -> Result<String, String> {
    let wrong = |text: &str| format!("{target}: {text}, for example http://127.0.0.1:8080");
    let uri: Uri = target.parse().map_err(|_| wrong("expected a URL"))?;
    if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") || uri.query().is_some()
    {
        return Err(wrong("expected http://, an address and a port"));
    }
    let host = uri.host().unwrap_or_default();
    let address = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) if host == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Err(_) => return Err(wrong("expected an address of this machine")),
    };
    if !address.is_loopback() {
        return Err(wrong("simulated webhooks go to this machine only"));
    }
    let port = uri.port_u16().unwrap_or(DEFAULT_PORT);
    Ok(std::net::SocketAddr::new(address, port).to_string())
}

fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_on_this_machine_or_refused() {
        let good = |target: &str| authority(target).unwrap();
        assert_eq!(good("http://127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(good("http://127.0.0.2:81/"), "127.0.0.2:81");
        assert_eq!(good("http://localhost:8080"), "127.0.0.1:8080");
        assert_eq!(good("http://[::1]:8080"), "[::1]:8080");
        for (target, said) in [
            ("http://gateway.example:8080", "address of this machine"),
            ("http://10.0.0.1:8080", "this machine only"),
            ("http://0.0.0.0:8080", "this machine only"),
            ("https://127.0.0.1:8080", "expected http://"),
            ("http://127.0.0.1:8080/v1", "expected http://"),
            ("127.0.0.1:8080", "expected"),
            ("", "expected a URL"),
        ] {
            let error = authority(target).unwrap_err();
            assert!(error.contains(said) && error.contains("for example"), "{target}: {error}");
        }
    }
}
