//! What an order or a refund says about shipping, and how two sayings become one.

use connectors::contract::model::{
    LineStatus, Order, OrderStatus, Refund, RefundPhase, RefundStatus, WaybillLine,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Refunds of one order that are remembered; the longest unchanged are forgotten first.
const REFUNDS: usize = 16;
const LONGEST_WORD_BYTES: usize = 64;
const REFUND: &str = "a refund is open";

/// Everything known of one order. Empty where nothing was ever said against shipping it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What the order itself says.
    order: Option<Said>,
    /// What its refunds say, by their ids.
    refunds: BTreeMap<String, Said>,
}

/// What one record said, and as of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    /// Its modification time, Unix milliseconds.
    at: i64,
    /// Empty: nothing forbids shipping any more.
    reasons: Vec<Reason>,
}

/// A reason not to ship.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// In the channel's word where it has one.
    pub word: String,
    /// The line it concerns; none means the whole order.
    pub line: Option<String>,
}

impl Held {
    /// Whether nothing forbids shipping any line.
    pub fn is_free(&self) -> bool {
        self.said().all(|said| said.reasons.is_empty())
    }

    /// The first reason not to ship these lines; no lines mean the whole order.
    pub fn against(&self, lines: &[WaybillLine]) -> Option<&Reason> {
        let concerns = |reason: &&Reason| match &reason.line {
            Some(held) if !lines.is_empty() => lines.iter().any(|line| line.line_id == *held),
            Some(_) | None => true,
        };
        self.said().flat_map(|said| &said.reasons).find(concerns)
    }

    /// Refunds that were open when they were last heard of.
    pub fn open_refunds(&self) -> impl Iterator<Item = &str> {
        let open = self.refunds.iter().filter(|(_, said)| !said.reasons.is_empty());
        open.map(|(id, _)| id.as_str())
    }

    /// Both sayings, the newer of each record. Of two with one modification time the one that forbids stays.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.order = newer(self.order, other.order);
        for (id, said) in other.refunds {
            let here = self.refunds.remove(&id);
            if let Some(newer) = newer(here, Some(said)) {
                self.refunds.insert(id, newer);
            }
        }
        while self.refunds.len() > REFUNDS {
            let oldest = self.refunds.iter().min_by_key(|(id, said)| (said.at, (*id).clone()));
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { break };
            self.refunds.remove(&oldest);
        }
        self
    }

    /// The same, where the channel said anew what the order is.
    #[must_use]
    pub fn with_order_of(mut self, fresh: Self) -> Self {
        self.order = fresh.order;
        self
    }

    /// The same, where the channel said anew what a refund is.
    #[must_use]
    pub fn with_refunds_of(mut self, fresh: Self) -> Self {
        self.refunds.extend(fresh.refunds);
        self
    }

    fn said(&self) -> impl Iterator<Item = &Said> {
        self.order.iter().chain(self.refunds.values())
    }
}

fn newer(one: Option<Said>, other: Option<Said>) -> Option<Said> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let rank = |said: &Said| (said.at, !said.reasons.is_empty(), said.reasons.clone());
            Some(if rank(&other) > rank(&one) { other } else { one })
        }
        (one, other) => one.or(other),
    }
}

/// What an order says: its own holds, and lines whose refund is open and that did not leave yet.
pub fn of_order(order: &Order) -> Held {
    let mut reasons = Vec::new();
    for hold in &order.shipping.holds {
        reasons.push(Reason { word: word(&hold.reason), line: None });
    }
    if reasons.is_empty() && order.status == OrderStatus::OnHold {
        reasons.push(Reason { word: word(&order.channel_status), line: None });
    }
    if !has_left(order.status) {
        for line in &order.lines {
            let is_here = !line.status.is_some_and(has_left);
            if is_here && line.refund_status.is_some_and(is_open) {
                let line = Some(line.line_id.to_string());
                reasons.push(Reason { word: REFUND.to_owned(), line });
            }
        }
    }
    let said = Said { at: order.times.modified.unix_ms(), reasons };
    Held { order: Some(said), refunds: BTreeMap::new() }
}

/// What a refund says of its order.
pub fn of_refund(refund: &Refund) -> Held {
    let is_before_shipping =
        refund.phase != Some(RefundPhase::AfterSale) && !refund.line_status.is_some_and(has_left);
    let mut reasons = Vec::new();
    if is_before_shipping && is_open(refund.status) {
        reasons.push(Reason {
            word: REFUND.to_owned(),
            line: refund.line_id.as_ref().map(ToString::to_string),
        });
    }
    let said = Said { at: refund.modified.unix_ms(), reasons };
    let id = refund.refund_id.as_str().to_owned();
    Held { order: None, refunds: BTreeMap::from([(id, said)]) }
}

/// Asked for and not decided. An unknown word is not taken for it: it would stop orders that nothing is wrong with.
fn is_open(status: RefundStatus) -> bool {
    match status {
        RefundStatus::Requested | RefundStatus::AwaitingReturn | RefundStatus::Returning => true,
        RefundStatus::None
        | RefundStatus::Refused
        | RefundStatus::Closed
        | RefundStatus::Succeeded
        | RefundStatus::Unknown => false,
    }
}

/// Whether the goods are with the carrier or beyond, or the sale has ended: then a refund holds nothing back.
fn has_left(status: LineStatus) -> bool {
    match status {
        LineStatus::Shipped
        | LineStatus::Delivered
        | LineStatus::Completed
        | LineStatus::Cancelled
        | LineStatus::Closed => true,
        LineStatus::AwaitingPayment
        | LineStatus::PartlyPaid
        | LineStatus::OnHold
        | LineStatus::AwaitingShipment
        | LineStatus::PartlyShipped
        | LineStatus::Unknown => false,
    }
}

/// The channel's word if it is one: a sentence may name somebody, and this goes into results.
fn word(text: &str) -> String {
    let is_word = !text.is_empty()
        && text.len() <= LONGEST_WORD_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_word { text.to_owned() } else { "the channel forbids shipping it".to_owned() }
}
