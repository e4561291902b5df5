//! The common form of RFC 3339, `YYYY-MM-DDTHH:MM:SS(.mmm)?(Z|±HH:MM)`, read and written without a calendar library.
//!
//! An order carries five times and more, so this is a visible part of reading one. Every other form, and every moment
//! outside the years 1000 to 9998, is left to the library: `None` says "not mine", never "wrong".

/// Longest text: milliseconds and a numeric offset.
pub(super) const LENGTH: usize = 29;

const DAY_MS: i64 = 86_400_000;
/// 1000-01-02 and 9998-12-30, so that no offset leaves the years 1000 to 9998.
const FIRST_MS: i64 = -30_610_224_000_000 + DAY_MS;
const LAST_MS: i64 = 253_370_764_800_000 - 2 * DAY_MS;
const LARGEST_OFFSET_SECS: i32 = 86_340;

/// Milliseconds since 1970 and offset in seconds.
pub(super) fn read(text: &[u8]) -> Option<(i64, i32)> {
    let (moment, rest) = text.split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1] =
        *moment
    else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(i0, i1)?, two(s0, s1)?);
    let is_real = (1000..=9998).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_real {
        return None;
    }
    let (millis, rest) = match *rest {
        [b'.', a, b, c, ..] => (two(b'0', a)? * 100 + two(b, c)?, rest.get(4..)?),
        _ => (0, rest),
    };
    let offset_minutes = match *rest {
        [b'Z'] => 0,
        // Minus zero means "offset unknown", which the library must judge.
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let (hours, minutes) = (two(a, b)?, two(c, d)?);
            let total = hours * 60 + minutes;
            if hours > 23 || minutes > 59 || (sign == b'-' && total == 0) {
                return None;
            }
            if sign == b'-' { -total } else { total }
        }
        _ => return None,
    };
    let local_secs =
        days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let unix_ms = (local_secs - offset_minutes * 60) * 1000 + millis;
    Some((unix_ms, i32::try_from(offset_minutes * 60).ok()?))
}

/// Writes into `text` and gives what was written. Milliseconds are left out when they are zero.
pub(super) fn write(unix_ms: i64, offset_secs: i32, text: &mut [u8; LENGTH]) -> Option<&str> {
    let whole_minutes = offset_secs % 60 == 0 && offset_secs.abs() <= LARGEST_OFFSET_SECS;
    if !(FIRST_MS..=LAST_MS).contains(&unix_ms) || !whole_minutes {
        return None;
    }
    let local_ms = unix_ms + i64::from(offset_secs) * 1000;
    let (year, month, day) = civil(local_ms.div_euclid(DAY_MS));
    let of_day = local_ms.rem_euclid(DAY_MS);
    let (secs, millis) = (of_day / 1000, of_day % 1000);
    *text = *b"0000-00-00T00:00:00.000+00:00";
    let [y0, y1, y2, y3, _, m0, m1, _, d0, d1, _, h0, h1, _, i0, i1, _, s0, s1, ..] = text;
    put(y0, y1, year / 100);
    put(y2, y3, year % 100);
    put(m0, m1, month);
    put(d0, d1, day);
    put(h0, h1, secs / 3600);
    put(i0, i1, secs / 60 % 60);
    put(s0, s1, secs % 60);
    let mut length = 19;
    if millis != 0 {
        let [a, b, c] = text.get_mut(20..23)?.first_chunk_mut::<3>()?;
        *a = digit(millis / 100);
        put(b, c, millis % 100);
        length = 23;
    }
    let tail = text.get_mut(length..)?;
    if offset_secs == 0 {
        *tail.first_mut()? = b'Z';
        length += 1;
    } else {
        let [sign, a, b, colon, c, d] = tail.first_chunk_mut::<6>()?;
        let minutes = i64::from(offset_secs.abs() / 60);
        *sign = if offset_secs < 0 { b'-' } else { b'+' };
        put(a, b, minutes / 60);
        *colon = b':';
        put(c, d, minutes % 60);
        length += 6;
    }
    std::str::from_utf8(text.get(..length)?).ok()
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let both_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    both_digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

fn put(tens: &mut u8, ones: &mut u8, number: i64) {
    *tens = digit(number / 10);
    *ones = digit(number % 10);
}

fn digit(number: i64) -> u8 {
    b'0' + u8::try_from(number).unwrap_or(0)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Years are counted from March, so that the leap day is the last of its year; 400 of them have 146,097 days.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse: year, month, day.
fn civil(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
