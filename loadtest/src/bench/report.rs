//! Figures of runs, their medians and spreads, and the report.

use super::ledger::Ledger;
use super::load::Seen;
use std::fmt::Write;
use std::time::Duration;

/// One run's figures. A run whose ledger does not close never gets here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    per_second: u64,
    /// Nanoseconds of CPU time for each answered delivery: server, Redis, Kafka, generator.
    cpu: [u64; 4],
    /// Microseconds: p50, p99, p99.9.
    latency: [u64; 3],
    /// Microseconds that the generator was late, p99; open loop only.
    late: u64,
    /// Percent of one core that the generator used.
    generator: u64,
    peak_mb: u64,
    ledger: Ledger,
}

impl Run {
    pub(super) fn of(seen: &Seen, ledger: Ledger, peak_mb: u64) -> Self {
        let orders = seen.measured.max(1);
        let per_order = |time: Duration| nanos(time) / orders;
        let time = nanos(seen.time).max(1);
        Self {
            per_second: seen.measured.saturating_mul(1_000_000_000) / time,
            cpu: seen.cpu.map(per_order),
            latency: [500, 990, 999].map(|part| seen.latency.per_mille(part)),
            late: seen.late.per_mille(990),
            generator: seen.cpu.last().map_or(0, |cpu| nanos(*cpu) * 100 / time),
            peak_mb,
            ledger,
        }
    }

    pub(super) fn brief(&self) -> String {
        let [server, redis, kafka, generator] = self.cpu.map(micros);
        format!(
            "{}/s, CPU µs server {server} redis {redis} kafka {kafka} generator {generator}, generator busy {} %; {}",
            self.per_second, self.generator, self.ledger
        )
    }
}

/// The same load on the yardstick and on what is compared with it, pair by pair.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) title: String,
    pub(super) names: [&'static str; 2],
    pub(super) pairs: Vec<[Run; 2]>,
}

/// Hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ratio {
    pub(super) server: u64,
    pub(super) total: u64,
}

impl Comparison {
    fn runs(&self, side: usize) -> impl Iterator<Item = &Run> {
        self.pairs.iter().filter_map(move |pair| pair.get(side))
    }

    fn spread(&self, side: usize, figure: impl Fn(&Run) -> u64) -> [u64; 3] {
        let mut values: Vec<u64> = self.runs(side).map(figure).collect();
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or(0);
        [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
    }

    /// The lower of both medians, orders in a second.
    pub(super) fn lower_rate(&self) -> u64 {
        let median = |side| self.spread(side, |run| run.per_second)[1];
        median(0).min(median(1))
    }

    /// Medians against medians.
    pub(super) fn ratio(&self) -> Ratio {
        let of = |figure: fn(&Run) -> u64| {
            self.spread(1, figure)[1] * 100 / self.spread(0, figure)[1].max(1)
        };
        Ratio { server: of(server), total: of(total) }
    }

    /// Lowest and highest ratio of server CPU in one pair.
    fn pair_ratios(&self) -> [u64; 2] {
        let ratios =
            self.pairs.iter().map(|[floor, other]| server(other) * 100 / server(floor).max(1));
        [ratios.clone().min().unwrap_or(0), ratios.max().unwrap_or(0)]
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        text += "| | orders/s | CPU µs per order: server | Redis | Kafka | sum | p50 ms | p99 ms | p99.9 ms | peak MB | made | refused | lost | twice |\n";
        text += "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
        for (side, name) in self.names.iter().enumerate() {
            let cell = |figure: &dyn Fn(&Run) -> u64, show: fn(u64) -> String| {
                let [low, middle, high] = self.spread(side, figure).map(show);
                if low == high { middle } else { format!("{middle} ({low}–{high})") }
            };
            let part = |index: usize| move |run: &Run| run.cpu.get(index).copied().unwrap_or(0);
            let quantile =
                |index: usize| move |run: &Run| run.latency.get(index).copied().unwrap_or(0);
            let sum = |figure: fn(&Ledger) -> u64| {
                self.runs(side).map(|run| figure(&run.ledger)).sum::<u64>()
            };
            let cells = [
                cell(&|run| run.per_second, |value| value.to_string()),
                cell(&part(0), micros),
                cell(&part(1), micros),
                cell(&part(2), micros),
                cell(&total, micros),
                cell(&quantile(0), millis),
                cell(&quantile(1), millis),
                cell(&quantile(2), millis),
                cell(&|run| run.peak_mb, |value| value.to_string()),
                sum(|ledger| ledger.made as u64).to_string(),
                sum(|ledger| ledger.refused).to_string(),
                sum(|ledger| ledger.lost as u64).to_string(),
                sum(|ledger| ledger.twice() as u64).to_string(),
            ];
            writeln!(text, "| {name} | {} |", cells.join(" | ")).ok();
        }
        let (ratio, [low, high]) = (self.ratio(), self.pair_ratios().map(hundredths));
        let busy = [0, 1].map(|side| self.spread(side, |run| run.generator)[1]);
        writeln!(
            text,
            "\nratio server {} (pairs {low}–{high}), total {}; generator busy {} % and {} % of a core",
            hundredths(ratio.server),
            hundredths(ratio.total),
            busy[0],
            busy[1]
        )
        .ok();
        text + &self.warnings()
    }

    fn warnings(&self) -> String {
        let mut text = String::new();
        let runs = || self.pairs.iter().flatten();
        if runs().any(|run| run.generator >= 90) {
            text +=
                "The generator used a whole core in some run: the server could have done more.\n";
        }
        let late = runs().map(|run| run.late).max().unwrap_or(0);
        if late > 0 {
            let late = millis(late);
            writeln!(text, "The generator sent up to {late} ms after the due time (p99 of the worst run); the latencies include it.").ok();
        }
        text
    }
}

fn server(run: &Run) -> u64 {
    let [server, ..] = run.cpu;
    server
}

fn total(run: &Run) -> u64 {
    let [server, redis, kafka, _] = run.cpu;
    server + redis + kafka
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds as microseconds with a tenth.
fn micros(nanos: u64) -> String {
    let tenths = (nanos + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Microseconds as milliseconds with a hundredth.
fn millis(micros: u64) -> String {
    hundredths((micros + 5) / 10)
}

pub(super) fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(server: u64, kafka: u64) -> Run {
        let ledger =
            Ledger { made: 10, answered: 10, records: 10, orders: 10, ..Ledger::default() };
        let cpu = [server, 1_000, kafka, 1_000];
        Run { per_second: 5, cpu, latency: [1_000; 3], late: 0, generator: 10, peak_mb: 9, ledger }
    }

    #[test]
    fn ratios_are_of_medians_and_the_spread_is_of_pairs() {
        let pairs = vec![
            [run(10_000, 9_000), run(15_000, 4_000)],
            [run(20_000, 9_000), run(90_000, 4_000)],
            [run(11_000, 9_000), run(16_000, 4_000)],
        ];
        let compared = Comparison { title: "64".to_owned(), names: ["floor", "gateway"], pairs };
        assert_eq!(compared.ratio(), Ratio { server: 145, total: 100 });
        assert_eq!(compared.pair_ratios(), [145, 450]);
        assert!(compared.text().contains("| gateway | 5 | 16.0 (15.0–90.0) | 1.0 | 4.0 |"));
    }
}
