//! What the person who must find out why a call is refused is shown of it.

use super::PREFIX;
use super::call;
use crate::contract::mistakes::Explain;
use crate::contract::{Mistake, RawWebhook, Secret, SignedParts};

/// Adds the headers that are signed like parameters.
pub(in super::super) fn signed_parts(raw: &RawWebhook) -> SignedParts {
    let mut parts = SignedParts::of(raw);
    for (name, value) in call::signed_headers(raw) {
        if parts.params.iter().all(|(known, _)| known != name) {
            parts.params.push((name.to_owned(), String::from_utf8_lossy(&value).into_owned()));
        }
    }
    parts
}

/// The mistakes that calls with a body invite: the warehouse and we do not name a method alike, and who looks at the body
/// forgets the query.
pub(in super::super) fn mistakes(
    explain: Explain<'_>,
    secret: &Secret,
    params: &[(String, String)],
    body: &[u8],
) -> Vec<Mistake> {
    if body.is_empty() {
        return Vec::new();
    }
    let renamed = |change: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String)> {
        let pair = |(name, value): &(String, String)| {
            let other = if name == "method" { change(value) } else { None };
            (name.clone(), other.unwrap_or_else(|| value.clone()))
        };
        params.iter().map(pair).collect()
    };
    let without = |left_out: &str| -> Vec<(String, String)> {
        params.iter().filter(|(name, _)| name != left_out).cloned().collect()
    };
    let tries = [
        (
            "the method is signed with `taobao.qimen.` before it",
            renamed(&|method| Some(format!("{PREFIX}{method}"))),
        ),
        (
            "the method is signed without `taobao.qimen.` before it",
            renamed(&|method| Some(method.strip_prefix(PREFIX)?.to_owned())),
        ),
        ("the body is signed without the parameters of the query", Vec::new()),
        ("`customerId` is not signed", without("customerId")),
        ("`timestamp` is not signed", without("timestamp")),
    ];
    let signed = tries.into_iter().filter_map(|(what, params)| {
        let signature = explain(secret, &params, body).ok()?.signature;
        Some(Mistake { what, signature })
    });
    signed.collect()
}
