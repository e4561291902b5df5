//! Limits of one shop: a bucket for each API that has one, and a stop for buckets that the channel banned.

use crate::config::Limit;
use connectors::contract::QuotaSpec;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Buckets by API name.
#[derive(Debug)]
pub(super) struct Buckets {
    documented: &'static [QuotaSpec],
    lowered: BTreeMap<String, Limit>,
    /// Made at the first call: most shops never call most of their channel's APIs.
    limiters: Mutex<HashMap<&'static str, Option<Arc<DefaultDirectRateLimiter>>>>,
    /// Until when an API may not be called. Names of APIs are a closed set, so this stays small.
    bans: Mutex<HashMap<&'static str, Instant>>,
}

impl Buckets {
    /// The documented limits, each lowered by the config where it says so. The config cannot raise one.
    pub(super) fn new(documented: &'static [QuotaSpec], lowered: &BTreeMap<String, Limit>) -> Self {
        Self {
            documented,
            lowered: lowered.clone(),
            limiters: Mutex::default(),
            bans: Mutex::default(),
        }
    }

    /// The limiter of an API; none where it has no limit.
    fn limiter(&self, api: &'static str) -> Option<Arc<DefaultDirectRateLimiter>> {
        self.limiters.lock().entry(api).or_insert_with(|| self.make(api)).clone()
    }

    fn make(&self, api: &str) -> Option<Arc<DefaultDirectRateLimiter>> {
        let documented = self.documented.iter().find(|quota| quota.api == api);
        let documented = documented.map(|quota| (quota.per_second, quota.burst));
        let lowered = self.lowered.get(api);
        let lowered = lowered.map(|limit| (limit.per_second.get(), limit.burst.get()));
        let (per_second, burst) = match (documented, lowered) {
            (Some(one), Some(other)) => (one.0.min(other.0), one.1.min(other.1)),
            (one, other) => one.or(other)?,
        };
        let one = NonZeroU32::MIN;
        let per_second = NonZeroU32::new(per_second).unwrap_or(one);
        let burst = NonZeroU32::new(burst).unwrap_or(one);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Some(Arc::new(RateLimiter::direct(quota)))
    }

    /// Waits until a call may be made, and tells for how long.
    pub(super) async fn wait(&self, api: &'static str) -> Duration {
        let began = Instant::now();
        loop {
            while let Some(until) = self.banned_until(api) {
                tokio::time::sleep_until(until).await;
            }
            if let Some(limiter) = self.limiter(api) {
                limiter.until_ready().await;
            }
            // A ban may have come while this call waited for its turn.
            if self.banned_until(api).is_none() {
                return began.elapsed();
            }
        }
    }

    /// Stops the bucket for as long as the channel said.
    pub(super) fn ban(&self, api: &'static str, time: Duration) {
        let until = Instant::now() + time;
        let mut bans = self.bans.lock();
        let known = bans.entry(api).or_insert(until);
        *known = until.max(*known);
    }

    fn banned_until(&self, api: &str) -> Option<Instant> {
        self.bans.lock().get(api).copied().filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32) -> Limit {
        let number = NonZeroU32::new(per_second).unwrap();
        Limit { per_second: number, burst: number }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_stops_its_own_bucket_for_as_long_as_the_channel_said() {
        const DOCUMENTED: &[QuotaSpec] = &[
            QuotaSpec { api: "orders", per_second: 100, burst: 100 },
            QuotaSpec { api: "stock", per_second: 100, burst: 100 },
        ];
        let buckets = Buckets::new(DOCUMENTED, &BTreeMap::new());
        buckets.ban("orders", Duration::from_secs(7));
        assert!(buckets.wait("orders").await >= Duration::from_secs(7));
        assert!(buckets.wait("stock").await < Duration::from_secs(1));
        buckets.ban("no limit known", Duration::from_secs(3));
        assert!(buckets.wait("no limit known").await >= Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_ban_that_comes_while_a_call_waits_for_its_turn_holds_for_that_call_too() {
        const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 4, burst: 1 }];
        let buckets = Buckets::new(DOCUMENTED, &BTreeMap::new());
        buckets.wait("orders").await;
        let ban = Duration::from_millis(600);
        let (waited, ()) = tokio::join!(buckets.wait("orders"), async {
            buckets.ban("orders", ban);
        });
        assert!(waited >= ban, "{waited:?}");
    }

    #[test]
    fn a_config_lowers_a_limit_and_never_raises_it() {
        const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 2, burst: 1 }];
        let lowered = BTreeMap::from([("orders".to_owned(), limit(50))]);
        let buckets = Buckets::new(DOCUMENTED, &lowered);
        let limiter = buckets.limiter("orders").unwrap();
        assert!(limiter.check().is_ok());
        assert!(limiter.check().is_err());
        assert!(buckets.limiter("orders").unwrap().check().is_err(), "there is one of it");
        assert!(buckets.limiter("no limit known").is_none());
    }
}
