//! What was commanded before: a topic from its beginning to its end.

use super::ReadError;
use super::replay::TopicReader;
use crate::config::Kafka;
use async_trait::async_trait;
use connectors::contract::Secret;
use std::fmt::{self, Debug};

/// Takes one value after the other.
pub type Take = Box<dyn FnMut(&[u8]) + Send>;

/// Reads a log again, outside any group.
#[async_trait]
pub trait Past: Send + Sync + Debug {
    /// Hands over the value of every record between the beginning and the end as it is now.
    async fn each(&self, take: Take) -> Result<(), ReadError>;
}

/// A topic in Kafka.
pub struct KafkaPast {
    bootstrap: String,
    settings: Kafka,
    secrets: Vec<(String, Secret)>,
    topic: String,
}

impl KafkaPast {
    /// The past of a topic. Nothing is connected before it is read.
    pub fn new(
        bootstrap: &str,
        settings: &Kafka,
        secrets: &[(String, Secret)],
        topic: &str,
    ) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            settings: settings.clone(),
            secrets: secrets.to_vec(),
            topic: topic.to_owned(),
        }
    }
}

#[async_trait]
impl Past for KafkaPast {
    async fn each(&self, mut take: Take) -> Result<(), ReadError> {
        let mut reader = TopicReader::new(&self.bootstrap, &self.settings, &self.secrets)?;
        let topic = self.topic.clone();
        let read = tokio::task::spawn_blocking(move || {
            reader.read(&topic, None, |record| {
                if let Some(payload) = &record.payload {
                    take(payload);
                }
            })
        });
        read.await.unwrap_or_else(|error| Err(ReadError(error.to_string())))
    }
}

impl Debug for KafkaPast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPast").field("topic", &self.topic).finish_non_exhaustive()
    }
}
