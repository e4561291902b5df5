//! The loop of one feed: next window, read it, move the watermark.

use super::Parts;
use super::book::Book;
use super::feed::Feed;
use super::seen::Seen;
use super::watermark::Watermark;
use super::window::{Incomplete, Reader, Reading};
use crate::config;
use crate::intake::Failure;
use crate::shops::Shop;
use connectors::contract::Window;
use connectors::contract::model::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

pub(super) const STORE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Poller {
    settings: Arc<config::Poll>,
    shop: Arc<Shop>,
    feed: Feed,
    parts: Arc<Parts>,
    turns: Arc<Semaphore>,
    watermark: Watermark,
    seen: Seen,
    /// Where the shop's open orders are written down, for a channel that lists them apart.
    book: Option<Arc<Book>>,
    /// Where this process began.
    begun: Timestamp,
}

impl Poller {
    pub(super) fn new(
        settings: Arc<config::Poll>,
        shop: Arc<Shop>,
        feed: Feed,
        parts: Arc<Parts>,
        turns: Arc<Semaphore>,
        book: Option<Arc<Book>>,
    ) -> Self {
        let store = Arc::clone(&parts.store);
        let watermark = Watermark::new(store, shop.channel, &shop.id, feed.as_str());
        Self {
            settings,
            shop,
            feed,
            parts,
            turns,
            watermark,
            seen: Seen::default(),
            book,
            begun: Timestamp::from_unix_ms(0),
        }
    }

    /// Runs until it is dropped. Dropping it anywhere loses nothing: the watermark moves last.
    pub(super) async fn run(mut self) {
        let interval = Duration::from_millis(self.settings.interval_ms);
        let mut at = Box::pin(self.begin()).await;
        self.begun = at;
        let mut failures = 0_u32;
        loop {
            let mine = self.turns.acquire().await;
            // On the heap while it lasts: most of the time a loop only waits, and there may be thousands.
            let pause = match Box::pin(self.turn(&mut at)).await {
                Ok(caught_up) => {
                    failures = 0;
                    if caught_up { interval } else { Duration::ZERO }
                }
                Err(incomplete) => {
                    failures = failures.saturating_add(1);
                    self.after_failure(&incomplete, failures)
                }
            };
            drop(mine);
            self.show(at);
            tokio::time::sleep(pause).await;
        }
    }

    async fn begin(&self) -> Timestamp {
        loop {
            // By turns: ten thousand shops that ask at once would have the store miss its time.
            let turn = self.turns.acquire().await;
            let loaded = self.watermark.load().await;
            drop(turn);
            match loaded {
                Ok(Some(at)) => return at,
                Ok(None) => {
                    let back = Duration::from_secs(self.settings.lookback_secs);
                    return self.parts.clock.now().minus(back);
                }
                Err(error) => {
                    let (shop, feed) = (&self.shop.id, self.feed.as_str());
                    tracing::warn!(%shop, feed, %error, "waiting for the store to read the watermark");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// One window. `true` when nothing is left to read for now.
    async fn turn(&self, at: &mut Timestamp) -> Result<bool, Incomplete> {
        let Some(window) = self.next_window(*at)? else { return Ok(true) };
        let met = Mutex::default();
        let reader = Reader {
            shop: &self.shop,
            parts: &self.parts,
            settings: &self.settings,
            seen: &self.seen,
            met: self.book.is_some().then_some(&met),
        };
        let outcome = reader.read(self.feed, window).await;
        let label = outcome.as_ref().map_or_else(Incomplete::label, |_| "complete");
        let labels = [self.shop.channel, self.feed.as_str(), label];
        self.parts.metrics.windows.with_label_values(&labels).inc();
        let Reading { window: done, tally } = outcome?;
        *at = done.to;
        // The book first: a watermark ahead of it would let an order be forgotten.
        let noted = match &self.book {
            Some(book) => book.note(met.into_inner()).await,
            None => Ok(()),
        };
        let saved = match noted {
            Ok(()) => self.watermark.save(*at).await,
            Err(error) => Err(error),
        };
        if let Err(error) = saved {
            // It stays behind in the store: after a restart the same is read again, and nothing is published twice.
            tracing::warn!(shop = %self.shop.id, %error, "watermark not stored");
        }
        tracing::debug!(
            channel = self.shop.channel,
            shop = %self.shop.id,
            feed = self.feed.as_str(),
            published = tally.published,
            watermark = %at,
            "window complete"
        );
        Ok(done.to >= self.visible_until())
    }

    /// From a little before the watermark, because records become visible late, to a little before now.
    fn next_window(&self, at: Timestamp) -> Result<Option<Window>, Failure> {
        let spec = self.feed.spec(&self.shop).map_err(Failure::Wrong)?;
        let longest = spec.longest_window.min(Duration::from_secs(self.settings.window_secs));
        let oldest = self.parts.clock.now().minus(spec.horizon);
        let from = at.minus(Duration::from_secs(self.settings.overlap_secs));
        let from = if from < oldest {
            tracing::warn!(shop = %self.shop.id, "the channel no longer lists part of what is missing");
            oldest
        } else {
            from
        };
        let to = self.visible_until().min(from.plus(longest));
        Ok((to > from).then_some(Window { from, to }))
    }

    /// Whole seconds: the channels' clocks have no finer unit.
    fn visible_until(&self) -> Timestamp {
        let settled =
            self.parts.clock.now().minus(Duration::from_secs(self.settings.settle_secs)).unix_ms();
        Timestamp::from_unix_ms(settled - settled.rem_euclid(1000))
    }

    fn after_failure(&self, incomplete: &Incomplete, failures: u32) -> Duration {
        let (channel, shop, feed) = (self.shop.channel, &self.shop.id, self.feed.as_str());
        tracing::warn!(channel, %shop, feed, failures, error = %incomplete, "window not complete");
        incomplete.pause(failures)
    }

    /// Shows how far this feed is complete. Where windows are of the time an order was placed, orders are complete only as
    /// far as the list of open ones is too.
    fn show(&self, at: Timestamp) {
        let at = match &self.book {
            Some(book) if self.feed == Feed::Orders => {
                book.complete().map_or(self.begun, |complete| complete.min(at))
            }
            Some(_) | None => at,
        };
        let labels = [self.shop.channel, self.shop.id.as_str(), self.feed.as_str()];
        let lag = self.parts.clock.now().since(at).as_secs();
        let metrics = &self.parts.metrics;
        metrics.poll_lag.of(&labels).set(i64::try_from(lag).unwrap_or(i64::MAX));
        metrics.watermark.of(&labels).set(at.unix_ms().div_euclid(1000));
    }
}
