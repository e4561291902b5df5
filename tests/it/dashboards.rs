//! Dashboards, alerts and the runbook speak of metrics that exist, with the labels they have.

use crate::repository::{assert_none, read};
use channel_gateway::telemetry::metrics::Metrics;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const ALERTS: &str = "config/alerts.yml";
const DASHBOARD: &str = "config/grafana/channel-gateway.json";
const RUNBOOK: &str = "docs/runbook.md";

/// Labels that Prometheus adds to every series.
const ADDED: &[&str] = &["instance", "job"];
/// Words of `PromQL` that stand where a metric could stand.
const OPERATORS: &[&str] = &["and", "or", "unless", "bool", "offset"];
/// Words of `PromQL` whose parentheses hold labels.
const GROUPINGS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

fn rules() -> Vec<Rule> {
    let rules: Rules = serde_saphyr::from_str(&read(ALERTS)).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// What an expression speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expression {
    /// Metrics as written, each with the labels in its braces.
    metrics: Vec<(String, Vec<String>)>,
    /// Labels of `by (…)` and the like.
    grouped: Vec<String>,
}

/// Whether what stands before this is a function: `rate(…)`, or `sum by (…) (…)`.
fn is_call(next: &str) -> bool {
    ["(", "by", "without"].contains(&next)
}

/// Reads `PromQL` as far as names go. What is neither a function nor a word of the language is a metric.
fn names(expression: &str) -> Expression {
    let mut found = Expression::default();
    let tokens = tokens(expression);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map_or("", String::as_str);
        at += 1;
        if GROUPINGS.contains(&token.as_str()) && next == "(" {
            let list = tokens[at..].iter().take_while(|token| *token != ")");
            found.grouped.extend(list.filter(|token| is_name(token)).cloned());
            at +=
                tokens[at..].iter().position(|token| token == ")").expect("a closing parenthesis");
        } else if is_name(token) && !is_call(next) && !OPERATORS.contains(&token.as_str()) {
            let mut labels = Vec::new();
            if next == "{" {
                let end =
                    tokens[at..].iter().position(|token| token == "}").expect("a closing brace");
                labels.extend(tokens[at..at + end].iter().filter(|token| is_name(token)).cloned());
                at += end;
            }
            found.metrics.push((token.clone(), labels));
        }
    }
    found
}

/// Names and marks; strings, numbers, ranges and Grafana's variables are left out.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => while letters.next().expect("a closing quote") != '"' {},
            '[' => while letters.next().expect("a closing bracket") != ']' {},
            letter if letter.is_alphanumeric() || "_:$.".contains(letter) => {
                let mut word = String::from(letter);
                while let Some(more) =
                    letters.next_if(|more| more.is_alphanumeric() || "_:.".contains(*more))
                {
                    word.push(more);
                }
                if is_name(&word) {
                    tokens.push(word);
                }
            }
            letter if !letter.is_whitespace() => tokens.push(letter.to_string()),
            _ => {}
        }
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// The labels a series can be asked for; `None` where there is no such series. A histogram has three, and none of its
/// own name.
fn labels_of(series: &str) -> Option<Vec<&'static str>> {
    if series == "up" {
        return Some(ADDED.to_vec());
    }
    let shape = |name: &str, is_histogram: bool| {
        let mut shapes = Metrics::SHAPES.iter();
        let found = shapes
            .find(|shape| shape.0 == name && shape.1.starts_with("Histogram") == is_histogram);
        found.map(|(_, _, labels)| [labels, ADDED].concat())
    };
    if let Some(labels) = shape(series, false) {
        return Some(labels);
    }
    match series.rsplit_once('_')? {
        (name, "bucket") => shape(name, true).map(|labels| [labels.as_slice(), &["le"]].concat()),
        (name, "sum" | "count") => shape(name, true),
        _ => None,
    }
}

/// What is wrong with the names of an expression.
fn judge(place: &str, expression: &str, findings: &mut Vec<String>) {
    let names = names(expression);
    if names.metrics.is_empty() {
        findings.push(format!("{place}: no metric in {expression}"));
    }
    for (metric, matched) in &names.metrics {
        let Some(labels) = labels_of(metric) else {
            findings.push(format!("{place}: there is no metric {metric}"));
            continue;
        };
        for label in matched.iter().chain(&names.grouped) {
            if !labels.contains(&label.as_str()) {
                findings.push(format!("{place}: {metric} has no label {label}"));
            }
        }
    }
}

/// Labels in `{{ … }}`: `label` in a legend, `$labels.label` in an annotation.
fn placeholders(text: &str) -> Vec<String> {
    let inside = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    let names =
        inside.map(|(inside, _)| inside.trim()).filter(|inside| !inside.starts_with("$value"));
    names.map(|name| name.trim_start_matches("$labels.").to_owned()).collect()
}

/// A placeholder must be a label that is left after grouping, or of the metric where nothing is grouped.
fn judge_text(place: &str, text: &str, expression: &str, findings: &mut Vec<String>) {
    let names = names(expression);
    for label in placeholders(text) {
        let of_metrics = || {
            let mut metrics = names.metrics.iter();
            metrics.all(|(metric, _)| {
                labels_of(metric).is_none_or(|labels| labels.contains(&label.as_str()))
            })
        };
        let known =
            if names.grouped.is_empty() { of_metrics() } else { names.grouped.contains(&label) };
        if !known {
            findings.push(format!(
                "{place}: {text:?} speaks of {label}, which {expression} does not have"
            ));
        }
    }
}

#[test]
fn alerts_use_metrics_that_exist() {
    let rules = rules();
    assert!(rules.len() > 20, "{ALERTS} has {} alerts", rules.len());
    let mut findings = Vec::new();
    for rule in rules {
        judge(&rule.alert, &rule.expr, &mut findings);
        for text in rule.annotations.values() {
            judge_text(&rule.alert, text, &rule.expr, &mut findings);
        }
    }
    assert_none(ALERTS, &findings);
}

#[test]
fn every_alert_has_a_severity_a_summary_and_a_section_in_the_runbook() {
    let runbook = read(RUNBOOK);
    let mut sections = BTreeMap::new();
    for section in runbook.split("\n### ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        sections.insert(title, text);
    }
    let mut findings = Vec::new();
    for Rule { alert, labels, annotations, .. } in rules() {
        if !labels
            .get("severity")
            .is_some_and(|severity| ["critical", "warning"].contains(&severity.as_str()))
        {
            findings.push(format!("{alert} has no severity"));
        }
        if annotations.get("summary").is_none_or(String::is_empty) {
            findings.push(format!("{alert} has no summary"));
        }
        let link = format!("{RUNBOOK}#{}", alert.to_lowercase());
        if annotations.get("runbook") != Some(&link) {
            findings.push(format!("{alert} does not link {link}"));
        }
        let text = sections.remove(alert.as_str()).unwrap_or_default();
        for part in ["**Meaning.**", "**Look at.**", "**Do.**"] {
            if !text.contains(part) {
                findings.push(format!("{RUNBOOK}: {alert} lacks {part}"));
            }
        }
    }
    findings.extend(sections.keys().map(|title| format!("{RUNBOOK}: no alert is called {title}")));
    assert_none("alerts and runbook", &findings);
}

#[test]
fn panels_use_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut findings = Vec::new();
    let mut places = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            judge(title, expression, &mut findings);
            judge_text(title, target["legendFormat"].as_str().unwrap(), expression, &mut findings);
        }
        let place = &panel["gridPos"];
        let side = |name: &str| place[name].as_u64().unwrap();
        places.push((title, side("x")..side("x") + side("w"), side("y")..side("y") + side("h")));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["definition"].as_str() {
            let (selector, label) = query
                .strip_prefix("label_values(")
                .unwrap()
                .strip_suffix(')')
                .unwrap()
                .rsplit_once(", ")
                .unwrap();
            let name = variable["name"].as_str().unwrap();
            judge(name, &format!("sum by ({label}) ({selector})"), &mut findings);
        }
    }
    for (at, (title, x, y)) in places.iter().enumerate() {
        for (other, other_x, other_y) in &places[at + 1..] {
            let is_apart = x.end <= other_x.start || other_x.end <= x.start;
            if !is_apart && y.start < other_y.end && other_y.start < y.end {
                findings.push(format!("panels {title:?} and {other:?} lie on each other"));
            }
        }
    }
    assert!(panels.len() > 20, "{DASHBOARD} has {} panels", panels.len());
    assert_none(DASHBOARD, &findings);
}

#[test]
fn every_metric_is_documented() {
    let runbook = read(RUNBOOK);
    let mut findings = Vec::new();
    for ((name, help), (_, _, labels)) in Metrics::NAMES.iter().zip(Metrics::SHAPES) {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let row = format!("| `{name}` | {labels} | {help} |");
        if !runbook.lines().any(|line| line == row) {
            findings.push(row);
        }
    }
    assert_none("rows that docs/runbook.md lacks", &findings);
}

#[test]
fn every_metric_is_shown_or_watched() {
    let texts = [read(ALERTS), read(DASHBOARD)];
    let missing =
        Metrics::NAMES.iter().filter(|(name, _)| !texts.iter().any(|text| text.contains(name)));
    let missing: Vec<String> = missing.map(|(name, _)| (*name).to_owned()).collect();
    assert_none("metrics on no panel and in no alert", &missing);
}

#[test]
fn expressions_are_read_as_promql_says() {
    let read = names(
        "histogram_quantile(0.9, sum by (channel, le) (rate(a_bucket{kind=~\"x|y\", b!=\"\"}[$__rate_interval]))) > 1e3\n\
         and on (channel) time() - b offset 5m == 1",
    );
    assert_eq!(
        read.metrics,
        [
            ("a_bucket".to_owned(), vec!["kind".to_owned(), "b".to_owned()]),
            ("b".to_owned(), Vec::new()),
        ]
    );
    assert_eq!(read.grouped, ["channel", "le", "channel"]);
    assert_eq!(labels_of("gateway_publish_seconds"), None);
    assert_eq!(labels_of("gateway_publish_seconds_bucket").unwrap(), ["instance", "job", "le"]);
    assert_eq!(
        labels_of("gateway_duplicates_total").unwrap(),
        ["channel", "origin", "instance", "job"]
    );
    assert_eq!(labels_of("gateway_duplicates_total_sum"), None);
    let mut findings = Vec::new();
    judge("here", "rate(gateway_nothing_total[5m])", &mut findings);
    judge("here", "sum by (shop) (gateway_duplicates_total{chanel=\"x\"})", &mut findings);
    judge_text(
        "here",
        "{{ $labels.shop }} {{ $value | humanize }}",
        "gateway_duplicates_total",
        &mut findings,
    );
    assert_eq!(findings.len(), 4, "{findings:?}");
}
