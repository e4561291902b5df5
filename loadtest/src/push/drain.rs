//! How long it takes until the channel has the newest level of every SKU, and how long a sold-out one waits meanwhile.

use super::channel::{Arrival, Books};
use super::commands::Level;
use super::report::Drained;
use super::results::Reported;
use super::stage::{A_SHOP, Site, Stage};
use crate::bench::arrivals::Random;
use anyhow::Context;
use hdrhistogram::Histogram;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Shops, so that they may make a hundred calls a second together.
pub(super) const SHOPS: u64 = 4;
const PATIENCE: Duration = Duration::from_mins(5);
/// How often commands are sent that come at a rate.
const GRAIN: Duration = Duration::from_millis(10);

/// A command and when it was handed to Kafka.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) level: Level,
}

/// A run: what was commanded, and what the channel heard.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sent: Vec<Sent>,
    pub(super) books: Books,
}

/// Every SKU gets its versions one round after the other; the gateway is there already and has told a level before.
pub(super) async fn drain(
    site: &Site,
    what: &str,
    skus: u64,
    versions: u64,
    reported: Reported,
) -> anyhow::Result<Drained> {
    let stage = Stage::set(site, what, SHOPS, A_SHOP, reported).await?;
    let gateway = stage.gateway().await?;
    let one_more = Level { sku: skus, version: 1, available: 1 };
    stage.commands.send(one_more).await?;
    stage.results()?.wait(1, PATIENCE).await?;
    stage.channel.take();
    let mut sent = Vec::new();
    for version in 1..=versions {
        for sku in 0..skus {
            let level = Level { sku, version, available: u32::try_from(version)? };
            sent.push(send(&stage, level).await?);
        }
    }
    let run = finish(stage, gateway, sent, 1).await?;
    let (first, last) = run.sent.first().zip(run.sent.last()).context("nothing was sent")?;
    let told = newest(&run)?.into_values().max().context("nothing arrived")?;
    Ok(Drained {
        skus,
        time: told.saturating_duration_since(last.at),
        from_first: told - first.at,
        calls: run.books.calls,
        refused: run.books.refused,
    })
}

/// While so many levels wait, sold-out ones come at a steady rate.
pub(super) async fn urgent(
    site: &Site,
    what: &str,
    skus: u64,
    sold_out: u64,
    every: Duration,
) -> anyhow::Result<(Histogram<u64>, u64)> {
    let stage = Stage::set(site, what, SHOPS, A_SHOP, Reported::Each).await?;
    let gateway = stage.gateway().await?;
    for sku in 0..skus {
        stage.commands.send(Level { sku, version: 1, available: 5 }).await?;
    }
    let waiting = gateway.fill(skus - skus / 10).await?;
    let (mut sent, mut random, mut taken) = (Vec::new(), Random(11), HashSet::new());
    let mut due = Instant::now();
    while taken.len() < usize::try_from(sold_out.min(skus))? {
        let sku = random.below(skus);
        if !taken.insert(sku) {
            continue;
        }
        sleep_until(due).await;
        due += every;
        sent.push(send(&stage, Level { sku, version: 2, available: 0 }).await?);
    }
    let commands = skus + u64::try_from(sent.len())?;
    stage.commands.flush().await?;
    let results = stage.results()?.wait(commands, PATIENCE).await?;
    results.close(commands).await?;
    let run = Run { sent, books: stage.channel.take() };
    stage.strike(gateway).await?;
    let arrived = newest(&run)?;
    let mut latency = Histogram::new(3)?;
    for sent in &run.sent {
        let at = arrived.get(&sent.level.sku).context("a sold-out level never arrived")?;
        latency.record(u64::try_from((*at - sent.at).as_micros())?)?;
    }
    Ok((latency, waiting))
}

/// The longest that one of the others waits while sold-out levels come faster than the channel lets them go.
pub(super) async fn fair(
    site: &Site,
    what: &str,
    others: u64,
    sold_out: u64,
    per_second: u64,
) -> anyhow::Result<Duration> {
    let stage = Stage::set(site, what, SHOPS, A_SHOP, Reported::Each).await?;
    let gateway = stage.gateway().await?;
    let (mut sent, mut due) = (Vec::new(), Instant::now());
    for count in 0..sold_out {
        if count == per_second * 2 {
            for sku in 0..others {
                sent.push(send(&stage, Level { sku, version: 1, available: 5 }).await?);
            }
        }
        if count % (per_second / 100) == 0 {
            sleep_until(due).await;
            due += GRAIN;
        }
        sent.push(send(&stage, Level { sku: others + count, version: 1, available: 0 }).await?);
    }
    let run = finish(stage, gateway, sent, 0).await?;
    let arrived = newest(&run)?;
    let of_others = run.sent.iter().filter(|sent| sent.level.sku < others);
    let waited = of_others.filter_map(|sent| Some(*arrived.get(&sent.level.sku)? - sent.at));
    waited.max().context("nothing of the others arrived")
}

/// Levels of a trace as they come: so many a second for a time, most of them of few SKUs, some of them sold out.
pub(super) async fn trade(
    site: &Site,
    what: &str,
    skus: u64,
    per_second: u64,
    seconds: u64,
) -> anyhow::Result<Run> {
    let stage = Stage::set(site, what, SHOPS, A_SHOP, Reported::Each).await?;
    let gateway = stage.gateway().await?;
    let (mut sent, mut random, mut versions) = (Vec::new(), Random(13), HashMap::new());
    let mut due = Instant::now();
    for _ in 0..seconds * 100 {
        sleep_until(due).await;
        due += GRAIN;
        for _ in 0..per_second / 100 {
            // Four of five commands are about a fifth of the SKUs.
            let of = if random.below(5) < 4 { skus / 5 } else { skus };
            let sku = random.below(of);
            let version = versions.entry(sku).or_insert(0_u64);
            *version += 1;
            let available = if random.below(50) == 0 { 0 } else { 1 + random.below(1000) };
            let level = Level { sku, version: *version, available: u32::try_from(available)? };
            sent.push(send(&stage, level).await?);
        }
    }
    finish(stage, gateway, sent, 0).await
}

async fn send(stage: &Stage<'_>, level: Level) -> anyhow::Result<Sent> {
    let at = Instant::now();
    stage.commands.send(level).await?;
    Ok(Sent { at, level })
}

async fn finish(
    stage: Stage<'_>,
    gateway: super::stage::Gateway,
    sent: Vec<Sent>,
    before: u64,
) -> anyhow::Result<Run> {
    stage.commands.flush().await?;
    let commands = before + u64::try_from(sent.len())?;
    let results = stage.results()?.wait(commands, PATIENCE).await?;
    results.close(commands).await?;
    let books = stage.channel.take();
    stage.strike(gateway).await?;
    Ok(Run { sent, books })
}

/// When the newest level of each SKU first arrived. An error if the channel ended with another one.
fn newest(run: &Run) -> anyhow::Result<HashMap<u64, Instant>> {
    let wanted: HashMap<u64, u32> =
        run.sent.iter().map(|sent| (sent.level.sku, sent.level.available)).collect();
    let (mut last, mut at) = (HashMap::new(), HashMap::new());
    for Arrival { at: moment, sku, available } in &run.books.arrivals {
        last.insert(*sku, *available);
        if wanted.get(sku) == Some(available) {
            at.entry(*sku).or_insert(*moment);
        }
    }
    let wrong = wanted.iter().filter(|(sku, level)| last.get(sku) != Some(level)).count();
    anyhow::ensure!(wrong == 0, "the channel ended with another level of {wrong} SKUs");
    Ok(at)
}
