//! Puts a fake channel on a socket: for the demo, for tests, and for people who have no sandbox of the channel.

mod socket;

use crate::clock::{Clock, SystemClock};
use crate::ingress::{Handler, Limits, Listener};
use crate::shutdown::Shutdown;
use async_trait::async_trait;
use bytes::Bytes;
use connectors::testkit::Fake;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use prometheus::IntGauge;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const BODY_LIMIT_BYTES: usize = 4 << 20;

#[derive(Debug)]
struct Simulated {
    fake: Arc<dyn Fake>,
    shutdown: Shutdown,
}

/// Serves a fake until shutdown, and tells where.
pub async fn serve(
    fake: Arc<dyn Fake>,
    address: SocketAddr,
    shutdown: &Shutdown,
) -> io::Result<SocketAddr> {
    let listener = Listener::bind(address).await?;
    let address = listener.address();
    let limits = Limits { drain_timeout: Duration::from_secs(1), ..Limits::of_admin() };
    let open =
        IntGauge::new("simulator_connections", "open connections").map_err(io::Error::other)?;
    let stop = shutdown.clone();
    let handler = Arc::new(Simulated { fake, shutdown: shutdown.clone() });
    shutdown.spawn(async move {
        listener.serve(limits, None, handler, open, &stop).await;
    });
    Ok(address)
}

#[async_trait]
impl Handler for Simulated {
    async fn handle(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Some(answer) = socket::open(&self.fake, &mut request, &self.shutdown) {
            return answer;
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT_BYTES).collect().await else {
            let mut refused = Response::new(Full::default());
            *refused.status_mut() = StatusCode::BAD_REQUEST;
            return refused;
        };
        let request = Request::from_parts(parts, body.to_bytes());
        self.fake.handle(&request, SystemClock.now()).map(Full::new)
    }
}
