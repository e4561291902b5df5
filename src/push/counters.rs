//! Counters of the stock of one channel, resolved once: looking labels up costs more than counting.

use super::result::{Kind, Outcome};
use crate::shops::Class;
use crate::telemetry::metrics::Metrics;
use prometheus::{Histogram, IntCounter};

#[derive(Debug)]
pub(super) struct Counters {
    outcomes: [(Outcome, IntCounter); Outcome::ALL.len()],
    urgent_seconds: Histogram,
    rest_seconds: Histogram,
}

impl Counters {
    pub(super) fn of_stock(metrics: &Metrics, channel: &str) -> Self {
        let stock = Kind::Stock.as_str();
        let seconds = |class: Class| {
            metrics.push_seconds.with_label_values(&[channel, stock, class.as_str()])
        };
        let outcome = |outcome: Outcome| {
            let labels = [channel, stock, outcome.as_str()];
            (outcome, metrics.push_outcomes.with_label_values(&labels))
        };
        Self {
            outcomes: Outcome::ALL.map(outcome),
            urgent_seconds: seconds(Class::Urgent),
            rest_seconds: seconds(Class::Rest),
        }
    }

    pub(super) fn count(&self, outcome: Outcome, is_urgent: bool, seconds: f64) {
        if let Some((_, counter)) = self.outcomes.iter().find(|(of, _)| *of == outcome) {
            counter.inc();
        }
        if is_urgent { &self.urgent_seconds } else { &self.rest_seconds }.observe(seconds);
    }
}
