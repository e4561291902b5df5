//! Gauges of single feeds of single shops. There are tens of thousands of them, and the library's vectors keep a description
//! and every label in each: 900 bytes, of which this keeps a tenth.

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A gauge for each combination of label values.
#[derive(Debug, Clone)]
pub struct ManyGauges {
    desc: Arc<Desc>,
    labels: &'static [&'static str],
    gauges: Arc<Mutex<HashMap<Box<str>, Arc<AtomicI64>>>>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct OneGauge(Arc<AtomicI64>);

/// Between label values: no channel, shop or feed has it in its name.
const SEPARATOR: &str = "\u{1f}";

impl ManyGauges {
    pub(super) fn new(
        name: &str,
        help: &str,
        labels: &'static [&'static str],
    ) -> Result<Self, prometheus::Error> {
        let variable = labels.iter().map(|label| (*label).to_owned()).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), variable, HashMap::new())?;
        Ok(Self { desc: Arc::new(desc), labels, gauges: Arc::default() })
    }

    /// The gauge of these label values, in the order of the labels.
    pub fn of<const LABELS: usize>(&self, values: &[&str; LABELS]) -> OneGauge {
        debug_assert_eq!(LABELS, self.labels.len(), "{values:?}");
        let name = values.join(SEPARATOR);
        OneGauge(Arc::clone(self.gauges.lock().entry(name.into()).or_default()))
    }

    fn metric(&self, name: &str, value: &AtomicI64) -> Metric {
        let pair = |(label, value): (&&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*label).to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        let mut gauge = Gauge::default();
        #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
        gauge.set_value(value.load(Ordering::Relaxed) as f64);
        let mut labels: Vec<LabelPair> =
            self.labels.iter().zip(name.split(SEPARATOR)).map(pair).collect();
        // As the library orders them.
        labels.sort();
        let mut metric = Metric::from_label(labels);
        metric.set_gauge(gauge);
        metric
    }
}

impl Collector for ManyGauges {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let gauges = self.gauges.lock();
        let metrics: Vec<Metric> =
            gauges.iter().map(|(name, value)| self.metric(name, value)).collect();
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(metrics);
        vec![family]
    }
}

impl OneGauge {
    /// The value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder};

    fn text(collector: impl Collector + 'static) -> String {
        let registry = Registry::new();
        registry.register(Box::new(collector)).unwrap();
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn prometheus_reads_what_it_reads_of_the_librarys_own() {
        const LABELS: &[&str] = &["channel", "shop", "feed"];
        let (name, help) = ("gateway_lag_seconds", "Age");
        let ours = ManyGauges::new(name, help, LABELS).unwrap();
        let theirs = IntGaugeVec::new(Opts::new(name, help), LABELS).unwrap();
        for (shop, value) in [("s1", 3), ("s2", -7), ("旗舰店\"\\", 1_790_000_000), ("s1", 4)] {
            ours.of(&["c", shop, "orders"]).set(value);
            theirs.with_label_values(&["c", shop, "orders"]).set(value);
        }
        assert_eq!(ours.of(&["c", "s1", "orders"]).get(), 4);
        assert_eq!(text(ours), text(theirs));
    }
}
