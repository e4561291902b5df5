//! Reads one window whole: count, last page first, count again.
//!
//! Channels sort newest first. A record that enters the window while it is read pushes others to later pages; whoever
//! reads from page one misses them, whoever reads from the last page sees some twice. What enters late makes the second
//! count larger, and then the window is read again.

use super::Parts;
use super::feed::{Feed, List};
use super::seen::Seen;
use crate::config;
use crate::intake::{Failure, Origin, Tally, hydrate};
use crate::shops::Shop;
use bytes::Bytes;
use connectors::contract::model::Timestamp;
use connectors::contract::{Error, Event, Notice, Suspect, Window};
use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::time::Duration;

/// Pages of one window; a longer window is cut, so that a restart costs little.
const PAGES: u64 = 50;
/// Readings of one window before the poller takes a break from a list that does not hold still.
const READINGS: u32 = 5;
/// Whole records that are on the road at once.
const FAT_PARALLEL: usize = 256;
/// Longest pause after repeated failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
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

/// Reads lists of one shop.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) shop: &'a Shop,
    pub(super) parts: &'a Parts,
    pub(super) settings: &'a config::Poll,
    /// Thin notices whose records this process has published: (id, modification time).
    pub(super) seen: &'a Seen,
    /// Where the ids of the orders go that are met, for whoever must know them.
    pub(super) met: Option<&'a Mutex<BTreeSet<String>>>,
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

impl Incomplete {
    /// The metric label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Failed(_) => "failed",
        }
    }

    /// How long to wait after that many failures in a row.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doubled = Duration::from_secs(1) * 2_u32.saturating_pow(failures.min(10) - 1);
        let asked = match self {
            Self::Failed(Failure::Wrong(error)) => error.kind().retry_after(),
            Self::Failed(Failure::Refused(_)) | Self::Moving => None,
        };
        doubled.min(LONGEST_PAUSE).max(asked.unwrap_or_default())
    }
}

impl Reader<'_> {
    /// Reads the window, or the first part of it if it is too full.
    pub(super) async fn read(&self, feed: Feed, asked: Window) -> Result<Reading, Incomplete> {
        let mut window = asked;
        let mut list = List::Changed(feed, window);
        let page_size = list.page_size(self.shop).map_err(Failure::Wrong)?;
        let mut count = self.count(list).await?;
        while count > PAGES * page_size {
            let half = window.to.since(window.from) / 2;
            if half < Duration::from_secs(1) {
                break;
            }
            window.to = window.from.plus(half);
            list = List::Changed(feed, window);
            count = self.count(list).await?;
        }
        let tally = self.pages(list, count).await?;
        Ok(Reading { window, tally })
    }

    /// Reads one part of the list of open orders.
    pub(super) async fn read_open(&self, part: u32, began: Timestamp) -> Result<Tally, Incomplete> {
        let list = List::Open(part, began);
        let count = self.count(list).await?;
        if count == 0 {
            return Ok(Tally::default());
        }
        self.pages(list, count).await
    }

    /// Last page first, and again while the list has grown meanwhile.
    async fn pages(&self, list: List, mut count: u64) -> Result<Tally, Incomplete> {
        let page_size = list.page_size(self.shop).map_err(Failure::Wrong)?;
        let mut tally = Tally::default();
        for _ in 0..READINGS {
            for page in (1..=count.div_ceil(page_size)).rev() {
                let page = u32::try_from(page).unwrap_or(u32::MAX);
                let page = list.page(self.shop, page, self.parts.clock.now()).await;
                let notices = page.map_err(Failure::Wrong)?.notices;
                self.meet(&notices);
                add(&mut tally, self.settle(notices).await?);
            }
            let after = self.count(list).await?;
            if after <= count {
                return Ok(tally);
            }
            count = after;
        }
        Err(Incomplete::Moving)
    }

    async fn count(&self, list: List) -> Result<u64, Failure> {
        list.count(self.shop, self.parts.clock.now()).await.map_err(Failure::Wrong)
    }

    fn meet(&self, notices: &[Notice]) {
        let Some(met) = self.met else { return };
        let ids = notices.iter().filter_map(|notice| match &notice.event {
            Event::OrderChanged { id, .. } => Some(id.to_string()),
            Event::Order(order) => Some(order.order_id.to_string()),
            Event::Refund(_)
            | Event::RefundChanged { .. }
            | Event::Shipment(_)
            | Event::Stock(_)
            | Event::AuthorizationEnded
            | Event::Suspect(_) => None,
        });
        met.lock().extend(ids);
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

    /// Reads a refund, where its order must be known: a refund changes its order too, also one that has ended.
    async fn meet_order_of(&self, notice: Notice) -> Result<Notice, Error> {
        let Some(met) = self.met else { return Ok(notice) };
        let notice = match &notice.event {
            Event::RefundChanged { .. } => {
                hydrate(self.shop, notice, self.parts.clock.now()).await?
            }
            Event::Order(_)
            | Event::Refund(_)
            | Event::OrderChanged { .. }
            | Event::Shipment(_)
            | Event::Stock(_)
            | Event::AuthorizationEnded
            | Event::Suspect(_) => notice,
        };
        if let Event::Refund(refund) = &notice.event {
            met.lock().insert(refund.order_id.to_string());
        }
        Ok(notice)
    }

    async fn settle_one(&self, notice: Notice) -> Result<Tally, Failure> {
        let name = name(&notice.event);
        if let Some((_, modified, key)) = &name
            && modified.is_some()
            && self.seen.contains(key)
        {
            return Ok(Tally { duplicates: 1, ..Tally::default() });
        }
        let read_at = self.parts.clock.now();
        let accepted = match self.meet_order_of(notice).await {
            Ok(notice) => self.parts.intake.accept(self.shop, Origin::Poll, vec![notice]).await,
            Err(error) => Err(Failure::Wrong(error)),
        };
        match accepted {
            Ok(tally) => {
                if let Some((_, Some(modified), key)) = name
                    && read_at.since(modified) >= SECOND_OVER
                {
                    self.seen.insert(key);
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

pub(super) fn add(sum: &mut Tally, part: Tally) {
    sum.published += part.published;
    sum.duplicates += part.duplicates;
    sum.quarantined += part.quarantined;
}
