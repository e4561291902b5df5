//! The inbound half of a connector: bytes in, notices out. Synchronous, pure, and never before the signature holds.

use super::{Error, ErrorKind, Notice, Result, Secret};
use crate::contract::model::{ShopId, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::time::Duration;

/// One HTTP delivery as it arrived. The body is the exact bytes, because signatures are over them.
#[derive(Debug, Clone)]
pub struct RawWebhook {
    /// The shop named by the path; what the body says must agree.
    pub shop: ShopId,
    /// HTTP method.
    pub method: Method,
    /// Query string as received, without the question mark.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The exact body.
    pub body: Bytes,
}

impl RawWebhook {
    /// A header that occurs exactly once and is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

/// One of the secrets that are valid for a shop now; two are during a rotation.
#[derive(Debug, Clone)]
pub struct Key {
    /// Position in the config, for the metric that shows an old key still in use.
    pub index: usize,
    /// The secret itself.
    pub secret: Secret,
}

/// A delivery whose signature holds. Only [`Verified::check`] makes one, so decoding unverified bytes does not compile.
#[derive(Debug)]
pub struct Verified<'r> {
    raw: &'r RawWebhook,
    key_index: usize,
}

impl<'r> Verified<'r> {
    /// Tries every key without an early exit, and says which one matched.
    pub fn check(
        raw: &'r RawWebhook,
        keys: &[Key],
        matches: impl Fn(&Key) -> bool,
    ) -> Result<Self> {
        let mut matched = None;
        for key in keys {
            if matches(key) && matched.is_none() {
                matched = Some(key.index);
            }
        }
        match matched {
            Some(key_index) => Ok(Self { raw, key_index }),
            None => Err(Error::new(ErrorKind::BadSignature, "signature does not match")),
        }
    }

    /// The delivery.
    pub fn raw(&self) -> &'r RawWebhook {
        self.raw
    }

    /// Which key matched; anything but 0 means that the sender still signs with an older secret.
    pub fn key_index(&self) -> usize {
        self.key_index
    }
}

/// How a delivery ended, for the channel's own way of saying so.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Everything in it is in Kafka, now or since an earlier delivery.
    Done,
    /// Ours to solve: please send again after this time.
    Retry(Duration),
    /// The sender's to solve. A [`ErrorKind::Malformed`] or [`ErrorKind::Rejected`] delivery is in quarantine by now.
    Refused(Error),
}

/// What goes back over the wire.
#[derive(Debug, Clone)]
pub struct WebhookReply {
    /// HTTP status.
    pub status: StatusCode,
    /// Content type of the body.
    pub content_type: &'static str,
    /// Body.
    pub body: Bytes,
}

/// A channel that calls us.
pub trait WebhookSource: Send + Sync {
    /// Checks the signature over the raw bytes, and the timestamp where the channel signs one.
    fn verify<'r>(&self, keys: &[Key], now: Timestamp, raw: &'r RawWebhook)
    -> Result<Verified<'r>>;

    /// Reads what it says. [`ErrorKind::Malformed`] quarantines the whole delivery; a single impossible order among
    /// good ones is a [`super::Event::Suspect`].
    fn decode(&self, request: &Verified<'_>) -> Result<Vec<Notice>>;

    /// The channel's own status and body, in the form the request asked for. The gateway adds `Retry-After` where the
    /// outcome is [`Outcome::Retry`].
    ///
    /// The request may be one that was refused: nothing in it is to be believed, and nothing of it repeated.
    fn reply(&self, raw: &RawWebhook, outcome: &Outcome) -> WebhookReply;
}
