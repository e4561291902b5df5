//! The measured processes: starting and ending floor and gateway, and what the kernel says they used.

use super::bodies::SECRET;
use super::client::Client;
use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);
/// Linux counts CPU time for user space in hundredths of a second, whatever its own tick is.
const TICK: Duration = Duration::from_millis(10);
/// Known to everybody; nothing that matters is sealed with it.
const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Floor,
    Gateway,
}

/// Where it finds its services, and names that are of this run alone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) redis: String,
    pub(super) kafka: String,
    /// Topics that all runs of this bench share begin with it.
    pub(super) bench: String,
    /// Topic of the orders, and the prefix of keys.
    pub(super) run: String,
}

/// A running floor or gateway.
pub(super) struct Server {
    child: Child,
    pub(super) pid: u32,
    pub(super) address: SocketAddr,
    config: Option<PathBuf>,
    /// Reads what the process says, so that it never waits for its reader.
    _log: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(kind: Kind, place: &Place) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let (mut command, config) = match kind {
            Kind::Floor => {
                let mut command = Command::new(&own);
                command.args([
                    "floor",
                    "--topic",
                    &place.run,
                    "--prefix",
                    &format!("{}:", place.run),
                ]);
                command.args(["--redis", &place.redis, "--kafka", &place.kafka]);
                (command, None)
            }
            Kind::Gateway => {
                let program = own.with_file_name("channel-gateway");
                ensure!(program.exists(), "{} is not built", program.display());
                let config = std::env::temp_dir().join(format!("{}.toml", place.run));
                std::fs::write(&config, gateway_config(place))?;
                let mut command = Command::new(program);
                command.args(["run", "--config"]).arg(&config);
                (command, Some(config))
            }
        };
        let mut child = command
            .env("BENCH_SECRET", SECRET)
            .env("BENCH_SEALING_KEY", SEALING_KEY)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("ended at once")?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let mut said = String::new();
        let begin = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = field(&line, "address") {
                    return Ok((address, field(&line, "admin")));
                }
                said = said + &line + "\n";
            }
            bail!("{kind:?} ended at once:\n{said}");
        };
        let (address, admin) = tokio::time::timeout(PATIENCE, begin).await??;
        let mut log = JoinSet::new();
        log.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("INFO") {
                    continue;
                }
                channel_gateway::output::complain(format_args!("  {kind:?}: {line}"));
            }
        });
        let server = Self { child, pid, address, config, _log: log };
        if let Some(admin) = admin {
            ready(admin).await?;
        }
        Ok(server)
    }

    /// SIGTERM, and its end.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
        ensure!(sent.success(), "process {} was gone", self.pid);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        if let Some(config) = &self.config {
            std::fs::remove_file(config)?;
        }
        Ok(())
    }
}

/// What a gateway needs to be told; everything else stays at its default, but for the store's timeout: on a machine that
/// is full, 50 ms pass without Redis' fault, and orders that bypass the store would be cheaper than they are.
fn gateway_config(place: &Place) -> String {
    let Place { redis, kafka, bench, run } = place;
    let text = format!(
        "sealing_key = \"env:BENCH_SEALING_KEY\"\nlisten.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n\
         store.url = \"{redis}\"\nstore.prefix = \"{run}:\"\nstore.timeout_ms = 1000\nkafka.bootstrap = \"{kafka}\"\nkafka.group = \"{bench}\"\n\
         kafka.create_partitions = 1\ntelemetry.log = \"info,rdkafka=error\"\nkafka.topics.orders = \"{run}\"\n"
    );
    let topics: Vec<String> =
        ["refunds", "quarantine", "stock_commands", "waybill_commands", "push_results", "push_dlq"]
            .map(|topic| format!("kafka.topics.{topic} = \"{bench}.{topic}\"\n"))
            .into();
    text + &topics.concat()
        + "[[shops]]\nchannel = \"partner\"\nid = \"bench\"\nenable = [\"webhooks\"]\n\
            webhook_secrets = [\"env:BENCH_SECRET\"]\n"
}

async fn ready(admin: SocketAddr) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut client = Client::connect(admin).await?;
    while client.exchange(b"GET /readyz HTTP/1.1\r\nhost: bench\r\n\r\n").await? != 200 {
        ensure!(Instant::now() < end, "the gateway does not become ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The value of `name=value` in a log line that may be coloured.
fn field(line: &str, name: &str) -> Option<SocketAddr> {
    let mut plain = String::new();
    for (number, part) in line.split('\x1b').enumerate() {
        plain += if number == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) };
    }
    let value = plain.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    value.parse().ok()
}

/// CPU time that a process has used, all its threads, in user space and in the kernel.
pub(super) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may hold spaces.
    let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat")?;
    let ticks = rest.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

/// Most memory that a process has had, in megabytes.
pub(super) fn peak_mb(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(Path::new(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_a_coloured_log_line() {
        let line = "\x1b[2mnow\x1b[0m \x1b[32m INFO\x1b[0m started \x1b[3maddress\x1b[0m\x1b[2m=\x1b[0m127.0.0.1:80 \x1b[3madmin\x1b[0m\x1b[2m=\x1b[0m127.0.0.1:81";
        assert_eq!(field(line, "address"), "127.0.0.1:80".parse().ok());
        assert_eq!(field(line, "admin"), "127.0.0.1:81".parse().ok());
        assert_eq!(field("address=nowhere", "address"), None);
    }
}
