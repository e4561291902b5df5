//! Measures carrying stock back: the real gateway as a process beside a real Kafka and a real Redis, and a strict channel.
//!
//! Five questions: what a command costs while commands coalesce, and what one that waits costs; how long it takes until the
//! channel has the newest level of every SKU; how long a sold-out level waits while many others do, and the others while
//! sold-out ones do; and what a queue without coalescing would have made of the same commands. Every run has a ledger: each command has one result.

mod channel;
mod commands;
mod drain;
mod floor;
mod intake;
mod naive;
mod report;
mod results;
mod stage;

pub(crate) use floor::{Args as FloorArgs, run as run_floor};

use crate::bench::ledger::Topics;
use crate::bench::process::Meters;
use anyhow::{Context, bail};
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::output::{complain, line};
use intake::Road;
use report::Report;
use results::Reported;
use stage::Site;
use std::path::PathBuf;
use std::time::Duration;

/// Between two calls of a shop: the gateway leaves three in a hundred of its limit unused.
const EMISSION: Duration = Duration::from_micros(41_237);

/// Measures carrying stock back: CPU per command, memory, how long levels wait, against a queue without coalescing
///
/// It needs a real Redis and a real Kafka: `make bench-push` starts both, or
///
///   tests/services.sh run -- target/release/loadtest push --quick
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Redis 7 or newer
    #[arg(long, env = "REDIS_URL")]
    redis: Option<String>,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: Option<String>,
    /// Process of Redis, for what others of this machine do
    #[arg(long, env = "REDIS_PID", value_delimiter = ' ')]
    redis_pid: Vec<u32>,
    /// Processes of Kafka, for the same
    #[arg(long, env = "KAFKA_PIDS", value_delimiter = ' ')]
    kafka_pids: Vec<u32>,
    /// The gateway; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// A line for the gateway's config, like `kafka.linger_ms = 5`; can be given more than once
    #[arg(long, value_name = "LINE")]
    set: Vec<String>,
    /// Only these parts
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "intake,memory,drain,urgent,fair,naive"
    )]
    only: Vec<Part>,
    /// Runs of `intake` and `drain`, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Everything small and once: to see that it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Write the table here
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// CPU of a command while commands coalesce
    Intake,
    /// Memory of a command that waits
    Memory,
    /// Time until the newest levels are there
    Drain,
    /// Time of sold-out levels while others wait
    Urgent,
    /// Time of the others while sold-out levels could take every call
    Fair,
    /// Against a queue without coalescing
    Naive,
}

/// How large everything is.
struct Sizes {
    commands: u64,
    skus: u64,
    waiting: [u64; 2],
    drained: u64,
    versions: u64,
    others: u64,
    sold_out: u64,
    patient: u64,
    flood: u64,
    seconds: u64,
}

const WHOLE: Sizes = Sizes {
    commands: 1_000_000,
    skus: 10_000,
    waiting: [10_000, 500_000],
    drained: 40_000,
    versions: 3,
    others: 112_000,
    sold_out: 500,
    patient: 2000,
    flood: 45_000,
    seconds: 30,
};

const DRAINED: Reported = Reported::Together;

const QUICK: Sizes = Sizes {
    commands: 50_000,
    skus: 1000,
    waiting: [2000, 20_000],
    drained: 4000,
    versions: 3,
    others: 10_000,
    sold_out: 20,
    patient: 200,
    flood: 8000,
    seconds: 3,
};

pub(crate) async fn run(mut args: Args) -> anyhow::Result<()> {
    let sizes = if args.quick { QUICK } else { WHOLE };
    if args.quick {
        args.runs = 1;
    }
    let site = site(&args)?;
    let mut report = Report::default();
    let does = |part| args.only.contains(&part);
    let meters = Meters {
        server: std::process::id(),
        redis: site.redis_pids.clone(),
        kafka: site.kafka_pids.clone(),
    };
    let (began, before) = (tokio::time::Instant::now(), meters.read()?);
    if does(Part::Intake) {
        for run in 1..=args.runs {
            let what = format!("intake-{run}");
            let Sizes { commands, skus, .. } = sizes;
            let road = Road::Gateway(Reported::Each);
            let intake = intake::coalescing(&site, &what, road, commands, skus).await?;
            complain(format_args!("intake: {} ns of CPU a command, {intake:?}", intake.nanos()));
            report.intake.push(intake);
            let (what, road) = (format!("together-{run}"), Road::Gateway(Reported::Together));
            let together = intake::coalescing(&site, &what, road, commands, skus).await?;
            complain(format_args!(
                "together: {} ns of CPU a command, {together:?}",
                together.nanos()
            ));
            report.together.push(together);
            let what = format!("floor-{run}");
            let floor = intake::coalescing(&site, &what, Road::Bare, commands, skus).await?;
            complain(format_args!("floor: {} ns of CPU a command", floor.nanos()));
            report.floor.push(floor);
        }
    }
    if does(Part::Memory) {
        for skus in sizes.waiting {
            let (waiting, kib) = intake::memory(&site, &format!("memory-{skus}"), skus).await?;
            complain(format_args!("memory: {kib} KiB while {waiting} wait"));
            report.memory.push((waiting, kib));
        }
    }
    if does(Part::Drain) {
        for run in 1..=args.runs {
            let what = format!("drain-{run}");
            let drained =
                drain::drain(&site, &what, sizes.drained, sizes.versions, DRAINED).await?;
            complain(format_args!("drain: {drained:?}"));
            report.drain.push(drained);
        }
    }
    if does(Part::Urgent) {
        let every = Duration::from_millis(if args.quick { 50 } else { 90 });
        let (latency, waiting) =
            drain::urgent(&site, "urgent", sizes.others, sizes.sold_out, every).await?;
        complain(format_args!("urgent: p99 {} us", latency.value_at_quantile(0.99)));
        report.urgent = Some((latency, waiting));
    }
    if does(Part::Fair) {
        let longest = drain::fair(&site, "fair", sizes.patient, sizes.flood, 3000).await?;
        complain(format_args!("fair: {} ms", longest.as_millis()));
        report.fair = Some((sizes.patient, longest));
    }
    if does(Part::Naive) {
        let run = drain::trade(&site, "naive", 20_000, 4000, sizes.seconds).await?;
        let commands = u64::try_from(run.sent.len())?;
        report.naive = Some((commands, naive::gateway(&run), naive::naive(&run.sent, EMISSION)));
    }
    let others = meters.read()?.since(before).others();
    let millis = began.elapsed().as_millis().max(1);
    report.others_percent = u64::try_from(others.as_millis() * 100 / millis)?;
    report.about = about();
    let text = report.markdown();
    if let Some(path) = &args.markdown {
        std::fs::write(path, &text).with_context(|| path.display().to_string())?;
    }
    line(text);
    std::fs::remove_dir_all(&site.folder)?;
    Ok(())
}

fn site(args: &Args) -> anyhow::Result<Site> {
    let gateway = match &args.gateway {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("channel-gateway"),
    };
    if !gateway.is_file() {
        bail!("there is no gateway at {}: cargo build --release", gateway.display());
    }
    let (Some(redis), Some(kafka)) = (&args.redis, &args.kafka) else {
        bail!(
            "no Redis and Kafka to measure beside: run `make bench-push`, or\n  \
             tests/services.sh run -- target/release/loadtest push --quick"
        );
    };
    let random = getrandom::u32()?;
    let name = format!("bench-push-{random:08x}");
    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder)?;
    Ok(Site {
        redis: redis.clone(),
        kafka: kafka.clone(),
        gateway,
        folder,
        name,
        topics: Topics::new(kafka)?,
        more: args.set.clone(),
        redis_pids: args.redis_pid.clone(),
        kafka_pids: args.kafka_pids.clone(),
    })
}

fn about() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|text| text.strip_prefix("model name")?.split(": ").nth(1));
    format!("{}, {cores} cores ({}).", SystemClock.now(), model.unwrap_or("unknown"))
}
