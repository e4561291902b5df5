//! One run: a fresh topic, a fresh process, load, the ledger.

use super::ledger::{Ledger, Topics};
use super::load::{self, Outcome};
use super::orders::{Orders, SECRET};
use super::process::Meters;
use super::server::{SHOP, Server, Side, Site};
use anyhow::Context;
use channel_gateway::clock::{Clock, SystemClock};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Partitions of every topic of orders.
const PARTITIONS: i32 = 8;
/// Share of a core from which on the generator may be what limits a closed loop, in percent.
const SATURATED_PERCENT: u64 = 85;
/// Share of a core that others may use before a run is called disturbed, in percent.
const DISTURBED_PERCENT: u64 = 10;

/// What is the same in all runs.
pub(super) struct Bench {
    pub(super) site: Site,
    pub(super) topics: Topics,
    pub(super) redis: redis::aio::MultiplexedConnection,
    /// Whether the Redis is ours alone, so that it may be emptied between runs.
    pub(super) owns_redis: bool,
    pub(super) redis_pids: Vec<u32>,
    pub(super) kafka_pids: Vec<u32>,
    pub(super) name: String,
    pub(super) repeats: u64,
}

/// What a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) side: Side,
    pub(super) number: u32,
    pub(super) connections: usize,
    pub(super) per_second: Option<u64>,
    pub(super) warm: Duration,
    pub(super) time: Duration,
}

/// What came out of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    pub(super) orders_per_second: u64,
    /// CPU time in nanoseconds for one answered delivery.
    pub(super) server_nanos: u64,
    pub(super) redis_nanos: u64,
    pub(super) kafka_nanos: u64,
    pub(super) total_nanos: u64,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
    pub(super) p999_micros: u64,
    pub(super) peak_kib: u64,
    /// CPU of the generator, in percent of one core.
    pub(super) generator_percent: u64,
    /// CPU of everybody else on this machine, in percent of one core.
    pub(super) others_percent: u64,
    pub(super) refused: u64,
    pub(super) ledger: Ledger,
}

impl Figures {
    fn of(outcome: &Outcome, ledger: Ledger, peak_kib: u64) -> Self {
        let answered = outcome.answered_in_time.max(1);
        let nanos = |time: Duration| whole(time.as_nanos()) / answered;
        let (cpu, millis) = (outcome.cpu, whole(outcome.time.as_millis()).max(1));
        Self {
            orders_per_second: outcome.answered_in_time * 1000 / millis,
            server_nanos: nanos(cpu.server),
            redis_nanos: nanos(cpu.redis),
            kafka_nanos: nanos(cpu.kafka),
            total_nanos: nanos(cpu.server + cpu.redis + cpu.kafka),
            p50_micros: outcome.latency.value_at_quantile(0.5),
            p99_micros: outcome.latency.value_at_quantile(0.99),
            p999_micros: outcome.latency.value_at_quantile(0.999),
            peak_kib,
            generator_percent: whole(cpu.generator.as_millis()) * 100 / millis,
            others_percent: whole(cpu.others().as_millis()) * 100 / millis,
            refused: outcome.refused,
            ledger,
        }
    }

    /// The generator had hardly a moment to itself: a faster server would not have shown.
    pub(super) fn is_saturated(&self) -> bool {
        self.generator_percent >= SATURATED_PERCENT
    }

    /// Somebody else was busy meanwhile.
    pub(super) fn is_disturbed(&self) -> bool {
        self.others_percent >= DISTURBED_PERCENT
    }
}

impl Bench {
    pub(super) async fn run(&mut self, task: Task) -> anyhow::Result<Figures> {
        let name = format!("{}-{}", self.name, task.number);
        self.topics.create(&name, PARTITIONS).await.context("the topic cannot be created")?;
        let server = Server::start(task.side, &name, &self.site).await?;
        // More than any run has needed so far costs nothing: it is signed when it is sent.
        let count = task.per_second.unwrap_or(40_000) * (task.warm + task.time).as_secs();
        let now = SystemClock.now().unix_ms() / 1000;
        let orders = Arc::new(Orders::prepare(SHOP, SECRET, task.number, now, count)?);
        let meters = Meters {
            server: server.pid,
            redis: self.redis_pids.clone(),
            kafka: self.kafka_pids.clone(),
        };
        let plan = load::Plan {
            address: server.address,
            connections: task.connections,
            per_second: task.per_second,
            warm: task.warm,
            time: task.time,
            repeats: self.repeats,
            seed: u64::from(task.number),
        };
        let outcome = load::run(plan, Arc::clone(&orders), Some(meters.clone())).await?;
        let peak_kib = meters.peak_kib()?;
        server.stop().await?;
        let ledger = self.topics.close(&name, orders, &outcome).await?;
        self.topics.delete(&name).await.context("the topic cannot be deleted")?;
        if self.owns_redis {
            redis::cmd("FLUSHALL").exec_async(&mut self.redis).await.context("FLUSHALL")?;
        }
        Ok(Figures::of(&outcome, ledger, peak_kib))
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
