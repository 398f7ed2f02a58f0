//! The TIMESTAMP field (RFC 5424, section 6.2.3).

use std::fmt::Write;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Writes times of one zone. What a second has in common is made once for it.
#[derive(Debug)]
pub struct Timestamps {
    zone: TimeZone,
    /// Since the epoch; what the next two belong to.
    second: Option<i64>,
    /// Date and time, to the second.
    date: String,
    offset: String,
    text: String,
}

impl Timestamps {
    /// Times as local time of `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let (date, offset, text) = (String::new(), String::new(), String::new());
        Self { zone, second: None, date, offset, text }
    }

    /// `at`: RFC 3339 with up to six fractional digits, trailing zeros trimmed, and `Z` where the
    /// offset is zero.
    pub fn of(&mut self, at: Timestamp) -> &str {
        let micros = at.as_microsecond();
        let (second, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        if self.second != Some(second) {
            self.turn_to(at);
            self.second = Some(second);
        }
        self.text.clear();
        self.text.push_str(&self.date);
        if micros > 0 {
            // Writing into a String cannot fail.
            let _ = write!(self.text, ".{micros:06}");
            self.text.truncate(self.text.trim_end_matches('0').len());
        }
        self.text.push_str(&self.offset);
        &self.text
    }

    fn turn_to(&mut self, at: Timestamp) {
        let at = at.to_zoned_datetime(self.zone.clone());
        self.date = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let offset = SignedDuration::from_secs(i64::from(at.offset().seconds()));
        self.offset = if offset.is_zero() {
            "Z".to_owned()
        } else {
            let minutes = offset.as_secs() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &TimeZone) -> String {
        Timestamps::new(zone.clone()).of(text.parse().unwrap()).to_owned()
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

    #[test]
    fn one_after_the_other_is_as_each_by_itself() {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(7200).unwrap());
        let mut timestamps = Timestamps::new(zone.clone());
        for text in [
            "2026-11-23T10:20:30.999999Z",
            "2026-11-23T10:20:30Z",
            "2026-11-23T10:20:31.5Z",
            "2026-11-23T10:20:30.25Z",
            "1969-12-31T23:59:59.75Z",
            "1970-01-01T00:00:00.25Z",
        ] {
            assert_eq!(timestamps.of(text.parse().unwrap()), at(text, &zone));
        }
        assert_eq!(at("1969-12-31T23:59:59.75Z", &TimeZone::UTC), "1969-12-31T23:59:59.75Z");
    }
}
