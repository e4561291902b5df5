//! Digests and comparisons that every connector signs and verifies with.
//!
//! Comparison is constant-time over decoded bytes: upper or lower case of a hexadecimal signature does not matter, its
//! length does.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// MD5 of the parts, one after another.
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HMAC-MD5 of the parts.
pub fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    hmac::<Hmac<Md5>>(key, parts).into()
}

/// HMAC-SHA1 of the parts.
pub fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    hmac::<Hmac<Sha1>>(key, parts).into()
}

/// HMAC-SHA256 of the parts.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    hmac::<Hmac<Sha256>>(key, parts).into()
}

/// Upper-case hexadecimal, the form TOP and the matrix use.
pub fn upper_hex(digest: &[u8]) -> String {
    hex::encode_upper(digest)
}

/// Compares a digest with a received hexadecimal text in constant time.
pub fn matches_hex(digest: &[u8], received: &[u8]) -> bool {
    let mut decoded = vec![0; digest.len()];
    hex::decode_to_slice(received, &mut decoded).is_ok() && matches(digest, &decoded)
}

/// Compares two digests in constant time; different lengths never match.
pub fn matches(digest: &[u8], received: &[u8]) -> bool {
    digest.ct_eq(received).into()
}

fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> hmac::digest::Output<M> {
    // HMAC takes keys of any length, so the fallback is never used; it exists because a panic here would be a bug.
    let mut mac = <M as KeyInit>::new_from_slice(key)
        .unwrap_or_else(|_| <M as KeyInit>::new(&hmac::digest::Key::<M>::default()));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_either_case_matches_and_a_prefix_does_not() {
        let digest = md5(&[b"a", b"bc"]);
        let text = upper_hex(&digest);
        assert!(matches_hex(&digest, text.as_bytes()));
        assert!(matches_hex(&digest, text.to_lowercase().as_bytes()));
        assert!(!matches_hex(&digest, &text.as_bytes()[..30]));
        assert!(!matches_hex(&digest, b""));
    }
}
