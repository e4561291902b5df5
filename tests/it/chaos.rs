//! Processes that come and go: what the channel has at the end, and what it was called for.

use crate::support::{Erp, Gateway, Setup, Timed, spawn};
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::ShopId;
use connectors::testkit::{Fake, FakeShop};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SHOPS: usize = 200;
const SKUS: usize = 3;
const PER_SECOND: u32 = 5;
const BURST: u32 = 2;
const VERSIONS: u32 = 6;
const REBALANCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_that_come_and_go_keep_every_limit_and_leave_the_newest_levels() {
    let shops: Vec<FakeShop> = (0..SHOPS)
        .map(|index| FakeShop {
            shop: ShopId::try_new(&format!("s{index}")).unwrap(),
            app_key: "12345678".to_owned(),
            secret: crate::support::SECRET.to_owned(),
            token: "test-token".to_owned(),
        })
        .collect();
    let fake = (connectors::find("partner").unwrap().fake)(shops.clone());
    let timed = Timed::new(Arc::clone(&fake));
    let local = "127.0.0.1:0".parse().unwrap();
    let served: Arc<dyn Fake> = Arc::<Timed>::clone(&timed);
    let address = simulate::serve(served, local, &Shutdown::default()).await.unwrap();
    let mut setup = Setup::new("rebalance").with("poll.interval_ms = 60000");
    for FakeShop { shop, secret, .. } in &shops {
        fake.create_order(shop, 1, crate::support::now());
        setup = setup.shop(&format!(
            "channel = \"partner\"\nid = \"{shop}\"\nenable = [\"stock\"]\nbase_url = \"http://{address}/{shop}\"\n\
             app_secret = \"dev:{secret}\"\nlimits.\"stock.updated\" = {{ per_second = {PER_SECOND}, burst = {BURST} }}\n"
        ));
    }
    let mut gateways: Vec<Gateway> = Vec::new();
    for _ in 0..2 {
        gateways.push(setup.clone().start().await);
    }
    let erp = Erp::new(&setup);
    let sending = {
        let (fake, shops) = (Arc::clone(&fake), shops.clone());
        spawn(async move {
            let mut count = 0;
            for version in 1..=VERSIONS {
                let sent = shops.iter().flat_map(|FakeShop { shop, .. }| {
                    fake.stock(shop).into_keys().take(SKUS).map(move |sku| (shop, sku))
                });
                let sent = sent.map(async |(shop, sku)| {
                    let level = json!({
                        "channel": "partner", "shop": shop.as_str(), "sku_id": sku,
                        "available": version, "version": version,
                    });
                    erp.spread("stock_commands", &format!("{shop}{sku}"), &level).await;
                });
                count += futures_util::future::join_all(sent).await.len();
                tokio::time::sleep(REBALANCE).await;
            }
            count
        })
    };
    // A third process comes and goes: each time all partitions are dealt anew.
    while !sending.is_finished() {
        let third = setup.clone().start().await;
        tokio::time::sleep(REBALANCE).await;
        third.stop().await;
    }
    let commands = sending.await.unwrap();
    let mut results = setup.topic("push_results");
    results
        .until_such("a result of each command", |seen| {
            let ids: BTreeSet<&str> =
                seen.iter().filter_map(|result| result.value["push_id"].as_str()).collect();
            ids.len() == commands
        })
        .await;
    for gateway in gateways {
        gateway.stop().await;
    }
    for FakeShop { shop, .. } in &shops {
        let levels = fake.stock(shop);
        assert!(levels.values().take(SKUS).all(|level| *level == VERSIONS), "{shop}: {levels:?}");
    }
    let busiest = timed.busiest_second();
    assert!(busiest <= (PER_SECOND + BURST) as usize, "{busiest} calls in a second");
}
