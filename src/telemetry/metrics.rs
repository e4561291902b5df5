//! Every metric of the gateway: name, help, labels, buckets. Registered once, here and nowhere else.
//!
//! Labels come from closed sets (channel, kind, outcome, API) and from the configured shops where an operator must see a
//! single shop; never from a request. What the hot path touches is resolved to plain counters once per shop.

use super::many::ManyGauges;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Buckets of latencies in seconds: half a millisecond to ten seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Buckets of ages in seconds: a tenth of a second to a day.
const AGES: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0];

macro_rules! metrics {
    ($($field:ident: $kind:ident($name:literal, $help:literal $(, labels $labels:expr)? $(, buckets $buckets:expr)?);)+) => {
        /// All metrics. The help text of each is its documentation.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the help text of each metric is its documentation")]
        pub struct Metrics {
            registry: Registry,
            $(pub $field: $kind,)+
        }

        impl Metrics {
            /// Names and help of all metrics, for documents and for the test that reads dashboards.
            pub const NAMES: &[(&str, &str)] = &[$(($name, $help)),+];

            /// Name, kind and labels of all metrics, for the same. The kind is a type of the `prometheus` crate.
            pub const SHAPES: &[(&str, &str, &[&str])] =
                &[$(($name, stringify!($kind), metrics!(@labels $($labels)?))),+];

            /// Builds and registers every metric.
            pub fn try_new() -> Result<Self, prometheus::Error> {
                let registry = Registry::new();
                $(
                    let $field = metrics!(@new $kind, $name, $help $(, $labels)? $(; $buckets)?)?;
                    registry.register(Box::new($field.clone()))?;
                )+
                Ok(Self { registry, $($field,)+ })
            }
        }
    };
    (@labels) => { &[] };
    (@labels $labels:expr) => { $labels };
    (@new IntCounter, $name:literal, $help:literal) => { IntCounter::new($name, $help) };
    (@new IntGauge, $name:literal, $help:literal) => { IntGauge::new($name, $help) };
    (@new IntCounterVec, $name:literal, $help:literal, $labels:expr) => {
        IntCounterVec::new(Opts::new($name, $help), $labels)
    };
    (@new IntGaugeVec, $name:literal, $help:literal, $labels:expr) => {
        IntGaugeVec::new(Opts::new($name, $help), $labels)
    };
    (@new ManyGauges, $name:literal, $help:literal, $labels:expr) => {
        ManyGauges::new($name, $help, $labels)
    };
    (@new Histogram, $name:literal, $help:literal; $buckets:expr) => {
        Histogram::with_opts(HistogramOpts::new($name, $help).buckets($buckets.to_vec()))
    };
    (@new HistogramVec, $name:literal, $help:literal, $labels:expr; $buckets:expr) => {
        HistogramVec::new(HistogramOpts::new($name, $help).buckets($buckets.to_vec()), $labels)
    };
}

metrics! {
    accepted: IntCounterVec("gateway_events_accepted_total", "Events published to Kafka and acknowledged", labels &["channel", "kind", "origin"]);
    duplicates: IntCounterVec("gateway_duplicates_total", "Events that were in Kafka already and were kept out", labels &["channel", "origin"]);
    refused: IntCounterVec("gateway_refused_total", "Deliveries and events refused, by reason", labels &["channel", "reason"]);
    quarantined: IntCounterVec("gateway_quarantined_total", "Records kept in quarantine", labels &["channel"]);
    bypassed: IntCounter("gateway_dedup_bypassed_total", "Events published without dedup because the store was away");
    old_keys: IntCounterVec("gateway_old_key_total", "Deliveries signed with a secret that is not the first; must reach zero before it is removed", labels &["channel"]);
    publish_seconds: Histogram("gateway_publish_seconds", "Time from handing a batch to Kafka to its last acknowledgement", buckets SECONDS);
    delivery_seconds: HistogramVec("gateway_delivery_seconds", "Time from a delivery's last byte to its answer", labels &["channel"], buckets SECONDS);
    event_age_seconds: HistogramVec("gateway_event_age_seconds", "End to end: from the channel's modification time to Kafka's acknowledgement", labels &["channel", "origin"], buckets AGES);
    intake_queue: IntGauge("gateway_intake_queue_depth", "Events that wait for a batch");
    intake_in_flight: IntGauge("gateway_intake_in_flight", "Events claimed and not yet settled");
    confirm_backlog: IntGauge("gateway_confirm_backlog_depth", "Published events whose confirm must be repeated when the store is back");
    store_errors: IntCounterVec("gateway_store_errors_total", "Failed or late calls of the store", labels &["operation"]);
    publish_failures: IntCounterVec("gateway_publish_failures_total", "Records that Kafka did not acknowledge, by reason", labels &["reason"]);
    producer_queue: IntGauge("gateway_producer_queue_depth", "Records inside the Kafka producer");
    connections: IntGauge("gateway_http_connections", "Open connections of the public listener");
    http_in_flight: IntGauge("gateway_http_in_flight", "Requests being answered");
    poll_lag: ManyGauges("gateway_poll_lag_seconds", "Age of the completeness watermark", labels &["channel", "shop", "feed"]);
    watermark: ManyGauges("gateway_watermark_seconds", "Completeness watermark as Unix time: everything the channel modified before it is in Kafka", labels &["channel", "shop", "feed"]);
    windows: IntCounterVec("gateway_poll_windows_total", "Poll windows by how they ended", labels &["channel", "feed", "outcome"]);
    stream_connected: IntGaugeVec("gateway_stream_connected", "1 while the connection of a message stream is accepted", labels &["channel", "app_key", "group"]);
    stream_connects: IntCounterVec("gateway_stream_connects_total", "Tries to open a message stream by outcome", labels &["channel", "outcome"]);
    stream_messages: IntCounterVec("gateway_stream_messages_total", "Messages of streams by outcome; `again` and `unknown_shop` are not confirmed and come again", labels &["channel", "outcome"]);
    stream_in_flight: IntGaugeVec("gateway_stream_in_flight", "Messages of a stream that are not settled", labels &["channel", "app_key", "group"]);
    stream_lag_seconds: HistogramVec("gateway_stream_lag_seconds", "Time from the channel's sending a message to its confirm", labels &["channel"], buckets AGES);
    push_queue: IntGaugeVec("gateway_push_queue_depth", "Commands that wait for their channel", labels &["kind"]);
    push_results_queue: IntGauge("gateway_push_results_queue_depth", "Results and dead letters that wait to be published");
    push_parked: IntGauge("gateway_push_parked", "Waybill commands that wait after their channel did not answer or limited them");
    push_outcomes: IntCounterVec("gateway_push_outcomes_total", "Commands by how they were settled", labels &["channel", "kind", "outcome"]);
    push_seconds: HistogramVec("gateway_push_seconds", "Time from reading a command to the channel's answer", labels &["channel", "kind", "priority"], buckets AGES);
    push_healed: IntCounterVec("gateway_push_healed_total", "Stock levels told once more, because an older one may have arrived after them", labels &["channel"]);
    stock_read_back: IntCounterVec("gateway_stock_read_back_total", "Told stock levels that were read back, by what the channel has instead; `higher` sells what is not there", labels &["channel", "outcome"]);
    versions_alone: IntCounter("gateway_versions_alone_total", "Times that the store did not answer and versions of stock levels were remembered by this process alone");
    push_dlq: IntCounter("gateway_push_dlq_total", "Commands that could not be understood");
    api_calls: IntCounterVec("gateway_api_calls_total", "Calls to channels by outcome", labels &["channel", "api", "outcome"]);
    api_seconds: HistogramVec("gateway_api_seconds", "Time of a call to a channel, without waiting for quota", labels &["channel"], buckets SECONDS);
    quota_wait_seconds: HistogramVec("gateway_quota_wait_seconds", "Time that calls waited for their limit", labels &["channel", "class"], buckets SECONDS);
    daily_quota_used: IntGaugeVec("gateway_daily_quota_used", "Calls of this day at an API whose quota of the day is configured, as far as this instance knows", labels &["channel", "shop", "api"]);
    daily_quota_limit: IntGaugeVec("gateway_daily_quota_limit", "Calls that the day's quota of an API has", labels &["channel", "shop", "api"]);
    daily_quota_ends: IntGaugeVec("gateway_daily_quota_ends_seconds", "Unix time at which the day's quota runs out at the rate of the last hour; 0 when it lasts until midnight", labels &["channel", "shop", "api"]);
    limits_alone: IntCounter("gateway_limits_alone_total", "Times that the store did not answer and this process kept to its part of shared limits");
    breaker_open: IntGaugeVec("gateway_breaker_open", "1 while an API of a shop is left alone because it keeps failing", labels &["channel", "shop", "api"]);
    token_renewals: IntCounterVec("gateway_token_renewals_total", "Token renewals by outcome", labels &["channel", "outcome"]);
    paused_shops: IntGaugeVec("gateway_paused_shop", "1 while a shop is paused because the channel refuses its token", labels &["channel", "shop"]);
}

impl Metrics {
    /// The text that Prometheus reads.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be rendered");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_convention_and_register_once() {
        Metrics::try_new().unwrap();
        for (name, help) in Metrics::NAMES {
            assert!(name.starts_with("gateway_"), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
        }
    }
}
