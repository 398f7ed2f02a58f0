//! What time a message carries, and times as they stand in lines.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// What the TIMESTAMP of the messages of one file says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum MessageTime {
    /// When the line was read.
    #[default]
    Read,
    /// When the line was written: as it says itself in this format, else as its file's modification
    /// time says.
    Written(Option<Arc<TimeFormat>>),
}

/// How a time stands in a line: the directives of strptime(3), as jiff reads them
/// (`jiff::fmt::strtime`), and two things besides. Any form of `%z` takes any form of an offset, a `Z`
/// included (RFC 3339), and digits behind `%s.` are a fraction of a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    text: String,
    /// What stands before and behind its offset, where it has one.
    around_offset: Option<(String, String)>,
    start: TimeStart,
}

/// What a time in that format begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeStart {
    Sign(u8),
    /// The first of several digits.
    Digit,
    /// The first of several letters.
    Letter,
    Anything,
}

/// A time that begins further behind in a line is not found, in bytes.
const SEARCHED: usize = 1024;
/// No time is longer, in bytes.
const LONGEST: usize = 256;
/// How far back a year is looked for, in years: so long may it take until a 29th of February is a
/// certain weekday again.
const YEARS: i16 = 40;
/// The same for a day, in days.
const DAYS: i64 = 7;
/// How much later than now a line may be written whose year is looked for, and one whose day is:
/// clocks differ.
const YEAR_LEEWAY: SignedDuration = SignedDuration::from_hours(7 * 24);
const DAY_LEEWAY: SignedDuration = SignedDuration::from_hours(1);
/// The first second of the third day of the year 0. RFC 3339 knows no earlier year, and no zone is two
/// days from UTC.
const EARLIEST: i64 = -62_167_046_400;
/// A time to try formats on: no two of its parts are the same.
const SAMPLE: i64 = 1_795_958_114;

impl TimeFormat {
    /// Reads a format.
    ///
    /// # Errors
    /// It holds what strptime does not know, or gives no time; in words, without what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        // It is found behind blanks anyway.
        let text = text.trim_ascii_start();
        let start = TimeStart::of(text);
        let format = Self { text: text.to_owned(), around_offset: around_offset(text), start };
        let now = Timestamp::constant(SAMPLE, 123_456_000);
        let sample = now.to_zoned_datetime(TimeZone::UTC);
        let printed = strtime::format(text, &sample).map_err(|error| error.to_string())?;
        BrokenDownTime::parse(text, &printed).map_err(|error| error.to_string())?;
        match format.find(printed.as_bytes(), now, &TimeZone::UTC) {
            Some(_) => Ok(format),
            None => Err("it says neither a day nor an hour".to_owned()),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time that the first kilobyte of `line` holds in this format; the first where it holds
    /// several. A time without an offset is local time of `zone`. Of a year that is not written, the
    /// last is meant in which the time is not more than a week after `now`; of a day, the last on
    /// which it is not more than an hour after.
    #[must_use]
    pub fn find(&self, line: &[u8], now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let searched = &line[..line.len().min(SEARCHED)];
        (0..searched.len()).filter(|&at| self.start.is_at(searched, at)).find_map(|at| {
            let input = &line[at..line.len().min(at + LONGEST)];
            let time = instant(self.read(input)?, now, zone)?;
            (time.as_second() >= EARLIEST).then_some(time)
        })
    }

    /// What `input` begins with.
    fn read(&self, input: &[u8]) -> Option<BrokenDownTime> {
        let Some((before, behind)) = &self.around_offset else {
            return Some(BrokenDownTime::parse_prefix(&self.text, input).ok()?.0);
        };
        let (mut time, read) = BrokenDownTime::parse_prefix(before, input).ok()?;
        let (offset, length) = offset(&input[read..])?;
        let rest = &input[read + length..];
        if behind.contains('%') {
            // As if no offset stood there.
            let input = [&input[..read], rest].concat();
            time = BrokenDownTime::parse_prefix(format!("{before}{behind}"), input).ok()?.0;
        } else {
            BrokenDownTime::parse_prefix(behind, rest).ok()?;
        }
        time.set_offset(Some(offset));
        Some(time)
    }
}

impl TimeStart {
    fn of(format: &str) -> Self {
        let mut bytes = format.bytes();
        match bytes.next() {
            Some(b'%') => {}
            Some(sign) => return Self::Sign(sign),
            None => return Self::Anything,
        }
        match bytes.find(|byte| !is_modifier(*byte)) {
            Some(b'%') => Self::Sign(b'%'),
            Some(b'A' | b'a' | b'B' | b'b' | b'h' | b'P' | b'p') => Self::Letter,
            Some(b'n' | b't' | b'z' | b'Q' | b'.') | None => Self::Anything,
            Some(_) => Self::Digit,
        }
    }

    fn is_at(self, line: &[u8], at: usize) -> bool {
        let is_first = || {
            let before = &line[..at];
            !before.last().is_some_and(u8::is_ascii_alphanumeric) || is_behind_color(before)
        };
        match self {
            Self::Sign(sign) => line[at] == sign,
            Self::Digit => line[at].is_ascii_digit() && is_first(),
            Self::Letter => line[at].is_ascii_alphabetic() && is_first(),
            Self::Anything => true,
        }
    }
}

/// Whether a line ends with a sequence that sets colours, as terminals take it (ECMA-48, section 8.3.117).
fn is_behind_color(line: &[u8]) -> bool {
    let is_parameter = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
    let Some(sequence) = line.strip_suffix(b"m") else { return false };
    let parameters = sequence.iter().rev().take_while(is_parameter).count();
    sequence[..sequence.len() - parameters].ends_with(b"\x1B[")
}

/// What may stand between a `%` and its letter.
fn is_modifier(byte: u8) -> bool {
    byte.is_ascii_digit() || b"_-^#:".contains(&byte)
}

/// What stands before and behind the first `%z` of any form.
fn around_offset(format: &str) -> Option<(String, String)> {
    let mut from = 0;
    while let Some(percent) = format[from..].find('%') {
        let start = from + percent;
        let rest = &format.as_bytes()[start + 1..];
        let end = start + 2 + rest.iter().position(|byte| !is_modifier(*byte))?;
        if format.as_bytes()[end - 1] == b'z' {
            return Some((format[..start].to_owned(), format[end..].to_owned()));
        }
        from = format.ceil_char_boundary(end);
    }
    None
}

/// The offset from UTC that `input` begins with, and its length: `Z`, `+01`, `+0100` or `+01:00`.
fn offset(input: &[u8]) -> Option<(Offset, usize)> {
    let (&sign, rest) = input.split_first()?;
    if sign.eq_ignore_ascii_case(&b'z') {
        let ends = !rest.first().is_some_and(u8::is_ascii_alphanumeric);
        return ends.then_some((Offset::UTC, 1));
    }
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = two_digits(rest)?;
    let colon = usize::from(rest.get(2) == Some(&b':'));
    let minutes = two_digits(&rest[2 + colon..]).filter(|&minutes| minutes < 60);
    let length = minutes.map_or(3, |_| 5 + colon);
    let seconds = sign * (hours * 3600 + minutes.unwrap_or(0) * 60);
    Some((Offset::from_seconds(seconds).ok()?, length))
}

fn two_digits(input: &[u8]) -> Option<i32> {
    let digit = |at: usize| input.get(at).filter(|it| it.is_ascii_digit()).map(|it| it - b'0');
    Some(i32::from(digit(0)?) * 10 + i32::from(digit(1)?))
}

/// The instant that `time` means.
fn instant(mut time: BrokenDownTime, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(seconds) = time.timestamp() {
        let fraction = i64::from(time.subsec_nanosecond().unwrap_or(0));
        return seconds.checked_add(SignedDuration::from_nanos(fraction)).ok();
    }
    if time.year().is_some() || time.iso_week_year().is_some() {
        return dated(&time, zone);
    }
    let today = now.to_zoned_datetime(zone.clone()).datetime().date();
    let has_week = time.sunday_based_week().or(time.monday_based_week()).is_some();
    if time.day().is_some() || time.day_of_year().is_some() || has_week {
        let latest = now.checked_add(YEAR_LEEWAY).ok()?;
        let mut years = (-1..=YEARS).map(|back| today.year() - back);
        return years.find_map(|year| in_year(&mut time, year, zone).filter(|it| *it <= latest));
    }
    time.hour()?;
    let latest = now.checked_add(DAY_LEEWAY).ok()?;
    (-1..=DAYS).find_map(|back| {
        let day = today.checked_sub(SignedDuration::from_hours(24 * back)).ok()?;
        on_day(&mut time, day, zone).filter(|it| *it <= latest)
    })
}

fn in_year(time: &mut BrokenDownTime, year: i16, zone: &TimeZone) -> Option<Timestamp> {
    time.set_year(Some(year)).ok()?;
    dated(time, zone)
}

fn on_day(time: &mut BrokenDownTime, day: Date, zone: &TimeZone) -> Option<Timestamp> {
    time.set_month(Some(day.month())).ok()?;
    time.set_day(Some(day.day())).ok()?;
    in_year(time, day.year(), zone)
}

/// The instant of a time whose date is complete.
fn dated(time: &BrokenDownTime, zone: &TimeZone) -> Option<Timestamp> {
    if time.iana_time_zone().is_some() {
        return time.to_zoned_datetime().ok().map(|zoned| zoned.timestamp());
    }
    match time.offset() {
        Some(_) => time.to_timestamp().ok(),
        None => zone.to_timestamp(time.to_datetime().ok()?).ok(),
    }
}

#[cfg(test)]
mod tests;
