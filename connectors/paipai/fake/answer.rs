//! How the channel writes an answer: JSON or XML, UTF-8 or GBK, and not always well.
//!
//! Texts may hold three marks, which become what the channel's real answers were found to have in them: a backslash that
//! is not escaped, a control character, half a GBK character. What is marked is broken in JSON or GBK only.

use super::call::Call;
use encoding_rs::GBK;
use serde_json::{Map, Value, json};

/// Becomes a lone backslash.
pub(super) const BACKSLASH: char = '\u{e000}';
/// Becomes a vertical tab.
pub(super) const CONTROL: char = '\u{e001}';
/// Becomes the first byte of a GBK character whose second one was cut off.
pub(super) const HALF: char = '\u{e002}';

/// A refusal: code and text. All codes are invented, since the channel's are documented nowhere.
pub(super) struct Refusal(pub(super) u32, pub(super) &'static str);

/// An answer before it is written.
pub(super) type Answer = Result<Map<String, Value>, Refusal>;

/// The bytes of an answer.
pub(super) fn write(call: &Call, answer: Answer) -> Vec<u8> {
    let mut fields = Map::new();
    let (code, text) = match &answer {
        Ok(_) => (0, ""),
        Err(Refusal(code, text)) => (*code, *text),
    };
    fields.insert("errorCode".to_owned(), json!(code));
    fields.insert("errorMessage".to_owned(), json!(text));
    fields.extend(answer.unwrap_or_default());
    let text = if call.get("format").as_deref() == Some("json") {
        json_text(call, fields)
    } else {
        xml_text(call, &fields)
    };
    bytes(call, &text)
}

fn json_text(call: &Call, mut fields: Map<String, Value>) -> String {
    let has_comma = fields.remove("trailing comma").is_some();
    let mut text = Value::Object(fields).to_string();
    if has_comma && let Some(inside) = text.strip_suffix('}') {
        text = format!("{inside},\n}}");
    }
    if call.get("needRoot").as_deref() != Some("1") {
        text = format!("{{\"{}\":{text}}}", call.api());
    }
    if call.get("pureData").as_deref() != Some("1") {
        text = format!("try{{callback({text})}}catch(e){{}}");
    }
    text
}

fn xml_text(call: &Call, fields: &Map<String, Value>) -> String {
    let charset = if call.is_utf8() { "utf-8" } else { "GBK" };
    let mut text = format!("<?xml version=\"1.0\" encoding=\"{charset}\"?>\n<{}>", call.api());
    for (name, value) in fields {
        if name != "trailing comma" {
            element(name, value, &mut text);
        }
    }
    text + &format!("</{}>\n", call.api())
}

/// What the records of a list are called.
fn child(list: &str) -> &'static str {
    match list {
        "dealList" => "dealInfo",
        "itemList" => "itemInfo",
        "refundInfoList" => "refundInfo",
        "codPayList" => "codPay",
        _ => "stock",
    }
}

fn element(name: &str, value: &Value, text: &mut String) {
    text.extend(["<", name, ">"]);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                element(name, value, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                element(child(name), item, text);
            }
        }
        Value::String(value) => {
            text.push_str(&value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
    text.extend(["</", name, ">"]);
}

fn bytes(call: &Call, text: &str) -> Vec<u8> {
    let text = text.replace(BACKSLASH, "\\").replace(CONTROL, "\u{b}");
    if call.is_utf8() {
        return text.replace(HALF, "").into_bytes();
    }
    let parts: Vec<Vec<u8>> =
        text.split(HALF).map(|part| GBK.encode(part).0.into_owned()).collect();
    parts.join(&0xc3)
}
