//! Measures the gateway against the bare pipeline.
//!
//! Both get the same load in turns, A B A B, each run on a process, a topic and a key prefix of its own. CPU time comes
//! from /proc, of server, Redis and Kafka. After each run its topic is read to the end: a run that lost an order, or
//! holds one twice, has no figure and ends the bench.

mod bodies;
mod client;
mod histogram;
mod ledger;
mod load;
mod process;
mod report;

use anyhow::{Context, ensure};
use bodies::Bodies;
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::output::{complain, line};
use clap::ValueEnum;
use ledger::Ledger;
use load::{Load, Pace};
use process::{Kind, Place, Server};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use report::{Comparison, Ratio, Run, hundredths};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

const CONNECTIONS: [usize; 3] = [16, 64, 256];
const WARM: Duration = Duration::from_secs(1);
const PARTITIONS: i32 = 8;
/// More orders in a second than any server of this kind answers, by connections; what is prepared for a run.
const FASTEST: [(usize, u64); 3] = [(16, 20_000), (64, 50_000), (256, 90_000)];
/// A bench that refused more than every hundredth delivery measured refusals, not orders.
const REFUSED_PER_CENT: u64 = 1;

/// Run it beside the services, which also say whose CPU time to take:
///
///   tests/services.sh run -- target/release/loadtest bench
///
/// `channel-gateway` must lie beside `loadtest`. The last line is the ratio of the gateway's CPU time per order to the
/// bare pipeline's, the worst of all numbers of connections. Exits 1 when a ledger does not close.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Runs of each of the two at each number of connections
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Measured seconds of each run, after a second that is not measured; at most 10
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=10))]
    seconds: u64,
    /// Seconds of load before anything is measured: Kafka's JVM is several times slower in its first half minute
    #[arg(long, default_value_t = 40)]
    warm_up: u64,
    /// One pair of two seconds, after five seconds of warming up: whether everything works, no figures to quote
    #[arg(long)]
    quick: bool,
    /// Percent of deliveries that repeat a recent order exactly; at most 50
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=50))]
    duplicates: u64,
    /// Only these numbers of connections; 256 is what the open loop's rate is taken from
    #[arg(long, value_delimiter = ',', default_values_t = CONNECTIONS)]
    connections: Vec<usize>,
    /// Also writes the report to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// What to compare the bare pipeline with; `floor` shows how far two equal things differ
    #[arg(long, value_enum, default_value_t = Against::Gateway, hide = true)]
    against: Against,
    /// redis:// URL
    #[arg(long, env = "REDIS_URL")]
    redis: String,
    /// Kafka's broker list
    #[arg(long, env = "KAFKA_BOOTSTRAP")]
    kafka: String,
    /// Process of Redis
    #[arg(long, env = "REDIS_PID", value_delimiter = ' ')]
    redis_pid: Vec<u32>,
    /// Processes of Kafka's brokers
    #[arg(long, env = "KAFKA_PIDS", value_delimiter = ' ')]
    kafka_pids: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    Gateway,
    Floor,
}

struct Bench {
    args: Args,
    /// Begins the names of all topics of this bench.
    name: String,
    admin: AdminClient<DefaultClientContext>,
    runs: usize,
}

pub(crate) async fn run(mut args: Args) -> anyhow::Result<()> {
    if args.quick {
        (args.pairs, args.seconds, args.warm_up) = (1, 2, 5);
    }
    if args.redis_pid.is_empty() || args.kafka_pids.is_empty() {
        complain("REDIS_PID or KAFKA_PIDS is not set: their CPU time counts as none");
    }
    let admin = ClientConfig::new().set("bootstrap.servers", &args.kafka).create()?;
    let name = format!("bench-{}", SystemClock.now().unix_ms());
    let markdown = args.markdown.clone();
    let mut bench = Bench { args, name, admin, runs: 0 };
    bench.warm_up().await?;
    let mut compared = Vec::new();
    for connections in bench.args.connections.clone() {
        let title = format!("{connections} connections, closed loop");
        compared.push(bench.compare(title, connections, Pace::Closed).await?);
    }
    let worst = compared.iter().map(Comparison::ratio).fold(Ratio::default(), |worst, ratio| {
        Ratio { server: worst.server.max(ratio.server), total: worst.total.max(ratio.total) }
    });
    if let Some(last) = compared.last() {
        let rate = (last.lower_rate() / 2).max(1);
        let connections = CONNECTIONS.into_iter().max().unwrap_or(1);
        let title = format!(
            "{rate} orders/s at even distances over up to {connections} connections, open loop"
        );
        compared.push(bench.compare(title, connections, Pace::Open(rate)).await?);
    }
    let last_line =
        format!("ratio server {} total {}", hundredths(worst.server), hundredths(worst.total));
    let report = bench.report(&compared) + &last_line;
    if let Some(file) = markdown {
        std::fs::write(&file, format!("{report}\n")).with_context(|| file.display().to_string())?;
    }
    line(report);
    Ok(())
}

impl Bench {
    fn kinds(&self) -> [Kind; 2] {
        match self.args.against {
            Against::Gateway => [Kind::Floor, Kind::Gateway],
            Against::Floor => [Kind::Floor, Kind::Floor],
        }
    }

    /// Load on both in turns, without figures.
    async fn warm_up(&mut self) -> anyhow::Result<()> {
        complain(format_args!("warming up for {} s", self.args.warm_up));
        let end = Instant::now() + Duration::from_secs(self.args.warm_up);
        for kind in self.kinds().into_iter().cycle() {
            if Instant::now() >= end {
                break;
            }
            self.measure(kind, 64, Pace::Closed).await?;
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        title: String,
        connections: usize,
        pace: Pace,
    ) -> anyhow::Result<Comparison> {
        let [first, second] = self.kinds();
        let names = ["floor", if second == Kind::Floor { "floor again" } else { "gateway" }];
        let mut pairs = Vec::new();
        for _ in 0..self.args.pairs.max(1) {
            let floor = self.measure(first, connections, pace).await?;
            complain(format_args!("{title}: {}: {}", names[0], floor.brief()));
            let other = self.measure(second, connections, pace).await?;
            complain(format_args!("{title}: {}: {}", names[1], other.brief()));
            pairs.push([floor, other]);
        }
        Ok(Comparison { title, names, pairs })
    }

    /// One run: a fresh server, topic and prefix, the load, the ledger.
    async fn measure(&mut self, kind: Kind, connections: usize, pace: Pace) -> anyhow::Result<Run> {
        self.runs += 1;
        let run = format!("{}-{}", self.name, self.runs);
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        let topic = NewTopic::new(&run, PARTITIONS, TopicReplication::Fixed(-1));
        for created in self.admin.create_topics([&topic], &options).await? {
            created.map_err(|(topic, error)| anyhow::anyhow!("{topic} is not created: {error}"))?;
        }
        let (redis, kafka) = (self.args.redis.clone(), self.args.kafka.clone());
        let place = Place { redis, kafka, bench: self.name.clone(), run: run.clone() };
        let server = Server::start(kind, &place).await?;
        let load = self.load(&server, connections, pace);
        let seconds = (load.warm + load.measured).as_secs();
        let fastest = match pace {
            Pace::Open(rate) => rate,
            Pace::Closed => fastest(connections),
        };
        let count = usize::try_from(fastest * (seconds + 1))?;
        let driven = tokio::task::spawn_blocking(move || load::drive(load, Bodies::make(count)?));
        let (seen, bodies) = driven.await?.with_context(|| format!("{kind:?}"))?;
        let peak = process::peak_mb(server.pid)?;
        server.stop().await?;
        let (kafka, topic, first) = (place.kafka, run.clone(), bodies.first);
        let read = tokio::task::spawn_blocking(move || {
            let ledger = Ledger::of(&kafka, &topic, first, &seen)?;
            anyhow::Ok((seen, ledger))
        });
        let (seen, ledger) = read.await??;
        self.admin.delete_topics(&[&run], &options).await?;
        ensure!(ledger.closes(), "the ledger of {kind:?} does not close: {ledger}");
        let refused = seen.refused * 100;
        ensure!(refused <= seen.sent * REFUSED_PER_CENT, "{kind:?} refused too much: {ledger}");
        Ok(Run::of(&seen, ledger, peak))
    }

    fn load(&self, server: &Server, connections: usize, pace: Pace) -> Load {
        let Args { seconds, duplicates, redis_pid, kafka_pids, .. } = &self.args;
        Load {
            address: server.address,
            connections,
            pace,
            warm: WARM,
            measured: Duration::from_secs(*seconds),
            duplicate_every: 100_u64.checked_div(*duplicates).unwrap_or(0),
            pids: [vec![server.pid], redis_pid.clone(), kafka_pids.clone()],
        }
    }

    fn report(&self, compared: &[Comparison]) -> String {
        let Args { pairs, seconds, duplicates, .. } = &self.args;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut text = format!(
            "# Gateway against the bare pipeline, {}\n\n\
             {cores} cores shared by generator, server, Redis and Kafka; {pairs} interleaved pairs of {seconds} s; \
             {duplicates} % of deliveries are duplicates.\nMedians, in parentheses lowest and highest. \
             Every ledger closed.\n\n",
            SystemClock.now()
        );
        for comparison in compared {
            text += &comparison.text();
            text.push('\n');
        }
        text
    }
}

fn fastest(connections: usize) -> u64 {
    let known = FASTEST.into_iter().find(|(known, _)| *known >= connections);
    known.or(FASTEST.last().copied()).map_or(0, |(_, rate)| rate)
}
