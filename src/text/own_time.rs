//! A time that a line says in the form of RFC 3339, as TIMESTAMP has it (RFC 5424, section 6.2.3). Pure.

use memchr::memchr;

/// Such a time: at most six digits behind the point, without zeros at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTime {
    bytes: [u8; LONGEST],
    len: u8,
}

/// `2026-11-29T10:20:30.123456+01:00`.
const LONGEST: usize = 32;
/// `2026-11-29T10:20:30`.
const SECONDS: usize = 19;
/// `2026-11-29T10:20:30.123456`.
const MICROSECONDS: usize = 26;
/// The form of a time in nanoseconds: digits stand for any.
const NANOSECONDS: &[u8; 30] = b"0000-00-00T00:00:00.000000000Z";

impl OwnTime {
    /// `text` as a TIMESTAMP; more digits than that may have are cut. None where it is no such time.
    #[must_use]
    pub fn rfc3339(text: &[u8]) -> Option<Self> {
        match text.try_into() {
            Ok(text) => Self::in_nanoseconds(text),
            Err(_) => padded(text).and_then(|text| Self::in_nanoseconds(&text)),
        }
        .or_else(|| Self::in_any_form(text))
    }

    /// The same for what container runtimes write: UTC with nine digits behind the point.
    fn in_nanoseconds(text: &[u8; Self::FORM]) -> Option<Self> {
        let is_time = Self::has_form(text) && is_in_range(text.first_chunk()?);
        is_time.then(|| Self::cut(text))
    }

    /// Such a time, which is known to be one.
    #[inline]
    fn cut(text: &[u8; Self::FORM]) -> Self {
        let mut time = Self { bytes: [0; LONGEST], len: 0 };
        time.bytes[..MICROSECONDS].copy_from_slice(&text[..MICROSECONDS]);
        let mut kept = MICROSECONDS;
        while time.bytes[kept - 1] == b'0' && kept > SECONDS + 1 {
            kept -= 1;
        }
        if kept == SECONDS + 1 {
            kept = SECONDS;
        }
        if kept < MICROSECONDS {
            time.bytes[kept..MICROSECONDS].fill(0);
        }
        time.bytes[kept] = b'Z';
        time.len = kept as u8 + 1;
        time
    }

    fn in_any_form(text: &[u8]) -> Option<Self> {
        let (seconds, rest) = text.split_first_chunk::<SECONDS>()?;
        let shape = b"0000-00-00T00:00:00";
        let fits = |(&byte, &form): (&u8, &u8)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        };
        if !seconds.iter().zip(shape).all(fits) || !is_in_range(seconds) {
            return None;
        }
        let fraction = rest.strip_prefix(b".").unwrap_or_default();
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let offset = match (rest.first()?, digits) {
            (b'.', 0) => return None,
            (b'.', digits) => &fraction[digits..],
            _ => rest,
        };
        if !is_offset(offset) {
            return None;
        }
        let mut kept = digits.min(6);
        while kept > 0 && fraction[kept - 1] == b'0' {
            kept -= 1;
        }
        let mut time = Self { bytes: [0; LONGEST], len: 0 };
        time.push(seconds);
        if kept > 0 {
            time.push(b".");
            time.push(&fraction[..kept]);
        }
        time.push(offset);
        Some(time)
    }

    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }

    /// As TIMESTAMP.
    #[must_use]
    pub fn text(&self) -> &str {
        // It holds nothing but ASCII.
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The same, as bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How long a time is that [has the form](Self::has_form) in which container runtimes write it.
    pub(super) const FORM: usize = NANOSECONDS.len();

    /// Whether digits and all else stand where they do in a time in UTC with nine digits behind the point.
    #[inline]
    pub(super) fn has_form(text: &[u8; Self::FORM]) -> bool {
        // Some bytes twice.
        let bad = deviation::<0>(text) | deviation::<8>(text) | deviation::<16>(text);
        (bad | deviation::<22>(text)) & HIGH == 0
    }
}

/// Reads the times that container runtimes write, one line's after the other's: most are within the same second.
#[derive(Debug)]
pub(super) struct OwnTimeReader {
    /// A date and time up to the second, which are ones.
    known: [u8; SECONDS],
}

impl Default for OwnTimeReader {
    fn default() -> Self {
        Self { known: *b"2026-11-29T10:20:30" }
    }
}

impl OwnTimeReader {
    /// The time with which a line begins, as a TIMESTAMP, and what stands behind it. None where it is none in UTC that
    /// has a space behind it, or has no digits behind the point.
    #[inline]
    pub(super) fn leading<'a>(&mut self, line: &'a [u8]) -> Option<(OwnTime, &'a [u8])> {
        let (time, rest) = line.split_first_chunk()?;
        match time[OwnTime::FORM - 1] {
            b'Z' => Some((self.in_nanoseconds(time)?, rest)),
            _ => self.leading_shorter(line),
        }
    }

    fn leading_shorter<'a>(&mut self, line: &'a [u8]) -> Option<(OwnTime, &'a [u8])> {
        let (time, rest) = line.split_at(memchr(b' ', line)?);
        Some((self.in_nanoseconds(&padded(time)?)?, rest))
    }

    /// `text` as a TIMESTAMP, if it is a time in UTC with nine digits behind the point.
    #[inline]
    fn in_nanoseconds(&mut self, text: &[u8; OwnTime::FORM]) -> Option<OwnTime> {
        let seconds = text.first_chunk()?;
        if *seconds != self.known {
            let time = OwnTime::in_nanoseconds(text)?;
            self.known = *seconds;
            return Some(time);
        }
        let bad = deviation::<SECONDS>(text) | deviation::<22>(text);
        (bad & HIGH == 0).then(|| OwnTime::cut(text))
    }
}

/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Has the highest bit of a byte set where one of the eight bytes from `AT` on is no digit and should be one, or not
/// what the form has there. Eight bytes at once: what is left of a byte, once what the form has is taken out, may be
/// 9 where the form has a digit and 0 elsewhere; more than that reaches the highest bit by an addition.
#[inline]
fn deviation<const AT: usize>(text: &[u8; OwnTime::FORM]) -> u64 {
    const fn word<const AT: usize>(bytes: &[u8; OwnTime::FORM]) -> u64 {
        let (mut word, mut at) = ([0; 8], 0);
        while at < word.len() {
            word[at] = bytes[AT + at];
            at += 1;
        }
        u64::from_le_bytes(word)
    }
    const fn lacking<const AT: usize>() -> u64 {
        let (mut word, mut at) = ([0; 8], 0);
        while at < word.len() {
            word[at] = if NANOSECONDS[AT + at] == b'0' { 0x80 - 10 } else { 0x80 - 1 };
            at += 1;
        }
        u64::from_le_bytes(word)
    }
    let left = word::<AT>(text) ^ const { word::<AT>(NANOSECONDS) };
    // A carry comes only out of a byte whose highest bit is set.
    left | left.wrapping_add(const { lacking::<AT>() })
}

/// A time in UTC with fewer digits behind the point, with zeros behind them: Go leaves those out.
fn padded(text: &[u8]) -> Option<[u8; OwnTime::FORM]> {
    let text = text.strip_suffix(b"Z")?;
    let is_less = text.len() > SECONDS + 1 && text.len() < OwnTime::FORM - 1;
    let mut all = *NANOSECONDS;
    all.get_mut(..text.len()).filter(|_| is_less)?.copy_from_slice(text);
    Some(all)
}

/// RFC 5424 has no leap seconds.
fn is_in_range(seconds: &[u8; SECONDS]) -> bool {
    let number = |at: usize| (seconds[at] - b'0') * 10 + (seconds[at + 1] - b'0');
    (1..=12).contains(&number(5))
        && (1..=days(number(5), number(0), number(2))).contains(&number(8))
        && number(11) < 24
        && number(14) < 60
        && number(17) < 60
}

/// How many days a month has, in the year of these two digits and two more (the Gregorian calendar, RFC 3339,
/// appendix C).
fn days(month: u8, century: u8, year: u8) -> u8 {
    let is_leap = if year == 0 { century.is_multiple_of(4) } else { year.is_multiple_of(4) };
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_offset(offset: &[u8]) -> bool {
    match offset {
        b"Z" => true,
        [b'+' | b'-', hours @ .., b':', ten @ b'0'..=b'5', one] => {
            let [first, second] = hours else { return false };
            let are_digits = [first, second, ten, one].iter().all(|byte| byte.is_ascii_digit());
            are_digits && (first - b'0') * 10 + (second - b'0') < 24
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nanoseconds_are_read_as_any_other_time(
            text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.([0-9]{1,3}|000){1,3})?[Zz]",
            at in 0usize..60, byte: u8,
        ) {
            let mut text = text.into_bytes();
            prop_assert_eq!(OwnTime::rfc3339(&text), OwnTime::in_any_form(&text));
            // Half of them have one byte that is another.
            text.get_mut(at).into_iter().for_each(|it| *it = byte);
            prop_assert_eq!(OwnTime::rfc3339(&text), OwnTime::in_any_form(&text));
            if let Ok(text) = <&[u8; OwnTime::FORM]>::try_from(&*text) {
                prop_assert_eq!(OwnTime::in_nanoseconds(text), OwnTime::in_any_form(text));
            }
        }

        #[test]
        fn times_are_the_same_whatever_was_read_before(
            texts in proptest::collection::vec(r"2026-11-(29T10:20:30|30T10:20:30|32T1:x)[.:][0-9]{8}[0-9x]Z", 0..9),
        ) {
            let mut reader = OwnTimeReader::default();
            for text in &texts {
                let text: &[u8; OwnTime::FORM] = text.as_bytes().try_into().unwrap_or(NANOSECONDS);
                prop_assert_eq!(reader.in_nanoseconds(text), OwnTime::in_any_form(text));
            }
        }
    }

    #[test]
    fn times_are_those_of_the_rfc() {
        let text =
            |text: &str| OwnTime::rfc3339(text.as_bytes()).map(|time| time.text().to_owned());
        for (given, expected) in [
            ("2026-11-29T10:20:30Z", "2026-11-29T10:20:30Z"),
            ("2026-11-29T10:20:30.123456789Z", "2026-11-29T10:20:30.123456Z"),
            ("2026-11-29T10:20:30.100000000-03:30", "2026-11-29T10:20:30.1-03:30"),
            ("2026-11-29T10:20:30.000000+00:00", "2026-11-29T10:20:30+00:00"),
            ("2024-02-29T10:20:30Z", "2024-02-29T10:20:30Z"),
            ("2000-02-29T10:20:30Z", "2000-02-29T10:20:30Z"),
        ] {
            assert_eq!(text(given).as_deref(), Some(expected));
        }
        for given in [
            "",
            "2026-11-29",
            "2026-11-29 10:20:30Z",
            "2026-11-29T10:20:30",
            "2026-11-29T10:20:60Z",
            "2026-13-29T10:20:30Z",
            "2026-02-29T10:20:30Z",
            "2100-02-29T10:20:30Z",
            "2026-11-31T10:20:30Z",
            "2026-11-29T24:20:30Z",
            "2026-11-29T10:20:30.Z",
            "2026-11-29T10:20:30+1:00",
            "2026-11-29T10:20:30+24:00",
            "2026-11-29T10:20:30+01:60",
            "2026-11-29T10:20:30Zx",
        ] {
            assert_eq!(text(given), None, "{given}");
        }
    }
}
