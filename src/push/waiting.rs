//! How much waits in all lanes together: the bound on what this process reads ahead.

use super::result::Kind;
use crate::telemetry::metrics::Metrics;
use prometheus::IntGauge;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// A count with a limit. Full means that fetching pauses, not that anything is refused.
#[derive(Debug)]
pub(super) struct Waiting {
    limit: usize,
    count: AtomicUsize,
    freed: Notify,
    stock: IntGauge,
    waybills: IntGauge,
}

impl Waiting {
    pub(super) fn new(limit: usize, metrics: &Metrics) -> Self {
        let gauge = |kind: Kind| metrics.push_queue.with_label_values(&[kind.as_str()]);
        let (stock, waybills) = (gauge(Kind::Stock), gauge(Kind::Waybill));
        Self { limit, count: AtomicUsize::new(0), freed: Notify::new(), stock, waybills }
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many more may wait.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.count.load(Ordering::Acquire))
    }

    /// Ends when half of the room is free again.
    pub(super) async fn has_room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.count.load(Ordering::Acquire) <= self.limit / 2 {
                return;
            }
            freed.await;
        }
    }

    pub(super) fn grow(&self, kind: Kind, count: usize) {
        self.count.fetch_add(count, Ordering::AcqRel);
        self.show(kind, i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn shrink(&self, kind: Kind, count: usize) {
        self.count.fetch_sub(count, Ordering::AcqRel);
        self.freed.notify_one();
        self.show(kind, -i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn show(&self, kind: Kind, change: i64) {
        match kind {
            Kind::Stock => self.stock.add(change),
            Kind::Waybill => self.waybills.add(change),
        }
    }
}
