//! The topics as one [AsyncAPI 3.0](https://www.asyncapi.com/docs/reference/specification/v3.0.0) document: which
//! channels there are, who writes and who reads, what a record's key, headers and value are.
//!
//! Values are described in draft 7 of JSON Schema, the dialect that every AsyncAPI tool reads, with the definitions that
//! the topics share in one place.

use super::topics::{Headers, Key, Policy};
use super::{Direction, TOPICS, Topic, generator};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document, for the topic names of the default config.
pub fn document() -> Value {
    let mut parts = Parts::default();
    for direction in [Direction::Sent, Direction::Received] {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let mut generator = generator(settings, direction);
        for topic in TOPICS.iter().filter(|topic| topic.direction == direction) {
            let payload = (topic.values.part)(&mut generator);
            parts.add(topic, payload.into());
        }
        parts.schemas.extend(generator.take_definitions(true));
    }
    let Parts { channels, operations, messages, schemas } = parts;
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "channel-gateway",
            "version": "1",
            "description": "Orders, refunds, shipments, stock and money of every sales channel, and the commands back. \
                What a consumer may rely on, and what not: docs/events.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    })
}

#[derive(Default)]
struct Parts {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Parts {
    fn add(&mut self, topic: &Topic, payload: Value) {
        let Topic { name, direction, message, title, about, .. } = *topic;
        let (action, verb) = match direction {
            Direction::Sent => ("send", "writes"),
            Direction::Received => ("receive", "reads"),
        };
        let channel = json!({
            "address": name,
            "title": title,
            "description": about,
            "messages": {message: {"$ref": format!("#/components/messages/{message}")}},
            "bindings": {"kafka": topic.policy.binding(name)},
        });
        let operation = json!({
            "action": action,
            "summary": format!("The gateway {verb} {name}."),
            "channel": {"$ref": format!("#/channels/{name}")},
            "messages": [{"$ref": format!("#/channels/{name}/messages/{message}")}],
        });
        let mut described = json!({
            "name": message,
            "title": title,
            "summary": about,
            "contentType": "application/json",
            "payload": payload,
            "bindings": {"kafka": {"key": topic.key.schema(), "bindingVersion": "0.5.0"}},
        });
        if let (Some(headers), Some(described)) =
            (topic.headers.schema(message), described.as_object_mut())
        {
            described.insert("headers".to_owned(), headers);
        }
        self.channels.insert(name.to_owned(), channel);
        self.operations.insert(format!("{action}.{name}"), operation);
        self.messages.insert(message.to_owned(), described);
    }
}

impl Key {
    fn schema(self) -> Value {
        let (description, pattern) = match self {
            Self::Object => ("channel:shop:object", "^[^:]+:[^:]+:[^:]+$"),
            Self::Shop => ("channel:shop", "^[^:]+:[^:]+$"),
            Self::Any => return json!({"type": "string", "description": "the key of the command"}),
        };
        json!({"type": "string", "description": description, "pattern": pattern})
    }
}

impl Headers {
    /// CloudEvents 1.0 in the Kafka binary binding, and the gateway's own. `None` where the gateway reads none.
    fn schema(self, message: &str) -> Option<Value> {
        let (is_event, has_version, has_hash) = match self {
            Self::Snapshot => (true, true, true),
            Self::Report => (true, false, true),
            Self::Quarantined => (true, false, false),
            Self::Result | Self::DeadLetter => (false, false, false),
            Self::Unread => return None,
        };
        let digits = json!({"type": "string", "pattern": "^[0-9a-f]{32}$"});
        let source = if is_event { "^/channels/[^/]+/shops/[^/]+$" } else { "^/push$" };
        let mut all = Map::new();
        let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
        add("ce_specversion", json!({"type": "string", "const": "1.0"}));
        add("ce_id", digits.clone());
        add("ce_source", json!({"type": "string", "pattern": source}));
        add("ce_type", json!({"type": "string", "const": message}));
        add("ce_time", json!({"type": "string", "format": "date-time"}));
        add("ce_subject", json!({"type": "string"}));
        add("content-type", json!({"type": "string", "const": "application/json"}));
        if is_event {
            let trace = "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$";
            add("traceparent", json!({"type": "string", "pattern": trace}));
            add("origin", json!({"type": "string", "enum": ["webhook", "stream", "poll"]}));
            add("dedup", json!({"type": "string", "enum": ["ok", "bypassed"]}));
        }
        if has_version {
            add("version", json!({"type": "string", "pattern": "^-?[0-9]+$"}));
        }
        if has_hash {
            add("content_hash", digits);
        }
        if matches!(self, Self::Result) {
            add("outcome", json!({"$ref": "#/components/schemas/Outcome"}));
        }
        let required: Vec<&String> = all.keys().collect();
        Some(json!({"type": "object", "required": required, "properties": all}))
    }
}

impl Policy {
    fn binding(self, topic: &str) -> Value {
        let fortnight = 1_209_600_000;
        let configuration = match self {
            Self::Deleted => json!({"cleanup.policy": ["delete"], "retention.ms": fortnight}),
            Self::Compacted => json!({"cleanup.policy": ["compact"]}),
            Self::Sealed => {
                json!({"cleanup.policy": ["delete"], "retention.ms": fortnight, "max.message.bytes": 4_194_304})
            }
        };
        json!({"topic": topic, "topicConfiguration": configuration, "bindingVersion": "0.5.0"})
    }
}
