//! Measures the gateway against the bare pipeline, on this machine, in one go.
//!
//! Both sides are processes of their own, get the same requests, and take turns: A B A B. Costs are CPU times per answered
//! delivery, as the kernel counts them, so that they can be compared where orders per second cannot: server, Redis, Kafka
//! and this generator share the machine. Every run has a ledger, and a run whose ledger does not close has no figure.

pub(crate) mod arrivals;
pub(crate) mod client;
pub(crate) mod ledger;
mod load;
mod measure;
mod orders;
pub(crate) mod process;
mod report;
pub(crate) mod server;

use anyhow::{Context, bail};
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::output::{complain, line};
use ledger::Topics;
use measure::{Bench, Figures, Task};
use orders::Orders;
use report::{Report, Round};
use server::{Side, Site};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time under load before a run is measured.
const WARM: Duration = Duration::from_secs(2);
/// Connections of the runs that warm Kafka up.
const WARM_CONNECTIONS: usize = 64;
/// A run as long as the load that its signatures stay good for.
const LONGEST_SECS: u64 = 200;

/// Measures the gateway against the bare pipeline: CPU per order, latency, memory, and a ledger for every run.
///
/// It needs a real Redis and a real Kafka: `make bench` starts both, or
///
///   tests/services.sh run -- target/release/loadtest bench --quick
///
/// Closed loops first: each connection sends its next order when the last one is answered. Then an open loop at half of
/// what both sides reached at the highest number of connections: orders come when they come (Poisson), and latency counts
/// from the moment an order was due. Exits 1 if an order is lost or published twice in any run.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Redis 7 or newer
    #[arg(long, env = "REDIS_URL")]
    redis: Option<String>,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: Option<String>,
    /// Process of Redis, for its CPU time. Says also that Redis is ours and may be emptied between runs
    #[arg(long, env = "REDIS_PID", value_delimiter = ' ')]
    redis_pid: Vec<u32>,
    /// Processes of Kafka, for their CPU time
    #[arg(long, env = "KAFKA_PIDS", value_delimiter = ' ')]
    kafka_pids: Vec<u32>,
    /// The gateway; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// A line for the gateway's config, like `intake.batch_max = 128`; can be given more than once
    #[arg(long, value_name = "LINE")]
    set: Vec<String>,
    /// `linger.ms` of the floor's producer
    #[arg(long, value_name = "MS", default_value_t = 2)]
    floor_linger_ms: u64,
    /// Connections of the closed loops
    #[arg(long, value_delimiter = ',', default_value = "16,64,256")]
    connections: Vec<usize>,
    /// Measured seconds of a run
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..LONGEST_SECS))]
    seconds: u64,
    /// Runs of each side under each load
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Seconds of load before the first run, because Kafka's JVM is slow at first
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(..2 * LONGEST_SECS))]
    warm_up: u64,
    /// Exact repeats among 1000 deliveries
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(..1000))]
    repeats: u64,
    /// One pair of 3 seconds and a warm-up of 10: to see that it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Measure the floor against itself: the ratio must be close to 1, and says how far to trust the rest
    #[arg(long)]
    control: bool,
    /// Leave the open loop out
    #[arg(long)]
    closed_only: bool,
    /// Write all figures of all runs here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table here
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

pub(crate) async fn run(mut args: Args) -> anyhow::Result<()> {
    if args.quick {
        (args.seconds, args.pairs, args.warm_up) = (3, 1, 10);
    }
    let other = if args.control { Side::Control } else { Side::Gateway };
    let mut series = Series { bench: bench(&args).await?, args: &args, other, runs: 0 };
    series.warm_up().await?;
    let mut rounds = Vec::new();
    for &connections in &args.connections {
        rounds.push(series.round(connections, None).await?);
    }
    let highest = rounds.iter().max_by_key(|round: &&Round| round.connections);
    if let Some(highest) = highest.filter(|_| !args.closed_only) {
        let (connections, rate) = (highest.connections, highest.both_reached() / 2);
        rounds.push(series.round(connections, Some(rate)).await?);
    }
    let mut report = Report { about: about(&args)?, other: Some(other), rounds, ratio: None };
    report.conclude();
    if let Some(path) = &args.json {
        write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if let Some(path) = &args.markdown {
        write(path, format!("{}\n{}\n", report.markdown(), report.last_line()))?;
    }
    line(report.markdown());
    line(report.last_line());
    std::fs::remove_dir_all(&series.bench.site.folder)?;
    Ok(())
}

/// Runs in their order.
struct Series<'a> {
    bench: Bench,
    args: &'a Args,
    other: Side,
    runs: u32,
}

impl Series<'_> {
    async fn warm_up(&mut self) -> anyhow::Result<()> {
        if self.args.warm_up == 0 {
            return Ok(());
        }
        complain(format_args!("warming up for {} s", self.args.warm_up));
        let time = Duration::from_secs(self.args.warm_up) / 2;
        for side in [Side::Floor, self.other] {
            self.measure(side, WARM_CONNECTIONS, None, time).await?;
        }
        Ok(())
    }

    /// Both sides in turns under one load.
    async fn round(&mut self, connections: usize, rate: Option<u64>) -> anyhow::Result<Round> {
        let time = Duration::from_secs(self.args.seconds);
        let (mut floor, mut other) = (Vec::new(), Vec::new());
        for _ in 0..self.args.pairs {
            floor.push(self.measure(Side::Floor, connections, rate, time).await?);
            other.push(self.measure(self.other, connections, rate, time).await?);
        }
        Ok(Round { connections, per_second: rate, floor, other })
    }

    async fn measure(
        &mut self,
        side: Side,
        connections: usize,
        per_second: Option<u64>,
        time: Duration,
    ) -> anyhow::Result<Figures> {
        self.runs += 1;
        let task = Task { side, number: self.runs, connections, per_second, warm: WARM, time };
        let figures = self.bench.run(task).await?;
        let Figures { orders_per_second, server_nanos, total_nanos, p99_micros, .. } = &figures;
        let ledger = &figures.ledger;
        complain(format_args!(
            "{side:<11} {connections:>4} connections: {orders_per_second:>6}/s, server {} us, sum {} us, p99 {p99_micros} us, \
             generator {} %, others {} %, made {}, answered {}, in kafka {}, lost {}, twice {}",
            server_nanos / 1000,
            total_nanos / 1000,
            figures.generator_percent,
            figures.others_percent,
            ledger.made,
            ledger.answered,
            ledger.in_kafka,
            ledger.lost,
            ledger.twice,
        ));
        if !ledger.closes() {
            bail!("the ledger of run {} ({side}) does not close: {ledger:?}", self.runs);
        }
        if figures.is_saturated() {
            complain("the generator was saturated: its core is the limit, not the server");
        }
        if figures.is_disturbed() {
            complain("something else was busy on this machine: trust ratios more than costs");
        }
        Ok(figures)
    }
}

async fn bench(args: &Args) -> anyhow::Result<Bench> {
    let gateway = match &args.gateway {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("channel-gateway"),
    };
    if !args.control && !gateway.is_file() {
        bail!("there is no gateway at {}: cargo build --release", gateway.display());
    }
    let (Some(redis_url), Some(kafka)) = (&args.redis, &args.kafka) else {
        bail!(
            "no Redis and Kafka to measure beside: run `make bench`, or\n  \
             tests/services.sh run -- target/release/loadtest bench --quick"
        );
    };
    let random = getrandom::u32()?;
    let name = format!("bench-{random:08x}");
    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder)?;
    let client = redis::Client::open(redis_url.as_str())?;
    // Emptying it takes longer than an answer usually may.
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let redis = client.get_multiplexed_async_connection_with_config(&config).await;
    let redis = redis.context("Redis does not answer")?;
    Ok(Bench {
        site: Site {
            redis: redis_url.clone(),
            kafka: kafka.clone(),
            gateway,
            folder,
            more: args.set.clone(),
            floor_linger_ms: args.floor_linger_ms,
        },
        topics: Topics::new(kafka)?,
        redis,
        owns_redis: !args.redis_pid.is_empty(),
        redis_pids: args.redis_pid.clone(),
        kafka_pids: args.kafka_pids.clone(),
        name,
        repeats: args.repeats,
    })
}

fn about(args: &Args) -> anyhow::Result<Vec<String>> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|text| text.strip_prefix("model name")?.split(": ").nth(1));
    let body = Orders::prepare(server::SHOP, orders::SECRET, 0, 0, 0)?.body_bytes();
    Ok(vec![
        format!("{}, {cores} cores ({}).", SystemClock.now(), model.unwrap_or("unknown")),
        format!(
            "Medians of {} runs of {} s on each side (lowest–highest), interleaved; orders of {body} bytes, {} of \
             1000 deliveries are exact repeats; CPU per answered delivery.",
            args.pairs, args.seconds, args.repeats
        ),
    ])
}

fn write(path: &Path, text: String) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
