//! Limits that several processes share: reserved in Redis, kept to at the channel.

use crate::support::{Channel, Erp, Proxy, Setup, busiest_second, eventually, spawn, unique};
use channel_gateway::store::{Lives, RedisStore, SharedLimit, Slot, Slots};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

fn store(prefix: &str) -> RedisStore {
    let second = Duration::from_secs(1);
    let lives = Lives { timeout: second, lease: second, remember: second };
    RedisStore::connect(&crate::support::redis_url(), prefix, lives).unwrap()
}

fn limit(key: &str, per_second: u32, burst: u32) -> SharedLimit {
    SharedLimit { key: key.to_owned(), emission: Duration::from_secs(1) / per_second, burst }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_who_share_a_limit_keep_it_together_and_use_it_up() {
    let prefix = unique("slots");
    let began = Instant::now();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let store = store(&prefix);
            spawn(async move {
                let mut sent = Vec::new();
                while sent.len() < 80 {
                    match store.reserve(&[limit("shop", 100, 10)]).await.unwrap() {
                        Slot::After(delay) => {
                            tokio::time::sleep(delay).await;
                            sent.push(Instant::now());
                        }
                        Slot::AskAgain(delay) => tokio::time::sleep(delay).await,
                    }
                }
                sent
            })
        })
        .collect();
    let mut sent = Vec::new();
    for caller in callers {
        sent.extend(caller.await.unwrap());
    }
    sent.sort();
    assert!(busiest_second(&sent) <= 110, "{}", busiest_second(&sent));
    // 240 calls, of which ten at once: no call waits much longer than the limit makes it.
    let took = sent.last().unwrap().duration_since(began);
    assert!(took >= Duration::from_millis(2290), "{took:?}");
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_for_everybody_at_that_limit_and_for_nobody_else() {
    let prefix = unique("stops");
    let (one, other) = (store(&prefix), store(&prefix));
    one.ban("shop", Duration::from_secs(7)).await.unwrap();
    let limits = [limit("shop", 100, 10)];
    let Slot::After(delay) = other.reserve(&limits).await.unwrap() else { panic!("not reserved") };
    assert!(delay > Duration::from_secs(5) && delay <= Duration::from_secs(7), "{delay:?}");
    let free = other.reserve(&[limit("other shop", 100, 10)]).await.unwrap();
    assert_eq!(free, Slot::After(Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_not_charged_for_a_call_that_its_shop_may_not_make_yet() {
    let store = store(&unique("apps"));
    let both = [limit("shop", 1, 1), limit("app", 100, 2)];
    assert_eq!(store.reserve(&both).await.unwrap(), Slot::After(Duration::ZERO));
    for _ in 0..5 {
        assert!(matches!(store.reserve(&both).await.unwrap(), Slot::AskAgain(_)));
    }
    let other = [limit("other shop", 1, 1), limit("app", 100, 2)];
    assert_eq!(store.reserve(&other).await.unwrap(), Slot::After(Duration::ZERO));
}

const PARCELS: u64 = 120;

/// Parcels of one shop in partitions that three gateways share. Returns the most calls in any second.
async fn three_gateways(setup: Setup, per_second: u32, burst: u32) -> usize {
    let channel = Channel::timed("partner").await;
    let orders: Vec<_> = (0..PARCELS).map(|seed| channel.order(seed)).collect();
    let more =
        format!("limits.\"waybill.created\" = {{ per_second = {per_second}, burst = {burst} }}");
    let setup = channel.serve(setup, "\"waybills\"", &more);
    let mut gateways = Vec::new();
    for _ in 0..3 {
        gateways.push(setup.clone().start().await);
    }
    let erp = Erp::new(&setup);
    for (index, order) in orders.iter().enumerate() {
        let number = format!("SF{index:013}");
        let command = json!({
            "channel": "partner", "shop": "s1", "order_id": order.as_str(), "carrier": "SF", "number": number,
        });
        erp.spread("waybill_commands", order.as_str(), &command).await;
    }
    eventually("parcels are told", async || {
        orders.iter().all(|order| !channel.numbers(order).is_empty()).then_some(())
    })
    .await;
    for gateway in gateways {
        gateway.stop().await;
    }
    let timed = channel.timed.unwrap();
    assert!(timed.count() >= orders.len());
    timed.busiest_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_call_one_shop_no_faster_than_its_limit() {
    let busiest = three_gateways(Setup::new("limits"), 20, 5).await;
    assert!(busiest <= 25, "{busiest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_of_three_keeps_to_its_third() {
    let proxy = Proxy::to(crate::support::redis_url().trim_start_matches("redis://")).await;
    let setup = Setup::new("alone")
        .redis(format!("redis://{}", proxy.address))
        .with("store.timeout_ms = 50")
        .with("egress.processes = 3");
    proxy.hold();
    let busiest = three_gateways(setup, 30, 6).await;
    assert!(busiest <= 36, "{busiest}");
}
