//! Reads told levels back, a few of each shop, and says where the channel has another.
//!
//! A level that is lower than what was told is usual: the channel sells. A higher one is not: somebody else writes
//! levels there, or a call was not what it seemed, and the channel sells what is not there.
//!
//! One task looks after all shops. It is a sample and no promise: what cannot be read is counted and not tried again.

mod samples;

use super::lane::Lane;
use super::queue::Level;
use crate::config::Push;
use crate::intake::Origin;
use crate::push::delivery::Delivery;
use crate::shops::Class;
use connectors::contract::model::{
    Extensions, ObservationSource, StockLevel, StockObservation, Timestamp,
};
use connectors::contract::{Capability, Event, Notice, StockReader, StockSink};
use parking_lot::Mutex;
use samples::{Pace, Told};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

pub(super) use samples::Samples;

const MINUTE: Duration = Duration::from_mins(1);
/// Shops that are asked at once.
const PARALLEL: usize = 16;
/// A call that waits longer for its limit is not worth it, and would keep others from being made.
const LONGEST_READ: Duration = Duration::from_secs(30);
/// Levels remembered for each call that a shop may have in a minute.
const ROOM: usize = 8;

/// Which shop is read when.
#[derive(Debug)]
pub(in crate::push) struct Drift {
    /// None: nothing is read back.
    pace: Option<Pace>,
    /// Lanes do not live for its sake.
    turns: Mutex<BTreeMap<(Instant, u64), Weak<Lane>>>,
    number: AtomicU64,
    sooner: Notify,
}

/// How a level compares with what was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Equal,
    Lower,
    Higher,
    /// The channel does not know the SKU.
    UnknownSku,
    /// Another level was told meanwhile, so that there is nothing to compare.
    Overtaken,
    /// The channel did not answer.
    Failed,
}

impl Found {
    fn of(told: u32, shown: Option<u32>) -> Self {
        match shown {
            None => Self::UnknownSku,
            Some(shown) if shown > told => Self::Higher,
            Some(shown) if shown < told => Self::Lower,
            Some(_) => Self::Equal,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::UnknownSku => "unknown_sku",
            Self::Overtaken => "overtaken",
            Self::Failed => "failed",
        }
    }
}

impl Drift {
    pub(in crate::push) fn new(settings: &Push) -> Self {
        let per_minute = settings.read_back_per_minute;
        let pace = (per_minute > 0).then(|| Pace {
            after: Duration::from_secs(settings.read_back_after_secs),
            gap: MINUTE / per_minute,
            room: ROOM.saturating_mul(usize::try_from(per_minute).unwrap_or(usize::MAX)),
        });
        Self { pace, turns: Mutex::default(), number: AtomicU64::new(0), sooner: Notify::new() }
    }

    /// Waits for the lane whose turn it is.
    async fn next(&self) -> Arc<Lane> {
        loop {
            let first = self.turns.lock().first_key_value().map(|((moment, _), _)| *moment);
            match first {
                None => self.sooner.notified().await,
                Some(moment) if Instant::now() < moment => tokio::select! {
                    () = tokio::time::sleep_until(moment) => {}
                    () = self.sooner.notified() => {}
                },
                Some(_) => {
                    let turn = self.turns.lock().pop_first();
                    if let Some(lane) = turn.and_then(|(_, lane)| lane.upgrade()) {
                        return lane;
                    }
                }
            }
        }
    }
}

/// Starts reading back, if anything is.
pub(in crate::push) fn start(delivery: &Arc<Delivery>) {
    if delivery.drift.pace.is_none() {
        return;
    }
    let delivery = Arc::clone(delivery);
    delivery.shutdown.clone().spawn(async move {
        let permits = Arc::new(Semaphore::new(PARALLEL));
        loop {
            let next = async {
                let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
                Some((permit, delivery.drift.next().await))
            };
            let turn = tokio::select! {
                turn = next => turn,
                () = delivery.shutdown.stopped() => return,
            };
            let Some((permit, lane)) = turn else { return };
            delivery.shutdown.spawn(async move {
                tokio::select! {
                    () = lane.read_back() => {}
                    () = lane.delivery.shutdown.stopped() => {}
                }
                drop(permit);
            });
        }
    });
}

impl Lane {
    /// The channel took a level: some time later it may be read.
    pub(super) fn note_told(self: &Arc<Self>, level: &Level) {
        let Some(pace) = self.delivery.drift.pace.filter(|_| self.reader().is_some()) else {
            return;
        };
        let told = Told {
            level: level.told.clone(),
            version: level.version,
            since: Instant::now(),
            at: self.delivery.parts.clock.now(),
        };
        self.samples.lock().note(told, pace.room);
        self.wait_for_turn(pace);
    }

    /// A level is about to be told: what is read from now on says nothing of the one before.
    pub(super) fn forget_told(&self, levels: &[Level]) {
        let mut samples = self.samples.lock();
        for level in levels {
            samples.forget(&level.told.sku_id);
        }
    }

    fn reader(&self) -> Option<&dyn StockReader> {
        let sink = self.shop.connector.stock().filter(|_| self.shop.does(Capability::Stock));
        sink.and_then(StockSink::reader)
    }

    fn wait_for_turn(self: &Arc<Self>, pace: Pace) {
        let drift = &self.delivery.drift;
        let Some(moment) = self.samples.lock().turn(pace) else { return };
        let number = drift.number.fetch_add(1, Ordering::Relaxed);
        drift.turns.lock().insert((moment, number), Arc::downgrade(self));
        drift.sooner.notify_one();
    }

    async fn read_back(self: &Arc<Self>) {
        let (Some(pace), Some(reader)) = (self.delivery.drift.pace, self.reader()) else { return };
        let (now, batch) = (Instant::now(), reader.max_batch());
        let told = self.samples.lock().take(now, pace, batch, &|level| self.group(level));
        if !told.is_empty() {
            self.ask(reader, told).await;
        }
        self.samples.lock().end_turn();
        self.wait_for_turn(pace);
    }

    async fn ask(&self, reader: &dyn StockReader, told: Vec<Told>) {
        let levels: Vec<StockLevel> = told.iter().map(|told| told.level.clone()).collect();
        let (now, caller) = (self.delivery.parts.clock.now(), self.shop.caller(Class::Rest));
        let session = caller.session(now);
        let asked = tokio::time::timeout(LONGEST_READ, reader.levels(&session, &levels)).await;
        let shown = asked.ok().and_then(Result::ok).filter(|shown| shown.len() == told.len());
        // Another process may have told another level, if the SKU has become its own.
        let versions: Vec<_> =
            told.iter().map(|told| (told.level.sku_id.as_str(), told.version)).collect();
        let are_old = self.versions.are_old(&self.shop, &versions).await;
        let mut notices = Vec::new();
        for (index, (told, is_old)) in told.iter().zip(are_old).enumerate() {
            let is_newest = self.let_go(told) && !is_old;
            let shown = shown.as_ref().and_then(|shown| shown.get(index).copied());
            let found = match shown {
                None => Found::Failed,
                Some(_) if !is_newest => Found::Overtaken,
                Some(units) => Found::of(told.level.available, units),
            };
            let labels = [self.shop.channel, found.as_str()];
            self.delivery.parts.metrics.stock_read_back.with_label_values(&labels).inc();
            if let (true, Some(Some(units))) = (is_newest, shown) {
                self.say(found, told, units);
                notices.push(Notice {
                    shop: self.shop.id.clone(),
                    event: Event::Stock(Box::new(observation(told, units, now))),
                });
            }
        }
        let intake = &self.delivery.parts.intake;
        if let Err(error) = intake.accept(&self.shop, Origin::Poll, notices).await {
            tracing::warn!(channel = self.shop.channel, shop = %self.shop.id, %error, "levels that were read back are not published");
        }
    }

    /// Whether this is still what the channel was told last; it is read only once.
    fn let_go(&self, told: &Told) -> bool {
        let mut samples = self.samples.lock();
        let is_newest = samples.has(told);
        if is_newest {
            samples.forget(&told.level.sku_id);
        }
        is_newest
    }

    fn say(&self, found: Found, Told { level, version, at, .. }: &Told, shown: u32) {
        if found == Found::Higher {
            let (channel, shop, sku) = (self.shop.channel, &self.shop.id, &level.sku_id);
            let told = level.available;
            tracing::warn!(channel, %shop, sku, told, shown, version, told_at = %at, "the channel has more than it was told");
        }
    }
}

/// What the ERP reads: the level, and what it was told to be.
fn observation(told: &Told, shown: u32, now: Timestamp) -> StockObservation {
    let Told { level, version, at, .. } = told;
    let extensions = [
        ("told", Value::from(level.available)),
        ("told_version", Value::from(*version)),
        ("told_at", Value::from(at.to_string())),
    ];
    StockObservation {
        channel: String::new(),
        shop: None,
        sku_id: level.sku_id.clone(),
        product_id: level.product_id.clone(),
        merchant_sku: None,
        source: ObservationSource::ReadBack,
        available: Some(i64::from(shown)),
        change: None,
        warehouse: None,
        observed_at: now,
        extensions: Extensions::from(extensions.map(|(name, value)| (name.to_owned(), value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_was_told_is_called_higher() {
        let found =
            [(7, Some(7)), (7, Some(6)), (7, Some(8)), (0, Some(1)), (0, Some(0)), (7, None)]
                .map(|(told, shown)| Found::of(told, shown).as_str());
        assert_eq!(found, ["equal", "lower", "higher", "higher", "equal", "unknown_sku"]);
    }
}
