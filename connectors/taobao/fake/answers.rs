//! How TOP answers: envelopes, errors, and the three renderings JSON, simplified JSON and XML.
//!
//! Every API builds the normal JSON form, where a list is an object with one array inside: `{"trades":{"trade":[..]}}`.
//! The other two renderings are derived from that shape.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What an API gives: the inside of its wrapper, or an error.
pub(super) type Answer = Result<Value, Refusal>;

/// An `error_response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    msg: Cow<'static, str>,
    sub_code: Option<Cow<'static, str>>,
    sub_msg: Option<Cow<'static, str>>,
}

impl Refusal {
    /// An error of TOP's gateway, which has no sub code.
    pub(super) fn new(code: u16, msg: impl Into<Cow<'static, str>>) -> Self {
        Self { code, msg: msg.into(), sub_code: None, sub_msg: None }
    }

    /// Adds the cause.
    pub(super) fn because(
        mut self,
        sub_code: impl Into<Cow<'static, str>>,
        sub_msg: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.sub_code = Some(sub_code.into());
        self.sub_msg = Some(sub_msg.into());
        self
    }

    /// A required argument is not there.
    pub(super) fn missing(argument: &str) -> Self {
        Self::new(40, format!("Missing required arguments:{argument}"))
            .because(format!("isv.missing-parameter:{argument}"), format!("缺少参数:{argument}"))
    }

    /// An argument cannot be what it is.
    pub(super) fn invalid(argument: &str) -> Self {
        Self::new(41, format!("Invalid arguments:{argument}"))
            .because(format!("isv.invalid-parameter:{argument}"), format!("参数错误:{argument}"))
    }

    /// An error of the service behind TOP's gateway.
    pub(super) fn service(
        sub_code: impl Into<Cow<'static, str>>,
        sub_msg: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(15, "Remote service error").because(sub_code, sub_msg)
    }

    fn into_value(self, request_id: String) -> Value {
        let mut body = Map::new();
        body.insert("code".into(), json!(self.code));
        body.insert("msg".into(), json!(self.msg));
        if let Some(sub_code) = self.sub_code {
            body.insert("sub_code".into(), json!(sub_code));
        }
        if let Some(sub_msg) = self.sub_msg {
            body.insert("sub_msg".into(), json!(sub_msg));
        }
        body.insert("request_id".into(), Value::String(request_id));
        Value::Object(body)
    }
}

/// What the caller wants to read. TOP's default is XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    Json,
    Simple,
}

/// Puts an answer into its envelope. TOP answers 200 whatever it says.
pub(super) fn render(
    format: Format,
    method: &str,
    answer: Answer,
    request_id: String,
) -> Response<Bytes> {
    let is_error = answer.is_err();
    let (root, body) = match answer {
        Ok(mut body) => {
            if let Value::Object(body) = &mut body {
                body.insert("request_id".into(), Value::String(request_id));
            }
            (root_name(method), body)
        }
        Err(refusal) => ("error_response".to_owned(), refusal.into_value(request_id)),
    };
    let (content_type, text) = match format {
        Format::Xml => {
            let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\" ?>");
            write_xml(&mut text, &root, &body);
            ("text/xml;charset=UTF-8", text)
        }
        Format::Simple if !is_error => {
            ("text/javascript;charset=UTF-8", simplify(body).to_string())
        }
        Format::Json | Format::Simple => {
            let wrapped = Value::Object(Map::from_iter([(root, body)]));
            ("text/javascript;charset=UTF-8", wrapped.to_string())
        }
    };
    let mut response = Response::new(Bytes::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn root_name(method: &str) -> String {
    let name = method.strip_prefix("taobao.").unwrap_or(method);
    format!("{}_response", name.replace('.', "_"))
}

/// The array of an object that is nothing but a list, with the name of its items.
fn as_list(value: &Value) -> Option<(&str, &[Value])> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, items) = object.iter().next()?;
    Some((name, items.as_array()?))
}

fn simplify(value: Value) -> Value {
    if let Some((_, items)) = as_list(&value) {
        return items.iter().cloned().map(simplify).collect();
    }
    match value {
        Value::Object(object) => {
            object.into_iter().map(|(name, inner)| (name, simplify(inner))).collect()
        }
        plain @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => plain,
    }
}

fn write_xml(text: &mut String, name: &str, value: &Value) {
    let list = as_list(value);
    let attribute = if list.is_some() { " list=\"true\"" } else { "" };
    text.extend(["<", name, attribute, ">"]);
    if let Some((item, items)) = list {
        for inner in items {
            write_xml(text, item, inner);
        }
    } else if let Some(object) = value.as_object() {
        for (inner_name, inner) in object {
            write_xml(text, inner_name, inner);
        }
    } else if let Some(plain) = value.as_str() {
        text.push_str(&quick_xml::escape::escape(plain));
    } else {
        text.push_str(&value.to_string());
    }
    text.extend(["</", name, ">"]);
}

/// Adds a text field where there is one.
pub(super) fn put(object: &mut Value, field: &str, value: Option<String>) {
    if let (Some(value), Some(object)) = (value, object.as_object_mut()) {
        object.insert(field.to_owned(), Value::String(value));
    }
}

/// Keeps the fields a caller asked for: `orders` is all of a list, `orders.oid` some of it.
pub(super) fn choose(value: Value, fields: &[&str]) -> Value {
    let Value::Object(object) = value else { return value };
    let mut chosen = Map::new();
    for (name, inner) in object {
        if fields.contains(&name.as_str()) {
            chosen.insert(name, inner);
            continue;
        }
        let prefix = format!("{name}.");
        let nested: Vec<&str> =
            fields.iter().filter_map(|field| field.strip_prefix(prefix.as_str())).collect();
        if nested.is_empty() {
            continue;
        }
        let Value::Object(list) = inner else { continue };
        let list = list.into_iter().map(|(item, inner)| {
            let Value::Array(items) = inner else { return (item, inner) };
            (item, items.into_iter().map(|inner| choose(inner, &nested)).collect())
        });
        chosen.insert(name, list.collect());
    }
    Value::Object(chosen)
}
