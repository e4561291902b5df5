//! Limits of one shop: a bucket for each API that has one, and a stop for buckets that the channel banned.

use crate::config::Limit;
use connectors::contract::QuotaSpec;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// Buckets by API name.
#[derive(Debug)]
pub(super) struct Buckets {
    limiters: HashMap<String, DefaultDirectRateLimiter>,
    /// Until when an API may not be called. Names of APIs are a closed set, so this stays small.
    bans: Mutex<HashMap<&'static str, Instant>>,
}

impl Buckets {
    /// The documented limits, each lowered by the config where it says so. The config cannot raise one.
    pub(super) fn new(documented: &[QuotaSpec], lowered: &BTreeMap<String, Limit>) -> Self {
        let mut limits: HashMap<String, (u32, u32)> = documented
            .iter()
            .map(|quota| (quota.api.to_owned(), (quota.per_second, quota.burst)))
            .collect();
        for (api, limit) in lowered {
            let (per_second, burst) = (limit.per_second.get(), limit.burst.get());
            limits
                .entry(api.clone())
                .and_modify(|known| *known = (known.0.min(per_second), known.1.min(burst)))
                .or_insert((per_second, burst));
        }
        let bucket = |(api, (per_second, burst)): (String, (u32, u32))| {
            let one = NonZeroU32::MIN;
            let per_second = NonZeroU32::new(per_second).unwrap_or(one);
            let burst = NonZeroU32::new(burst).unwrap_or(one);
            (api, RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst)))
        };
        let limiters = limits.into_iter().map(bucket).collect();
        Self { limiters, bans: Mutex::default() }
    }

    /// Waits until a call may be made, and tells for how long.
    pub(super) async fn wait(&self, api: &str) -> Duration {
        let began = Instant::now();
        while let Some(until) = self.banned_until(api) {
            tokio::time::sleep_until(until).await;
        }
        if let Some(limiter) = self.limiters.get(api) {
            limiter.until_ready().await;
        }
        began.elapsed()
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
        let documented = [
            QuotaSpec { api: "orders", per_second: 100, burst: 100 },
            QuotaSpec { api: "stock", per_second: 100, burst: 100 },
        ];
        let buckets = Buckets::new(&documented, &BTreeMap::new());
        buckets.ban("orders", Duration::from_secs(7));
        assert!(buckets.wait("orders").await >= Duration::from_secs(7));
        assert!(buckets.wait("stock").await < Duration::from_secs(1));
        buckets.ban("no limit known", Duration::from_secs(3));
        assert!(buckets.wait("no limit known").await >= Duration::from_secs(3));
    }

    #[test]
    fn a_config_lowers_a_limit_and_never_raises_it() {
        let documented = [QuotaSpec { api: "orders", per_second: 2, burst: 1 }];
        let lowered = BTreeMap::from([("orders".to_owned(), limit(50))]);
        let buckets = Buckets::new(&documented, &lowered);
        let limiter = &buckets.limiters["orders"];
        assert!(limiter.check().is_ok());
        assert!(limiter.check().is_err());
    }
}
