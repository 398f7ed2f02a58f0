//! The messages as real receivers understand them.

use std::io::Read;
use std::net::TcpListener;

use crate::support::peers::{Imrelp, Peer, Rsyslogd, SyslogNg};
use crate::support::{
    Endpoint, Message, Receiver, SOON, Shipper, Site, Transport, lines, own_address, wait_until,
};

/// Lines that make receivers stumble. The last one is plain, so that its arrival ends the wait.
const LINES: &[&[u8]] = &[
    b"a plain line",
    b"",
    b" ",
    b"  spaces around  ",
    b"a\ttab",
    "caf\u{e9} \u{20ac} \u{1d11e} \u{65e5}\u{672c}\u{8a9e}".as_bytes(),
    b"not UTF-8: \xff\xfe\x80 caf\xe9",
    b"quotes \" and ' and \\ and %d and $x",
    b"\x01\x02\x1b[31mred\x1b[0m\x07\x7f",
    b"[a@1 b=\"c\"] looks like structured data",
    b"<13>1 2026-11-23T10:20:30Z h a - - - looks like a message",
    b"<13>Nov 23 10:20:30 h a: looks like an old message",
    b"- - - dashes",
    b"12 looks like a count",
    b"carriage return at the end\r",
    b"carriage\rreturn and NUL \0 within",
    b"]]} ;;",
    b"the last line",
];

/// The text a receiver must see for a line: LF, CR and NUL are spaces (COMPAT, "The wire").
fn expected(line: &[u8]) -> Vec<u8> {
    line.iter().map(|&byte| if matches!(byte, 0 | b'\r' | b'\n') { b' ' } else { byte }).collect()
}

/// Follows a file with the lines and waits until the peer has understood as many.
#[track_caller]
fn ship_to(peer: &impl Peer, to: &Endpoint, framing: &str, lines: &[&[u8]]) -> Vec<Message> {
    let site = Site::new();
    let before = peer.count();
    let lines_with_ends: Vec<u8> = lines.iter().flat_map(|&line| [line, b"\n"].concat()).collect();
    site.append("app.log", lines_with_ends);
    let mut shipper = Shipper::new(&site)
        .entry(format!("{{path: {}, tag: my-app}}", site.path("app.log").display()))
        .to(to)
        .env("REMOTE_SYSLOG_DESTINATION_FRAMING", framing)
        .yaml("hostname: web-1.example\nfacility: local0\nseverity: info")
        .reading_from_start()
        .start();
    let goal = before + lines.len();
    wait_until("the peer has understood all", SOON, || peer.count() >= goal);
    shipper.term();
    let messages = peer.messages().split_off(before);
    assert_eq!(messages.len(), lines.len(), "one message a line");
    messages
}

fn the_peer_understands_every_line(peer: &impl Peer) {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let messages = ship_to(peer, &peer.endpoint(transport), "", LINES);
        assert_understood(&messages, transport.name());
    }
    for transport in [Transport::Tcp, Transport::Tls] {
        let to = peer.counting_endpoint(transport);
        let messages = ship_to(peer, &to, "octet-counted", LINES);
        assert_understood(&messages, &format!("{}, counted", transport.name()));
    }
}

/// The messages are [`LINES`], each whole and with its header.
#[track_caller]
fn assert_understood(messages: &[Message], name: &str) {
    for (message, &line) in messages.iter().zip(LINES) {
        assert_eq!(message.priority, 134, "local0.info over {name}");
        assert_eq!(message.hostname, "web-1.example", "{name}");
        assert_eq!(message.app_name, "my-app", "{name}");
        assert!(["", "-"].contains(&message.structured_data.as_str()), "{name}: {message:?}");
        assert_is_now(&message.timestamp);
        let (got, wanted) = (message.lossy(), expected(line));
        assert_eq!(message.text, wanted, "{got:?} over {name}");
    }
}

/// The time was taken when the line was read, moments ago, whatever the zone it is told in.
#[track_caller]
fn assert_is_now(timestamp: &str) {
    let told: jiff::Timestamp = timestamp.parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(told).as_secs();
    assert!((-5..=120).contains(&age), "{timestamp} is {age} s ago");
}

#[test]
fn rsyslogd_understands_every_line_over_relp() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let messages = ship_to(&peer, &peer.endpoint(Transport::Relp), "", LINES);
    assert_understood(&messages, "relp");
}

#[test]
fn rsyslogd_understands_every_line() {
    let Some(peer) = Rsyslogd::start() else { return };
    the_peer_understands_every_line(&peer);
}

#[test]
fn syslog_ng_understands_every_line() {
    let Some(peer) = SyslogNg::start() else { return };
    the_peer_understands_every_line(&peer);
}

/// As long as the default limit allows, header and all.
fn long_line() -> Vec<u8> {
    [&b"x".repeat(99_000)[..], b" the end"].concat()
}

fn the_peer_gets_long_lines_whole(peer: &impl Peer) {
    for transport in [Transport::Tcp, Transport::Tls] {
        let to = [("newline", peer.endpoint(transport))];
        let counting = ("octet-counted", peer.counting_endpoint(transport));
        for (framing, to) in to.into_iter().chain([counting]) {
            let messages = ship_to(peer, &to, framing, &[&long_line(), b"short"]);
            assert_eq!(messages[0].text, long_line(), "{framing}");
        }
    }
}

#[test]
fn long_lines_pass_rsyslogd_whole() {
    let Some(peer) = Rsyslogd::start() else { return };
    the_peer_gets_long_lines_whole(&peer);
}

#[test]
fn long_lines_pass_syslog_ng_whole() {
    let Some(peer) = SyslogNg::start() else { return };
    the_peer_gets_long_lines_whole(&peer);
}

/// Counted messages are proven, cut and repeated as whole ones: what is stored is what was in the file,
/// once, over several calls.
#[test]
fn counted_messages_are_delivered_exactly_once() {
    const EACH: u64 = 20_000;
    let Some(peer) = SyslogNg::start() else { return };
    for transport in [Transport::Tcp, Transport::Tls] {
        let site = Site::new();
        let before = peer.count();
        let once = || {
            let shipper = Shipper::new(&site).follow("app.log");
            let shipper = shipper.to(&peer.counting_endpoint(transport));
            let shipper = shipper.env("REMOTE_SYSLOG_DESTINATION_FRAMING", "octet-counted");
            let output = shipper.yaml("tcp_max_line_length: 150").reading_from_start();
            let output = output.arg("--once").output();
            assert!(output.status.success(), "{output:?}");
        };
        for part in 0..3 {
            site.append("app.log", lines(part * EACH + 1..=(part + 1) * EACH));
            once();
        }
        // Nothing is left.
        once();
        let goal = before + 3 * EACH as usize;
        wait_until("all is stored", SOON, || peer.count() >= goal);
        let stored = peer.messages().split_off(before);
        assert_eq!(stored.len() as u64, 3 * EACH, "over {}", transport.name());
        for (message, n) in stored.iter().zip(1..) {
            let (whole, kept) = (crate::support::line(n), message.lossy());
            let most = whole.trim_end().len().min(70);
            assert!(whole.starts_with(&kept) && kept.len() >= most, "{n}: {kept}");
        }
    }
}

#[test]
fn a_counted_frame_has_its_length_in_front() {
    let listener = TcpListener::bind((own_address(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (host, port) = (address.ip().to_string(), address.port());
    let to = Endpoint { transport: Transport::Tcp, host, port, trust: None };
    let site = Site::new();
    site.append("app.log", format!("{}\nshort\n", "\u{20ac}".repeat(1_000)));
    let _shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&to)
        .env("REMOTE_SYSLOG_DESTINATION_FRAMING", "Octet_Counted")
        .yaml("tcp_max_line_length: 500")
        .reading_from_start()
        .start();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b" short") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{:?}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&piece[..count]);
    }
    let mut rest = &received[..];
    for (longest, text) in [(500, "\u{20ac}"), (499, "short")] {
        let space = rest.iter().position(|&byte| byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        assert!(length <= longest, "the limit counts the message alone: {length}");
        let message = Message::parse(&rest[space + 1..][..length]);
        assert!(message.lossy().ends_with(text), "{message:?}");
        rest = &rest[space + 1 + length..];
    }
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn rsyslogd_reads_the_token_as_structured_data() {
    let Some(peer) = Rsyslogd::start() else { return };
    let site = Site::new();
    site.append("app.log", "hello\n");
    let _shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&peer.endpoint(Transport::Tcp))
        .arg("--dest-token=ABC123")
        .reading_from_start()
        .start();
    wait_until("the message is there", SOON, || !peer.messages().is_empty());
    let message = &peer.messages()[0];
    assert_eq!(message.structured_data, "[ABC123@41058]");
    assert_eq!((message.priority, message.app_name.as_str()), (13, "app.log"));
    assert_eq!(message.lossy(), "hello");
}

/// The exact bytes, against our own receiver.
#[test]
fn a_frame_is_what_remote_syslog2_sends() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let receiver = Receiver::new(transport);
        let site = Site::new();
        site.append("app.log", "hello\n");
        let _shipper = Shipper::new(&site)
            .follow("app.log")
            .to(&receiver.endpoint())
            .yaml("hostname: web-1")
            .env("TZ", "UTC")
            .reading_from_start()
            .start();
        let message = receiver.wait_for(1).remove(0);
        let frame = String::from_utf8(receiver.frames().remove(0)).unwrap();
        assert_eq!(frame, format!("<13>1 {} web-1 app.log - - - hello", message.timestamp));
        assert!(message.timestamp.ends_with('Z'), "{frame}");
        let fraction = message.timestamp.split_once('.').map_or("", |(_, rest)| rest);
        assert!(fraction.len() <= 7 && !fraction.ends_with("0Z"), "{frame}");
    }
}

#[test]
fn a_datagram_has_1024_bytes_at_most_and_no_newline() {
    let receiver = Receiver::new(Transport::Udp);
    let site = Site::new();
    let line = "\u{20ac}".repeat(1_000);
    site.append("app.log", format!("{line}\nshort\n"));
    let _shipper =
        Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).reading_from_start().start();
    let messages = receiver.wait_for(2);
    let frame = &receiver.frames()[0];
    assert!((1022..=1024).contains(&frame.len()), "{}", frame.len());
    let text = std::str::from_utf8(&messages[0].text).expect("cut between characters");
    assert!(line.starts_with(text));
    assert_eq!(messages[1].lossy(), "short");
}

#[test]
fn tcp_max_line_length_counts_the_header() {
    let receiver = Receiver::tcp();
    let site = Site::new();
    site.append("app.log", format!("{}\nshort\n", "x".repeat(1_000)));
    let _shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&receiver.endpoint())
        .yaml("tcp_max_line_length: 500")
        .reading_from_start()
        .start();
    receiver.wait_for_text("short");
    assert_eq!(receiver.frames()[0].len(), 500);
    assert_eq!(receiver.frames().len(), 2, "what did not fit is not sent as another line");
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    for version in rustls::ALL_VERSIONS {
        let receiver = Receiver::tls_versions(&[version]);
        let site = Site::new();
        site.append("app.log", "hello\n");
        let _shipper = Shipper::new(&site)
            .follow("app.log")
            .to(&receiver.endpoint())
            .reading_from_start()
            .start();
        receiver.wait_for_text("hello");
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_and_said() {
    let receiver = Receiver::new(Transport::Tls);
    let other = Receiver::new(Transport::Tls);
    let site = Site::new();
    site.append("app.log", "hello\n");
    let shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&receiver.endpoint())
        .env("SSL_CERT_FILE", other.endpoint().trust.unwrap())
        .reading_from_start()
        .start();
    let address = receiver.endpoint().host;
    wait_until("the refusal is said", SOON, || {
        shipper.log_lines(&[&address]).any(|line| line.to_lowercase().contains("certificate"))
    });
    assert!(receiver.frames().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let owner = Receiver::new(Transport::Tls);
    let impostor = Receiver::with_certificate_of(&owner);
    let site = Site::new();
    site.append("app.log", "hello\n");
    let shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&impostor.endpoint())
        .env("SSL_CERT_FILE", owner.endpoint().trust.unwrap())
        .reading_from_start()
        .start();
    let address = impostor.endpoint().host;
    wait_until("the refusal is said", SOON, || {
        shipper.log_lines(&[&address]).any(|line| line.to_lowercase().contains("certificate"))
    });
    assert!(impostor.frames().is_empty());
}
