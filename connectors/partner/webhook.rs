//! Takes deliveries: checks the signature, reads the record, judges it, answers.

use super::sign::{self, Signature};
use super::wire::{self, Data};
use super::{CHANNEL, Partner};
use crate::contract::model::{Minor, Order, Refund, ShopId, Timestamp};
use crate::contract::{
    Error, ErrorKind, Event, Key, Notice, Outcome, RawWebhook, Result, Verified, WebhookReply,
    WebhookSource,
};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

/// Code of a body that is not JSON.
pub(super) const INVALID_JSON: &str = "invalid_json";
/// Code of a body that is not UTF-8, or that claims another charset.
pub(super) const INVALID_ENCODING: &str = "invalid_encoding";
/// Code of a body that is not declared as JSON.
const INVALID_CONTENT_TYPE: &str = "invalid_content_type";
/// Code of a field that is missing, of the wrong type, or in contradiction to others.
const INVALID_FIELD: &str = "invalid_field";
const REJECTED: &str = "rejected";
const UNAUTHORIZED: &str = "unauthorized";
const UNAVAILABLE: &str = "unavailable";

impl WebhookSource for Partner {
    fn verify<'r>(
        &self,
        keys: &[Key],
        now: Timestamp,
        raw: &'r RawWebhook,
    ) -> Result<Verified<'r>> {
        let refused = |text| Error::new(ErrorKind::BadSignature, text);
        let header = |name| raw.header(name).filter(|text| !text.is_empty());
        let (Some(id), Some(timestamp), Some(signatures)) =
            (header(sign::ID), header(sign::TIMESTAMP), header(sign::SIGNATURE))
        else {
            return Err(refused("a webhook header is missing or occurs twice"));
        };
        let signed_at = unix_secs(timestamp).ok_or_else(|| refused("timestamp is not a number"))?;
        let distance = now.since(signed_at).max(signed_at.since(now));
        if distance > self.tolerance {
            return Err(refused("timestamp is outside the tolerance"));
        }
        Verified::check(raw, keys, |key| {
            Signature::of(&key.secret, id, timestamp, &raw.body)
                .is_some_and(|signature| signature.is_among(signatures))
        })
    }

    fn decode(&self, request: &Verified<'_>) -> Result<Vec<Notice>> {
        let raw = request.raw();
        check_content_type(raw)?;
        let event = match wire::read(&raw.body)? {
            Data::Order(order) => {
                check_order(&order, &raw.shop).map_err(|error| error.within("data"))?;
                Event::Order(order)
            }
            Data::Refund(refund) => {
                check_refund(&refund, &raw.shop).map_err(|error| error.within("data"))?;
                Event::Refund(refund)
            }
            Data::Other => {
                return Err(Error::new(ErrorKind::Unsupported, "unknown type").at("type"));
            }
        };
        Ok(vec![Notice { shop: raw.shop.clone(), event }])
    }

    fn reply(&self, _: &RawWebhook, outcome: &Outcome) -> WebhookReply {
        match outcome {
            Outcome::Done => fixed(StatusCode::OK, r#"{"status":"accepted"}"#),
            Outcome::Retry(_) => away(),
            Outcome::Refused(error) => refusal(error),
        }
    }
}

/// Unix seconds: digits only, because a sign or a fraction is nobody's timestamp.
fn unix_secs(text: &str) -> Option<Timestamp> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let secs: i64 = if all_digits { text.parse().ok()? } else { return None };
    secs.checked_mul(1000).map(Timestamp::from_unix_ms)
}

/// `application/json`, with `charset=utf-8` or without a charset.
fn check_content_type(raw: &RawWebhook) -> Result<()> {
    let wrong =
        || Error::malformed("expected content type application/json").code(INVALID_CONTENT_TYPE);
    let text = raw.header(CONTENT_TYPE.as_str()).ok_or_else(wrong)?;
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(wrong());
    }
    for parameter in parts {
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("charset")
            && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Err(Error::malformed("expected charset utf-8").code(INVALID_ENCODING));
        }
    }
    Ok(())
}

fn check_owner(channel: &str, shop: Option<&ShopId>, signed_by: &ShopId) -> Result<()> {
    if !channel.is_empty() && channel != CHANNEL {
        return Err(Error::malformed("expected `partner` or nothing").at("channel"));
    }
    if shop.is_some_and(|shop| shop != signed_by) {
        return Err(Error::malformed("not the shop whose key signed").at("shop"));
    }
    Ok(())
}

/// What our contract asks of an order beyond its shape: see the README.
fn check_order(order: &Order, signed_by: &ShopId) -> Result<()> {
    check_owner(&order.channel, order.shop.as_ref(), signed_by)?;
    check_currency(&order.currency)?;
    order.check()?;
    let amounts = &order.amounts;
    not_negative(&[
        (amounts.discount, "amounts.discount"),
        (amounts.freight, "amounts.freight"),
        (amounts.tax, "amounts.tax"),
        (amounts.payable, "amounts.payable"),
        (amounts.paid, "amounts.paid"),
        (amounts.refunded, "amounts.refunded"),
    ])?;
    for (index, line) in order.lines.iter().enumerate() {
        let within = |error: Error| error.within(&format!("lines[{index}]"));
        not_negative(&[
            (line.unit_price, "unit_price"),
            (line.discount, "discount"),
            (line.payable, "payable"),
        ])
        .map_err(within)?;
        if line.line_id.is_empty() {
            return Err(within(Error::malformed("a line has an id").at("line_id")));
        }
        if line.quantity == 0 {
            return Err(within(Error::malformed("a line has at least one unit").at("quantity")));
        }
    }
    Ok(())
}

fn check_refund(refund: &Refund, signed_by: &ShopId) -> Result<()> {
    check_owner(&refund.channel, refund.shop.as_ref(), signed_by)?;
    check_currency(&refund.currency)?;
    not_negative(&[(refund.amount, "amount")])?;
    if refund.quantity.is_some_and(|quantity| quantity < 0) {
        return Err(Error::malformed("expected 0 or more").at("quantity"));
    }
    Ok(())
}

fn check_currency(currency: &str) -> Result<()> {
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(Error::malformed("expected a currency of ISO 4217, like CNY").at("currency"))
}

fn not_negative(amounts: &[(Minor, &str)]) -> Result<()> {
    match amounts.iter().find(|(amount, _)| *amount < Minor::ZERO) {
        Some((_, path)) => Err(Error::malformed("expected 0 or more").at(*path)),
        None => Ok(()),
    }
}

fn refusal(error: &Error) -> WebhookReply {
    match error.kind() {
        // One answer for every way to be wrong: the difference would help whoever guesses.
        ErrorKind::BadSignature => {
            said(StatusCode::UNAUTHORIZED, UNAUTHORIZED, "signature refused", None)
        }
        ErrorKind::Unsupported => {
            fixed(StatusCode::ACCEPTED, r#"{"status":"ignored","reason":"unknown type"}"#)
        }
        ErrorKind::Malformed => match error.channel_code() {
            Some(code @ (INVALID_JSON | INVALID_ENCODING | INVALID_CONTENT_TYPE)) => {
                said(StatusCode::BAD_REQUEST, code, error.context(), None)
            }
            _ => invalid(INVALID_FIELD, error),
        },
        ErrorKind::Rejected | ErrorKind::Conflict => invalid(REJECTED, error),
        // These are ours, whatever the gateway made of them.
        ErrorKind::Unauthorized | ErrorKind::Throttled { .. } | ErrorKind::Unavailable => away(),
    }
}

fn invalid(code: &'static str, error: &Error) -> WebhookReply {
    said(StatusCode::UNPROCESSABLE_ENTITY, code, error.context(), error.path())
}

fn away() -> WebhookReply {
    let text = "not stored yet, please send again";
    said(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, text, None)
}

fn fixed(status: StatusCode, body: &'static str) -> WebhookReply {
    let body = Bytes::from_static(body.as_bytes());
    WebhookReply { status, content_type: "application/json", body }
}

#[derive(Serialize)]
struct Said<'a> {
    error: Complaint<'a>,
}

#[derive(Serialize)]
struct Complaint<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

fn said(status: StatusCode, code: &str, message: &str, path: Option<&str>) -> WebhookReply {
    // Writing three strings cannot fail; an empty body would still carry the right status.
    let body = serde_json::to_vec(&Said { error: Complaint { code, message, path } });
    WebhookReply { status, content_type: "application/json", body: body.unwrap_or_default().into() }
}
