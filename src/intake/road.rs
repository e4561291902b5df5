//! The road itself: events travel in batches, each batch claims, publishes and confirms together.
//!
//! The window follows the load. An event that finds nobody on the road leaves at once; while others are under way it
//! waits for company, for at most the configured time or until the batch is full.

use super::backlog::Backlog;
use super::flights::{Answer, Flights};
use super::record::Ready;
use super::{Refusal, Settled};
use crate::bus::{PublishError, Publisher, Record};
use crate::config::{self, StoreAway};
use crate::shutdown::Shutdown;
use crate::store::{Claim, Dedup};
use crate::telemetry::metrics::Metrics;
use connectors::contract::EventId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// Batches under way at once; with the batch limit this bounds what is in memory.
const BATCHES: usize = 64;
/// Pause before the store is asked again after it failed, so that a dead store does not cost every batch its timeout.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// Pause before an event is claimed again that another process holds, and how often.
const RECHECK: Duration = Duration::from_millis(50);
const RECHECKS: u32 = 40;
/// Confirms kept for a store that is away.
pub(super) const BACKLOG: usize = 200_000;
/// Confirms of a backlog that travel together.
const CONFIRMED_TOGETHER: usize = 512;

pub(super) struct Road {
    dedup: Arc<dyn Dedup>,
    publisher: Arc<dyn Publisher>,
    flights: Arc<Flights>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    token: u64,
    store_away: StoreAway,
    store_paused_until: Mutex<Option<Instant>>,
    backlog: Mutex<Backlog>,
    batch_max: usize,
    batch_wait: Duration,
    under_way: AtomicUsize,
}

impl Road {
    pub(super) fn new(
        settings: &config::Intake,
        dedup: Arc<dyn Dedup>,
        publisher: Arc<dyn Publisher>,
        flights: Arc<Flights>,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        Arc::new(Self {
            dedup,
            publisher,
            flights,
            metrics,
            shutdown,
            // One token for the process: claiming again after a lost answer finds its own claim.
            token: getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id())),
            store_away: settings.store_away,
            store_paused_until: Mutex::new(None),
            backlog: Mutex::new(Backlog::new(BACKLOG)),
            batch_max: settings.batch_max.get(),
            batch_wait: Duration::from_micros(settings.batch_wait_us),
            under_way: AtomicUsize::new(0),
        })
    }

    /// Starts collecting batches. Ends when every [`super::Intake`] is dropped and the last batch has settled.
    pub(super) fn open(
        self: Arc<Self>,
        jobs: mpsc::Receiver<Ready>,
        again: mpsc::WeakSender<Ready>,
    ) {
        let shutdown = self.shutdown.clone();
        let confirmer = Arc::clone(&self);
        shutdown.spawn(async move { confirmer.confirm_backlog().await });
        shutdown.spawn(async move { self.collect(jobs, again).await });
    }

    async fn collect(
        self: Arc<Self>,
        mut jobs: mpsc::Receiver<Ready>,
        again: mpsc::WeakSender<Ready>,
    ) {
        let slots = Arc::new(Semaphore::new(BATCHES));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let mut batch = Vec::with_capacity(self.batch_max);
            if jobs.recv_many(&mut batch, self.batch_max).await == 0 {
                return;
            }
            if self.under_way.load(Ordering::Acquire) > 0 {
                self.wait_for_company(&mut jobs, &mut batch).await;
            }
            self.metrics.intake_queue.set(i64::try_from(jobs.len()).unwrap_or(i64::MAX));
            self.under_way.fetch_add(1, Ordering::AcqRel);
            let (road, again) = (Arc::clone(&self), again.clone());
            self.shutdown.spawn(async move {
                let size = i64::try_from(batch.len()).unwrap_or(i64::MAX);
                road.metrics.intake_in_flight.add(size);
                road.travel(batch, again).await;
                road.metrics.intake_in_flight.sub(size);
                road.under_way.fetch_sub(1, Ordering::AcqRel);
                drop(slot);
            });
        }
    }

    async fn wait_for_company(&self, jobs: &mut mpsc::Receiver<Ready>, batch: &mut Vec<Ready>) {
        let leave = Instant::now() + self.batch_wait;
        while batch.len() < self.batch_max {
            let room = self.batch_max - batch.len();
            match tokio::time::timeout_at(leave, jobs.recv_many(batch, room)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn travel(self: &Arc<Self>, batch: Vec<Ready>, again: mpsc::WeakSender<Ready>) {
        let (mine, bypassed) = match self.claim(&batch).await {
            Ok(claims) => (self.sort(batch, claims, again), false),
            Err(()) if self.store_away == StoreAway::Open => {
                let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.metrics.bypassed.inc_by(count);
                (batch, true)
            }
            Err(()) => {
                self.flights.land(batch.iter().map(|ready| (ready.id, Err(Refusal::StoreAway))));
                return;
            }
        };
        if !mine.is_empty() {
            self.publish(mine, bypassed).await;
        }
    }

    async fn claim(&self, batch: &[Ready]) -> Result<Vec<Claim>, ()> {
        let pause = *self.store_paused_until.lock();
        if pause.is_some_and(|until| Instant::now() < until) {
            return Err(());
        }
        let ids: Vec<EventId> = batch.iter().map(|ready| ready.id).collect();
        match self.dedup.claim(&ids, self.token).await {
            Ok(claims) => {
                if pause.is_some() {
                    *self.store_paused_until.lock() = None;
                }
                Ok(claims)
            }
            Err(error) => {
                self.store_failed("claim", &error);
                Err(())
            }
        }
    }

    /// Answers duplicates, sends what others hold around again, and keeps what is to be published.
    fn sort(
        self: &Arc<Self>,
        batch: Vec<Ready>,
        claims: Vec<Claim>,
        again: mpsc::WeakSender<Ready>,
    ) -> Vec<Ready> {
        let mut mine = Vec::with_capacity(batch.len());
        let (mut known, mut held) = (Vec::new(), Vec::new());
        for (ready, claim) in batch.into_iter().zip(claims) {
            match claim {
                Claim::Mine => mine.push(ready),
                Claim::Published => known.push((ready.id, Ok(Settled::Duplicate))),
                Claim::InFlight => held.push(ready),
            }
        }
        self.flights.land(known);
        if !held.is_empty() {
            let road = Arc::clone(self);
            self.shutdown.spawn(async move { road.recheck(held, again).await });
        }
        mine
    }

    /// Another process holds the claim: wait until it has published, or until its claim ends and is ours.
    async fn recheck(&self, mut held: Vec<Ready>, again: mpsc::WeakSender<Ready>) {
        for _ in 0..RECHECKS {
            tokio::time::sleep(RECHECK).await;
            let Ok(claims) = self.claim(&held).await else { break };
            let mut still = Vec::new();
            for (ready, claim) in held.into_iter().zip(claims) {
                match claim {
                    Claim::Published => self.flights.land([(ready.id, Ok(Settled::Duplicate))]),
                    Claim::InFlight => still.push(ready),
                    Claim::Mine => {
                        let id = ready.id;
                        let sent = again.upgrade().map(|queue| queue.try_send(ready));
                        if !matches!(sent, Some(Ok(()))) {
                            self.flights.land([(id, Err(Refusal::QueueFull))]);
                        }
                    }
                }
            }
            held = still;
            if held.is_empty() {
                return;
            }
        }
        self.flights.land(held.iter().map(|ready| (ready.id, Err(Refusal::InFlight))));
    }

    async fn publish(&self, mine: Vec<Ready>, bypassed: bool) {
        let dedup = if bypassed { "bypassed" } else { "ok" };
        let mut ids = Vec::with_capacity(mine.len());
        let mut records: Vec<Record> = Vec::with_capacity(mine.len());
        for mut ready in mine {
            ready.record.headers.push(("dedup", dedup.into()));
            ids.push(ready.id);
            records.push(ready.record);
        }
        let started = Instant::now();
        let results = self.publisher.publish(&records).await;
        self.metrics.publish_seconds.observe(started.elapsed().as_secs_f64());
        let mut published = Vec::with_capacity(ids.len());
        let mut failed = Vec::new();
        let mut answers: Vec<(EventId, Answer)> = Vec::with_capacity(ids.len());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    published.push(id);
                    answers.push((id, Ok(Settled::Published)));
                }
                Err(error) => {
                    failed.push(id);
                    let refusal = match error {
                        PublishError::QueueFull => Refusal::QueueFull,
                        PublishError::TooLarge => Refusal::TooLarge,
                        PublishError::Failed | PublishError::Unplaced => Refusal::BusAway,
                    };
                    answers.push((id, Err(refusal)));
                }
            }
        }
        self.confirm(published, bypassed).await;
        if !failed.is_empty()
            && !bypassed
            && let Err(error) = self.dedup.release(&failed, self.token).await
        {
            self.store_failed("release", &error);
        }
        self.flights.land(answers);
    }

    /// States the facts; what the store does not take now is stated later.
    async fn confirm(&self, published: Vec<EventId>, bypassed: bool) {
        if published.is_empty() {
            return;
        }
        if !bypassed {
            match self.dedup.confirm(&published).await {
                Ok(()) => return,
                Err(error) => self.store_failed("confirm", &error),
            }
        }
        let mut backlog = self.backlog.lock();
        backlog.add(published);
        self.metrics.confirm_backlog.set(i64::try_from(backlog.len()).unwrap_or(i64::MAX));
    }

    /// Confirms late what could not be confirmed at once.
    async fn confirm_backlog(&self) {
        while !self.shutdown.is_stopped() {
            tokio::select! {
                () = self.shutdown.stopped() => {}
                () = tokio::time::sleep(STORE_PAUSE) => {}
            }
            loop {
                let oldest = self.backlog.lock().oldest(CONFIRMED_TOGETHER);
                if oldest.ids.is_empty() || self.dedup.confirm(&oldest.ids).await.is_err() {
                    break;
                }
                let mut backlog = self.backlog.lock();
                backlog.confirmed(&oldest);
                self.metrics.confirm_backlog.set(i64::try_from(backlog.len()).unwrap_or(i64::MAX));
            }
        }
    }

    fn store_failed(&self, operation: &'static str, error: &crate::store::Error) {
        self.metrics.store_errors.with_label_values(&[operation]).inc();
        let mut pause = self.store_paused_until.lock();
        if pause.is_none() {
            tracing::warn!(%error, operation, "the store is away");
        }
        *pause = Some(Instant::now() + STORE_PAUSE);
    }
}
