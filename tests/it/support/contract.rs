//! What every record must be that a test reads: its value as the schema of its topic and as the AsyncAPI document say,
//! its key and its headers as the document says.

use super::Seen;
use channel_gateway::schema::{TOPICS, Topic, document};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// By the name of a topic in a config, as in `kafka.topics.push_dlq`: what a test's own topic ends with.
static CONTRACTS: LazyLock<BTreeMap<String, Contract>> = LazyLock::new(|| {
    let document = document();
    let setting = |topic: &Topic| topic.name.trim_end_matches(".v1").replace('.', "_");
    TOPICS.iter().map(|topic| (setting(topic), Contract::new(topic, &document))).collect()
});

struct Contract {
    value: Validator,
    payload: Validator,
    key: Validator,
    headers: Validator,
}

impl Contract {
    fn new(topic: &Topic, document: &Value) -> Self {
        let messages = &document["channels"][topic.name]["messages"];
        let message = messages.as_object().unwrap().keys().next().unwrap();
        let part = |path: &str| {
            let whole = format!("#/components/messages/{message}/{path}");
            if document.pointer(whole.trim_start_matches('#')).is_none() {
                return validator(json!({"$schema": DRAFT_7}));
            }
            validator(json!({
                "$schema": DRAFT_7,
                "allOf": [{"$ref": whole}],
                "components": document["components"],
            }))
        };
        Self {
            value: validator(topic.schema().into()),
            payload: part("payload"),
            key: part("bindings/kafka/key"),
            headers: part("headers"),
        }
    }
}

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";

/// Formats are checked too. Objects are closed: a field of today that no schema names is a mistake.
fn validator(mut schema: Value) -> Validator {
    close(&mut schema);
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            // A definition may have a field that is called `properties`: that one has no `type` beside it.
            if object.contains_key("properties") && object.get("type") == Some(&json!("object")) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn contract(topic: &str) -> &'static Contract {
    let setting = topic.rsplit('.').next().unwrap_or_default();
    CONTRACTS.get(setting).unwrap_or_else(|| panic!("{topic}: no such topic in the config"))
}

/// What is wrong with a value of this topic.
pub(crate) fn wrong_value(topic: &str, value: &Value) -> Vec<String> {
    let contract = contract(topic);
    [("schema", &contract.value), ("payload", &contract.payload)]
        .into_iter()
        .flat_map(|(part, validator)| wrong(part, validator, value))
        .collect()
}

/// What is wrong with a record of this topic.
pub(crate) fn wrong_record(topic: &str, record: &Seen) -> Vec<String> {
    let contract = contract(topic);
    let mut found = wrong_value(topic, &record.value);
    found.extend(wrong("key", &contract.key, &json!(record.key)));
    found.extend(wrong("headers", &contract.headers, &json!(record.headers)));
    found
}

fn wrong(part: &str, validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{part}{}: {error}", error.instance_path())).collect()
}
