//! Versions of stock levels: a hash for each shop, changed by scripts only and read by anybody.

use super::RedisStore;
use crate::store::{Begun, Error, Newer, Version, Versions};
use async_trait::async_trait;
use redis::{Pipeline, Script, Value};
use std::sync::LazyLock;

/// Seconds that a shop without any command is remembered.
const LIFE_SECS: u64 = 90 * 86_400;
/// A call that began so long ago (milliseconds) and never finished belongs to a process that died.
const LONGEST_CALL_MS: u64 = 60_000;
const MARK: &str = "whole";

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin.lua")));
static FINISH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("finish.lua")));
static RECALL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("recall.lua")));

#[async_trait]
impl Versions for RedisStore {
    async fn begin(&self, shop: &str, levels: &[Version<'_>]) -> Result<Vec<Begun>, Error> {
        let mut call = BEGIN.prepare_invoke();
        call.key(self.named(b"s:", shop)).key(self.named(b"s!", MARK));
        call.arg(LIFE_SECS).arg(LONGEST_CALL_MS);
        for level in levels {
            call.arg(level.sku).arg(level.version).arg(level.available);
        }
        let words: Vec<String> = self.script(&call).await?;
        if words.len() != levels.len() * 3 {
            return Err(Error::Forgotten);
        }
        let begun = |words: &[String]| match words {
            [word, newer @ ..] if word == "0" => {
                newest(newer).map_or(Begun::Go { is_unsettled: true }, Begun::Superseded)
            }
            [word, ..] => Begun::Go { is_unsettled: word == "2" },
            [] => Begun::Go { is_unsettled: true },
        };
        Ok(words.chunks(3).map(begun).collect())
    }

    async fn finish(
        &self,
        shop: &str,
        levels: &[Version<'_>],
    ) -> Result<Vec<Option<Newer>>, Error> {
        let mut call = FINISH.prepare_invoke();
        call.key(self.named(b"s:", shop));
        for level in levels {
            call.arg(level.sku).arg(level.version);
        }
        let words: Vec<String> = self.script(&call).await?;
        Ok(words.chunks(2).map(newest).collect())
    }

    async fn newest(&self, shop: &str, skus: &[&str]) -> Result<Vec<Option<Newer>>, Error> {
        let mut pipeline = Pipeline::with_capacity(skus.len());
        for sku in skus {
            pipeline.cmd("HGET").arg(self.named(b"s:", shop)).arg(*sku);
        }
        let held = self.run(&pipeline).await?;
        let newest = |held: &Value| {
            let Value::BulkString(held) = held else { return None };
            let mut words = std::str::from_utf8(held).ok()?.split(' ');
            let (version, available) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(Newer { version, available })
        };
        Ok(held.iter().map(newest).collect())
    }

    async fn recall(&self, shop: &str, levels: &[Version<'_>]) -> Result<(), Error> {
        let mut call = RECALL.prepare_invoke();
        call.key(self.named(b"s:", shop)).arg(LIFE_SECS);
        for level in levels {
            call.arg(level.sku).arg(level.version).arg(level.available);
        }
        self.script(&call).await
    }

    async fn recalled(&self) -> Result<(), Error> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SET").arg(self.named(b"s!", MARK)).arg(1);
        self.run(&pipeline).await.map(drop)
    }
}

/// Version and level, unless the words are empty.
fn newest(words: &[String]) -> Option<Newer> {
    let [version, available] = words else { return None };
    Some(Newer { version: version.parse().ok()?, available: available.parse().ok()? })
}
