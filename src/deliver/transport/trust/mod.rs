//! Whom TLS trusts, and what it shows.
//!
//! | module | what it knows |
//! |---|---|
//! | `authorities` | those that the configuration names |
//! | `identity` | our own certificate and its key |
//! | `pem` | how files are read, and what is wrong with them |
//! | `judge` | whether a receiver is the one that is meant |
//! | `witness` | what a receiver has shown |

pub(super) mod authorities;
pub(super) mod identity;
mod judge;
mod pem;
pub(in crate::deliver) mod witness;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use self::authorities::FoundAuthorities;
use self::judge::ReceiverJudge;
use self::witness::Witness;
use super::refusal::Advice;
use super::refusal::certificate::Certificate;
use super::roots;
use crate::config::{Config, Fingerprint, Keyed, TlsSettings, TlsVersion};
use crate::hidden;
use crate::shown::Show;

pub use self::authorities::AuthorityPlaces;
pub use self::identity::Identity;

/// What to do about a file that cannot be read.
const READABLE: &str = "let it name a file of PEM that this process can read";

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whose certificates are trusted.
    pub authorities: Authorities,
    /// Certificates that are trusted for what they are, at least one.
    pub pins: Option<Keyed<Vec<Fingerprint>>>,
    /// The name or address that a certificate must be for; `None`: that of the receiver.
    pub server_name: Option<Keyed<String>>,
    /// What we show to a receiver that asks for it.
    pub identity: Option<Identity>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// Whose certificates are trusted. Files are read when they have changed.
#[derive(Debug, Clone, Default)]
pub enum Authorities {
    /// The system's; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    #[default]
    System,
    /// Those in files of PEM certificates.
    At(AuthorityPlaces),
    /// These only.
    Given(Arc<RootCertStore>),
    /// Nobody's: only what is pinned is trusted.
    Nobody,
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::System, Self::System) | (Self::Nobody, Self::Nobody) => true,
            (Self::At(one), Self::At(other)) => one == other,
            (Self::Given(one), Self::Given(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Authorities {}

impl From<&TlsSettings> for Trust {
    fn from(settings: &TlsSettings) -> Self {
        let TlsSettings { ca_file, ca_dir, identity, server_name, pins, min_version } =
            settings.clone();
        let is_named = ca_file.is_some() || ca_dir.is_some();
        let authorities = match is_named {
            true => Authorities::At(AuthorityPlaces { file: ca_file, dir: ca_dir }),
            // All the world's authorities beside it would make a pin worthless.
            false if pins.is_some() => Authorities::Nobody,
            false => Authorities::System,
        };
        Self { authorities, pins, server_name, identity, min_version }
    }
}

impl Trust {
    /// Where the files are that are read, as far as that is known.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = match &self.authorities {
            Authorities::System => roots::places(),
            Authorities::At(places) => places.paths(),
            Authorities::Given(_) | Authorities::Nobody => Vec::new(),
        };
        let own = self.identity.iter().flat_map(Identity::files);
        paths.extend(own.map(|file| file.value.clone()));
        paths
    }

    /// What a certificate has to be for, where it is the receiver at `host`.
    pub(super) fn name<'a>(&'a self, host: &'a str) -> &'a str {
        self.server_name.as_ref().map_or(host, |name| &name.value)
    }

    /// The versions that are spoken.
    fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self.min_version {
            TlsVersion::Tls12 => &ALL,
            TlsVersion::Tls13 => &ALL[..1],
        }
    }

    /// Who is trusted, of whom there are `count`: "1 authority is trusted, that of SSL_CERT_FILE
    /// (/etc/ca.pem)".
    pub(super) fn described(&self, count: usize) -> String {
        match &self.authorities {
            Authorities::At(places) => format!("only who is in {places} is trusted"),
            Authorities::Nobody => {
                let key = self.pins.as_ref().map_or("destination.fingerprint", |pins| &pins.key);
                format!("only what {key} names is trusted")
            }
            Authorities::System | Authorities::Given(_) => roots::described(count),
        }
    }
}

/// Why a TLS connection did not come about, and what to do.
#[derive(Debug, thiserror::Error)]
pub(in crate::deliver) enum TlsError {
    #[error(
        "no trusted root certificate found{0}; install the package ca-certificates or let \
         SSL_CERT_FILE name a file of PEM certificates"
    )]
    NoRoots(String),
    #[error("no thread can be started to read certificates; raise the limit of threads")]
    NoThread,
    #[error("\"{0}\" is neither a host name nor an address that a certificate can carry")]
    Name(String),
    #[error("{key}: {}: {what}; {remedy}", .path.shown())]
    File { key: String, path: PathBuf, what: String, remedy: String },
    #[error("{0}")]
    Setup(rustls::Error),
    #[error("the receiver's certificate was refused: {}; {}", .0.what, .0.remedy)]
    Certificate(Advice),
    #[error("{}; {}", .0.what, .0.remedy)]
    Handshake(Advice),
}

impl TlsError {
    fn file(key: &str, path: &Path, what: &str, remedy: &str) -> Self {
        let (key, path) = (key.to_owned(), path.to_owned());
        let (what, remedy) = (what.to_owned(), remedy.to_owned());
        Self::File { key, path, what, remedy }
    }

    /// What cannot be read may be hidden from this process.
    fn unreadable(key: &str, path: &Path, error: &io::Error, remedy: &str) -> Self {
        let hidden = hidden::explained(path);
        Self::file(key, path, &error.to_string(), hidden.as_deref().unwrap_or(remedy))
    }
}

/// The settings of TLS, as they are now.
#[derive(Debug)]
pub(in crate::deliver) struct TlsClient {
    pub(in crate::deliver) config: Arc<ClientConfig>,
    /// What receivers show in handshakes with these settings.
    pub(in crate::deliver) witness: Arc<Witness>,
    /// Our own certificate, and those of its issuers that are in its file.
    pub(in crate::deliver) own: Vec<CertificateDer<'static>>,
    /// What is odd about the files, though they are used.
    pub(in crate::deliver) faults: Vec<String>,
}

/// The settings of the client, with all files as they are now.
pub(in crate::deliver) fn client(trust: &Trust) -> Result<TlsClient, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let FoundAuthorities { roots, mut faults } = trusted(&trust.authorities)?;
    let roots = Arc::new(roots);
    let by_chain = match &trust.authorities {
        Authorities::Nobody => None,
        _ => {
            let (roots, provider) = (Arc::clone(&roots), Arc::clone(&provider));
            let built = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            let unbuilt = |error: rustls::client::VerifierBuilderError| {
                TlsError::Setup(rustls::Error::General(error.to_string()))
            };
            Some(built.map_err(unbuilt)?)
        }
    };
    let witness = Arc::new(Witness::new(roots));
    let judge = ReceiverJudge {
        by_chain,
        pins: trust.pins.as_ref().map_or_else(Vec::new, |pins| pins.value.clone()),
        algorithms: provider.signature_verification_algorithms,
        witness: Arc::clone(&witness),
    };
    let identity = trust.identity.as_ref();
    let certified = identity.map(|identity| identity::load(identity, &provider)).transpose()?;
    faults.extend(identity.and_then(identity::rights_fault));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(trust.versions())
        .map_err(TlsError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judge));
    let own = certified.as_ref().map_or_else(Vec::new, |certified| certified.cert.clone());
    let config = match certified {
        None => builder.with_no_client_auth(),
        Some(certified) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    Ok(TlsClient { config: Arc::new(config), witness, own, faults })
}

fn trusted(authorities: &Authorities) -> Result<FoundAuthorities, TlsError> {
    let roots = match authorities {
        Authorities::At(places) => return places.load(),
        Authorities::Given(roots) => RootCertStore::clone(roots),
        Authorities::System => roots::system()?,
        Authorities::Nobody => RootCertStore::empty(),
    };
    Ok(FoundAuthorities { roots, faults: Vec::new() })
}

/// Until when our own certificates are valid that `config` names: of the one that expires first, if there is one, and the
/// key that names it. It asks the file system.
///
/// # Errors
/// One cannot be read, or its key cannot, in words and with a remedy.
pub fn own_end(config: &Config) -> Result<Option<Keyed<Timestamp>>, String> {
    let mut first: Option<Keyed<Timestamp>> = None;
    for settings in config.tls_settings() {
        let end = end_of(settings)?;
        first = [first, end].into_iter().flatten().min_by_key(|end| end.value);
    }
    Ok(first)
}

fn end_of(settings: &TlsSettings) -> Result<Option<Keyed<Timestamp>>, String> {
    let Some(identity) = &settings.identity else { return Ok(None) };
    let provider = rustls::crypto::ring::default_provider();
    let certified = identity::load(identity, &provider).map_err(|error| error.to_string())?;
    let own = certified.cert.first().and_then(Certificate::read);
    let key = &identity.certificate.key;
    Ok(own.map(|own| Keyed { key: key.clone(), value: own.end }))
}

/// Reads the files that `config` names for TLS, and says what is odd about them, each thing once. It asks the
/// file system.
///
/// # Errors
/// With one of the receivers there could be no connection, in words and with a remedy.
pub fn try_trust(config: &Config) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for settings in config.tls_settings() {
        let Trust { authorities, identity, .. } = Trust::from(settings);
        if let Authorities::At(places) = authorities {
            faults.extend(places.load().map_err(|error| error.to_string())?.faults);
        }
        end_of(settings)?;
        faults.extend(identity.as_ref().and_then(identity::rights_fault));
    }
    let mut told = HashSet::new();
    faults.retain(|fault| told.insert(fault.clone()));
    Ok(faults)
}
