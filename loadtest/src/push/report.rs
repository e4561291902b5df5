//! The table, readable as it is and as Markdown.

use super::drain::SHOPS;
use super::intake::Intake;
use super::naive::Course;
use super::stage::A_SHOP;
use hdrhistogram::Histogram;
use std::fmt::Write as _;
use std::time::Duration;

/// Levels that all shops together may tell in a second.
const LEVELS: u64 = SHOPS * A_SHOP as u64 * super::commands::LISTING;

/// How long it took until the newest level of each SKU was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    pub(super) skus: u64,
    /// Since the last command, before which not all of the newest levels existed.
    pub(super) time: Duration,
    /// Since the first command.
    pub(super) from_first: Duration,
    pub(super) calls: u64,
    pub(super) refused: u64,
}

/// Everything that is written down.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) about: String,
    pub(super) others_percent: u64,
    pub(super) intake: Vec<Intake>,
    /// The same with one result for many.
    pub(super) together: Vec<Intake>,
    /// The same on the bare road.
    pub(super) floor: Vec<Intake>,
    /// Commands that waited, and resident memory in KiB.
    pub(super) memory: Vec<(u64, u64)>,
    pub(super) drain: Vec<Drained>,
    /// Latencies in microseconds, and levels that waited when the first sold-out one came.
    pub(super) urgent: Option<(Histogram<u64>, u64)>,
    /// Levels that were not sold out while many were, and how long the last of them waited.
    pub(super) fair: Option<(u64, Duration)>,
    /// Commands, the gateway, the naive queue.
    pub(super) naive: Option<(u64, Course, Course)>,
}

impl Drained {
    /// Its time against that of as many levels at the channel's own limit, in thousandths.
    fn of_the_limit(&self) -> u64 {
        millis(self.time) * LEVELS / self.skus.max(1)
    }
}

impl Report {
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "{} Others took {} % of a core.\n\n| figure | aim | measured |\n|---|---|---|\n",
            self.about, self.others_percent
        );
        let mut row = |figure: String, aim: &str, measured: String| {
            // Writing to a string does not fail.
            writeln!(text, "| {figure} | {aim} | {measured} |").ok();
        };
        self.rows_of_intake(&mut row);
        self.rows_of_waiting(&mut row);
        self.row_of_fair(&mut row);
        self.rows_of_naive(&mut row);
        text
    }

    fn rows_of_intake(&self, row: &mut dyn FnMut(String, &str, String)) {
        if let Some(first) = self.intake.first() {
            let all = |figure: fn(&Intake) -> u64| spread(self.intake.iter().map(figure).collect());
            let commands = first.commands;
            row(
                format!("commands a second and core, {commands} that coalesce"),
                "≥ 200000",
                all(Intake::a_core),
            );
            row("CPU of a command, ns".to_owned(), "≤ 5000", all(Intake::nanos));
            let together =
                |figure: fn(&Intake) -> u64| spread(self.together.iter().map(figure).collect());
            row(
                "with superseded commands reported together: a second and core".to_owned(),
                "≥ 200000",
                together(Intake::a_core),
            );
            row("CPU of a command then, ns".to_owned(), "≤ 5000", together(Intake::nanos));
            row(
                "from start to last result then, ms".to_owned(),
                "",
                together(|run| millis(run.time)),
            );
            let floor: Vec<u64> = self.floor.iter().map(Intake::nanos).collect();
            let ratio = median(self.intake.iter().map(Intake::nanos).collect()) * 100
                / median(floor.clone()).max(1);
            row("the same on the bare road, ns".to_owned(), "", spread(floor));
            row(
                "gateway against the bare road, by medians".to_owned(),
                "",
                format!("{}.{:02}", ratio / 100, ratio % 100),
            );
            row(
                "of them told, superseded, calls".to_owned(),
                "",
                format!("{}, {}, {}", first.ledger.ok, first.ledger.superseded, first.calls),
            );
            row("from start to last result, ms".to_owned(), "", all(|run| millis(run.time)));
            row("peak memory, KiB".to_owned(), "", all(|run| run.peak_kib));
        }
        if let [(few, small), .., (many, large)] = self.memory.as_slice() {
            let bytes = large.saturating_sub(*small) * 1024 / many.saturating_sub(*few).max(1);
            row(
                format!("bytes a waiting SKU, from {few} to {many} of them"),
                "≤ 500",
                bytes.to_string(),
            );
            row("resident with those, KiB".to_owned(), "", format!("{small}, {large}"));
        }
    }

    fn rows_of_waiting(&self, row: &mut dyn FnMut(String, &str, String)) {
        if let Some(first) = self.drain.first() {
            let of_limit = self.drain.iter().map(Drained::of_the_limit).collect();
            row(
                format!(
                    "newest level of {} SKUs there, per mille of SKUs ÷ {LEVELS} s",
                    first.skus
                ),
                "1000 ± 50",
                spread(of_limit),
            );
            let times = self.drain.iter().map(|run| millis(run.time)).collect();
            row("the same, ms".to_owned(), "", spread(times));
            let times = self.drain.iter().map(|run| millis(run.from_first)).collect();
            row("from the first of all commands, ms".to_owned(), "", spread(times));
            let calls = self.drain.iter().map(|run| run.calls).collect();
            row("calls".to_owned(), "", spread(calls));
            let refused: u64 = self.drain.iter().map(|run| run.refused).sum();
            row("calls refused as too fast".to_owned(), "0", refused.to_string());
        }
        if let Some((latency, waiting)) = &self.urgent {
            let at = |quantile| thousandths(latency.value_at_quantile(quantile));
            row(
                format!("{} sold-out levels while {waiting} others wait, p50, ms", latency.len()),
                "",
                at(0.5),
            );
            row("p99, ms".to_owned(), "≤ 1000", at(0.99));
            row("longest, ms".to_owned(), "", thousandths(latency.max()));
        }
    }

    /// One call in ten is for what waits longest, of the 97 % of its limit that the gateway uses.
    fn row_of_fair(&self, row: &mut dyn FnMut(String, &str, String)) {
        let Some((others, longest)) = self.fair else { return };
        let bound = others * 1000 * 10 * 100 / (LEVELS * 97);
        row(
            format!("longest wait of {others} others while sold-out levels come too fast, ms"),
            &format!("≤ {bound}"),
            millis(longest).to_string(),
        );
    }

    fn rows_of_naive(&self, row: &mut dyn FnMut(String, &str, String)) {
        let Some((commands, ours, naive)) = &self.naive else { return };
        let ratio = |ours: u64, naive: u64| {
            let tenths = naive * 10 / ours.max(1);
            format!("{ours}, {naive}, {}.{}", tenths / 10, tenths % 10)
        };
        row(
            format!("{commands} commands: calls of the gateway, of the naive queue, ratio"),
            "",
            ratio(ours.calls, naive.calls),
        );
        row(
            "ms during which levels were stale, summed over SKUs".to_owned(),
            "",
            ratio(millis(ours.stale), millis(naive.stale)),
        );
        row(
            "of them with sold-out SKUs on sale".to_owned(),
            "",
            ratio(millis(ours.oversold), millis(naive.oversold)),
        );
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The median, lowest and highest.
fn spread(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let middle = median(values.clone());
    match (values.first(), values.last()) {
        (Some(low), Some(high)) if low != high => format!("{middle} ({low}–{high})"),
        _ => middle.to_string(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds of microseconds, with one decimal.
fn thousandths(micros: u64) -> String {
    let tenths = (micros + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
