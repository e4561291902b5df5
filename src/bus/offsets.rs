//! Which offset may be stored: the last of the settled prefix of each partition.

use super::Position;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Topic and partition.
type Partition = (Arc<str>, i32);

/// What was handed out of one partition. Only what is not settled is kept: one command that waits for long costs nothing
/// for those that pass it.
#[derive(Debug, Default)]
struct Read {
    unsettled: BTreeSet<i64>,
    last: i64,
}

/// Unsettled offsets by partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    partitions: Mutex<HashMap<Partition, Read>>,
}

impl Offsets {
    /// Notes that a command was handed out.
    pub(super) fn read(&self, position: &Position) {
        let key = (Arc::clone(&position.topic), position.partition);
        let mut partitions = self.partitions.lock();
        let read = partitions.entry(key).or_default();
        read.unsettled.insert(position.offset);
        read.last = position.offset;
    }

    /// Notes that it is settled. Returns the offset to store, if the settled prefix grew: the last before the first that is
    /// not settled. Between the two lies nothing that was handed out.
    pub(super) fn settle(&self, position: &Position) -> Option<i64> {
        let key = (Arc::clone(&position.topic), position.partition);
        let mut partitions = self.partitions.lock();
        // A partition that was taken away meanwhile has no entry: its new owner reads the command again.
        let read = partitions.get_mut(&key)?;
        let was_first = read.unsettled.first() == Some(&position.offset);
        if !read.unsettled.remove(&position.offset) || !was_first {
            return None;
        }
        Some(read.unsettled.first().map_or(read.last, |first| first - 1))
    }

    /// Forgets a partition that was taken away.
    pub(super) fn forget(&self, topic: &str, partition: i32) {
        self.partitions
            .lock()
            .retain(|(name, number), _| !(&**name == topic && *number == partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position { topic: "commands".into(), partition: 0, offset }
    }

    #[test]
    fn an_offset_is_stored_only_when_everything_before_it_is_settled() {
        let offsets = Offsets::default();
        for offset in 5..9 {
            offsets.read(&at(offset));
        }
        assert_eq!(offsets.settle(&at(6)), None);
        assert_eq!(offsets.settle(&at(5)), Some(6));
        assert_eq!(offsets.settle(&at(8)), None);
        assert_eq!(offsets.settle(&at(7)), Some(8));
    }

    #[test]
    fn what_passes_a_command_that_waits_is_not_kept() {
        let offsets = Offsets::default();
        for offset in 0..1000 {
            offsets.read(&at(offset));
        }
        for offset in 1..1000 {
            assert_eq!(offsets.settle(&at(offset)), None);
            assert_eq!(offsets.settle(&at(offset)), None, "settled twice is settled once");
        }
        assert!(offsets.partitions.lock().values().all(|read| read.unsettled.len() == 1));
        assert_eq!(offsets.settle(&at(0)), Some(999));
        // Compaction leaves gaps.
        offsets.read(&at(1005));
        offsets.read(&at(1010));
        assert_eq!(offsets.settle(&at(1005)), Some(1009));
        assert_eq!(offsets.settle(&at(1010)), Some(1010));
    }

    #[test]
    fn a_partition_that_was_taken_away_stores_nothing() {
        let offsets = Offsets::default();
        offsets.read(&at(5));
        offsets.forget("commands", 0);
        assert_eq!(offsets.settle(&at(5)), None);
    }
}
