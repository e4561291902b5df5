//! Which offset may be stored: the last of the settled prefix of each partition.

use super::Position;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Topic and partition.
type Partition = (Arc<str>, i32);

/// Settled and unsettled offsets by partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    partitions: Mutex<HashMap<Partition, BTreeMap<i64, bool>>>,
}

impl Offsets {
    /// Notes that a command was handed out.
    pub(super) fn read(&self, position: &Position) {
        let key = (Arc::clone(&position.topic), position.partition);
        self.partitions.lock().entry(key).or_default().insert(position.offset, false);
    }

    /// Notes that it is settled. Returns the offset to store, if the settled prefix grew.
    pub(super) fn settle(&self, position: &Position) -> Option<i64> {
        let key = (Arc::clone(&position.topic), position.partition);
        let mut partitions = self.partitions.lock();
        // A partition that was taken away meanwhile has no entry: its new owner reads the command again.
        let offsets = partitions.get_mut(&key)?;
        *offsets.get_mut(&position.offset)? = true;
        let mut last = None;
        while let Some(entry) = offsets.first_entry() {
            if !*entry.get() {
                break;
            }
            last = Some(entry.remove_entry().0);
        }
        last
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
    fn a_partition_that_was_taken_away_stores_nothing() {
        let offsets = Offsets::default();
        offsets.read(&at(5));
        offsets.forget("commands", 0);
        assert_eq!(offsets.settle(&at(5)), None);
    }
}
