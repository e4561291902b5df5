//! Values as PHP writes them: JSON with everything beyond ASCII escaped and a backslash before each slash, and forms in
//! which `true` is 1, `false` is 0 and `null` is not there.

use serde_json::Value;

/// An object whose fields stay in the order in which they were put in.
pub(super) type Object = Vec<(&'static str, Value)>;

/// Writes an object.
pub(super) fn object(fields: &[(&'static str, Value)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{}", json(value))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Writes a list of objects.
pub(super) fn list(objects: &[Object]) -> String {
    let objects: Vec<String> = objects.iter().map(|fields| object(fields)).collect();
    format!("[{}]", objects.join(","))
}

/// Writes a value.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '/' => text.push_str("\\/"),
            letter if letter.is_ascii() => text.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    text.extend(["\\u".to_owned(), format!("{unit:04x}")]);
                }
            }
        }
    }
    text
}

/// A value in a form; none for `null`.
pub(super) fn in_form(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(on) => Some(u8::from(*on).to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// A number as PHP computes one from fen: 59, 19.8.
pub(super) fn float(fen: i64) -> Value {
    let text = format!("{}.{:02}", fen / 100, fen % 100);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A decimal with three places, as the shop's tables hold yuan.
pub(super) fn yuan(fen: i64) -> Value {
    let sign = if fen < 0 { "-" } else { "" };
    Value::from(format!("{sign}{}.{:02}0", fen.abs() / 100, fen.abs() % 100))
}
