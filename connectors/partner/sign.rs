//! The signature of Standard Webhooks, version 1, symmetric: `v1,` and the base64 of HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`.
//!
//! Source: the Standard Webhooks specification, section "Signature scheme". A secret is 24 to 64 random bytes in base64
//! behind `whsec_`; the prefix may be left out.

use super::auth::signed_with;
use crate::contract::{Error, ErrorKind, Mistake, Result, Secret, sign};
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

/// The digest in a signature that we wrote.
pub(super) fn digest_of(signature: &str) -> Vec<u8> {
    STANDARD.decode(signature.trim_start_matches(VERSION)).unwrap_or_default()
}

/// What only this scheme invites.
pub(super) fn mistakes(secret: &Secret, params: &[(String, String)], body: &[u8]) -> Vec<Mistake> {
    let Ok((id, timestamp)) = signed_with(params) else { return Vec::new() };
    let configured = secret.expose();
    let text = configured.strip_prefix(PREFIX.as_bytes()).unwrap_or(configured);
    let Ok(key) = STANDARD.decode(text).map(Zeroizing::new) else { return Vec::new() };
    let (id, timestamp) = (id.as_bytes(), timestamp.as_bytes());
    let whole = [id, b".", timestamp, b".", body];
    let of = |what, key: &[u8], parts: &[&[u8]]| {
        let signature = [VERSION, &STANDARD.encode(sign::hmac_sha256(key, parts))].concat();
        Mistake { what, signature }
    };
    vec![
        of(
            "the secret behind whsec_ is used as text: it was not decoded from base64",
            text,
            &whole,
        ),
        of("the secret is used as text, whsec_ included", configured, &whole),
        of("the body alone is signed, without id and timestamp", &key, &[body]),
        of("timestamp and body are signed, without the id", &key, &[timestamp, b".", body]),
        of("id and body are signed, without the timestamp", &key, &[id, b".", body]),
        of("id, timestamp and body are joined without dots", &key, &[id, timestamp, body]),
        of("timestamp stands before the id", &key, &[timestamp, b".", id, b".", body]),
    ]
}
