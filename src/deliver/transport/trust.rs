//! Whose certificates are trusted, and what the client shows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::refusal::Advice;
use super::roots;
use super::witness::{Observed, Witness};
use crate::config::TlsFiles;
use crate::shown::Show;

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Whose certificates are trusted.
    pub authorities: Authorities,
    /// What we show to a receiver that asks for it.
    pub identity: Option<Identity>,
}

/// Whose certificates are trusted. Files are read when they have changed.
#[derive(Debug, Clone, Default)]
pub enum Authorities {
    /// The system's; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    #[default]
    System,
    /// Those in a file of PEM certificates.
    File(PathBuf),
    /// These only.
    Given(Arc<RootCertStore>),
}

/// A certificate and its key, in PEM files that are read when they have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and perhaps those of its issuers behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl From<&TlsFiles> for Trust {
    fn from(files: &TlsFiles) -> Self {
        let authorities = files.authorities.clone().map_or(Authorities::System, Authorities::File);
        let identity = files.identity.clone();
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        Self { authorities, identity }
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
    #[error("{key}: {}: {what}; let it name a file of PEM that this process can read", .path.shown())]
    File { key: &'static str, path: PathBuf, what: String },
    #[error("{0}")]
    Setup(rustls::Error),
    #[error("the receiver's certificate was refused: {}; {}", .0.what, .0.remedy)]
    Certificate(Advice),
    #[error("{}; {}", .0.what, .0.remedy)]
    Handshake(Advice),
}

/// The settings of TLS, as they are now.
#[derive(Debug)]
pub(in crate::deliver) struct TlsClient {
    pub(in crate::deliver) config: Arc<ClientConfig>,
    /// What receivers show in handshakes with these settings.
    pub(in crate::deliver) witness: Arc<Witness>,
}

/// The settings of the client, with the roots as they are now.
pub(in crate::deliver) fn client(trust: &Trust) -> Result<TlsClient, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = trusted(trust)?;
    let judge =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?;
    let witness = Arc::new(Witness::new(roots));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Observed {
            judge,
            witness: Arc::clone(&witness),
        }));
    let config = match &trust.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain = certificates("destination.cert_file", certificate)?;
            let unusable = |error: &dyn fmt::Display| unusable("destination.key_file", key, error);
            let read = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(&error))?;
            builder.with_client_auth_cert(chain, read).map_err(|error| unusable(&error))?
        }
    };
    Ok(TlsClient { config: Arc::new(config), witness })
}

/// The certificates in a file of PEM, at least one.
fn certificates(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(unusable(name, path, &"it holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(name, path, &error)),
    }
}

fn unusable(key: &'static str, path: &Path, what: &dyn fmt::Display) -> TlsError {
    TlsError::File { key, path: path.to_owned(), what: what.to_string() }
}

fn trusted(trust: &Trust) -> Result<Arc<RootCertStore>, TlsError> {
    match &trust.authorities {
        Authorities::Given(roots) => Ok(Arc::clone(roots)),
        Authorities::System => roots::system().map(Arc::new),
        Authorities::File(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(CA_FILE, path)? {
                roots.add(certificate).map_err(|error| unusable(CA_FILE, path, &error))?;
            }
            Ok(Arc::new(roots))
        }
    }
}

const CA_FILE: &str = "destination.ca_file";

/// Who is trusted, of whom there are `count`: "1 authority is trusted, that of SSL_CERT_FILE
/// (/etc/ca.pem)".
pub(super) fn described(trust: &Trust, count: usize) -> String {
    match &trust.authorities {
        Authorities::File(path) => {
            format!("only who is in {CA_FILE} ({}) is trusted", path.shown())
        }
        Authorities::System | Authorities::Given(_) => roots::described(count),
    }
}
