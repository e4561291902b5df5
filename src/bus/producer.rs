//! The producer: idempotent, bounded, and swapped for a new one when Kafka declares it dead.
//!
//! A batch of records shares one acknowledgement: the delivery reports count down, the last one wakes the waiter. A
//! report's own result is kept for each record, because a batch can fail in part.
//!
//! A report of success counts only with an offset. When a later request of a partition succeeds, librdkafka concludes that
//! the earlier ones did too, whatever their answers were. A broker that did not lead the partition when the first request
//! came and leads it when the second comes takes the second: it knows nothing of this producer yet, so any sequence number is
//! right for it. What the first request held is then nowhere and reported as delivered, without an offset
//! (confluentinc/confluent-kafka-go#921; seen here on topics just created).

use super::{PublishError, Publisher, Record};
use crate::config::Kafka;
use crate::telemetry::metrics::Metrics;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use connectors::contract::Secret;
use parking_lot::Mutex;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Statistics};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

const PENDING: u8 = 0;
const ACKNOWLEDGED: u8 = 1;
const QUEUE_FULL: u8 = 2;
const TOO_LARGE: u8 = 3;
const FAILED: u8 = 4;
const UNPLACED: u8 = 5;

/// Records on their way together.
struct Batch {
    left: AtomicUsize,
    results: Box<[AtomicU8]>,
    done: Mutex<Option<oneshot::Sender<()>>>,
}

impl Batch {
    fn report(&self, index: usize, result: u8) {
        if let Some(slot) = self.results.get(index) {
            slot.store(result, Ordering::Release);
        }
        self.count_down();
    }

    fn count_down(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(done) = self.done.lock().take()
        {
            // The waiter may be gone; the records are in the log all the same.
            done.send(()).ok();
        }
    }
}

/// Which record of which batch a delivery report is about.
struct Ticket {
    batch: Arc<Batch>,
    index: usize,
}

struct Reports {
    metrics: Arc<Metrics>,
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        self.metrics.producer_queue.set(i64::try_from(statistics.msg_cnt).unwrap_or(i64::MAX));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, report: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        let result = match report {
            Ok(record) if is_placed(record.offset()) => ACKNOWLEDGED,
            Ok(_) => UNPLACED,
            Err((error, _)) => judge(error),
        };
        ticket.batch.report(ticket.index, result);
    }
}

/// Publishes to Kafka.
pub struct KafkaPublisher {
    producer: ArcSwap<ThreadedProducer<Reports>>,
    config: ClientConfig,
    metrics: Arc<Metrics>,
}

impl KafkaPublisher {
    /// Prepares a producer; the brokers may be away now and come later.
    pub fn new(
        bootstrap: &str,
        settings: &Kafka,
        secrets: &[(String, Secret)],
        metrics: Arc<Metrics>,
    ) -> KafkaResult<Self> {
        let config = config(bootstrap, settings, secrets);
        let producer = ArcSwap::from_pointee(create(&config, &metrics)?);
        Ok(Self { producer, config, metrics })
    }

    /// Waits until everything handed over has its report, up to a time.
    pub async fn flush(&self, longest: Duration) {
        let producer = self.producer.load_full();
        let flushed = tokio::task::spawn_blocking(move || producer.flush(longest)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("some records had no report when the producer closed");
        }
    }

    fn send(&self, batch: &Arc<Batch>, records: &[Record]) {
        let producer = self.producer.load();
        for (index, record) in records.iter().enumerate() {
            let ticket = Box::new(Ticket { batch: Arc::clone(batch), index });
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            let headers = record.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(&**value) })
            });
            let message = BaseRecord::with_opaque_to(&record.topic, ticket)
                .key(&record.key)
                .payload(&record.payload)
                .headers(headers);
            if let Err((error, _)) = producer.send(message) {
                batch.report(index, judge(&error));
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.replace(&producer);
                }
            }
        }
    }

    /// A dead producer refuses everything for ever; its unreported records were failed back to their owners.
    fn replace(&self, dead: &Arc<ThreadedProducer<Reports>>) {
        tracing::error!("kafka declared the producer dead; starting another");
        match create(&self.config, &self.metrics) {
            Ok(fresh) => {
                self.producer.compare_and_swap(dead, Arc::new(fresh));
            }
            Err(error) => tracing::error!(%error, "another producer cannot be started"),
        }
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn publish(&self, records: &[Record]) -> Vec<Result<(), PublishError>> {
        let (done, acknowledged) = oneshot::channel();
        let batch = Arc::new(Batch {
            // One more than records, so that reports cannot finish the batch while it is being handed over.
            left: AtomicUsize::new(records.len() + 1),
            results: records.iter().map(|_| AtomicU8::new(PENDING)).collect(),
            done: Mutex::new(Some(done)),
        });
        self.send(&batch, records);
        batch.count_down();
        let complete = acknowledged.await.is_ok();
        batch
            .results
            .iter()
            .map(|result| match result.load(Ordering::Acquire) {
                ACKNOWLEDGED if complete => Ok(()),
                QUEUE_FULL => Err(PublishError::QueueFull),
                TOO_LARGE => Err(PublishError::TooLarge),
                UNPLACED => Err(PublishError::Unplaced),
                _ => Err(PublishError::Failed),
            })
            .inspect(|result| {
                if let Err(error) = result {
                    self.metrics.publish_failures.with_label_values(&[error.label()]).inc();
                }
            })
            .collect()
    }

    async fn is_ready(&self) -> bool {
        let producer = self.producer.load_full();
        let asked = tokio::task::spawn_blocking(move || {
            producer.client().fetch_metadata(None, Duration::from_secs(1)).is_ok()
        });
        asked.await.unwrap_or(false)
    }
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPublisher").finish_non_exhaustive()
    }
}

/// What a producer is made of.
pub(super) fn config(
    bootstrap: &str,
    settings: &Kafka,
    secrets: &[(String, Secret)],
) -> ClientConfig {
    let mut config = client_config(bootstrap, settings, secrets);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // Longer than an outage that should heal by itself; senders are answered by our own, shorter deadline.
        .set("delivery.timeout.ms", "120000")
        .set("linger.ms", settings.linger_ms.to_string())
        .set("batch.num.messages", "10000")
        .set("compression.type", "lz4")
        // The brokers judge by topic; here only what no topic takes is refused early.
        .set("message.max.bytes", "4194304")
        .set("queue.buffering.max.messages", settings.queue_records.to_string())
        .set("queue.buffering.max.kbytes", "262144")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.timeout.ms", "10000")
        .set("socket.keepalive.enable", "true")
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        .set("statistics.interval.ms", "15000");
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    config
}

/// What producer and consumer share: the way to the brokers.
pub(super) fn client_config(
    bootstrap: &str,
    settings: &Kafka,
    secrets: &[(String, Secret)],
) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("client.id", "channel-gateway");
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    for (name, secret) in secrets {
        config.set(name, secret.expose_str());
    }
    config
}

fn create(config: &ClientConfig, metrics: &Arc<Metrics>) -> KafkaResult<ThreadedProducer<Reports>> {
    config.create_with_context(Reports { metrics: Arc::clone(metrics) })
}

/// Whether a report of success says where the record lies: otherwise it is only librdkafka's conclusion.
pub(super) fn is_placed(offset: i64) -> bool {
    offset >= 0
}

fn judge(error: &KafkaError) -> u8 {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => QUEUE_FULL,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => TOO_LARGE,
        _ => FAILED,
    }
}
