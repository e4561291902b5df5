//! The same JSON as other programs would write it: order, numbers and strings stay, blanks and escapes change.

use serde::de::IgnoredAny;

/// Longer texts are left alone, so that the work stays small.
const LIMIT_BYTES: usize = 1 << 20;
/// More nesting than this is nobody's order.
const DEPTH_LIMIT: usize = 64;

/// How a program writes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Blanks of one level of indentation; none on one line.
    pub(super) indent: Option<usize>,
    /// A blank after `:` and, on one line, after `,`.
    pub(super) spaced: bool,
    /// `\uXXXX` for all that is not ASCII.
    pub(super) ascii: bool,
    /// `\/` for `/`.
    pub(super) slashes: bool,
}

/// On one line, without blanks.
pub(super) const COMPACT: Style =
    Style { indent: None, spaced: false, ascii: false, slashes: false };

/// Writes JSON in another style; none for what is not JSON, too long or too deep.
pub(super) fn restyle(text: &str, style: Style) -> Option<String> {
    if text.len() > LIMIT_BYTES || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut letters = text.chars().filter(|letter| *letter != '\r').peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                out.push('"');
                string(&mut letters, style, &mut out);
            }
            ' ' | '\n' | '\t' => {}
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                match letters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, style, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, style, depth);
                out.push(letter);
            }
            ',' => {
                out.push(',');
                if style.spaced && style.indent.is_none() {
                    out.push(' ');
                }
                line(&mut out, style, depth);
            }
            ':' => out.push_str(if style.spaced { ": " } else { ":" }),
            other => out.push(other),
        }
        if depth > DEPTH_LIMIT {
            return None;
        }
    }
    Some(out)
}

/// Read as a map and written without blanks, as programs do that sort their keys.
pub(super) fn sorted(text: &str) -> Option<String> {
    if text.len() > LIMIT_BYTES {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(value.to_string())
}

fn line(out: &mut String, style: Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent * depth));
    }
}

/// Copies a string whose first quote is written already, to its last quote.
fn string(letters: &mut impl Iterator<Item = char>, style: Style, out: &mut String) {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                out.push('"');
                return;
            }
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                if escaped != '/' || style.slashes {
                    out.push('\\');
                }
                out.push(escaped);
            }
            '/' if style.slashes => out.push_str("\\/"),
            letter if style.ascii && !letter.is_ascii() => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    out.push_str("\\u");
                    out.push_str(&hex::encode(unit.to_be_bytes()));
                }
            }
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ \"b\":[1.50, {}],\r\n\t\"a\" : \"路, \\\"/\\/😀\" ,\"c\":[ ] }";

    #[test]
    fn the_same_json_is_written_as_other_programs_do() {
        let write = |style| restyle(TEXT, style).unwrap();
        assert_eq!(write(COMPACT), r#"{"b":[1.50,{}],"a":"路, \"//😀","c":[]}"#);
        let python = Style { spaced: true, ascii: true, ..COMPACT };
        assert_eq!(write(python), r#"{"b": [1.50, {}], "a": "\u8def, \"//\ud83d\ude00", "c": []}"#);
        let php = Style { ascii: true, slashes: true, ..COMPACT };
        assert_eq!(write(php), r#"{"b":[1.50,{}],"a":"\u8def, \"\/\/\ud83d\ude00","c":[]}"#);
        let pretty = Style { indent: Some(2), spaced: true, ..COMPACT };
        let expected =
            "{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"路, \\\"//😀\",\n  \"c\": []\n}";
        assert_eq!(write(pretty), expected);
    }

    #[test]
    fn what_is_not_json_is_left_alone() {
        for text in ["", "a=1", "{\"a\":", "<a/>"] {
            assert_eq!(restyle(text, COMPACT), None, "{text}");
        }
        assert_eq!(restyle(&"[".repeat(70), COMPACT), None);
        let deep = ["[".repeat(70), "]".repeat(70)].concat();
        assert_eq!(restyle(&deep, COMPACT), None);
    }
}
