//! Creates topics that are missing, with the policies that the contract of the events names.

use super::producer::client_config;
use crate::config::Kafka;
use connectors::contract::Secret;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Events are kept for two weeks and never compacted: compaction keeps the last offset, not the highest version.
const RETENTION_MS: &str = "1209600000";
/// Sealed copies are a third larger than the largest body or command they may have to hold.
const SEALED_BYTES: &str = "4194304";

/// Creates what is missing. An existing topic is left as it is.
pub async fn create_topics(
    bootstrap: &str,
    settings: &Kafka,
    secrets: &[(String, Secret)],
) -> KafkaResult<()> {
    let client: AdminClient<DefaultClientContext> =
        client_config(bootstrap, settings, secrets).create()?;
    let partitions = i32::from(settings.create_partitions);
    let topics: Vec<NewTopic<'_>> = settings
        .topics
        .all()
        .into_iter()
        .map(|name| {
            // -1 leaves the replication factor to the brokers' default.
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
            let names = &settings.topics;
            if name == names.stock_commands {
                topic.set("cleanup.policy", "compact")
            } else if name == names.quarantine || name == names.push_dlq {
                topic.set("retention.ms", RETENTION_MS).set("max.message.bytes", SEALED_BYTES)
            } else {
                topic.set("retention.ms", RETENTION_MS)
            }
        })
        .collect();
    // Without the second, a Kafka that is away holds the start up for a minute.
    let options =
        AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
    for created in client.create_topics(&topics, &options).await? {
        match created {
            Ok(name) => tracing::info!(topic = name, partitions, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, error)) => tracing::warn!(topic = name, %error, "topic not created"),
        }
    }
    Ok(())
}
