//! Limits that shops or processes share: reserved in the store, or, while it is away, each process keeps to its part.

use super::daily::{Count, DailyQuota};
use super::limits::{App, Owner};
use crate::clock::Clock;
use crate::config::{Egress, Limit};
use crate::shutdown::Shutdown;
use crate::store::{DayLimit, Error, SharedLimit, Slot, Slots};
use crate::telemetry::metrics::Metrics;
use connectors::contract::model::Timestamp;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A store that did not answer is not asked again for so long.
const REST: Duration = Duration::from_secs(1);
/// A wider limit is not reserved this much before the narrower one allows the call.
const TOGETHER: Duration = Duration::from_millis(20);
/// Names kept before those that no longer matter are forgotten.
const NAMES: usize = 50_000;
/// How often use and forecast of the days' quotas are shown.
const SHOW: Duration = Duration::from_secs(15);

/// Where calls reserve their time.
#[derive(Debug)]
pub struct SharedLimits {
    store: Option<Arc<dyn Slots>>,
    /// Processes that share the limits.
    processes: u32,
    reserve_percent: u8,
    here: Local,
    apps: Mutex<HashMap<(&'static str, String), Arc<App>>>,
    /// Quotas of the day by the name of their limit, each once in a process.
    counts: Mutex<HashMap<String, Arc<Count>>>,
    resting_until: Mutex<Option<Instant>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl SharedLimits {
    /// Limits of the processes that the settings speak of, reserved in the store if there is one.
    pub fn new(
        store: Option<Arc<dyn Slots>>,
        settings: &Egress,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            processes: settings.processes.get(),
            reserve_percent: settings.evening_reserve_percent,
            here: Local::default(),
            apps: Mutex::default(),
            counts: Mutex::default(),
            resting_until: Mutex::default(),
            clock,
            metrics,
        }
    }

    /// Shows the use of the days' quotas, and when they run out, until the gateway goes down.
    pub fn watch(self: &Arc<Self>, shutdown: &Shutdown) {
        if self.counts.lock().is_empty() {
            return;
        }
        let (limits, stop) = (Arc::clone(self), shutdown.clone());
        shutdown.spawn(async move {
            loop {
                limits.show();
                tokio::select! {
                    () = stop.stopped() => return,
                    () = tokio::time::sleep(SHOW) => {}
                }
            }
        });
    }

    fn show(&self) {
        let now = self.clock.now();
        for count in self.counts.lock().values() {
            count.show(now, &self.metrics);
        }
    }

    /// The application of this name at a channel; none where it has no limits.
    pub(super) fn app(&self, owner: Owner, limits: &BTreeMap<String, Limit>) -> Option<Arc<App>> {
        if limits.is_empty() {
            return None;
        }
        self.count_all(&owner, limits);
        let mut apps = self.apps.lock();
        let named = (owner.channel, owner.name.clone());
        Some(Arc::clone(
            apps.entry(named).or_insert_with(|| Arc::new(App::new(owner, limits.clone()))),
        ))
    }

    /// The count of a limit's quota of the day; none where it has no such quota.
    pub(super) fn count(&self, owner: &Owner, api: &str, limit: Limit) -> Option<Arc<Count>> {
        let reserve_percent = self.reserve_percent;
        let quota = DailyQuota { per_day: limit.per_day?, reserve_percent };
        let mut counts = self.counts.lock();
        let count = counts.entry(owner.limit(api)).or_insert_with_key(|key| {
            let labels = [owner.channel.to_owned(), owner.label.clone(), api.to_owned()];
            Arc::new(Count::new(key.clone(), labels, quota, self.clock.now()))
        });
        count.lower(quota);
        Some(Arc::clone(count))
    }

    /// Makes the counts of these limits now, so that they are shown before the first call.
    pub(super) fn count_all(&self, owner: &Owner, limits: &BTreeMap<String, Limit>) {
        for (api, limit) in limits {
            self.count(owner, api, *limit);
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Processes among which distances of calls are divided.
    pub(super) fn parts(&self) -> u32 {
        if self.are_shared() { self.processes } else { 1 }
    }

    /// Whether other processes may call for the same shop.
    pub(super) fn are_shared(&self) -> bool {
        self.store.is_some()
    }

    /// Reserves, and counts at the quotas of the day; never fails. For one caller at a time at each of them.
    pub(super) async fn reserve(&self, limits: &[SharedLimit], counts: &[Arc<Count>]) -> Slot {
        let is_resting = self.resting_until.lock().is_some_and(|until| Instant::now() < until);
        if let Some(store) = self.store.as_ref().filter(|_| !is_resting) {
            let now = self.clock.now();
            let days: Vec<DayLimit> = counts.iter().map(|count| count.ask(now)).collect();
            match store.reserve(limits, &days).await {
                Ok(reserved) => {
                    for ((count, day), used) in counts.iter().zip(&days).zip(reserved.used) {
                        count.learn(day, used, now);
                    }
                    return reserved.slot;
                }
                Err(error) => self.rest(&error),
            }
        }
        self.reserve_here(limits, counts)
    }

    fn reserve_here(&self, limits: &[SharedLimit], counts: &[Arc<Count>]) -> Slot {
        let (now, parts) = (self.clock.now(), self.parts());
        if !counts.iter().all(|count| count.has_room(now, parts)) {
            return Slot::UsedUp;
        }
        let slot = self.here.reserve(limits, parts);
        if let Slot::After(_) = slot {
            for count in counts {
                count.take(now);
            }
        }
        slot
    }

    /// Stops everybody who shares the limit.
    pub(super) async fn ban(&self, key: &str, time: Duration) {
        if let Some(store) = &self.store
            && let Err(error) = store.ban(key, time).await
        {
            self.rest(&error);
        }
    }

    fn rest(&self, error: &Error) {
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
