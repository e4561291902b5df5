//! What the channel's errors mean: what the caller does next.
//!
//! Every answer has an `errorCode`, 0 where all is well. Which codes there are is documented nowhere, so the words of
//! `errorMessage` decide as far as they can be told, and a shop's setting `errors` says what a code means where somebody
//! has seen it. What is neither is a refusal: repeating it blindly is what the channel punishes.

use super::wire::{Record, needed};
use crate::contract::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

const THROTTLED: ErrorKind = ErrorKind::Throttled { retry_after: None };

/// What the setting `errors` can make of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Meaning {
    /// No, for good.
    Rejected,
    /// Too fast.
    Throttled,
    /// The token is no longer good.
    Unauthorized,
    /// Not now.
    Unavailable,
}

impl Meaning {
    fn kind(self) -> ErrorKind {
        match self {
            Self::Rejected => ErrorKind::Rejected,
            Self::Throttled => THROTTLED,
            Self::Unauthorized => ErrorKind::Unauthorized,
            Self::Unavailable => ErrorKind::Unavailable,
        }
    }
}

/// Context of a refusal that says that there is no such listing.
pub(super) const NO_ITEM: &str = "channel has no such listing";

/// Words of error texts, and what they say. The first that fits counts.
const WORDS: &[(&str, ErrorKind, &str)] = &[
    ("频繁", THROTTLED, "channel is called too often"),
    ("次数超", THROTTLED, "channel is called too often"),
    ("流量", THROTTLED, "channel is called too often"),
    ("签名", ErrorKind::Unauthorized, "channel does not take the signature"),
    ("accessToken", ErrorKind::Unauthorized, "channel does not take the access token"),
    ("授权", ErrorKind::Unauthorized, "the seller's authorization has ended"),
    ("appOAuthID", ErrorKind::Unauthorized, "channel does not know the application"),
    ("系统繁忙", ErrorKind::Unavailable, "channel is busy"),
    ("稍后", ErrorKind::Unavailable, "channel is busy"),
    ("超时", ErrorKind::Unavailable, "service behind the channel timed out"),
    ("商品不存在", ErrorKind::Rejected, NO_ITEM),
];

/// Whether an answer is one.
pub(super) fn judge(answer: &Record, meanings: &BTreeMap<String, Meaning>) -> Result<()> {
    let code = needed(answer.whole("errorCode")?, "errorCode")?;
    if code == 0 {
        return Ok(());
    }
    let text = answer.cleaned("errorMessage").ok().flatten().unwrap_or_default();
    Err(error(code, &text, meanings))
}

/// The error of a code and its text. The text itself is repeated nowhere.
pub(super) fn error(code: i64, text: &str, meanings: &BTreeMap<String, Meaning>) -> Error {
    let code = code.to_string();
    let by_word = WORDS.iter().find(|(word, _, _)| text.contains(word));
    let (kind, context) = match (meanings.get(&code), by_word) {
        (Some(meaning), _) => (meaning.kind(), "channel refuses the call"),
        (None, Some((_, kind, context))) => (*kind, *context),
        (None, None) => (ErrorKind::Rejected, "channel refuses the call"),
    };
    Error::new(kind, context).code(code)
}
