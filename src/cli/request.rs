//! A captured HTTP request, as a person has it from a log, a proxy or `curl -v`.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Uri};

/// A request line, headers and body.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What was odd about it.
    pub(super) notes: Vec<String>,
}

impl Captured {
    /// Reads it; lines may end in LF or CRLF, and may begin with `> ` as `curl -v` prints them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (head, body) = halves(bytes);
        let head = std::str::from_utf8(head).map_err(|_| "the headers are not text")?;
        let mut lines =
            head.lines().map(|line| line.strip_prefix("> ").unwrap_or(line)).enumerate();
        let first = lines.next().map(|(_, line)| line).unwrap_or_default();
        let (method, uri) = request_line(first)?;
        let mut headers = HeaderMap::new();
        for (at, line) in lines {
            let wrong = || format!("line {} is not a header: NAME: VALUE", at + 1);
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
        }
        let mut notes = Vec::new();
        let body = body_of(&headers, body, &mut notes)?;
        Ok(Self {
            method,
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body: Bytes::copy_from_slice(&body),
            notes,
        })
    }

    /// The shop in `/v1/{channel}/{shop}`.
    pub(super) fn shop(&self) -> Option<&str> {
        let mut parts = self.path.trim_start_matches('/').split('/');
        (parts.next() == Some("v1")).then_some(())?;
        parts.nth(1).filter(|shop| !shop.is_empty())
    }
}

/// What stands before the first empty line, and what stands behind it.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    for end in ends {
        let (head, rest) = bytes.split_at(end + 1);
        for empty in [&b"\r\n"[..], b"\n", b"> \r\n", b"> \n", b">\n"] {
            if let Some(body) = rest.strip_prefix(empty) {
                return (head, body);
            }
        }
    }
    (bytes, b"")
}

fn request_line(line: &str) -> Result<(Method, Uri), String> {
    let wrong = || "the first line is not a request line, for example: POST /path HTTP/1.1";
    let mut words = line.split_ascii_whitespace();
    let method = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let uri = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    match (words.next(), words.next()) {
        (None, _) => Ok((method, uri)),
        (Some(version), None) if version.starts_with("HTTP/") => Ok((method, uri)),
        (Some(_), _) => Err(wrong().to_owned()),
    }
}

/// The bytes that were signed: without chunks, and without what an editor added behind them.
fn body_of(headers: &HeaderMap, body: &[u8], notes: &mut Vec<String>) -> Result<Vec<u8>, String> {
    let has = |name, word: &str| {
        let value = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    if ["gzip", "deflate", "br", "zstd"].iter().any(|word| has(CONTENT_ENCODING, word)) {
        return Err("the body is compressed; capture it behind what unpacks it".to_owned());
    }
    if has(TRANSFER_ENCODING, "chunked") {
        return unchunk(body).ok_or_else(|| "the chunks of the body cannot be read".to_owned());
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let Some(length) = length.and_then(|length| length.parse::<usize>().ok()) else {
        return Ok(body.to_vec());
    };
    if body.len() == length {
        return Ok(body.to_vec());
    }
    match body.split_at_checked(length) {
        Some((body, rest)) if rest.trim_ascii().is_empty() => {
            notes.push(format!("left out {} blank bytes behind the body", rest.len()));
            Ok(body.to_vec())
        }
        Some(_) | None => {
            notes.push(format!(
                "the body has {} bytes where content-length says {length}: it was changed or cut off in capturing",
                body.len()
            ));
            Ok(body.to_vec())
        }
    }
}

/// Joins chunks; trailers are left out.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, after) = rest.split_at(end);
        let size = std::str::from_utf8(line).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let (chunk, after) = after.get(1..)?.split_at_checked(size)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Captured {
        Captured::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_request_is_read_with_either_line_end_and_as_curl_prints_it() {
        for text in [
            "POST /v1/partner/one?a=1 HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\nbody\n",
            "POST /v1/partner/one?a=1 HTTP/1.1\nHost: x\nA: 1\na: 2\n\nbody\n",
            "> POST http://x/v1/partner/one?a=1 HTTP/1.1\n> Host: x\n> A: 1\n> a: 2\n> \nbody\n",
        ] {
            let captured = parse(text);
            assert_eq!(
                (captured.method.as_str(), captured.shop()),
                ("POST", Some("one")),
                "{text}"
            );
            assert_eq!(
                (captured.path.as_str(), captured.query.as_str()),
                ("/v1/partner/one", "a=1")
            );
            assert_eq!(captured.headers.get_all("a").iter().count(), 2);
            assert_eq!(captured.body, "body\n");
        }
        assert_eq!(parse("GET /router/rest").shop(), None);
    }

    #[test]
    fn an_editors_newline_is_left_out_and_a_wrong_length_is_said() {
        let with = |length: &str, body: &str| {
            parse(&format!("POST / HTTP/1.1\ncontent-length: {length}\n\n{body}"))
        };
        assert_eq!((with("2", "ab").body, with("2", "ab").notes.len()), ("ab".into(), 0));
        let edited = with("2", "ab\r\n");
        assert_eq!(
            (edited.body, edited.notes),
            ("ab".into(), vec!["left out 2 blank bytes behind the body".to_owned()])
        );
        for (length, body) in [("2", "abc"), ("5", "abc")] {
            let cut = with(length, body);
            assert!(cut.body == "abc" && cut.notes[0].contains("cut off"), "{:?}", cut.notes);
        }
    }

    #[test]
    fn chunks_are_joined() {
        let text = "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3;x=1\r\nabc\r\n1\nd\n0\r\n\r\n";
        assert_eq!(parse(text).body, "abcd");
        let cut = "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3\r\nab";
        assert!(Captured::parse(cut.as_bytes()).unwrap_err().contains("chunks"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_line() {
        for (text, said) in [
            ("", "first line"),
            ("hello", "first line"),
            ("POST / HTTP/1.1 x", "first line"),
            ("POST /\nno header\n\n", "line 2"),
            ("POST /\ncontent-encoding: gzip\n\nx", "compressed"),
        ] {
            let error = Captured::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
