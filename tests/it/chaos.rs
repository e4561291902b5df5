//! Processes that die a hundred times, and processes that come and go: what the channel has at the end, and what it was
//! called for.

use crate::support::{Channel, Erp, Process, Setup, Timed, eventually, spawn};
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::ShopId;
use connectors::testkit::{Fake, FakeShop};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const KILLS: u64 = 100;
const PARCELS: u64 = 400;

/// Between calls, results and commits: somewhere in the work of a process, differently each time.
fn life(kill: u64) -> Duration {
    Duration::from_millis(kill * 37 % 250)
}

/// Ship calls that the channel took, by order.
fn shipped(channel: &Channel) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in channel.timed.as_ref().unwrap().all().iter().filter(|call| call.status == 200) {
        let Ok(body) = serde_json::from_slice::<Value>(&call.body) else { continue };
        if body["type"] == "waybill.created" {
            let order = body["data"]["order_id"].as_str().unwrap().to_owned();
            *counts.entry(order).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_a_hundred_times_each_parcel_is_told_once_and_each_command_has_a_result() {
    let channel = Channel::timed("partner").await;
    let orders: Vec<_> = (0..PARCELS).map(|seed| channel.order(seed)).collect();
    let skus: Vec<String> = channel.fake.stock(&channel.shop.shop).into_keys().collect();
    // A member with a name of its own comes back without a rebalance, as a pod of a stateful set does.
    let setup = Setup::new("killed")
        .with("kafka.properties = { \"group.instance.id\" = \"one\", \"session.timeout.ms\" = \"45000\" }");
    let slow = "limits.\"waybill.created\" = { per_second = 20, burst = 1 }";
    let setup = channel.serve(setup, "\"stock\", \"waybills\"", slow);
    let (mut commands, erp) = (0, Erp::new(&setup));
    // The topics come with the first process.
    Process::start(&setup).await.kill().await;
    for (index, order) in orders.iter().enumerate() {
        let number = format!("SF{index:013}");
        let parcel = json!({
            "channel": "partner", "shop": "s1", "order_id": order.as_str(), "carrier": "SF", "number": number,
        });
        erp.command("waybill_commands", order.as_str(), &parcel).await;
        let sku = &skus[index % skus.len()];
        let level = json!({
            "channel": "partner", "shop": "s1", "sku_id": sku, "available": index, "version": index + 1,
        });
        erp.command("stock_commands", sku, &level).await;
        commands += 2;
    }
    for kill in 0..KILLS {
        let process = Process::start(&setup).await;
        let before = channel.timed.as_ref().unwrap().count();
        // It is at work, unless nothing is left.
        if shipped(&channel).len() < orders.len() {
            eventually("it calls", async || {
                (channel.timed.as_ref().unwrap().count() > before).then_some(())
            })
            .await;
        }
        tokio::time::sleep(life(kill)).await;
        process.kill().await;
    }
    let last = Process::start(&setup).await;
    let mut results = setup.topic("push_results");
    let seen = results.until_results_of(commands).await;
    for result in seen {
        let outcome = result.value["outcome"].as_str().unwrap();
        assert!(["ok", "superseded"].contains(&outcome), "{result:#?}");
    }
    let counts = shipped(&channel);
    assert_eq!(counts.len(), orders.len());
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "told more than once: {twice:?}");
    for (index, sku) in skus.iter().enumerate() {
        let newest = (0..orders.len()).rev().find(|number| number % skus.len() == index);
        let Some(newest) = newest else { continue };
        assert_eq!(channel.level(sku), u32::try_from(newest).ok(), "{sku}");
    }
    last.kill().await;
}

const SHOPS: usize = 200;
const PER_SECOND: u32 = 1;
const BURST: u32 = 1;
/// Commands come two and a half times as fast as the limit lets them go.
const EVERY: Duration = Duration::from_millis(400);
const VERSIONS: u32 = 75;
/// Calls that the limits let go while commands come.
const LET_GO: usize = 30 * SHOPS;
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
    let mut processes = Vec::new();
    for _ in 0..2 {
        processes.push(Process::start(&setup).await);
    }
    let erp = Erp::new(&setup);
    let sending = {
        let (fake, shops) = (Arc::clone(&fake), shops.clone());
        spawn(async move {
            let (mut count, mut ticks) = (0, tokio::time::interval(EVERY));
            for version in 1..=VERSIONS {
                ticks.tick().await;
                let sent = shops.iter().flat_map(|FakeShop { shop, .. }| {
                    fake.stock(shop).into_keys().take(1).map(move |sku| (shop, sku))
                });
                let sent = sent.map(async |(shop, sku)| {
                    let level = json!({
                        "channel": "partner", "shop": shop.as_str(), "sku_id": sku,
                        "available": version, "version": version,
                    });
                    erp.spread("stock_commands", &format!("{shop}{sku}"), &level).await;
                });
                count += futures_util::future::join_all(sent).await.len();
            }
            count
        })
    };
    // A third process comes and goes: each time all partitions are dealt anew.
    while !sending.is_finished() {
        let third = Process::start(&setup).await;
        tokio::time::sleep(REBALANCE).await;
        assert!(third.terminate().await.0, "it ends with success");
    }
    let commands = sending.await.unwrap();
    let mut results = setup.topic("push_results");
    results.until_results_of(commands).await;
    for process in processes {
        assert!(process.terminate().await.0, "it ends with success");
    }
    for FakeShop { shop, .. } in &shops {
        let levels = fake.stock(shop);
        assert!(levels.values().take(1).all(|level| *level == VERSIONS), "{shop}: {levels:?}");
    }
    let busiest = timed.busiest_second();
    assert!(busiest <= (PER_SECOND + BURST) as usize, "{busiest} calls in a second");
    // A limit that nobody reaches is kept by anybody.
    assert!(timed.count() > LET_GO / 2, "{} calls of {LET_GO} that may go", timed.count());
}
