//! Errors, named by what the caller does next.

use serde_path_to_error::Segment;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Longest key of a body that a path repeats.
const LONGEST_NAME_BYTES: usize = 64;

/// Result of everything a connector does.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller does next. A kind exists only where the caller acts differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not from who it claims to be: answer 401, store nothing.
    BadSignature,
    /// Understood, but nothing we handle: settle it and go on.
    Unsupported,
    /// Cannot be understood: quarantine it.
    Malformed,
    /// The channel said no for good: report it, never repeat it.
    Rejected,
    /// The channel holds something else already, like another number for the parcel: report it, a person decides.
    Conflict,
    /// The token or the key is no longer good: renew once, then pause the shop.
    Unauthorized,
    /// Too fast: wait, for as long as the channel said where it said so.
    Throttled {
        /// How long the channel asked us to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// Not now: repeat within the retry budget. The call may or may not have had its effect.
    Unavailable,
}

impl ErrorKind {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::Unsupported => "unsupported",
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable => "unavailable",
        }
    }

    /// How long the channel asked to wait, where it did.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => retry_after,
            Self::BadSignature
            | Self::Unsupported
            | Self::Malformed
            | Self::Rejected
            | Self::Conflict
            | Self::Unauthorized
            | Self::Unavailable => None,
        }
    }

    /// True where the same call may succeed later without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable)
    }
}

/// What went wrong: the kind, what was being done, the channel's own code, and where in the body.
///
/// The text never holds a byte of a body, a token or personal data: it is logged and returned to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    context: Cow<'static, str>,
    code: Option<String>,
    path: Option<String>,
}

impl Error {
    /// An error of a kind; `context` says what was being done or what is wrong.
    pub fn new(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, context: context.into(), code: None, path: None }
    }

    /// A body or a value that cannot be understood.
    pub fn malformed(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Malformed, context)
    }

    /// Adds the channel's own error code, for example `isv.logistics-offline-service-error:B60`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds the path of the field that is wrong, for example `data.lines[2].quantity`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Puts a prefix before the path, for errors that travel up from a part to the whole.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.path = Some(match self.path {
            Some(path) => format!("{prefix}.{path}"),
            None => prefix.to_owned(),
        });
        self
    }

    /// What the caller does next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done or what is wrong, without code and path.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The channel's own error code.
    pub fn channel_code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The field that is wrong.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        if let Some(path) = &self.path {
            write!(f, " at {path}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " (channel code {code})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What `serde_json` objected to, without the offending value: its message quotes input, and input may be personal data.
pub(crate) fn json_complaint(error: &serde_json::Error) -> Cow<'static, str> {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(head, _)| head);
    if text.starts_with("missing field") || text.starts_with("duplicate field") {
        return Cow::Owned(text.to_owned());
    }
    if text.starts_with("unknown field") {
        return Cow::Borrowed("unknown field");
    }
    if text.starts_with("number out of range") {
        return Cow::Borrowed("number out of range");
    }
    if text.starts_with("recursion limit exceeded") {
        return Cow::Borrowed("nested too deeply");
    }
    match text.find("expected ") {
        Some(index) => Cow::Owned(text.split_at(index).1.to_owned()),
        None if error.is_data() => Cow::Borrowed("value cannot be read"),
        None => Cow::Borrowed("not valid JSON"),
    }
}

/// The field that is missing or doubled: the parser stops at the object around it.
fn named_field(complaint: &str) -> Option<&str> {
    let name = complaint
        .strip_prefix("missing field `")
        .or_else(|| complaint.strip_prefix("duplicate field `"))?;
    name.strip_suffix('`')
}

/// A path like `data.lines[2].quantity`. A key that is no plain name is the sender's text, and shown as `?`.
fn readable_path(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } => push_name(&mut text, key),
            Segment::Enum { variant } => push_name(&mut text, variant),
            Segment::Unknown => push_name(&mut text, "?"),
        }
    }
    text
}

fn push_name(path: &mut String, name: &str) {
    let is_plain = name.len() <= LONGEST_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(if is_plain { name } else { "?" });
}

/// Reads JSON, and on failure names the path of the field and what was expected there.
///
/// The fast parser runs first; the one that tracks paths runs only over a body that is already known to be wrong.
pub fn parse_json<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(first) => {
            let mut deserializer = serde_json::Deserializer::from_slice(body);
            let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
                return Err(Error::malformed(json_complaint(&first)));
            };
            let complaint = json_complaint(error.inner());
            let mut path = readable_path(error.path());
            if let Some(field) = named_field(&complaint) {
                push_name(&mut path, field);
            }
            let error = Error::malformed(complaint);
            Err(if path.is_empty() { error } else { error.at(path) })
        }
    }
}

/// The same for what is known to be text already, which is then not validated again.
pub fn parse_json_text<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T> {
    serde_json::from_str(text).or_else(|_| parse_json(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters here")]
        count: u32,
    }

    #[test]
    fn a_complaint_names_the_field_and_never_quotes_the_value() {
        let error = parse_json::<Sample>(br#"{"count":"13800000000"}"#).unwrap_err();
        assert_eq!(error.path(), Some("count"));
        assert_eq!(error.context(), "expected u32");
        assert!(!error.to_string().contains("138"));
    }

    #[test]
    fn a_path_repeats_names_and_never_a_senders_text() {
        type Samples = std::collections::BTreeMap<String, Vec<Sample>>;
        let path = |body: &str| {
            let error = parse_json::<Samples>(body.as_bytes()).unwrap_err();
            error.path().map(str::to_owned)
        };
        let count = |key: &str| path(&format!(r#"{{"{key}":[{{"count":-1}}]}}"#));
        assert_eq!(count("lines").as_deref(), Some("lines[0].count"));
        assert_eq!(count("13800000000").as_deref(), Some("?[0].count"));
        assert_eq!(count("张小样").as_deref(), Some("?[0].count"));
        assert_eq!(path(r#"{"a":[{"count":1},{}]}"#).as_deref(), Some("a[1].count"));
        assert_eq!(path("[]"), None);
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = parse_json::<Sample>(b"{}").unwrap_err();
        assert_eq!(error.context(), "missing field `count`");
        assert_eq!(error.path(), Some("count"));
    }
}
