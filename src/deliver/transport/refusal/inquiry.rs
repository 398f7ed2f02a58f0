//! What a receiver would take that took nothing of ours. It is asked by a `ClientHello` that offers all
//! there ever was, on a connection of its own that goes no further: an alert does not tell what its
//! sender has (RFC 8446, section 6.2).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{NamedGroup, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::certificate::Certificate;
use super::chain;

/// How long one answer is awaited.
const PATIENCE: Duration = Duration::from_secs(1);
/// And how much of it is read: longer than any chain that there is a use for.
const MOST: usize = 64 << 10;

/// Cipher suites by their numbers (IANA, "TLS Cipher Suites"). Those we offer come first.
const SUITES: [(u16, &str); 49] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0xc09c, "TLS_RSA_WITH_AES_128_CCM"),
    (0xc09d, "TLS_RSA_WITH_AES_256_CCM"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
    (0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA"),
    (0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    (0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    (0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    (0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"),
];
/// Groups for the exchange of keys (IANA, "TLS Supported Groups"). Those we offer come first.
const GROUPS: [u16; 13] = [29, 23, 24, 25, 30, 22, 26, 27, 28, 0x0100, 0x0101, 0x0102, 0x0104];
/// Kinds of signatures (IANA, "TLS SignatureScheme").
const SIGNATURES: [u16; 19] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401,
    0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402,
];
/// The random of a `ServerHello` that asks for another `ClientHello` (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a receiver chose of all there is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FreeChoice {
    version: ProtocolVersion,
    suite: u16,
    group: Option<NamedGroup>,
    /// The certificates it showed, its own first. Over TLS 1.3 they are sealed.
    chain: Vec<Certificate>,
}

impl fmt::Display for FreeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            ProtocolVersion::SSLv3 => "SSL 3.0",
            ProtocolVersion::TLSv1_0 => "TLS 1.0",
            ProtocolVersion::TLSv1_1 => "TLS 1.1",
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            ProtocolVersion::TLSv1_3 => "TLS 1.3",
            _ => "another version",
        };
        write!(f, "asked to choose freely, it takes {version} with ")?;
        match SUITES.iter().find(|(number, _)| *number == self.suite) {
            Some((_, name)) => f.write_str(name)?,
            None => write!(f, "the cipher suite {:#06x}", self.suite)?,
        }
        if let Some(group) = self.group {
            write!(f, " and the curve {group:?}")?;
        }
        if let Some(fault) = chain::fault(&self.chain, &RootCertStore::empty()) {
            write!(f, "; {}", fault.what)?;
        }
        Ok(())
    }
}

/// Asks the one at `address`, known as `host`. Up to TLS 1.2 it shows its certificate as well, so that
/// is tried first. `None`: it still says nothing that tells anything.
pub(super) async fn ask(host: &str, address: SocketAddr) -> Option<FreeChoice> {
    for with_tls13 in [false, true] {
        let asked = timeout(PATIENCE, ask_once(hello(host, with_tls13), address)).await;
        if let Ok(Ok(Some(choice))) = asked {
            return Some(choice);
        }
    }
    None
}

async fn ask_once(hello: Vec<u8>, address: SocketAddr) -> io::Result<Option<FreeChoice>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&hello).await?;
    let mut answer = Vec::new();
    // What has come by a reset is worth as much as by an end in good order.
    while answer.len() < MOST && matches!(stream.read_buf(&mut answer).await, Ok(1..)) {
        if let (choice, true) = read(&answer) {
            return Ok(choice);
        }
    }
    Ok(read(&answer).0)
}

/// A `ClientHello` (RFC 8446, section 4.1.2) in a record of its own.
fn hello(host: &str, with_tls13: bool) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extend = |number: u16, content: &[u8]| {
        extensions.extend(number.to_be_bytes());
        extensions.extend(counted(content));
    };
    if host.parse::<IpAddr>().is_err() {
        let name = [&[0][..], &counted(host.as_bytes())].concat();
        extend(0, &counted(&name));
    }
    extend(10, &counted(&numbers(&GROUPS)));
    extend(11, &[1, 0]);
    extend(13, &counted(&numbers(&SIGNATURES)));
    extend(23, &[]);
    extend(0xff01, &[0]);
    if with_tls13 {
        extend(43, &[8, 3, 4, 3, 3, 3, 2, 3, 1]);
        // No share of a key: the answer then names the group.
        extend(51, &[0, 0]);
    }
    let random: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    let body = [
        &[3, 3][..],
        &random,
        &[0],
        &counted(&numbers(&SUITES.map(|(number, _)| number))),
        &[1, 0],
        &counted(&extensions),
    ]
    .concat();
    let message = [&[1, 0][..], &counted(&body)].concat();
    [&[22, 3, 1][..], &counted(&message)].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// With its length in front, in two bytes.
fn counted(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

/// What was chosen, and whether all was said that is going to be.
fn read(answer: &[u8]) -> (Option<FreeChoice>, bool) {
    let (messages, has_ended) = handshake(answer);
    let (mut left, mut choice) = (&messages[..], None);
    while let Some((kind, body)) = message(&mut left) {
        match (kind, &mut choice) {
            (2, None) => choice = server_hello(body),
            (11, Some(choice)) => choice.chain = certificates(body),
            (12, Some(choice)) => choice.group = choice.group.or_else(|| key_exchange(body)),
            (14, _) => return (choice, true),
            _ => {}
        }
    }
    let is_retry = choice.as_ref().is_some_and(|it| it.version == ProtocolVersion::TLSv1_3);
    (choice, has_ended || is_retry)
}

/// The messages in the records of a handshake, and whether another record stands behind them.
fn handshake(mut records: &[u8]) -> (Vec<u8>, bool) {
    let mut messages = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = records {
        if *kind != 22 {
            return (messages, true);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((content, behind)) = rest.split_at_checked(length) else { break };
        messages.extend_from_slice(content);
        records = behind;
    }
    (messages, false)
}

fn message<'a>(left: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [kind, rest @ ..] = *left else { return None };
    let mut rest = rest;
    let body = counted_by(&mut rest, 3)?;
    *left = rest;
    Some((*kind, body))
}

/// Takes what has its length in front, in so many bytes.
fn counted_by<'a>(left: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let length = left.split_off(..bytes)?;
    let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    left.split_off(..length)
}

fn number(left: &mut &[u8]) -> Option<u16> {
    left.split_off(..2)?.try_into().ok().map(u16::from_be_bytes)
}

/// RFC 8446, section 4.1.3.
fn server_hello(mut body: &[u8]) -> Option<FreeChoice> {
    let mut version = number(&mut body)?;
    let is_retry = body.split_off(..32)? == RETRY;
    counted_by(&mut body, 1)?;
    let suite = number(&mut body)?;
    body.split_off(..1)?;
    let mut group = None;
    let mut extensions = counted_by(&mut body, 2).unwrap_or_default();
    while let Some(kind) = number(&mut extensions) {
        let mut content = counted_by(&mut extensions, 2)?;
        match kind {
            43 => version = number(&mut content)?,
            51 if is_retry => group = number(&mut content),
            _ => {}
        }
    }
    Some(FreeChoice {
        version: version.into(),
        suite,
        group: group.map(NamedGroup::from),
        chain: Vec::new(),
    })
}

/// RFC 5246, section 7.4.2.
fn certificates(mut body: &[u8]) -> Vec<Certificate> {
    let mut list = counted_by(&mut body, 3).unwrap_or_default();
    let ders = std::iter::from_fn(|| counted_by(&mut list, 3));
    ders.filter_map(|der| Certificate::read(&CertificateDer::from(der))).collect()
}

/// The curve of an exchange of keys by elliptic curves (RFC 8422, section 5.4).
fn key_exchange(body: &[u8]) -> Option<NamedGroup> {
    let mut curve = body.strip_prefix(&[3])?;
    number(&mut curve)
        .map(NamedGroup::from)
        .filter(|group| !matches!(group, NamedGroup::Unknown(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3][..], &counted(content)].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0][..], &counted(body)].concat()
    }

    fn server_hello(random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
        let body = [&[3, 3][..], &random, &[0], &[0xc0, 0x2f], &[0], &counted(extensions)].concat();
        message(2, &body)
    }

    #[test]
    fn a_choice_is_read_over_records_and_in_pieces() {
        let messages = [
            server_hello([7; 32], &[]),
            message(11, &[0, 0, 0]),
            message(12, &[3, 0, 25, 1, 2, 3]),
            message(14, &[]),
        ]
        .concat();
        let (one, other) = messages.split_at(30);
        let answer = [record(22, one), record(22, other)].concat();
        for end in 0..answer.len() {
            assert!(!read(&answer[..end]).1, "{end}");
        }
        let (choice, is_whole) = read(&answer);
        assert!(is_whole);
        assert_eq!(
            choice.unwrap().to_string(),
            "asked to choose freely, it takes TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 and \
             the curve secp521r1"
        );
    }

    #[test]
    fn a_retry_names_the_group_and_an_alert_nothing() {
        let extensions = [&[0, 43, 0, 2, 3, 4][..], &[0, 51, 0, 2, 0, 25]].concat();
        let (choice, is_whole) = read(&record(22, &server_hello(RETRY, &extensions)));
        let choice = choice.unwrap();
        assert!(is_whole);
        assert_eq!(
            (choice.version, choice.group),
            (ProtocolVersion::TLSv1_3, Some(NamedGroup::secp521r1))
        );
        assert_eq!(read(&record(21, &[2, 40])), (None, true));
    }

    #[test]
    fn lengths_count_what_is_behind_them() {
        for with_tls13 in [false, true] {
            let hello = hello("logs.example.com", with_tls13);
            let (message, false) = handshake(&hello) else { panic!("{hello:?}") };
            let mut left = &message[..];
            assert!(matches!(super::message(&mut left), Some((1, _))));
            assert!(left.is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(answer in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..20) {
            let _ = read(&answer);
            let _ = read(&record(22, &message(kind, &answer)));
            let _ = read(&record(22, &[server_hello([1; 32], &answer), answer.clone()].concat()));
        }
    }
}
