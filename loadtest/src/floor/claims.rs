//! Claims and confirms in Redis: whatever waits travels in one pipeline, nothing waits for company.

use channel_gateway::output::complain;
use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Commands that may wait; far more than connections that a load opens.
const QUEUE: usize = 65_536;
const TOGETHER: usize = 512;
/// The gateway's defaults: life of a claim in milliseconds, of a fact in seconds.
const LEASE_MS: u32 = 30_000;
const REMEMBER_SECS: u32 = 604_800;

/// What a claim finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Claimed,
    Published,
}

struct Command {
    id: String,
    /// Who waits for a claim; nobody waits for a confirm.
    waiter: Option<oneshot::Sender<Found>>,
}

pub(super) struct Claims(mpsc::Sender<Command>);

impl Claims {
    pub(super) async fn connect(
        url: &str,
        prefix: String,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Self> {
        let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        tasks.spawn(carry(connection, prefix, receiver));
        Ok(Self(sender))
    }

    pub(super) async fn claim(&self, id: &str) -> Option<Found> {
        let (waiter, found) = oneshot::channel();
        self.0.send(Command { id: id.to_owned(), waiter: Some(waiter) }).await.ok()?;
        found.await.ok()
    }

    pub(super) async fn confirm(&self, id: String) {
        // The carrier ends with the process.
        self.0.send(Command { id, waiter: None }).await.ok();
    }
}

async fn carry(
    connection: MultiplexedConnection,
    prefix: String,
    mut commands: mpsc::Receiver<Command>,
) {
    let mut pipelines = JoinSet::new();
    let mut waiting = Vec::with_capacity(TOGETHER);
    while commands.recv_many(&mut waiting, TOGETHER).await > 0 {
        let mut pipeline = redis::Pipeline::with_capacity(waiting.len());
        let mut waiters = Vec::with_capacity(waiting.len());
        for Command { id, waiter } in waiting.drain(..) {
            pipeline.cmd("SET").arg([prefix.as_str(), &id].concat());
            match waiter {
                Some(_) => pipeline.arg("P").arg("NX").arg("GET").arg("PX").arg(LEASE_MS),
                None => pipeline.arg(1).arg("EX").arg(REMEMBER_SECS),
            };
            waiters.push(waiter);
        }
        while pipelines.try_join_next().is_some() {}
        let mut connection = connection.clone();
        pipelines.spawn(async move {
            let answers: Vec<Value> = match pipeline.query_async(&mut connection).await {
                Ok(answers) => answers,
                Err(error) => return complain(format_args!("floor: redis: {error}")),
            };
            for (answer, waiter) in answers.iter().zip(waiters) {
                if let Some(waiter) = waiter {
                    waiter.send(found(answer)).ok();
                }
            }
        });
        tokio::task::yield_now().await;
    }
}

fn found(answer: &Value) -> Found {
    if matches!(answer, Value::Nil) {
        return Found::Nothing;
    }
    let is_fact = matches!(answer, Value::BulkString(value) if value == b"1");
    if is_fact { Found::Published } else { Found::Claimed }
}
