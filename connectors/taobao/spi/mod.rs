//! Calls of the platform to us: SPI, and Qimen, the interface between sellers and warehouses that travels by it.
//!
//! A warehouse says that goods left and that stock changed; both are events. What else it says is known by name, kept and
//! refused, because an answer of success would tell the warehouse that somebody acts on it.

mod call;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod call_tests;
mod confirm;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod confirm_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod garbage_tests;
mod goods;
mod json;
mod kit;
mod node;
mod reply;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod reply_tests;
mod stock;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod stock_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
pub(super) mod tests;
mod xml;

use super::Taobao;
use crate::contract::model::Timestamp;
use crate::contract::sign::matches_hex;
use crate::contract::{
    Error, ErrorKind, Event, Key, Notice, Outcome, RawWebhook, Result, Suspect, Verified,
    WebhookReply, WebhookSource,
};
use call::Call;
pub(super) use kit::{mistakes, signed_parts};
use node::Record;
use std::time::Duration;

/// How far the clocks of caller and gateway may be apart: what TOP grants in its own calls.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(10);
/// Milliseconds since 1970 have so many digits, from 2001 to 2286.
const MS_DIGITS: usize = 13;
/// Stands before the name of a method where it is in full.
const PREFIX: &str = "taobao.qimen.";
/// What warehouses say besides, and no event is made of.
const NOT_CARRIED: &[&str] = &[
    "deliveryorder.batchconfirm",
    "entryorder.confirm",
    "itemlack.report",
    "order.sn.report",
    "orderexception.report",
    "orderprocess.report",
    "returnorder.confirm",
    "returnpackage.report",
    "sn.report",
    "stockout.confirm",
    "storeprocess.confirm",
    "transferorder.report",
    "wavenum.report",
];

impl WebhookSource for Taobao {
    fn verify<'r>(
        &self,
        keys: &[Key],
        now: Timestamp,
        raw: &'r RawWebhook,
    ) -> Result<Verified<'r>> {
        let call = Call::read(raw)?;
        let bad = |text: &'static str| Error::new(ErrorKind::BadSignature, text);
        let received = call.signature().ok_or_else(|| bad("a signature is missing"))?;
        let verified = Verified::check(raw, keys, |key| {
            matches_hex(&call.digest(key.secret.expose()), received)
        })?;
        let at = call.text("timestamp").ok().flatten().and_then(moment);
        let at = at.ok_or_else(|| bad("the time of the call is missing or no time"))?;
        if at.since(now).max(now.since(at)) > CLOCK_TOLERANCE {
            return Err(bad("the call is too old, or a clock is wrong"));
        }
        Ok(verified)
    }

    fn decode(&self, request: &Verified<'_>) -> Result<Vec<Notice>> {
        let raw = request.raw();
        let call = Call::read(raw)?;
        if let Some(expected) = &self.qimen_customer_id
            && call.text("customerId")? != Some(expected)
        {
            let text = "not the customer that this shop is to the warehouse";
            return Err(Error::new(ErrorKind::Rejected, text).at("customerId"));
        }
        let missing = || Error::malformed("missing field `method`").at("method");
        let method = call.text("method")?.ok_or_else(missing)?;
        let read: fn(&Self, &Record) -> Result<Vec<Reading>> =
            match method.strip_prefix(PREFIX).unwrap_or(method) {
                "deliveryorder.confirm" => Self::confirmed,
                "stockchange.report" => |_, record| stock::changes(record),
                "inventory.report" => |_, record| stock::counts(record),
                known if NOT_CARRIED.contains(&known) => {
                    let text = "a known method that no event is made of";
                    return Err(Error::new(ErrorKind::Rejected, text).at("method"));
                }
                _ => return Err(Error::new(ErrorKind::Rejected, "unknown method").at("method")),
            };
        let events = whole(read(self, &node::read(raw)?)?, raw)?;
        let notice = |event| Notice { shop: raw.shop.clone(), event };
        Ok(events.into_iter().map(notice).collect())
    }

    fn reply(&self, raw: &RawWebhook, outcome: &Outcome) -> WebhookReply {
        reply::reply(raw, outcome)
    }
}

/// What one record of a list says, or why it cannot be read; with its id, where it has one.
struct Reading {
    id: Option<String>,
    events: Result<Vec<Event>>,
}

/// A record that cannot be read does not hold up the others. Where none can be read, the call is refused.
fn whole(readings: Vec<Reading>, raw: &RawWebhook) -> Result<Vec<Event>> {
    if readings.iter().all(|reading| reading.events.is_err()) {
        let first = readings.into_iter().find_map(|reading| reading.events.err());
        return Err(first.unwrap_or_else(|| Error::malformed("there is nothing in it")));
    }
    let mut all = Vec::with_capacity(readings.len());
    for Reading { id, events } in readings {
        match events {
            Ok(events) => all.extend(events),
            Err(error) => all.push(Event::Suspect(Box::new(Suspect {
                error,
                object_id: id,
                raw: raw.body.clone(),
            }))),
        }
    }
    Ok(all)
}

/// China's time as text, or milliseconds.
fn moment(text: &str) -> Option<Timestamp> {
    let is_number = text.len() == MS_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        return text.parse().ok().map(Timestamp::from_unix_ms);
    }
    Timestamp::parse_china(text).ok()
}
