//! One record, one delivery report.

use rdkafka::error::KafkaResult;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::oneshot;

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<bool>>;

    fn delivery(&self, report: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        answer.send(report.is_ok()).ok();
    }
}

pub(super) struct Publisher {
    producer: ThreadedProducer<Reports>,
    topic: String,
}

impl Publisher {
    /// Settings are the gateway's, except for `linger.ms`.
    pub(super) fn new(bootstrap: &str, topic: &str, linger_ms: u64) -> KafkaResult<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("client.id", "floor")
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", "120000")
            .set("linger.ms", linger_ms.to_string())
            .set("batch.num.messages", "10000")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("socket.keepalive.enable", "true")
            .set("partitioner", "murmur2_random")
            .set("allow.auto.create.topics", "false")
            .create_with_context(Reports)?;
        Ok(Self { producer, topic: topic.to_owned() })
    }

    pub(super) async fn publish(&self, key: &str, payload: &[u8]) -> bool {
        let (answer, answered) = oneshot::channel();
        let record =
            BaseRecord::with_opaque_to(&self.topic, Box::new(answer)).key(key).payload(payload);
        self.producer.send(record).is_ok() && answered.await.unwrap_or(false)
    }
}
