//! TLS over a TCP connection: rustls does the protocol, this module keeps the exact account of
//! which byte of a message went into which byte on the wire.
//!
//! tokio-rustls makes the handshake; then the two halves are taken apart, because its stream
//! cannot tell how many bytes of plaintext the peer's TCP has acknowledged.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, SupportedCipherSuite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::refusal;
use super::refusal::certificate::Certificate;
use super::trust::{TlsClient, TlsError, Trust};
use crate::deliver::ledger::Ledger;

/// Plaintext of one record (RFC 8446, section 5.1).
const RECORD: usize = 16 << 10;
/// Sealed ahead of what the kernel takes.
const AHEAD: usize = 256 << 10;

/// The TLS half of a link.
#[derive(Debug)]
pub(in crate::deliver) struct Tls {
    session: ClientConnection,
    /// Sealed bytes; those before `sent` have been written.
    wire: Vec<u8>,
    sent: usize,
    account: Account,
    /// How many records more it should seal before another connection takes over.
    left: u64,
    /// We have a certificate to show.
    has_identity: bool,
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
    pub(in crate::deliver) async fn handshake(
        host: &str,
        trust: &Trust,
        client: &TlsClient,
        stream: TcpStream,
    ) -> Result<(TcpStream, Self), TlsError> {
        let name = trust.name(host);
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.into()))?;
        client.witness.forget();
        let connector = TlsConnector::from(Arc::clone(&client.config));
        let connected = connector.connect(name, stream).await;
        let stream =
            connected.map_err(|error| refusal::explain(host, trust, &client.witness, &error))?;
        let (stream, mut session) = stream.into_inner();
        session.set_buffer_limit(None);
        let left = lifetime(&session);
        let (wire, account) = (Vec::new(), Account::default());
        let has_identity = trust.identity.is_some();
        Ok((stream, Self { session, wire, sent: 0, account, left, has_identity }))
    }

    /// Until when the certificate is valid that the receiver has shown, here or when it made the session
    /// that is resumed.
    pub(in crate::deliver) fn receiver_end(&self) -> Option<Timestamp> {
        let own = self.session.peer_certificates()?.first()?;
        Some(Certificate::read(own)?.end)
    }

    /// "TLS 1.3" or the like.
    pub(in crate::deliver) fn version(&self) -> &'static str {
        match self.session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        }
    }

    /// Seals what `ledger` has to be written, as far ahead as is of use, and at most `most` bytes.
    pub(in crate::deliver) fn seal(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<()> {
        if self.has_unsent() {
            return Ok(());
        }
        let mut left = most;
        while self.wire.len() < AHEAD && left > 0 {
            match self.seal_next(ledger, left)? {
                0 => break,
                count => left -= count,
            }
        }
        Ok(())
    }

    /// The same, and no more than fits into one record.
    pub(in crate::deliver) fn seal_record(
        &mut self,
        ledger: &mut Ledger,
        most: usize,
    ) -> io::Result<()> {
        if !self.has_unsent() {
            self.seal_next(ledger, most)?;
        }
        Ok(())
    }

    /// Seals the next record of at most `most` bytes. Returns how many it holds.
    fn seal_next(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<usize> {
        let piece = ledger.unwritten(most.min(RECORD));
        let count = piece.len();
        if count == 0 {
            return Ok(0);
        }
        self.collect()?;
        self.session.writer().write_all(piece)?;
        let before = self.wire.len();
        self.pull()?;
        let sealed = self.wire.len() - before;
        if sealed < count {
            // rustls takes what it will not seal (its keys are worn out) without an error.
            return Err(io::Error::other("TLS does not seal any more"));
        }
        self.account.sealed(count, sealed);
        self.left = self.left.saturating_sub(1);
        ledger.wrote(count);
        Ok(count)
    }

    /// What is to be written next, TLS's own messages included.
    pub(in crate::deliver) fn sealed(&mut self) -> io::Result<&[u8]> {
        self.collect()?;
        Ok(&self.wire[self.sent..])
    }

    /// The kernel has taken `count` bytes of what [`Self::sealed`] gave.
    pub(in crate::deliver) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.wire.len() {
            self.wire.clear();
            self.sent = 0;
        }
    }

    /// Something is sealed and not taken by the kernel yet.
    pub(in crate::deliver) fn has_unsent(&self) -> bool {
        self.sent < self.wire.len() || self.session.wants_write()
    }

    /// The keys have served for as many records as they should: it is time for another connection.
    pub(in crate::deliver) fn keys_are_exhausted(&self) -> bool {
        self.left == 0
    }

    /// How much plaintext lies in the first `wire` bytes.
    pub(in crate::deliver) fn acknowledged(&mut self, wire: u64) -> u64 {
        self.account.acknowledged(wire)
    }

    /// Seals something that is no message.
    pub(in crate::deliver) fn say(&mut self, words: &[u8]) -> io::Result<()> {
        self.session.writer().write_all(words)?;
        self.collect()
    }

    /// Takes bytes from the peer: tickets, key updates, alerts. Application data goes to `answers`.
    /// Returns whether the peer has said `close_notify`.
    pub(in crate::deliver) fn received(
        &mut self,
        mut bytes: &[u8],
        answers: &mut impl Write,
    ) -> io::Result<bool> {
        let mut closed = false;
        while !bytes.is_empty() && !closed {
            self.session.read_tls(&mut bytes)?;
            let state = self
                .session
                .process_new_packets()
                .map_err(|error| refusal::in_words(error, self.has_identity))?;
            closed = state.peer_has_closed();
            io::copy(&mut self.session.reader().take(u64::MAX), answers).map(drop).or_else(
                |error| match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof => Ok(()),
                    _ => Err(error),
                },
            )?;
        }
        Ok(closed)
    }

    /// Queues `close_notify`.
    pub(in crate::deliver) fn close_notify(&mut self) {
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

/// After how many records to renew the connection: half of what its keys may seal. TLS 1.3 renews its
/// keys by itself; with TLS 1.2 and AES-GCM they end after 2^24 (RFC 9325, section 4.4).
fn lifetime(session: &ClientConnection) -> u64 {
    match session.negotiated_cipher_suite() {
        Some(SupportedCipherSuite::Tls12(suite)) => suite.common.confidentiality_limit / 2,
        _ => u64::MAX,
    }
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
