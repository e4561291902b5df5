//! The contract of the topics for machines: what is kept in the repository is what the types give, and what was released
//! is not broken.

mod asyncapi;
mod compare;
mod compare_tests;
mod policies;
mod records;
mod shape;

use crate::repository::{assert_none, files, read};
use crate::support::run;
use channel_gateway::schema::{Direction, TOPICS};
use compare::{NEW_WORDS, Old, breaks};
use serde_json::Value;
use std::collections::BTreeSet;

fn kept(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[tokio::test]
async fn the_schemas_in_the_repository_are_those_of_the_types() {
    for topic in &TOPICS {
        let name = topic.name;
        let kept = kept(&format!("config/schema/{name}.json"));
        assert_eq!(kept, Value::from(topic.schema()), "{name} changed: run `make schema`");
    }
    let (code, printed, _) = run(&["schema"], &[]).await;
    assert_eq!(code, 0);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let printed: BTreeSet<&str> = printed.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(printed, TOPICS.iter().map(|topic| topic.name).collect());
}

#[test]
fn every_topic_of_the_config_has_a_schema() {
    let settings: toml::Table = read("config/default.toml").parse().unwrap();
    let topics = settings["kafka"]["topics"].as_table().unwrap();
    let named: BTreeSet<&str> = topics.values().filter_map(toml::Value::as_str).collect();
    assert_eq!(named, TOPICS.iter().map(|topic| topic.name).collect());
}

#[test]
fn what_was_released_is_not_broken() {
    let mut findings = Vec::new();
    for path in files("config/schema/released", "json") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) else {
            findings.push(format!("{name} was released and is gone"));
            continue;
        };
        let side = match topic.direction {
            Direction::Sent => Old::Reads,
            Direction::Received => Old::Writes,
        };
        let released = kept(path.to_str().unwrap());
        let broken = breaks(&released, &topic.schema().into(), side);
        findings.extend(broken.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert_none("changes that break what was released; they need a new topic", &findings);
}

#[test]
fn consumers_are_told_which_words_may_come() {
    let document = read("docs/events.md");
    let line = document.lines().find(|line| line.contains("New words may come into")).unwrap();
    let told: BTreeSet<&str> = line.split('`').skip(1).step_by(2).collect();
    assert_eq!(told, NEW_WORDS.iter().copied().collect(), "{line}");
}
