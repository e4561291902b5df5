//! `POST /v1/{channel}/{shop}`: verify, decode, settle, answer in the channel's own words.

use super::Handler;
use super::limits::{Room, has_one_host};
use super::reply::{self, Reply};
use crate::clock::Clock;
use crate::config;
use crate::intake::{Failure, Intake, Origin};
use crate::shops::{Shop, Shops};
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use bytes::Bytes;
use connectors::contract::{
    Capability, Error, ErrorKind, Outcome, RawWebhook, Suspect, WebhookSource,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When a sender should come back after our own fault.
const COME_BACK: Duration = Duration::from_secs(1);
/// Metric label of requests that name no shop we know.
const NOBODY: &str = "unknown";

/// The public listener's handler.
#[derive(Debug)]
pub struct Webhooks {
    shops: Arc<Shops>,
    intake: Intake,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    room: Room,
    deadline: Duration,
}

impl Webhooks {
    /// A handler for these shops.
    pub fn new(
        settings: &config::Config,
        shops: Arc<Shops>,
        intake: Intake,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let listen = &settings.listen;
        let room = Room::new(
            listen.max_in_flight.get(),
            listen.body_budget_bytes,
            listen.body_limit_bytes,
            Duration::from_millis(listen.body_timeout_ms),
            metrics.http_in_flight.clone(),
        );
        let deadline = Duration::from_millis(settings.intake.deadline_ms);
        Self { shops, intake, clock, metrics, room, deadline }
    }

    fn refuse(&self, channel: &str, reason: &str) {
        self.metrics.refused.with_label_values(&[channel, reason]).inc();
    }

    fn find(&self, path: &str) -> Option<&Arc<Shop>> {
        let (channel, shop) = path.strip_prefix("/v1/")?.split_once('/')?;
        self.shops.find(channel, shop).filter(|shop| shop.does(Capability::Webhooks))
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let Some(shop) = self.find(parts.uri.path()) else {
            self.refuse(NOBODY, "unknown_shop");
            return reply::closing(reply::error(
                StatusCode::NOT_FOUND,
                "not_found",
                "no such shop here; webhooks go to /v1/{channel}/{shop}",
            ));
        };
        let Some(source) = shop.connector.webhooks() else {
            return reply::error(StatusCode::NOT_FOUND, "not_found", "this channel does not call");
        };
        if parts.method != Method::POST {
            self.refuse(shop.channel, "method");
            return reply::closing(reply::only_post());
        }
        if !has_one_host(parts.version, &parts.headers) {
            self.refuse(shop.channel, "host");
            let message = "a request names one host";
            return reply::closing(reply::error(StatusCode::BAD_REQUEST, "bad_host", message));
        }
        let place = match self.room.enter() {
            Ok(place) => place,
            Err(full) => {
                self.refuse(shop.channel, "in_flight_limit");
                return full;
            }
        };
        let body = match self.room.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(refused) => {
                self.refuse(shop.channel, "body");
                return refused;
            }
        };
        let raw = RawWebhook {
            shop: shop.id.clone(),
            method: parts.method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: body.bytes.clone(),
        };
        let started = Instant::now();
        let outcome =
            match tokio::time::timeout(self.deadline, self.settle(shop, source, &raw)).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.refuse(shop.channel, "deadline");
                    Outcome::Retry(COME_BACK)
                }
            };
        shop.counters.delivery_seconds.observe(started.elapsed().as_secs_f64());
        drop(place);
        Self::speak(source, &raw, &outcome)
    }

    async fn settle(&self, shop: &Shop, source: &dyn WebhookSource, raw: &RawWebhook) -> Outcome {
        let verified = match source.verify(&shop.keys, self.clock.now(), raw) {
            Ok(verified) => verified,
            Err(error) => {
                self.refuse(shop.channel, error.kind().label());
                return Outcome::Refused(error);
            }
        };
        if verified.key_index() > 0 {
            self.metrics.old_keys.with_label_values(&[shop.channel]).inc();
        }
        let notices = match source.decode(&verified) {
            Ok(notices) => notices,
            Err(error) => return self.keep(shop, raw, error).await,
        };
        match self.intake.accept(shop, Origin::Webhook, notices).await {
            Ok(_) => Outcome::Done,
            Err(Failure::Wrong(error)) if !error.kind().is_transient() => {
                self.keep(shop, raw, error).await
            }
            Err(failure) => self.later(shop, &failure),
        }
    }

    /// Quarantines what verified and cannot be an event; only then the sender may hear that it is wrong.
    async fn keep(&self, shop: &Shop, raw: &RawWebhook, error: Error) -> Outcome {
        self.refuse(shop.channel, error.kind().label());
        match error.kind() {
            ErrorKind::Malformed | ErrorKind::Rejected | ErrorKind::Conflict => {}
            ErrorKind::Unauthorized | ErrorKind::Throttled { .. } | ErrorKind::Unavailable => {
                return Outcome::Retry(COME_BACK);
            }
            ErrorKind::BadSignature | ErrorKind::Unsupported => return Outcome::Refused(error),
        }
        let object_id = None;
        let suspect = Suspect { error: error.clone(), object_id, raw: Bytes::clone(&raw.body) };
        match self.intake.quarantine(shop, Origin::Webhook, &suspect).await {
            Ok(_) => Outcome::Refused(error),
            Err(failure) => self.later(shop, &failure),
        }
    }

    fn later(&self, shop: &Shop, failure: &Failure) -> Outcome {
        let reason = match failure {
            Failure::Refused(refusal) => refusal.label(),
            Failure::Wrong(error) => error.kind().label(),
        };
        self.refuse(shop.channel, reason);
        tracing::debug!(channel = shop.channel, shop = %shop.id, %failure, "a delivery must come again");
        Outcome::Retry(COME_BACK)
    }

    fn speak(source: &dyn WebhookSource, raw: &RawWebhook, outcome: &Outcome) -> Reply {
        let said = source.reply(raw, outcome);
        let mut answer = reply::with_body(said.status, said.content_type, said.body);
        if let Outcome::Retry(after) = outcome {
            reply::set_retry_after(&mut answer, *after);
        }
        answer
    }
}

#[async_trait]
impl Handler for Webhooks {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.answer(request).await
    }
}
