//! How fast commands are taken in, and what one that waits costs.

use super::commands::Level;
use super::results::{Ledger, Reported};
use super::stage::{A_SHOP, Site, Stage};
use crate::bench::arrivals::Random;
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_mins(5);
/// Time for what was allocated in passing to be given back.
const SETTLE: Duration = Duration::from_secs(2);

/// Who takes the commands in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Road {
    Gateway(Reported),
    Bare,
}

/// What taking in cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intake {
    pub(super) commands: u64,
    /// From the start of the process until every command had its result.
    pub(super) time: Duration,
    pub(super) cpu: Duration,
    pub(super) peak_kib: u64,
    pub(super) calls: u64,
    pub(super) ledger: Ledger,
}

impl Intake {
    /// CPU time of a command.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.cpu.as_nanos()).unwrap_or(u64::MAX) / self.commands.max(1)
    }

    pub(super) fn a_core(&self) -> u64 {
        1_000_000_000 / self.nanos().max(1)
    }
}

/// One shop's commands lie in Kafka, many for each SKU, when the process on this road starts.
pub(super) async fn coalescing(
    site: &Site,
    what: &str,
    road: Road,
    commands: u64,
    skus: u64,
) -> anyhow::Result<Intake> {
    let reported = match road {
        Road::Gateway(reported) => reported,
        Road::Bare => Reported::Each,
    };
    let stage = Stage::set(site, what, 1, A_SHOP, reported).await?;
    let mut random = Random(7);
    for version in 1..=commands {
        let sku = random.below(skus);
        let available = u32::try_from(1 + random.below(1000))?;
        stage.commands.send(Level { sku, version, available }).await?;
    }
    stage.commands.flush().await?;
    let began = Instant::now();
    let process = match road {
        Road::Gateway(_) => stage.gateway().await?,
        Road::Bare => stage.floor().await?,
    };
    let results = stage.results()?.wait(commands, PATIENCE).await?;
    let (time, cpu) = (began.elapsed(), process.meters.read()?.server);
    let peak_kib = process.meters.peak_kib()?;
    let ledger = results.close(commands).await?;
    let calls = stage.channel.take().calls;
    stage.strike(process).await?;
    Ok(Intake { commands, time, cpu, peak_kib, calls, ledger })
}

/// Resident memory in KiB while so many SKUs wait.
pub(super) async fn memory(site: &Site, what: &str, skus: u64) -> anyhow::Result<(u64, u64)> {
    let stage = Stage::set(site, what, 1, 1, Reported::Each).await?;
    for sku in 0..skus {
        stage.commands.send(Level { sku, version: 1, available: 5 }).await?;
    }
    stage.commands.flush().await?;
    let gateway = stage.gateway().await?;
    // A few are told while the rest is read.
    let waiting = gateway.fill(skus - skus / 20).await?;
    tokio::time::sleep(SETTLE).await;
    let kib = gateway.meters.resident_kib()?;
    stage.strike(gateway).await?;
    Ok((waiting, kib))
}
