//! Moments with the offset in which the channel said them.

use super::time_text as common;
use crate::contract::{Error, Result};
use jiff::{Timestamp as Instant, civil, fmt::temporal::Pieces, tz::Offset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A moment, to the millisecond, and the offset it was given in. Two moments are equal when they are the same instant
/// in the same offset; they are ordered by the instant first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_ms: i64,
    offset_secs: i32,
}

impl Timestamp {
    /// Offset of the Chinese channels, in seconds.
    pub const CHINA_OFFSET_SECS: i32 = 8 * 3600;

    /// A moment in UTC.
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self { unix_ms, offset_secs: 0 }
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// The same instant, said in another offset.
    #[must_use]
    pub fn in_offset(self, offset_secs: i32) -> Self {
        Self { unix_ms: self.unix_ms, offset_secs }
    }

    /// Reads RFC 3339. The offset is required: a time without one is a guess.
    pub fn parse_rfc3339(text: &str) -> Result<Self> {
        match common::read(text.as_bytes()) {
            Some((unix_ms, offset_secs)) => Ok(Self { unix_ms, offset_secs }),
            None => Self::parse_any_rfc3339(text),
        }
    }

    fn parse_any_rfc3339(text: &str) -> Result<Self> {
        let error = || Error::malformed("expected an RFC 3339 time with offset");
        let pieces = Pieces::parse(text).map_err(|_| error())?;
        let offset = pieces.to_numeric_offset().ok_or_else(error)?;
        let time = pieces.time().ok_or_else(error)?;
        let instant = offset.to_timestamp(pieces.date().to_datetime(time)).map_err(|_| error())?;
        Ok(Self { unix_ms: instant.as_millisecond(), offset_secs: offset.seconds() })
    }

    /// Reads `yyyy-MM-dd HH:mm:ss` as China time, the form of the Chinese channels.
    pub fn parse_china(text: &str) -> Result<Self> {
        let error = || Error::malformed("expected a time like 2026-11-11 00:00:09");
        if text.len() != 19 {
            return Err(error());
        }
        let datetime = civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).map_err(|_| error())?;
        let offset = Offset::from_seconds(Self::CHINA_OFFSET_SECS).map_err(|_| error())?;
        let instant = offset.to_timestamp(datetime).map_err(|_| error())?;
        Ok(Self { unix_ms: instant.as_millisecond(), offset_secs: offset.seconds() })
    }

    /// Writes `yyyy-MM-dd HH:mm:ss` in China time.
    pub fn to_china(self) -> String {
        let shown = self.in_offset(Self::CHINA_OFFSET_SECS);
        shown.civil().map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// Later by a duration; stays at the end of time instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { unix_ms: self.unix_ms.saturating_add(ms), ..self }
    }

    /// Earlier by a duration; stays at the beginning of time instead of overflowing.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { unix_ms: self.unix_ms.saturating_sub(ms), ..self }
    }

    /// Time from `earlier` to this moment; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let ms = self.unix_ms.saturating_sub(earlier.unix_ms);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    fn civil(self) -> Option<civil::DateTime> {
        let offset = Offset::from_seconds(self.offset_secs).ok()?;
        Some(offset.to_datetime(Instant::from_millisecond(self.unix_ms).ok()?))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; common::LENGTH];
        if let Some(written) = common::write(self.unix_ms, self.offset_secs, &mut text) {
            return f.write_str(written);
        }
        let Some(at) = self.civil() else { return f.write_str("out-of-range") };
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        let millis = self.unix_ms.rem_euclid(1000);
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        if self.offset_secs == 0 {
            return f.write_str("Z");
        }
        let sign = if self.offset_secs < 0 { '-' } else { '+' };
        let minutes = self.offset_secs.unsigned_abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut text = [0; common::LENGTH];
        match common::write(self.unix_ms, self.offset_secs, &mut text) {
            Some(written) => serializer.serialize_str(written),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time with offset")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Timestamp, E> {
        Timestamp::parse_rfc3339(text)
            .map_err(|_| E::custom("expected an RFC 3339 time with offset"))
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_keep_their_instant_and_their_offset() {
        let china = Timestamp::parse_china("2026-11-11 00:00:09").unwrap();
        assert_eq!(china.to_string(), "2026-11-11T00:00:09+08:00");
        assert_eq!(china.to_china(), "2026-11-11 00:00:09");
        assert_eq!(Timestamp::parse_rfc3339(&china.to_string()).unwrap(), china);
        let utc = Timestamp::parse_rfc3339("2026-11-10T16:00:09.250Z").unwrap();
        assert_eq!(utc.unix_ms(), china.unix_ms() + 250);
        assert_eq!(utc.to_string(), "2026-11-10T16:00:09.250Z");
        let before = Timestamp::parse_rfc3339("1969-12-31T23:59:59.500-03:30").unwrap();
        assert_eq!(before.to_string(), "1969-12-31T23:59:59.500-03:30");
    }

    #[test]
    fn impossible_and_ambiguous_times_are_refused() {
        for wrong in ["2026-02-30T00:00:00Z", "2026-11-11T00:00:09", "2026-11-11", "1700000000", ""]
        {
            assert!(Timestamp::parse_rfc3339(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "2026-02-30 00:00:00",
            "2026-11-11T00:00:09",
            "2026-1-11 00:00:09",
            "0000-00-00 00:00:00",
        ] {
            assert!(Timestamp::parse_china(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_reader_and_writer_agree_with_the_slow_ones(
            unix_ms in -62_000_000_000_000_i64..253_300_000_000_000,
            whole in any::<bool>(),
            offset in -1439_i32..1440,
        ) {
            let unix_ms = if whole { unix_ms - unix_ms.rem_euclid(1000) } else { unix_ms };
            let moment = Timestamp::from_unix_ms(unix_ms).in_offset(offset * 60);
            let text = moment.to_string();
            prop_assert_eq!(Timestamp::parse_any_rfc3339(&text).unwrap(), moment);
            prop_assert_eq!(Timestamp::parse_rfc3339(&text).unwrap(), moment);
            prop_assert_eq!(serde_json::to_string(&moment).unwrap(), format!("\"{text}\""));
        }

        #[test]
        fn the_fast_reader_takes_nothing_that_the_slow_one_refuses(
            text in "[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{3})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            let slow = Timestamp::parse_any_rfc3339(&text).ok();
            prop_assert_eq!(Timestamp::parse_rfc3339(&text).ok(), slow, "{}", text);
        }
    }
}
