//! Limits that several processes share, by a script.

use super::RedisStore;
use crate::store::{DayLimit, Error, Reserved, SharedLimit, Slot, Slots};
use async_trait::async_trait;
use redis::{Pipeline, Script};
use std::sync::LazyLock;
use std::time::Duration;

static RESERVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reserve.lua")));

#[async_trait]
impl Slots for RedisStore {
    async fn reserve(&self, limits: &[SharedLimit], days: &[DayLimit]) -> Result<Reserved, Error> {
        let mut call = RESERVE.prepare_invoke();
        call.arg(limits.len());
        for limit in limits {
            call.key(self.named(b"l:", &limit.key)).key(self.named(b"b:", &limit.key));
            call.arg(u64::try_from(limit.emission.as_micros()).unwrap_or(u64::MAX))
                .arg(limit.burst);
        }
        for day in days {
            call.key(self.named(b"d:", &day.key)).arg(day.per_day).arg(day.owed);
        }
        let (state, delay, used) = self.script::<(u8, u64, Vec<u64>)>(&call).await?;
        let delay = Duration::from_micros(delay);
        let slot = match state {
            0 => Slot::AskAgain(delay),
            1 => Slot::After(delay),
            _ => Slot::UsedUp,
        };
        let used = used.into_iter().map(|used| u32::try_from(used).unwrap_or(u32::MAX)).collect();
        Ok(Reserved { slot, used })
    }

    async fn ban(&self, key: &str, time: Duration) -> Result<(), Error> {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SET").arg(self.named(b"b:", key)).arg(1).arg("PX").arg(time);
        self.run(&pipeline).await.map(drop)
    }
}
