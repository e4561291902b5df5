//! Every mistake is recognized on a scheme as simple as one can be, whose signatures are made here by other means.

use super::usual;
use crate::contract::{Error, Explanation, Mistake, Result, Secret, sign};

type Params = Vec<(String, String)>;

const SECRET: &str = "aB3+ k";

/// Sorted names and values between two secrets, MD5, upper-case hexadecimal; a body behind them.
fn between(secret: &Secret, params: &[(String, String)], body: &[u8]) -> Result<Explanation> {
    let mut signed: Params = params.iter().filter(|(name, _)| name != "sign").cloned().collect();
    if signed.iter().any(|(name, _)| name == "bad") {
        return Err(Error::malformed("bad"));
    }
    signed.sort_unstable();
    let text: String = signed.iter().flat_map(|(name, value)| [&**name, &**value]).collect();
    let digest = sign::md5(&[secret.expose(), text.as_bytes(), body, secret.expose()]);
    let body = String::from_utf8_lossy(body);
    let shown = format!("<secret>{text}{body}<secret>");
    Ok(Explanation::new("test", shown, sign::upper_hex(&digest)).params(signed))
}

fn params(pairs: &[(&str, &str)]) -> Params {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn found(pairs: &[(&str, &str)], body: &str) -> Vec<Mistake> {
    usual(&between, &Secret::new(SECRET), &params(pairs), body.as_bytes())
}

/// Upper-case MD5 of a text that a careless client would have signed.
fn md5(text: impl AsRef<[u8]>) -> String {
    sign::upper_hex(&sign::md5(&[text.as_ref()]))
}

#[track_caller]
fn assert_named(found: &[Mistake], signature: &str, what: &str) {
    let named = found.iter().find(|mistake| mistake.signature == signature);
    assert_eq!(named.map(|mistake| mistake.what), Some(what));
}

#[test]
fn mistakes_in_the_values_are_named() {
    let found = found(&[("b", "a+b c"), ("A", "测试"), ("e", ""), ("t", "100%25")], "");
    let s = SECRET;
    for (text, what) in [
        (
            "A测试ba b cet100%25",
            "a + in a value is lost: it was sent without encoding and read as a blank",
        ),
        ("A测试ba+b+cet100%25", "blanks in values are signed as +: they were not decoded"),
        ("A测试ba+b cet100%", "values are decoded twice before they are signed"),
        ("A%E6%B5%8B%E8%AF%95ba%2Bb+cet100%2525", "values are signed percent-encoded, blanks as +"),
        (
            "A%E6%B5%8B%E8%AF%95ba%2Bb%20cet100%2525",
            "values are signed percent-encoded, blanks as %20",
        ),
        ("A测试ba+b ct100%25", "parameters without a value are sent and not signed"),
        (
            "ba+b cA测试et100%25",
            "the parameters are not sorted, but in the order in which they came",
        ),
        ("t100%25eba+b cA测试", "the parameters are sorted downwards"),
        ("A测试ba+b cesignt100%25", "the parameter sign is signed too, still empty"),
        ("A=测试&b=a+b c&e=&t=100%25", "names and values are joined with = and &"),
        ("测试a+b c100%25", "only the values are signed, without their names"),
        ("A测试ba+b cet100%25\n", "the text is signed with a newline at its end"),
    ] {
        assert_named(&found, &md5(format!("{s}{text}{s}")), what);
    }
    let gbk = encoding_rs::GBK.encode("A测试ba+b cet100%25").0;
    let gbk = md5([s.as_bytes(), &gbk, s.as_bytes()].concat());
    assert_named(&found, &gbk, "the text is signed in GBK where UTF-8 is due");
}

#[test]
fn mistakes_in_the_order_and_the_choice_of_parameters_are_named() {
    let found = found(&[("Z", "1"), ("a", "2"), ("sign_method", "md5"), ("sign", "X")], "");
    let s = SECRET;
    for (text, what) in [
        ("a2sign_methodmd5Z1", "the parameters are sorted without regard to capitals"),
        ("Z1a2", "the parameter that names the method of signing is not signed"),
    ] {
        assert_named(&found, &md5(format!("{s}{text}{s}")), what);
    }
}

#[test]
fn the_order_is_known_without_being_shown_and_a_digest_of_a_digest_is_recognized() {
    let twice = |secret: &Secret, params: &[(String, String)], _: &[u8]| {
        let mut sorted = params.to_vec();
        sorted.sort_unstable();
        let text: String = sorted.iter().flat_map(|(name, value)| [&**name, &**value]).collect();
        let inner = md5(&text);
        let signature = sign::upper_hex(&sign::md5(&[inner.as_bytes(), secret.expose()]));
        Ok(Explanation::new("test", text, signature))
    };
    let found = usual(&twice, &Secret::new(SECRET), &params(&[("Z", "1"), ("a", "2")]), b"");
    let unsorted = md5(format!("{}{SECRET}", md5("a2Z1")));
    assert_named(&found, &unsorted, "the parameters are sorted without regard to capitals");
    let small = md5(format!("{}{SECRET}", md5("Z1a2").to_lowercase()));
    assert_named(&found, &small, "the inner digest is in small letters where capitals are due");
    let what = "the text and the secret are digested once, not the digest and the secret again";
    assert_named(&found, &md5(format!("Z1a2{SECRET}")), what);
    let other = md5(format!("{}{SECRET}\n", md5("Z1a2")));
    assert_named(&found, &other, "the secret has a newline at its end");
}

#[test]
fn mistakes_with_the_secret_and_the_form_are_named() {
    let found = found(&[("a", "1")], "");
    let s = SECRET;
    let right = md5(format!("{s}a1{s}"));
    for (text, what) in [
        (format!("{s}a1"), "the secret stands only in front of the text"),
        (format!("a1{s}"), "the secret stands only behind the text"),
        ("a1".to_owned(), "the secret is left out of the text"),
        (format!("{s}\na1{s}\n"), "the secret has a newline at its end"),
        (format!("{s} a1{s} "), "the secret has a blank at its end"),
        (format!("{s}{s}a1{s}{s}"), "the secret is there twice, one behind the other"),
        (format!("\"{s}\"a1\"{s}\""), "the secret stands in quotes"),
    ] {
        assert_named(&found, &md5(text), what);
    }
    let lower = "the signature is in lower-case hexadecimal where upper case is due";
    assert_named(&found, &right.to_lowercase(), lower);
    let hmac = sign::upper_hex(&sign::hmac_sha256(s.as_bytes(), &[b"a1"]));
    assert_named(&found, &hmac, "HMAC-SHA256 is computed");
}

#[test]
fn mistakes_with_the_body_are_named() {
    let s = SECRET;
    let found = found(&[], "{\"b\": 1, \"a\": \"路/\"}");
    for (body, what) in [
        ("{\"b\":1,\"a\":\"路/\"}", "JSON was written again without blanks"),
        (r#"{"b":1,"a":"\u8def\/"}"#, "JSON was written again as PHP does: \\u escapes and \\/"),
        ("{\n  \"b\": 1,\n  \"a\": \"路/\"\n}", "JSON was written again, indented by 2"),
        ("{\"b\": 1, \"a\": \"路/\"}\n", "the body is signed with one newline more at its end"),
        (r#"{"a":"路/","b":1}"#, "JSON was written again with its keys sorted"),
        ("", "the body is not signed"),
    ] {
        assert_named(&found, &md5(format!("{s}{body}{s}")), what);
    }
}

#[test]
fn mistakes_with_the_time_are_named() {
    let s = SECRET;
    let found = found(&[("timestamp", "2026-11-01 08:00:00")], "");
    for (time, what) in [
        ("1793491200", "the time is signed in unix seconds"),
        ("1793491200000", "the time is signed in unix milliseconds"),
        ("2026-11-01 00:00:00", "the time is signed in UTC where China's is due"),
        ("2026-11-01T08:00:00", "the time is signed with T between date and time"),
    ] {
        assert_named(&found, &md5(format!("{s}timestamp{time}{s}")), what);
    }
}

#[test]
fn no_mistake_gives_the_right_signature_none_is_there_twice_and_none_shows_the_secret() {
    let pairs = [("b", "1"), ("a", "{\"x\": [1, 2]}"), ("timestamp", "1700000000")];
    let found = found(&pairs, "{\"y\":  \"é\"}\r\n");
    let right = between(&Secret::new(SECRET), &params(&pairs), "{\"y\":  \"é\"}\r\n".as_bytes());
    let right = right.unwrap().signature;
    assert!(found.len() > 40 && found.len() < 100, "{}", found.len());
    let mut signatures: Vec<_> = found.iter().map(|mistake| &mistake.signature).collect();
    assert!(!signatures.contains(&&right));
    signatures.sort_unstable();
    let before = signatures.len();
    signatures.dedup();
    assert_eq!(signatures.len(), before);
    assert!(found.iter().all(|mistake| !mistake.what.contains(SECRET)));
}

#[test]
fn what_cannot_be_signed_has_no_mistakes_and_an_unknown_recipe_has_those_of_its_inputs() {
    assert_eq!(usual(&between, &Secret::new(SECRET), &params(&[("bad", "1")]), b""), []);
    let odd = |secret: &Secret, params: &[(String, String)], body: &[u8]| {
        let mut shown = between(secret, params, body)?;
        shown.signature = md5(&shown.signature);
        Ok(shown)
    };
    let found = usual(&odd, &Secret::new(SECRET), &params(&[("a", "x+y")]), b"");
    let inner = md5(format!("{SECRET}ax y{SECRET}"));
    assert_named(
        &found,
        &md5(inner),
        "a + in a value is lost: it was sent without encoding and read as a blank",
    );
}
