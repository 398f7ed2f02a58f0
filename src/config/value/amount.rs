//! Bytes, messages and lines, and bytes a second.

use crate::pipeline::bucket::ByteRate;
use crate::text::Multiline;

/// RFC 5424, section 6.1: every receiver must take messages of this length.
pub(in crate::config) const MESSAGE_MIN: usize = 480;

/// What fits in a datagram.
const DATAGRAM_MAX: usize = 65_507;

/// Least bytes a second: with fewer a batch takes minutes.
const RATE_MIN: u64 = 1000;

/// More than any network has.
const RATE_MAX: u64 = 1 << 50;

/// So many messages were seen to be stored before the first was answered (imrelp). There are hardly
/// ever as many in memory.
const WINDOW_MAX: usize = 100_000;

/// More lines do not fit into what is joined.
const LINES_MAX: usize = Multiline::LARGEST;

/// How many messages may be unanswered over RELP: 1 to [`WINDOW_MAX`].
pub(in crate::config) fn window(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(window @ 1..=WINDOW_MAX) => Ok(window),
        _ => Err(format!("{text:?} is not a number of messages; write 1 to {WINDOW_MAX}")),
    }
}

/// Bytes a second, and how many may go at once: as many as in a second, unless it is said.
pub(in crate::config) fn rate_limit(text: &str) -> Result<ByteRate, String> {
    let (rate, burst) = match text.split_once("burst") {
        Some((rate, burst)) => (rate, Some(burst)),
        None => (text, None),
    };
    let rate = rate.trim();
    let bytes_per_second = amount(rate.strip_suffix("/s").unwrap_or(rate));
    let burst = burst.map_or(bytes_per_second, |burst| amount(burst.trim()));
    match bytes_per_second.zip(burst) {
        Some((bytes_per_second, burst)) if bytes_per_second >= RATE_MIN && burst > 0 => {
            Ok(ByteRate { bytes_per_second, burst })
        }
        Some(_) => Err(format!(
            "{text:?} lets next to nothing pass; write {RATE_MIN} bytes a second or more, or remove it"
        )),
        None => Err(format!(
            "{text:?} is no rate; write 500kB/s, 2MiB/s or 10Mbit/s, and if more may go at once, how \
             much: 500kB/s burst 5MB"
        )),
    }
}

/// So many bytes, in decimal or binary units, or in bits.
fn amount(text: &str) -> Option<u64> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().ok()?;
    let bytes = match unit.trim_start() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kbit" => 125,
        "Mbit" => 125_000,
        "Gbit" => 125_000_000,
        _ => return None,
    };
    number.checked_mul(bytes).filter(|bytes| *bytes <= RATE_MAX)
}

/// The longest message over TCP, TLS or RELP; zero: no limit. Whether a header fits depends on more.
pub(in crate::config) fn stream_length(text: &str) -> Result<Option<usize>, String> {
    bytes(text).map(|length| (length > 0).then_some(length))
}

/// The longest message over UDP.
pub(in crate::config) fn datagram_length(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        0 => Err(format!("a datagram has a limit; write {MESSAGE_MIN} to {DATAGRAM_MAX}")),
        length if length > DATAGRAM_MAX => Err(format!(
            "{text} bytes do not fit in a datagram; write {MESSAGE_MIN} to {DATAGRAM_MAX}"
        )),
        length => Ok(length),
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number of bytes; write a whole number"))
}

/// How many lines a message may have.
pub(in crate::config) fn line_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=LINES_MAX) => Ok(count),
        _ => Err(format!("{text:?} is not a number of lines; write 1 to {LINES_MAX}")),
    }
}

/// How many bytes a message of several lines may have.
pub(in crate::config) fn joined_length(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        length @ 1..=Multiline::LARGEST => Ok(length),
        _ => Err(format!("{text:?} bytes are out of range; write 1 to {}", Multiline::LARGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(stream_length("0"), Ok(None));
        assert_eq!(stream_length("480"), Ok(Some(480)));
        assert_eq!(datagram_length("1024"), Ok(1024));
        for bad in ["0", "70000", "x", "-1"] {
            assert!(datagram_length(bad).is_err(), "{bad}");
        }
        assert_eq!((stream_length("100"), datagram_length("100")), (Ok(Some(100)), Ok(100)));
    }

    #[test]
    fn rates() {
        let rate = |text| rate_limit(text).map(|rate| (rate.bytes_per_second, rate.burst));
        for (text, expected) in [
            ("1000", (1000, 1000)),
            ("500kB/s", (500_000, 500_000)),
            ("2 MiB/s", (2 << 20, 2 << 20)),
            ("8Mbit/s", (1_000_000, 1_000_000)),
            ("500kB/s burst 5MB", (500_000, 5_000_000)),
            ("1GB burst 1", (1_000_000_000, 1)),
        ] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for bad in ["", "fast", "1Mb/s", "-1", "1.5MB", "999", "0", "1MB/s burst", "1MB/s burst 0"]
        {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert!(rate("99999999999999GB").is_err());
    }
}
