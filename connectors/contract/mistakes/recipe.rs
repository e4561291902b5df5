//! How a shown text became its signature, found out by trying, so that a changed text can be signed the same way.

use crate::contract::explain::SECRET_MARK;
use crate::contract::{Explanation, Secret, sign};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

/// What is computed over the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    /// MD5 of the upper-case hexadecimal MD5 of the text and the secret.
    Md5Twice,
    HmacMd5,
    HmacSha1,
    HmacSha256,
}

impl Algorithm {
    const ALL: [Self; 5] =
        [Self::Md5, Self::Md5Twice, Self::HmacMd5, Self::HmacSha1, Self::HmacSha256];

    pub(super) fn is_keyed(self) -> bool {
        matches!(self, Self::HmacMd5 | Self::HmacSha1 | Self::HmacSha256)
    }
}

/// How the digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    UpperHex,
    LowerHex,
    Base64,
    Base64Url,
    Base64OfHex,
}

impl Form {
    fn write(self, digest: &[u8]) -> String {
        match self {
            Self::UpperHex => sign::upper_hex(digest),
            Self::LowerHex => hex::encode(digest),
            Self::Base64 => STANDARD.encode(digest),
            Self::Base64Url => URL_SAFE.encode(digest),
            Self::Base64OfHex => STANDARD.encode(hex::encode(digest)),
        }
    }
}

/// A text without the secrets at its ends.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) secret_before: bool,
    pub(super) middle: String,
    pub(super) secret_after: bool,
}

impl Text {
    fn of(shown: &str) -> Self {
        let (secret_before, rest) =
            shown.strip_prefix(SECRET_MARK).map_or((false, shown), |rest| (true, rest));
        let (secret_after, middle) =
            rest.strip_suffix(SECRET_MARK).map_or((false, rest), |rest| (true, rest));
        Self { secret_before, middle: middle.to_owned(), secret_after }
    }
}

/// A way from text to signature.
pub(super) struct Recipe {
    pub(super) algorithm: Algorithm,
    pub(super) form: Form,
    pub(super) text: Text,
    prefix: String,
    key: Zeroizing<Vec<u8>>,
    secret: Secret,
}

impl Recipe {
    /// The recipe that gives the shown signature for the shown text; none if it is not one of those known here.
    pub(super) fn find(shown: &Explanation, secret: &Secret) -> Option<Self> {
        let text = Text::of(&shown.string_to_sign);
        let prefix = shown.signature.rsplit_once(',').map(|(prefix, _)| format!("{prefix},"));
        for algorithm in Algorithm::ALL {
            for key in keys(algorithm, secret) {
                for form in [Form::UpperHex, Form::LowerHex, Form::Base64] {
                    let (text, prefix) = (text.clone(), prefix.clone().unwrap_or_default());
                    let (key, secret) = (key.clone(), secret.clone());
                    let recipe = Self { algorithm, form, text, prefix, key, secret };
                    if recipe.sign(recipe.text.middle.as_bytes()) == shown.signature {
                        return Some(recipe);
                    }
                }
            }
        }
        None
    }

    /// Signs another text.
    pub(super) fn sign(&self, middle: &[u8]) -> String {
        let places = (self.text.secret_before, self.text.secret_after);
        self.write(self.form, &self.digest(self.algorithm, places, middle))
    }

    /// Signs the same text with the secret at other ends.
    pub(super) fn with_secret_at(&self, before: bool, after: bool) -> String {
        let middle = self.text.middle.as_bytes();
        self.write(self.form, &self.digest(self.algorithm, (before, after), middle))
    }

    /// Signs the same text by another algorithm: the keyed ones without the secret in the text, MD5 between two.
    pub(super) fn with_algorithm(&self, algorithm: Algorithm) -> String {
        let both = !algorithm.is_keyed();
        self.write(self.form, &self.digest(algorithm, (both, both), self.text.middle.as_bytes()))
    }

    /// Signs the same text as one digest of it and the secret, and with the inner digest in small letters; for a digest
    /// of a digest.
    pub(super) fn once_and_in_small_letters(&self) -> (String, String) {
        let (text, secret) = (self.text.middle.as_bytes(), self.secret.expose());
        let inner = hex::encode(sign::md5(&[text]));
        let once = sign::md5(&[text, secret]);
        let small = sign::md5(&[inner.as_bytes(), secret]);
        (self.write(self.form, &once), self.write(self.form, &small))
    }

    /// Writes the same digest otherwise.
    pub(super) fn with_form(&self, form: Form) -> String {
        let places = (self.text.secret_before, self.text.secret_after);
        self.write(form, &self.digest(self.algorithm, places, self.text.middle.as_bytes()))
    }

    /// The same signature without what stands before its comma.
    pub(super) fn without_prefix(&self) -> String {
        let signature = self.sign(self.text.middle.as_bytes());
        signature.strip_prefix(&self.prefix).unwrap_or_default().to_owned()
    }

    fn write(&self, form: Form, digest: &[u8]) -> String {
        [self.prefix.as_str(), &form.write(digest)].concat()
    }

    fn digest(
        &self,
        algorithm: Algorithm,
        (before, after): (bool, bool),
        middle: &[u8],
    ) -> Vec<u8> {
        let secret = self.secret.expose();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(3);
        if before {
            parts.push(secret);
        }
        parts.push(middle);
        if after {
            parts.push(secret);
        }
        match algorithm {
            Algorithm::Md5 => sign::md5(&parts).to_vec(),
            Algorithm::Md5Twice => {
                let inner = sign::upper_hex(&sign::md5(&[middle]));
                sign::md5(&[inner.as_bytes(), secret]).to_vec()
            }
            Algorithm::HmacMd5 => sign::hmac_md5(&self.key, &parts).to_vec(),
            Algorithm::HmacSha1 => sign::hmac_sha1(&self.key, &parts).to_vec(),
            Algorithm::HmacSha256 => sign::hmac_sha256(&self.key, &parts).to_vec(),
        }
    }
}

/// The forms of a secret that key an HMAC: itself, as in OAuth 1 with `&` behind it, and decoded as in Standard Webhooks.
fn keys(algorithm: Algorithm, secret: &Secret) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = secret.expose();
    let mut keys = vec![Zeroizing::new(bytes.to_vec())];
    if algorithm.is_keyed() {
        keys.push(Zeroizing::new([bytes, b"&"].concat()));
        let text = bytes.strip_prefix(b"whsec_").unwrap_or(bytes);
        keys.extend(STANDARD.decode(text).map(Zeroizing::new));
    }
    keys
}
