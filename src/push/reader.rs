//! Reads commands, sorts them into lanes, and stops fetching while the lanes are full.

use super::Parts;
use super::command::{StockCommand, WaybillCommand};
use super::delivery::stock_result;
use super::lane::{Job, Lanes, Put};
use super::receipt::{Outcome, Receipts};
use crate::bus::RawCommand;
use crate::config::Topics;
use crate::shutdown::Shutdown;
use connectors::contract::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(500);

/// Starts the reader.
pub(super) fn start(
    lanes: Arc<Lanes>,
    receipts: Receipts,
    topics: &Topics,
    parts: &Parts,
    shutdown: &Shutdown,
) {
    let reader = Reader {
        stock_topic: topics.stock_commands.clone(),
        lanes,
        receipts,
        parts: parts.clone(),
    };
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = reader.run() => {}
            () = stop.stopped() => {}
        }
    });
}

struct Reader {
    stock_topic: String,
    lanes: Arc<Lanes>,
    receipts: Receipts,
    parts: Parts,
}

impl Reader {
    /// Reading goes on while fetching is paused: a consumer that does not ask is thrown out of its group.
    async fn run(&self) {
        let mut paused = false;
        loop {
            if self.lanes.is_full() {
                // Again each time: partitions that were assigned meanwhile are not paused yet.
                self.parts.commands.pause();
                paused = true;
            }
            let next = tokio::select! {
                next = self.parts.commands.next() => next,
                () = self.lanes.has_room(), if paused => {
                    self.parts.commands.resume();
                    paused = false;
                    continue;
                }
            };
            match next {
                Ok(command) => self.sort(command).await,
                Err(error) => {
                    tracing::warn!(%error, "command topics");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    async fn sort(&self, raw: RawCommand) {
        let Some(payload) = raw.payload.as_deref() else {
            return self.receipts.nothing(raw.position).await;
        };
        let sorted = if *raw.position.topic == *self.stock_topic {
            match StockCommand::read(payload) {
                Ok(command) => self.stock(command, &raw).await,
                Err(error) => Err(error),
            }
        } else {
            WaybillCommand::read(payload).and_then(|command| self.waybill(command, &raw))
        };
        if let Err(error) = sorted {
            while !self.receipts.dead_letter(&raw, &error).await {
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }

    async fn stock(&self, command: StockCommand, raw: &RawCommand) -> Result<(), Error> {
        let lane = self.lanes.find(&command.channel, &command.shop).ok_or_else(no_shop)?;
        let late = match self.lanes.put_stock(&lane, job(command, raw)) {
            Put::Waiting => return Ok(()),
            Put::Replaced(job) | Put::Late(job) => *job,
        };
        let at = self.parts.clock.now();
        let result = stock_result(&late, Outcome::Superseded, None, at);
        self.receipts.result(result, late.position).await;
        Ok(())
    }

    fn waybill(&self, command: WaybillCommand, raw: &RawCommand) -> Result<(), Error> {
        let lane = self.lanes.find(&command.channel, &command.shop).ok_or_else(no_shop)?;
        self.lanes.put_waybill(&lane, job(command, raw));
        Ok(())
    }
}

fn job<C>(command: C, raw: &RawCommand) -> Job<C> {
    Job { command, position: raw.position.clone(), read_at: Instant::now(), tries: 0 }
}

fn no_shop() -> Error {
    Error::new(ErrorKind::Malformed, "this gateway serves no such shop of this channel").at("shop")
}
