//! Takes what shops push: whole orders, refunds, and the outcome of what the hub answered with `running`.
//!
//! The signature is the matrix's over what was received, and it covers no time and no nonce: a push sent again is the
//! same push, has the same event id, and is published once. Only the shop of the path holds the key, and where the
//! settings name its node, a push of another node is refused although it is signed.

use super::fields::Fields;
use super::form::{self, Pair};
use super::{Setup, normalize, normalize_refund, sign, wire};
use crate::contract::model::{OrderId, Timestamp};
use crate::contract::sign::matches_hex;
use crate::contract::{
    Error, ErrorKind, Event, Key, Notice, Outcome, RawWebhook, Result, Verified, WebhookReply,
    WebhookSource,
};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// What shops push that no event is made of. Anything else unknown is kept and refused.
const IGNORED: &[&str] = &[
    "store.user.add",
    "store.user.update",
    "store.point.get",
    "store.point.update",
    "store.pointlog.get",
    "store.trade.payment.add",
    "store.trade.memo.add",
    "store.trade.memo.update",
    "store.trade.buyer_message.add",
];
/// The matrix's word for "send it again".
const AGAIN: &str = "e00090";
const BAD_SIGNATURE: &str = "4003";

impl WebhookSource for Setup {
    fn verify<'r>(&self, keys: &[Key], _: Timestamp, raw: &'r RawWebhook) -> Result<Verified<'r>> {
        let pairs = form::split(&raw.body);
        let received = form::get(&pairs, sign::SIGN).unwrap_or_default();
        if received.is_empty() {
            return Err(Error::new(ErrorKind::BadSignature, "a signature is missing"));
        }
        Verified::check(raw, keys, |key| {
            matches_hex(&sign::matrix(key.secret.expose(), &pairs), received)
        })
    }

    fn decode(&self, request: &Verified<'_>) -> Result<Vec<Notice>> {
        let raw = request.raw();
        let pairs = form::split(&raw.body);
        self.check_sender(&pairs)?;
        let method = form::text(&pairs, "method")?;
        let Some(method) = method else { return outcome_of_a_call(&pairs) };
        let id = match method {
            "store.trade.refund.add" | "store.refund.add" => "refund_id",
            "store.trade.aftersale.add" => "aftersale_id",
            _ => "tid",
        };
        let read = Fields::from_form(&pairs).and_then(|record| match method {
            "store.trade.add" | "store.trade.update" => {
                normalize::checked(&record, self.dialect).map(|order| Event::Order(Box::new(order)))
            }
            "store.trade.refund.add" | "store.refund.add" => {
                normalize_refund::refund(&record, self.dialect)
                    .map(|refund| Event::Refund(Box::new(refund)))
            }
            "store.trade.aftersale.add" => normalize_refund::aftersale(&record, self.dialect)
                .map(|refund| Event::Refund(Box::new(refund))),
            _ if IGNORED.contains(&method) => {
                Err(Error::new(ErrorKind::Unsupported, "no event is made of this").at("method"))
            }
            _ => Err(Error::new(ErrorKind::Rejected, "unknown method").at("method")),
        });
        let event = match read {
            Ok(event) => event,
            // The record is kept for a person, and the shop may forget it: pushing it again would not make it right.
            Err(error) if error.kind() == ErrorKind::Malformed => {
                let id = form::text(&pairs, id).ok().flatten();
                let id = id.and_then(|id| OrderId::try_new(id).ok()).map(|id| id.to_string());
                wire::suspect(error, id, &raw.body)
            }
            Err(error) => return Err(error),
        };
        Ok(vec![Notice { shop: raw.shop.clone(), event }])
    }

    fn reply(&self, raw: &RawWebhook, outcome: &Outcome) -> WebhookReply {
        let fail = |code: &str, text: &str| said("fail", code, text, Value::from(""));
        match outcome {
            Outcome::Done => said("succ", "", "", about(raw)),
            Outcome::Retry(_) => fail(AGAIN, "not stored yet, please send again"),
            Outcome::Refused(error) => match error.kind() {
                // One answer for every way to be wrong: the difference would help whoever guesses.
                ErrorKind::BadSignature => fail(BAD_SIGNATURE, "sign error"),
                ErrorKind::Unsupported => said("succ", "", "", Value::from("")),
                ErrorKind::Malformed | ErrorKind::Rejected | ErrorKind::Conflict => {
                    fail("", &error.to_string())
                }
                ErrorKind::Unauthorized | ErrorKind::Throttled { .. } | ErrorKind::Unavailable => {
                    fail(AGAIN, "not stored yet, please send again")
                }
            },
        }
    }
}

impl Setup {
    /// One shop cannot speak for another, even where they share a token.
    fn check_sender(&self, pairs: &[Pair<'_>]) -> Result<()> {
        let is_push = form::get(pairs, "method").is_some();
        let is_of = |name: &'static str, expected: &Option<String>| -> Result<bool> {
            let said = form::text(pairs, name)?;
            Ok(match (expected, said) {
                (None, _) => true,
                (Some(expected), Some(said)) => expected == said,
                // A shop names its node in every push, and the hub in no outcome; a certificate may be left out.
                (Some(_), None) => !is_push || name == "certi_id",
            })
        };
        if !is_of("from_node_id", &self.node_id)? {
            let text = "not the node of this shop";
            return Err(Error::new(ErrorKind::Rejected, text).at("from_node_id"));
        }
        if !is_of("certi_id", &self.certi_id)? {
            let text = "not the certificate of this shop";
            return Err(Error::new(ErrorKind::Rejected, text).at("certi_id"));
        }
        Ok(())
    }
}

/// The outcome of a call that the hub had answered with `running`. It settles nothing here: a level will be said again,
/// and a shipment is read back.
fn outcome_of_a_call(pairs: &[Pair<'_>]) -> Result<Vec<Notice>> {
    let is_outcome = form::text(pairs, "msg_id")?.is_some()
        && matches!(form::text(pairs, "rsp")?, Some("succ" | "fail"));
    if is_outcome {
        return Ok(Vec::new());
    }
    Err(Error::malformed("missing field").at("method"))
}

/// What a settled push was about.
fn about(raw: &RawWebhook) -> Value {
    let pairs = form::split(&raw.body);
    let named = |name| {
        let text = form::text(&pairs, name).ok().flatten()?;
        OrderId::try_new(text).ok().map(|id| id.to_string())
    };
    let mut data = serde_json::Map::new();
    for name in ["tid", "refund_id", "aftersale_id"] {
        data.extend(named(name).map(|id| (name.to_owned(), Value::from(id))));
    }
    Value::Object(data)
}

fn said(rsp: &str, res: &str, text: &str, data: Value) -> WebhookReply {
    let body = json!({ "rsp": rsp, "res": res, "err_msg": text, "data": data, "msg_id": "" });
    let body = Bytes::from(body.to_string());
    WebhookReply { status: StatusCode::OK, content_type: "application/json", body }
}
