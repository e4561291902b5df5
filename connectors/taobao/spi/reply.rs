//! Answers in Qimen's words: `flag` decides, whatever the status is.
//!
//! Codes are ours but for `sign-check-failure`: no list of the channel's is known. They follow its own rule that `isv.` is
//! for the caller to mend and `isp.` for the one who answers.

use super::call;
use crate::contract::{ErrorKind, Outcome, RawWebhook, WebhookReply};
use bytes::Bytes;
use http::StatusCode;
use quick_xml::escape::escape;
use serde_json::json;

const BAD_SIGNATURE: &str = "sign-check-failure";
const INVALID: &str = "isv.invalid-parameter";
const NOT_CARRIED: &str = "isv.unsupported-method";
/// The status says the same, so nobody can take it for an answer of the business.
const AGAIN: (StatusCode, &str, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    "isp.service-unavailable",
    "not stored yet, please send again",
);

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Xml,
    Json,
}

/// What an answer says.
struct Said<'a> {
    status: StatusCode,
    is_success: bool,
    code: &'static str,
    message: &'a str,
}

/// The answer to a delivery.
pub(super) fn reply(raw: &RawWebhook, outcome: &Outcome) -> WebhookReply {
    let text;
    let (status, code, message) = match outcome {
        Outcome::Done => (StatusCode::OK, "0", "ok"),
        Outcome::Retry(_) => AGAIN,
        Outcome::Refused(error) => match error.kind() {
            // One answer for every way to be wrong: the difference would help whoever guesses.
            ErrorKind::BadSignature => (StatusCode::OK, BAD_SIGNATURE, "Illegal request"),
            ErrorKind::Unauthorized | ErrorKind::Throttled { .. } | ErrorKind::Unavailable => AGAIN,
            ErrorKind::Malformed
            | ErrorKind::Rejected
            | ErrorKind::Conflict
            | ErrorKind::Unsupported => {
                let code = if error.path() == Some("method") { NOT_CARRIED } else { INVALID };
                text = error.to_string();
                (StatusCode::OK, code, text.as_str())
            }
        },
    };
    let is_success = matches!(outcome, Outcome::Done);
    let said = Said { status, is_success, code, message };
    let (format, is_cloud) = format(raw);
    match format {
        Format::Xml => said.xml(is_cloud),
        Format::Json => said.json(is_cloud),
    }
}

/// What the call asked for, and whether in the way of the Qimen cloud; where it asked for nothing, the form of its body.
fn format(raw: &RawWebhook) -> (Format, bool) {
    let asked = call::unverified(raw, "format").unwrap_or_default();
    match &*asked {
        b"json" => (Format::Json, false),
        b"json2" => (Format::Json, true),
        b"xml" => (Format::Xml, false),
        b"xml2" => (Format::Xml, true),
        _ if call::essence(raw).as_deref() == Some("application/json") => (Format::Json, false),
        _ => (Format::Xml, false),
    }
}

impl Said<'_> {
    fn flag(&self) -> &'static str {
        if self.is_success { "success" } else { "failure" }
    }

    fn xml(&self, is_cloud: bool) -> WebhookReply {
        let (flag, code, message) = (self.flag(), self.code, escape(self.message));
        let more = if is_cloud && !self.is_success {
            format!("<sub_code>{code}</sub_code><sub_message>{message}</sub_message>")
        } else {
            String::new()
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<response><flag>{flag}</flag><code>{code}</code>\
             <message>{message}</message>{more}</response>"
        );
        self.send("text/xml;charset=utf-8", body)
    }

    fn json(&self, is_cloud: bool) -> WebhookReply {
        let (flag, code, message) = (self.flag(), self.code, self.message);
        let response = if is_cloud && !self.is_success {
            json!({ "flag": flag, "code": code, "message": message,
                    "sub_code": code, "sub_message": message })
        } else {
            json!({ "flag": flag, "code": code, "message": message })
        };
        self.send("application/json;charset=utf-8", json!({ "response": response }).to_string())
    }

    fn send(&self, content_type: &'static str, body: String) -> WebhookReply {
        WebhookReply { status: self.status, content_type, body: Bytes::from(body) }
    }
}
