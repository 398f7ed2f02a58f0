//! Judges a receiver's certificates, and keeps them: rustls does not tell what it has refused.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

/// What a receiver has shown in the last handshake that was made with these settings.
#[derive(Debug)]
pub(in crate::deliver) struct Witness {
    roots: Arc<RootCertStore>,
    seen: Mutex<Testimony>,
}

/// What was seen of a handshake.
#[derive(Debug, Default, Clone)]
pub(in crate::deliver) struct Testimony {
    /// The receiver's own certificate first, also when it was refused; nothing if it has not come to
    /// that.
    pub(in crate::deliver) chain: Vec<CertificateDer<'static>>,
    /// The chain was found good.
    pub(in crate::deliver) is_trusted: bool,
}

impl Witness {
    /// Trusts the authorities in `roots`.
    pub(in crate::deliver) fn new(roots: Arc<RootCertStore>) -> Self {
        Self { roots, seen: Mutex::default() }
    }

    /// The authorities that are trusted.
    pub(in crate::deliver) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    /// A handshake begins.
    pub(in crate::deliver) fn forget(&self) {
        self.with(|seen| *seen = Testimony::default());
    }

    /// What was seen since.
    pub(in crate::deliver) fn seen(&self) -> Testimony {
        self.with(|seen| seen.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Testimony) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Judges as the usual verifier does, which it asks, and notes what was judged.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) judge: Arc<WebPkiServerVerifier>,
    pub(super) witness: Arc<Witness>,
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
        let chain = std::iter::once(own).chain(others).map(|shown| shown.clone().into_owned());
        let chain = chain.collect();
        let judged = self.judge.verify_server_cert(own, others, name, ocsp, now);
        self.witness.with(|seen| *seen = Testimony { chain, is_trusted: judged.is_ok() });
        judged
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
