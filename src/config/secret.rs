//! References to secrets. A literal secret in a config is refused, because configs are committed and mailed around.

use connectors::contract::Secret;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;

const FORM: &str =
    "expected a reference to a secret, `env:NAME` or `file:PATH`; a literal secret is refused";

/// Where a secret is: `env:NAME`, `file:PATH`, and with `--dev` also `dev:VALUE`, a secret that everybody knows.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In a variable of the environment.
    Env(String),
    /// In a file; a line end at its end does not count.
    File(PathBuf),
    /// Here. Only the embedded default may say this.
    Dev(Secret),
}

impl SecretRef {
    /// Reads a reference.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(Self::Env(name.to_owned())),
            ("file", path) if !path.is_empty() => Some(Self::File(PathBuf::from(path))),
            ("dev", value) if !value.is_empty() => Some(Self::Dev(Secret::new(value))),
            _ => None,
        }
    }

    /// Gets the secret. The error names the reference, never the secret.
    pub fn resolve(&self) -> Result<Secret, String> {
        let found = match self {
            Self::Env(name) => read_environment(name)
                .ok_or_else(|| format!("the environment has no variable {name}"))?,
            Self::File(path) => {
                let mut bytes = std::fs::read(path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    bytes.pop();
                }
                Secret::new(bytes)
            }
            Self::Dev(secret) => secret.clone(),
        };
        if found.expose().is_empty() { Err(format!("{self:?} is empty")) } else { Ok(found) }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the config room is the one that reads the environment"
)]
fn read_environment(name: &str) -> Option<Secret> {
    std::env::var(name).ok().map(Secret::new)
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Dev(_) => f.write_str("dev:***"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Whatever stands there may be a secret, so no error quotes it.
        let text = String::deserialize(deserializer).map_err(|_| serde::de::Error::custom(FORM))?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_secret_is_refused_and_never_quoted() {
        let literal = toml::Value::from("hunter2").try_into::<SecretRef>().unwrap_err().to_string();
        assert!(literal.contains("literal") && !literal.contains("hunter2"), "{literal}");
        let number = toml::Value::from(4711).try_into::<SecretRef>().unwrap_err().to_string();
        assert!(!number.contains("4711"), "{number}");
        let known = SecretRef::parse("dev:hunter2").unwrap();
        assert_eq!(known.resolve().unwrap().expose(), b"hunter2");
        assert!(!format!("{known:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        let missing = SecretRef::parse("env:CHANNEL_GATEWAY_NO_SUCH_VARIABLE").unwrap();
        assert!(missing.resolve().unwrap_err().contains("CHANNEL_GATEWAY_NO_SUCH_VARIABLE"));
        let missing = SecretRef::parse("file:/no/such/file").unwrap();
        assert!(missing.resolve().unwrap_err().contains("/no/such/file"));
    }
}
