//! Encrypts what may hold personal data or tokens before it is kept: AES-256-GCM, a random nonce in front.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::contract::Secret;
use std::fmt;
use std::sync::Arc;

const NONCE_BYTES: usize = 12;

/// Seals and opens with one key.
#[derive(Clone)]
pub struct Sealer(Arc<Aes256Gcm>);

/// Sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not 64 hexadecimal digits.
    #[error("a sealing key is 32 bytes, written as 64 hexadecimal digits")]
    Key,
    /// The machine gives no randomness.
    #[error("no randomness")]
    Random,
    /// Not sealed with this key, or changed since.
    #[error("not sealed with this key, or changed since")]
    Sealed,
}

impl Sealer {
    /// Reads the key.
    pub fn try_new(key: &Secret) -> Result<Self, Error> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(key.expose(), &mut bytes).map_err(|_| Error::Key)?;
        Ok(Self(Arc::new(Aes256Gcm::new(&bytes.into()))))
    }

    /// A key that nobody knows and that is gone at exit, for the embedded default.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self(Arc::new(Aes256Gcm::new(&bytes.into()))))
    }

    /// Seals bytes; the result is Base64 text.
    pub fn seal(&self, plain: &[u8]) -> Result<String, Error> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| Error::Random)?;
        let sealed = self.0.encrypt(&Nonce::from(nonce), plain).map_err(|_| Error::Sealed)?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`Sealer::seal`] made.
    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, Error> {
        let bytes = STANDARD.decode(sealed.trim()).map_err(|_| Error::Sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Sealed)?;
        self.0.decrypt(&Nonce::from(*nonce), sealed).map_err(|_| Error::Sealed)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_opens_and_a_changed_byte_does_not() {
        let sealer = Sealer::random().unwrap();
        let sealed = sealer.seal(b"receiver").unwrap();
        assert_eq!(sealer.open(&sealed).unwrap(), b"receiver");
        assert_eq!(Sealer::random().unwrap().open(&sealed), Err(Error::Sealed));
        let mut changed = sealed.into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        assert_eq!(sealer.open(&String::from_utf8(changed).unwrap()), Err(Error::Sealed));
        assert_eq!(Sealer::try_new(&Secret::new("short")).err(), Some(Error::Key));
    }
}
