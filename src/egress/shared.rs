//! Limits that shops or processes share: reserved in the store, or, while it is away, each process keeps to its part.

use super::limits::App;
use crate::config::Limit;
use crate::store::{SharedLimit, Slot, Slots};
use crate::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A store that did not answer is not asked again for so long.
const REST: Duration = Duration::from_secs(1);
/// A wider limit is not reserved this much before the narrower one allows the call.
const TOGETHER: Duration = Duration::from_millis(20);
/// Names kept before those that no longer matter are forgotten.
const NAMES: usize = 50_000;

/// Where calls reserve their time.
#[derive(Debug)]
pub struct SharedLimits {
    store: Option<Arc<dyn Slots>>,
    /// Processes that share the limits.
    processes: u32,
    here: Local,
    apps: Mutex<HashMap<(&'static str, String), Arc<App>>>,
    resting_until: Mutex<Option<Instant>>,
    metrics: Arc<Metrics>,
}

impl SharedLimits {
    /// Limits of so many processes, reserved in the store if there is one.
    pub fn new(
        store: Option<Arc<dyn Slots>>,
        processes: NonZeroU32,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            processes: processes.get(),
            here: Local::default(),
            apps: Mutex::default(),
            resting_until: Mutex::default(),
            metrics,
        }
    }

    /// The application of this name at a channel; none where it has no limits.
    pub(super) fn app(
        &self,
        channel: &'static str,
        name: String,
        limits: &BTreeMap<String, Limit>,
    ) -> Option<Arc<App>> {
        if limits.is_empty() {
            return None;
        }
        let mut apps = self.apps.lock();
        let make = || Arc::new(App::new(name.clone(), limits.clone()));
        Some(Arc::clone(apps.entry((channel, name.clone())).or_insert_with(make)))
    }

    /// Whether other processes may call for the same shop.
    pub(super) fn are_shared(&self) -> bool {
        self.store.is_some()
    }

    /// Reserves; never fails.
    pub(super) async fn reserve(&self, limits: &[SharedLimit]) -> Slot {
        let Some(store) = &self.store else { return self.here.reserve(limits, 1) };
        let is_resting = self.resting_until.lock().is_some_and(|until| Instant::now() < until);
        if !is_resting {
            match store.reserve(limits).await {
                Ok(slot) => return slot,
                Err(error) => self.rest(&error),
            }
        }
        self.here.reserve(limits, self.processes)
    }

    /// Stops everybody who shares the limit.
    pub(super) async fn ban(&self, key: &str, time: Duration) {
        if let Some(store) = &self.store
            && let Err(error) = store.ban(key, time).await
        {
            self.rest(&error);
        }
    }

    fn rest(&self, error: &crate::store::Error) {
        self.metrics.limits_alone.inc();
        let until = Instant::now() + REST;
        if self.resting_until.lock().replace(until).is_none() {
            tracing::warn!(%error, processes = self.processes, "limits cannot be shared by the store; this process keeps to its part");
        }
    }
}

/// The same reservation within this process.
#[derive(Debug, Default)]
struct Local(Mutex<HashMap<String, Instant>>);

impl Local {
    fn reserve(&self, limits: &[SharedLimit], parts: u32) -> Slot {
        let now = Instant::now();
        let mut times = self.0.lock();
        let (mut delay, mut last) = (Duration::ZERO, Duration::ZERO);
        for limit in limits {
            let time = times.get(&limit.key).map_or(now, |time| now.max(*time));
            let burst = (limit.burst / parts).max(1);
            let lead = limit.emission * parts * (burst - 1);
            last = (time - now).saturating_sub(lead);
            delay = delay.max(last);
        }
        if delay > last + TOGETHER {
            return Slot::AskAgain(delay);
        }
        if times.len() > NAMES {
            times.retain(|_, time| *time > now);
        }
        for limit in limits {
            let time = times.entry(limit.key.clone()).or_insert(now);
            *time = (*time).max(now + delay) + limit.emission * parts;
        }
        Slot::After(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMISSION: Duration = Duration::from_millis(100);

    fn limit(key: &str, burst: u32) -> SharedLimit {
        SharedLimit { key: key.to_owned(), emission: EMISSION, burst }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_each_call_has_its_time() {
        let here = Local::default();
        let slots: Vec<Slot> = (0..5).map(|_| here.reserve(&[limit("app", 3)], 1)).collect();
        let after = |times| Slot::After(EMISSION * times);
        assert_eq!(slots, [after(0), after(0), after(0), after(1), after(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_a_part_of_rate_and_burst() {
        let here = Local::default();
        let slots: Vec<Slot> = (0..4).map(|_| here.reserve(&[limit("app", 6)], 3)).collect();
        let after = |times| Slot::After(EMISSION * times);
        assert_eq!(slots, [after(0), after(0), after(3), after(6)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wide_limit_is_not_spent_on_a_call_that_waits_for_a_narrow_one() {
        let here = Local::default();
        let both = [limit("shop", 1), limit("app", 2)];
        assert_eq!(here.reserve(&both, 1), Slot::After(Duration::ZERO));
        assert_eq!(here.reserve(&both, 1), Slot::AskAgain(EMISSION));
        assert_eq!(
            here.reserve(&[limit("other shop", 1), limit("app", 2)], 1),
            Slot::After(Duration::ZERO)
        );
    }
}
