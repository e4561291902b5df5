//! Mistakes in what is signed: other values, another body, another secret.

use super::Explain;
use super::json_text::{COMPACT, Style, restyle, sorted};
use crate::contract::model::Timestamp;
use crate::contract::{Mistake, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::time::Duration;

type Params = [(String, String)];

/// RFC 3986: all but letters, digits and `-._~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Names under which channels send the time of a request.
const TIMES: [&str; 5] = ["timestamp", "timeStamp", "sign_time", "date", "time"];
const SORTED: &str = "JSON was written again with its keys sorted";
const CHINA: Duration = Duration::from_hours(8);
/// Larger numbers of a time are milliseconds.
const LARGEST_SECS: i64 = 100_000_000_000;

/// How other programs write JSON, with what they did.
const STYLES: [(&str, Style); 8] = [
    ("JSON was written again without blanks", COMPACT),
    ("JSON was written again with a blank after : and ,", Style { spaced: true, ..COMPACT }),
    (
        "JSON was written again as Python does: blanks after : and , and \\u escapes",
        Style { spaced: true, ascii: true, ..COMPACT },
    ),
    ("JSON was written again with \\u escapes", Style { ascii: true, ..COMPACT }),
    (
        "JSON was written again as PHP does: \\u escapes and \\/",
        Style { ascii: true, slashes: true, ..COMPACT },
    ),
    ("JSON was written again with \\/ for /", Style { slashes: true, ..COMPACT }),
    ("JSON was written again, indented by 2", Style { indent: Some(2), spaced: true, ..COMPACT }),
    ("JSON was written again, indented by 4", Style { indent: Some(4), spaced: true, ..COMPACT }),
];

pub(super) fn of_params(
    explain: Explain<'_>,
    secret: &Secret,
    params: &Params,
    body: &[u8],
    found: &mut Vec<Mistake>,
) {
    let mut add = |what, changed: Vec<(String, String)>| {
        if changed != params
            && let Ok(shown) = explain(secret, &changed, body)
        {
            found.push(Mistake { what, signature: shown.signature });
        }
    };
    let each = |change: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String)> {
        let changed = |(name, value): &(String, String)| {
            (name.clone(), change(value).unwrap_or_else(|| value.clone()))
        };
        params.iter().map(changed).collect()
    };
    add("values are signed percent-encoded, blanks as +", each(&|value| Some(form(value))));
    add(
        "values are signed percent-encoded, blanks as %20",
        each(&|value| Some(utf8_percent_encode(value, RESERVED).to_string())),
    );
    add(
        "values are decoded twice before they are signed",
        each(&|value| Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())),
    );
    add(
        "a + in a value is lost: it was sent without encoding and read as a blank",
        each(&|value| Some(value.replace('+', " "))),
    );
    add(
        "blanks in values are signed as +: they were not decoded",
        each(&|value| Some(value.replace(' ', "+"))),
    );
    let is_filled = |(_, value): &&(String, String)| !value.trim().is_empty();
    add(
        "parameters without a value are sent and not signed",
        params.iter().filter(is_filled).cloned().collect(),
    );
    add(
        "values are signed without the blanks at their ends",
        each(&|value| Some(value.trim().to_owned())),
    );
    add(
        "quotes and backslashes in values are signed with a backslash before them",
        each(&|value| Some(slashed(value))),
    );
    for (what, style) in STYLES {
        add(what, each(&|value| value.starts_with(['{', '[']).then(|| restyle(value, style))?));
    }
    add(SORTED, each(&|value| value.starts_with(['{', '[']).then(|| sorted(value))?));
    for (index, (name, value)) in params.iter().enumerate() {
        for (what, other) in other_times(name, value) {
            let mut changed = params.to_vec();
            if let Some(pair) = changed.get_mut(index) {
                pair.1 = other;
            }
            add(what, changed);
        }
    }
}

pub(super) fn of_body(
    explain: Explain<'_>,
    secret: &Secret,
    params: &Params,
    body: &[u8],
    found: &mut Vec<Mistake>,
) {
    if body.is_empty() {
        return;
    }
    let mut add = |what, changed: Vec<u8>| {
        if changed != body
            && let Ok(shown) = explain(secret, params, &changed)
        {
            found.push(Mistake { what, signature: shown.signature });
        }
    };
    add("the body is signed with one newline more at its end", [body, b"\n"].concat());
    add(
        "the body is signed without the blanks and newlines at its ends",
        body.trim_ascii().to_vec(),
    );
    add("the body is not signed", Vec::new());
    let Ok(text) = std::str::from_utf8(body) else { return };
    add("the body's lines end in LF where they ended in CRLF", text.replace("\r\n", "\n").into());
    add(
        "the body's lines end in CRLF where they ended in LF",
        text.replace("\r\n", "\n").replace('\n', "\r\n").into(),
    );
    for (what, style) in STYLES {
        if let Some(other) = restyle(text, style) {
            add(what, other.into());
        }
    }
    if let Some(other) = sorted(text) {
        add(SORTED, other.into());
    }
}

pub(super) fn of_secret(
    explain: Explain<'_>,
    secret: &Secret,
    params: &Params,
    body: &[u8],
    found: &mut Vec<Mistake>,
) {
    let bytes = secret.expose();
    let mut add = |what, changed: Vec<u8>| {
        if changed != bytes
            && let Ok(shown) = explain(&Secret::new(changed), params, body)
        {
            found.push(Mistake { what, signature: shown.signature });
        }
    };
    add("the secret has a newline at its end", [bytes, b"\n"].concat());
    add("the secret has CR and LF at its end", [bytes, b"\r\n"].concat());
    add("the secret has a blank at its end", [bytes, b" "].concat());
    add("the secret has a blank before it", [b" ", bytes].concat());
    add("the secret is used without the blanks at its ends", bytes.trim_ascii().to_vec());
    add("the secret stands in quotes", [b"\"", bytes, b"\""].concat());
    add("the secret is there twice, one behind the other", [bytes, bytes].concat());
    add("the secret is in capital letters", bytes.to_ascii_uppercase());
    add("the secret is in small letters", bytes.to_ascii_lowercase());
    add("the secret is empty", Vec::new());
}

fn form(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

fn slashed(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '"' | '\'' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// The same moment in the other forms in which people write it.
fn other_times(name: &str, value: &str) -> Vec<(&'static str, String)> {
    if !TIMES.contains(&name) {
        return Vec::new();
    }
    let number = value.parse::<i64>().ok();
    let at = match number {
        Some(number) if number > LARGEST_SECS => Some(Timestamp::from_unix_ms(number)),
        Some(number) => number.checked_mul(1000).map(Timestamp::from_unix_ms),
        None => Timestamp::parse_china(value).or_else(|_| Timestamp::parse_rfc3339(value)).ok(),
    };
    let Some(at) = at else { return Vec::new() };
    let china = at.to_china();
    vec![
        ("the time is signed in unix seconds", at.unix_ms().div_euclid(1000).to_string()),
        ("the time is signed in unix milliseconds", at.unix_ms().to_string()),
        ("the time is signed in UTC where China's is due", at.minus(CHINA).to_china()),
        ("the time is signed with T between date and time", china.replace(' ', "T")),
        ("the time is signed as text of China's time", china),
    ]
}
