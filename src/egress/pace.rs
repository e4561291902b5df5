//! The pace of one shop at one API: its limit, the stop that the channel asked for, and the careful return afterwards.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

const FULL: u32 = 100;
/// After a stop the rate is this much of what it was …
const CUT: u32 = 70;
const LOWEST: u32 = 10;
/// … and grows by so much in so long.
const STEP: u32 = 5;
const STEP_TIME: Duration = Duration::from_secs(10);
/// Calls that were under way together are refused together: that is one reason to slow down, not several.
const ONE_CUT: Duration = Duration::from_secs(1);

/// Calls in a second and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_second: NonZeroU32,
    pub(super) burst: NonZeroU32,
}

impl Rate {
    /// Time between two calls. Three in a hundred are left unused, because the channel counts when calls arrive and
    /// the way there is not always equally long.
    pub(super) fn emission(self) -> Duration {
        Duration::from_secs(1) * 100 / 97 / self.per_second.get()
    }

    pub(super) fn min(self, other: Self) -> Self {
        Self {
            per_second: self.per_second.min(other.per_second),
            burst: self.burst.min(other.burst),
        }
    }
}

#[derive(Debug)]
pub(super) struct Pace {
    limit: Option<(DefaultDirectRateLimiter, Duration)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    banned_until: Option<Instant>,
    /// Percent of the rate, and since when.
    percent: u32,
    since: Instant,
    last_call: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        let limit = rate.and_then(|rate| {
            let quota = Quota::with_period(rate.emission())?.allow_burst(rate.burst);
            Some((RateLimiter::direct(quota), rate.emission()))
        });
        let state =
            State { banned_until: None, percent: FULL, since: Instant::now(), last_call: None };
        Self { limit, state: Mutex::new(state) }
    }

    /// Stops for as long as the channel said, and is careful afterwards.
    pub(super) fn ban(&self, time: Duration) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let until = now + time;
        state.banned_until = Some(state.banned_until.map_or(until, |known| known.max(until)));
        let percent = state.percent(now);
        let is_same_cut = state.percent < FULL && now < state.since + ONE_CUT;
        if !is_same_cut {
            state.percent = (percent * CUT / 100).max(LOWEST);
        }
        // The rate grows again when the stop is over.
        state.since = until;
    }

    /// How long the stop lasts.
    pub(super) fn banned_for(&self) -> Option<Duration> {
        let until = self.state.lock().banned_until?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Waits for the next call of this pace. For one caller at a time.
    pub(super) async fn ready(&self) {
        loop {
            if let Some(left) = self.banned_for() {
                tokio::time::sleep(left).await;
                continue;
            }
            let Some((limiter, emission)) = &self.limit else { return };
            let slow_until = self.state.lock().slow_until(*emission);
            if let Some(at) = slow_until {
                tokio::time::sleep_until(at).await;
            }
            limiter.until_ready().await;
            // A stop may have come while this call waited.
            if self.banned_for().is_none() {
                self.state.lock().last_call = Some(Instant::now());
                return;
            }
        }
    }
}

impl State {
    fn percent(&self, now: Instant) -> u32 {
        let steps = now.saturating_duration_since(self.since).as_secs() / STEP_TIME.as_secs();
        let grown = u32::try_from(steps).unwrap_or(FULL).saturating_mul(STEP);
        self.percent.saturating_add(grown).min(FULL)
    }

    /// While the rate is reduced there are no bursts: each call keeps its distance from the one before.
    fn slow_until(&self, emission: Duration) -> Option<Instant> {
        let percent = self.percent(Instant::now());
        let last = self.last_call.filter(|_| percent < FULL)?;
        Some(last + emission * FULL / percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stop_the_rate_returns_by_steps() {
        let pace = Pace::new(Some(rate(100, 1)));
        let percent = || pace.state.lock().percent(Instant::now());
        pace.ban(Duration::from_secs(7));
        pace.ban(Duration::from_secs(7));
        assert_eq!(percent(), 70, "two calls of one moment are one reason");
        assert_eq!(pace.banned_for(), Some(Duration::from_secs(7)));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!((pace.banned_for(), percent()), (None, 70));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(percent(), 75);
        pace.ban(Duration::from_secs(1));
        assert_eq!(percent(), 52);
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(2)).await;
            pace.ban(Duration::ZERO);
        }
        assert_eq!(percent(), LOWEST);
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(percent(), FULL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reduced_rate_has_no_bursts() {
        let pace = Pace::new(Some(rate(10, 10)));
        pace.ban(Duration::from_secs(1));
        pace.ready().await;
        let began = Instant::now();
        pace.ready().await;
        pace.ready().await;
        let spacing = rate(10, 10).emission() * 100 / 70;
        assert!(began.elapsed() >= spacing * 2, "{:?}", began.elapsed());
    }
}
