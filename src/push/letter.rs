//! Commands that cannot be understood, as letters to whoever looks after them.

use crate::bus::RawCommand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::contract::Error;
use connectors::contract::model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A longer key, which no ERP means, does not become the key of a letter, nor is it in a letter without its bytes: that
/// one always fits.
const KEY_BYTES: usize = 1024;

/// A value of `push.dlq.v1`. The bytes are sealed, because nobody knows what is in a command that cannot be read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadLetter<'a> {
    /// Where the command lies: `topic/partition/offset`.
    push_id: String,
    /// Kind of the problem, the word of the metric label.
    kind: &'static str,
    /// What is wrong. Never quotes the command.
    reason: &'a str,
    /// Field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// Calls that carried it.
    tries: u32,
    /// The exact key of the command, Base64. Not there where the command has none, and in a letter
    /// without bytes if it is longer than 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// When it was read. Letters of older gateways do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Timestamp>,
    /// When it was given up.
    at: Timestamp,
    /// The bytes as they lay in the log: AES-256-GCM, Base64; `channel-gateway unseal` opens them. Empty where the
    /// command has no value, and where Kafka refuses so large a record: then they are to be found at `push_id` only.
    sealed: String,
}

impl<'a> DeadLetter<'a> {
    /// A letter about a command that was judged as it was read, before any call.
    pub(super) fn new(
        push_id: String,
        command: &RawCommand,
        error: &'a Error,
        at: Timestamp,
        sealed: String,
    ) -> Self {
        Self {
            push_id,
            kind: error.kind().label(),
            reason: error.context(),
            path: error.path(),
            tries: 0,
            key: command.key.as_deref().map(|key| STANDARD.encode(key)),
            read_at: Some(at),
            at,
            sealed,
        }
    }

    /// The same without the bytes, which always fits.
    pub(super) fn smaller(mut self, command: &RawCommand) -> Self {
        self.sealed = String::new();
        if command.key.as_ref().is_some_and(|key| key.len() > KEY_BYTES) {
            self.key = None;
        }
        self
    }
}

/// The key of a letter's record: that of the command, or the push id where that is too long or no text.
pub(super) fn record_key(key: Option<&[u8]>, push_id: &str) -> String {
    let key = std::str::from_utf8(key.unwrap_or_default()).ok();
    key.filter(|key| key.len() <= KEY_BYTES).unwrap_or(push_id).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_long_or_no_text_does_not_become_the_key_of_a_letter() {
        assert_eq!(record_key(Some("店:1".as_bytes()), "c/0/1"), "店:1");
        assert_eq!(record_key(None, "c/0/1"), "");
        assert_eq!(record_key(Some(b"\xff"), "c/0/1"), "c/0/1");
        assert_eq!(record_key(Some(&[b'k'; KEY_BYTES]), "c/0/1").len(), KEY_BYTES);
        assert_eq!(record_key(Some(&[b'k'; KEY_BYTES + 1]), "c/0/1"), "c/0/1");
    }
}
