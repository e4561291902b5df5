//! One dead letter, and how its place and times are written.

use crate::bus::{Position, RawCommand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::contract::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Characters of a key in a line.
const SHOWN: usize = 64;

/// A value of `push.dlq.v1` as any version of the gateway wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) push_id: String,
    pub(super) kind: String,
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read_at: Option<Timestamp>,
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) sealed: String,
}

impl Letter {
    /// Reads a record. Letters of older gateways hold no key; then the record's own is it, unless it was not text.
    pub(super) fn read(record: &RawCommand) -> Option<Self> {
        let mut letter: Self = serde_json::from_slice(record.payload.as_deref()?).ok()?;
        if letter.is_old() && letter.key.is_none() {
            let own = record.key.as_deref().filter(|key| !key.is_empty());
            letter.key = own.map(|key| STANDARD.encode(key));
        }
        Some(letter)
    }

    fn is_old(&self) -> bool {
        self.read_at.is_none()
    }

    /// The exact key of the command.
    pub(super) fn key_bytes(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(key) = &self.key else { return Ok(None) };
        let bytes =
            STANDARD.decode(key).map_err(|_| format!("{}: its key is not Base64", self.push_id))?;
        // What stands where an older gateway could not write a byte.
        if self.is_old() && String::from_utf8_lossy(&bytes).contains('\u{fffd}') {
            return Err(format!("{}: an older gateway did not keep its exact key", self.push_id));
        }
        Ok(Some(bytes))
    }

    /// One line. A key may hold anything: what is no plain text is escaped, and a long one is cut.
    pub(super) fn line(&self) -> String {
        let key = self.key.as_deref().and_then(|key| STANDARD.decode(key).ok());
        let key = key.map_or_else(|| "-".to_owned(), |key| shown(&String::from_utf8_lossy(&key)));
        let path = self.path.as_deref().unwrap_or("-");
        let (at, push_id, kind) = (self.at, &self.push_id, &self.kind);
        format!("{at}  {push_id}  {key}  {kind}  {path}  {}", self.reason)
    }
}

fn shown(key: &str) -> String {
    let mut shown: String = key.escape_debug().take(SHOWN).collect();
    if key.escape_debug().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Reads `topic/partition/offset`.
pub(super) fn position(push_id: &str) -> Result<Position, String> {
    let read = || {
        let (rest, offset) = push_id.rsplit_once('/')?;
        let (topic, partition) = rest.rsplit_once('/')?;
        let (partition, offset) = (partition.parse::<i32>().ok()?, offset.parse::<i64>().ok()?);
        let fits = !topic.is_empty() && !topic.contains('/') && partition >= 0 && offset >= 0;
        fits.then(|| Position { topic: topic.into(), partition, offset })
    };
    read().ok_or_else(|| format!("{push_id} is no push_id, like stock.commands.v1/1/25"))
}

/// Reads `90s`, `30m`, `2h`, `7d` before now, or a time in RFC 3339.
pub(super) fn since(text: &str, now: Timestamp) -> Result<i64, String> {
    let ago = || {
        let unit = match text.chars().last()? {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        let count: u32 = text.get(..text.len() - 1)?.parse().ok()?;
        now.unix_ms().checked_sub(i64::from(count).checked_mul(unit)?)
    };
    ago().or_else(|| Timestamp::parse_rfc3339(text).ok().map(Timestamp::unix_ms)).ok_or_else(|| {
        format!("--since is a span like 2h, or a time like 2026-11-11T00:00:00+08:00, not {text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_topic_partition_and_offset() {
        let place = position("stock.commands.v1/1/25").unwrap();
        assert_eq!((&*place.topic, place.partition, place.offset), ("stock.commands.v1", 1, 25));
        for wrong in ["", "a", "a/1", "/1/2", "a/b/1/2", "a/-1/2", "a/1/-2", "a/x/2", "a/1/2/"] {
            assert!(position(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_a_span_or_an_instant() {
        let now = Timestamp::from_unix_ms(1_000_000_000);
        assert_eq!(since("90s", now), Ok(999_910_000));
        assert_eq!(since("2h", now), Ok(992_800_000));
        assert_eq!(since("1970-01-01T08:00:01+08:00", now), Ok(1_000));
        for wrong in ["", "h", "-2h", "2", "2w", "2 h", "小", "1970-01-01T00:00:01"] {
            assert!(since(wrong, now).is_err(), "{wrong}");
        }
    }

    fn read(key: &[u8], letter: &str) -> Letter {
        let position = position("push.dlq.v1/0/1").unwrap();
        let (key, payload) = (Some(key.to_vec()), Some(letter.as_bytes().to_vec()));
        Letter::read(&RawCommand { position, key, payload }).unwrap()
    }

    #[test]
    fn an_old_letter_has_the_key_of_its_record_unless_that_was_no_text() {
        let old = r#"{"push_id":"c/0/1","kind":"malformed","reason":"r","at":"2026-11-11T00:00:00Z","sealed":"s"}"#;
        assert_eq!(read(b"partner:s1", old).key_bytes(), Ok(Some(b"partner:s1".to_vec())));
        assert_eq!(read(b"", old).key_bytes(), Ok(None));
        assert!(read("a\u{fffd}".as_bytes(), old).key_bytes().is_err());
        let new = old.replace("\"at\"", "\"read_at\":\"2026-11-11T00:00:00Z\",\"at\"");
        assert_eq!(read(b"c/0/1", &new).key_bytes(), Ok(None));
        let keyed = new.replace("\"at\"", "\"key\":\"77+9\",\"at\"");
        assert_eq!(read(b"c/0/1", &keyed).key_bytes(), Ok(Some("\u{fffd}".into())));
    }

    #[test]
    fn a_line_escapes_and_cuts_the_key() {
        let key = STANDARD.encode([b"\x1b[2J".as_slice(), &[b'k'; 100]].concat());
        let letter = format!(
            r#"{{"push_id":"c/0/1","kind":"malformed","reason":"r","key":"{key}","at":"2026-11-11T00:00:00Z"}}"#
        );
        let line = read(b"", &letter).line();
        assert!(line.contains("\\u{1b}[2J") && line.contains("kk…  malformed"), "{line}");
    }
}
