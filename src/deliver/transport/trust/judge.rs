//! Whether a receiver is the one that is meant: by its fingerprint, or by whom its certificate was
//! issued (RFC 5425, section 4.2.1). Either is enough, and there is no third way.
//!
//! What a pin vouches for is the certificate itself: its name, its date, its issuer and its version are
//! not asked. That the receiver holds its key is proven in each handshake all the same, and the key has to
//! be as long as any other.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::witness::{Testimony, TrustedBy, Witness};
use crate::config::Fingerprint;

/// Judges, and has the witness note what was judged.
#[derive(Debug)]
pub(super) struct ReceiverJudge {
    /// Judges by the chain, where authorities are trusted.
    pub(super) by_chain: Option<Arc<WebPkiServerVerifier>>,
    pub(super) pins: Vec<Fingerprint>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) witness: Arc<Witness>,
}

impl ReceiverJudge {
    fn has_pin_of(&self, certificate: &CertificateDer<'_>) -> bool {
        !self.pins.is_empty() && self.pins.contains(&Fingerprint::of(certificate))
    }
}

impl ServerCertVerifier for ReceiverJudge {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(own).chain(others).map(|shown| shown.clone().into_owned());
        let chain = chain.collect();
        let judged = match &self.by_chain {
            _ if self.has_pin_of(own) => Ok(TrustedBy::Pin),
            Some(by_chain) => {
                by_chain.verify_server_cert(own, others, name, ocsp, now).map(|_| TrustedBy::Chain)
            }
            None => Err(CertificateError::ApplicationVerificationFailure.into()),
        };
        self.witness.saw(Testimony { chain, trusted_by: judged.as_ref().ok().copied() });
        judged.map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.has_pin_of(certificate) {
            return by_key(message, certificate, signature, &self.algorithms);
        }
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.has_pin_of(certificate) {
            let key = key(certificate)?;
            return verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms);
        }
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The key of a certificate of any version: what rustls reads is of version 3 only.
fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let (_, read) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(read.public_key().raw.to_vec()))
}

/// Verifies a signature of TLS 1.2 by the key of a certificate of any version. The scheme does not name the
/// curve there, so that each algorithm of it is tried (as rustls does).
fn by_key(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = key(certificate)?;
    let entity =
        webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
    let (_, possible) =
        known.ok_or(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let is_valid = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
        entity.verify_signature(*algorithm, message, signature.signature()).is_ok()
    };
    match possible.iter().any(is_valid) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}
