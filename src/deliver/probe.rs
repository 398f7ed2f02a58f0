//! One attempt to reach the receiver, for those who ask whether it would work. No message is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::transport::relp::Relp;
use super::transport::{Memory, Patience, Transport, datagrams};
use super::{RelpLimits, Target, TransportKind};
use crate::deliver::transport::connect::{self, ConnectError};
use crate::deliver::transport::refusal::certificate::Certificate;
use crate::deliver::transport::refusal::says_why;
use crate::deliver::transport::tcp::{Heard, Link};
use crate::deliver::transport::tls_clients::TlsClients;
use crate::deliver::transport::trust::witness::{Testimony, TrustedBy};

/// How long a receiver has to say that it does not want us after all: over TLS 1.3 a missing
/// client certificate shows only behind the handshake.
const SECOND_THOUGHTS: Duration = Duration::from_millis(500);

/// What came of an attempt.
#[derive(Debug)]
pub struct Probe {
    /// What the receiver answered, or why there is no connection, in words and with a remedy.
    pub outcome: Result<Answer, String>,
    /// The certificates that it has shown, its own first, also when they were refused. `None`: one that cannot
    /// be read.
    pub chain: Vec<Option<Certificate>>,
    /// Why it is trusted, if it is.
    pub trusted_by: Option<TrustedBy>,
    /// Our own certificate, and what is shown with it.
    pub own: Vec<Option<Certificate>>,
}

/// How the receiver can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is a way from here to there. Over UDP nothing more can be known without a message.
    Route {
        /// The own address.
        from: SocketAddr,
        /// The receiver's.
        to: SocketAddr,
    },
    /// It has accepted a connection.
    Connected {
        /// The address that answered.
        peer: SocketAddr,
        /// "TCP", or the version of TLS.
        protocol: &'static str,
    },
}

/// The addresses of the receiver, in the order in which they are tried.
///
/// # Errors
/// The name cannot be resolved.
pub async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, String> {
    let found = timeout(target.connect_timeout, connect::resolve(&target.host, target.port)).await;
    found.unwrap_or_else(|_| Err(connect::timed_out(target))).map_err(|error| error.to_string())
}

/// Connects to `target` as [`super::run`] does, and ends the connection in good order.
pub async fn probe(target: &Target) -> Probe {
    let clients = Arc::new(TlsClients::default());
    let outcome = match target.transport {
        TransportKind::Udp => route(target).await,
        TransportKind::Tcp | TransportKind::Tls(_) => stream(target, &clients).await,
        TransportKind::Relp { limits, .. } => session(target, limits, &clients).await,
    };
    let Testimony { chain, trusted_by } = clients.shown();
    let read = |chain: Vec<_>| chain.iter().map(Certificate::read).collect();
    Probe { outcome, chain: read(chain), trusted_by, own: read(clients.own()) }
}

async fn route(target: &Target) -> Result<Answer, String> {
    let mut last = format!("\"{}\" has no address", target.host);
    for to in resolve(target).await? {
        let socket = datagrams::socket(to).await.and_then(|socket| socket.local_addr());
        match socket {
            Ok(from) => return Ok(Answer::Route { from, to }),
            Err(source) => {
                let host = target.host.clone();
                last = ConnectError::Refused { host, address: to, source }.to_string();
            }
        }
    }
    Err(last)
}

/// Opens a session and closes it.
async fn session(
    target: &Target,
    limits: RelpLimits,
    clients: &Arc<TlsClients>,
) -> Result<Answer, String> {
    let told = |error: ConnectError| error.to_string();
    let link = Link::open(target, clients).await.map_err(told)?;
    let opened = Relp::begin(link, target, limits, &Memory::default()).await;
    let mut relp = opened.map_err(told)?;
    let (peer, protocol) = (relp.peer(), relp.protocol());
    let until = Instant::now() + SECOND_THOUGHTS;
    // What cannot be said any more need not be said.
    let _ = relp.close(Patience::Until(until));
    while !relp.is_closing() && timeout_at(until, relp.readiness().wait()).await.is_ok() {
        if relp.listen().is_err() {
            break;
        }
    }
    Ok(Answer::Connected { peer, protocol })
}

async fn stream(target: &Target, clients: &Arc<TlsClients>) -> Result<Answer, String> {
    let opened = Link::open(target, clients).await;
    let mut link = opened.map_err(|error| error.to_string())?;
    let (peer, protocol) = (link.peer, link.protocol());
    let ended = |reason: &str| {
        format!(
            "{peer} accepted the connection and {reason} at once; look at its own log: it may \
             want a certificate of ours that it trusts (destination.cert_file), or refuse this host"
        )
    };
    let until = Instant::now() + SECOND_THOUGHTS;
    while timeout_at(until, link.socket().readable()).await.is_ok() {
        match link.receive() {
            Ok(Heard::Nothing | Heard::Much) => {}
            Ok(Heard::CloseNotify | Heard::Fin) => return Err(ended("closed it")),
            Err(error) if says_why(&error) => {
                return Err(format!("TLS with {} ({peer}): {error}", target.host));
            }
            Err(error) => return Err(ended(&format!("broke it ({error})"))),
        }
    }
    link.close_notify();
    // What cannot be said any more need not be said.
    let _ = link.flush();
    let _ = link.finish();
    Ok(Answer::Connected { peer, protocol })
}
