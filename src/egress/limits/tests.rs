//! Limits of shops and applications, in paused time.

use super::*;
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;
use connectors::contract::model::Timestamp;

fn limit(per_second: u32, burst: u32) -> Limit {
    Limit {
        per_second: NonZeroU32::new(per_second).unwrap(),
        burst: NonZeroU32::new(burst).unwrap(),
        per_day: None,
    }
}

/// A clock that goes as the paused time of a test does.
#[derive(Debug)]
struct Since(Instant, Timestamp);

impl Clock for Since {
    fn now(&self) -> Timestamp {
        self.1.plus(self.0.elapsed())
    }
}

fn shared_at(time: &str) -> Arc<SharedLimits> {
    let metrics = Arc::new(Metrics::try_new().unwrap());
    let (plan, _) = crate::config::plan(true, None);
    let clock = Since(Instant::now(), Timestamp::parse_china(time).unwrap());
    Arc::new(SharedLimits::new(None, &plan.unwrap().config.egress, Arc::new(clock), metrics))
}

fn shared() -> Arc<SharedLimits> {
    shared_at("2026-11-11 12:00:00")
}

fn owner(name: &str) -> Owner {
    Owner { channel: "channel", name: name.to_owned(), label: name.to_owned() }
}

fn alone(documented: &'static [QuotaSpec], lowered: &BTreeMap<String, Limit>) -> Limits {
    Limits::new(documented, lowered, owner("shop"), None, shared())
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
    let (waited, ()) = tokio::join!(limits.wait("orders", Class::Poll), limits.ban("orders", ban));
    assert!(waited.unwrap() >= ban);
}

#[tokio::test]
async fn a_config_lowers_a_limit_and_never_raises_it() {
    const DOCUMENTED: &[QuotaSpec] = &[QuotaSpec { api: "orders", per_second: 2, burst: 1 }];
    let lowered =
        BTreeMap::from([("orders".to_owned(), limit(50, 50)), ("others".to_owned(), limit(3, 4))]);
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
    let app = Arc::new(App::new(owner("app"), of_app));
    let shop = |name: &str| {
        let (app, shared) = (Some(Arc::clone(&app)), Arc::clone(&shared));
        Limits::new(DOCUMENTED, &none, owner(name), app, shared)
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

/// Nothing but the day limits these calls.
fn of_day(per_day: u32) -> BTreeMap<String, Limit> {
    let per_day = NonZeroU32::new(per_day);
    BTreeMap::from([("orders".to_owned(), Limit { per_day, ..limit(100_000, 100_000) })])
}

fn shop_at(time: &str, per_day: u32) -> Limits {
    Limits::new(&[], &of_day(per_day), owner("shop"), None, shared_at(time))
}

#[tokio::test(start_paused = true)]
async fn a_day_that_is_used_up_stops_every_class_until_the_next() {
    let limits = shop_at("2026-11-11 23:40:00", 3);
    for _ in 0..3 {
        limits.wait("orders", Class::Waybill).await.unwrap();
    }
    for class in Class::ALL {
        let refused = limits.wait("orders", class).await.unwrap_err();
        assert_eq!(refused.kind().retry_after(), Some(LOOK_AGAIN), "{class:?}");
    }
    limits.wait("no such quota", Class::Rest).await.unwrap();
    tokio::time::advance(Duration::from_mins(10)).await;
    let refused = limits.wait("orders", Class::Waybill).await.unwrap_err();
    let left = refused.kind().retry_after().unwrap();
    assert!(left <= Duration::from_mins(10) && left > Duration::from_mins(9), "{left:?}");
    tokio::time::advance(left.saturating_sub(Duration::from_secs(30))).await;
    // What is left of the day is short enough to be waited for.
    let waited = limits.wait("orders", Class::Rest).await.unwrap();
    assert!(waited >= Duration::from_secs(29) && waited <= Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn stock_that_waits_for_the_day_keeps_no_parcel_from_its_turn() {
    // 6000 before the evening, of which 3000 and what is given at midnight are there at nine.
    let limits = shop_at("2026-11-11 09:00:00", 10_000);
    for _ in 0..3500 {
        limits.wait("orders", Class::Poll).await.unwrap();
    }
    limits.wait("orders", Class::Rest).await.unwrap();
    let stock = async { (limits.wait("orders", Class::Rest).await.unwrap(), Instant::now()) };
    let parcel = async {
        tokio::task::yield_now().await;
        limits.wait("orders", Class::Waybill).await.unwrap();
        Instant::now()
    };
    let began = Instant::now();
    let ((waited, stock), parcel) = tokio::join!(stock, parcel);
    // Nine hours for the 2500 that are left.
    assert!(waited > Duration::from_secs(12) && waited < Duration::from_secs(14), "{waited:?}");
    assert!(parcel < began + Duration::from_secs(1) && parcel < stock);
    let many = (0..100).map(|_| limits.wait("orders", Class::Rest));
    let many = futures_util::future::join_all(many).await;
    let sent = many.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((3..=5).contains(&sent), "a minute is waited, not more: {sent}");
}

#[tokio::test(start_paused = true)]
async fn a_day_of_the_application_counts_the_calls_of_all_its_shops() {
    let (shared, none) = (shared(), BTreeMap::new());
    let four = Limit { per_day: NonZeroU32::new(4), ..limit(1000, 1000) };
    let app = shared.app(owner("app"), &BTreeMap::from([(App::ALL.to_owned(), four)]));
    let shop = |name| Limits::new(&[], &none, owner(name), app.clone(), Arc::clone(&shared));
    let (one, other) = (shop("one"), shop("other"));
    for _ in 0..2 {
        one.wait("orders", Class::Poll).await.unwrap();
        other.wait("refunds", Class::Poll).await.unwrap();
    }
    for shop in [one, other] {
        assert!(shop.wait("orders", Class::Waybill).await.is_err());
    }
}
