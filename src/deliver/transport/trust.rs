//! Whose certificates are trusted, and what is said of one that is not.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore,
    SignatureScheme, WantsVerifier,
};

use super::roots;
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
    #[error("the receiver's certificate was refused: {what}; {remedy}", what = .0.0, remedy = .0.1)]
    Certificate((String, String)),
    #[error("{0}; check that destination.port speaks TLS")]
    Protocol(rustls::Error),
    #[error(
        "the connection broke during the handshake: {0}; check that destination.port speaks TLS"
    )]
    Broken(io::Error),
}

/// Keeps the certificates that a receiver has shown, also those that were refused.
#[derive(Debug, Default)]
pub(in crate::deliver) struct Witness {
    shown: Mutex<Vec<CertificateDer<'static>>>,
}

impl Witness {
    /// The receiver's own certificate first; nothing if it has not come to that.
    pub(in crate::deliver) fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The settings of the client, with the roots as they are now.
pub(in crate::deliver) fn client(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let builder = builder()?.with_root_certificates(trusted(trust)?);
    let Some(Identity { certificate, key }) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("destination.cert_file", certificate)?;
    let read = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable("destination.key_file", key, &error))?;
    builder
        .with_client_auth_cert(chain, read)
        .map_err(|error| unusable("destination.key_file", key, &error))
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

/// The same; what the receiver shows goes to `witness` before it is judged.
pub(in crate::deliver) fn observed_client(
    trust: &Trust,
    witness: Arc<Witness>,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = WebPkiServerVerifier::builder_with_provider(trusted(trust)?, provider)
        .build()
        .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?;
    let mut config = client(trust)?;
    config.dangerous().set_certificate_verifier(Arc::new(Observed { judge, witness }));
    Ok(config)
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)
}

/// Judges as the usual verifier does, which it asks, and notes what was judged.
#[derive(Debug)]
struct Observed {
    judge: Arc<WebPkiServerVerifier>,
    witness: Arc<Witness>,
}

impl ServerCertVerifier for Observed {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(own).chain(others);
        *self.witness.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            chain.map(|certificate| certificate.clone().into_owned()).collect();
        self.judge.verify_server_cert(own, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
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

/// Who is trusted: "1 authority is trusted, that of SSL_CERT_FILE (/etc/ca.pem)".
fn described(trust: &Trust) -> String {
    match &trust.authorities {
        Authorities::File(path) => {
            format!("only who is in {CA_FILE} ({}) is trusted", path.shown())
        }
        Authorities::System | Authorities::Given(_) => roots::described(),
    }
}

/// What went wrong in a handshake, in the words of someone who can mend it.
pub(in crate::deliver) fn explain(host: &str, trust: &Trust, error: io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            TlsError::Certificate(explain_certificate(host, trust, reason))
        }
        Some(other) => TlsError::Protocol(other.clone()),
        None => TlsError::Broken(error),
    }
}

const RENEW: &str = "renew it on the receiver, and check this host's clock";

fn date(time: UnixTime) -> jiff::Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
}

fn explain_certificate(host: &str, trust: &Trust, reason: &CertificateError) -> (String, String) {
    use CertificateError as E;
    match reason {
        E::NotValidForName | E::NotValidForNameContext { .. } => (
            format!("it was not issued for \"{host}\""),
            format!("let destination.host be a name in the certificate, or have one issued for {host} (subject alternative name)"),
        ),
        // One that is trusted has the issuer's name, and another key.
        E::UnknownIssuer
        | E::BadSignature
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            format!("it was issued by an authority that is not trusted here: {}", described(trust)),
            "let SSL_CERT_FILE name a PEM file that holds this authority's certificate, and check that the receiver sends its intermediate certificates".into(),
        ),
        E::ExpiredContext { not_after, .. } => {
            (format!("it has expired on {}", date(*not_after)), RENEW.into())
        }
        E::Expired => ("it has expired".into(), RENEW.into()),
        E::NotValidYetContext { not_before, .. } => (
            format!("it is not valid before {}", date(*not_before)),
            "check this host's clock".into(),
        ),
        E::NotValidYet => ("it is not valid yet".into(), "check this host's clock".into()),
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
