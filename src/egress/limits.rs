//! Limits of one shop: its pace at each API, and what it shares with other shops and processes.

use super::gate::Gate;
use super::pace::{Pace, Rate};
use super::shared::SharedLimits;
use crate::config::Limit;
use crate::shops::Class;
use crate::store::{SharedLimit, Slot};
use connectors::contract::{Error, ErrorKind, QuotaSpec, Result};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest stop that a call waits for; its caller has other work meanwhile.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Limits by API name.
#[derive(Debug)]
pub(super) struct Limits {
    documented: &'static [QuotaSpec],
    lowered: BTreeMap<String, Limit>,
    /// Name of the shop among the shared limits.
    shop: String,
    app: Option<Arc<App>>,
    shared: Arc<SharedLimits>,
    /// Made at the first call: most shops never call most of their channel's APIs.
    apis: Mutex<HashMap<&'static str, Arc<Api>>>,
}

/// The limits of an application, which all its shops share.
#[derive(Debug)]
pub(super) struct App {
    name: String,
    limits: BTreeMap<String, Limit>,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

/// One shop at one API.
#[derive(Debug)]
struct Api {
    gate: Arc<Gate>,
    pace: Pace,
    /// The shop's own limit, and those of its application.
    shared: Vec<SharedLimit>,
    app_gates: Vec<Arc<Gate>>,
}

impl App {
    /// The name under which a limit applies to all APIs together.
    pub(super) const ALL: &'static str = "*";

    /// An application, by a name that is the same in every process.
    pub(super) fn new(name: String, limits: BTreeMap<String, Limit>) -> Self {
        Self { name, limits, gates: Mutex::default() }
    }

    /// The limits that an API falls under, the narrower first.
    fn limits<'a>(&'a self, api: &'a str) -> impl Iterator<Item = (&'a str, Limit)> {
        let named = [api, Self::ALL].into_iter();
        named.filter_map(|name| Some((name, *self.limits.get(name)?)))
    }

    fn gate(&self, name: &str) -> Arc<Gate> {
        Arc::clone(self.gates.lock().entry(name.to_owned()).or_default())
    }
}

impl Limits {
    /// The documented limits, each lowered by the config where it says so. The config cannot raise one.
    pub(super) fn new(
        documented: &'static [QuotaSpec],
        lowered: &BTreeMap<String, Limit>,
        shop: String,
        app: Option<Arc<App>>,
        shared: Arc<SharedLimits>,
    ) -> Self {
        Self { documented, lowered: lowered.clone(), shop, app, shared, apis: Mutex::default() }
    }

    fn api(&self, api: &'static str) -> Arc<Api> {
        Arc::clone(self.apis.lock().entry(api).or_insert_with(|| Arc::new(self.make(api))))
    }

    fn make(&self, api: &str) -> Api {
        let rate = self.rate(api);
        let name = |owner: &str, api: &str| [owner, ":", api].concat();
        let app = self.app.as_ref();
        let of_app: Vec<_> = app.iter().flat_map(|app| app.limits(api)).collect();
        let own = rate.filter(|_| self.shared.are_shared() || !of_app.is_empty());
        let mut shared: Vec<SharedLimit> =
            own.map(|rate| to_share(name(&self.shop, api), rate)).into_iter().collect();
        let mut app_gates = Vec::new();
        for (app, (api, limit)) in app.into_iter().cycle().zip(of_app) {
            shared.push(to_share(name(&app.name, api), Rate::from(limit)));
            app_gates.push(app.gate(api));
        }
        Api { gate: Arc::default(), pace: Pace::new(rate), shared, app_gates }
    }

    /// The rate of an API; none where it has no limit.
    fn rate(&self, api: &str) -> Option<Rate> {
        let documented = self.documented.iter().find(|quota| quota.api == api).map(|quota| {
            let one = NonZeroU32::MIN;
            Rate {
                per_second: NonZeroU32::new(quota.per_second).unwrap_or(one),
                burst: NonZeroU32::new(quota.burst).unwrap_or(one),
            }
        });
        let lowered = self.lowered.get(api).copied().map(Rate::from);
        match (documented, lowered) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Waits until a call may be made, and tells for how long. A stop of more than [`LONGEST_WAIT`] is not waited for:
    /// that is [`ErrorKind::Throttled`], and nothing was sent.
    pub(super) async fn wait(&self, api: &'static str, class: Class) -> Result<Duration> {
        let began = Instant::now();
        let api = self.api(api);
        let _turn = api.gate.turn(class).await;
        loop {
            if let Some(left) = api.pace.banned_for().filter(|left| *left > LONGEST_WAIT) {
                let kind = ErrorKind::Throttled { retry_after: Some(left) };
                return Err(Error::new(kind, "the channel stopped this API for a while"));
            }
            api.pace.ready().await;
            let mut turns = Vec::new();
            for gate in &api.app_gates {
                turns.push(gate.turn(class).await);
            }
            if !api.shared.is_empty() {
                match self.shared.reserve(&api.shared).await {
                    Slot::After(delay) => tokio::time::sleep(delay).await,
                    Slot::AskAgain(delay) => {
                        drop(turns);
                        tokio::time::sleep(delay.min(LONGEST_WAIT)).await;
                        continue;
                    }
                }
            }
            // A stop may have come while this call waited for its turn.
            if api.pace.banned_for().is_none() {
                return Ok(began.elapsed());
            }
        }
    }

    /// Stops the API for as long as the channel said, in every process.
    pub(super) async fn ban(&self, api: &'static str, time: Duration) {
        let api = self.api(api);
        api.pace.ban(time);
        if let Some(own) = api.shared.first() {
            self.shared.ban(&own.key, time).await;
        }
    }
}

impl From<Limit> for Rate {
    fn from(limit: Limit) -> Self {
        Self { per_second: limit.per_second, burst: limit.burst }
    }
}

fn to_share(key: String, rate: Rate) -> SharedLimit {
    SharedLimit { key, emission: rate.emission(), burst: rate.burst.get() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn limit(per_second: u32, burst: u32) -> Limit {
        Limit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn shared() -> Arc<SharedLimits> {
        let metrics = Arc::new(Metrics::try_new().unwrap());
        Arc::new(SharedLimits::new(None, NonZeroU32::MIN, metrics))
    }

    fn alone(documented: &'static [QuotaSpec], lowered: &BTreeMap<String, Limit>) -> Limits {
        Limits::new(documented, lowered, "shop".to_owned(), None, shared())
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_stops_its_own_api_for_as_long_as_the_channel_said() {
        const DOCUMENTED: &[QuotaSpec] = &[
            QuotaSpec { api: "orders", per_second: 100, burst: 100 },
            QuotaSpec { api: "stock", per_second: 100, burst: 100 },
        ];
        let limits = alone(DOCUMENTED, &BTreeMap::new());
        limits.ban("orders", Duration::from_secs(7)).await;
        assert!(limits.wait("orders", Class::Poll).await.unwrap() >= Duration::from_secs(7));
        assert!(limits.wait("stock", Class::Poll).await.unwrap() < Duration::from_secs(1));
        limits.ban("no limit known", Duration::from_secs(3)).await;
        let waited = limits.wait("no limit known", Class::Poll).await.unwrap();
        assert!(waited >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_ban_is_not_waited_for() {
        let limits = alone(&[], &BTreeMap::new());
        limits.ban("orders", Duration::from_hours(1)).await;
        let refused = limits.wait("orders", Class::Poll).await.unwrap_err();
        assert_eq!(refused.kind().retry_after(), Some(Duration::from_hours(1)));
    }

    #[tokio::test]
    async fn a_ban_that_comes_while_a_call_waits_for_its_turn_holds_for_that_call_too() {
        const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 4, burst: 1 }];
        let limits = alone(DOCUMENTED, &BTreeMap::new());
        limits.wait("orders", Class::Poll).await.unwrap();
        let ban = Duration::from_millis(600);
        let (waited, ()) =
            tokio::join!(limits.wait("orders", Class::Poll), limits.ban("orders", ban));
        assert!(waited.unwrap() >= ban);
    }

    #[tokio::test]
    async fn a_config_lowers_a_limit_and_never_raises_it() {
        const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 2, burst: 1 }];
        let lowered = BTreeMap::from([
            ("orders".to_owned(), limit(50, 50)),
            ("others".to_owned(), limit(3, 4)),
        ]);
        let limits = alone(DOCUMENTED, &lowered);
        assert_eq!(limits.rate("orders"), Some(Rate::from(limit(2, 1))));
        assert_eq!(limits.rate("others"), Some(Rate::from(limit(3, 4))));
        assert_eq!(limits.rate("no limit known"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn shops_of_one_application_share_its_limit() {
        const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 97, burst: 97 }];
        let (shared, none) = (shared(), BTreeMap::new());
        let of_app = BTreeMap::from([(App::ALL.to_owned(), limit(10, 1))]);
        let app = Arc::new(App::new("app".to_owned(), of_app));
        let shop = |name: &str| {
            let (app, shared) = (Some(Arc::clone(&app)), Arc::clone(&shared));
            Limits::new(DOCUMENTED, &none, name.to_owned(), app, shared)
        };
        let (one, other) = (shop("one"), shop("other"));
        let began = Instant::now();
        for _ in 0..5 {
            one.wait("orders", Class::Poll).await.unwrap();
            other.wait("refunds", Class::Poll).await.unwrap();
        }
        let spacing = Rate::from(limit(10, 1)).emission();
        assert!(began.elapsed() >= spacing * 9, "{:?}", began.elapsed());
        assert!(began.elapsed() <= spacing * 10, "{:?}", began.elapsed());
    }
}
