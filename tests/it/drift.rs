//! Levels that were told and are read back: what somebody else wrote at the channel is seen, said and counted.

use crate::support::{Channel, Erp, Gateway, Setup, eventually, now, redis_url};
use channel_gateway::store::{Lives, RedisStore, Version, Versions};
use connectors::contract::model::StockLevel;
use connectors::contract::{Credentials, Secret, Session, ShopSetup, Token};
use connectors::testkit::FakeApi;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ENABLE: &str = "\"stock\"";

/// Reads a level back so long after it was told: time enough to change it.
async fn start(channel: &Channel, name: &str, settings: &str, after_secs: u32) -> Gateway {
    let setup = Setup::new(name)
        .with("push.read_back_per_minute = 60")
        .with(&format!("push.read_back_after_secs = {after_secs}"));
    channel.serve(setup, ENABLE, settings).start().await
}

fn command(channel: &Channel, level: &StockLevel, version: u64) -> Value {
    let mut command = json!({
        "channel": channel.name, "shop": "s1", "sku_id": level.sku_id,
        "available": level.available, "version": version,
    });
    if let Some(product) = &level.product_id {
        command["product_id"] = json!(product);
    }
    command
}

/// Commands a level and waits until the channel has it.
async fn tell(channel: &Channel, erp: &Erp, level: &StockLevel, version: u64) {
    erp.command("stock_commands", &level.sku_id, &command(channel, level, version)).await;
    eventually("the channel has it", async || {
        (channel.level(&level.sku_id) == Some(level.available)).then_some(())
    })
    .await;
}

/// Somebody else with the shop's keys sets a level, as a second ERP or a person's tool does.
async fn meddle(channel: &Channel, level: &StockLevel) {
    let shop = &channel.shop;
    let setup = ShopSetup { shop: shop.shop.clone(), settings: Value::Null };
    let connector = (connectors::find(channel.name).unwrap().build)(setup).unwrap();
    let token = Token { access: Secret::new(&*shop.token), refresh: None, expires_at: None };
    let credentials = Credentials {
        app_key: shop.app_key.clone(),
        app_secret: Secret::new(&*shop.secret),
        token: Some(token),
    };
    let api = FakeApi::new(Arc::clone(&connector), Arc::clone(&channel.fake), credentials, now());
    let session = Session { shop: &shop.shop, api: &api, app_key: &shop.app_key, now: now() };
    let outcomes = connector.stock().unwrap().set(&session, std::slice::from_ref(level)).await;
    outcomes.unwrap()[0].clone().unwrap();
}

fn counted(gateway: &Gateway, channel: &Channel, outcome: &str) -> u64 {
    let labels = [channel.name, outcome];
    gateway.app.metrics().stock_read_back.with_label_values(&labels).get()
}

async fn count(gateway: &Gateway, channel: &Channel, outcome: &str) {
    eventually(outcome, async || (counted(gateway, channel, outcome) > 0).then_some(())).await;
}

/// A SKU that the fake's shop knows.
fn known(channel: &Channel, available: u32) -> StockLevel {
    let sku_id = channel.fake.stock(&channel.shop.shop).into_keys().next().unwrap();
    StockLevel { sku_id, product_id: None, available }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_somebody_else_changed_is_published_and_counted() {
    let channel = Channel::start("partner").await;
    let gateway = start(&channel, "drift", "settings = { reads_stock = true }", 2).await;
    let erp = Erp::new(&gateway.setup);
    let level = known(&channel, 41);
    let at = |available| StockLevel { available, ..level.clone() };

    tell(&channel, &erp, &level, 1).await;
    meddle(&channel, &at(55)).await;
    let mut observations = gateway.topic("stock_observations");
    let seen = observations.until(1).await[0].clone();
    assert_eq!(seen.key, format!("partner:s1:{}", level.sku_id));
    assert_eq!(seen.headers["ce_type"], "stock.observation.v1");
    assert_eq!(seen.headers["origin"], "poll");
    let Value::Object(value) = &seen.value else { panic!("{seen:?}") };
    assert_eq!((&value["source"], &value["available"]), (&json!("read_back"), &json!(55)));
    let facts = &value["extensions"];
    assert_eq!((&facts["told"], &facts["told_version"]), (&json!(41), &json!(1)));
    assert!(facts["told_at"].as_str().unwrap() <= value["observed_at"].as_str().unwrap());
    count(&gateway, &channel, "higher").await;

    tell(&channel, &erp, &at(60), 2).await;
    meddle(&channel, &at(3)).await;
    assert_eq!(observations.until(2).await[1].value["available"], 3);
    count(&gateway, &channel, "lower").await;

    tell(&channel, &erp, &at(12), 3).await;
    assert_eq!(observations.until(3).await[2].value["available"], 12);
    count(&gateway, &channel, "equal").await;
    assert_eq!(channel.fake.calls()["levels"], 3, "each told level is read once");
    for outcome in ["higher", "lower", "equal"] {
        assert_eq!(counted(&gateway, &channel, outcome), 1, "{outcome}");
    }
    gateway.stop().await;
}

/// Channels whose levels are read by product, with a product of their fake and two of its SKUs. Connectors differ in what
/// they ask and in how much at once; all of it is behind the one road.
const PRODUCTS: [(&str, &str, [&str; 2]); 4] = [
    ("taobao", "600000000000", ["4000000000000", "4000000000001"]),
    ("fenxiao", "600000000000", ["4000000000000", "4000000000001"]),
    ("paipai", "7C44F63200000000007C39A9064A181E", ["9071234567", "9071234568"]),
    ("shopex", "1", ["BN-001-L", "BN-002"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn levels_of_a_listing_are_read_back_by_sku() {
    let [one, two, three, four] =
        PRODUCTS.map(|(name, product, skus)| reads_back_by_sku(name, product, skus));
    tokio::join!(one, two, three, four);
}

async fn reads_back_by_sku(name: &'static str, product: &str, skus: [&str; 2]) {
    let channel = Channel::start(name).await;
    let gateway = start(&channel, &format!("drift-{name}"), "", 6).await;
    let erp = Erp::new(&gateway.setup);
    let level = |sku: &str, available| StockLevel {
        sku_id: sku.to_owned(),
        product_id: Some(product.to_owned()),
        available,
    };
    let [first, second] = skus;
    let (one, other) = (level(first, 8), level(second, 9));
    erp.command("stock_commands", first, &command(&channel, &one, 1)).await;
    tell(&channel, &erp, &other, 1).await;
    meddle(&channel, &level(second, 90)).await;
    let mut observations = gateway.topic("stock_observations");
    let seen = observations.until(2).await;
    let mut levels: Vec<(&str, u64, u64)> = seen
        .iter()
        .map(|seen| {
            let told = seen.value["extensions"]["told"].as_u64().unwrap();
            let available = seen.value["available"].as_u64().unwrap();
            (seen.value["sku_id"].as_str().unwrap(), told, available)
        })
        .collect();
    levels.sort_unstable();
    assert_eq!(levels, [(first, 8, 8), (second, 9, 90)], "{name}");
    count(&gateway, &channel, "higher").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_another_process_told_since_is_no_drift() {
    let channel = Channel::start("partner").await;
    let gateway = start(&channel, "drift-other", "settings = { reads_stock = true }", 2).await;
    let erp = Erp::new(&gateway.setup);
    let level = known(&channel, 41);
    tell(&channel, &erp, &level, 1).await;

    let second = Duration::from_secs(1);
    let lives = Lives { timeout: second, lease: second, remember: second };
    let prefix = format!("{}:", gateway.setup.name);
    let other = RedisStore::connect(&redis_url(), &prefix, lives).unwrap();
    let newer = Version { sku: &level.sku_id, version: 2, available: 55 };
    other.begin("partner:s1", &[newer]).await.unwrap();
    meddle(&channel, &StockLevel { available: 55, ..level.clone() }).await;
    other.finish("partner:s1", &[newer]).await.unwrap();

    count(&gateway, &channel, "overtaken").await;
    assert_eq!(counted(&gateway, &channel, "higher"), 0);
    assert!(gateway.everything("stock_observations").await.is_empty());
    gateway.stop().await;
}
