//! The contract of the topics for machines, made from the types themselves: a JSON Schema for the values of each topic,
//! and one AsyncAPI document of all of them.

mod asyncapi;
mod topics;

pub use asyncapi::document;
pub use topics::{Direction, TOPICS, Topic};

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};

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
