//! Whether a received signature is the right one, and if not, which usual mistake gives it.

use connectors::contract::{Auth, Mistake, Secret, sign};

/// Whether a received signature, or one of several with blanks between, is the right one.
pub(super) fn is_same(received: &str, right: &str) -> bool {
    let is_right = |text: &str| sign::matches(text.as_bytes(), right.as_bytes());
    is_right(received.trim()) || received.split_whitespace().any(is_right)
}

/// Why a signature may be another, as one sentence.
pub(super) fn reason(
    auth: &dyn Auth,
    secret: &Secret,
    params: &[(String, String)],
    body: &[u8],
    received: &str,
) -> String {
    let mistakes = auth.mistakes(secret, params, body);
    let text = "the received signature is another";
    let received = received.trim();
    let exactly = |mistake: &&Mistake| is_same(received, &mistake.signature);
    if let Some(mistake) = mistakes.iter().find(exactly) {
        return format!("{text}: it is what one gets when {}", mistake.what);
    }
    let in_other_case = |mistake: &&Mistake| mistake.signature.eq_ignore_ascii_case(received);
    let is_hex = received.bytes().all(|byte| byte.is_ascii_hexdigit());
    match mistakes.iter().find(in_other_case).filter(|_| is_hex) {
        Some(mistake) => {
            let what = mistake.what;
            format!("{text}: it is what one gets when {what}, in the other case of hexadecimal")
        }
        None => format!(
            "{text}, and none of the {} usual mistakes gives it: most likely it was made with another secret, or a value \
             was changed, added or lost after it was signed",
            mistakes.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signature_among_several_is_enough_and_a_part_of_one_is_not() {
        assert!(is_same(" AB ", "AB") && is_same("v1,x v1,AB", "v1,AB"));
        assert!(!is_same("A", "AB") && !is_same("", "AB") && !is_same("ABC", "AB"));
        assert!(is_same("a b", "a b"));
    }
}
