//! How much of a day's quota is used, as far as this process knows.

use super::forecast::Readings;
use super::{DAY, DailyQuota, day};
use crate::egress::limits::LONGEST_WAIT;
use crate::shops::Class;
use crate::store::DayLimit;
use crate::telemetry::metrics::Metrics;
use connectors::contract::model::Timestamp;
use parking_lot::Mutex;
use std::time::Duration;

/// The use of one quota, and when less urgent calls were last made above its curve.
#[derive(Debug)]
pub(in crate::egress) struct Count {
    key: String,
    /// Channel, shop and API of the metrics.
    labels: [String; 3],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    quota: DailyQuota,
    day: i64,
    /// What the store said last; it counts for everybody.
    known: u32,
    /// Calls since then that the store has not heard of.
    owed: u32,
    readings: Readings,
    used_up_at: Option<Timestamp>,
    last_urgent: Option<Timestamp>,
    last_rest: Option<Timestamp>,
}

impl Count {
    pub(in crate::egress) fn new(
        key: String,
        labels: [String; 3],
        quota: DailyQuota,
        now: Timestamp,
    ) -> Self {
        let state = State {
            quota,
            day: day(now).0,
            known: 0,
            owed: 0,
            readings: Readings::default(),
            used_up_at: None,
            last_urgent: None,
            last_rest: None,
        };
        Self { key, labels, state: Mutex::new(state) }
    }

    /// Where two configs speak of one quota, the lower one holds.
    pub(in crate::egress) fn lower(&self, quota: DailyQuota) {
        let mut state = self.state.lock();
        if quota.per_day < state.quota.per_day {
            state.quota = quota;
        }
    }

    /// How long a call has to wait because it is less urgent than what is left is meant for. The process is one of
    /// several, and each keeps the distance of its part.
    pub(in crate::egress) fn delay(&self, class: Class, now: Timestamp, parts: u32) -> Duration {
        let mut state = self.state.lock();
        let at = state.roll(now);
        let Some(distance) = state.quota.distance(class, at, state.used()) else {
            return Duration::ZERO;
        };
        // What is sold out waits for its own kind alone, everything else for both.
        let last = match class {
            Class::Rest => state.last_rest.max(state.last_urgent),
            Class::Waybill | Class::Poll | Class::Urgent => state.last_urgent,
        };
        // Nobody was promised a later time than this, whatever the clock did since.
        let last = last.map(|last| last.min(now.plus(LONGEST_WAIT)));
        let next = last.map_or(now, |last| last.plus(distance.saturating_mul(parts)));
        // At midnight everything begins anew.
        next.since(now).min(DAY.saturating_sub(at))
    }

    /// Remembers when a less urgent call is made.
    pub(in crate::egress) fn made(&self, class: Class, at: Timestamp) {
        let mut state = self.state.lock();
        match class {
            Class::Rest => state.last_rest = Some(at),
            Class::Urgent => state.last_urgent = Some(at),
            Class::Waybill | Class::Poll => {}
        }
    }

    /// What the store is to count a call at.
    pub(in crate::egress) fn ask(&self, now: Timestamp) -> DayLimit {
        let mut state = self.state.lock();
        state.roll(now);
        let key = self.key_of(state.day);
        DayLimit { key, per_day: state.quota.per_day.get(), owed: state.owed }
    }

    /// Takes the store's answer.
    pub(in crate::egress) fn learn(&self, asked: &DayLimit, used: u32, now: Timestamp) {
        let mut state = self.state.lock();
        state.roll(now);
        if asked.key == self.key_of(state.day) {
            state.known = used;
            state.owed = state.owed.saturating_sub(asked.owed);
            state.note(now);
        }
    }

    /// Whether this process may make a call that the store does not hear of now: each has its part of what was left when
    /// it last did.
    pub(in crate::egress) fn has_room(&self, now: Timestamp, parts: u32) -> bool {
        let mut state = self.state.lock();
        state.roll(now);
        let left = state.quota.per_day.get().saturating_sub(state.known);
        let room = state.owed < left / parts.max(1);
        if !room && state.used_up_at.is_none() {
            state.used_up_at = Some(now);
        }
        room
    }

    /// Counts such a call.
    pub(in crate::egress) fn take(&self, now: Timestamp) {
        let mut state = self.state.lock();
        state.roll(now);
        state.owed = state.owed.saturating_add(1);
        state.note(now);
    }

    /// Shows use and forecast.
    pub(in crate::egress) fn show(&self, now: Timestamp, metrics: &Metrics) {
        let mut state = self.state.lock();
        state.roll(now);
        let used = state.used();
        state.readings.note(now, used);
        let ends = state.ends(now).map_or(0, |ends| ends.unix_ms() / 1000);
        let labels = self.labels.each_ref().map(String::as_str);
        metrics.daily_quota_used.with_label_values(&labels).set(i64::from(used));
        let per_day = i64::from(state.quota.per_day.get());
        metrics.daily_quota_limit.with_label_values(&labels).set(per_day);
        metrics.daily_quota_ends.with_label_values(&labels).set(ends);
    }

    fn key_of(&self, day: i64) -> String {
        format!("{}:{day}", self.key)
    }
}

impl State {
    fn used(&self) -> u32 {
        self.known.saturating_add(self.owed)
    }

    /// Begins anew where the day is another, and tells the time of the day. A clock that goes back begins nothing.
    fn roll(&mut self, now: Timestamp) -> Duration {
        let (today, at) = day(now);
        if today > self.day {
            self.day = today;
            (self.known, self.owed, self.used_up_at) = (0, 0, None);
            self.readings.clear();
        }
        at
    }

    fn note(&mut self, now: Timestamp) {
        let used = self.used();
        self.readings.note(now, used);
        if used < self.quota.per_day.get() {
            self.used_up_at = None;
        } else if self.used_up_at.is_none() {
            self.used_up_at = Some(now);
        }
    }

    /// When the quota runs out, if that is before midnight.
    fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let forecast = || self.readings.ends(now, self.used(), self.quota.per_day.get());
        self.used_up_at.or_else(forecast).filter(|ends| day(*ends).0 == self.day)
    }
}
