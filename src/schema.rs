//! JSON Schemas of everything that goes over a topic, made from the types themselves.

use crate::intake::Quarantined;
use crate::push::{DeadLetter, PushResult, StockCommand, WaybillCommand};
use connectors::contract::model::{Order, Refund, Settlement, ShipmentReport, StockObservation};
use schemars::{Schema, schema_for};

/// Topic name of the default config, and the schema of its values.
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("orders.v1", schema_for!(Order)),
        ("refunds.v1", schema_for!(Refund)),
        ("shipments.v1", schema_for!(ShipmentReport)),
        ("stock.observations.v1", schema_for!(StockObservation)),
        ("settlements.v1", schema_for!(Settlement)),
        ("quarantine.v1", schema_for!(Quarantined<'_>)),
        ("stock.commands.v1", schema_for!(StockCommand)),
        ("waybill.commands.v1", schema_for!(WaybillCommand)),
        ("push.results.v1", schema_for!(PushResult)),
        ("push.dlq.v1", schema_for!(DeadLetter<'_>)),
    ]
}
