//! From a host name to a TCP connection: resolves anew each time and tries every address, IPv6
//! and IPv4 in turn, a new one 250 ms after the last (RFC 8305, "Happy Eyeballs").

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::deliver::Target;
use crate::{limits, threads};

/// RFC 8305, section 8: "Connection Attempt Delay".
const STAGGER: Duration = Duration::from_millis(250);
/// A silent connection is probed after this long, so that a dead peer is noticed before the
/// next line is.
pub(in crate::deliver) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Time between two unanswered probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Unanswered probes after which the connection is given up.
const KEEPALIVE_COUNT: u32 = 3;

/// Bytes that the kernel may hold unsent. With megabytes of them it would go on sending while
/// nobody looks, and the widest window would pass unseen (see [`crate::deliver::proof`]); this much
/// keeps it busy until we have written more.
const UNSENT: u32 = 128 << 10;

/// Why no connection came about, and what to do.
#[derive(Debug, thiserror::Error)]
pub(in crate::deliver) enum ConnectError {
    #[error("cannot resolve \"{host}\": {source}; check the name and the name servers{}", in_ascii(.host))]
    Resolve { host: String, source: io::Error },
    #[error("\"{host}\" has no address; check the name")]
    NoAddress { host: String },
    #[error("cannot connect to {address} ({host}): {source}; {}", remedy(.source))]
    Refused { host: String, address: SocketAddr, source: io::Error },
    #[error(
        "{host} port {port} did not answer within {} s; check the address, the network, firewalls \
         and (for TLS) that the port speaks TLS, or raise connect_timeout",
        .after.as_secs()
    )]
    TimedOut { host: String, port: u16, after: Duration },
    #[error("TLS with {host} ({address}): {source}")]
    Tls { host: String, address: SocketAddr, source: Box<super::trust::TlsError> },
    #[error("RELP with {host} ({address}): {what}")]
    Relp { host: String, address: SocketAddr, what: String },
}

impl ConnectError {
    /// The address that refused.
    pub(in crate::deliver) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Refused { address, .. } => Some(*address),
            _ => None,
        }
    }

    /// The same as it is shown, without what to do.
    pub(in crate::deliver) fn brief(&self) -> String {
        match self {
            Self::Refused { host, address, source } => {
                format!("cannot connect to {address} ({host}): {source}")
            }
            Self::TimedOut { host, port, after } => {
                format!("{host} port {port} did not answer within {} s", after.as_secs())
            }
            other => other.to_string(),
        }
    }

    /// In one word, for the meters.
    pub(in crate::deliver) fn kind(&self) -> &'static str {
        match self {
            Self::Resolve { .. } | Self::NoAddress { .. } => "dns",
            Self::Refused { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
                "refused"
            }
            Self::Refused { .. } => "unreachable",
            Self::TimedOut { .. } => "timeout",
            Self::Tls { .. } => "tls",
            Self::Relp { .. } => "relp",
        }
    }
}

/// What to do about a name that name servers do not know as it is written (RFC 5890, section 2.3.2.1).
fn in_ascii(host: &str) -> &'static str {
    if host.is_ascii() {
        ""
    } else {
        ", and write other letters than ASCII in the form that begins with xn--"
    }
}

fn remedy(error: &io::Error) -> Cow<'static, str> {
    if let Some(limit) = limits::met_by(error) {
        return limit.into();
    }
    let remedy = match error.kind() {
        _ if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            "a router on the way takes smaller packets only, which they are from now on"
        }
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: check that the receiver runs and destination.port is right"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "check routes and the network"
        }
        _ => "check the address, the network and firewalls",
    };
    remedy.into()
}

/// Opens a TCP connection to one of the `addresses` of `host`, ready for use. Bounded in time by the
/// caller.
pub(in crate::deliver) async fn tcp(
    host: &str,
    addresses: Vec<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let (stream, address) = race(host, addresses).await?;
    match prepare(&stream) {
        Ok(()) => Ok((stream, address)),
        Err(source) => Err(ConnectError::Refused { host: host.to_owned(), address, source }),
    }
}

/// The error for an attempt that took longer than `target` allows.
pub(in crate::deliver) fn timed_out(target: &Target) -> ConnectError {
    let (host, after) = (target.host.clone(), target.connect_timeout);
    ConnectError::TimedOut { host, port: target.port, after }
}

/// All addresses of `host`, at least one; the families alternate, the resolver's first choice
/// leads.
pub(in crate::deliver) async fn resolve(
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = (host.to_owned(), port);
    let look_up = move || name.to_socket_addrs().map(|found| found.collect::<Vec<_>>());
    let found = match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        // The resolver blocks, for as long as no name server answers.
        Err(_) => threads::run("resolve", look_up)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("no thread can be started to resolve names"))),
    };
    let found = found.map_err(|source| ConnectError::Resolve { host: host.to_owned(), source })?;
    let addresses = alternate(found);
    if addresses.is_empty() {
        return Err(ConnectError::NoAddress { host: host.to_owned() });
    }
    Ok(addresses)
}

fn alternate(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first_is_v6) = found.first().map(SocketAddr::is_ipv6) else { return found };
    let (ahead, behind): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(ahead.len() + behind.len());
    let (mut ahead, mut behind) = (ahead.into_iter(), behind.into_iter());
    loop {
        let (one, other) = (ahead.next(), behind.next());
        if one.is_none() && other.is_none() {
            return mixed;
        }
        mixed.extend(one.into_iter().chain(other));
    }
}

/// The first connection that comes about; the other attempts are dropped. The error is that of
/// the last attempt to fail.
async fn race(
    host: &str,
    addresses: Vec<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failed = ConnectError::NoAddress { host: host.to_owned() };
    loop {
        let next = waiting.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(async move { (address, TcpStream::connect(address).await) });
        } else if attempts.is_empty() {
            return Err(failed);
        }
        let answer = if more {
            timeout(STAGGER, attempts.join_next()).await.ok().flatten()
        } else {
            attempts.join_next().await
        };
        match answer {
            Some(Ok((address, Ok(stream)))) => return Ok((stream, address)),
            Some(Ok((address, Err(source)))) => {
                failed = ConnectError::Refused { host: host.to_owned(), address, source };
            }
            Some(Err(_)) | None => {}
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_COUNT)?;
    crate::sys::limit_unsent(stream, UNSENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_first_choice_leads() {
        let parse = |all: &[&str]| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>();
        let found = parse(&["[::1]:5", "[::2]:5", "[::3]:5", "10.0.0.1:5"]);
        let tried = parse(&["[::1]:5", "10.0.0.1:5", "[::2]:5", "[::3]:5"]);
        assert_eq!(alternate(found), tried);
        assert_eq!(alternate(vec![]), []);
    }

    #[tokio::test]
    async fn the_address_that_answers_wins() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        // An address that nobody uses.
        let dead = SocketAddr::from(([127, 1, 255, 1], 5140));
        let (_, address) = race("localhost", vec![dead, dead, open]).await.unwrap();
        assert_eq!(address, open);
        let error = race("localhost", vec![dead]).await.unwrap_err().to_string();
        assert!(error.contains("nothing listens there"), "{error}");
        assert!(error.contains(&dead.to_string()), "{error}");
    }
}
