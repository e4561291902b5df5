//! Whether librdkafka takes the settings, asked of librdkafka itself: it makes clients that know no broker.

use super::{commands, producer};
use crate::config::Kafka;
use connectors::contract::Secret;
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseProducer;

/// What librdkafka does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The property by librdkafka's name, where it is one alone.
    pub property: Option<String>,
    /// Why. It never quotes a secret.
    pub reason: String,
}

/// Whether producer and consumer can be made of these settings. Nobody is called.
pub fn judge(settings: &Kafka, secrets: &[(String, Secret)]) -> Result<(), Refused> {
    // Where no broker is named, none is connected to.
    let without_brokers = |mut config: ClientConfig| {
        config.remove("bootstrap.servers");
        config
    };
    let refused = |error: &KafkaError| refused(error, secrets);
    let publisher = without_brokers(producer::config("", settings, secrets));
    publisher.create::<BaseProducer>().map_err(|error| refused(&error))?;
    let consumer = without_brokers(commands::config("", settings, secrets));
    consumer.create::<BaseConsumer>().map_err(|error| refused(&error))?;
    Ok(())
}

fn refused(error: &KafkaError, secrets: &[(String, Secret)]) -> Refused {
    let (property, reason) = if let KafkaError::ClientConfig(_, reason, property, _) = error {
        (Some(property.clone()), reason.clone())
    } else {
        (None, error.to_string())
    };
    let quotes = |(_, secret): &(String, Secret)| reason.contains(secret.expose_str());
    if secrets.iter().any(quotes) {
        return Refused { property, reason: "librdkafka refuses it".to_owned() };
    }
    Refused { property, reason }
}
