//! What a run needs: topics of its own, a channel, and the gateway as a process.

use super::channel::Channel;
use super::commands::Commands;
use super::results::{Reported, Results};
use crate::bench::client::Client;
use crate::bench::ledger::Topics;
use crate::bench::process::Meters;
use crate::bench::server::{SEALING_KEY, Server, free_address};
use anyhow::Context;
use channel_gateway::shutdown::Shutdown;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;

const PARTITIONS: i32 = 8;
/// What a shop may call in a second, by the channel's document.
pub(super) const A_SHOP: u32 = 25;
/// Calls that the gateway may make at once, so that one that is late is made up for.
const BURST: u32 = 2;
/// Room in the gateway for everything that a run lets wait.
const QUEUE: u64 = 1_000_000;
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_mins(2);

/// What is the same in all runs.
pub(super) struct Site {
    pub(super) redis: String,
    pub(super) kafka: String,
    pub(super) gateway: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) topics: Topics,
    /// Lines that are added to the gateway's config.
    pub(super) more: Vec<String>,
    pub(super) redis_pids: Vec<u32>,
    pub(super) kafka_pids: Vec<u32>,
}

/// One run.
pub(super) struct Stage<'a> {
    site: &'a Site,
    name: String,
    shops: u64,
    per_second: u32,
    reported: Reported,
    shutdown: Shutdown,
    pub(super) channel: Arc<Channel>,
    address: SocketAddr,
    pub(super) commands: Commands,
}

/// The gateway of a run.
pub(super) struct Gateway {
    server: Server,
    admin: SocketAddr,
    pub(super) meters: Meters,
}

impl<'a> Stage<'a> {
    /// Prepares a run of so many shops, each of which may make so many calls a second.
    pub(super) async fn set(
        site: &'a Site,
        what: &str,
        shops: u64,
        per_second: u32,
        reported: Reported,
    ) -> anyhow::Result<Self> {
        let name = format!("{}-{what}", site.name);
        for topic in [commands(&name), results(&name)] {
            site.topics.create(&topic, PARTITIONS).await.context("a topic cannot be created")?;
        }
        remember(&site.redis, &name).await.context("Redis does not answer")?;
        let shutdown = Shutdown::default();
        let (channel, address) = Channel::serve(per_second, &shutdown).await?;
        let commands = Commands::new(&site.kafka, &commands(&name), shops)?;
        Ok(Self { site, name, shops, per_second, reported, shutdown, channel, address, commands })
    }

    pub(super) fn results(&self) -> anyhow::Result<Results> {
        Results::new(&self.site.kafka, &results(&self.name), PARTITIONS, self.reported)
    }

    /// Starts the gateway; returns once it is ready.
    pub(super) async fn gateway(&self) -> anyhow::Result<Gateway> {
        let (listen, admin) = (free_address()?, free_address()?);
        let path = self.site.folder.join(format!("{}.toml", self.name));
        std::fs::write(&path, self.config(listen, admin))?;
        let mut command = Command::new(&self.site.gateway);
        command
            .args([Path::new("run"), Path::new("--config"), &path])
            .env("BENCH_SECRET", "known-to-everybody")
            .env("BENCH_SEALING_KEY", SEALING_KEY);
        let log = self.site.folder.join(format!("{}.log", self.name));
        let server = Server::launch(command, log, listen, Some(admin)).await?;
        Ok(self.process(server, admin))
    }

    /// Starts the bare road in the gateway's place.
    pub(super) async fn floor(&self) -> anyhow::Result<Gateway> {
        let listen = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("push-floor")
            .args(["--listen", &listen.to_string()])
            .args(["--kafka", &self.site.kafka])
            .args(["--commands", &commands(&self.name)])
            .args(["--results", &results(&self.name)]);
        let log = self.site.folder.join(format!("{}.log", self.name));
        let server = Server::launch(command, log, listen, None).await?;
        Ok(self.process(server, listen))
    }

    fn process(&self, server: Server, admin: SocketAddr) -> Gateway {
        let meters = Meters {
            server: server.pid,
            redis: self.site.redis_pids.clone(),
            kafka: self.site.kafka_pids.clone(),
        };
        Gateway { server, admin, meters }
    }

    fn config(&self, listen: SocketAddr, admin: SocketAddr) -> String {
        let (name, site, channel) = (&self.name, self.site, self.address);
        let mut text = format!(
            "listen.address = \"{listen}\"\n\
             admin.address = \"{admin}\"\n\
             kafka.bootstrap = \"{kafka}\"\n\
             kafka.group = \"{name}\"\n\
             kafka.topics.stock_commands = \"{commands}\"\n\
             kafka.topics.push_results = \"{results}\"\n\
             store.url = \"{redis}\"\n\
             store.prefix = \"{name}:\"\n\
             sealing_key = \"env:BENCH_SEALING_KEY\"\n\
             push.queue = {QUEUE}\n\
             push.superseded = \"{reported}\"\n\
             egress.allow_networks = [\"127.0.0.0/8\"]\n\
             {more}\n",
            kafka = site.kafka,
            redis = site.redis,
            commands = commands(name),
            results = results(name),
            reported = self.reported.as_str(),
            more = site.more.join("\n"),
        );
        for shop in 0..self.shops {
            // Writing to a string does not fail.
            write!(
                text,
                "[[shops]]\n\
                 channel = \"taobao\"\n\
                 id = \"s{shop}\"\n\
                 enable = [\"stock\"]\n\
                 base_url = \"http://{channel}/s{shop}\"\n\
                 app_key = \"12345678\"\n\
                 app_secret = \"env:BENCH_SECRET\"\n\
                 token = \"env:BENCH_SECRET\"\n\
                 limits.\"taobao.skus.quantity.update\" = {{ per_second = {}, burst = {BURST} }}\n",
                self.per_second
            )
            .ok();
        }
        text
    }

    /// Ends the run.
    pub(super) async fn strike(self, gateway: Gateway) -> anyhow::Result<()> {
        gateway.server.stop().await?;
        self.shutdown.stop();
        self.shutdown.wait().await;
        for topic in [commands(&self.name), results(&self.name)] {
            self.site.topics.delete(&topic).await.context("a topic cannot be deleted")?;
        }
        Ok(())
    }
}

impl Gateway {
    /// Stock commands that wait in it.
    pub(super) async fn depth(&self) -> anyhow::Result<u64> {
        let mut client = Client::connect(self.admin).await?;
        client.exchange(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n").await?;
        let text = std::str::from_utf8(client.answer())?;
        let depth = text.lines().find_map(|line| {
            line.strip_prefix("gateway_push_queue_depth{kind=\"stock\"} ")?.trim().parse().ok()
        });
        Ok(depth.unwrap_or_default())
    }

    /// Waits until at least so many commands wait in it.
    pub(super) async fn fill(&self, wanted: u64) -> anyhow::Result<u64> {
        let end = Instant::now() + PATIENCE;
        loop {
            let depth = self.depth().await?;
            if depth >= wanted {
                return Ok(depth);
            }
            anyhow::ensure!(Instant::now() < end, "{depth} of {wanted} commands wait");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Marks the versions of stock levels as complete, as they are in a store that has been in use: a fresh one makes the
/// gateway read its whole log of commands first.
async fn remember(redis: &str, name: &str) -> anyhow::Result<()> {
    let mut connection = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
    redis::cmd("SET").arg(format!("{name}:s!whole")).arg(1).exec_async(&mut connection).await?;
    Ok(())
}

fn commands(name: &str) -> String {
    format!("{name}-commands")
}

fn results(name: &str) -> String {
    format!("{name}-results")
}
