//! The signature of Standard Webhooks, version 1, symmetric: `v1,` and the base64 of HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`.
//!
//! Source: the Standard Webhooks specification, section "Signature scheme". A secret is 24 to 64 random bytes in base64
//! behind `whsec_`; the prefix may be left out.

use crate::contract::{Error, ErrorKind, Result, Secret, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Unique id of what is said; equal in every attempt.
pub(super) const ID: &str = "webhook-id";
/// When this attempt was signed, unix seconds.
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
/// Signatures, separated by spaces.
pub(super) const SIGNATURE: &str = "webhook-signature";

pub(super) const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// Twice the longest secret of the specification.
const KEY_LIMIT_BYTES: usize = 128;
/// Base64 of 32 bytes.
const TEXT_BYTES: usize = 44;

/// A signature as text, on the stack.
pub(super) struct Signature([u8; TEXT_BYTES]);

impl Signature {
    /// Signs with a secret as configured; `None` if that is not base64 of 1 to 128 bytes.
    pub(super) fn of(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Option<Self> {
        let text = secret.expose();
        let text = text.strip_prefix(PREFIX.as_bytes()).unwrap_or(text);
        // Room for the decoder's own estimate of an input that is still short enough.
        let mut key = Zeroizing::new([0; KEY_LIMIT_BYTES + 3]);
        let length = STANDARD.decode_slice(text, key.as_mut_slice()).ok()?;
        let key = key.get(..length).filter(|key| !key.is_empty())?;
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let mut signature = [0; TEXT_BYTES];
        STANDARD.encode_slice(sign::hmac_sha256(key, &parts), &mut signature).ok()?;
        Some(Self(signature))
    }

    /// Whether it is among those of a header. All are compared, each in constant time; other versions are passed over.
    pub(super) fn is_among(&self, header: &str) -> bool {
        let mut found = false;
        for entry in header.split(' ') {
            if let Some(received) = entry.strip_prefix(VERSION) {
                found |= sign::matches(&self.0, received.as_bytes());
            }
        }
        found
    }

    /// As it goes into the header.
    pub(super) fn to_header(&self) -> String {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        [VERSION, text].concat()
    }
}

/// Signs for the way out.
pub(super) fn sign_out(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Result<String> {
    Signature::of(secret, id, timestamp, body).map(|signature| signature.to_header()).ok_or_else(
        || {
            let text = "the secret is not base64 of 1 to 128 bytes, with or without whsec_";
            Error::new(ErrorKind::Unauthorized, text)
        },
    )
}
