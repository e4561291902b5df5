//! Which stock level is the newest: remembered in Redis as in memory, across restarts, and after Redis has forgotten.

use crate::support::{Channel, Erp, Setup, eventually, redis_url, unique};
use channel_gateway::store::{
    Begun, Error, Lives, MemoryStore, Newer, RedisStore, Version, Versions,
};
use serde_json::{Value, json};
use std::time::Duration;

const GO: Begun = Begun::Go { is_unsettled: false };
const UNSETTLED: Begun = Begun::Go { is_unsettled: true };

fn level(version: u64, available: u32) -> Version<'static> {
    Version { sku: "a", version, available }
}

async fn keeps_its_promises(store: &dyn Versions) {
    let begin = async |level| store.begin("shop", &[level]).await.unwrap()[0];
    let finish = async |level| store.finish("shop", &[level]).await.unwrap()[0];
    assert!(matches!(store.begin("shop", &[level(1, 1)]).await, Err(Error::Forgotten)));
    store.recall("shop", &[level(7, 70)]).await.unwrap();
    store.recall("shop", &[level(6, 60)]).await.unwrap();
    store.recalled().await.unwrap();

    assert_eq!(begin(level(6, 60)).await, Begun::Superseded(Newer { version: 7, available: 70 }));
    assert_eq!(begin(level(7, 70)).await, GO, "an equal version may go again");
    assert_eq!(begin(level(8, 80)).await, UNSETTLED, "somebody else has not finished");
    assert_eq!(finish(level(7, 70)).await, Some(Newer { version: 8, available: 80 }));
    assert_eq!(finish(level(8, 80)).await, None);
    assert_eq!(begin(level(8, 80)).await, GO);
    assert_eq!(finish(level(8, 80)).await, None);

    let newest = async |skus: &[&str]| store.newest("shop", skus).await.unwrap();
    let told = Some(Newer { version: 8, available: 80 });
    assert_eq!(newest(&["z", "a"]).await, [None, told]);
    assert_eq!(store.newest("nobody's shop", &["a"]).await.unwrap(), [None]);

    // Beyond what a double holds exactly.
    let (large, larger) = (level(u64::MAX - 1, 1), level(u64::MAX, 2));
    assert_eq!(begin(larger).await, GO);
    assert_eq!(finish(larger).await, None);
    let newer = Newer { version: u64::MAX, available: 2 };
    assert_eq!(begin(large).await, Begun::Superseded(newer));

    let other = store.begin("other shop", &[level(1, 1)]).await.unwrap();
    assert_eq!(other, [GO], "shops know nothing of each other");
    let levels = [
        Version { sku: "b", version: 1, available: 0 },
        level(1, 0),
        Version { sku: "c", version: 1, available: 0 },
    ];
    let begun = store.begin("shop", &levels).await.unwrap();
    assert_eq!(begun, [GO, Begun::Superseded(newer), GO], "answers are in the order of the levels");
    assert_eq!(store.finish("shop", &levels).await.unwrap(), [None, Some(newer), None]);
}

#[tokio::test]
async fn the_store_in_memory_keeps_its_promises() {
    keeps_its_promises(&MemoryStore::new(Duration::from_secs(1))).await;
}

#[tokio::test]
async fn redis_keeps_its_promises() {
    let second = Duration::from_secs(1);
    let lives = Lives { timeout: second, lease: second, remember: second };
    let store = RedisStore::connect(&redis_url(), &unique("versions"), lives).unwrap();
    keeps_its_promises(&store).await;
}

const ENABLE: &str = "\"stock\"";

fn command(sku: &str, available: u32, version: u64) -> Value {
    json!({"channel": "partner", "shop": "s1", "sku_id": sku, "available": available, "version": version})
}

fn a_sku(channel: &Channel) -> String {
    channel.order(1);
    channel.fake.stock(&channel.shop.shop).into_keys().next().unwrap()
}

/// Redis as it is when it came back empty, for the keys of one test.
async fn forget(setup: &Setup) {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pattern = format!("{}:*", setup.name);
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
    assert!(!keys.is_empty());
    let deleted: usize = redis::cmd("DEL").arg(keys).query_async(&mut connection).await.unwrap();
    assert!(deleted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_loses_after_a_restart_and_after_redis_has_forgotten() {
    let channel = Channel::start("partner").await;
    let setup = channel.serve(Setup::new("older"), ENABLE, "");
    let sku = a_sku(&channel);
    let erp = Erp::new(&setup);
    let mut results = setup.topic("push_results");

    let first = setup.clone().start().await;
    erp.command("stock_commands", &sku, &command(&sku, 41, 9)).await;
    eventually("the newest is there", async || (channel.level(&sku) == Some(41)).then_some(()))
        .await;
    results.until(1).await;
    first.stop().await;

    let second = setup.clone().start().await;
    erp.command("stock_commands", &sku, &command(&sku, 8, 8)).await;
    let seen = results.until(2).await;
    assert_eq!(seen[1].value["outcome"], "superseded");
    second.stop().await;

    forget(&setup).await;
    let third = setup.start().await;
    erp.command("stock_commands", &sku, &command(&sku, 7, 7)).await;
    let seen = results.until(3).await;
    assert_eq!(seen[2].value["outcome"], "superseded");
    assert_eq!(channel.level(&sku), Some(41));
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_make_the_shops_part_of_one_level_and_the_result_says_what_was_told() {
    let channel = Channel::start("partner").await;
    let sku = a_sku(&channel);
    let rules = format!(
        "stock_rules = [{{ sku = \"{sku}\", safety_stock = 5, share_percent = 50, cap = 30 }}, {{ pause = true }}]"
    );
    let gateway = channel.serve(Setup::new("rules"), ENABLE, &rules).start().await;
    let others = channel.fake.stock(&channel.shop.shop).into_keys().find(|other| *other != sku);
    let other = others.expect("the shop has more than one SKU");
    let erp = Erp::new(&gateway.setup);
    erp.command("stock_commands", &sku, &command(&sku, 46, 1)).await;
    erp.command("stock_commands", &other, &command(&other, 46, 1)).await;
    let mut results = gateway.topic("push_results");
    for result in results.until(2).await {
        let told = if result.value["object_id"] == sku.as_str() { 20 } else { 0 };
        assert_eq!(result.value["outcome"], "ok", "{result:#?}");
        assert_eq!(result.value["available"], told, "{result:#?}");
    }
    assert_eq!(channel.level(&sku), Some(20));
    assert_eq!(channel.level(&other), Some(0));
    gateway.stop().await;
}
