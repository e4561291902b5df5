//! The one path every order takes, pushed or polled: claim, publish, own delivery report, confirm, answer.
//!
//! Promises: an accepted event is in Kafka, acknowledged by all in-sync replicas. Two equal events at once become one
//! record, and both are answered after its acknowledgement. Nothing is answered as success because somebody else is
//! *about to* publish it.
//!
//! Failure: Kafka away or slow refuses and the claim is given up or expires; the store away publishes with
//! `dedup=bypassed` or refuses, by config; a full queue refuses at once. A refused event may nevertheless reach the log
//! later: then its confirm happens late and a redelivery is a duplicate.

mod backlog;
mod flights;
mod hydrate;
mod quarantine;
mod record;
mod road;
#[cfg(test)]
mod road_tests;

pub use hydrate::hydrate;
pub use quarantine::Quarantined;

use crate::bus::Publisher;
use crate::clock::Clock;
use crate::config::{self, Topics};
use crate::holds::Holds;
use crate::seal::Sealer;
use crate::shops::Shop;
use crate::shutdown::Shutdown;
use crate::store::Dedup;
use crate::telemetry::metrics::Metrics;
use connectors::contract::model::Timestamp;
use connectors::contract::{Capability, Error, ErrorKind, Event, Notice, Suspect};
use flights::{Answer, Boarding, Flights};
use record::{Kind, Ready, Recorder};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How an event came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The channel called us.
    Webhook,
    /// The channel said so over a connection that we hold open.
    Stream,
    /// We asked the channel.
    Poll,
}

impl Origin {
    /// The word in headers and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Stream => "stream",
            Self::Poll => "poll",
        }
    }
}

/// What became of an event that is in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Published now.
    Published,
    /// Was there already.
    Duplicate,
}

/// Why an event is not (known to be) in Kafka. All of these are ours: the sender should send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too much at once.
    #[error("the intake queue is full")]
    QueueFull,
    /// Kafka did not acknowledge.
    #[error("kafka did not acknowledge")]
    BusAway,
    /// The store is away and the config says to refuse.
    #[error("the store is away")]
    StoreAway,
    /// Another process is publishing it.
    #[error("another process is publishing the same event")]
    InFlight,
    /// The record is larger than its topic takes. The one refusal that sending again does not mend.
    #[error("the event is larger than its topic takes")]
    TooLarge,
    /// The gateway is going down.
    #[error("shutting down")]
    Closed,
}

impl Refusal {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::BusAway => "bus_away",
            Self::StoreAway => "store_away",
            Self::InFlight => "in_flight",
            Self::TooLarge => "too_large",
            Self::Closed => "closed",
        }
    }
}

/// Why a delivery was not accepted whole.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Ours.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sender's, or the channel's when a thin notice was hydrated.
    #[error(transparent)]
    Wrong(#[from] Error),
}

/// What became of a delivery, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events published now.
    pub published: usize,
    /// Events that were there already.
    pub duplicates: usize,
    /// Records that went to quarantine.
    pub quarantined: usize,
}

/// The entrance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    queue: mpsc::Sender<Ready>,
    flights: Arc<Flights>,
    recorder: Arc<Recorder>,
    holds: Arc<Holds>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// What the intake works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Claims and facts.
    pub dedup: Arc<dyn Dedup>,
    /// The log.
    pub publisher: Arc<dyn Publisher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Seals the quarantine.
    pub sealer: Sealer,
    /// Notes which orders must not ship now.
    pub holds: Arc<Holds>,
}

impl Intake {
    /// Opens the road.
    pub fn open(
        settings: &config::Intake,
        topics: &Topics,
        parts: Parts,
        shutdown: &Shutdown,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(settings.queue.get());
        let flights = Arc::new(Flights::new(settings.remember_local));
        let recorder = Arc::new(Recorder::new(topics, parts.sealer));
        let (clock, metrics, holds) = (parts.clock, parts.metrics, parts.holds);
        let road = road::Road::new(
            settings,
            parts.dedup,
            parts.publisher,
            Arc::clone(&flights),
            Arc::clone(&metrics),
            shutdown.clone(),
        );
        road.open(jobs, queue.downgrade());
        Self { queue, flights, recorder, holds, clock, metrics }
    }

    /// Takes everything a delivery or a page says; ends when all of it is in Kafka, or with the first reason why not.
    pub async fn accept(
        &self,
        shop: &Shop,
        origin: Origin,
        notices: Vec<Notice>,
    ) -> Result<Tally, Failure> {
        let now = self.clock.now();
        let mut records = Vec::with_capacity(notices.len());
        for notice in notices {
            if notice.shop != shop.id {
                let text = "the body speaks for another shop than the one whose key signed it";
                return Err(Error::malformed(text).into());
            }
            let notice = hydrate(shop, notice, now).await?;
            if matches!(notice.event, Event::AuthorizationEnded) {
                tracing::error!(channel = shop.channel, shop = %shop.id, "the seller withdrew the authorization; the shop is paused");
                shop.api.authorization_ended();
                continue;
            }
            if shop.does(Capability::Waybills) {
                self.holds.see(shop.channel, shop.id.as_str(), &notice.event);
            }
            self.recorder.records(shop, notice.event, origin, now, &mut records)?;
        }
        let mut waiting = Vec::with_capacity(records.len());
        for ready in records {
            waiting.push(self.submit(ready)?);
        }
        self.settle(shop, origin, waiting).await
    }

    /// Keeps a delivery that verified and cannot be read.
    pub async fn quarantine(
        &self,
        shop: &Shop,
        origin: Origin,
        suspect: &Suspect,
    ) -> Result<Tally, Failure> {
        let ready = self.recorder.suspect(shop, suspect, origin, self.clock.now())?;
        let waiting = vec![self.submit(ready)?];
        self.settle(shop, origin, waiting).await
    }

    fn submit(&self, ready: Ready) -> Result<Waiting, Refusal> {
        let (id, kind, modified) = (ready.id, ready.kind, ready.modified);
        let answer = match self.flights.board(id) {
            Boarding::Known => None,
            Boarding::Joined(answer) => Some(answer),
            Boarding::First(answer) => {
                if let Err(refused) = self.queue.try_send(ready) {
                    let refusal = match refused {
                        mpsc::error::TrySendError::Full(_) => Refusal::QueueFull,
                        mpsc::error::TrySendError::Closed(_) => Refusal::Closed,
                    };
                    self.flights.land([(id, Err(refusal))]);
                    return Err(refusal);
                }
                Some(answer)
            }
        };
        Ok(Waiting { kind, modified, answer })
    }

    async fn settle(
        &self,
        shop: &Shop,
        origin: Origin,
        waiting: Vec<Waiting>,
    ) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        for Waiting { kind, modified, answer } in waiting {
            let settled = match answer {
                None => Settled::Duplicate,
                Some(answer) => match answer.await.unwrap_or(Err(Refusal::Closed)) {
                    Ok(settled) => settled,
                    Err(Refusal::TooLarge) => {
                        return Err(
                            Error::malformed("the event is larger than its topic takes").into()
                        );
                    }
                    Err(refusal) => return Err(refusal.into()),
                },
            };
            match (kind, settled) {
                (Kind::Quarantine, _) => tally.quarantined += 1,
                (_, Settled::Published) => tally.published += 1,
                (_, Settled::Duplicate) => tally.duplicates += 1,
            }
            self.count(shop, origin, kind, settled, modified);
        }
        Ok(tally)
    }

    fn count(
        &self,
        shop: &Shop,
        origin: Origin,
        kind: Kind,
        settled: Settled,
        modified: Option<Timestamp>,
    ) {
        let channel = shop.channel;
        match (settled, origin, kind) {
            (Settled::Duplicate, Origin::Webhook, _) => shop.counters.duplicates.inc(),
            (Settled::Duplicate, Origin::Stream | Origin::Poll, _) => {
                self.metrics.duplicates.with_label_values(&[channel, origin.as_str()]).inc();
            }
            (Settled::Published, Origin::Webhook, Kind::Order) => shop.counters.orders.inc(),
            (Settled::Published, _, _) => {
                let labels = [channel, kind.as_str(), origin.as_str()];
                self.metrics.accepted.with_label_values(&labels).inc();
            }
        }
        if kind == Kind::Quarantine && settled == Settled::Published {
            self.metrics.quarantined.with_label_values(&[channel]).inc();
        }
        if let (Some(modified), Settled::Published) = (modified, settled) {
            let age = self.clock.now().since(modified).as_secs_f64();
            match origin {
                Origin::Webhook => shop.counters.event_age.observe(age),
                Origin::Stream | Origin::Poll => {
                    let labels = [channel, origin.as_str()];
                    self.metrics.event_age_seconds.with_label_values(&labels).observe(age);
                }
            }
        }
    }
}

/// An event on the road, seen by the one who waits for it.
struct Waiting {
    kind: Kind,
    modified: Option<Timestamp>,
    answer: Option<oneshot::Receiver<Answer>>,
}

impl Failure {
    /// Whether the sender should send again: everything that is ours, and what a channel could not answer just now.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Wrong(error) => {
                error.kind().is_transient() || error.kind() == ErrorKind::Unauthorized
            }
        }
    }
}
