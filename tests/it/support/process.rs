//! The real binary as a process of its own, for what only a process can show: being killed, being told to end, logging.

use super::partner::exchange;
use super::spawn;
use super::{Answer, Partner, Setup, eventually, gateway::SECRET};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// `channel-gateway run`, and what it logged.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<String>>,
    logging: tokio::task::JoinHandle<()>,
    config: PathBuf,
}

impl Process {
    /// Starts it and waits for its log line that says where it listens.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let config = std::env::temp_dir().join(format!("{}.toml", super::unique("gateway")));
        let text = setup
            .config()
            .replace("telemetry.log = \"warn\"", "telemetry.log = \"trace,rdkafka=info\"");
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_channel-gateway"))
            .args(["run", "--dev", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let (address, admin) = loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended: {log}"));
            log.push_str(&line);
            log.push('\n');
            if let (Some(address), Some(admin)) = (field(&line, "address"), field(&line, "admin")) {
                break (address, admin);
            }
        };
        let log = Arc::new(Mutex::new(log));
        let logging = {
            let log = Arc::clone(&log);
            spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let mut log = log.lock();
                    log.push_str(&line);
                    log.push('\n');
                }
            })
        };
        Self { child, address, admin, log, logging, config }
    }

    pub(crate) fn partner(&self, shop: &str) -> Partner {
        Partner::new(self.address, shop, SECRET)
    }

    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        exchange(self.admin, request.as_bytes()).await
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn ready(&self) {
        eventually("ready", async || (self.admin("/readyz").await.status == 200).then_some(()))
            .await;
    }

    /// Waits until it has logged this.
    pub(crate) async fn logged(&self, words: &str) {
        eventually(words, async || self.log.lock().contains(words).then_some(())).await;
    }

    /// kill -9, as the kernel does when memory is short.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
        std::fs::remove_file(&self.config).unwrap();
    }

    /// SIGTERM; returns whether it ended with success, and its whole log.
    pub(crate) async fn terminate(mut self) -> (bool, String) {
        let id = self.child.id().expect("still running");
        let sent = Command::new("kill").args(["-TERM", &id.to_string()]).status().await.unwrap();
        assert!(sent.success());
        let status = self.child.wait().await.unwrap();
        std::fs::remove_file(&self.config).unwrap();
        self.logging.await.unwrap();
        (status.success(), self.log.lock().clone())
    }
}

/// The value of `name=value` in a log line that may be coloured.
fn field(line: &str, name: &str) -> Option<SocketAddr> {
    let plain: String = strip_colours(line);
    let start = plain.find(&format!(" {name}="))? + name.len() + 2;
    plain.get(start..)?.split(' ').next()?.parse().ok()
}

fn strip_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

/// Runs the binary to its end: status, standard output, standard error.
pub(crate) async fn run(args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_channel-gateway"))
        .args(args)
        .envs(env.iter().copied())
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}
