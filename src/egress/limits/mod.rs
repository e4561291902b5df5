//! Limits of one shop: its pace at each API, and what it shares with other shops and processes.

#[cfg(test)]
mod tests;

use super::daily::{Count, until_midnight};
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
/// Longest time after which a caller is told to come back that waits for the day's quota: somebody may have given more.
const LOOK_AGAIN: Duration = Duration::from_mins(15);

/// Whose limits they are.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) channel: &'static str,
    /// A name that is the same in every process.
    pub(super) name: String,
    /// What metrics call it, as a shop of its channel.
    pub(super) label: String,
}

impl Owner {
    /// The name of one limit.
    pub(super) fn limit(&self, api: &str) -> String {
        [&self.name, ":", api].concat()
    }
}

/// Limits by API name.
#[derive(Debug)]
pub(super) struct Limits {
    documented: &'static [QuotaSpec],
    lowered: BTreeMap<String, Limit>,
    /// The shop.
    owner: Owner,
    app: Option<Arc<App>>,
    shared: Arc<SharedLimits>,
    /// Made at the first call: most shops never call most of their channel's APIs.
    apis: Mutex<HashMap<&'static str, Arc<Api>>>,
}

/// The limits of an application, which all its shops share.
#[derive(Debug)]
pub(super) struct App {
    owner: Owner,
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
    /// Quotas of the day among these.
    counts: Vec<Arc<Count>>,
}

impl App {
    /// The name under which a limit applies to all APIs together.
    pub(super) const ALL: &'static str = "*";

    pub(super) fn new(owner: Owner, limits: BTreeMap<String, Limit>) -> Self {
        Self { owner, limits, gates: Mutex::default() }
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
        owner: Owner,
        app: Option<Arc<App>>,
        shared: Arc<SharedLimits>,
    ) -> Self {
        shared.count_all(&owner, lowered);
        Self { documented, lowered: lowered.clone(), owner, app, shared, apis: Mutex::default() }
    }

    fn api(&self, api: &'static str) -> Arc<Api> {
        Arc::clone(self.apis.lock().entry(api).or_insert_with(|| Arc::new(self.make(api))))
    }

    fn make(&self, api: &str) -> Api {
        let rate = self.rate(api);
        let app = self.app.as_ref();
        let of_app: Vec<_> = app.iter().flat_map(|app| app.limits(api)).collect();
        let own = self.lowered.get(api).and_then(|own| self.shared.count(&self.owner, api, *own));
        let mut counts: Vec<_> = own.into_iter().collect();
        let is_reserved = self.shared.are_shared() || !of_app.is_empty() || !counts.is_empty();
        let own = rate.filter(|_| is_reserved);
        let mut shared: Vec<SharedLimit> =
            own.map(|rate| to_share(self.owner.limit(api), rate)).into_iter().collect();
        let mut app_gates = Vec::new();
        for (app, (api, limit)) in app.into_iter().cycle().zip(of_app) {
            shared.push(to_share(app.owner.limit(api), Rate::from(limit)));
            app_gates.push(app.gate(api));
            counts.extend(self.shared.count(&app.owner, api, limit));
        }
        Api { gate: Arc::default(), pace: Pace::new(rate), shared, app_gates, counts }
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
        // Who waits for the day has no turn, and keeps nobody from his.
        self.spread(&api, class).await?;
        while !self.reserve(&api, class).await? {
            let text = "the day's quota is used up; the next begins at midnight in China";
            wait_or_refuse(until_midnight(self.shared.now()), text).await?;
        }
        Ok(began.elapsed())
    }

    /// Waits where the day's quota is to last longer than it would with this call.
    async fn spread(&self, api: &Api, class: Class) -> Result<()> {
        if api.counts.is_empty() {
            return Ok(());
        }
        let (now, parts) = (self.shared.now(), self.shared.parts());
        let delays = api.counts.iter().map(|count| count.delay(class, now, parts));
        let delay = delays.max().unwrap_or_default();
        if delay <= LONGEST_WAIT {
            for count in &api.counts {
                count.made(class, now.plus(delay));
            }
        }
        let text = "what is left of the day's quota is kept for later and for what is more urgent";
        wait_or_refuse(delay, text).await
    }

    /// Waits for the limits and reserves a call; `false` where a quota of the day is used up.
    async fn reserve(&self, api: &Api, class: Class) -> Result<bool> {
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
                match self.shared.reserve(&api.shared, &api.counts).await {
                    Slot::UsedUp => return Ok(false),
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
                return Ok(true);
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

/// Waits for a time that is short enough for it; for a longer one the caller is to come back.
async fn wait_or_refuse(delay: Duration, text: &'static str) -> Result<()> {
    if delay > LONGEST_WAIT {
        let kind = ErrorKind::Throttled { retry_after: Some(delay.min(LOOK_AGAIN)) };
        return Err(Error::new(kind, text));
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(())
}

fn to_share(key: String, rate: Rate) -> SharedLimit {
    SharedLimit { key, emission: rate.emission(), burst: rate.burst.get() }
}
