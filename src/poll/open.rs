//! The loop over the orders that may still change, for channels whose windows are of the time an order was placed.
//!
//! One reading goes over every part of the list, last page first, and then reads each order of the book that was on none
//! of them. When all of it is acknowledged, everything that orders changed before the reading began is in Kafka: an open
//! order is on the list or in the book, and an order leaves the book only when it was read as ended.

use super::Parts;
use super::book::{Book, FEED};
use super::feed;
use super::poller::STORE_PAUSE;
use super::seen::Seen;
use super::window::{Incomplete, Reader, add};
use crate::config;
use crate::intake::{Failure, Origin, Tally, hydrate};
use crate::shops::Shop;
use connectors::contract::model::{OrderId, OrderStatus, Timestamp};
use connectors::contract::{Event, Notice, Suspect};
use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(super) struct OpenPoller {
    settings: Arc<config::Poll>,
    shop: Arc<Shop>,
    parts: Arc<Parts>,
    turns: Arc<Semaphore>,
    book: Arc<Book>,
    seen: Seen,
}

impl OpenPoller {
    pub(super) fn new(
        settings: Arc<config::Poll>,
        shop: Arc<Shop>,
        parts: Arc<Parts>,
        turns: Arc<Semaphore>,
        book: Arc<Book>,
    ) -> Self {
        Self { settings, shop, parts, turns, book, seen: Seen::default() }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let interval = Duration::from_millis(self.settings.interval_ms);
        Box::pin(self.begin()).await;
        let mut failures = 0_u32;
        loop {
            let mine = self.turns.acquire().await;
            // On the heap while it lasts: most of the time a loop only waits, and there may be thousands.
            let pause = match Box::pin(self.turn()).await {
                Ok(()) => {
                    failures = 0;
                    interval
                }
                Err(incomplete) => {
                    failures = failures.saturating_add(1);
                    let (channel, shop) = (self.shop.channel, &self.shop.id);
                    tracing::warn!(channel, %shop, feed = FEED, failures, error = %incomplete, "list not complete");
                    incomplete.pause(failures)
                }
            };
            drop(mine);
            self.show();
            tokio::time::sleep(pause).await;
        }
    }

    /// Goes on where the stored watermark is: nothing older is claimed, nothing newer either.
    async fn begin(&self) {
        loop {
            // By turns: ten thousand shops that ask at once would have the store miss its time.
            let mine = self.turns.acquire().await;
            let loaded = self.book.watermark.load().await;
            drop(mine);
            match loaded {
                Ok(Some(at)) => return self.book.set_complete(at),
                Ok(None) => return,
                Err(error) => {
                    let shop = &self.shop.id;
                    tracing::warn!(%shop, feed = FEED, %error, "waiting for the store to read the watermark");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// One reading of everything.
    async fn turn(&self) -> Result<(), Incomplete> {
        let began = self.parts.clock.now();
        let outcome = self.read(began).await;
        let label = outcome.as_ref().map_or_else(Incomplete::label, |_| "complete");
        let labels = [self.shop.channel, FEED, label];
        self.parts.metrics.windows.with_label_values(&labels).inc();
        let tally = outcome?;
        let at = self.settled(began);
        self.book.set_complete(at);
        if let Err(error) = self.book.watermark.save(at).await {
            tracing::warn!(shop = %self.shop.id, feed = FEED, %error, "watermark not stored");
        }
        let (channel, shop) = (self.shop.channel, &self.shop.id);
        tracing::debug!(channel, %shop, feed = FEED, published = tally.published, watermark = %at, "list complete");
        Ok(())
    }

    async fn read(&self, began: Timestamp) -> Result<Tally, Incomplete> {
        // Before the list: what is noted while it is read is the next reading's business.
        let known = self.book.ids().await.map_err(store_away)?;
        let met = Mutex::default();
        let reader = Reader {
            shop: &self.shop,
            parts: &self.parts,
            settings: &self.settings,
            seen: &self.seen,
            met: Some(&met),
        };
        let mut tally = Tally::default();
        let parts = feed::open(&self.shop).map_err(Failure::Wrong)?.parts();
        for part in 0..parts {
            add(&mut tally, reader.read_open(part, began).await?);
        }
        let met = met.into_inner();
        let gone: Vec<String> = known.difference(&met).cloned().collect();
        let mut ended = BTreeSet::new();
        let parallel = self.settings.hydrate_parallel.get();
        let mut reading =
            stream::iter(gone).map(|id| self.read_gone(id)).buffer_unordered(parallel);
        while let Some(read) = reading.next().await {
            let (id, has_ended, part) = read?;
            add(&mut tally, part);
            if has_ended {
                ended.insert(id);
            }
        }
        drop(reading);
        self.book.change(met, &ended).await.map_err(store_away)?;
        Ok(tally)
    }

    /// Reads an order that is on the list no more, and says whether it can change again.
    async fn read_gone(&self, id: String) -> Result<(String, bool, Tally), Failure> {
        let read = match OrderId::try_new(&id) {
            Ok(order) => {
                let event = Event::OrderChanged { id: order, modified: None };
                let notice = Notice { shop: self.shop.id.clone(), event };
                hydrate(&self.shop, notice, self.parts.clock.now()).await.map_err(Failure::Wrong)
            }
            Err(error) => Err(Failure::Wrong(error)),
        };
        match read {
            Ok(notice) => {
                let has_ended = has_ended(&notice.event);
                let accepted =
                    self.parts.intake.accept(&self.shop, Origin::Poll, vec![notice]).await?;
                Ok((id, has_ended, accepted))
            }
            // What cannot be read for good must not stop the shop, and must not vanish.
            Err(Failure::Wrong(error)) if !Failure::Wrong(error.clone()).is_transient() => {
                let suspect =
                    Suspect { error, object_id: Some(id.clone()), raw: bytes::Bytes::new() };
                let kept = self.parts.intake.quarantine(&self.shop, Origin::Poll, &suspect).await?;
                Ok((id, true, kept))
            }
            Err(failure) => Err(failure),
        }
    }

    fn settled(&self, at: Timestamp) -> Timestamp {
        let settled = at.minus(Duration::from_secs(self.settings.settle_secs)).unix_ms();
        Timestamp::from_unix_ms(settled - settled.rem_euclid(1000))
    }

    fn show(&self) {
        let Some(at) = self.book.complete() else { return };
        let labels = [self.shop.channel, self.shop.id.as_str(), FEED];
        let lag = self.parts.clock.now().since(at).as_secs();
        let metrics = &self.parts.metrics;
        metrics.poll_lag.of(&labels).set(i64::try_from(lag).unwrap_or(i64::MAX));
        metrics.watermark.of(&labels).set(at.unix_ms().div_euclid(1000));
    }
}

/// An order that ended changes no more; one whose record is in quarantine is a person's business.
fn has_ended(event: &Event) -> bool {
    match event {
        Event::Order(order) => matches!(
            order.status,
            OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Closed
        ),
        Event::Suspect(_) => true,
        Event::Refund(_)
        | Event::OrderChanged { .. }
        | Event::RefundChanged { .. }
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded => false,
    }
}

fn store_away(error: crate::store::Error) -> Incomplete {
    tracing::warn!(feed = FEED, %error, "the book of open orders is not at hand");
    Incomplete::Failed(Failure::Refused(crate::intake::Refusal::StoreAway))
}
