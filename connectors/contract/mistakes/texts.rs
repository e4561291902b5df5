//! Mistakes in the text that is signed, and in how the digest is made and written.

use super::recipe::{Algorithm, Form, Recipe};
use crate::contract::Mistake;
use encoding_rs::GBK;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

type Pair<'a> = (&'a str, &'a str);

/// OAuth 1 keeps `~`; older clients encode it.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEPT_OLD: &AsciiSet = &KEPT.add(b'~');
/// Parameters that say how a request is signed.
const METHODS: [&str; 4] = ["sign_method", "sign_type", "signMethod", "signature_method"];

/// The digest is right, its form is not.
pub(super) fn written_otherwise(recipe: &Recipe, found: &mut Vec<Mistake>) {
    let right = recipe.with_form(recipe.form);
    in_other_case(&right, found);
    if right.contains('+') {
        let what = "the + in the signature is lost: it was sent without encoding";
        found.push(Mistake { what, signature: right.replace('+', " ") });
    }
    let what = "the signature is percent-encoded once more than it is decoded";
    found.push(Mistake { what, signature: utf8_percent_encode(&right, KEPT).to_string() });
    for (what, form) in [
        ("the digest is written in upper-case hexadecimal", Form::UpperHex),
        ("the digest is written in lower-case hexadecimal", Form::LowerHex),
        ("the digest is written in base64", Form::Base64),
        ("the digest is written in the base64 of URLs", Form::Base64Url),
        ("the hexadecimal of the digest is written in base64", Form::Base64OfHex),
    ] {
        found.push(Mistake { what, signature: recipe.with_form(form) });
    }
    let what = "what stands before the comma of the signature is left out";
    found.push(Mistake { what, signature: recipe.without_prefix() });
}

/// Hexadecimal in the other case.
pub(super) fn in_other_case(right: &str, found: &mut Vec<Mistake>) {
    if right.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = "the signature is in lower-case hexadecimal where upper case is due";
        found.push(Mistake { what, signature: right.to_ascii_lowercase() });
        let what = "the signature is in upper-case hexadecimal where lower case is due";
        found.push(Mistake { what, signature: right.to_ascii_uppercase() });
    }
}

/// The text is right, its bytes are not.
pub(super) fn encoded_otherwise(recipe: &Recipe, found: &mut Vec<Mistake>) {
    let text = &recipe.text.middle;
    let mut add = |what, bytes: &[u8]| found.push(Mistake { what, signature: recipe.sign(bytes) });
    let (gbk, _, has_strangers) = GBK.encode(text);
    if !has_strangers {
        add("the text is signed in GBK where UTF-8 is due", &gbk);
    }
    let twice: String = text.bytes().map(char::from).collect();
    add("the text is encoded in UTF-8 twice", twice.as_bytes());
    let (misread, _) = GBK.decode_without_bom_handling(text.as_bytes());
    add("the text's UTF-8 was read as GBK", misread.as_bytes());
    add("the text is signed with a newline at its end", format!("{text}\n").as_bytes());
    add("the text is signed in small letters", text.to_lowercase().as_bytes());
    add(
        "the text is signed percent-encoded",
        utf8_percent_encode(text, KEPT).to_string().as_bytes(),
    );
}

/// The text is right, the secret's place or the algorithm is not.
pub(super) fn keyed_otherwise(recipe: &Recipe, found: &mut Vec<Mistake>) {
    let places = [
        ("the secret stands only in front of the text", true, false),
        ("the secret stands only behind the text", false, true),
        ("the secret stands at both ends of the text", true, true),
        ("the secret is left out of the text", false, false),
    ];
    if recipe.algorithm == Algorithm::Md5Twice {
        let (once, small) = recipe.once_and_in_small_letters();
        let what = "the text and the secret are digested once, not the digest and the secret again";
        found.push(Mistake { what, signature: once });
        let what = "the inner digest is in small letters where capitals are due";
        found.push(Mistake { what, signature: small });
    } else {
        for (what, before, after) in places {
            found.push(Mistake { what, signature: recipe.with_secret_at(before, after) });
        }
    }
    for (what, algorithm) in [
        ("MD5 of the text between two secrets is computed", Algorithm::Md5),
        ("HMAC-MD5 is computed", Algorithm::HmacMd5),
        ("HMAC-SHA1 is computed", Algorithm::HmacSha1),
        ("HMAC-SHA256 is computed", Algorithm::HmacSha256),
    ] {
        found.push(Mistake { what, signature: recipe.with_algorithm(algorithm) });
    }
}

/// How parameters become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    /// Name and value, one after the other.
    Bare,
    /// Values alone.
    Values,
    /// `name=value` with `&` between.
    Query,
}

impl Join {
    fn join(self, pairs: &[Pair<'_>]) -> String {
        match self {
            Self::Bare => pairs.iter().flat_map(|(name, value)| [*name, *value]).collect(),
            Self::Values => pairs.iter().map(|(_, value)| *value).collect(),
            Self::Query => {
                let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
                pairs.collect::<Vec<_>>().join("&")
            }
        }
    }
}

/// Where the joined parameters stand in a text, and how.
struct Assembly<'a> {
    before: &'a str,
    after: &'a str,
    join: Join,
    encoded: Option<&'static AsciiSet>,
}

impl<'a> Assembly<'a> {
    fn find(text: &'a str, signed: &[Pair<'_>]) -> Option<Self> {
        for join in [Join::Bare, Join::Query, Join::Values] {
            for encoded in [None, Some(KEPT), Some(KEPT_OLD)] {
                let joined = encode(join.join(signed), encoded);
                if let Some((before, after)) =
                    text.split_once(&joined).filter(|_| !joined.is_empty())
                {
                    return Some(Self { before, after, join, encoded });
                }
            }
        }
        None
    }

    fn text(&self, join: Join, pairs: &[Pair<'_>]) -> String {
        [self.before, &encode(join.join(pairs), self.encoded), self.after].concat()
    }
}

fn encode(text: String, set: Option<&'static AsciiSet>) -> String {
    set.map_or_else(|| text.clone(), |set| utf8_percent_encode(&text, set).to_string())
}

/// The parameters are right, which of them and in which order is not.
pub(super) fn assembled_otherwise(
    recipe: &Recipe,
    signed: &[(String, String)],
    received: &[(String, String)],
    found: &mut Vec<Mistake>,
) {
    let (mut signed, received) = (pairs(signed), pairs(received));
    let mut all: Vec<_> =
        received.iter().filter(|(name, _)| !is_signature(name)).copied().collect();
    all.sort_unstable();
    if signed.is_empty() {
        // A connector that does not show them: most sign them all, sorted.
        signed.clone_from(&all);
    }
    let Some(assembly) = Assembly::find(&recipe.text.middle, &signed) else { return };
    let mut add = |what, join, pairs: &[Pair<'_>]| {
        let text = assembly.text(join, pairs);
        found.push(Mistake { what, signature: recipe.sign(text.as_bytes()) });
    };
    let join = assembly.join;
    let is_signed = |pair: &&Pair<'_>| signed.contains(pair);
    let as_received: Vec<_> = received.iter().filter(is_signed).copied().collect();
    add("the parameters are not sorted, but in the order in which they came", join, &as_received);
    let mut sorted = signed.clone();
    sorted.sort_by_key(|(name, _)| name.to_lowercase());
    add("the parameters are sorted without regard to capitals", join, &sorted);
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    add("the parameters are sorted downwards", join, &sorted);
    let without = |names: &[&str]| -> Vec<Pair<'_>> {
        signed.iter().filter(|(name, _)| !names.contains(name)).copied().collect()
    };
    add("the parameter that names the method of signing is not signed", join, &without(&METHODS));
    let mut with_sign = signed.clone();
    with_sign.push(("sign", ""));
    with_sign.sort_unstable();
    add("the parameter sign is signed too, still empty", join, &with_sign);
    add("parameters are signed that the channel leaves out", join, &all);
    let filled: Vec<_> = signed.iter().filter(|(_, value)| !value.is_empty()).copied().collect();
    add("parameters without a value are not signed", join, &filled);
    add("names and values are joined without = and &", Join::Bare, &signed);
    add("names and values are joined with = and &", Join::Query, &signed);
    add("only the values are signed, without their names", Join::Values, &signed);
}

fn is_signature(name: &str) -> bool {
    matches!(name, "sign" | "ac")
}

fn pairs(params: &[(String, String)]) -> Vec<Pair<'_>> {
    params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
