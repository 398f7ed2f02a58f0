//! The client's settings of TLS, kept from one connection to the next: whom to trust, which is some
//! hundred certificates to be read, and the sessions that can be resumed (RFC 8446, section 2.2).

use std::fs::Metadata;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

use super::trust::{self, Authorities, Identity, TlsClient, TlsError, Trust};
#[cfg(test)]
use super::witness::Witness;
use super::{refusal, roots};
use crate::threads;

/// After so long certificates are read anew although no file has changed that is known to hold any.
const OLD: Duration = Duration::from_secs(3600);

/// What is kept.
#[derive(Debug, Default)]
pub(in crate::deliver) struct TlsClients {
    kept: Mutex<Option<KeptClient>>,
    asked: Mutex<Option<Asked>>,
}

/// What a receiver said that took nothing of ours.
#[derive(Debug)]
struct Asked {
    address: SocketAddr,
    at: Instant,
    answer: Option<String>,
}

#[derive(Debug)]
struct KeptClient {
    client: Arc<TlsClient>,
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

impl TlsClients {
    /// Gives `config` for as long as no file is named.
    #[cfg(test)]
    pub(in crate::deliver) fn giving(config: rustls::ClientConfig) -> Self {
        let witness = Arc::new(Witness::new(Arc::new(rustls::RootCertStore::empty())));
        let client = Arc::new(TlsClient { config: Arc::new(config), witness });
        let stamp = TrustStamp(Vec::new());
        let kept = KeptClient { client, made: Instant::now(), stamp };
        Self { kept: Mutex::new(Some(kept)), asked: Mutex::default() }
    }

    /// The settings for the next connection. Files are looked at, and read if they have changed, on a
    /// thread of their own.
    ///
    /// # Errors
    /// There is nobody to be trusted.
    pub(in crate::deliver) async fn client(
        self: &Arc<Self>,
        trust: &Trust,
    ) -> Result<Arc<TlsClient>, TlsError> {
        let (clients, trust) = (Arc::clone(self), trust.clone());
        let load = move || clients.load(&trust);
        threads::run("trust", load).await.unwrap_or(Err(TlsError::NoThread))
    }

    /// What the receiver has shown in the last handshake, its own certificate first.
    pub(in crate::deliver) fn shown(&self) -> Vec<CertificateDer<'static>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map_or_else(Vec::new, |kept| kept.client.witness.seen().chain)
    }

    /// The same error with what the receiver at `address` would take, where it took nothing of ours. It is
    /// asked once an hour, and given so long to answer.
    pub(in crate::deliver) async fn enlighten(
        &self,
        host: &str,
        address: SocketAddr,
        error: TlsError,
        within: Duration,
    ) -> TlsError {
        let TlsError::Handshake(mut advice) = error else { return error };
        if !advice.is_mismatch {
            return TlsError::Handshake(advice);
        }
        let asked = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked()
            .as_ref()
            .filter(|asked| asked.address == address && asked.at.elapsed() < OLD)
            .map(|asked| asked.answer.clone());
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = timeout(within, refusal::ask(host, address)).await.ok().flatten();
                *asked() = Some(Asked { address, at: Instant::now(), answer: answer.clone() });
                answer
            }
        };
        if let Some(answer) = answer {
            advice.what.push_str("; ");
            advice.what.push_str(&answer);
        }
        TlsError::Handshake(advice)
    }

    fn load(&self, trust: &Trust) -> Result<Arc<TlsClient>, TlsError> {
        let stamp = TrustStamp::now(trust);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::deliver::transport::refusal::Advice;

    fn trust(authorities: Authorities) -> Trust {
        Trust { authorities, identity: None }
    }

    #[test]
    fn certificates_are_read_once_and_sessions_are_kept() {
        let mut roots = rustls::RootCertStore::empty();
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        roots.add(root.der().clone()).unwrap();
        let (clients, trust) = (TlsClients::default(), trust(Authorities::Given(Arc::new(roots))));
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

    #[tokio::test]
    async fn who_took_nothing_is_asked_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, count) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::load);
        let counted = Arc::clone(&connected);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Relaxed);
                // An alert: handshake_failure.
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
            }
        });
        let clients = TlsClients::default();
        let refused = |is_mismatch| {
            let text = |text: &str| text.to_owned();
            TlsError::Handshake(Advice { what: text("a"), remedy: text("b"), is_mismatch })
        };
        let ask = |error| clients.enlighten("logs", address, error, Duration::from_secs(5));
        assert_eq!(ask(refused(false)).await.to_string(), "a; b");
        assert_eq!(count(&connected, Relaxed), 0);
        for _ in 0..3 {
            assert_eq!(ask(refused(true)).await.to_string(), "a; b");
            assert_eq!(count(&connected, Relaxed), 2, "by two hellos");
        }
    }
}
