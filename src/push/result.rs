//! How a command ended, for the ERP.

use connectors::contract::model::Timestamp;
use connectors::contract::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The channel has it.
    Ok,
    /// A newer version was there before this one was sent.
    Superseded,
    /// The channel, or the gateway for it, said no for good.
    Refused,
    /// The channel holds something else already, like another number for the parcel: a person decides.
    Conflict,
    /// Every try ended without an answer; the channel may have it or not.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Ok, Self::Superseded, Self::Refused, Self::Conflict, Self::Unknown];

    /// The metric label and header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// What a command was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A stock level.
    Stock,
    /// A shipment.
    Waybill,
}

impl Kind {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Waybill => "waybill",
        }
    }
}

/// A value of `push.results.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushResult {
    /// Where the command lies: `topic/partition/offset`.
    pub push_id: String,
    /// What it was about.
    pub kind: Kind,
    /// Channel.
    pub channel: String,
    /// Shop.
    pub shop: String,
    /// SKU id or order id.
    pub object_id: String,
    /// Version of a stock command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Units that the channel was told, after the shop's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<u32>,
    /// Tracking number of a waybill command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
    /// Calls that carried it.
    pub tries: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Other commands of this shop that ended the same way, and have no result of their own. Only with `superseded`, and
    /// only where the config says `push.superseded = "together"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
}

/// A command that ended as another did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Also {
    /// Where the command lies: `topic/partition/offset`.
    pub push_id: String,
    /// SKU id.
    pub object_id: String,
    /// Its version.
    pub version: u64,
}

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// `rejected`, `unauthorized`, `throttled`, `unavailable`, …
    pub kind: String,
    /// In words.
    pub message: String,
    /// The channel's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_code: Option<String>,
    /// What to do, for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().label().to_owned(),
            message: error.context().to_owned(),
            channel_code: error.channel_code().map(str::to_owned),
            advice: advice(error.kind()).to_owned(),
        }
    }
}

/// What whoever sent the command can do about a failure of this kind.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Rejected => {
            "correct the command and send it again, a level with a newer version"
        }
        ErrorKind::Unauthorized => "have the seller authorize the shop again, then send it again",
        ErrorKind::BadSignature => {
            "correct the application's secret in the config, then send it again"
        }
        ErrorKind::Unsupported => "the channel has no such call: do it in its own back office",
        ErrorKind::Conflict => {
            "decide which number is right: to change what the channel has, send it with `replace`"
        }
        ErrorKind::Malformed => "look at the channel whether it has it; its answer made no sense",
        ErrorKind::Unavailable => "look at the channel whether it has it, and send it again if not",
        ErrorKind::Throttled { .. } => "send it again later",
    }
}
