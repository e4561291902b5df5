//! Quotas of a day: how much of one may be used by when, and what that means for a call that is less urgent.
//!
//! A day is the channels' day, in China time. Up to the evening peak a quota is used evenly but for a reserve, and the
//! reserve evenly until midnight. Calls that are less urgent keep to this curve; parcels and orders need not, up to the
//! quota itself.

mod count;
mod forecast;
#[cfg(test)]
mod tests;

pub(super) use count::Count;

use crate::shops::Class;
use connectors::contract::model::Timestamp;
use std::num::NonZeroU32;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// When buyers are at home.
const EVENING: Duration = Duration::from_hours(18);
/// The first quarter of an hour is given at midnight, so that a day does not begin with waiting.
const HEAD_START: Duration = Duration::from_mins(15);
/// One in so many calls of the day is left to less urgent ones, also while others use more than the curve has.
const LEAST_SHARE: u32 = 20;

/// A quota and what is kept of it for the evening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DailyQuota {
    pub(super) per_day: NonZeroU32,
    /// At most 100.
    pub(super) reserve_percent: u8,
}

impl DailyQuota {
    /// The part of the quota that is for the time before the evening.
    fn before_evening(self) -> u32 {
        let all = self.per_day.get();
        let percent = 100_u64.saturating_sub(u64::from(self.reserve_percent));
        let part = u64::from(all) * percent / 100;
        u32::try_from(part).unwrap_or(all).clamp(1, all)
    }

    /// How much may be used by a time of the day.
    pub(super) fn curve(self, at: Duration) -> u32 {
        let (all, before) = (self.per_day.get(), self.before_evening());
        if let Some(passed) = at.checked_sub(EVENING) {
            return between(before, all, passed, DAY.saturating_sub(EVENING));
        }
        // Where a quota is small, its first call is there at midnight.
        let first = between(0, before, HEAD_START, EVENING).max(1);
        between(first, before, at, EVENING)
    }

    /// The distance that a call keeps from the one before, where it has to: less urgent calls above the curve, so that
    /// what is left reaches the evening, and then midnight.
    pub(super) fn distance(self, class: Class, at: Duration, used: u32) -> Option<Duration> {
        if !is_less_urgent(class) || used < self.curve(at) {
            return None;
        }
        let all = self.per_day.get();
        let longest = DAY * LEAST_SHARE / all;
        let (end, amount) =
            if at < EVENING { (EVENING, self.before_evening()) } else { (DAY, all) };
        let even = end.saturating_sub(at).checked_div(amount.saturating_sub(used));
        Some(even.map_or(longest, |even| even.min(longest)))
    }
}

/// The value on a straight line from `first` to `last` after a part of the time.
fn between(first: u32, last: u32, passed: Duration, whole: Duration) -> u32 {
    let way = u128::from(last.saturating_sub(first)) * passed.min(whole).as_millis();
    let gone = way.checked_div(whole.as_millis()).unwrap_or_default();
    first.saturating_add(u32::try_from(gone).unwrap_or(u32::MAX))
}

/// Whether calls of a class wait where a day's quota gets short.
fn is_less_urgent(class: Class) -> bool {
    match class {
        Class::Waybill | Class::Poll => false,
        Class::Urgent | Class::Rest => true,
    }
}

/// The channels' day, counted from 1970, and the time since it began.
pub(super) fn day(now: Timestamp) -> (i64, Duration) {
    let day_ms = 24 * 3600 * 1000;
    let local = now.unix_ms().saturating_add(i64::from(Timestamp::CHINA_OFFSET_SECS) * 1000);
    let since = u64::try_from(local.rem_euclid(day_ms)).unwrap_or_default();
    (local.div_euclid(day_ms), Duration::from_millis(since))
}

/// Time that the channels' day still has.
pub(super) fn until_midnight(now: Timestamp) -> Duration {
    DAY.saturating_sub(day(now).1)
}
