//! Carries stock and waybills back: commands from Kafka, calls to channels, results to Kafka.
//!
//! Promises: commands of one key keep their order; a stock level that still waits is replaced by a newer one, and an
//! older version never overwrites a newer; an offset is stored only when every command before it has its result in
//! Kafka; a command that cannot be understood goes to the dead letters at once and the partition goes on.

mod command;
mod counters;
mod delivery;
mod lanes;
mod letter;
mod reader;
mod receipt;
mod result;
#[cfg(test)]
mod simulation_tests;
mod stock;
mod waiting;
mod waybill;

pub use letter::DeadLetter;
pub use result::{Also, Kind, Outcome, PushResult, Reason};
pub use stock::StockCommand;
pub use waybill::WaybillCommand;

use crate::bus::{Commands, Past, Publisher};
use crate::clock::Clock;
use crate::config::{Push, Topics};
use crate::holds::Holds;
use crate::intake::Intake;
use crate::seal::Sealer;
use crate::shops::Shops;
use crate::shutdown::Shutdown;
use crate::store::{Kv, Notes, Versions};
use crate::telemetry::metrics::Metrics;
use delivery::Delivery;
use lanes::Lanes;
use receipt::Receipts;
use std::sync::Arc;
use waiting::Waiting;
use waybill::Journal;

/// What push-back works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where commands come from.
    pub commands: Arc<dyn Commands>,
    /// Where results go.
    pub publisher: Arc<dyn Publisher>,
    /// The shops.
    pub shops: Arc<Shops>,
    /// Keeps the journal of waybills.
    pub store: Arc<dyn Kv>,
    /// Orders that must not ship now.
    pub holds: Arc<Holds>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Seals dead letters.
    pub sealer: Sealer,
    /// Which versions of stock levels were told.
    pub versions: Arc<dyn Versions>,
    /// The stock commands there were.
    pub past: Arc<dyn Past>,
    /// Where levels that are read back go in, as everything that a channel says.
    pub intake: Intake,
}

/// Starts reading, delivering and reporting. At the end, calls under way finish and are reported; what waits is left in
/// Kafka.
pub fn start(settings: &Push, topics: &Topics, parts: &Parts, shutdown: &Shutdown) {
    let (store, metrics) = (Arc::clone(&parts.store), Arc::clone(&parts.metrics));
    let delivery = Arc::new(Delivery {
        journal: Journal::new(Notes::new(store, "waybill", settings.journal_life(), metrics)),
        receipts: Receipts::start(topics, parts, shutdown),
        waiting: Waiting::new(settings.queue.get(), &parts.metrics),
        parts: parts.clone(),
        shutdown: shutdown.clone(),
        tries: settings.tries.get(),
        drift: stock::Drift::new(settings),
    });
    stock::read_back(&delivery);
    let Parts { versions, past, shops, metrics, .. } = parts.clone();
    let versions = Arc::new(stock::Remembered::new(versions, past, shops, metrics));
    let lanes = Lanes::new(&parts.shops, &delivery, &versions);
    reader::start(lanes, delivery, topics, settings.superseded);
}
