//! Reads one window whole: count, last page first, count again.
//!
//! Channels sort newest first. A record that enters the window while it is read pushes others to later pages; whoever
//! reads from page one misses them, whoever reads from the last page sees some twice. What enters late makes the second
//! count larger, and then the window is read again.

use super::Parts;
use super::feed::Feed;
use crate::config;
use crate::intake::{Failure, Origin, Tally};
use crate::shops::Shop;
use bytes::Bytes;
use connectors::contract::model::Timestamp;
use connectors::contract::{Event, Notice, Suspect, Window};
use futures_util::stream::{self, StreamExt};
use quick_cache::sync::Cache;
use std::time::Duration;

/// Pages of one window; a longer window is cut, so that a restart costs little.
const PAGES: u64 = 50;
/// Readings of one window before the poller takes a break from a list that does not hold still.
const READINGS: u32 = 5;
/// Whole records that are on the road at once.
const FAT_PARALLEL: usize = 256;
/// A record that was read this long after its modification time cannot change again within the same second.
const SECOND_OVER: Duration = Duration::from_secs(2);

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// The window that is complete now; it may be shorter than the one asked for.
    pub(super) window: Window,
    /// What became of its records.
    pub(super) tally: Tally,
}

/// Reads windows of one feed.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) shop: &'a Shop,
    pub(super) feed: Feed,
    pub(super) parts: &'a Parts,
    pub(super) settings: &'a config::Poll,
    /// Thin notices whose records this process has published: (id, modification time).
    pub(super) seen: &'a Cache<(String, i64), ()>,
}

/// Why a window is not complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum Incomplete {
    /// The list grew each time it was read.
    #[error("the list grew while it was read, {READINGS} times")]
    Moving,
    /// A page or a record could not be read or published.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Reader<'_> {
    /// Reads the window, or the first part of it if it is too full.
    pub(super) async fn read(&self, asked: Window) -> Result<Reading, Incomplete> {
        let page_size =
            u64::from(self.feed.spec(self.shop).map_err(Failure::Wrong)?.page_size.max(1));
        let mut window = asked;
        let mut count = self.count(window).await?;
        while count > PAGES * page_size {
            let half = window.to.since(window.from) / 2;
            if half < Duration::from_secs(1) {
                break;
            }
            window.to = window.from.plus(half);
            count = self.count(window).await?;
        }
        let mut tally = Tally::default();
        for _ in 0..READINGS {
            for page in (1..=count.div_ceil(page_size)).rev() {
                let page = u32::try_from(page).unwrap_or(u32::MAX);
                let now = self.parts.clock.now();
                let page = self.feed.page(self.shop, window, page, now).await;
                let notices = page.map_err(Failure::Wrong)?.notices;
                add(&mut tally, self.settle(notices).await?);
            }
            let after = self.count(window).await?;
            if after <= count {
                return Ok(Reading { window, tally });
            }
            count = after;
        }
        Err(Incomplete::Moving)
    }

    async fn count(&self, window: Window) -> Result<u64, Failure> {
        let now = self.parts.clock.now();
        self.feed.count(self.shop, window, now).await.map_err(Failure::Wrong)
    }

    /// Puts a page on the road; ends when all of it is in Kafka.
    async fn settle(&self, notices: Vec<Notice>) -> Result<Tally, Failure> {
        let thin = notices.iter().any(|notice| name(&notice.event).is_some());
        let parallel = if thin { self.settings.hydrate_parallel.get() } else { FAT_PARALLEL };
        let mut settling =
            stream::iter(notices).map(|notice| self.settle_one(notice)).buffer_unordered(parallel);
        let mut tally = Tally::default();
        while let Some(settled) = settling.next().await {
            add(&mut tally, settled?);
        }
        Ok(tally)
    }

    async fn settle_one(&self, notice: Notice) -> Result<Tally, Failure> {
        let name = name(&notice.event);
        if let Some((_, modified, key)) = &name
            && modified.is_some()
            && self.seen.get(key).is_some()
        {
            return Ok(Tally { duplicates: 1, ..Tally::default() });
        }
        let read_at = self.parts.clock.now();
        match self.parts.intake.accept(self.shop, Origin::Poll, vec![notice]).await {
            Ok(tally) => {
                if let Some((_, Some(modified), key)) = name
                    && read_at.since(modified) >= SECOND_OVER
                {
                    self.seen.insert(key, ());
                }
                Ok(tally)
            }
            // One record that cannot be read must not stop the shop, and must not vanish.
            Err(Failure::Wrong(error)) if !Failure::Wrong(error.clone()).is_transient() => {
                let object_id = name.map(|(id, _, _)| id);
                let suspect = Suspect { error, object_id, raw: Bytes::new() };
                self.parts.intake.quarantine(self.shop, Origin::Poll, &suspect).await
            }
            Err(failure) => Err(failure),
        }
    }
}

type Name = (String, Option<Timestamp>, (String, i64));

/// Id and modification time of a thin notice.
fn name(event: &Event) -> Option<Name> {
    let (id, modified) = match event {
        Event::OrderChanged { id, modified } => (id.as_str(), *modified),
        Event::RefundChanged { id, modified } => (id.as_str(), *modified),
        Event::Order(_)
        | Event::Refund(_)
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => return None,
    };
    let at = modified.map_or(0, Timestamp::unix_ms);
    Some((id.to_owned(), modified, (id.to_owned(), at)))
}

fn add(sum: &mut Tally, part: Tally) {
    sum.published += part.published;
    sum.duplicates += part.duplicates;
    sum.quarantined += part.quarantined;
}
