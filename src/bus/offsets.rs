//! Which offset may be stored: the last of the settled prefix of each partition.
//!
//! Only what is not settled is remembered, so that a command that waits for long costs nothing for those behind it.

use super::Position;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Unsettled offsets by topic and partition. There are two topics, so the names are compared one after the other.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    topics: Mutex<Vec<(Arc<str>, Partitions)>>,
}

type Partitions = BTreeMap<i32, Partition>;

#[derive(Debug, Default)]
struct Partition {
    unsettled: BTreeSet<i64>,
    /// The last that was handed out.
    last: i64,
}

impl Offsets {
    /// Notes that a command was handed out.
    pub(super) fn read(&self, position: &Position) {
        let mut topics = self.topics.lock();
        let partitions = match find(&mut topics, &position.topic) {
            Some(found) => found,
            None => {
                topics.push((Arc::clone(&position.topic), Partitions::new()));
                let Some((_, added)) = topics.last_mut() else { return };
                added
            }
        };
        let partition = partitions.entry(position.partition).or_default();
        partition.unsettled.insert(position.offset);
        partition.last = position.offset;
    }

    /// Notes that these are settled. Returns the offsets to store, one of each partition whose settled prefix grew.
    pub(super) fn settle(&self, positions: &[Position]) -> Vec<(Arc<str>, i32, i64)> {
        let mut topics = self.topics.lock();
        let mut grown: Vec<(Arc<str>, i32, i64)> = Vec::new();
        for position in positions {
            // A partition that was taken away meanwhile has no entry: its new owner reads the command again.
            let partition = find(&mut topics, &position.topic)
                .and_then(|partitions| partitions.get_mut(&position.partition));
            let Some(offset) = partition.and_then(|partition| partition.settle(position.offset))
            else {
                continue;
            };
            let same = grown.iter_mut().find(|(topic, partition, _)| {
                *partition == position.partition && **topic == *position.topic
            });
            match same {
                Some((_, _, last)) => *last = offset,
                None => grown.push((Arc::clone(&position.topic), position.partition, offset)),
            }
        }
        grown
    }

    /// Forgets a partition that was taken away.
    pub(super) fn forget(&self, topic: &str, partition: i32) {
        if let Some(partitions) = find(&mut self.topics.lock(), topic) {
            partitions.remove(&partition);
        }
    }
}

impl Partition {
    fn settle(&mut self, offset: i64) -> Option<i64> {
        if !self.unsettled.remove(&offset) {
            return None;
        }
        match self.unsettled.first() {
            None => Some(self.last),
            // Everything before the first that is not settled is.
            Some(first) => (*first > offset).then(|| *first - 1),
        }
    }
}

fn find<'t>(topics: &'t mut [(Arc<str>, Partitions)], topic: &str) -> Option<&'t mut Partitions> {
    topics.iter_mut().find(|(name, _)| **name == *topic).map(|(_, partitions)| partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position { topic: "commands".into(), partition: 0, offset }
    }

    fn settle(offsets: &Offsets, offset: i64) -> Option<i64> {
        offsets.settle(&[at(offset)]).pop().map(|(_, _, offset)| offset)
    }

    #[test]
    fn an_offset_is_stored_only_when_everything_before_it_is_settled() {
        let offsets = Offsets::default();
        for offset in 5..9 {
            offsets.read(&at(offset));
        }
        assert_eq!(settle(&offsets, 6), None);
        assert_eq!(settle(&offsets, 5), Some(6));
        assert_eq!(settle(&offsets, 8), None);
        assert_eq!(settle(&offsets, 7), Some(8));
    }

    #[test]
    fn many_at_once_store_one_offset_of_each_partition() {
        let offsets = Offsets::default();
        let other = |offset| Position { partition: 1, ..at(offset) };
        let all = [at(0), other(0), at(1), other(1), at(2), other(2)];
        for position in &all {
            offsets.read(position);
        }
        let grown = offsets.settle(&[at(1), at(0), other(2), other(0)]);
        let grown: Vec<_> = grown.iter().map(|(_, partition, last)| (*partition, *last)).collect();
        assert_eq!(grown, [(0, 1), (1, 0)]);
    }

    #[test]
    fn nothing_is_remembered_of_what_is_settled_behind_one_that_waits() {
        let offsets = Offsets::default();
        offsets.read(&at(5));
        for offset in 6..1000 {
            offsets.read(&at(offset));
            assert_eq!(settle(&offsets, offset), None);
            assert_eq!(settle(&offsets, offset), None, "it was settled before");
        }
        assert_eq!(offsets.topics.lock()[0].1[&0].unsettled.len(), 1);
        assert_eq!(settle(&offsets, 5), Some(999));
    }

    #[test]
    fn gaps_that_compaction_left_are_passed() {
        let offsets = Offsets::default();
        offsets.read(&at(1005));
        offsets.read(&at(1010));
        assert_eq!(settle(&offsets, 1005), Some(1009));
        assert_eq!(settle(&offsets, 1010), Some(1010));
    }

    #[test]
    fn a_partition_that_was_taken_away_stores_nothing() {
        let offsets = Offsets::default();
        offsets.read(&at(5));
        offsets.forget("commands", 0);
        assert_eq!(settle(&offsets, 5), None);
    }
}
