//! The measured processes: started with a topic and a key prefix of their own, awaited, ended by SIGTERM.

use super::client::Client;
use super::orders::SECRET;
use anyhow::{Context, ensure};
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

pub(super) const SHOP: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(20);
/// Seals what never comes: nothing is quarantined.
pub(crate) const SEALING_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Floor,
    Gateway,
    /// The floor once more, in the gateway's place.
    Control,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Floor => "floor",
            Self::Gateway => "gateway",
            Self::Control => "floor again",
        })
    }
}

/// What every server needs to know.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) redis: String,
    pub(super) kafka: String,
    pub(super) gateway: PathBuf,
    pub(super) folder: PathBuf,
    /// Lines that are added to the gateway's config.
    pub(super) more: Vec<String>,
    pub(super) floor_linger_ms: u64,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a side under a name that is its topic and its key prefix; returns once it takes orders.
    pub(super) async fn start(side: Side, name: &str, site: &Site) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = match side {
            Side::Floor | Side::Control => floor(name, site, address)?,
            Side::Gateway => gateway(name, site, address, admin)?,
        };
        command.env("BENCH_SECRET", SECRET).env("BENCH_SEALING_KEY", SEALING_KEY);
        let admin = (side == Side::Gateway).then_some(admin);
        Self::launch(command, site.folder.join(format!("{name}.log")), address, admin).await
    }

    /// Starts a process with its output in a file; returns once it takes connections and its operators' listener, where it
    /// has one, says that it is ready.
    pub(crate) async fn launch(
        mut command: Command,
        log: PathBuf,
        address: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let output = std::fs::File::create(&log)?;
        let child = command
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let pid = child.id().context("the server ended at once")?;
        let mut server = Self { child, log, pid, address };
        server.ready(admin).await?;
        Ok(server)
    }

    async fn ready(&mut self, admin: Option<SocketAddr>) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_ready(self.address, admin).await {
            let ended = self.child.try_wait()?;
            let log = self.log.display();
            ensure!(ended.is_none(), "the server ended before it was ready; its log is {log}");
            ensure!(Instant::now() < end, "the server was not ready in time; its log is {log}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ends it as an operator does, and waits until it is gone.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
        let log = self.log.display();
        ensure!(sent.success(), "the server was gone before its end; its log is {log}");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("the server did not end in time")??;
        ensure!(status.success(), "the server ended with {status}; its log is {log}");
        Ok(())
    }
}

/// Takes connections, and says that it is ready if it has somebody to say so to.
async fn is_ready(address: SocketAddr, admin: Option<SocketAddr>) -> bool {
    if let Some(admin) = admin {
        let Ok(mut client) = Client::connect(admin).await else { return false };
        let answer = client.exchange(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n").await;
        if !matches!(answer, Ok(200)) {
            return false;
        }
    }
    Client::connect(address).await.is_ok()
}

fn floor(name: &str, site: &Site, address: SocketAddr) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("floor")
        .args(["--listen", &address.to_string()])
        .args(["--redis", &site.redis])
        .args(["--kafka", &site.kafka])
        .args(["--topic", name])
        .args(["--prefix", &format!("{name}:")])
        .args(["--linger-ms", &site.floor_linger_ms.to_string()]);
    Ok(command)
}

fn gateway(
    name: &str,
    site: &Site,
    address: SocketAddr,
    admin: SocketAddr,
) -> anyhow::Result<Command> {
    let path = site.folder.join(format!("{name}.toml"));
    let text = format!(
        "listen.address = \"{address}\"\n\
         admin.address = \"{admin}\"\n\
         kafka.bootstrap = \"{kafka}\"\n\
         kafka.topics.orders = \"{name}\"\n\
         store.url = \"{redis}\"\n\
         store.prefix = \"{name}:\"\n\
         sealing_key = \"env:BENCH_SEALING_KEY\"\n\
         {more}\n\
         [[shops]]\n\
         channel = \"partner\"\n\
         id = \"{SHOP}\"\n\
         enable = [\"webhooks\"]\n\
         webhook_secrets = [\"env:BENCH_SECRET\"]\n",
        kafka = site.kafka,
        redis = site.redis,
        more = site.more.join("\n"),
    );
    std::fs::write(&path, text)?;
    let mut command = Command::new(&site.gateway);
    command.args([Path::new("run"), Path::new("--config"), &path]);
    Ok(command)
}

/// An address that nobody uses now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
