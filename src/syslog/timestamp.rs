//! The TIMESTAMP field (RFC 5424, section 6.2.3).

use std::fmt::Write;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// `at` as local time of `zone`: RFC 3339 with up to six fractional digits, trailing zeros
/// trimmed, and `Z` where the offset is zero.
#[must_use]
pub fn timestamp(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned_datetime(zone.clone());
    let mut text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let micros = at.timestamp().subsec_nanosecond().unsigned_abs() / 1000;
    if micros > 0 {
        let digits = format!("{micros:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    let offset = SignedDuration::from_secs(i64::from(at.offset().seconds()));
    if offset.is_zero() {
        text.push('Z');
    } else {
        let minutes = offset.as_secs() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        // Writing into a String cannot fail.
        let _ = write!(text, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &TimeZone) -> String {
        timestamp(text.parse().unwrap(), zone)
    }

    #[test]
    fn fraction_is_trimmed_and_cut_to_microseconds() {
        for (given, expected) in [
            ("2026-11-23T10:20:30Z", "2026-11-23T10:20:30Z"),
            ("2026-11-23T10:20:30.5Z", "2026-11-23T10:20:30.5Z"),
            ("2026-11-23T10:20:30.000120Z", "2026-11-23T10:20:30.00012Z"),
            ("2026-11-23T10:20:30.123456789Z", "2026-11-23T10:20:30.123456Z"),
            ("2026-11-23T10:20:30.000000999Z", "2026-11-23T10:20:30Z"),
        ] {
            assert_eq!(at(given, &TimeZone::UTC), expected);
        }
    }

    #[test]
    fn offsets_are_hours_and_minutes() {
        let zone = |seconds| TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).unwrap());
        assert_eq!(at("2026-11-23T10:20:30.5Z", &zone(19800)), "2026-11-23T15:50:30.5+05:30");
        assert_eq!(at("2026-11-23T10:20:30Z", &zone(-12600)), "2026-11-23T06:50:30-03:30");
    }
}
