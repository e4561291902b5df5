//! When a day's quota runs out at the rate of the last hour.

use connectors::contract::model::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// What is older says nothing about the rate of now.
const LOOK_BACK: Duration = Duration::from_hours(1);
/// Distance of two readings that are kept.
const STEP: Duration = Duration::from_mins(1);
/// A shorter time says nothing yet.
const ENOUGH: Duration = Duration::from_mins(5);

/// How much was used at which times of this day: at most one reading for each minute of the last hour.
#[derive(Debug, Default)]
pub(super) struct Readings(VecDeque<(Timestamp, u32)>);

impl Readings {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Remembers how much is used now.
    pub(super) fn note(&mut self, now: Timestamp, used: u32) {
        // Somebody gave the day back.
        if self.0.back().is_some_and(|(_, last)| used < *last) {
            self.0.clear();
        }
        let is_due = self.0.back().is_none_or(|(last, _)| now.since(*last) >= STEP);
        if is_due {
            self.0.push_back((now, used));
        }
        // The oldest but one is old enough already.
        while self.0.get(1).is_some_and(|(at, _)| now.since(*at) >= LOOK_BACK) {
            self.0.pop_front();
        }
    }

    /// The moment at which the quota is used up at this rate; none where too little is known or nothing is used.
    pub(super) fn ends(&self, now: Timestamp, used: u32, per_day: u32) -> Option<Timestamp> {
        let (first, then) = *self.0.front()?;
        let passed = now.since(first);
        let spent = used.checked_sub(then).filter(|spent| *spent > 0 && passed >= ENOUGH)?;
        let left = per_day.saturating_sub(used);
        let ms = passed.as_millis() * u128::from(left) / u128::from(spent);
        Some(now.plus(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_unix_ms(0).plus(Duration::from_secs(minutes * 60))
    }

    #[test]
    fn it_goes_on_at_the_rate_of_the_last_hour() {
        let mut readings = Readings::default();
        for minute in 0..=240 {
            // Three hours of one call in a minute, then an hour of ten.
            let used = if minute <= 180 { minute } else { 180 + (minute - 180) * 10 };
            readings.note(at(minute), u32::try_from(used).unwrap());
        }
        assert_eq!(readings.ends(at(240), 780, 1000), Some(at(262)));
        assert!(readings.0.len() <= 62, "{}", readings.0.len());
    }

    #[test]
    fn it_says_nothing_of_a_short_time_or_of_an_idle_one() {
        let mut readings = Readings::default();
        assert_eq!(readings.ends(at(9), 5, 10), None);
        readings.note(at(0), 0);
        assert_eq!(readings.ends(at(4), 5, 10), None);
        assert_eq!(readings.ends(at(5), 5, 10), Some(at(10)));
        assert_eq!(readings.ends(at(5), 0, 10), None);
        assert_eq!(readings.ends(at(5), 10, 10), Some(at(5)));
    }
}
