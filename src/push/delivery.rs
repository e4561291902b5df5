//! Takes work from a lane, calls the channel, repeats what may be repeated, and reports.

use super::Parts;
use super::command::{StockCommand, WaybillCommand};
use super::lane::{Job, Lane, Lanes, Work};
use super::receipt::{Kind, Outcome, PushResult, Reason, Receipts, push_id};
use crate::config::Push;
use crate::shutdown::Shutdown;
use connectors::contract::model::{StockLevel, Timestamp};
use connectors::contract::{Capability, Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

/// Calls under way for one shop; its limits are kept behind them.
const WORKERS: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Starts the workers of a lane.
pub(super) fn start(
    lane: &Arc<Lane>,
    lanes: &Arc<Lanes>,
    settings: &Push,
    receipts: &Receipts,
    parts: &Parts,
    shutdown: &Shutdown,
) {
    for _ in 0..WORKERS {
        let worker = Worker {
            lane: Arc::clone(lane),
            lanes: Arc::clone(lanes),
            receipts: receipts.clone(),
            parts: parts.clone(),
            shutdown: shutdown.clone(),
            tries: settings.tries.get(),
        };
        shutdown.spawn(async move { worker.run().await });
    }
}

struct Worker {
    lane: Arc<Lane>,
    lanes: Arc<Lanes>,
    receipts: Receipts,
    parts: Parts,
    shutdown: Shutdown,
    tries: u32,
}

impl Worker {
    async fn run(&self) {
        loop {
            let work = tokio::select! {
                biased;
                () = self.shutdown.stopped() => return,
                work = self.lanes.take(&self.lane) => work,
            };
            match work {
                Work::Waybill(job) => self.ship(*job).await,
                Work::Stock(jobs) => self.set(jobs).await,
            }
        }
    }

    async fn ship(&self, mut job: Job<WaybillCommand>) {
        let shop = &self.lane.shop;
        let waybill = job.command.waybill();
        let outcome = loop {
            let sink = shop.connector.waybills().filter(|_| shop.does(Capability::Waybills));
            let Some(sink) = sink else { break Err(not_enabled("waybills")) };
            job.tries += 1;
            let session = shop.session(self.parts.clock.now());
            match sink.ship(&session, &waybill).await {
                Err(error) if may_repeat(&error) && job.tries < self.tries => {
                    if !self.pause(job.tries, &error).await {
                        // Left in Kafka: its offset is not stored.
                        return self.lane.done([job.command.order_id.as_str()]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    // The last word is the channel's own list of shipments.
                    let known = sink.shipped(&session, &waybill.order_id).await.unwrap_or_default();
                    let there = known.iter().any(|shipped| shipped.number == waybill.number);
                    break if there { Ok(()) } else { Err(error) };
                }
                ended => break ended,
            }
        };
        let at = self.parts.clock.now();
        let (outcome, error) = judge(&outcome);
        let result = PushResult {
            push_id: push_id(&job.position),
            kind: Kind::Waybill,
            channel: job.command.channel.clone(),
            shop: job.command.shop.clone(),
            object_id: job.command.order_id.as_str().to_owned(),
            version: None,
            number: Some(job.command.number.clone()),
            outcome,
            error,
            tries: job.tries,
            at,
        };
        self.observe(Kind::Waybill, &job);
        self.receipts.result(result, job.position).await;
        self.lane.done([job.command.order_id.as_str()]);
    }

    async fn set(&self, mut jobs: Vec<Job<StockCommand>>) {
        loop {
            for job in &mut jobs {
                job.tries += 1;
            }
            let outcomes = self.call(&jobs).await;
            let mut again: Vec<Job<StockCommand>> = Vec::new();
            let mut last = None;
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                match outcome {
                    Err(error) if may_repeat(&error) && job.tries < self.tries => {
                        if self.lane.has_newer(&job.command.sku_id, job.command.version) {
                            self.report(job, Outcome::Superseded, None).await;
                        } else {
                            last = Some(error);
                            again.push(job);
                        }
                    }
                    ended => {
                        let (outcome, reason) = judge(&ended);
                        self.report(job, outcome, reason).await;
                    }
                }
            }
            let (Some(error), Some(tries)) = (last, again.first().map(|job| job.tries)) else {
                return;
            };
            if !self.pause(tries, &error).await {
                return self.lane.done(again.iter().map(|job| job.command.sku_id.as_str()));
            }
            jobs = again;
        }
    }

    /// One outcome for each job, whatever the connector answered.
    async fn call(&self, jobs: &[Job<StockCommand>]) -> Vec<Result<()>> {
        let shop = &self.lane.shop;
        let sink = shop.connector.stock().filter(|_| shop.does(Capability::Stock));
        let Some(sink) = sink else {
            return jobs.iter().map(|_| Err(not_enabled("stock"))).collect();
        };
        let levels: Vec<StockLevel> = jobs.iter().map(|job| job.command.level()).collect();
        let session = shop.session(self.parts.clock.now());
        match sink.set(&session, &levels).await {
            Ok(outcomes) if outcomes.len() == jobs.len() => outcomes,
            Ok(_) => {
                let error = Error::new(ErrorKind::Unavailable, "the channel answered in part");
                jobs.iter().map(|_| Err(error.clone())).collect()
            }
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn report(&self, job: Job<StockCommand>, outcome: Outcome, reason: Option<Reason>) {
        self.observe(Kind::Stock, &job);
        let result = stock_result(&job, outcome, reason, self.parts.clock.now());
        self.receipts.result(result, job.position).await;
        self.lane.done([job.command.sku_id.as_str()]);
    }

    fn observe<C>(&self, kind: Kind, job: &Job<C>) {
        let labels = [self.lane.shop.channel, kind.as_str()];
        let seconds = job.read_at.elapsed().as_secs_f64();
        self.parts.metrics.push_seconds.with_label_values(&labels).observe(seconds);
    }

    /// Waits before the next try. `false` when the gateway goes down meanwhile.
    async fn pause(&self, tries: u32, error: &Error) -> bool {
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(tries.min(10) - 1);
        let asked = match error.kind() {
            ErrorKind::Throttled { retry_after } => retry_after.unwrap_or_default(),
            ErrorKind::BadSignature
            | ErrorKind::Unsupported
            | ErrorKind::Malformed
            | ErrorKind::Rejected
            | ErrorKind::Unauthorized
            | ErrorKind::Unavailable => Duration::ZERO,
        };
        tokio::select! {
            () = self.shutdown.stopped() => false,
            () = tokio::time::sleep(doubled.max(asked).min(LONGEST_PAUSE)) => true,
        }
    }
}

/// The result of a stock command.
pub(super) fn stock_result(
    job: &Job<StockCommand>,
    outcome: Outcome,
    error: Option<Reason>,
    at: Timestamp,
) -> PushResult {
    PushResult {
        push_id: push_id(&job.position),
        kind: Kind::Stock,
        channel: job.command.channel.clone(),
        shop: job.command.shop.clone(),
        object_id: job.command.sku_id.clone(),
        version: Some(job.command.version),
        number: None,
        outcome,
        error,
        tries: job.tries,
        at,
    }
}

/// Levels are absolute and shipping is safe to repeat by contract, so whatever is not final may be tried again.
fn may_repeat(error: &Error) -> bool {
    error.kind().is_transient()
}

fn judge(outcome: &Result<()>) -> (Outcome, Option<Reason>) {
    match outcome {
        Ok(()) => (Outcome::Ok, None),
        Err(error) => {
            let word = match error.kind() {
                ErrorKind::Unavailable => Outcome::Unknown,
                ErrorKind::BadSignature
                | ErrorKind::Unsupported
                | ErrorKind::Malformed
                | ErrorKind::Rejected
                | ErrorKind::Unauthorized
                | ErrorKind::Throttled { .. } => Outcome::Refused,
            };
            (word, Some(Reason::from(error)))
        }
    }
}

fn not_enabled(what: &'static str) -> Error {
    Error::new(ErrorKind::Rejected, format!("`{what}` is not enabled for this shop"))
}
