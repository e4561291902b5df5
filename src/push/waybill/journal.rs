//! What this gateway has told about each parcel, so that a command that comes again costs no call and ships nothing
//! twice.
//!
//! A parcel is channel, shop, order, lines, action, carrier and number; its key is a hash of them. That it is intended is
//! said by the command itself, which stays in Kafka until its result is there. Then: `sent` before a call leaves,
//! `confirmed` or `conflicted` when the channel has said so and before the result is published, `refused` where it said no
//! for good. So what is found after a crash says what to do: nothing, or read back first.
//!
//! The journal is a help, not a condition. Without the store parcels are carried all the same; then the channels' own
//! "already shipped with this number" is what keeps them from shipping twice.

use super::command::WaybillCommand;
use crate::store::Notes;
use connectors::contract::model::WaybillAction;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The journal of all shops.
#[derive(Debug)]
pub(in crate::push) struct Journal(Notes);

/// How far a parcel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// A call left; whether it had its effect is not known.
    Sent,
    /// The channel has it.
    Confirmed,
    /// The channel has another one.
    Conflicted,
    /// The channel said no, and has nothing.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) state: State,
    /// Command that brought it there.
    pub(super) push_id: String,
}

/// What to do with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell the channel.
    Call,
    /// A call may have had its effect: look before telling.
    ReadBack,
    /// The channel has it.
    Done,
    /// The channel has another one.
    Conflict,
}

impl Journal {
    pub(in crate::push) fn new(notes: Notes) -> Self {
        Self(notes)
    }

    pub(super) async fn find(&self, key: &str) -> Option<Entry> {
        self.0.read(key).await
    }

    pub(super) async fn note(&self, key: &str, state: State, push_id: &str) {
        // What is not written is missed by nobody but the next command for the same parcel.
        self.0.write(key, &Entry { state, push_id: push_id.to_owned() }).await;
    }
}

/// What the journal says about a command that is about to be carried.
///
/// A replaced number may have been replaced again since, so `confirmed` then counts for the same command only.
pub(super) fn decide(entry: Option<&Entry>, push_id: &str, command: &WaybillCommand) -> Step {
    let Some(entry) = entry else { return Step::Call };
    let is_same = entry.push_id == push_id;
    match entry.state {
        State::Refused => Step::Call,
        State::Sent => Step::ReadBack,
        State::Confirmed if is_same => Step::Done,
        State::Confirmed if command.action == WaybillAction::Replace => Step::Call,
        State::Confirmed if command.force => Step::ReadBack,
        State::Confirmed => Step::Done,
        State::Conflicted if command.force && !is_same => Step::Call,
        State::Conflicted => Step::Conflict,
    }
}

/// The key of a parcel. Numbers are written in either case, and lines in any order.
pub(super) fn key(command: &WaybillCommand) -> String {
    let WaybillCommand { channel, shop, order_id, action, carrier, number, lines, .. } = command;
    let action = match action {
        WaybillAction::Ship => "ship",
        WaybillAction::Replace => "replace",
        WaybillAction::NoParcel => "no_parcel",
    };
    let number = number.to_ascii_uppercase();
    let mut lines: Vec<String> =
        lines.iter().map(|line| format!("{}:{}", line.line_id, line.quantity)).collect();
    lines.sort_unstable();
    let parts = [channel, shop, order_id.as_str(), action, carrier, &number];
    let mut hasher = Sha256::new();
    for part in parts.into_iter().chain(lines.iter().map(String::as_str)) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}
