//! Curve, distances and counts over whole days.

use super::*;
use crate::store::DayLimit;
use crate::telemetry::metrics::Metrics;
use proptest::prelude::*;

fn quota(per_day: u32, reserve_percent: u8) -> DailyQuota {
    DailyQuota { per_day: NonZeroU32::new(per_day).unwrap(), reserve_percent }
}

fn at(hours: u64, minutes: u64) -> Duration {
    Duration::from_secs((hours * 60 + minutes) * 60)
}

fn china(text: &str) -> Timestamp {
    Timestamp::parse_china(text).unwrap()
}

fn count(per_day: u32, now: Timestamp) -> Count {
    let labels = ["channel", "shop", "api"].map(str::to_owned);
    Count::new("shop:api".to_owned(), labels, quota(per_day, 40), now)
}

/// What the store would answer.
fn answer(count: &Count, used: u32, now: Timestamp) -> DayLimit {
    let asked = count.ask(now);
    count.learn(&asked, used, now);
    asked
}

/// Used, limit and forecast as they are shown.
fn shown(count: &Count, now: Timestamp) -> [i64; 3] {
    let metrics = Metrics::try_new().unwrap();
    count.show(now, &metrics);
    [&metrics.daily_quota_used, &metrics.daily_quota_limit, &metrics.daily_quota_ends]
        .map(|gauge| gauge.with_label_values(&["channel", "shop", "api"]).get())
}

#[test]
fn a_day_begins_at_midnight_in_china() {
    let (today, since) = day(china("2026-11-11 00:00:00"));
    assert_eq!(since, Duration::ZERO);
    let last = Duration::from_secs(86_399);
    assert_eq!(day(china("2026-11-10 23:59:59")), (today - 1, last));
    assert_eq!(until_midnight(china("2026-11-11 21:40:00")), at(2, 20));
    assert_eq!(until_midnight(china("2026-11-11 00:00:00")), DAY);
}

#[test]
fn what_is_kept_for_the_evening_is_there_at_six_and_gone_at_midnight() {
    let quota = quota(100_000, 40);
    assert_eq!(quota.curve(at(0, 0)), 833);
    assert_eq!(quota.curve(at(9, 0)), 30_416);
    assert_eq!(quota.curve(at(18, 0)), 60_000);
    assert_eq!(quota.curve(at(21, 0)), 80_000);
    assert_eq!(quota.curve(DAY), 100_000);
}

#[test]
fn less_urgent_calls_go_on_at_the_rate_that_the_rest_of_the_day_allows() {
    let quota = quota(100_000, 40);
    let rest = |at, used| quota.distance(Class::Rest, at, used);
    assert_eq!(rest(at(12, 0), 40_000), None);
    assert_eq!(rest(at(12, 0), 49_200), Some(Duration::from_secs(2)));
    assert_eq!(rest(at(21, 0), 89_200), Some(Duration::from_secs(1)));
    // The reserve is touched: nobody else gets it, but for a twentieth of the mean rate.
    let longest = Duration::from_millis(17_280);
    assert_eq!(rest(at(12, 0), 60_000), Some(longest));
    assert_eq!(rest(at(12, 0), 100_000), Some(longest));
    assert_eq!(quota.distance(Class::Urgent, at(12, 0), 60_000), Some(longest));
    for class in [Class::Waybill, Class::Poll] {
        assert_eq!(quota.distance(class, at(12, 0), 99_999), None);
    }
}

#[test]
fn what_is_sold_out_waits_for_its_own_kind_alone() {
    let now = china("2026-11-11 12:00:00");
    let count = count(100_000, now);
    answer(&count, 49_200, now);
    count.made(Class::Rest, now);
    assert_eq!(count.delay(Class::Urgent, now, 1), Duration::ZERO);
    assert_eq!(count.delay(Class::Rest, now, 1), Duration::from_secs(2));
    assert_eq!(count.delay(Class::Rest, now, 3), Duration::from_secs(6), "a third of the rate");
    let later = now.plus(Duration::from_secs(2));
    count.made(Class::Urgent, later);
    // As much is left, and a little less time.
    for class in [Class::Urgent, Class::Rest] {
        assert_eq!(count.delay(class, later, 1), Duration::from_millis(1999), "{class:?}");
    }
    assert_eq!(count.delay(Class::Poll, later, 1), Duration::ZERO);
    // A clock that was set back by an hour stops nobody for an hour.
    let back = now.minus(at(1, 0));
    assert!(count.delay(Class::Rest, back, 1) < at(0, 2));
}

#[test]
fn calls_made_without_the_store_are_told_to_it_once() {
    let now = china("2026-11-11 12:00:00");
    let count = count(100, now);
    assert_eq!(answer(&count, 40, now).owed, 0);
    // A third of the sixty that were left.
    for _ in 0..20 {
        assert!(count.has_room(now, 3));
        count.take(now);
    }
    assert!(!count.has_room(now, 3));
    let asked = count.ask(now);
    assert_eq!((asked.owed, asked.per_day), (20, 100));
    // One more, while the answer is on its way.
    count.take(now);
    count.learn(&asked, 61, now);
    assert_eq!(count.ask(now).owed, 1);
    assert_eq!(shown(&count, now), [62, 100, 0]);
    // An answer of yesterday says nothing of today.
    let tomorrow = china("2026-11-12 00:00:01");
    assert_ne!(count.ask(tomorrow).key, asked.key);
    count.learn(&asked, 61, tomorrow);
    assert_eq!(shown(&count, tomorrow), [0, 100, 0]);
}

/// What was used at 20:40 and at 21:10.
fn count_of_two_readings(first: u32, second: u32) -> Count {
    let now = china("2026-11-11 20:40:00");
    let count = count(1000, now);
    answer(&count, first, now);
    answer(&count, second, now.plus(at(0, 30)));
    count
}

#[test]
fn the_forecast_is_a_moment_of_this_day_or_nothing() {
    let now = china("2026-11-11 20:40:00");
    let later = now.plus(at(0, 30));
    let count = count_of_two_readings(500, 750);
    let ends = china("2026-11-11 21:40:00").unix_ms() / 1000;
    assert_eq!(shown(&count, later), [750, 1000, ends]);
    // A little slower, and it lasts until midnight.
    let slower = count_of_two_readings(500, 574);
    assert_eq!(shown(&slower, later), [574, 1000, 0]);
    // Nobody calls any more: it ends later and later, and at last not at all.
    assert_eq!(shown(&count, now.plus(at(3, 0)))[2], 0);
    // It is used up: since when stays what it was.
    let end = now.plus(at(3, 5));
    answer(&count, 1000, end);
    assert_eq!(shown(&count, end.plus(at(0, 10)))[2], end.unix_ms() / 1000);
    // The day was given back by hand.
    answer(&count, 0, end);
    assert_eq!(shown(&count, end), [0, 1000, 0]);
}

#[test]
fn the_lower_of_two_quotas_holds() {
    let now = china("2026-11-11 12:00:00");
    let count = count(100, now);
    count.lower(quota(200, 40));
    count.lower(quota(50, 40));
    assert_eq!(count.ask(now).per_day, 50);
}

proptest! {
    #[test]
    fn the_curve_grows_from_a_first_call_to_the_whole_quota(per_day in 1_u32.., reserve in 0_u8..=100, mut times in prop::collection::vec(0_u64..86_400_000, 2..50)) {
        let quota = quota(per_day, reserve);
        times.sort_unstable();
        let values: Vec<u32> = times.iter().map(|ms| quota.curve(Duration::from_millis(*ms))).collect();
        prop_assert!(values.is_sorted());
        prop_assert!(quota.curve(Duration::ZERO) >= 1);
        prop_assert!(quota.curve(DAY) == per_day);
        prop_assert!(values.iter().all(|value| *value <= per_day));
    }

    #[test]
    fn no_day_has_more_calls_than_its_quota_and_each_begins_with_whatever_comes(
        per_day in 4_u32..300,
        reserve in 0_u8..=90,
        calls in prop::collection::vec((0_u64..1_200_000, 0_usize..4), 1..800),
    ) {
        let mut now = china("2026-11-11 22:00:00");
        let labels = ["channel", "shop", "api"].map(str::to_owned);
        let count = Count::new("shop:api".to_owned(), labels, quota(per_day, reserve), now);
        let mut days = std::collections::BTreeMap::<i64, u32>::new();
        for (pause, class) in calls {
            now = now.plus(Duration::from_millis(pause));
            let class = Class::ALL[class];
            let today = day(now).0;
            let is_first = !days.contains_key(&today);
            let delay = count.delay(class, now, 1);
            prop_assert!(!is_first || delay.is_zero(), "{class:?} waits {delay:?} for the first call of a day");
            if delay.is_zero() && count.has_room(now, 1) {
                count.made(class, now);
                count.take(now);
                *days.entry(today).or_default() += 1;
            }
        }
        prop_assert!(days.values().all(|used| *used <= per_day), "{days:?}");
    }
}
