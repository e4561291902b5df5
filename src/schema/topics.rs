//! What is said of each topic: the one list that schemas and the AsyncAPI document are made of.

use super::generator;
use crate::intake::Quarantined;
use crate::push::{DeadLetter, PushResult, StockCommand, WaybillCommand};
use connectors::contract::model::{Order, Refund, Settlement, ShipmentReport, StockObservation};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Which way values go, seen from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The gateway writes them.
    Sent,
    /// The gateway reads them.
    Received,
}

/// A topic, and what its records are.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name in the default config.
    pub name: &'static str,
    /// Which way its values go.
    pub direction: Direction,
    pub(super) values: Values,
    /// `ce_type`, and the name of the message.
    pub(super) message: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) key: Key,
    pub(super) headers: Headers,
    pub(super) policy: Policy,
}

/// What a record's key is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Object,
    Shop,
    Any,
}

/// Which headers a record has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Headers {
    Snapshot,
    Report,
    Quarantined,
    Result,
    DeadLetter,
    Unread,
}

/// What a topic is to be created with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Policy {
    Deleted,
    Compacted,
    Sealed,
}

/// The type of a topic's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    /// A schema of its own.
    whole: fn(SchemaGenerator) -> Schema,
    /// A schema in a document of several.
    pub(super) part: fn(&mut SchemaGenerator) -> Schema,
}

impl Values {
    const fn of<T: JsonSchema>() -> Self {
        Self {
            whole: SchemaGenerator::into_root_schema_for::<T>,
            part: SchemaGenerator::subschema_for::<T>,
        }
    }
}

impl Topic {
    /// The schema of the topic's values, a document of its own.
    pub fn schema(&self) -> Schema {
        (self.values.whole)(generator(SchemaSettings::draft2020_12(), self.direction))
    }
}

/// Every topic of the config.
pub const TOPICS: [Topic; 10] = [
    Topic {
        name: "orders.v1",
        direction: Direction::Sent,
        values: Values::of::<Order>(),
        message: "order.snapshot.v1",
        title: "Order",
        about: "The whole order as it is now.",
        key: Key::Object,
        headers: Headers::Snapshot,
        policy: Policy::Deleted,
    },
    Topic {
        name: "refunds.v1",
        direction: Direction::Sent,
        values: Values::of::<Refund>(),
        message: "refund.snapshot.v1",
        title: "Refund",
        about: "The whole refund as it is now.",
        key: Key::Object,
        headers: Headers::Snapshot,
        policy: Policy::Deleted,
    },
    Topic {
        name: "shipments.v1",
        direction: Direction::Sent,
        values: Values::of::<ShipmentReport>(),
        message: "shipment.report.v1",
        title: "Shipment",
        about: "A parcel that the channel or a warehouse knows.",
        key: Key::Object,
        headers: Headers::Report,
        policy: Policy::Deleted,
    },
    Topic {
        name: "stock.observations.v1",
        direction: Direction::Sent,
        values: Values::of::<StockObservation>(),
        message: "stock.observation.v1",
        title: "Stock observation",
        about: "A level or a change of stock seen elsewhere.",
        key: Key::Object,
        headers: Headers::Snapshot,
        policy: Policy::Deleted,
    },
    Topic {
        name: "settlements.v1",
        direction: Direction::Sent,
        values: Values::of::<Settlement>(),
        message: "settlement.snapshot.v1",
        title: "Settlement",
        about: "What the channel says of the money of an order that is over.",
        key: Key::Object,
        headers: Headers::Snapshot,
        policy: Policy::Deleted,
    },
    Topic {
        name: "quarantine.v1",
        direction: Direction::Sent,
        values: Values::of::<Quarantined<'_>>(),
        message: "quarantine.v1",
        title: "Quarantined delivery",
        about: "What verified and could not become an event, sealed.",
        key: Key::Shop,
        headers: Headers::Quarantined,
        policy: Policy::Sealed,
    },
    Topic {
        name: "stock.commands.v1",
        direction: Direction::Received,
        values: Values::of::<StockCommand<'_>>(),
        message: "stock.command.v1",
        title: "Stock command",
        about: "An absolute stock level with a version. Its producer chooses the partition by channel and shop.",
        key: Key::Object,
        headers: Headers::Unread,
        policy: Policy::Compacted,
    },
    Topic {
        name: "waybill.commands.v1",
        direction: Direction::Received,
        values: Values::of::<WaybillCommand>(),
        message: "waybill.command.v1",
        title: "Waybill command",
        about: "A parcel on its way. Its producer chooses the partition by channel and shop.",
        key: Key::Object,
        headers: Headers::Unread,
        policy: Policy::Deleted,
    },
    Topic {
        name: "push.results.v1",
        direction: Direction::Sent,
        values: Values::of::<PushResult>(),
        message: "push.result.v1",
        title: "Push result",
        about: "What became of a command.",
        key: Key::Object,
        headers: Headers::Result,
        policy: Policy::Deleted,
    },
    Topic {
        name: "push.dlq.v1",
        direction: Direction::Sent,
        values: Values::of::<DeadLetter<'_>>(),
        message: "push.dead_letter.v1",
        title: "Dead letter",
        about: "A command that cannot be understood, sealed.",
        key: Key::Any,
        headers: Headers::DeadLetter,
        policy: Policy::Sealed,
    },
];
