//! Takes levels from a lane, asks whether they are still the newest, calls the channel, and reports.

use super::lane::{Lane, Load};
use super::queue::Level;
use crate::push::delivery::{judge, may_repeat, not_enabled, pause};
use crate::push::receipt::push_id;
use crate::push::result::{Kind, Outcome, PushResult, Reason};
use crate::shops::{Class, Held};
use crate::store::{Begun, Newer};
use connectors::contract::model::StockLevel;
use connectors::contract::{Capability, Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A call of a process that died arrives within this time, or never.
const LAST_ARRIVAL: Duration = Duration::from_secs(10);
/// Pause while nobody knows which versions are the newest.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(500);

/// Works for a lane as long as it has work.
pub(super) struct Worker {
    pub(super) lane: Arc<Lane>,
    pub(super) urgent_only: bool,
}

/// A level that may be told.
struct Going {
    level: Level,
    /// Somebody else may be telling an older one.
    is_unsettled: bool,
}

impl Worker {
    pub(super) async fn run(mut self) {
        // After the stop nothing more is begun; what waits is left in Kafka.
        while !self.lane.delivery.shutdown.is_stopped()
            && let Some(load) = self.lane.take(&mut self.urgent_only).await
        {
            self.carry(load).await;
        }
    }

    async fn carry(&self, load: Load) {
        let (lane, Load { levels, class, held }) = (&self.lane, load);
        lane.forget_told(&levels);
        let Some(begun) = lane.versions.begin(&lane.shop, &levels).await else {
            return self.park(levels, UNKNOWN_PAUSE).await;
        };
        let (mut going, mut told) = (Vec::new(), Vec::new());
        for (mut level, begun) in levels.into_iter().zip(begun) {
            match begun {
                Begun::Superseded(newer) => {
                    let sku = level.told.sku_id.clone();
                    if lane.was_unanswered(&sku) {
                        let moment = Instant::now() + LAST_ARRIVAL;
                        lane.again(newest(&level, newer), Some(moment)).await;
                    }
                    lane.report(level, Outcome::Superseded, None).await;
                    lane.done(&sku);
                }
                Begun::Go { is_unsettled } => {
                    level.tries += 1;
                    told.push(level.told.clone());
                    going.push(Going { level, is_unsettled });
                }
            }
        }
        if going.is_empty() {
            return;
        }
        let outcomes = self.call(class, held, &told).await;
        self.settle(going, outcomes).await;
    }

    /// One outcome for each level, whatever the connector answered.
    async fn call(&self, class: Class, held: Held, levels: &[StockLevel]) -> Vec<Result<()>> {
        let shop = &self.lane.shop;
        let all = |error: Error| levels.iter().map(|_| Err(error.clone())).collect();
        let sink = shop.connector.stock().filter(|_| shop.does(Capability::Stock));
        let Some(sink) = sink else { return all(not_enabled("stock")) };
        let caller = shop.caller_with(class, held);
        let session = caller.session(self.lane.delivery.parts.clock.now());
        match sink.set(&session, levels).await {
            Ok(outcomes) if outcomes.len() == levels.len() => outcomes,
            Ok(_) => all(Error::new(ErrorKind::Unavailable, "the channel answered in part")),
            Err(error) => all(error),
        }
    }

    /// Reports what has ended and leaves the rest for later.
    async fn settle(&self, going: Vec<Going>, outcomes: Vec<Result<()>>) {
        let lane = &self.lane;
        // A call without an answer may still be on its way: whoever comes next must know.
        let (open, over): (Vec<_>, Vec<_>) = going.into_iter().zip(outcomes).partition(
            |(_, outcome)| matches!(outcome, Err(error) if error.kind() == ErrorKind::Unavailable),
        );
        let levels: Vec<Level> = over.iter().map(|(going, _)| going.level.clone()).collect();
        let newer = lane.versions.finish(&lane.shop, &levels).await;
        for ((going, outcome), newer) in over.into_iter().zip(newer) {
            self.close(going, outcome, newer).await;
        }
        for (going, outcome) in open {
            lane.note_unanswered(&going.level.told.sku_id);
            self.end(going.level, outcome).await;
        }
    }

    async fn end(&self, mut level: Level, outcome: Result<()>) {
        let lane = &self.lane;
        match outcome {
            Err(error) if may_repeat(&error) && level.tries < lane.delivery.tries => {
                // Not sent, so not tried.
                if matches!(error.kind(), ErrorKind::Throttled { .. }) {
                    level.tries -= 1;
                }
                let pause = pause(level.tries, &error);
                self.park(vec![level], pause).await;
            }
            outcome => {
                if outcome.is_ok() {
                    lane.note_told(&level);
                }
                let (word, reason) = judge(&outcome);
                let sku = level.told.sku_id.clone();
                if word == Outcome::Unknown && level.position.is_some() {
                    // Should its last call arrive after all, what is newer by then must follow.
                    let (version, available) = (level.version, level.told.available);
                    let moment = Instant::now() + LAST_ARRIVAL;
                    let again = newest(&level, Newer { version, available });
                    lane.again(again, Some(moment)).await;
                }
                lane.report(level, word, reason).await;
                lane.done(&sku);
            }
        }
    }

    /// A call was answered. Where another one may arrive after it, the newest level is told once more.
    async fn close(&self, going: Going, outcome: Result<()>, newer: Option<Newer>) {
        let (lane, Going { mut level, is_unsettled }) = (&self.lane, going);
        let sku = level.told.sku_id.clone();
        let may_be_overwritten = lane.was_unanswered(&sku) || is_unsettled && !level.is_repeat;
        if let Some(newer) = newer {
            lane.again(newest(&level, newer), None).await;
        } else if may_be_overwritten && outcome.is_ok() {
            level.is_repeat = true;
            // Its command stays open: if this process dies meanwhile, the next one tells it again.
            lane.again(level, Some(Instant::now() + LAST_ARRIVAL)).await;
            return lane.done(&sku);
        }
        self.end(level, outcome).await;
    }

    async fn park(&self, levels: Vec<Level>, pause: Duration) {
        let moment = Instant::now() + pause;
        for level in levels {
            if let Some(superseded) = self.lane.park(level, moment) {
                self.lane.report(superseded, Outcome::Superseded, None).await;
            }
        }
    }
}

/// The newest level of the same SKU, to be told once more.
fn newest(level: &Level, Newer { version, available }: Newer) -> Level {
    Level {
        told: StockLevel { available, ..level.told.clone() },
        version,
        position: None,
        read_at: Instant::now(),
        tries: 0,
        is_repeat: false,
        heals: false,
    }
}

impl Lane {
    /// Publishes how a command ended. A level that was told once more has no command.
    pub(super) async fn report(&self, level: Level, outcome: Outcome, error: Option<Reason>) {
        let (is_urgent, seconds) = (level.is_urgent(), level.read_at.elapsed().as_secs_f64());
        let Some(position) = level.position else { return };
        self.counters.count(outcome, is_urgent, seconds);
        let result = PushResult {
            available: (outcome == Outcome::Ok).then_some(level.told.available),
            error,
            tries: level.tries,
            ..self.result(push_id(&position), level.told.sku_id, level.version, outcome)
        };
        self.delivery.receipts.result(result, vec![position]).await;
    }

    /// How a command ended that no call carried.
    pub(super) fn result(
        &self,
        push_id: String,
        object_id: String,
        version: u64,
        outcome: Outcome,
    ) -> PushResult {
        PushResult {
            push_id,
            kind: Kind::Stock,
            channel: self.shop.channel.to_owned(),
            shop: self.shop.id.as_str().to_owned(),
            object_id,
            version: Some(version),
            available: None,
            number: None,
            outcome,
            error: None,
            tries: 0,
            at: self.delivery.parts.clock.now(),
            also: Vec::new(),
        }
    }
}
