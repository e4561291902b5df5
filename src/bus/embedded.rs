//! librdkafka's in-process broker: a real socket that any librdkafka client can read, nothing to install, and nothing
//! kept when the process ends. For `--dev` and the demo only.

use crate::config::Topics;
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::fmt;

/// Partitions of each topic.
const PARTITIONS: i32 = 4;

/// The broker; dropping it ends it.
pub struct Embedded {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Embedded {
    /// Starts the broker with all topics on a free port of the loopback interface.
    pub fn start(topics: &Topics) -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1)?;
        for topic in topics.all() {
            cluster.create_topic(topic, PARTITIONS, 1)?;
        }
        Ok(Self { cluster })
    }

    /// Where clients connect to.
    pub fn bootstrap(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Embedded").field(&self.bootstrap()).finish()
    }
}
