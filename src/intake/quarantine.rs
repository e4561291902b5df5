//! What is kept of a delivery that verified and yet cannot be an event: the reason in the open, the bytes sealed.

use crate::seal::Sealer;
use crate::shops::Shop;
use connectors::contract::model::Timestamp;
use connectors::contract::{Error, ErrorKind, Suspect};
use schemars::JsonSchema;
use serde::Serialize;

/// A record of `quarantine.v1`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Quarantined<'a> {
    /// Channel.
    channel: &'a str,
    /// Shop.
    shop: &'a str,
    /// Id of the order or refund, where one could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<&'a str>,
    /// Kind of the problem, the word of the metric label.
    kind: &'static str,
    /// What is wrong. Never quotes the body.
    reason: &'a str,
    /// Field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// When it arrived.
    received_at: Timestamp,
    /// The bytes as the channel sent them: AES-256-GCM, Base64; `channel-gateway unseal` opens them.
    sealed: String,
}

pub(super) fn payload(
    shop: &Shop,
    suspect: &Suspect,
    sealer: &Sealer,
    received_at: Timestamp,
) -> Result<Vec<u8>, Error> {
    // Ours, not the sender's: without randomness nothing can be sealed, and nothing is kept unsealed.
    let unavailable = |_| Error::new(ErrorKind::Unavailable, "the record cannot be sealed");
    let record = Quarantined {
        channel: shop.channel,
        shop: shop.id.as_str(),
        object_id: suspect.object_id.as_deref(),
        kind: suspect.error.kind().label(),
        reason: suspect.error.context(),
        path: suspect.error.path(),
        received_at,
        sealed: sealer.seal(&suspect.raw).map_err(unavailable)?,
    };
    serde_json::to_vec(&record)
        .map_err(|_| Error::new(ErrorKind::Unavailable, "the record cannot be written"))
}
