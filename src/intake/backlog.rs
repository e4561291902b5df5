//! Published events whose confirm the store did not take: kept up to a bound, and confirmed later, the oldest first.

use connectors::contract::EventId;
use std::collections::VecDeque;

/// Ids that are still to be confirmed.
#[derive(Debug)]
pub(super) struct Backlog {
    ids: VecDeque<EventId>,
    most: usize,
    /// Ids that have left at the front, confirmed or dropped.
    left: u64,
}

/// The oldest ids of a backlog, as they stood at a moment.
#[derive(Debug)]
pub(super) struct Oldest {
    pub(super) ids: Vec<EventId>,
    left: u64,
}

impl Backlog {
    pub(super) fn new(most: usize) -> Self {
        Self { ids: VecDeque::new(), most, left: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds ids. Beyond the bound the oldest are dropped, which costs a duplicate each.
    pub(super) fn add(&mut self, ids: Vec<EventId>) {
        self.ids.extend(ids);
        self.leave(self.ids.len().saturating_sub(self.most));
    }

    pub(super) fn oldest(&self, count: usize) -> Oldest {
        Oldest { ids: self.ids.iter().take(count).copied().collect(), left: self.left }
    }

    /// Takes out what was confirmed. Some of it may have been dropped meanwhile, and what came behind is still owed.
    pub(super) fn confirmed(&mut self, oldest: &Oldest) {
        let gone = usize::try_from(self.left.saturating_sub(oldest.left)).unwrap_or(usize::MAX);
        self.leave(oldest.ids.len().saturating_sub(gone));
    }

    fn leave(&mut self, count: usize) {
        let count = count.min(self.ids.len());
        self.ids.drain(..count);
        self.left = self.left.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: std::ops::Range<u8>) -> Vec<EventId> {
        numbers.map(|number| EventId([number; 16])).collect()
    }

    #[test]
    fn beyond_its_bound_the_oldest_are_dropped() {
        let mut backlog = Backlog::new(4);
        backlog.add(ids(0..3));
        assert_eq!(backlog.oldest(9).ids, ids(0..3));
        backlog.add(ids(3..6));
        assert_eq!((backlog.len(), backlog.oldest(9).ids), (4, ids(2..6)));
        backlog.add(ids(6..16));
        assert_eq!((backlog.len(), backlog.oldest(9).ids), (4, ids(12..16)));
    }

    #[test]
    fn what_comes_while_the_oldest_are_confirmed_is_still_owed() {
        let mut backlog = Backlog::new(4);
        backlog.add(ids(0..4));
        let oldest = backlog.oldest(3);
        assert_eq!(oldest.ids, ids(0..3));
        // Two of the three are dropped before their confirm is heard of.
        backlog.add(ids(4..6));
        backlog.confirmed(&oldest);
        assert_eq!(backlog.oldest(9).ids, ids(3..6));
        let oldest = backlog.oldest(3);
        backlog.add(ids(6..20));
        backlog.confirmed(&oldest);
        assert_eq!(backlog.oldest(9).ids, ids(16..20));
    }
}
