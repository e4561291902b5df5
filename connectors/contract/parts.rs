//! Words that may be part of a name, looked for all at once.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Words of which one in a name says what the field is: that it holds who somebody is, for one.
pub(crate) struct Parts(Option<AhoCorasick>);

impl Parts {
    /// Words as they are written.
    pub(crate) fn new(words: &[&str]) -> Self {
        Self::of(words, false)
    }

    /// Words in whatever letters, small or capital.
    pub(crate) fn in_any_case(words: &[&str]) -> Self {
        Self::of(words, true)
    }

    fn of(words: &[&str], is_any_case: bool) -> Self {
        let mut builder = AhoCorasick::builder();
        // Names are short and many: the kind that begins at once.
        builder.kind(Some(AhoCorasickKind::DFA)).prefilter(false);
        Self(builder.ascii_case_insensitive(is_any_case).build(words).ok())
    }

    /// Whether one of the words is anywhere in a name. Words that could not be prepared are in every name: what is kept
    /// by mistake is worse than what is left out.
    pub(crate) fn are_in(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|words| words.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_anywhere_in_a_name_in_the_letters_that_were_asked_for() {
        let (exact, any) =
            (Parts::new(&["nick", "mobile"]), Parts::in_any_case(&["nick", "mobile"]));
        for name in ["nick", "buyer_nick", "nickname", "a_mobile_b"] {
            assert!(exact.are_in(name) && any.are_in(name), "{name}");
        }
        for name in ["NICK", "buyerMobile"] {
            assert!(!exact.are_in(name) && any.are_in(name), "{name}");
        }
        for name in ["", "nic", "mobil_e", "价"] {
            assert!(!exact.are_in(name) && !any.are_in(name), "{name}");
        }
    }
}
