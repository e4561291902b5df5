//! Each change that breaks is caught, each that does not passes, in both directions.

use super::compare::{Old, breaks};
use serde_json::{Value, json};

/// A schema with a bit of everything that the types here give.
fn parcel() -> Value {
    json!({
        "type": "object",
        "required": ["id", "status", "lines"],
        "properties": {
            "id": {"$ref": "#/$defs/Id"},
            "status": {"$ref": "#/$defs/Status"},
            "form": {"type": "string", "enum": ["plain", "masked"]},
            "weight": {"type": "integer", "format": "uint32", "minimum": 0},
            "memo": {"type": ["string", "null"]},
            "at": {"description": "When.", "anyOf": [{"$ref": "#/$defs/Time"}, {"type": "null"}]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            "count": {"type": "integer", "default": 1},
            "extensions": {"type": "object", "additionalProperties": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}}
        },
        "$defs": {
            "Id": {"type": "string"},
            "Time": {"type": "string", "format": "date-time"},
            "Status": {"oneOf": [
                {"type": "string", "const": "left", "description": "It left."},
                {"type": "string", "const": "unknown"}
            ]},
            "Line": {
                "type": "object",
                "required": ["line_id"],
                "properties": {
                    "line_id": {"type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/$defs/Line"}}
                },
                "additionalProperties": false
            }
        },
        "additionalProperties": false
    })
}

/// What a change at one place breaks. `null` as the new value removes it.
fn after(side: Old, pointer: &str, change: Value) -> Vec<String> {
    let mut new = parcel();
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let above = new.pointer_mut(above).unwrap().as_object_mut().unwrap();
    if change.is_null() {
        above.remove(name).unwrap();
    } else {
        above.insert(name.to_owned(), change);
    }
    breaks(&parcel(), &new, side)
}

#[track_caller]
fn breaks_with(side: Old, pointer: &str, change: Value, expected: &str) {
    let found = after(side, pointer, change);
    assert!(found.iter().any(|one| one == expected), "{pointer} for {side:?}: {found:#?}");
}

#[track_caller]
fn passes(side: Old, pointer: &str, change: Value) {
    let found = after(side, pointer, change);
    assert!(found.is_empty(), "{pointer} for {side:?}: {found:#?}");
}

const BOTH: [Old; 2] = [Old::Reads, Old::Writes];

#[test]
fn nothing_changed_breaks_nothing() {
    for side in BOTH {
        assert!(breaks(&parcel(), &parcel(), side).is_empty());
    }
}

#[test]
fn remarks_may_change() {
    for side in BOTH {
        passes(side, "/properties/memo/description", json!("Another."));
        passes(side, "/title", json!("Parcel"));
        passes(side, "/$defs/Line/description", json!("A line."));
    }
}

#[test]
fn a_definition_may_be_written_in_place() {
    for side in BOTH {
        passes(side, "/properties/id", json!({"type": "string"}));
        passes(side, "/properties/status", json!({"enum": ["left", "unknown"], "type": "string"}));
        passes(side, "/properties/memo", json!({"anyOf": [{"type": "null"}, {"type": "string"}]}));
    }
}

#[test]
fn a_field_that_goes_away_breaks_both() {
    for side in BOTH {
        breaks_with(side, "/properties/memo", Value::Null, "memo: the field is gone");
        let line = "/$defs/Line/properties/line_id";
        breaks_with(side, line, Value::Null, "lines[].line_id: the field is gone");
    }
}

#[test]
fn a_new_field_passes_unless_a_producer_has_to_know_it() {
    for side in BOTH {
        passes(side, "/properties/colour", json!({"type": "string"}));
        passes(side, "/$defs/Line/properties/colour", json!({"type": "string"}));
    }
    let required = json!(["id", "status", "lines", "colour"]);
    passes(Old::Reads, "/required", required.clone());
    let expected = "colour: needed now, optional or unknown before";
    let mut new = parcel();
    new["required"] = required;
    new["properties"]["colour"] = json!({"type": "string"});
    assert_eq!(breaks(&parcel(), &new, Old::Writes), [expected]);
    assert!(breaks(&parcel(), &new, Old::Reads).is_empty());
}

#[test]
fn what_was_always_there_stays_so_for_consumers() {
    let expected = "status: always there before, optional now";
    breaks_with(Old::Reads, "/required", json!(["id", "lines"]), expected);
    passes(Old::Writes, "/required", json!(["id", "lines"]));
    let expected = "lines[].line_id: always there before, optional now";
    breaks_with(Old::Reads, "/$defs/Line/required", json!([]), expected);
    passes(Old::Writes, "/$defs/Line/required", json!([]));
}

#[test]
fn what_was_optional_stays_so_for_producers() {
    let required = json!(["id", "status", "lines", "memo"]);
    let expected = "memo: needed now, optional or unknown before";
    breaks_with(Old::Writes, "/required", required.clone(), expected);
    passes(Old::Reads, "/required", required);
}

#[test]
fn another_type_breaks_both() {
    for side in BOTH {
        breaks_with(side, "/$defs/Id", json!({"type": "integer"}), "id: string is gone");
        breaks_with(side, "/properties/lines", json!({"type": "object"}), "lines: array is gone");
        let list = json!({"type": "array", "items": {"type": "string"}});
        breaks_with(side, "/properties/lines", list, "lines[]: object is gone");
    }
}

#[test]
fn null_may_come_in_commands_and_go_in_events() {
    let with_null = json!({"type": ["string", "null"]});
    breaks_with(Old::Reads, "/$defs/Id", with_null.clone(), "id: null is new");
    passes(Old::Writes, "/$defs/Id", with_null);
    let without = json!({"$ref": "#/$defs/Time"});
    passes(Old::Reads, "/properties/at", without.clone());
    breaks_with(Old::Writes, "/properties/at", without, "at: null is gone");
}

#[test]
fn a_word_that_goes_away_breaks_both() {
    for side in BOTH {
        let fewer = json!({"oneOf": [{"type": "string", "const": "unknown"}]});
        breaks_with(side, "/$defs/Status", fewer, "status: the word left is gone");
        breaks_with(
            side,
            "/properties/form/enum",
            json!(["plain"]),
            "form: the word masked is gone",
        );
    }
}

#[test]
fn a_new_word_passes_where_consumers_are_told_to_expect_one() {
    let more = json!({"type": "string", "enum": ["left", "lost", "unknown"]});
    passes(Old::Reads, "/$defs/Status", more.clone());
    passes(Old::Writes, "/$defs/Status", more);
    let more = json!(["plain", "masked", "token"]);
    breaks_with(Old::Reads, "/properties/form/enum", more.clone(), "form: the word token is new");
    passes(Old::Writes, "/properties/form/enum", more);
}

#[test]
fn words_and_free_text_are_two_things() {
    let text = json!({"type": "string"});
    breaks_with(Old::Reads, "/properties/form", text.clone(), "form: any word may come now");
    passes(Old::Writes, "/properties/form", text);
    let words = json!({"type": "string", "enum": ["a"]});
    breaks_with(Old::Writes, "/$defs/Id", words.clone(), "id: only some words are taken now");
    passes(Old::Reads, "/$defs/Id", words);
}

#[test]
fn numbers_may_grow_in_commands_and_shrink_in_events() {
    let wider = json!({"type": "integer", "format": "uint64", "minimum": 0});
    let expected = "weight: numbers were 0..=4294967295, now 0..=18446744073709551615";
    breaks_with(Old::Reads, "/properties/weight", wider.clone(), expected);
    passes(Old::Writes, "/properties/weight", wider);
    let expected = "weight: numbers were 0..=4294967295, now 1..=4294967295";
    breaks_with(Old::Writes, "/properties/weight/minimum", json!(1), expected);
    passes(Old::Reads, "/properties/weight/minimum", json!(1));
    let expected = "weight: numbers were 0..=4294967295, now 0..=9";
    breaks_with(Old::Writes, "/properties/weight/maximum", json!(9), expected);
    let fraction = json!({"type": "number", "default": 1});
    breaks_with(Old::Reads, "/properties/count", fraction.clone(), "count: integer is gone");
    passes(Old::Writes, "/properties/count", fraction);
}

#[test]
fn what_a_command_leaves_out_keeps_its_meaning() {
    breaks_with(Old::Writes, "/properties/count/default", json!(2), "count: its default changed");
    breaks_with(
        Old::Writes,
        "/properties/count/default",
        Value::Null,
        "count: its default changed",
    );
    passes(Old::Reads, "/properties/count/default", json!(2));
}

#[test]
fn commands_that_were_open_stay_open() {
    let refused = "extensions: unknown fields are refused now";
    let closed = json!({"type": "object", "additionalProperties": false});
    breaks_with(Old::Writes, "/properties/extensions", closed, refused);
    for side in BOTH {
        passes(side, "/additionalProperties", json!(true));
    }
    let numbers = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    for side in BOTH {
        breaks_with(side, "/properties/labels", numbers.clone(), "labels.*: string is gone");
    }
    let anything = json!({"type": "object"});
    breaks_with(Old::Reads, "/properties/labels", anything.clone(), "labels.*: anything is new");
    passes(Old::Writes, "/properties/labels", anything);
}

#[test]
fn the_form_of_text_and_keywords_without_a_rule_stay_as_they_are() {
    for side in BOTH {
        breaks_with(
            side,
            "/$defs/Time/format",
            json!("date"),
            "at: format changed, or cannot be compared",
        );
        breaks_with(
            side,
            "/$defs/Id/pattern",
            json!("^[0-9]+$"),
            "id: pattern changed, or cannot be compared",
        );
        breaks_with(
            side,
            "/properties/lines/minItems",
            json!(1),
            "lines: minItems changed, or cannot be compared",
        );
    }
}

#[test]
fn what_this_comparison_does_not_understand_is_never_passed_over() {
    let told = "id: minLength beside a reference or a choice is not understood";
    let beside = json!({"$ref": "#/$defs/Id", "minLength": 1});
    let all = json!({"type": "object", "allOf": [{"$ref": "#/$defs/Line"}]});
    for side in BOTH {
        breaks_with(side, "/properties/id", beside.clone(), told);
        assert_eq!(breaks(&all, &all, side), ["(the value): allOf changed, or cannot be compared"]);
    }
}

#[test]
fn types_that_contain_themselves_are_compared_once() {
    let nested = "lines[].parts: array is gone";
    for side in BOTH {
        breaks_with(side, "/$defs/Line/properties/parts", json!({"type": "string"}), nested);
    }
}

#[test]
fn a_choice_between_objects_is_compared_object_by_object() {
    let card = json!({"type": "object", "required": ["card"],
        "properties": {"by": {"type": "string", "const": "card"}, "card": {"type": "string"}}});
    let cash = json!({"type": "object", "required": ["till"],
        "properties": {"by": {"type": "string", "const": "cash"}, "till": {"type": "string"}}});
    let one = json!({"oneOf": [card]});
    let both = json!({"oneOf": [cash, card]});
    assert!(!breaks(&one, &both, Old::Reads).is_empty());
    assert!(breaks(&one, &both, Old::Writes).is_empty());
    for side in BOTH {
        assert!(breaks(&both, &both, side).is_empty());
        assert!(!breaks(&both, &one, side).is_empty());
    }
}
