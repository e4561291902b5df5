//! Messages under way on one connection: what waits, what is being settled, and when a message is done.
//!
//! Messages about the same order that arrive before its reading begins share one reading: it begins after all of them,
//! so it shows what they announce.

use super::Parts;
use super::line::Line;
use crate::intake::{Failure, Origin, Tally};
use crate::shops::Shop;
use crate::telemetry::metrics::Metrics;
use bytes::Bytes;
use connectors::contract::model::Timestamp;
use connectors::contract::{Error, ErrorKind, Event, Notice, StreamMessage, Suspect};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use prometheus::{Histogram, IntCounterVec, IntGauge};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the channel is to hear of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is settled.
    Confirm(String),
    /// It must come again, for this reason.
    Again(String, &'static str),
}

/// What an operator sees of a line.
#[derive(Debug)]
pub(super) struct Gauges {
    channel: &'static str,
    pub(super) connected: IntGauge,
    in_flight: IntGauge,
    messages: IntCounterVec,
    lag: Histogram,
}

impl Gauges {
    pub(super) fn of(metrics: &Metrics, channel: &'static str, app_key: &str, group: &str) -> Self {
        let labels = [channel, app_key, group];
        Self {
            channel,
            connected: metrics.stream_connected.with_label_values(&labels),
            in_flight: metrics.stream_in_flight.with_label_values(&labels),
            messages: metrics.stream_messages.clone(),
            lag: metrics.stream_lag_seconds.with_label_values(&[channel]),
        }
    }

    pub(super) fn count(&self, outcome: &str) {
        self.messages.with_label_values(&[self.channel, outcome]).inc();
    }
}

/// What is read or published by itself. Thin notices of one record have one key; everything else has its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Order(String, String),
    Refund(String, String),
    Fact(u64),
}

/// A piece of work, and the messages that wait for it.
struct Job {
    shop: Arc<Shop>,
    event: Event,
    raw: Bytes,
    messages: Vec<u64>,
}

/// A message that is not done.
struct Message {
    id: String,
    sent_at: Option<Timestamp>,
    left: usize,
    failed: Option<&'static str>,
    quarantined: bool,
}

/// How a piece of work ended.
struct Done {
    shop: String,
    messages: Vec<u64>,
    settled: Result<Tally, &'static str>,
}

/// Everything under way on one connection.
pub(super) struct Work<'l> {
    line: &'l Line,
    messages: HashMap<u64, Message>,
    jobs: HashMap<Key, Job>,
    waiting: VecDeque<Key>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Pieces of work that run for each shop: one whose channel lets it wait does not take every place.
    running_of: HashMap<String, usize>,
    serial: u64,
    is_stopping: bool,
}

impl<'l> Work<'l> {
    pub(super) fn new(line: &'l Line) -> Self {
        Self {
            line,
            messages: HashMap::new(),
            jobs: HashMap::new(),
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            running_of: HashMap::new(),
            serial: 0,
            is_stopping: false,
        }
    }

    /// Whether another message may come.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < self.line.settings.in_flight.get()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// What waits is left to come again.
    pub(super) fn begin_nothing_more(&mut self) {
        self.is_stopping = true;
    }

    /// Puts a message to work. The answer is there at once where it says nothing.
    pub(super) fn begin(&mut self, shop: &Arc<Shop>, message: StreamMessage) -> Option<Answer> {
        let StreamMessage { id, sent_at, events, raw, .. } = message;
        if events.is_empty() {
            self.line.gauges.count("ignored");
            return Some(Answer::Confirm(id));
        }
        self.serial += 1;
        let serial = self.serial;
        let left = events.len();
        let message = Message { id, sent_at, left, failed: None, quarantined: false };
        self.messages.insert(serial, message);
        for (at, event) in (0..).zip(events) {
            let key = key_of(shop, &event, serial.wrapping_mul(64).wrapping_add(at));
            if let Some(job) = self.jobs.get_mut(&key) {
                job.messages.push(serial);
                continue;
            }
            let (shop, raw) = (Arc::clone(shop), raw.clone());
            self.jobs.insert(key.clone(), Job { shop, event, raw, messages: vec![serial] });
            self.waiting.push_back(key);
        }
        self.show();
        self.start_more();
        None
    }

    /// Waits for a piece of work to end; the messages that are done with it are to be answered.
    pub(super) async fn next(&mut self) -> Vec<Answer> {
        let Some(done) = self.running.next().await else { return Vec::new() };
        if let Some(running) = self.running_of.get_mut(&done.shop) {
            *running = running.saturating_sub(1);
        }
        let answers: Vec<Answer> =
            done.messages.iter().filter_map(|serial| self.settle(*serial, done.settled)).collect();
        self.show();
        self.start_more();
        answers
    }

    /// Notes how a part of a message ended. The answer is there with its last part.
    fn settle(&mut self, serial: u64, settled: Result<Tally, &'static str>) -> Option<Answer> {
        let message = self.messages.get_mut(&serial)?;
        message.left = message.left.saturating_sub(1);
        match settled {
            Ok(tally) => message.quarantined |= tally.quarantined > 0,
            Err(reason) => message.failed = Some(reason),
        }
        if message.left > 0 {
            return None;
        }
        let message = self.messages.remove(&serial)?;
        let gauges = &self.line.gauges;
        if let Some(reason) = message.failed {
            gauges.count("again");
            return Some(Answer::Again(message.id, reason));
        }
        gauges.count(if message.quarantined { "quarantined" } else { "accepted" });
        if let Some(sent_at) = message.sent_at {
            gauges.lag.observe(self.line.parts.clock.now().since(sent_at).as_secs_f64());
        }
        Some(Answer::Confirm(message.id))
    }

    fn start_more(&mut self) {
        let parallel = self.line.settings.parallel.get();
        let share = if self.line.is_shared { (parallel / 2).max(1) } else { parallel };
        while !self.is_stopping && self.running.len() < parallel {
            let jobs = &self.jobs;
            let may_run = |key: &Key| {
                let shop = jobs.get(key).map_or("", |job| job.shop.id.as_str());
                self.running_of.get(shop).is_none_or(|running| *running < share)
            };
            let Some(at) = self.waiting.iter().position(may_run) else { return };
            let Some(job) = self.waiting.remove(at).and_then(|key| self.jobs.remove(&key)) else {
                return;
            };
            *self.running_of.entry(job.shop.id.to_string()).or_default() += 1;
            let deadline = Duration::from_millis(self.line.settings.deadline_ms);
            self.running.push(Box::pin(run(self.line.parts.clone(), job, deadline)));
        }
    }

    fn show(&self) {
        self.line.gauges.in_flight.set(i64::try_from(self.messages.len()).unwrap_or(i64::MAX));
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.line.gauges.in_flight.set(0);
    }
}

fn key_of(shop: &Shop, event: &Event, own: u64) -> Key {
    match event {
        Event::OrderChanged { id, .. } => Key::Order(shop.id.to_string(), id.to_string()),
        Event::RefundChanged { id, .. } => Key::Refund(shop.id.to_string(), id.to_string()),
        Event::Order(_)
        | Event::Refund(_)
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => Key::Fact(own),
    }
}

/// Settles one piece of work within the deadline. Dropping it anywhere loses nothing: the message comes again.
async fn run(parts: Parts, job: Job, deadline: Duration) -> Done {
    let Job { shop, event, raw, messages } = job;
    let settling = persist(&parts, &shop, &event, &raw);
    let settled = match tokio::time::timeout(deadline, settling).await {
        Ok(settled) => settled,
        Err(_) => Err("not settled in time"),
    };
    if let Err(reason) = settled {
        tracing::debug!(channel = shop.channel, shop = %shop.id, reason, "a message must come again");
    }
    Done { shop: shop.id.to_string(), messages, settled }
}

/// Tries again while what is in the way may pass: an intake that is full, a channel or a Kafka that is away.
async fn persist(
    parts: &Parts,
    shop: &Shop,
    event: &Event,
    raw: &Bytes,
) -> Result<Tally, &'static str> {
    let mut pause = FIRST_PAUSE;
    loop {
        let failure = match once(parts, shop, event.clone(), raw).await {
            Ok(tally) => return Ok(tally),
            Err(failure) => failure,
        };
        match &failure {
            Failure::Refused(_) => {}
            Failure::Wrong(error) if error.kind().is_transient() => {}
            Failure::Wrong(_) => return Err("the channel does not let us read the record"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One try. What cannot be an event is kept, with the message that announced it.
async fn once(parts: &Parts, shop: &Shop, event: Event, raw: &Bytes) -> Result<Tally, Failure> {
    let object_id = match &event {
        Event::OrderChanged { id, .. } => Some(id.to_string()),
        Event::RefundChanged { id, .. } => Some(id.to_string()),
        Event::Order(_)
        | Event::Refund(_)
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => None,
    };
    let notice = Notice { shop: shop.id.clone(), event };
    let error: Error = match parts.intake.accept(shop, Origin::Stream, vec![notice]).await {
        Ok(tally) => return Ok(tally),
        Err(Failure::Wrong(error))
            if !error.kind().is_transient() && error.kind() != ErrorKind::Unauthorized =>
        {
            error
        }
        Err(failure) => return Err(failure),
    };
    let suspect = Suspect { error, object_id, raw: raw.clone() };
    parts.intake.quarantine(shop, Origin::Stream, &suspect).await
}
