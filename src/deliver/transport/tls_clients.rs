//! The client's settings of TLS, kept from one connection to the next: whom to trust, which is some
//! hundred certificates to be read, and the sessions that can be resumed (RFC 8446, section 2.2).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::roots;
use super::trust::{self, Authorities, Identity, TlsError, Trust};
use crate::threads;

/// After so long certificates are read anew although no file has changed that is known to hold any.
const OLD: Duration = Duration::from_secs(3600);

/// What is kept.
#[derive(Debug, Default)]
pub(in crate::deliver) struct TlsClients(Mutex<Option<KeptClient>>);

#[derive(Debug)]
struct KeptClient {
    client: Arc<ClientConfig>,
    made: Instant,
    stamp: TrustStamp,
}

/// Where certificates are, and as what they were seen there.
#[derive(Debug, PartialEq, Eq)]
struct TrustStamp(Vec<(PathBuf, Option<FileFacts>)>);

/// Inode, seconds and nanoseconds of the last change, size.
type FileFacts = (u64, i64, i64, u64);

impl TrustStamp {
    /// As they are now for `trust`.
    fn now(trust: &Trust) -> Self {
        let mut places = match &trust.authorities {
            Authorities::System => roots::places(),
            Authorities::File(path) => vec![path.clone()],
            Authorities::Given(_) => Vec::new(),
        };
        if let Some(Identity { certificate, key }) = &trust.identity {
            places.extend([certificate.clone(), key.clone()]);
        }
        let seen = |found: Metadata| -> FileFacts {
            (found.ino(), found.mtime(), found.mtime_nsec(), found.len())
        };
        Self(places.into_iter().map(|at| (at.clone(), at.metadata().ok().map(seen))).collect())
    }
}

/// Where a connection has its settings from.
#[derive(Clone, Copy)]
pub(in crate::deliver) enum ClientSource<'a> {
    /// They are kept for the next one.
    Kept(&'a Arc<TlsClients>),
    /// They are made for this one.
    Made(&'a (dyn Fn(&Trust) -> Result<ClientConfig, TlsError> + Sync)),
}

impl ClientSource<'_> {
    /// See [`TlsClients::client`].
    pub(in crate::deliver) async fn client(
        &self,
        trust: &Trust,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        match self {
            Self::Kept(clients) => clients.client(trust).await,
            Self::Made(make) => make(trust).map(Arc::new),
        }
    }
}

impl TlsClients {
    /// The settings for the next connection. Files are looked at, and read if they have changed, on a
    /// thread of their own.
    ///
    /// # Errors
    /// There is nobody to be trusted.
    pub(in crate::deliver) async fn client(
        self: &Arc<Self>,
        trust: &Trust,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let (clients, trust) = (Arc::clone(self), trust.clone());
        let load = move || clients.load(&trust);
        threads::run("trust", load).await.unwrap_or(Err(TlsError::NoThread))
    }

    fn load(&self, trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
        let stamp = TrustStamp::now(trust);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && kept.stamp == stamp
            && kept.made.elapsed() < OLD
        {
            return Ok(Arc::clone(&kept.client));
        }
        let client = Arc::new(trust::client(trust)?);
        *kept = Some(KeptClient { client: Arc::clone(&client), made: Instant::now(), stamp });
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(authorities: Authorities) -> Trust {
        Trust { authorities, identity: None }
    }

    #[test]
    fn certificates_are_read_once_and_sessions_are_kept() {
        let roots = Arc::new(rustls::RootCertStore::empty());
        let (clients, trust) = (TlsClients::default(), trust(Authorities::Given(roots)));
        let (one, other) = (clients.load(&trust).unwrap(), clients.load(&trust).unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn what_has_changed_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let issue = || {
            let key = rcgen::KeyPair::generate().unwrap();
            let root = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
            std::fs::write(&path, root.pem()).unwrap();
        };
        let (clients, trust) = (TlsClients::default(), trust(Authorities::File(path.clone())));
        issue();
        let one = clients.load(&trust).unwrap();
        assert!(Arc::ptr_eq(&one, &clients.load(&trust).unwrap()));
        issue();
        assert!(!Arc::ptr_eq(&one, &clients.load(&trust).unwrap()));
    }
}
