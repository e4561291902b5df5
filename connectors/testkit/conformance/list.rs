//! Lists: what a window holds is read whole, also while the shop goes on selling.

use super::lab::{Lab, check_record, object_id, said};
use super::{Subject, fail, must, must_fail};
use crate::contract::model::{OrderId, RefundId, Timestamp};
use crate::contract::{Event, Notice, OrderSource, Page, PollSpec, RefundSource, Result, Window};
use std::collections::BTreeSet;
use std::time::Duration;

/// Records beyond one page, so that there are two.
const BEYOND: u64 = 3;
const MOST_RECORDS: u64 = 203;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum List<'l> {
    Orders(&'l dyn OrderSource),
    Refunds(&'l dyn RefundSource),
}

pub(super) async fn check(subject: &Subject) {
    let lab = Lab::new(subject);
    if let Some(orders) = lab.connector.orders() {
        one(&lab, List::Orders(orders)).await;
    }
    let lab = Lab::new(subject);
    if let Some(refunds) = lab.connector.refunds() {
        one(&lab, List::Refunds(refunds)).await;
    }
}

async fn one(lab: &Lab<'_>, list: List<'_>) {
    let spec = list.spec();
    assert!(spec.page_size > 0, "a page has room for nothing");
    let count = (u64::from(spec.page_size) + BEYOND).min(MOST_RECORDS);
    let before = lab.now();
    let ids: Vec<String> = (0..count).map(|seed| list.create(lab, seed)).collect();
    lab.api.pass(SECOND);
    let window = Window { from: before, to: lab.now() };
    lab.api.pass(SECOND * 2);
    reads_whole_while_selling(lab, list, window, &ids).await;
    agrees_with_single_reads(lab, list, window).await;
    keeps_to_the_window(lab, list, spec).await;
    misses_what_is_not_there(lab, list).await;
}

/// As the gateway reads: count, last page first, while one record leaves the window and another is born after it.
async fn reads_whole_while_selling(lab: &Lab<'_>, list: List<'_>, window: Window, ids: &[String]) {
    let found = must(list.count(lab, window).await, "counting a window");
    let held = u64::try_from(ids.len()).unwrap_or_default();
    assert!(found == held, "the window holds {held} records and {found} were counted");
    let size = u64::from(list.spec().page_size);
    let mut seen = BTreeSet::new();
    let mut moved = BTreeSet::new();
    for (turn, number) in (1..=found.div_ceil(size)).rev().enumerate() {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let page = must(list.page(lab, window, number).await, "reading a page");
        let length = u64::try_from(page.notices.len()).unwrap_or(u64::MAX);
        assert!(length <= size, "page {number} holds {length} records, more than a page");
        for notice in &page.notices {
            assert!(&notice.shop == lab.shop(), "a page speaks for another shop");
            seen.insert(object_id(notice));
        }
        if turn == 0 {
            list.create(lab, 1_000_000);
            if let Some(oldest) = ids.first() {
                list.change(lab, oldest);
                moved.insert(oldest.clone());
            }
        }
    }
    let skipped = ids.iter().find(|id| !seen.contains(*id) && !moved.contains(*id));
    assert!(skipped.is_none(), "{skipped:?} was skipped while the shop went on selling");
    let stranger = seen.iter().find(|id| !ids.contains(id));
    assert!(stranger.is_none(), "{stranger:?} changed after the window and is on a page");
}

async fn agrees_with_single_reads(lab: &Lab<'_>, list: List<'_>, window: Window) {
    let page = must(list.page(lab, window, 1).await, "reading a page");
    assert!(!page.notices.is_empty(), "the first page of a full window is empty");
    for notice in page.notices.iter().take(5) {
        let id = object_id(notice);
        let read = must(list.read(lab, &id).await, "reading one record");
        let again = must(list.read(lab, &id).await, "reading it again");
        assert!(said(&read) == said(&again), "reading a record twice gave different content");
        check_record(&read);
        match (&notice.event, &read.event) {
            (Event::Order(_) | Event::Refund(_), _) => {
                check_record(notice);
                assert!(said(notice) == said(&read), "page and single read differ about {id}");
            }
            (_, Event::Order(_) | Event::Refund(_)) => {}
            _ => fail("a single read gave no whole record"),
        }
    }
}

async fn keeps_to_the_window(lab: &Lab<'_>, list: List<'_>, spec: PollSpec) {
    // Channels count in whole seconds, and both ends of a window belong to it.
    let second = whole_second(lab.now().plus(SECOND * 2));
    lab.api.pass(second.since(lab.now()).saturating_sub(SECOND));
    let id = list.create(lab, 2_000_000);
    let born = lab.now();
    lab.api.pass(SECOND * 10);
    let at = Window { from: born, to: born };
    assert!(holds(lab, list, at, &id).await, "a window leaves out its own ends");
    let after = Window { from: born.plus(SECOND), to: born.plus(SECOND * 5) };
    assert!(!holds(lab, list, after, &id).await, "a window holds what changed before it");
    let before = Window { from: born.minus(SECOND * 5), to: born.minus(SECOND) };
    assert!(!holds(lab, list, before, &id).await, "a window holds what changed after it");
    let to = lab.now();
    let longest = Window { from: to.minus(spec.longest_window), to };
    must(list.count(lab, longest).await, "counting the longest window");
}

async fn holds(lab: &Lab<'_>, list: List<'_>, window: Window, id: &str) -> bool {
    let count = must(list.count(lab, window).await, "counting a small window");
    if count == 0 {
        return false;
    }
    let page = must(list.page(lab, window, 1).await, "reading a small window");
    page.notices.iter().any(|notice| object_id(notice) == id)
}

async fn misses_what_is_not_there(lab: &Lab<'_>, list: List<'_>) {
    let error = must_fail(list.read(lab, "999999999999999999").await, "reading an unknown id");
    assert!(!error.kind().is_transient(), "an unknown id gave {error}, so it is asked forever");
}

fn whole_second(moment: Timestamp) -> Timestamp {
    moment.minus(Duration::from_millis(moment.unix_ms().rem_euclid(1000).unsigned_abs()))
}

impl List<'_> {
    fn spec(self) -> PollSpec {
        match self {
            Self::Orders(source) => source.spec(),
            Self::Refunds(source) => source.spec(),
        }
    }

    async fn count(self, lab: &Lab<'_>, window: Window) -> Result<u64> {
        match self {
            Self::Orders(source) => source.count(&lab.session(), window).await,
            Self::Refunds(source) => source.count(&lab.session(), window).await,
        }
    }

    async fn page(self, lab: &Lab<'_>, window: Window, page: u32) -> Result<Page> {
        match self {
            Self::Orders(source) => source.page(&lab.session(), window, page).await,
            Self::Refunds(source) => source.page(&lab.session(), window, page).await,
        }
    }

    async fn read(self, lab: &Lab<'_>, id: &str) -> Result<Notice> {
        match self {
            Self::Orders(source) => source.order(&lab.session(), &OrderId::try_new(id)?).await,
            Self::Refunds(source) => source.refund(&lab.session(), &RefundId::try_new(id)?).await,
        }
    }

    /// Makes a record, born a second from now.
    fn create(self, lab: &Lab<'_>, seed: u64) -> String {
        let order = lab.create_order(seed);
        match self {
            Self::Orders(_) => order.to_string(),
            Self::Refunds(_) => lab.fake.create_refund(lab.shop(), &order, lab.now()).to_string(),
        }
    }

    /// Moves a record out of the window, where the fake can.
    fn change(self, lab: &Lab<'_>, id: &str) {
        if let (Self::Orders(_), Ok(order)) = (self, OrderId::try_new(id)) {
            lab.fake.edit_order(lab.shop(), &order, lab.now());
        }
    }
}
