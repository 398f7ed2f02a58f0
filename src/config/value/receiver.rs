//! What names a receiver, and how to speak to it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Protocol;
use crate::syslog::Framing;

/// Longest token in bytes; only there to notice a file's content in the place of a token.
const TOKEN_MAX: usize = 255;

/// A port, 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a port number; write 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

/// A port, on the loopback address, or an address and a port.
pub(in crate::config) fn listen(text: &str) -> Result<SocketAddr, String> {
    let alone = port(text).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    alone.or_else(|_| text.parse()).map_err(|_| {
        format!(
            "{text:?} is no address to listen on; write a port, or an address in numbers and a \
             port: 127.0.0.1:9600"
        )
    })
}

/// `HOST:PORT` as [`host_and_port`] reads it.
pub(crate) fn host_with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `HOST:PORT`, an IPv6 address in brackets.
pub(in crate::config) fn host_and_port(text: &str) -> Result<(String, u16), String> {
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

/// `udp`, `tcp`, `tls`, `relp` or `relp-tls` in any case, the last also with `_`.
pub(in crate::config) fn protocol(text: &str) -> Result<Protocol, String> {
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
pub(in crate::config) fn framing(text: &str) -> Result<Framing, String> {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "newline" => Ok(Framing::Newline),
        "octet-counted" => Ok(Framing::OctetCounted),
        _ => Err(format!("{text:?} is not a framing; write newline or octet-counted")),
    }
}

/// A name or an address, without brackets.
pub(in crate::config) fn host(text: &str) -> Result<String, String> {
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
pub(in crate::config) fn server_name(text: &str) -> Result<String, String> {
    let name = host(text)?;
    match rustls::pki_types::ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => Err(format!(
            "{text:?} is neither a name nor an address that a certificate can be for; write the one that \
             the receiver's certificate bears{}",
            if text.is_ascii() {
                ""
            } else {
                ": of other letters than ASCII, the form that begins with xn--"
            }
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
pub(in crate::config) fn token(text: &str) -> Result<String, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn ports() {
        assert_eq!(port("65535"), Ok(65535));
        for bad in ["0", "65536", "51x4", "-1", "", " 5"] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }
}
