//! The AsyncAPI document: checked in as the types give it, of the specified form, and nothing in it leads nowhere.

use super::kept;
use crate::repository::assert_none;
use crate::support::run;
use channel_gateway::schema::{Direction, TOPICS, document};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_document_in_the_repository_is_that_of_the_types() {
    let (code, printed, _) = run(&["schema", "--asyncapi"], &[]).await;
    assert_eq!(code, 0);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed, document());
    assert_eq!(kept("docs/asyncapi.json"), printed, "docs/asyncapi.json: run `make schema`");
}

#[test]
fn every_topic_is_a_channel_with_one_operation_from_the_gateways_view() {
    let document = document();
    let operations: BTreeSet<(String, String)> = members(&document["operations"])
        .values()
        .map(|operation| {
            let channel = operation["channel"]["$ref"].as_str().unwrap();
            let action = operation["action"].as_str().unwrap();
            (channel.to_owned(), action.to_owned())
        })
        .collect();
    let expected = TOPICS.iter().map(|topic| {
        let action = match topic.direction {
            Direction::Sent => "send",
            Direction::Received => "receive",
        };
        (format!("#/channels/{}", topic.name), action.to_owned())
    });
    assert_eq!(operations, expected.collect());
    assert_eq!(members(&document["operations"]).len(), TOPICS.len());
    assert_eq!(members(&document["channels"]).len(), TOPICS.len());
    assert_eq!(members(&document["components"]["messages"]).len(), TOPICS.len());
}

#[test]
fn every_reference_resolves_and_every_definition_is_used() {
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    let nowhere = references.iter().filter(|reference| {
        let pointer = reference.strip_prefix('#');
        pointer.and_then(|pointer| document.pointer(pointer)).is_none()
    });
    assert_none("references that lead nowhere", &nowhere.cloned().collect::<Vec<_>>());
    let unused = ["messages", "schemas"].into_iter().flat_map(|kind| {
        let names = members(&document["components"][kind]).keys();
        names.map(move |name| format!("#/components/{kind}/{name}"))
    });
    let unused: Vec<String> = unused.filter(|name| !references.contains(name)).collect();
    assert_none("definitions that nothing names", &unused);
}

#[test]
fn the_definitions_are_those_of_the_schemas() {
    let document = document();
    for topic in &TOPICS {
        let Value::Object(schema) = Value::from(topic.schema()) else { panic!("{}", topic.name) };
        for (name, own) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            let shared = &document["components"]["schemas"][name];
            assert_eq!(names(own, "properties"), names(shared, "properties"), "{name}");
            assert_eq!(own["required"], shared["required"], "{} {name}", topic.name);
        }
    }
}

#[test]
fn the_document_has_the_form_of_asyncapi_3() {
    let form = kept("tests/it/schemas/asyncapi.form.json");
    let form = jsonschema::options().should_validate_formats(true).build(&form).unwrap();
    let wrong = |document: &Value| -> Vec<String> {
        let errors = form.iter_errors(document);
        errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let mut document = document();
    assert_none("what AsyncAPI 3.0 does not know", &wrong(&document));
    document["operations"]["send.orders.v1"]["action"] = json!("publish");
    assert_eq!(wrong(&document).len(), 1, "AsyncAPI 2 had that word");
}

#[test]
fn every_schema_in_the_document_is_one_of_draft_7() {
    let document = document();
    let messages = members(&document["components"]["messages"]).values();
    let parts = messages.flat_map(|message| {
        [&message["payload"], &message["headers"], &message["bindings"]["kafka"]["key"]]
    });
    let schemas = members(&document["components"]["schemas"]).values();
    let wrong: Vec<String> = parts
        .filter(|part| !part.is_null())
        .chain(schemas)
        .filter_map(|schema| jsonschema::draft7::meta::validate(schema).err())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_none("schemas of another dialect", &wrong);
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("not an object: {value}"))
}

fn names<'a>(schema: &'a Value, keyword: &str) -> Vec<&'a String> {
    schema[keyword].as_object().into_iter().flat_map(Map::keys).collect()
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect(value, into));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
