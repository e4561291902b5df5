//! Medians with their spread, as a table; ratios; the last line.

use super::measure::Figures;
use super::server::Side;
use serde::Serialize;
use std::fmt::Write as _;

/// All runs of both sides under one load.
#[derive(Debug, Serialize)]
pub(super) struct Round {
    pub(super) connections: usize,
    /// Orders a second of an open loop; none is a closed loop.
    pub(super) per_second: Option<u64>,
    pub(super) floor: Vec<Figures>,
    pub(super) other: Vec<Figures>,
}

/// The other side's cost against the floor's, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Ratio {
    pub(super) server: u64,
    pub(super) total: u64,
}

/// Everything that is written down.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Machine, time, what was run.
    pub(super) about: Vec<String>,
    #[serde(skip)]
    pub(super) other: Option<Side>,
    pub(super) rounds: Vec<Round>,
    /// The worst of the closed loops.
    pub(super) ratio: Option<Ratio>,
}

type Column = (&'static str, fn(&Figures) -> u64, fn(u64) -> String);

const COLUMNS: [Column; 10] = [
    ("orders/s", |figures| figures.orders_per_second, |value| value.to_string()),
    ("server µs", |figures| figures.server_nanos, thousandths),
    ("Redis µs", |figures| figures.redis_nanos, thousandths),
    ("Kafka µs", |figures| figures.kafka_nanos, thousandths),
    ("sum µs", |figures| figures.total_nanos, thousandths),
    ("p50 ms", |figures| figures.p50_micros, thousandths),
    ("p99 ms", |figures| figures.p99_micros, thousandths),
    ("p99.9 ms", |figures| figures.p999_micros, thousandths),
    ("peak MB", |figures| figures.peak_kib, |kib| (kib / 1024).to_string()),
    ("others %", |figures| figures.others_percent, |value| value.to_string()),
];

impl Round {
    pub(super) fn ratio(&self) -> Ratio {
        let of = |figure: fn(&Figures) -> u64| {
            let floor = median(&self.floor, figure).max(1);
            (median(&self.other, figure) * 100 + floor / 2) / floor
        };
        Ratio {
            server: of(|figures| figures.server_nanos),
            total: of(|figures| figures.total_nanos),
        }
    }

    /// Throughput that both sides reached.
    pub(super) fn both_reached(&self) -> u64 {
        let rate = |runs: &[Figures]| median(runs, |figures| figures.orders_per_second);
        rate(&self.floor).min(rate(&self.other))
    }
}

impl Report {
    /// Judges the closed loops.
    pub(super) fn conclude(&mut self) {
        let ratios: Vec<Ratio> = self
            .rounds
            .iter()
            .filter(|round| round.per_second.is_none())
            .map(Round::ratio)
            .collect();
        self.ratio = ratios.into_iter().reduce(|one, other| Ratio {
            server: one.server.max(other.server),
            total: one.total.max(other.total),
        });
    }

    /// The table, readable as it is and as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        for line in &self.about {
            text += line;
            text.push('\n');
        }
        text += "\n| load | side |";
        for (name, _, _) in COLUMNS {
            // Writing to a string does not fail.
            write!(text, " {name} |").ok();
        }
        text += " refused | lost | twice |\n|---|---|";
        text += &"---:|".repeat(COLUMNS.len() + 3);
        text.push('\n');
        for round in &self.rounds {
            let load = match round.per_second {
                None => format!("{} connections", round.connections),
                Some(rate) => format!("open, {rate}/s"),
            };
            let other = self.other.map_or_else(String::new, |side| side.to_string());
            row(&mut text, &load, "floor", &round.floor);
            row(&mut text, &load, &other, &round.other);
            let Ratio { server, total } = round.ratio();
            let (server, total) = (hundredths(server), hundredths(total));
            writeln!(text, "| | ratio | | **{server}** | | | **{total}** | | | | | | | | |").ok();
        }
        text
    }

    /// The line for machines.
    pub(super) fn last_line(&self) -> String {
        self.ratio.map_or_else(
            || "no ratio".to_owned(),
            |Ratio { server, total }| {
                format!("ratio server {} total {}", hundredths(server), hundredths(total))
            },
        )
    }
}

fn row(text: &mut String, load: &str, side: &str, runs: &[Figures]) {
    write!(text, "| {load} | {side} |").ok();
    for (_, figure, show) in COLUMNS {
        let (low, high) = (runs.iter().map(figure).min(), runs.iter().map(figure).max());
        let (middle, low, high) =
            (show(median(runs, figure)), show(low.unwrap_or(0)), show(high.unwrap_or(0)));
        let spread = if runs.len() > 1 { format!(" ({low}–{high})") } else { String::new() };
        write!(text, " {middle}{spread} |").ok();
    }
    for sum in [
        runs.iter().map(|run| run.refused).sum::<u64>(),
        runs.iter().map(|run| run.ledger.lost).sum(),
        runs.iter().map(|run| run.ledger.twice).sum(),
    ] {
        write!(text, " {sum} |").ok();
    }
    text.push('\n');
}

fn median(runs: &[Figures], figure: fn(&Figures) -> u64) -> u64 {
    let mut values: Vec<u64> = runs.iter().map(figure).collect();
    values.sort_unstable();
    let upper = values.get(values.len() / 2).copied().unwrap_or(0);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    u64::midpoint(lower, upper)
}

/// One decimal of a value in thousandths.
fn thousandths(value: u64) -> String {
    let tenths = (value + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::ledger::Ledger;

    fn figures(server_nanos: u64, total_nanos: u64) -> Figures {
        Figures {
            orders_per_second: 1000,
            server_nanos,
            redis_nanos: 0,
            kafka_nanos: 0,
            total_nanos,
            p50_micros: 2940,
            p99_micros: 0,
            p999_micros: 0,
            peak_kib: 20_480,
            generator_percent: 0,
            others_percent: 0,
            refused: 0,
            ledger: Ledger::default(),
        }
    }

    #[test]
    fn the_last_line_is_the_worst_round_by_medians() {
        let round = |other: [u64; 3]| Round {
            connections: 16,
            per_second: None,
            floor: vec![figures(10_000, 20_000), figures(11_000, 22_000), figures(50_000, 90_000)],
            other: other.map(|nanos| figures(nanos, nanos + 10_000)).to_vec(),
        };
        let rounds = vec![round([11_000, 11_000, 90_000]), round([9_000, 17_820, 18_000])];
        let mut report =
            Report { about: Vec::new(), other: Some(Side::Gateway), rounds, ratio: None };
        report.conclude();
        assert_eq!(report.last_line(), "ratio server 1.62 total 1.26");
        assert!(report.markdown().contains("| 11.0 (10.0–50.0) |"), "{}", report.markdown());
        assert!(report.markdown().contains("| 2.9 (2.9–2.9) |"), "{}", report.markdown());
    }
}
