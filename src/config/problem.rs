//! What is wrong with a config: which key, on which line, and what would be right.

use std::fmt;

/// One problem of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Key as a path, for example `shops[2].enable`. Empty where the whole file is meant.
    pub key: String,
    /// Line in the operator's file, from 1; none where the key is not in it.
    pub line: Option<usize>,
    /// What is wrong, and what would be right where that can be said.
    pub message: String,
    /// Whether the gateway starts nevertheless.
    pub is_warning: bool,
}

impl Problem {
    /// A problem with which the gateway does not start.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, message: message.into(), is_warning: false }
    }

    pub(super) fn warning(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(key, message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}
