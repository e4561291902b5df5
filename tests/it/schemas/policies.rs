//! Topics that the gateway creates are those of the AsyncAPI document.

use crate::repository::assert_none;
use crate::support::{Setup, kafka};
use channel_gateway::schema::{TOPICS, document};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn created_topics_have_the_settings_that_the_document_names() {
    let gateway = Setup::new("policies").partner("s1").start().await;
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", kafka()).create().unwrap();
    let document = document();
    let mut findings = Vec::new();
    for topic in &TOPICS {
        let setting = topic.name.trim_end_matches(".v1").replace('.', "_");
        let name = gateway.setup.topic_name(&setting);
        let asked = [ResourceSpecifier::Topic(&name)];
        let mut said = client.describe_configs(&asked, &AdminOptions::new()).await.unwrap();
        let said = said.remove(0).unwrap();
        let binding = &document["channels"][topic.name]["bindings"]["kafka"];
        for (key, expected) in binding["topicConfiguration"].as_object().unwrap() {
            let found = said.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
            if found != text(expected) {
                findings.push(format!("{}: {key} is {found}, not {expected}", topic.name));
            }
        }
    }
    assert_none("settings of topics that are not as the document says", &findings);
    gateway.stop().await;
}

/// As Kafka writes it: lists by commas.
fn text(value: &Value) -> String {
    let list = std::slice::from_ref(value);
    let all = value.as_array().map_or(list, Vec::as_slice).iter();
    let words = all.map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
    words.collect::<Vec<_>>().join(",")
}
