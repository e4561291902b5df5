//! Latencies in microseconds, in buckets that are exact below 128 and at most 1.6 % wide above.

/// Buckets for every doubling.
const STEPS: u64 = 64;
/// Doublings above the exact part: up to half an hour.
const DOUBLINGS: u64 = 24;

#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = usize::try_from(STEPS * (DOUBLINGS + 2)).unwrap_or(0);
        Self { counts: vec![0; buckets], total: 0 }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, micros: u64) {
        let last = self.counts.len().saturating_sub(1);
        let at = usize::try_from(bucket(micros)).unwrap_or(last).min(last);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
            self.total += 1;
        }
    }

    /// The value that this many of a thousand do not exceed, in microseconds; 0 when nothing was recorded.
    pub(super) fn per_mille(&self, part: u64) -> u64 {
        let rank = (self.total * part).div_ceil(1000);
        let mut seen = 0;
        for (at, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= rank && seen > 0 {
                return highest_in(at);
            }
        }
        0
    }
}

fn bucket(value: u64) -> u64 {
    let shift = u64::from((value | STEPS).ilog2()).saturating_sub(6);
    shift * STEPS + (value >> shift)
}

/// The largest value of a bucket.
fn highest_in(bucket: u64) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    ((bucket - shift * STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_at_most_1_6_percent_wide() {
        let mut before = 0;
        for value in (0..1000).chain((1000..10_000_000).step_by(997)) {
            let at = bucket(value);
            assert!(at >= before, "{value}");
            let highest = highest_in(at);
            assert!(
                highest >= value && (highest - value) * 64 <= value.max(64),
                "{value} {highest}"
            );
            before = at;
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|value| histogram.record(value));
        assert_eq!([500, 990, 999].map(|part| histogram.per_mille(part)), [50, 99, 100]);
        assert_eq!(Histogram::default().per_mille(500), 0);
    }
}
