//! The contract of the topics for machines: what is kept in the repository is what the types give.

mod asyncapi;

use crate::repository::read;
use crate::support::run;
use channel_gateway::schema::TOPICS;
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
