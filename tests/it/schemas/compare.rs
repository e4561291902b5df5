//! Whether a schema may take the place of an older one: what the side that was not updated yet does with the values.
//!
//! One question in two directions: can every value that the *writer's* schema describes be read by somebody who knows
//! only the *reader's* schema? Of an event the old side reads what the new side writes; of a command it is the reverse.
//! Only the keywords that the types here give are understood; any other must stay as it is.

use super::shape::{
    Object, REMARKS, alternatives, beside_reference, fields, integers, is_null, range, reads_type,
    required, type_of, words,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Who has the older schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    /// Consumers of what the gateway writes. They pass over fields that they do not know.
    Reads,
    /// Producers of what the gateway reads.
    Writes,
}

/// Fields of events that may get new words: docs/events.md tells consumers to take an unknown one as `unknown`.
pub(crate) const NEW_WORDS: &[&str] =
    &["kind", "line_status", "outcome", "phase", "refund_status", "source", "status", "type"];

/// What is compared below, by its meaning.
const UNDERSTOOD: &[&str] = &[
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "items",
    "maximum",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "type",
];

/// What breaks, each with the path of its field. Empty if the newer schema may take the older one's place.
pub(crate) fn breaks(old: &Value, new: &Value, side: Old) -> Vec<String> {
    let compare = Compare { old, new, side };
    compare.values(old, new, &Place::default())
}

struct Compare<'a> {
    old: &'a Value,
    new: &'a Value,
    side: Old,
}

/// Where in the value, and which pairs of schemas are open above: types may contain themselves.
#[derive(Clone, Default)]
struct Place {
    path: String,
    open: Vec<(Value, Value)>,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{name}", self.path), open: self.open.clone() }
    }

    fn each(&self) -> Self {
        Self { path: format!("{}[]", self.path), open: self.open.clone() }
    }

    fn name(&self) -> &str {
        self.path.trim_end_matches("[]").rsplit('.').next().unwrap_or_default()
    }

    fn says(&self, what: &str) -> Vec<String> {
        let path = if self.path.is_empty() { "(the value)" } else { &self.path };
        vec![format!("{path}: {what}")]
    }
}

impl Compare<'_> {
    fn values(&self, old: &Value, new: &Value, place: &Place) -> Vec<String> {
        let mut place = place.clone();
        let pair = (old.clone(), new.clone());
        if place.open.contains(&pair) {
            return Vec::new();
        }
        place.open.push(pair);
        let mut found = self.defaults(old, new, &place);
        for key in beside_reference(old).chain(beside_reference(new)) {
            found.extend(
                place.says(&format!("{key} beside a reference or a choice is not understood")),
            );
        }
        let (old, new) = (alternatives(self.old, old), alternatives(self.new, new));
        // Each value that is written must find an alternative that reads it; and an alternative that readers wait for
        // does not go away, but that what could be absent is always there.
        for old_alternative in old.iter().filter(|old| self.side == Old::Writes || !is_null(old)) {
            let gone = format!("{} is gone", type_of(old_alternative).unwrap_or("anything"));
            found.extend(Self::best(&new, &place, &gone, |new| {
                self.alternative(old_alternative, new, &place)
            }));
        }
        if self.side == Old::Reads {
            for new_alternative in &new {
                let come = format!("{} is new", type_of(new_alternative).unwrap_or("anything"));
                found.extend(Self::best(&old, &place, &come, |old| {
                    self.alternative(old, new_alternative, &place)
                }));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// What stands against the candidate that fits best.
    fn best(
        candidates: &[Object],
        place: &Place,
        otherwise: &str,
        compare: impl Fn(&Object) -> Option<Vec<String>>,
    ) -> Vec<String> {
        let found = candidates.iter().filter_map(compare).min_by_key(Vec::len);
        found.unwrap_or_else(|| place.says(otherwise))
    }

    /// What stands against it, or `None` if the two are of different JSON types.
    fn alternative(&self, old: &Object, new: &Object, place: &Place) -> Option<Vec<String>> {
        let (writer, reader) = self.sides(old, new);
        if !reads_type(type_of(reader), type_of(writer)) {
            return None;
        }
        let mut found = self.words(old, new, place);
        found.extend(self.range(old, new, place));
        found.extend(self.fields(old, new, place));
        found.extend(self.items(old, new, place));
        found.extend(Self::other_keywords(old, new, place));
        Some(found)
    }

    /// `(writer, reader)`.
    fn sides<T>(&self, old: T, new: T) -> (T, T) {
        match self.side {
            Old::Reads => (new, old),
            Old::Writes => (old, new),
        }
    }

    fn words(&self, old: &Object, new: &Object, place: &Place) -> Vec<String> {
        match (words(old), words(new)) {
            (None, None) => Vec::new(),
            (None, Some(_)) if self.side == Old::Reads => Vec::new(),
            (None, Some(_)) => place.says("only some words are taken now"),
            (Some(_), None) if self.side == Old::Writes => Vec::new(),
            (Some(_), None) => place.says("any word may come now"),
            (Some(old), Some(new)) => {
                let gone = old.difference(&new).map(|word| format!("the word {word} is gone"));
                let takes_new = self.side == Old::Writes || NEW_WORDS.contains(&place.name());
                let come = new.difference(&old).filter(|_| !takes_new);
                let come = come.map(|word| format!("the word {word} is new"));
                gone.chain(come).flat_map(|what| place.says(&what)).collect()
            }
        }
    }

    fn range(&self, old: &Object, new: &Object, place: &Place) -> Vec<String> {
        let ((writer_low, writer_high), (reader_low, reader_high)) =
            self.sides(range(old), range(new));
        if reader_low <= writer_low && writer_high <= reader_high {
            return Vec::new();
        }
        let (old, new) = (range(old), range(new));
        place.says(&format!("numbers were {}..={}, now {}..={}", old.0, old.1, new.0, new.1))
    }

    fn fields(&self, old: &Object, new: &Object, place: &Place) -> Vec<String> {
        let mut found = Vec::new();
        let (old_fields, new_fields) = (fields(old), fields(new));
        for (name, old) in &old_fields {
            let place = place.field(name);
            match new_fields.get(name) {
                Some(new) => found.extend(self.values(old, new, &place)),
                None => found.extend(place.says("the field is gone")),
            }
        }
        let (writer, reader) = self.sides(required(old), required(new));
        for name in reader.difference(&writer).filter(|name| new_fields.contains_key(*name)) {
            let what = match self.side {
                Old::Reads => "always there before, optional now",
                Old::Writes => "needed now, optional or unknown before",
            };
            found.extend(place.field(name).says(what));
        }
        found.extend(self.more_fields(old, new, place));
        found
    }

    /// Fields without a name in the schema.
    fn more_fields(&self, old: &Object, new: &Object, place: &Place) -> Vec<String> {
        let anything = Value::Bool(true);
        let more = |schema: &Object| {
            schema.get("additionalProperties").filter(|more| more.is_object()).cloned()
        };
        let closed = |schema: &Object| schema.get("additionalProperties") == Some(&false.into());
        match self.side {
            Old::Writes if closed(new) && !closed(old) => {
                place.says("unknown fields are refused now")
            }
            Old::Writes if closed(new) || closed(old) => Vec::new(),
            Old::Reads | Old::Writes => match (more(old), more(new)) {
                (None, None) => Vec::new(),
                (old, new) => self.values(
                    &old.unwrap_or_else(|| anything.clone()),
                    &new.unwrap_or(anything),
                    &place.field("*"),
                ),
            },
        }
    }

    fn items(&self, old: &Object, new: &Object, place: &Place) -> Vec<String> {
        let anything = Value::Bool(true);
        let [old, new] = [old, new].map(|schema| schema.get("items").unwrap_or(&anything));
        if old == &anything && new == &anything {
            return Vec::new();
        }
        self.values(old, new, &place.each())
    }

    /// What a command leaves out must keep its meaning.
    fn defaults(&self, old: &Value, new: &Value, place: &Place) -> Vec<String> {
        match old.get("default") {
            Some(default) if self.side == Old::Writes && new.get("default") != Some(default) => {
                place.says("its default changed")
            }
            _ => Vec::new(),
        }
    }

    fn other_keywords(old: &Object, new: &Object, place: &Place) -> Vec<String> {
        let known = |key: &&String| REMARKS.iter().chain(UNDERSTOOD).any(|known| known == key);
        let keys: BTreeSet<&String> =
            old.keys().chain(new.keys()).filter(|key| !known(key)).collect();
        let is_number = integers(old).is_some() || integers(new).is_some();
        let changed = keys.into_iter().filter(|key| {
            let is_compared = is_number && key.as_str() == "format";
            // A reference is equal text whatever became of its definition.
            let holds_reference =
                old.get(*key).is_some_and(|value| value.to_string().contains("\"$ref\""));
            !is_compared && (holds_reference || old.get(*key) != new.get(*key))
        });
        changed
            .flat_map(|key| place.says(&format!("{key} changed, or cannot be compared")))
            .collect()
    }
}
