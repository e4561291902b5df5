//! The bare pipeline: the least that the job costs with these libraries and these promises.
//!
//! hyper, the signature of the partner contract, one typed parse, one serialise, a claim in Redis, Kafka's own delivery
//! report, a confirm, 200. It answers truthfully: 200 only for what Kafka acknowledged. What a service needs besides
//! (limits, deadlines, metrics, several shops and channels, quarantine, a road out of every failure) is left out on
//! purpose, because that is what the comparison is about.
//!
//! It has no privileges and no handicap: runtime, allocator and producer settings are those of the gateway. Only `linger.ms`
//! differs: the gateway collects batches itself, the floor lets librdkafka do it, with the value that costs
//! it least at 64 connections and more; at 16 it flatters the gateway.

mod claims;
mod order;
mod publisher;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use claims::{Claim, Claims};
use hmac::{Hmac, KeyInit, Mac};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use order::Delivery;
use publisher::Publisher;
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const ACCEPTED: &[u8] = br#"{"status":"accepted"}"#;

/// Runs the bare pipeline that the gateway is compared with.
///
/// Takes signed orders of a partner by POST on any path, until SIGTERM.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Redis 7 or newer
    #[arg(long, env = "REDIS_URL")]
    redis: String,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: String,
    /// Topic of the orders; it must exist
    #[arg(long)]
    topic: String,
    /// Prefix of every key in Redis
    #[arg(long, default_value = "floor:")]
    prefix: String,
    /// What the partner signs with: `whsec_` and base64
    #[arg(long, env = "BENCH_SECRET", hide_env_values = true)]
    secret: String,
    /// Time that librdkafka waits for records to travel together
    #[arg(long, default_value_t = 2)]
    linger_ms: u64,
}

struct Floor {
    key: Hmac<Sha256>,
    claims: Claims,
    publisher: Publisher,
    prefix: String,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let secret = args.secret.trim_start_matches("whsec_");
    let secret = STANDARD.decode(secret).context("the secret is not base64")?;
    let floor = Arc::new(Floor {
        key: Hmac::new_from_slice(&secret)?,
        claims: Claims::connect(&args.redis).await?,
        publisher: Publisher::new(&args.kafka, &args.topic, args.linger_ms)?,
        prefix: args.prefix,
    });
    let listener = TcpListener::bind(args.listen).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = serve(&listener, &floor) => served,
        _ = terminate.recv() => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing waits for the floor's connections at its end"
)]
async fn serve(listener: &TcpListener, floor: &Arc<Floor>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let floor = Arc::clone(floor);
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(Arc::clone(&floor), request));
            // A connection that breaks is the client's affair.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn handle(
    floor: Arc<Floor>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let status = floor.settle(&parts.headers, &body).await;
    let text = if status == StatusCode::OK { ACCEPTED } else { b"{}" };
    let mut response = Response::new(Full::new(Bytes::from_static(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

impl Floor {
    async fn settle(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        if !self.is_signed(headers, body) {
            return StatusCode::UNAUTHORIZED;
        }
        let Ok(delivery) = serde_json::from_slice::<Delivery>(body) else {
            return StatusCode::BAD_REQUEST;
        };
        let order = delivery.data.of("partner", "bench");
        let Ok(payload) = serde_json::to_vec(&order) else { return StatusCode::BAD_REQUEST };
        let key = [&self.prefix, &order.order_id, ":", &order.times.modified].concat();
        match self.claims.claim(&key).await {
            Claim::Mine => {}
            Claim::Published => return StatusCode::OK,
            Claim::InFlight | Claim::Unknown => return StatusCode::SERVICE_UNAVAILABLE,
        }
        if !self.publisher.publish(&order.order_id, &payload).await {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        self.claims.confirm(key).await;
        StatusCode::OK
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header = |name| headers.get(name).map(HeaderValue::as_bytes);
        let (Some(id), Some(timestamp), Some(signature)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return false;
        };
        let Some(signature) = signature.strip_prefix(b"v1,") else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let mut mac = self.key.clone();
        for part in [id, b".", timestamp, b".", body] {
            mac.update(part);
        }
        mac.verify_slice(&signature).is_ok()
    }
}
