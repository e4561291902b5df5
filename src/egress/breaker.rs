//! Stops calling an API that keeps failing, and lets one call try from time to time.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Calls of this time are judged together.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer calls say nothing.
const ENOUGH: u32 = 20;
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Of one shop and one API.
#[derive(Debug)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug)]
struct State {
    calls: u32,
    failures: u32,
    since: Instant,
    /// Until when nobody calls, and how long the rest is; none while all is well.
    open: Option<(Instant, Duration)>,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened(Duration),
    Closed,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { calls: 0, failures: 0, since: Instant::now(), open: None }))
    }

    /// Lets a call through, or says how long it would have to wait. After a rest one call tries; should it never report,
    /// the next one tries after another rest.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.0.lock();
        match &mut state.open {
            None => Ok(()),
            Some((until, _)) if now < *until => Err(*until - now),
            Some((until, rest)) => {
                *until = now + *rest;
                Ok(())
            }
        }
    }

    /// Counts a call that was admitted.
    pub(super) fn report(&self, failed: bool) -> Option<Change> {
        let now = Instant::now();
        let mut state = self.0.lock();
        if let Some((_, rest)) = state.open {
            if !failed {
                *state = State { calls: 0, failures: 0, since: now, open: None };
                return Some(Change::Closed);
            }
            let rest = (rest * 2).min(LONGEST_REST);
            state.open = Some((now + rest, rest));
            return Some(Change::Opened(rest));
        }
        if now >= state.since + WINDOW {
            // What was before weighs half, so that a window's edge hides nothing.
            let is_recent = now < state.since + WINDOW * 2;
            state.calls = if is_recent { state.calls / 2 } else { 0 };
            state.failures = if is_recent { state.failures / 2 } else { 0 };
            state.since = now;
        }
        state.calls += 1;
        state.failures += u32::from(failed);
        if state.calls < ENOUGH || state.failures * 2 < state.calls {
            return None;
        }
        state.open = Some((now + FIRST_REST, FIRST_REST));
        Some(Change::Opened(FIRST_REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_for_many_failures_rests_longer_each_time_and_closes_with_one_success() {
        let breaker = Breaker::new();
        for _ in 0..19 {
            assert_eq!(breaker.report(true), None, "too few to judge");
        }
        assert_eq!(breaker.report(true), Some(Change::Opened(FIRST_REST)));
        assert_eq!(breaker.admit(), Err(FIRST_REST));
        tokio::time::advance(FIRST_REST).await;
        assert_eq!(breaker.admit(), Ok(()), "one tries");
        assert_eq!(breaker.admit(), Err(FIRST_REST), "and only one");
        assert_eq!(breaker.report(true), Some(Change::Opened(FIRST_REST * 2)));
        tokio::time::advance(FIRST_REST * 2).await;
        assert_eq!(breaker.admit(), Ok(()));
        assert_eq!(breaker.report(false), Some(Change::Closed));
        assert_eq!(breaker.admit(), Ok(()));
        assert_eq!(breaker.report(true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_closed_while_most_calls_succeed() {
        let breaker = Breaker::new();
        for round in 0..1000 {
            assert_eq!(breaker.report(round % 3 == 0), None);
            tokio::time::advance(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_never_reports_does_not_close_the_way_for_ever() {
        let breaker = Breaker::new();
        for _ in 0..20 {
            breaker.report(true);
        }
        tokio::time::advance(FIRST_REST).await;
        assert_eq!(breaker.admit(), Ok(()));
        tokio::time::advance(FIRST_REST).await;
        assert_eq!(breaker.admit(), Ok(()));
    }
}
