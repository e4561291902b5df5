//! When requests leave: as soon as the last answer is there, or when they are due.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Requests that became due within this time leave together: waking up for each of them would cost the machine that is
/// being measured more than it tells. It is part of the latency.
const GRAIN: Duration = Duration::from_micros(200);

/// splitmix64: enough for arrivals and for choosing duplicates.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// The arrivals of an open loop.
///
/// A Poisson process of which the number of arrivals is known: then the arrivals are independent and uniform over the
/// time, which needs no logarithm.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    offsets: Vec<Duration>,
    due: Semaphore,
    waiting: usize,
}

impl Schedule {
    /// `waiting` connections take their turns from it.
    pub(super) fn new(
        start: Instant,
        time: Duration,
        per_second: u64,
        waiting: usize,
        random: &mut Random,
    ) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let count = per_second.saturating_mul(time.as_secs());
        let mut offsets: Vec<Duration> =
            (0..count).map(|_| Duration::from_nanos(random.below(nanos))).collect();
        offsets.sort_unstable();
        Self { start, offsets, due: Semaphore::new(0), waiting }
    }

    /// Releases what is due, until everything is; blocks its thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "the timers of tokio are too coarse to pace a load"
    )]
    pub(super) fn pace(&self) {
        let mut released = 0;
        while let Some(next) = self.offsets.get(released) {
            let wait = next.saturating_sub(self.start.elapsed());
            std::thread::sleep(wait.max(GRAIN));
            let now = self.start.elapsed();
            let due = self.offsets.partition_point(|offset| *offset <= now);
            self.due.add_permits(due.saturating_sub(released));
            released = released.max(due);
        }
        // One more turn for everybody: to learn that it is over.
        self.due.add_permits(self.waiting);
    }
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) enum Turns {
    /// Everybody's, until it is stopped.
    Closed { stopped: Cell<bool> },
    /// The schedule's.
    Open { schedule: Arc<Schedule>, taken: Cell<usize> },
}

impl Turns {
    /// Waits for a turn; says when it should begin, or none when there are no more.
    pub(super) async fn next(&self) -> Option<Instant> {
        match self {
            Self::Closed { stopped } => (!stopped.get()).then(Instant::now),
            Self::Open { schedule, taken } => {
                schedule.due.acquire().await.ok()?.forget();
                let turn = taken.get();
                taken.set(turn + 1);
                schedule.offsets.get(turn).map(|offset| schedule.start + *offset)
            }
        }
    }

    /// No more turns in a closed loop; an open one ends with its schedule.
    pub(super) fn stop(&self) {
        if let Self::Closed { stopped } = self {
            stopped.set(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_arrival_is_taken_once_and_in_order_and_then_it_is_over() {
        let time = Duration::from_secs(1);
        let start = Instant::now();
        let schedule = Arc::new(Schedule::new(start, time, 100, 2, &mut Random(1)));
        let pacer = Arc::clone(&schedule);
        let paced = tokio::task::spawn_blocking(move || pacer.pace());
        let turns = Turns::Open { schedule, taken: Cell::new(0) };
        let mut last = start;
        for _ in 0..100 {
            let due = turns.next().await.unwrap();
            assert!(last <= due && due <= Instant::now(), "a turn came before its time");
            last = due;
        }
        assert_eq!(turns.next().await, None);
        assert_eq!(turns.next().await, None);
        paced.await.unwrap();
        assert!(last < start + time);
    }
}
