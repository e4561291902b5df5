//! What is read, and what is left to `serde_json`.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// The value at a place, made from the row alone.
fn rebuilt(tape: &Tape, text: &str, at: usize) -> Option<Value> {
    let item = tape.get(at)?;
    let value = item.value(text);
    Some(match item.kind {
        Kind::Text => value.into(),
        Kind::Escaped => unescaped(value)?.into(),
        Kind::List => {
            let elements = tape.inside(at).map(|(at, _)| rebuilt(tape, text, at));
            Value::Array(elements.collect::<Option<_>>()?)
        }
        Kind::Map => {
            let field = |(at, item): (usize, Item)| {
                Some((item.name(text).to_owned(), rebuilt(tape, text, at)?))
            };
            Value::Object(tape.inside(at).map(field).collect::<Option<Map<_, _>>>()?)
        }
        Kind::Null | Kind::Switch | Kind::Whole | Kind::Number => {
            serde_json::from_str(value).ok()?
        }
    })
}

fn read(text: &str) -> Option<Value> {
    rebuilt(&Tape::read(text)?, text, 0)
}

#[test]
fn a_record_is_read_whole() {
    let text = r#" {"a":"x","b":[1,-2.50,"\u5317\n\ud83d\ude00",[],{}],"c":{"d":null,"e":true},"":false}
"#;
    assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    let tape = Tape::read(text).unwrap();
    let (at, list) = tape.inside(0).find(|(_, item)| item.name(text) == "b").unwrap();
    assert_eq!(list.value(text), r#"[1,-2.50,"\u5317\n\ud83d\ude00",[],{}]"#);
    assert_eq!(tape.inside(at).count(), 5);
}

#[test]
fn numbers_are_whole_only_where_their_digits_are_the_number() {
    let kind = |text: &str| Tape::read(text)?.get(0).map(|item| item.kind);
    for whole in ["0", "-1", "999999999999999999"] {
        assert_eq!(kind(whole), Some(Kind::Whole), "{whole}");
    }
    for other in ["-0", "1.0", "1e3", "1E-3", "1000000000000000000"] {
        assert_eq!(kind(other), Some(Kind::Number), "{other}");
    }
    for wrong in ["01", "-", "1.", ".5", "+1", "1e", "0x1", "1 2", ""] {
        assert_eq!(kind(wrong), None, "{wrong}");
    }
}

#[test]
fn half_a_letter_and_what_is_too_deep_are_left_alone() {
    for half in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#""\ud83d\u0041""#] {
        assert!(read(half).is_none() && serde_json::from_str::<Value>(half).is_err(), "{half}");
    }
    assert!(read(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_some());
    assert!(read(&format!("{}{}", "[".repeat(33), "]".repeat(33))).is_none());
}

#[test]
fn an_escape_that_is_none_is_left_alone() {
    for wrong in [r#""\u+041""#, r#""\u00g1""#, r#""\u 041""#, r#""\u004""#, r#""\x41""#, r#""\""#]
    {
        assert!(Tape::read(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_list_of_nothing_but_digits_is_left_alone() {
    let list = |length: usize| format!("[{}1]", "1,".repeat(length));
    assert!(read(&list(60)).is_some());
    assert!(read(&list(200)).is_none());
}

proptest! {
    #[test]
    fn it_reads_what_serde_json_reads(text in r#"([\[\]{},: \n"\\0-9.eE+-]|\\["\\/bfnrtux]|"[ab\u{1}\u{7f}北]{0,12}"|\\u[0-9a-f]{4}|null|true|"a":|\{"b":){0,24}"#) {
        if let Some(value) = read(&text) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value), "{}", text);
        }
    }

    #[test]
    fn it_reads_every_text(value in any::<String>(), blank in "[ \n\t\r]{0,3}") {
        let text = format!("{blank}{{{blank}\"a\"{blank}:{blank}[{},1]{blank}}}", serde_json::json!(value));
        prop_assert_eq!(read(&text), serde_json::from_str::<Value>(&text).ok());
    }

    #[test]
    fn a_text_cut_anywhere_is_left_alone(value in any::<String>(), cut in any::<prop::sample::Index>()) {
        let text = serde_json::json!({ "a": [value, 1, null] }).to_string();
        if let Some((cut, _)) = text.split_at_checked(cut.index(text.len())) {
            prop_assert_eq!(read(cut), None);
        }
    }
}
