//! Which offset may be stored: the last of the settled prefix of each partition.
//!
//! Only what is not settled is remembered, as runs of offsets: a command that waits for long costs nothing for those behind
//! it, and many that wait side by side cost as much as one.

use super::Position;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Unsettled offsets by topic and partition. There are two topics, so the names are compared one after the other.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    topics: Mutex<Vec<(Arc<str>, Partitions)>>,
}

type Partitions = BTreeMap<i32, Partition>;

#[derive(Debug, Default)]
struct Partition {
    /// First and last offset of each run.
    unsettled: BTreeMap<i64, i64>,
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
        partitions.entry(position.partition).or_default().read(position.offset);
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
    fn read(&mut self, offset: i64) {
        self.last = offset;
        if let Some(mut run) = self.unsettled.last_entry()
            && *run.get() + 1 == offset
        {
            *run.get_mut() = offset;
        } else if self.run(offset).is_none() {
            self.unsettled.insert(offset, offset);
        }
    }

    /// The run that an offset is in.
    fn run(&self, offset: i64) -> Option<(i64, i64)> {
        let (first, last) = self.unsettled.range(..=offset).next_back()?;
        (offset <= *last).then_some((*first, *last))
    }

    fn settle(&mut self, offset: i64) -> Option<i64> {
        let (first, last) = self.run(offset)?;
        if first == offset {
            self.unsettled.remove(&first);
        } else {
            self.unsettled.insert(first, offset - 1);
        }
        if offset < last {
            self.unsettled.insert(offset + 1, last);
        }
        match self.unsettled.first_key_value() {
            None => Some(self.last),
            // Everything before the first that is not settled is.
            Some((first, _)) => (*first > offset).then(|| *first - 1),
        }
    }
}

fn find<'t>(topics: &'t mut [(Arc<str>, Partitions)], topic: &str) -> Option<&'t mut Partitions> {
    topics.iter_mut().find(|(name, _)| **name == *topic).map(|(_, partitions)| partitions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

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
    fn many_that_wait_side_by_side_are_remembered_as_one() {
        let offsets = Offsets::default();
        (0..1000).for_each(|offset| offsets.read(&at(offset)));
        let runs = || offsets.topics.lock()[0].1[&0].unsettled.len();
        assert_eq!(runs(), 1);
        assert_eq!(settle(&offsets, 500), None);
        assert_eq!(settle(&offsets, 999), None);
        assert_eq!(runs(), 2);
        assert_eq!(settle(&offsets, 0), Some(0));
        assert_eq!(runs(), 2);
    }

    proptest! {
        /// Against a set of offsets.
        #[test]
        fn runs_tell_what_a_set_of_offsets_tells(
            gaps in prop::collection::vec(1..3_i64, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..90),
            again in any::<bool>(),
        ) {
            let mut partition = Partition::default();
            let read: Vec<i64> =
                gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            // What is read twice is to be settled once.
            for offset in read.iter().chain(read.iter().filter(|_| again)) {
                partition.read(*offset);
            }
            let mut set: BTreeSet<i64> = read.iter().copied().collect();
            let last = *read.last().unwrap();
            for index in order {
                let offset = *index.get(&read);
                let wanted = set.remove(&offset).then(|| match set.first() {
                    None => Some(last),
                    Some(first) => (*first > offset).then_some(*first - 1),
                });
                prop_assert_eq!(partition.settle(offset), wanted.flatten());
            }
        }
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
