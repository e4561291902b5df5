//! Quotas of a day that several processes share: counted in Redis, over restarts and while it is away.

use super::{limit, store};
use crate::support::{Channel, Proxy, Setup, eventually, unique};
use async_trait::async_trait;
use channel_gateway::clock::Clock;
use channel_gateway::egress::{Account, Guard, Shared, SharedLimits, ShopApi, Transport};
use channel_gateway::seal::Sealer;
use channel_gateway::shops::{Class, Held, WayOut};
use channel_gateway::store::{DayLimit, Lives, RedisStore, Slot, Slots};
use channel_gateway::telemetry::metrics::Metrics;
use connectors::contract::model::{OrderId, ShopId, Timestamp, Waybill, WaybillAction};
use connectors::contract::{ApiReply, ApiRequest, ChannelApi, Connector, Error, Session};
use std::sync::Arc;
use std::time::Duration;

fn day(key: &str, per_day: u32, owed: u32) -> DayLimit {
    DayLimit { key: key.to_owned(), per_day, owed }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_at_every_quota_of_the_day_or_at_none() {
    let prefix = unique("days");
    let (one, other) = (store(&prefix), store(&prefix));
    let wide = [limit("shop", 100, 50)];
    let days = [day("shop:7", 3, 0), day("app:7", 100, 0)];
    for (store, used) in [(&one, 1), (&other, 2), (&one, 3)] {
        let reserved = store.reserve(&wide, &days).await.unwrap();
        assert_eq!((reserved.slot, reserved.used), (Slot::After(Duration::ZERO), vec![used; 2]));
    }
    for store in [&one, &other] {
        let reserved = store.reserve(&wide, &days).await.unwrap();
        assert_eq!((reserved.slot, reserved.used), (Slot::UsedUp, vec![3, 3]));
    }
    // The next day, and what was sent while the store was away.
    let reserved = one.reserve(&wide, &[day("shop:8", 3, 1), day("app:7", 100, 0)]).await.unwrap();
    assert_eq!((reserved.slot, reserved.used), (Slot::After(Duration::ZERO), vec![2, 4]));
    // A call that has to ask again was not made.
    let narrow = [limit("slow", 1, 1), limit("app", 100, 2)];
    assert_eq!(one.reserve(&narrow, &[day("app:7", 100, 0)]).await.unwrap().used, [5]);
    for _ in 0..3 {
        let reserved = one.reserve(&narrow, &[day("app:7", 100, 0)]).await.unwrap();
        assert!(matches!(reserved.slot, Slot::AskAgain(_)));
        assert_eq!(reserved.used, [5]);
    }
    let client = redis::Client::open(crate::support::redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let left: u64 = redis::cmd("TTL")
        .arg(format!("{prefix}d:shop:7"))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((170_000..=172_800).contains(&left), "two days: {left}");
}

/// The way out of one process to a shop whose parcels have a quota of five a day.
#[derive(Debug)]
struct Caller {
    api: ShopApi,
    connector: Arc<dyn Connector>,
    shop: ShopId,
    now: Timestamp,
    metrics: Arc<Metrics>,
}

/// A clock that stands still.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Caller {
    fn open(setup: &Setup, channel: &Channel, now: Timestamp) -> Self {
        let limits = "limits.\"waybill.created\" = { per_second = 50, burst = 50, per_day = 5 }";
        let setup = channel.serve(setup.clone(), "\"waybills\"", limits);
        let (plan, problems) = channel_gateway::config::plan(true, Some(&setup.config()));
        let plan = plan.unwrap_or_else(|| panic!("{problems:#?}"));
        let second = Duration::from_secs(1);
        let lives = Lives { timeout: second / 4, lease: second, remember: second };
        let url = plan.redis_url.as_ref().unwrap();
        let store = &plan.config.store;
        let store = RedisStore::connect(url.expose_str(), &store.prefix, lives).unwrap();
        let (clock, metrics) = (Arc::new(Still(now)), Arc::new(Metrics::try_new().unwrap()));
        let limits = SharedLimits::new(
            Some(Arc::new(store.clone())),
            &plan.config.egress,
            Arc::<Still>::clone(&clock),
            Arc::clone(&metrics),
        );
        let shared = Shared {
            transport: Transport::new(Guard::new(&plan.networks), second * 10, 65_536).unwrap(),
            store: Arc::new(store),
            limits: Arc::new(limits),
            sealer: Sealer::random().unwrap(),
            tries: 1,
            clock,
            metrics: Arc::clone(&metrics),
        };
        let shop = &plan.shops[0];
        let account = Account {
            shop: shop.id.clone(),
            base_url: shop.base_url.clone(),
            app_key: shop.app_key.clone(),
            app_secret: shop.app_secret.clone(),
            token: None,
            limits: shop.limits.clone(),
            app_limits: shop.app_limits.clone(),
        };
        let connector = Arc::clone(&shop.connector);
        let api = ShopApi::new(shop.entry, Arc::clone(&connector), account, shared);
        Self { api, connector, shop: shop.id.clone(), now, metrics }
    }

    async fn ship(&self, order: &OrderId) -> Result<(), Error> {
        let session = Session { shop: &self.shop, api: self, app_key: "12345678", now: self.now };
        let waybill = Waybill {
            order_id: order.clone(),
            action: WaybillAction::Ship,
            carrier: "SF".to_owned(),
            number: "SF0000000000001".to_owned(),
            lines: Vec::new(),
        };
        self.connector.waybills().unwrap().ship(&session, &waybill).await
    }
}

#[async_trait]
impl ChannelApi for Caller {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply, Error> {
        self.api.call(request, Class::Waybill, &Held::default()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_its_calls_once_for_all_processes_and_also_after_a_restart() {
    let now = Timestamp::parse_china("2026-11-11 21:40:00").unwrap();
    let channel = Channel::timed_at("partner", now).await;
    let timed = channel.timed.as_ref().unwrap();
    let setup = Setup::new("day");
    let open = || Caller::open(&setup, &channel, now);
    let (one, other) = (open(), open());
    for (seed, process) in [&one, &other, &one, &other].into_iter().enumerate() {
        process.ship(&channel.order(seed as u64)).await.unwrap();
    }
    let restarted = open();
    restarted.ship(&channel.order(4)).await.unwrap();
    for process in [&restarted, &one, &other, &open()] {
        let refused = process.ship(&channel.order(5)).await.unwrap_err();
        assert_eq!(refused.kind().retry_after(), Some(Duration::from_mins(15)), "{refused}");
        assert!(refused.to_string().contains("begins at midnight"), "{refused}");
    }
    assert_eq!(timed.count(), 5, "nothing was sent beyond the quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_day_that_were_made_without_redis_are_counted_when_it_is_back() {
    let now = Timestamp::parse_china("2026-11-11 21:40:00").unwrap();
    let channel = Channel::timed_at("partner", now).await;
    let proxy = Proxy::to(crate::support::redis_url().trim_start_matches("redis://")).await;
    let setup = Setup::new("day-alone").with("egress.processes = 2");
    let cut_off = setup.clone().redis(format!("redis://{}", proxy.address));
    let one = Caller::open(&cut_off, &channel, now);
    one.ship(&channel.order(0)).await.unwrap();
    proxy.hold();
    // Half of the four that were left.
    for seed in 1..3 {
        one.ship(&channel.order(seed)).await.unwrap();
    }
    assert!(one.ship(&channel.order(3)).await.is_err());
    assert!(one.metrics.limits_alone.get() > 0);
    proxy.release();
    let told = async || one.ship(&channel.order(3)).await.ok();
    eventually("Redis has heard of them", told).await;
    // The request that Redis answered too late may count once more, so that there are five or four.
    let other = Caller::open(&setup, &channel, now);
    for seed in 4..8 {
        let refused = other.ship(&channel.order(seed)).await.is_err();
        assert!(refused || seed == 4, "the day had five calls");
    }
    let sent = channel.timed.as_ref().unwrap().count();
    assert!((4..=5).contains(&sent), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_of_a_day_are_shown_before_their_first_call_and_no_others_are() {
    let channel = Channel::start("partner").await;
    let setup = Setup::new("day-shown")
        .with("channels.partner.app_limits.\"*\" = { per_second = 9, burst = 9, per_day = 1000 }");
    let limits = "limits.\"waybill.created\" = { per_second = 9, burst = 9, per_day = 5 }\n\
                  limits.\"stock.updated\" = { per_second = 9, burst = 9 }";
    let gateway = channel.serve(setup, "\"waybills\"", limits).start().await;
    let shown = eventually("limits are shown", async || {
        let text = String::from_utf8(gateway.app.metrics().render()).unwrap();
        let limit = |line: &&str| line.starts_with("gateway_daily_quota_limit{");
        let shown: Vec<String> = text.lines().filter(limit).map(str::to_owned).collect();
        // Both are shown in one go, and may be read in between.
        (shown.len() > 1).then_some(shown)
    })
    .await;
    let expected = [
        r#"gateway_daily_quota_limit{api="*",channel="partner",shop="app:12345678"} 1000"#,
        r#"gateway_daily_quota_limit{api="waybill.created",channel="partner",shop="s1"} 5"#,
    ];
    assert_eq!(shown, expected);
    gateway.stop().await;
}
