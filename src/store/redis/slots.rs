//! Limits that several processes share, by a script.

use super::RedisStore;
use crate::store::{Error, SharedLimit, Slot, Slots};
use async_trait::async_trait;
use redis::{Pipeline, Script};
use std::sync::LazyLock;
use std::time::Duration;

static RESERVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reserve.lua")));

#[async_trait]
impl Slots for RedisStore {
    async fn reserve(&self, limits: &[SharedLimit]) -> Result<Slot, Error> {
        let mut call = RESERVE.prepare_invoke();
        for limit in limits {
            call.key(self.named(b"l:", &limit.key)).key(self.named(b"b:", &limit.key));
            call.arg(u64::try_from(limit.emission.as_micros()).unwrap_or(u64::MAX))
                .arg(limit.burst);
        }
        let (reserved, delay) = self.script::<(u8, u64)>(&call).await?;
        let delay = Duration::from_micros(delay);
        Ok(if reserved == 1 { Slot::After(delay) } else { Slot::AskAgain(delay) })
    }

    async fn ban(&self, key: &str, time: Duration) -> Result<(), Error> {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SET").arg(self.named(b"b:", key)).arg(1).arg("PX").arg(time);
        self.run(&pipeline).await.map(drop)
    }
}
