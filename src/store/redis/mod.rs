//! Redis 7 or newer: claims and facts in pipelines, no scripts on the hot path; scripts for what several processes share.
//!
//! `SET key P:<token> NX GET PX <lease>` claims and tells what was there in one command; `SET key 1 EX <life>` states the
//! fact with a value that Redis shares between keys.

mod slots;
mod versions;

use super::{Claim, Dedup, Error, Kv};
use async_trait::async_trait;
use connectors::contract::EventId;
use redis::aio::ConnectionManager;
use redis::{FromRedisValue, Pipeline, RedisError, ScriptInvocation, Value};
use std::fmt;
use std::time::Duration;

/// A connection that mends itself, shared by everybody.
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    prefix: Vec<u8>,
    timeout: Duration,
    lease_ms: u64,
    remember_secs: u64,
}

/// How long things are kept and waited for.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// One call.
    pub timeout: Duration,
    /// A claim.
    pub lease: Duration,
    /// A fact.
    pub remember: Duration,
}

impl RedisStore {
    /// Whether this is a URL that [`Self::connect`] takes.
    pub fn accepts(url: &str) -> bool {
        redis::Client::open(url).is_ok()
    }

    /// Prepares a connection; Redis may be away now and come later.
    pub fn connect(url: &str, prefix: &str, lives: Lives) -> Result<Self, Error> {
        let client = redis::Client::open(url).map_err(|error| away(&error))?;
        // Reconnecting is quick and endless; each call has its own timeout, so nobody waits for it.
        let config = redis::aio::ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(lives.timeout.max(Duration::from_millis(50)) * 4))
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_secs(1))
            .set_number_of_retries(usize::MAX);
        let connection = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(|error| away(&error))?;
        let lease_ms = u64::try_from(lives.lease.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            connection,
            prefix: prefix.as_bytes().to_vec(),
            timeout: lives.timeout,
            lease_ms,
            remember_secs: lives.remember.as_secs(),
        })
    }

    fn key(&self, id: &EventId) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 2 + id.0.len());
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(b"e:");
        key.extend_from_slice(&id.0);
        key
    }

    fn value_key(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_slice(), b"v:", key.as_bytes()].concat()
    }

    /// A key of one kind.
    fn named(&self, kind: &[u8], key: &str) -> Vec<u8> {
        [self.prefix.as_slice(), kind, key.as_bytes()].concat()
    }

    async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        let mut connection = self.connection.clone();
        match tokio::time::timeout(self.timeout, call.invoke_async(&mut connection)).await {
            Ok(answer) => answer.map_err(|error| away(&error)),
            Err(_) => Err(Error::Late),
        }
    }

    async fn run(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Error> {
        let mut connection = self.connection.clone();
        match tokio::time::timeout(self.timeout, pipeline.query_async(&mut connection)).await {
            Ok(answer) => answer.map_err(|error| away(&error)),
            Err(_) => Err(Error::Late),
        }
    }
}

#[async_trait]
impl Dedup for RedisStore {
    async fn claim(&self, ids: &[EventId], token: u64) -> Result<Vec<Claim>, Error> {
        let mine = format!("P:{token:016x}");
        let mut pipeline = Pipeline::with_capacity(ids.len());
        for id in ids {
            pipeline.cmd("SET").arg(self.key(id)).arg(&mine);
            pipeline.arg("NX").arg("GET").arg("PX").arg(self.lease_ms);
        }
        let answers = self.run(&pipeline).await?;
        if answers.len() != ids.len() {
            return Err(Error::Away("answered a pipeline in part".to_owned()));
        }
        Ok(answers.iter().map(|answer| read_claim(answer, mine.as_bytes())).collect())
    }

    async fn confirm(&self, ids: &[EventId]) -> Result<(), Error> {
        let mut pipeline = Pipeline::with_capacity(ids.len());
        for id in ids {
            pipeline.cmd("SET").arg(self.key(id)).arg(1).arg("EX").arg(self.remember_secs);
        }
        self.run(&pipeline).await.map(drop)
    }

    async fn release(&self, ids: &[EventId], token: u64) -> Result<(), Error> {
        // Rare, so two round trips; the race between them can only cost a duplicate.
        let mine = format!("P:{token:016x}");
        let mut reads = Pipeline::with_capacity(ids.len());
        for id in ids {
            reads.cmd("GET").arg(self.key(id));
        }
        let holders = self.run(&reads).await?;
        let mut deletes = Pipeline::new();
        for (id, holder) in ids.iter().zip(&holders) {
            if matches!(holder, Value::BulkString(value) if value == mine.as_bytes()) {
                deletes.cmd("DEL").arg(self.key(id));
            }
        }
        if deletes.is_empty() { Ok(()) } else { self.run(&deletes).await.map(drop) }
    }
}

#[async_trait]
impl Kv for RedisStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("GET").arg(self.value_key(key));
        let answer = self.run(&pipeline).await?.into_iter().next();
        Ok(if let Some(Value::BulkString(bytes)) = answer { Some(bytes) } else { None })
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SET").arg(self.value_key(key)).arg(value);
        self.run(&pipeline).await.map(drop)
    }

    async fn put_for(&self, key: &str, value: &[u8], life: Duration) -> Result<(), Error> {
        let mut pipeline = Pipeline::new();
        pipeline
            .cmd("SET")
            .arg(self.value_key(key))
            .arg(value)
            .arg("EX")
            .arg(life.as_secs().max(1));
        self.run(&pipeline).await.map(drop)
    }

    async fn ping(&self) -> Result<(), Error> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("PING");
        self.run(&pipeline).await.map(drop)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A claim of the same token is the caller's: the answer to its first try was lost, not the claim.
fn read_claim(answer: &Value, mine: &[u8]) -> Claim {
    if let Value::BulkString(held) = answer {
        return match held.as_slice() {
            b"1" => Claim::Published,
            held if held == mine => Claim::Mine,
            _ => Claim::InFlight,
        };
    }
    if matches!(answer, Value::Nil) { Claim::Mine } else { Claim::InFlight }
}

fn away(error: &RedisError) -> Error {
    // The category, not the text: the text may repeat the URL.
    Error::Away(error.category().to_owned())
}
