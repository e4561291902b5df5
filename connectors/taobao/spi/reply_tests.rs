//! Answers: in Qimen's form, and never the caller's fault where it is ours.

use super::tests::{Call, connector, now};
use crate::contract::{Error, ErrorKind, Outcome, RawWebhook, WebhookReply};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

fn reply(raw: &RawWebhook, outcome: &Outcome) -> WebhookReply {
    connector(json!({})).webhooks().unwrap().reply(raw, outcome)
}

fn asking(format: &str) -> RawWebhook {
    Call::of("deliveryorder.confirm", now()).param("format", format).with(b"<request/>")
}

fn refused(kind: ErrorKind, text: &'static str) -> Outcome {
    Outcome::Refused(Error::new(kind, text))
}

fn text(reply: &WebhookReply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[test]
fn xml_is_answered_to_the_letter() {
    let done = reply(&asking("xml"), &Outcome::Done);
    assert_eq!(done.status, StatusCode::OK);
    assert_eq!(done.content_type, "text/xml;charset=utf-8");
    assert_eq!(
        text(&done),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <response><flag>success</flag><code>0</code><message>ok</message></response>"
    );
    let forged = reply(&asking("xml"), &refused(ErrorKind::BadSignature, "any reason"));
    assert_eq!(text(&forged), include_str!("fixtures/failure.xml").trim_end());
    assert_eq!(forged.status, StatusCode::OK);
}

#[test]
fn a_refusal_says_what_is_wrong_and_is_escaped() {
    let error = Error::malformed("expected a < b & c").at("packages.package[0]");
    let said = reply(&asking("xml"), &Outcome::Refused(error));
    assert!(text(&said).contains("<flag>failure</flag><code>isv.invalid-parameter</code>"));
    assert!(text(&said).contains("expected a &lt; b &amp; c at packages.package[0]"));
    let method = Error::new(ErrorKind::Rejected, "unknown method").at("method");
    let said = reply(&asking("xml"), &Outcome::Refused(method));
    assert!(text(&said).contains("<code>isv.unsupported-method</code>"), "{}", text(&said));
    assert_eq!(said.status, StatusCode::OK);
}

#[test]
fn json_is_answered_where_it_is_asked_for() {
    let body = |format: &str, outcome: &Outcome| -> Value {
        let reply = reply(&asking(format), outcome);
        assert_eq!(reply.content_type, "application/json;charset=utf-8");
        serde_json::from_slice(&reply.body).unwrap()
    };
    let done = json!({ "response": { "flag": "success", "code": "0", "message": "ok" } });
    assert_eq!(body("json", &Outcome::Done), done);
    assert_eq!(body("json2", &Outcome::Done), done);
    let forged = refused(ErrorKind::BadSignature, "x");
    let plain = json!({ "response": {
        "flag": "failure", "code": "sign-check-failure", "message": "Illegal request" } });
    assert_eq!(body("json", &forged), plain);
    let cloud = &body("json2", &forged)["response"];
    assert_eq!(cloud["sub_code"], "sign-check-failure");
    assert_eq!(cloud["sub_message"], "Illegal request");
    let said = reply(&asking("xml2"), &forged);
    assert!(text(&said).contains("<sub_code>sign-check-failure</sub_code>"), "{}", text(&said));
}

#[test]
fn a_call_that_asks_for_nothing_is_answered_in_the_form_of_its_body() {
    let call = |content_type| Call { content_type, ..Call::of("x", now()).param("format", "") };
    for (kind, expected) in [
        (Some("application/json; charset=utf-8"), "application/json;charset=utf-8"),
        (Some("text/xml"), "text/xml;charset=utf-8"),
        (None, "text/xml;charset=utf-8"),
    ] {
        assert_eq!(reply(&call(kind).with(b""), &Outcome::Done).content_type, expected);
    }
}

#[test]
fn our_own_fault_is_no_answer_of_the_business() {
    let again = Outcome::Retry(Duration::from_secs(1));
    for format in ["xml", "json", "xml2", "json2"] {
        let ours = [
            &again,
            &refused(ErrorKind::Unavailable, "x"),
            &refused(ErrorKind::Unauthorized, "x"),
            &refused(ErrorKind::Throttled { retry_after: None }, "x"),
        ];
        for outcome in ours {
            let said = reply(&asking(format), outcome);
            assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(text(&said).contains("isp.service-unavailable"), "{}", text(&said));
            assert!(!text(&said).contains("success"));
        }
        for kind in
            [ErrorKind::Malformed, ErrorKind::Rejected, ErrorKind::Conflict, ErrorKind::Unsupported]
        {
            let said = reply(&asking(format), &refused(kind, "x"));
            assert_eq!(said.status, StatusCode::OK);
            assert!(text(&said).contains("failure") && text(&said).contains("isv."), "{kind:?}");
        }
    }
}
