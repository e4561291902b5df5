//! Reads commands, sorts them into lanes, and stops fetching while the lanes are full.

use super::command::Job;
use super::delivery::Delivery;
use super::lanes::Lanes;
use super::stock::{Gathered, StockCommand};
use super::waybill::WaybillCommand;
use crate::bus::RawCommand;
use crate::config::{Superseded, Topics};
use connectors::contract::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Commands that are taken over together.
const BURST: usize = 256;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(500);
/// A record without a value deletes its key in a compacted topic. Nothing is deleted at a channel, so somebody is wrong.
const NO_LEVEL: &str = "no value: a level is never deleted, send 0 to sell none";
const NO_WAYBILL: &str = "no value: a waybill is never deleted, correct it with the action replace";

/// Starts the reader.
pub(super) fn start(
    lanes: Lanes,
    delivery: Arc<Delivery>,
    topics: &Topics,
    superseded: Superseded,
) {
    let stop = delivery.shutdown.clone();
    let stock_topic = topics.stock_commands.clone();
    let superseded = Gathered::new(superseded == Superseded::Together);
    let mut reader = Reader { stock_topic, lanes, delivery, superseded };
    stop.clone().spawn(async move {
        tokio::select! {
            () = reader.run() => {}
            () = stop.stopped() => {}
        }
    });
}

struct Reader {
    stock_topic: String,
    lanes: Lanes,
    delivery: Arc<Delivery>,
    superseded: Gathered,
}

impl Reader {
    /// Reading goes on while fetching is paused: a consumer that does not ask is thrown out of its group.
    async fn run(&mut self) {
        let delivery = Arc::clone(&self.delivery);
        let Delivery { parts, waiting, .. } = &*delivery;
        let mut paused = false;
        loop {
            if waiting.is_full() {
                // Again each time: partitions that were assigned meanwhile are not paused yet.
                parts.commands.pause();
                paused = true;
            }
            let due = self.superseded.due();
            let next = tokio::select! {
                next = parts.commands.next() => next,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.superseded.report().await;
                    continue;
                }
                () = waiting.has_room(), if paused => {
                    parts.commands.resume();
                    paused = false;
                    continue;
                }
            };
            match next {
                Ok(command) => {
                    self.sort(command, Instant::now()).await;
                    loop {
                        let commands = parts.commands.at_hand(waiting.room().min(BURST));
                        if commands.is_empty() {
                            break;
                        }
                        let read_at = Instant::now();
                        for command in commands {
                            self.sort(command, read_at).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "command topics");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    async fn sort(&mut self, raw: RawCommand, read_at: Instant) {
        let is_stock = *raw.position.topic == *self.stock_topic;
        let sorted = match raw.payload.as_deref() {
            None => Err(Error::malformed(if is_stock { NO_LEVEL } else { NO_WAYBILL })),
            Some(payload) if is_stock => match StockCommand::read(payload) {
                Ok(command) => self.stock(command, &raw, read_at).await,
                Err(error) => Err(error),
            },
            Some(payload) => WaybillCommand::read(payload)
                .and_then(|command| self.waybill(command, &raw, read_at)),
        };
        if let Err(error) = sorted {
            while !self.delivery.receipts.dead_letter(&raw, &error).await {
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }

    async fn stock(
        &mut self,
        command: StockCommand<'_>,
        raw: &RawCommand,
        read_at: Instant,
    ) -> Result<(), Error> {
        let lanes = self.lanes.find(&command.channel, &command.shop).ok_or_else(no_shop)?;
        self.superseded.put(&lanes.stock, command, raw.position.clone(), read_at).await;
        Ok(())
    }

    fn waybill(
        &self,
        command: WaybillCommand,
        raw: &RawCommand,
        read_at: Instant,
    ) -> Result<(), Error> {
        let lanes = self.lanes.find(&command.channel, &command.shop).ok_or_else(no_shop)?;
        lanes.waybills.put(Job::new(command, raw, read_at));
        Ok(())
    }
}

fn no_shop() -> Error {
    Error::new(ErrorKind::Malformed, "this gateway serves no such shop of this channel").at("shop")
}
