//! What every connector must do, whatever its channel.
//!
//! [`check`] talks to the channel's strict fake through the connector and nothing else, so a connector passes it only if
//! it signs, reads and judges as the channel does. It tries what the connector's capabilities offer, needs no runtime of
//! its own, and panics with a sentence that says what is wrong.

mod calls;
mod lab;
mod list;
mod push;
mod stream;
#[cfg(test)]
mod tests;
mod webhook;

use super::FakeShop;
use crate::contract::model::Timestamp;
use crate::contract::{Entry, RawWebhook};
use std::time::Duration;

/// A channel under test. [`Subject::new`] is a channel that answers in HTTP's terms; the fields say what differs.
#[derive(Debug)]
pub struct Subject {
    /// Its registry line.
    pub entry: &'static Entry,
    /// Settings of the connector, as a config would give them.
    pub settings: serde_json::Value,
    /// A shop that the channel's fake is built with.
    pub shop: FakeShop,
    /// Signs a body as the channel would, for bodies that the fake never sends: cut off, garbled. Without it those are
    /// not tried.
    pub sign: Option<Sign>,
    /// Age at which a delivery is too old; none where the channel signs no time.
    pub stale_after: Option<Duration>,
    /// What deliveries speak of.
    pub tells: Tells,
    /// The channel reads the outcome of a delivery from the body, whatever the status.
    pub answers_in_body: bool,
    /// The channel tells of no order with which number it was shipped.
    pub hides_numbers: bool,
    /// Refresh token of the shop, where it is not the token itself.
    pub refresh: Option<String>,
    /// APIs that the channel documents no limit for.
    pub unmetered: &'static [&'static str],
}

/// What a channel's deliveries speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Orders, when they are placed and when they change.
    Orders,
    /// Goods of an order, once they are shipped; of orders themselves they say nothing.
    Goods,
}

/// Makes a delivery of a body, signed with the shop's secret at that time.
pub type Sign = fn(&FakeShop, Timestamp, &[u8]) -> RawWebhook;

impl Subject {
    /// A channel and its shop, with default settings.
    pub fn new(entry: &'static Entry, shop: FakeShop) -> Self {
        Self {
            entry,
            settings: serde_json::json!({}),
            shop,
            sign: None,
            stale_after: None,
            tells: Tells::Orders,
            answers_in_body: false,
            hides_numbers: false,
            refresh: None,
            unmetered: &[],
        }
    }
}

/// Tries everything that the connector offers.
///
/// # Panics
///
/// When the connector does not do what it must; the text says what.
pub async fn check(subject: &Subject) {
    webhook::check(subject).await;
    stream::check(subject);
    list::check(subject).await;
    push::check(subject).await;
    calls::check(subject).await;
}

/// Ends the check.
#[track_caller]
#[expect(clippy::panic, reason = "a conformance suite reports by panicking, as assertions do")]
fn fail(text: &str) -> ! {
    panic!("{text}")
}

/// The value, or the end of the check with what was being done.
#[track_caller]
fn must<T, E: std::fmt::Display>(result: Result<T, E>, doing: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(&format!("{doing}: {error}")),
    }
}

/// The error, or the end of the check with what should have failed.
#[track_caller]
fn must_fail<T, E>(result: Result<T, E>, doing: &str) -> E {
    match result {
        Ok(_) => fail(&format!("{doing} succeeded and must not")),
        Err(error) => error,
    }
}
