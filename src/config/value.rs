//! What a word means behind a key. Pure; every error says what is wrong and what to write.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Protocol;
use crate::filter::Re2Pattern;
use crate::pipeline::bucket::ByteRate;
use crate::syslog::{Framing, TimeFormat, UnknownName};
use crate::text::{Join, JsonFields, LineEncoding, LineFormat, Multiline, StreamSeverities, Trace};

/// Stands for "no limit": a week, which every timer and socket option can hold.
pub(super) const NO_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// RFC 5424, section 6.1: every receiver must take messages of this length.
pub(super) const MESSAGE_MIN: usize = 480;
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

/// Longest token in bytes; only there to notice a file's content in the place of a token.
const TOKEN_MAX: usize = 255;

/// `true` or `false` in any of the spellings of YAML 1.1 and of Go.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false; write true or false")),
    }
}

/// A port, 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a port number; write 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

/// A port, on the loopback address, or an address and a port.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let alone = port(text).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    alone.or_else(|_| text.parse()).map_err(|_| {
        format!(
            "{text:?} is no address to listen on; write a port, or an address in numbers and a \
             port: 127.0.0.1:9600"
        )
    })
}

/// Whole seconds (`10`), or numbers with units as in Go (`5s`, `1m30s`, `500ms`); at most
/// [`NO_LIMIT`].
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| with_units(text)).map(|duration| duration.min(NO_LIMIT)).ok_or_else(|| {
        format!("{text:?} is not a duration; write whole seconds, or a form such as 5s or 1m30s")
    })
}

/// How long something may stay unproven: 1 s to 1 h.
pub(crate) fn proof_interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval) {
        return Err(format!("{text:?} is out of range; write a duration from 1s to 1h"));
    }
    Ok(interval)
}

/// After how long other receivers are asked again: a duration of at least a second; `None` for `never`
/// and 0.
pub(super) fn failback(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    match duration(text) {
        Ok(Duration::ZERO) => Ok(None),
        Ok(after) if after >= Duration::from_secs(1) => Ok(Some(after)),
        _ => Err(format!(
            "{text:?} is not a time to ask again; write 1 or more seconds, a form such as 5m, or never"
        )),
    }
}

/// `HOST:PORT` as [`host_and_port`] reads it.
pub(crate) fn host_with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `HOST:PORT`, an IPv6 address in brackets.
pub(super) fn host_and_port(text: &str) -> Result<(String, u16), String> {
    if text.contains("://") {
        return Err(format!("{text:?} is a URL; write HOST:PORT, and destination.protocol"));
    }
    let (name, number) = match text.rsplit_once(':') {
        // The colons of an address without brackets.
        Some((name, _)) if name.contains(':') && !name.ends_with(']') => {
            return Err(format!(
                "{text:?} has no port, or is an IPv6 address without brackets; write \"[ADDRESS]:PORT\""
            ));
        }
        Some((name, number)) if !text.ends_with(']') => (name, number),
        _ => return Err(format!("{text:?} has no port; write HOST:PORT")),
    };
    if name.is_empty() {
        return Err(format!("{text:?} has no host; write HOST:PORT"));
    }
    Ok((host(name)?, port(number)?))
}

fn with_units(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, behind) =
            behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        let number: u64 = number.parse().ok()?;
        let seconds = |factor| number.checked_mul(factor).map(Duration::from_secs);
        let part = match unit {
            "ms" => Duration::from_millis(number),
            "s" => seconds(1)?,
            "m" => seconds(60)?,
            "h" => seconds(3600)?,
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

/// How often to look for new files: a duration of at least a second.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_secs(1) {
        return Err(format!("{text:?} is too short; write 1 or more seconds"));
    }
    Ok(interval)
}

/// A duration of which zero means that there is no limit.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text).map(|timeout| if timeout.is_zero() { NO_LIMIT } else { timeout })
}

/// `udp`, `tcp`, `tls`, `relp` or `relp-tls` in any case, the last also with `_`.
pub(super) fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "udp" => Ok(Protocol::Udp),
        "tcp" => Ok(Protocol::Tcp),
        "tls" => Ok(Protocol::Tls),
        "relp" => Ok(Protocol::Relp),
        "relp-tls" => Ok(Protocol::RelpTls),
        _ => Err(format!("{text:?} is not a protocol; write udp, tcp, tls, relp or relp-tls")),
    }
}

/// `newline` or `octet-counted` in any case, the second also with `_`.
pub(super) fn framing(text: &str) -> Result<Framing, String> {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "newline" => Ok(Framing::Newline),
        "octet-counted" => Ok(Framing::OctetCounted),
        _ => Err(format!("{text:?} is not a framing; write newline or octet-counted")),
    }
}

/// A name or an address, without brackets.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bracketed.unwrap_or(text);
    if is_ipv6(bare) {
        return Ok(bare.to_owned());
    }
    if text.contains("://") {
        return Err(format!("{text:?} is a URL; write the name alone, and destination.protocol"));
    }
    if let Some((_, port)) = text.rsplit_once(':')
        && port.parse::<u16>().is_ok()
        && text.matches(':').count() == 1
    {
        return Err(format!("{text:?} holds a port; write the name alone, and destination.port"));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || "[]:/@,;\"'".contains(c);
    if let Some(c) = text.chars().find(|&c| odd(c)) {
        return Err(format!(
            "{text:?} is neither a host name nor an address, for it holds {c:?}; write a name, \
             an IPv4 or an IPv6 address"
        ));
    }
    Ok(text.to_owned())
}

/// A name or an address that a certificate can be for.
pub(super) fn server_name(text: &str) -> Result<String, String> {
    let name = host(text)?;
    match rustls::pki_types::ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => Err(format!(
            "{text:?} is neither a name nor an address that a certificate can be for; write the one that \
             the receiver's certificate bears"
        )),
    }
}

fn is_ipv6(text: &str) -> bool {
    // A link-local address needs its interface, as in fe80::1%eth0.
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// The name part of an SD-ID: printable ASCII without space, `=`, `]` and `"` (RFC 5424, section
/// 6.3.3). The RFC's 32 octets are not enforced: the receivers that ask for a token give out
/// longer ones, and take them. The value is a secret and in no error.
pub(super) fn token(text: &str) -> Result<String, String> {
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '=' | ']' | '"' | '@');
    if let Some((at, c)) = text.chars().enumerate().find(|&(_, c)| odd(c)) {
        return Err(format!(
            "the token holds {c:?} as its character {}, which RFC 5424 (section 6.3.3) does not \
             allow; copy it anew, without what your receiver shows around it",
            at + 1
        ));
    }
    if text.len() > TOKEN_MAX {
        return Err(format!("the token is {} characters long; copy it anew", text.len()));
    }
    Ok(text.to_owned())
}

/// How many messages may be unanswered over RELP: 1 to [`WINDOW_MAX`].
pub(super) fn window(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(window @ 1..=WINDOW_MAX) => Ok(window),
        _ => Err(format!("{text:?} is not a number of messages; write 1 to {WINDOW_MAX}")),
    }
}

/// Bytes a second, and how many may go at once: as many as in a second, unless it is said.
pub(super) fn rate_limit(text: &str) -> Result<ByteRate, String> {
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
pub(super) fn stream_length(text: &str) -> Result<Option<usize>, String> {
    bytes(text).map(|length| (length > 0).then_some(length))
}

/// The longest message over UDP.
pub(super) fn datagram_length(text: &str) -> Result<usize, String> {
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

/// A facility or a severity.
pub(super) fn named<T: std::str::FromStr<Err = UnknownName>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: UnknownName| error.to_string())
}

/// `read` or `written`: whether messages carry the time of writing.
pub(super) fn is_written(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "read" => Ok(false),
        "written" => Ok(true),
        _ => Err(format!("{text:?} is neither read nor written; write read or written")),
    }
}

/// A name of a trace; nothing for `none`.
pub(super) fn trace(text: &str) -> Result<Option<Trace>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    text.to_ascii_lowercase().parse().map(Some).map_err(|()| {
        let names: Vec<_> = Trace::ALL.into_iter().map(Trace::name).collect();
        format!("{text:?} is no preset; write one of {}, or start: and a pattern", names.join(" "))
    })
}

/// How long the next line of a message is waited for: 100 ms to 1 h.
pub(super) fn join_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&timeout) {
        return Err(format!("{text:?} is out of range; write a duration from 100ms to 1h"));
    }
    Ok(timeout)
}

/// How many lines a message may have.
pub(super) fn line_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=LINES_MAX) => Ok(count),
        _ => Err(format!("{text:?} is not a number of lines; write 1 to {LINES_MAX}")),
    }
}

/// How many bytes a message of several lines may have.
pub(super) fn joined_length(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        length @ 1..=Multiline::LARGEST => Ok(length),
        _ => Err(format!("{text:?} bytes are out of range; write 1 to {}", Multiline::LARGEST)),
    }
}

/// The forms of lines that [`line_format`] knows, in words.
pub(super) const LINE_FORMATS: &str = "docker, cri, json or plain";

/// The form of the lines of a file, with the defaults of that; nothing for `plain`.
pub(super) fn line_format(text: &str) -> Result<Option<LineFormat>, String> {
    match text.to_ascii_lowercase().as_str() {
        "plain" => Ok(None),
        "docker" => Ok(Some(LineFormat::Docker(StreamSeverities::default()))),
        "cri" => Ok(Some(LineFormat::Cri(StreamSeverities::default()))),
        "json" => Ok(Some(LineFormat::Json(JsonFields::default()))),
        _ => Err(format!("{text:?} is no format of lines; write {LINE_FORMATS}")),
    }
}

/// The encoding of a file; none for UTF-8.
pub(super) fn encoding(text: &str) -> Result<Option<LineEncoding>, String> {
    if ["utf-8", "utf8"].iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(None);
    }
    LineEncoding::named(text).map(Some).ok_or_else(|| {
        format!(
            "{text:?} is no encoding that is known; write a name as the web has it, such as latin1, \
             windows-1252, utf-16le or shift_jis"
        )
    })
}

/// What stands between joined lines.
pub(super) fn join(text: &str) -> Result<Join, String> {
    match text.to_ascii_lowercase().as_str() {
        "escaped" => Ok(Join::Escaped),
        "space" => Ok(Join::Space),
        _ => Err(format!("{text:?} is no way to join lines; write escaped or space")),
    }
}

/// A pattern.
pub(super) fn pattern(text: &str) -> Result<Re2Pattern, String> {
    Re2Pattern::new(text)
        .map_err(|error| format!("{error}; write RE2 syntax, with a \\ before a literal sign"))
}

/// How a line says when it was written.
pub(super) fn time_format(text: &str) -> Result<TimeFormat, String> {
    TimeFormat::parse(text).map_err(|error| {
        format!(
            "{text:?} is no format of a time: {error}; write it as for strptime, such as \
             '%Y-%m-%dT%H:%M:%S%z' or '%b %e %H:%M:%S'"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        for (text, expected) in
            [("10", 10.0), ("0", 0.0), ("5s", 5.0), ("1m", 60.0), ("1m30s", 90.0), ("1h", 3600.0)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("99999999999999"), Ok(NO_LIMIT));
        for text in ["", "s", "5 s", "-1", "1.5", "5x", "5sm", "s5", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(interval("999ms").is_err() && interval("1").is_ok());
        assert_eq!(timeout("0"), Ok(NO_LIMIT));
    }

    #[test]
    fn addresses_to_listen_on() {
        assert_eq!(listen("9600"), Ok(SocketAddr::from(([127, 0, 0, 1], 9600))));
        assert_eq!(listen("[::]:9600"), Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9600))));
        assert_eq!(listen("0.0.0.0:9600"), Ok(SocketAddr::from(([0, 0, 0, 0], 9600))));
        for bad in ["", "localhost:9600", "127.0.0.1", "70000", ":9600"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("logs0.papertrailapp.com", "logs0.papertrailapp.com"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("my_host.local.", "my_host.local."),
        ] {
            assert_eq!(host(text).as_deref(), Ok(expected));
        }
        for (text, hint) in [
            ("logs:514", "holds a port"),
            ("tcp://logs", "is a URL"),
            ("[logs]", "holds '['"),
            ("a b", "holds ' '"),
            ("::1::2", "holds ':'"),
        ] {
            let error = host(text).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn a_receiver_is_read_as_it_is_written() {
        for (text, host) in
            [("logs.example.com:514", "logs.example.com"), ("[2001:db8::1]:6514", "2001:db8::1")]
        {
            let (read, port) = host_and_port(text).unwrap();
            assert_eq!((read.as_str(), host_with_port(&read, port).as_str()), (host, text));
        }
    }

    #[test]
    fn tokens() {
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(token(uuid).as_deref(), Ok(uuid));
        for bad in ["a b", "a]", "a=b", "\"a\"", "tök", "a@1", &"x".repeat(300)] {
            let error = token(bad).unwrap_err();
            assert!(!error.contains(bad), "{error}");
        }
    }

    #[test]
    fn an_unknown_format_is_told_of_each_that_is_known() {
        let error = line_format("xml").unwrap_err();
        let (_, known) = error.split_once("write ").unwrap();
        let known: Vec<_> = known.split([',', ' ']).filter(|it| !["", "or"].contains(it)).collect();
        assert_eq!(known, ["docker", "cri", "json", "plain"]);
        assert!(known.iter().all(|name| line_format(name).is_ok()));
    }

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

    #[test]
    fn booleans_and_ports() {
        assert_eq!(["TRUE", "Yes", "on", "1"].map(boolean), [const { Ok(true) }; 4]);
        assert_eq!(["False", "no", "OFF", "0"].map(boolean), [const { Ok(false) }; 4]);
        assert!(boolean("2").is_err());
        assert_eq!(port("65535"), Ok(65535));
        for bad in ["0", "65536", "51x4", "-1", "", " 5"] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }
}
