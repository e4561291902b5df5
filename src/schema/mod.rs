//! The contract of the topics for machines, made from the types themselves: a JSON Schema for the values of each topic,
//! and one AsyncAPI document of all of them.

mod asyncapi;

pub use asyncapi::document;

use crate::intake::Quarantined;
use crate::push::{DeadLetter, PushResult, StockCommand, WaybillCommand};
use connectors::contract::model::{Order, Refund, Settlement, ShipmentReport, StockObservation};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Which way values go, seen from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The gateway writes them.
    Sent,
    /// The gateway reads them.
    Received,
}

/// A topic and the type of its values.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name in the default config.
    pub name: &'static str,
    /// Which way its values go.
    pub direction: Direction,
    whole: fn(SchemaGenerator) -> Schema,
    part: fn(&mut SchemaGenerator) -> Schema,
}

/// Every topic of the config.
pub const TOPICS: [Topic; 10] = [
    Topic::of::<Order>("orders.v1", Direction::Sent),
    Topic::of::<Refund>("refunds.v1", Direction::Sent),
    Topic::of::<ShipmentReport>("shipments.v1", Direction::Sent),
    Topic::of::<StockObservation>("stock.observations.v1", Direction::Sent),
    Topic::of::<Settlement>("settlements.v1", Direction::Sent),
    Topic::of::<Quarantined<'_>>("quarantine.v1", Direction::Sent),
    Topic::of::<StockCommand>("stock.commands.v1", Direction::Received),
    Topic::of::<WaybillCommand>("waybill.commands.v1", Direction::Received),
    Topic::of::<PushResult>("push.results.v1", Direction::Sent),
    Topic::of::<DeadLetter<'_>>("push.dlq.v1", Direction::Sent),
];

impl Topic {
    const fn of<T: JsonSchema>(name: &'static str, direction: Direction) -> Self {
        Self {
            name,
            direction,
            whole: SchemaGenerator::into_root_schema_for::<T>,
            part: SchemaGenerator::subschema_for::<T>,
        }
    }

    /// The schema of the topic's values, a document of its own.
    pub fn schema(&self) -> Schema {
        (self.whole)(generator(SchemaSettings::draft2020_12(), self.direction))
    }
}

/// What is sent is described as it is written: a field is required if it is always there, and objects are open, because
/// a later version may write more. What is received is described as it is read.
fn generator(settings: SchemaSettings, direction: Direction) -> SchemaGenerator {
    let settings = match direction {
        Direction::Sent => settings.for_serialize().with_transform(RecursiveTransform(open)),
        Direction::Received => settings.for_deserialize(),
    };
    settings.into_generator()
}

fn open(schema: &mut Schema) {
    if schema.get("additionalProperties").is_some_and(|more| more == false) {
        schema.remove("additionalProperties");
    }
}
