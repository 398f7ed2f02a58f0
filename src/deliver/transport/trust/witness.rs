//! Keeps what a receiver has shown: rustls does not tell what it has refused.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

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
    /// Why it was found good, if it was.
    pub(in crate::deliver) trusted_by: Option<TrustedBy>,
}

/// Why a receiver is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedBy {
    /// An authority that is trusted has issued its certificate, for its name and for now.
    Chain,
    /// Its certificate has a fingerprint that is pinned.
    Pin,
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
        self.saw(Testimony::default());
    }

    /// A receiver was judged.
    pub(super) fn saw(&self, testimony: Testimony) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = testimony;
    }

    /// What was seen since.
    pub(in crate::deliver) fn seen(&self) -> Testimony {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
