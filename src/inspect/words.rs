//! Numbers in words for people. Pure.

use std::time::Duration;

use humansize::{BINARY, FormatSizeOptions, format_size};
use jiff::Timestamp;

/// "512 B", "1.5 KiB".
pub(super) fn bytes(count: u64) -> String {
    // What the library says as well, but by way of a fraction.
    if count < 1024 {
        return format!("{count} B");
    }
    format_size(count, FormatSizeOptions::from(BINARY).decimal_places(1))
}

/// "1 file", "12 files".
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// In the largest unit of which there is one: "59 s", "3 min", "26 h", "3 d".
pub(super) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Whole days from one time to another.
pub(super) fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// "2027-01-31".
pub(super) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// "valid until 2027-01-31, 67 more days".
pub(super) fn until(end: Timestamp, now: Timestamp) -> String {
    match now > end {
        true => format!("expired on {}, {} days ago", date(end), days(end, now)),
        false => format!("valid until {}, {} more days", date(end), days(now, end)),
    }
}

/// How many characters a bar has.
const BAR: u64 = 10;

/// A bar that is filled as far as `part` is of `whole`; it is full only where that is all.
pub(super) fn bar(part: u64, whole: u64) -> String {
    let filled = (u128::from(part) * u128::from(BAR)).checked_div(whole.into());
    let filled = filled.unwrap_or(BAR.into()).min(BAR.into()) as usize;
    format!("{:.<1$}", "#".repeat(filled), BAR as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts() {
        let said = [0, 1023, 1024, 1536, 5 << 20, u64::MAX].map(bytes);
        assert_eq!(said, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "5 MiB", "16 EiB"]);
        assert_eq!([0, 1, 2].map(|n| count(n, "file", "files")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn ages() {
        let said = [0, 59, 60, 3599, 3600, 172_799, 172_800].map(|s| age(Duration::from_secs(s)));
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]);
    }

    #[test]
    fn a_bar_shows_the_first_byte_and_never_overflows() {
        assert_eq!(bar(0, 100), "..........");
        assert_eq!(bar(1, u64::MAX), "..........");
        assert_eq!(bar(u64::MAX - 1, u64::MAX), "#########.");
        assert_eq!(bar(50, 100), "#####.....");
        assert_eq!(bar(u64::MAX, u64::MAX), "##########");
        assert_eq!(bar(0, 0), "##########");
    }
}
