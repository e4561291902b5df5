//! Claims and confirms: whatever is waiting when the last pipeline has left travels in the next one.

use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, oneshot};

const QUEUE: usize = 65_536;
const PIPELINE: usize = 512;
const LEASE_MS: u64 = 30_000;
const REMEMBER_SECS: u64 = 604_800;

/// What Redis said about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Mine,
    InFlight,
    Published,
    Unknown,
}

enum Ask {
    Claim(String, oneshot::Sender<Claim>),
    Confirm(String),
}

pub(super) struct Claims(mpsc::Sender<Ask>);

impl Claims {
    #[expect(clippy::disallowed_methods, reason = "it ends with the process")]
    pub(super) async fn connect(url: &str) -> anyhow::Result<Self> {
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection().await?;
        let (queue, asks) = mpsc::channel(QUEUE);
        tokio::spawn(collect(asks, connection));
        Ok(Self(queue))
    }

    pub(super) async fn claim(&self, key: &str) -> Claim {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Ask::Claim(key.to_owned(), answer)).await.is_err() {
            return Claim::Unknown;
        }
        answered.await.unwrap_or(Claim::Unknown)
    }

    /// Sends the fact on its way; the answer to the channel does not need to wait for it.
    pub(super) async fn confirm(&self, key: String) {
        self.0.send(Ask::Confirm(key)).await.ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "pipelines overlap, and end with the process")]
async fn collect(mut asks: mpsc::Receiver<Ask>, connection: MultiplexedConnection) {
    let mut batch = Vec::with_capacity(PIPELINE);
    while asks.recv_many(&mut batch, PIPELINE).await > 0 {
        let mut pipeline = redis::pipe();
        let mut waiting = Vec::with_capacity(batch.len());
        for ask in batch.drain(..) {
            match ask {
                Ask::Claim(key, answer) => {
                    pipeline.cmd("SET").arg(key).arg("P:floor");
                    pipeline.arg("NX").arg("GET").arg("PX").arg(LEASE_MS);
                    waiting.push(answer);
                }
                Ask::Confirm(key) => {
                    pipeline.cmd("SET").arg(key).arg(1).arg("EX").arg(REMEMBER_SECS).ignore();
                }
            }
        }
        let mut connection = connection.clone();
        tokio::spawn(async move {
            let answers: Vec<Value> =
                pipeline.query_async(&mut connection).await.unwrap_or_default();
            let claims = answers.iter().map(read).chain(std::iter::repeat(Claim::Unknown));
            for (answer, claim) in waiting.into_iter().zip(claims) {
                answer.send(claim).ok();
            }
        });
        // Whoever is about to ask gets the chance to travel along.
        tokio::task::yield_now().await;
    }
}

fn read(answer: &Value) -> Claim {
    if let Value::BulkString(held) = answer {
        return if held == b"1" { Claim::Published } else { Claim::InFlight };
    }
    if matches!(answer, Value::Nil) { Claim::Mine } else { Claim::Unknown }
}
