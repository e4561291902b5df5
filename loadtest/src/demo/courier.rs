//! Carries the webhooks that fakes queue to the gateway, as unreliably as channels do: some twice at once, some late,
//! and whatever is not answered with success again.

use super::fleet::Fleet;
use bytes::Bytes;
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::shutdown::Shutdown;
use connectors::testkit::{Delivery, Fake};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Every n-th delivery goes out twice at the same moment; every n-th is held back, so that later ones overtake it.
const TWICE_EVERY: usize = 5;
const LATE_EVERY: usize = 7;
const LATE: Duration = Duration::from_secs(2);
const TRIES: u32 = 60;
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Courier {
    client: Client<HttpConnector, Full<Bytes>>,
    gateway: SocketAddr,
    carried: AtomicUsize,
    under_way: AtomicUsize,
}

impl Courier {
    pub(super) fn new(gateway: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, gateway, carried: AtomicUsize::new(0), under_way: AtomicUsize::new(0) }
    }

    /// Deliveries that have no success yet.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Starts carrying everything that is queued.
    pub(super) fn carry(self: &Arc<Self>, fleet: &Fleet, shutdown: &Shutdown) {
        for channel in &fleet.channels {
            for delivery in channel.fake.take_deliveries(SystemClock.now()) {
                let number = self.carried.fetch_add(1, Ordering::Relaxed);
                let copies = if number.is_multiple_of(TWICE_EVERY) { 2 } else { 1 };
                let late = if number.is_multiple_of(LATE_EVERY) { LATE } else { Duration::ZERO };
                for _ in 0..copies {
                    self.under_way.fetch_add(1, Ordering::AcqRel);
                    let (courier, delivery) = (Arc::clone(self), delivery.clone());
                    let fake = Arc::clone(&channel.fake);
                    shutdown.spawn(async move {
                        tokio::time::sleep(late).await;
                        courier.deliver(&*fake, &delivery).await;
                    });
                }
            }
        }
    }

    /// Until success; a delivery that never succeeds stays under way, and the ledger does not balance.
    async fn deliver(&self, fake: &dyn Fake, delivery: &Delivery) {
        for _ in 0..TRIES {
            let signed = fake.sign_again(delivery, SystemClock.now());
            if self.once(fake, &signed).await {
                self.under_way.fetch_sub(1, Ordering::AcqRel);
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn once(&self, fake: &dyn Fake, delivery: &Delivery) -> bool {
        let mut request = Request::new(Full::new(delivery.body.clone()));
        *request.method_mut() = Method::POST;
        let Ok(uri) = format!("http://{}{}", self.gateway, delivery.path).parse() else {
            return false;
        };
        *request.uri_mut() = uri;
        *request.headers_mut() = delivery.headers.clone();
        let Ok(answer) = self.client.request(request).await else { return false };
        let (parts, body) = answer.into_parts();
        let Ok(body) = body.collect().await else { return false };
        fake.is_settled(&Response::from_parts(parts, body.to_bytes()))
    }
}
