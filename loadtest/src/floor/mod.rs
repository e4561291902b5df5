//! The bare pipeline as a process: the yardstick that the gateway is compared with.
//!
//! It takes the gateway's own requests, one at a time: checks the signature, parses the body into plain structs, writes
//! the document, claims it in Redis, publishes it, confirms it, answers 200. It has no bounds, deadlines, metrics or
//! shops. Allocator, runtime and librdkafka settings are the gateway's, so the difference is the gateway's own work.

mod claims;
mod document;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use channel_gateway::output::complain;
use claims::{Claims, Found};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use sha2::Sha256;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// redis:// URL
    #[arg(long, env = "REDIS_URL")]
    redis: String,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: String,
    /// Secret that requests are signed with: whsec_ and base64
    #[arg(long, env = "BENCH_SECRET", hide_env_values = true)]
    secret: String,
    /// Topic of the documents; it must exist
    #[arg(long)]
    topic: String,
    /// Prefix of every key in Redis
    #[arg(long, default_value = "floor:")]
    prefix: String,
    /// Time that librdkafka waits for records to travel together; the gateway's default
    #[arg(long, default_value_t = 0)]
    linger_ms: u32,
}

struct Floor {
    mac: Hmac<Sha256>,
    claims: Claims,
    producer: ThreadedProducer<Reports>,
    topic: String,
}

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<bool>>;

    fn delivery(&self, report: &DeliveryResult<'_>, waiter: Self::DeliveryOpaque) {
        // A client that went away took its waiter with it.
        waiter.send(report.is_ok()).ok();
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let key = STANDARD.decode(args.secret.trim_start_matches("whsec_")).context("the secret")?;
    let mut tasks = JoinSet::new();
    let floor = Arc::new(Floor {
        mac: Hmac::new_from_slice(&key).context("the secret")?,
        claims: Claims::connect(&args.redis, args.prefix, &mut tasks).await?,
        producer: producer(&args.kafka, args.linger_ms)?,
        topic: args.topic,
    });
    let listener = TcpListener::bind(args.listen).await?;
    complain(format_args!("floor: started address={}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let floor = Arc::clone(&floor);
        tasks.spawn(async move {
            let service = service_fn(|request| answer(&floor, request));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A client that ends its connection is no news.
            served.await.ok();
        });
    }
}

/// librdkafka as the gateway sets it.
fn producer(bootstrap: &str, linger_ms: u32) -> anyhow::Result<ThreadedProducer<Reports>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", linger_ms.to_string())
        .set("batch.num.messages", "10000")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "200000")
        .set("partitioner", "murmur2_random");
    Ok(config.create_with_context(Reports)?)
}

async fn answer(
    floor: &Floor,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = floor.take(request).await.unwrap_or_else(|status| status);
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"accepted"}"#)));
    *response.status_mut() = status;
    Ok(response)
}

impl Floor {
    async fn take(&self, request: Request<Incoming>) -> Result<StatusCode, StatusCode> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
        self.verify(&parts.headers, &body).ok_or(StatusCode::UNAUTHORIZED)?;
        let (order, document) =
            document::rewrite(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
        match self.claims.claim(&order.id).await {
            Some(Found::Nothing) => {}
            Some(Found::Published) => return Ok(StatusCode::OK),
            Some(Found::Claimed) | None => return Err(StatusCode::SERVICE_UNAVAILABLE),
        }
        let (reported, report) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(reported))
            .key(&order.key)
            .payload(&document);
        self.producer.send(record).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        if report.await != Ok(true) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        self.claims.confirm(order.id).await;
        Ok(StatusCode::OK)
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let header = |name| headers.get(name).map(hyper::header::HeaderValue::as_bytes);
        let mut mac = self.mac.clone();
        for part in [header("webhook-id")?, b".", header("webhook-timestamp")?, b".", body] {
            mac.update(part);
        }
        let mut received = [0; 33];
        let text = header("webhook-signature")?.strip_prefix(b"v1,")?;
        let length = STANDARD.decode_slice(text, &mut received).ok()?;
        mac.verify_slice(received.get(..length)?).ok()
    }
}
