//! The usual mistakes of a signature, each with the signature that it gives.
//!
//! A signature that does not match says nothing about why. So every mistake that people make again and again is made
//! here on purpose, and whoever holds the received signature looks for it in the list. Two roads: the same `explain`
//! with other parameters, body or secret (`inputs`); and, where the shown text and secret give the signature by a
//! recipe known here, another text by that recipe (`texts`). Pure, a fixed number of digests, no secret in any answer.

mod inputs;
mod json_text;
mod recipe;
#[cfg(test)]
mod tests;
mod texts;

use super::{Explanation, Mistake, Result, Secret};
use recipe::Recipe;

/// `explain` of a connector.
pub type Explain<'a> = &'a dyn Fn(&Secret, &[(String, String)], &[u8]) -> Result<Explanation>;

/// The mistakes that do not depend on a channel. A signature occurs once, with the first mistake that gives it, and
/// never the right one; empty where the request cannot be signed at all.
pub fn usual(
    explain: Explain<'_>,
    secret: &Secret,
    params: &[(String, String)],
    body: &[u8],
) -> Vec<Mistake> {
    let Ok(right) = explain(secret, params, body) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(recipe) = Recipe::find(&right, secret) {
        texts::written_otherwise(&recipe, &mut found);
        inputs::of_params(explain, secret, params, body, &mut found);
        texts::assembled_otherwise(&recipe, &right.params, params, &mut found);
        inputs::of_body(explain, secret, params, body, &mut found);
        texts::encoded_otherwise(&recipe, &mut found);
        texts::keyed_otherwise(&recipe, &mut found);
        inputs::of_secret(explain, secret, params, body, &mut found);
    } else {
        texts::in_other_case(&right.signature, &mut found);
        inputs::of_params(explain, secret, params, body, &mut found);
        inputs::of_body(explain, secret, params, body, &mut found);
        inputs::of_secret(explain, secret, params, body, &mut found);
    }
    distinct(found, &right.signature)
}

/// Leaves out what equals the right signature or was there before. For connectors that add mistakes of their own.
pub fn distinct(found: Vec<Mistake>, right: &str) -> Vec<Mistake> {
    let mut kept: Vec<Mistake> = Vec::with_capacity(found.len());
    for mistake in found {
        let is_new = kept.iter().all(|known| known.signature != mistake.signature);
        if is_new && !mistake.signature.is_empty() && mistake.signature != right {
            kept.push(mistake);
        }
    }
    kept
}
