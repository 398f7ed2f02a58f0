//! TLS over a TCP connection: rustls does the protocol, this module keeps the exact account of
//! which byte of a message went into which byte on the wire.
//!
//! tokio-rustls makes the handshake; then the two halves are taken apart, because its stream
//! cannot tell how many bytes of plaintext the peer's TCP has acknowledged.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ledger::Ledger;

/// Plaintext of one record (RFC 8446, section 5.1).
const RECORD: usize = 16 << 10;
/// Sealed ahead of what the kernel takes.
const AHEAD: usize = 256 << 10;

/// Whom to trust.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The system's roots, read at each connect; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    System,
    /// These roots only.
    Roots(Arc<RootCertStore>),
}

/// Why a TLS connection did not come about, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(
        "no trusted root certificate found{0}; install the package ca-certificates or let \
         SSL_CERT_FILE name a file of PEM certificates"
    )]
    NoRoots(String),
    #[error("\"{0}\" is neither a host name nor an address that a certificate can carry")]
    Name(String),
    #[error("{0}")]
    Setup(rustls::Error),
    #[error("the receiver's certificate was refused: {what}; {remedy}", what = .0.0, remedy = .0.1)]
    Certificate((String, String)),
    #[error("{0}; check that destination.port speaks TLS")]
    Protocol(rustls::Error),
    #[error(
        "the connection broke during the handshake: {0}; check that destination.port speaks TLS"
    )]
    Broken(io::Error),
}

/// The TLS half of a link.
#[derive(Debug)]
pub(super) struct Tls {
    session: ClientConnection,
    /// Sealed bytes; those before `sent` have been written.
    wire: Vec<u8>,
    sent: usize,
    account: Account,
}

/// Which plaintext lies before which byte on the wire.
#[derive(Debug, Default)]
struct Account {
    plain: u64,
    wire: u64,
    acked: u64,
    /// (end of plaintext, end on the wire) of each record whose end is not acknowledged.
    records: VecDeque<(u64, u64)>,
}

impl Account {
    fn sealed(&mut self, plain: usize, wire: usize) {
        self.plain += plain as u64;
        self.wire += wire as u64;
        if plain > 0 {
            self.records.push_back((self.plain, self.wire));
        }
    }

    /// Plaintext bytes that are wholly within the first `wire` bytes on the wire.
    fn acknowledged(&mut self, wire: u64) -> u64 {
        while let Some(&(plain, end)) = self.records.front() {
            if end > wire {
                break;
            }
            self.acked = plain;
            self.records.pop_front();
        }
        self.acked
    }
}

impl Tls {
    /// Makes the handshake for `host` over `stream`.
    pub(super) async fn handshake(
        host: &str,
        trust: &Trust,
        stream: TcpStream,
    ) -> Result<(TcpStream, Self), TlsError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.into()))?;
        let connector = TlsConnector::from(Arc::new(client(trust)?));
        let stream = connector.connect(name, stream).await.map_err(|error| explain(host, error))?;
        let (stream, mut session) = stream.into_inner();
        session.set_buffer_limit(None);
        let tls = Self { session, wire: Vec::new(), sent: 0, account: Account::default() };
        Ok((stream, tls))
    }

    /// "TLS 1.3" or the like.
    pub(super) fn version(&self) -> &'static str {
        match self.session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        }
    }

    /// Seals what `ledger` has to be written, as far ahead as is of use.
    pub(super) fn seal(&mut self, ledger: &mut Ledger) -> io::Result<()> {
        if self.has_unsent() {
            return Ok(());
        }
        while self.wire.len() < AHEAD {
            let piece = ledger.unwritten(RECORD);
            if piece.is_empty() {
                break;
            }
            let count = piece.len();
            self.collect()?;
            self.session.writer().write_all(piece)?;
            let before = self.wire.len();
            self.pull()?;
            self.account.sealed(count, self.wire.len() - before);
            ledger.wrote(count);
        }
        Ok(())
    }

    /// What is to be written next, TLS's own messages included.
    pub(super) fn sealed(&mut self) -> io::Result<&[u8]> {
        self.collect()?;
        Ok(&self.wire[self.sent..])
    }

    /// The kernel has taken `count` bytes of what [`Self::sealed`] gave.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.wire.len() {
            self.wire.clear();
            self.sent = 0;
        }
    }

    /// Something is sealed and not taken by the kernel yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.sent < self.wire.len() || self.session.wants_write()
    }

    /// How much plaintext lies in the first `wire` bytes.
    pub(super) fn acknowledged(&mut self, wire: u64) -> u64 {
        self.account.acknowledged(wire)
    }

    /// Takes bytes from the peer: tickets, key updates, alerts. Application data is thrown away.
    /// Returns whether the peer has said farewell.
    pub(super) fn received(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        let mut closed = false;
        while !bytes.is_empty() && !closed {
            self.session.read_tls(&mut bytes)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            closed = state.peer_has_closed();
            io::copy(&mut self.session.reader().take(u64::MAX), &mut io::sink())
                .map(drop)
                .or_else(|error| match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof => Ok(()),
                    _ => Err(error),
                })?;
        }
        Ok(closed)
    }

    /// Queues `close_notify`.
    pub(super) fn farewell(&mut self) {
        self.session.send_close_notify();
    }

    /// Takes over what the session wants to write by itself.
    fn collect(&mut self) -> io::Result<()> {
        let before = self.wire.len();
        self.pull()?;
        self.account.sealed(0, self.wire.len() - before);
        Ok(())
    }

    fn pull(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.wire)?;
        }
        Ok(())
    }
}

/// The settings of the client, with the roots as they are now.
fn client(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let roots = match trust {
        Trust::Roots(roots) => Arc::clone(roots),
        Trust::System => Arc::new(system_roots()?),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map_or(String::new(), |error| format!(" ({error})"));
        return Err(TlsError::NoRoots(why));
    }
    Ok(roots)
}

/// What went wrong in a handshake, in the words of someone who can mend it.
fn explain(host: &str, error: io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            TlsError::Certificate(explain_certificate(host, reason))
        }
        Some(other) => TlsError::Protocol(other.clone()),
        None => TlsError::Broken(error),
    }
}

fn explain_certificate(host: &str, reason: &CertificateError) -> (String, String) {
    use CertificateError as E;
    match reason {
        E::NotValidForName | E::NotValidForNameContext { .. } => (
            format!("it was not issued for \"{host}\""),
            format!("let destination.host be a name in the certificate, or have one issued for {host} (subject alternative name)"),
        ),
        E::UnknownIssuer | E::BadSignature => (
            "it was issued by an authority that is not trusted here".into(),
            "let SSL_CERT_FILE name a PEM file that holds this authority's certificate, and check that the receiver sends its intermediate certificates".into(),
        ),
        E::Expired | E::ExpiredContext { .. } => (
            format!("it has expired ({reason})"),
            "renew it on the receiver, and check this host's clock".into(),
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => (
            format!("it is not valid yet ({reason})"),
            "check this host's clock".into(),
        ),
        E::Revoked => ("it was revoked".into(), "have a new one issued".into()),
        E::Other(other) if is_ca_itself(other) => (
            "it is the certificate of an authority (CA:TRUE), not of a server".into(),
            "give the receiver one with basicConstraints CA:FALSE".into(),
        ),
        other => (other.to_string(), "check the receiver's certificate chain".into()),
    }
}

/// `openssl req -x509` makes such certificates unless told otherwise.
fn is_ca_itself(error: &rustls::OtherError) -> bool {
    let error = error.0.downcast_ref::<webpki::Error>();
    matches!(error, Some(webpki::Error::CaUsedAsEndEntity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_counts_once_its_whole_record_is_acknowledged() {
        let mut account = Account::default();
        account.sealed(100, 122);
        account.sealed(0, 30);
        account.sealed(50, 72);
        let acked: Vec<_> =
            [0, 121, 122, 152, 223, 224].map(|wire| account.acknowledged(wire)).into();
        assert_eq!(acked, [0, 0, 100, 100, 100, 150]);
        assert!(account.records.is_empty());
    }
}
