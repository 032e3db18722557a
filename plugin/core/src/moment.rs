//! Reading and writing dates (RFC 3339); four of them are in every record.
//!
//! The vendor writes `2024-07-11T20:46:25.269650Z`, and its reference examples
//! have a space and an offset instead. A general date library would be a third
//! of the component's size; this reads the one form, and a test compares it
//! with the library.

use appsec_model::Timestamp;

/// The moment that a text names. None where it is no date with an offset.
pub fn read(text: &str) -> Option<Timestamp> {
    let mut rest = text.trim_ascii().as_bytes();
    let year = number(&mut rest, 4)?;
    symbol(&mut rest, b"-")?;
    let month = number(&mut rest, 2)?;
    symbol(&mut rest, b"-")?;
    let day = number(&mut rest, 2)?;
    symbol(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    symbol(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    symbol(&mut rest, b":")?;
    let second = number(&mut rest, 2)?;
    let micros = fraction(&mut rest)?;
    let offset_minutes = offset(rest)?;
    let in_calendar = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !in_calendar || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some(Timestamp::from_micros((minutes * 60 + second) * 1_000_000 + micros))
}

/// The text of a moment, for a parameter of a request: a moment outside of the
/// years 1970 to 9999 is the nearest one inside.
pub fn write(moment: Timestamp) -> String {
    const LAST: i64 = 253_402_300_799_999_999;
    let micros = moment.as_micros().clamp(0, LAST);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Takes a number of exactly so many digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    head.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + i64::from(digit))
    })
}

/// Takes one of some symbols.
fn symbol(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    allowed.contains(first).then_some(*first)
}

/// Takes the fraction of a second, if there is one, in microseconds. Further
/// digits are dropped.
fn fraction(rest: &mut &[u8]) -> Option<i64> {
    if rest.first() != Some(&b'.') {
        return Some(0);
    }
    symbol(rest, b".")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let mut micros = rest.get(..digits.min(6))?;
    *rest = rest.get(digits..)?;
    let missing = 6 - u32::try_from(micros.len()).ok()?;
    let length = micros.len();
    Some(number(&mut micros, length)? * 10_i64.pow(missing))
}

/// The offset from UTC that ends a date, in minutes.
fn offset(mut rest: &[u8]) -> Option<i64> {
    let sign = match symbol(&mut rest, b"Zz+-")? {
        b'+' => 1,
        b'-' => -1,
        _ => return rest.is_empty().then_some(0),
    };
    let hours = number(&mut rest, 2)?;
    if rest.first() == Some(&b':') {
        symbol(&mut rest, b":")?;
    }
    let minutes = if rest.is_empty() { 0 } else { number(&mut rest, 2)? };
    (rest.is_empty() && hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, in the calendar that counts years from March so that
/// the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days_before_march_of_year_0 = 719_468;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - days_before_march_of_year_0
}

/// Year, month and day, the reverse of [`days_since_epoch`]. In years from March
/// on, 400 of which have 146,097 days; the year 0 began 719,468 days before 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use appsec_model::Timestamp;
    use proptest::prelude::*;

    use super::{read, write};

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(read(text).map(|moment| moment.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn both_spellings_of_the_vendor_are_read() {
        check("2024-07-11T20:46:25.269650Z", Some("2024-07-11T20:46:25.26965Z"));
        check("2020-11-18 23:28:12.391807+00:00", Some("2020-11-18T23:28:12.391807Z"));
        check(" 2026-02-28t23:59:59-0130 ", Some("2026-03-01T01:29:59Z"));
        check("1970-01-01T00:00:00+14", Some("1969-12-31T10:00:00Z"));
        check("2024-02-29T00:00:00.1234567Z", Some("2024-02-29T00:00:00.123456Z"));
    }

    #[test]
    fn what_is_no_date_with_an_offset_is_none() {
        for text in [
            "",
            "yesterday",
            "2024-07-11",
            "2024-07-11T20:46:25",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00Zulu",
            "2024-01-01T00:00:00+25:00",
            "1720730785",
            "２０２４-07-11T20:46:25Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_moment_has_one_text() {
        let check = |micros, expect| assert_eq!(write(Timestamp::from_micros(micros)), expect);
        check(0, "1970-01-01T00:00:00.000000Z");
        check(-1, "1970-01-01T00:00:00.000000Z");
        check(951_782_400_000_001, "2000-02-29T00:00:00.000001Z");
        check(i64::MAX, "9999-12-31T23:59:59.999999Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(micros in 0..253_402_300_799_999_999i64) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(write(moment).parse::<Timestamp>().ok(), Some(moment));
            prop_assert_eq!(read(&write(moment)), Some(moment));
        }

        #[test]
        fn a_library_reads_the_same(
            year in 0i64..9999, month in 1u8..=12, day in 1u8..=31, hour in 0u8..24, minute in 0u8..60,
            second in 0u8..60, fraction in "(\\.[0-9]{1,6})?", offset in "Z|[+-](0[0-9]|1[0-9]):[0-5][0-9]",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
            prop_assert_eq!(read(&text), text.parse::<Timestamp>().ok(), "{}", text);
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let _ = read(&text);
        }
    }
}
