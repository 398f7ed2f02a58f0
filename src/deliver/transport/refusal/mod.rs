//! Why a handshake of TLS came to nothing, in the words of someone who can mend it.
//!
//! | module | what it knows |
//! |---|---|
//! | `certificate` (pure) | what a certificate says |
//! | `chain` (pure) | what in a chain does not count here |
//! | `verdict` (pure) | why the receiver's certificates were refused |
//! | `parting` (pure) | why the receiver, or we, ended a handshake otherwise |
//! | `inquiry` | what a receiver would take that took nothing of ours |

pub(in crate::deliver) mod certificate;
mod chain;
mod inquiry;
mod parting;
mod verdict;

use std::io;
use std::net::SocketAddr;

use rustls::RootCertStore;

use super::trust::witness::{Testimony, TrustedBy, Witness};
use super::trust::{Authorities, AuthorityPlaces, TlsError, Trust};
use crate::config::{Fingerprint, TlsVersion};
use certificate::Certificate;

pub(in crate::deliver::transport) use chain::{ACCEPTED_KEYS, wrong_key};

/// How certificates are signed that count everywhere.
const MODERN: &str = "SHA-256 or SHA-384 (and, by an RSA key, SHA-512)";

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deliver) struct Advice {
    pub(in crate::deliver) what: String,
    pub(in crate::deliver) remedy: String,
    /// The receiver took nothing of ours: what it would take is worth asking ([`ask`]).
    pub(in crate::deliver) is_mismatch: bool,
}

impl Advice {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), is_mismatch: false }
    }

    fn mismatch(self) -> Self {
        Self { is_mismatch: true, ..self }
    }
}

/// What is known of a handshake that has failed.
struct HandshakeFacts<'a> {
    /// Whom we wanted to speak to: what its certificate has to be for.
    name: &'a str,
    /// The key that says so; `None`: where the receiver is named.
    name_key: Option<&'a str>,
    /// What the receiver has shown.
    chain: Vec<Certificate>,
    /// Why it was found good, if it was.
    trusted_by: Option<TrustedBy>,
    /// The key by which the configuration names certificates by their fingerprints, if it does.
    pin_key: Option<&'a str>,
    /// Those fingerprints.
    pins: &'a [Fingerprint],
    /// TLS 1.2 is not spoken here.
    wants_tls13: bool,
    /// We have a certificate to show.
    has_identity: bool,
    /// Where the authorities are that the configuration names, if it does.
    named: Option<&'a AuthorityPlaces>,
    roots: &'a RootCertStore,
    /// Who is trusted, in words.
    trusted: String,
}

/// What went wrong in a handshake with `host`: `error` is what tokio-rustls made of it.
pub(in crate::deliver) fn explain(
    host: &str,
    trust: &Trust,
    witness: &Witness,
    error: &io::Error,
) -> TlsError {
    let Testimony { chain, trusted_by } = witness.seen();
    let facts = HandshakeFacts {
        name: trust.name(host),
        name_key: trust.server_name.as_ref().map(|name| name.key.as_str()),
        chain: chain.iter().filter_map(Certificate::read).collect(),
        trusted_by,
        pin_key: trust.pins.as_ref().map(|pins| pins.key.as_str()),
        pins: trust.pins.as_ref().map_or(&[], |pins| &pins.value),
        wants_tls13: trust.min_version == TlsVersion::Tls13,
        has_identity: trust.identity.is_some(),
        named: match &trust.authorities {
            Authorities::At(places) => Some(places),
            _ => None,
        },
        roots: witness.roots(),
        trusted: trust.described(witness.roots().len()),
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            TlsError::Certificate(verdict::explain(&facts, reason))
        }
        Some(other) => TlsError::Handshake(parting::by_protocol(&facts, other)),
        None => TlsError::Handshake(parting::by_end(&facts, error)),
    }
}

/// What the receiver at `address` would take, in words. `None`: it does not tell.
pub(in crate::deliver) async fn ask(host: &str, address: SocketAddr) -> Option<String> {
    inquiry::ask(host, address).await.map(|choice| choice.to_string())
}

/// The receiver has refused us behind the handshake, and said why.
#[derive(Debug, thiserror::Error)]
#[error("{}; {}", .0.what, .0.remedy)]
struct RefusedByAlert(Advice);

/// Whether an error of [`in_words`] says all that there is to say.
pub(in crate::deliver) fn says_why(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<RefusedByAlert>())
}

/// What an error behind the handshake says, where an alert may still refuse what we have shown.
pub(in crate::deliver) fn in_words(error: rustls::Error, has_identity: bool) -> io::Error {
    match &error {
        rustls::Error::AlertReceived(alert) => match parting::by_alert(*alert, has_identity) {
            Some(advice) => io::Error::other(RefusedByAlert(advice)),
            None => io::Error::other(error),
        },
        _ => io::Error::other(error),
    }
}
