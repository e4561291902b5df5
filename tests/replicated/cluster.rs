//! Three brokers of this test's own.

use crate::support::eventually;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Says where the brokers are and who it is, and keeps them up until it is ended, for two minutes at most.
const KEEPER: &str = r#"
trap "exit 0" TERM
echo "$KAFKA_BOOTSTRAP"
echo "$KAFKA_PIDS"
echo "$$"
sleep 120 &
wait
"#;

/// A cluster with `min.insync.replicas=2`.
pub(crate) struct Cluster {
    script: Child,
    keeper: String,
    bootstrap: String,
    /// Process ids of the brokers 1, 2 and 3.
    brokers: Vec<String>,
}

impl Cluster {
    /// Starts it and waits until every broker answers.
    pub(crate) async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services.sh");
        let mut script = Command::new(script)
            .args(["run", "--", "bash", "-c", KEEPER])
            .env("KAFKA_BROKERS", "3")
            .env_remove("KAFKA_BOOTSTRAP")
            .env_remove("SERVICES_DIR")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut said = async || lines.next_line().await.unwrap().expect("brokers that start");
        let (bootstrap, brokers, keeper) = (said().await, said().await, said().await);
        let brokers: Vec<String> = brokers.split(' ').map(str::to_owned).collect();
        assert_eq!(brokers.len(), 3, "{brokers:?}");
        Self { script, keeper, bootstrap, brokers }
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// The number of the broker that leads the topic's only partition.
    pub(crate) async fn leader(&self, topic: &str) -> usize {
        eventually("a leader", async || {
            let (bootstrap, topic) = (self.bootstrap.clone(), topic.to_owned());
            let asked = tokio::task::spawn_blocking(move || {
                let mut config = ClientConfig::new();
                let client: BaseConsumer =
                    config.set("bootstrap.servers", bootstrap).create().unwrap();
                let metadata = client.fetch_metadata(Some(&topic), Duration::from_secs(5)).ok()?;
                usize::try_from(metadata.topics().first()?.partitions().first()?.leader()).ok()
            });
            asked.await.unwrap()
        })
        .await
    }

    /// The brokers besides this one.
    pub(crate) fn others(&self, broker: usize) -> Vec<usize> {
        (1..=self.brokers.len()).filter(|other| *other != broker).collect()
    }

    pub(crate) async fn signal(&self, broker: usize, signal: &str) {
        kill(signal, &self.brokers[broker - 1]).await;
    }

    /// Ends the brokers and waits until they have ended.
    pub(crate) async fn stop(mut self) {
        kill("TERM", &self.keeper).await;
        assert!(self.script.wait().await.unwrap().success());
    }
}

async fn kill(signal: &str, id: &str) {
    let sent = Command::new("kill").args(["-s", signal, id]).status().await.unwrap();
    assert!(sent.success(), "{signal} to {id}");
}
