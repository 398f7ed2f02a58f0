//! The client's settings of TLS, kept from one connection to the next: whom to trust, which is some
//! hundred certificates to be read, and the sessions that can be resumed (RFC 8446, section 2.2).

use std::fs::Metadata;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;
use tracing::warn;

use super::refusal;
use super::trust::witness::Testimony;
#[cfg(test)]
use super::trust::witness::Witness;
use super::trust::{self, TlsClient, TlsError, Trust};
use crate::threads;

/// After so long certificates are read anew although no file has changed that is known to hold any.
const OLD: Duration = Duration::from_secs(3600);

/// What is kept.
#[derive(Debug, Default)]
pub(in crate::deliver) struct TlsClients {
    kept: Mutex<Option<KeptClient>>,
    asked: Mutex<Option<Asked>>,
    /// Until when the certificate is valid that the receiver showed last.
    receiver_end: Mutex<Option<Timestamp>>,
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
    trust: Trust,
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
        let seen = |found: Metadata| -> FileFacts {
            (found.ino(), found.mtime(), found.mtime_nsec(), found.len())
        };
        let seen_at = |at: PathBuf| (at.clone(), at.metadata().ok().map(seen));
        Self(trust.paths().into_iter().map(seen_at).collect())
    }
}

impl TlsClients {
    /// Gives `config` for as long as it is `trust` that is asked for, and that names no file.
    #[cfg(test)]
    pub(in crate::deliver) fn giving(config: rustls::ClientConfig, trust: Trust) -> Self {
        let witness = Arc::new(Witness::new(Arc::new(rustls::RootCertStore::empty())));
        let (own, faults) = Default::default();
        let client = Arc::new(TlsClient { config: Arc::new(config), witness, own, faults });
        let kept =
            KeptClient { trust, client, made: Instant::now(), stamp: TrustStamp(Vec::new()) };
        Self { kept: Mutex::new(Some(kept)), ..Self::default() }
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

    /// What was seen of the last handshake.
    pub(in crate::deliver) fn shown(&self) -> Testimony {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map_or_else(Testimony::default, |kept| kept.client.witness.seen())
    }

    /// Our own certificate, and those of its issuers that we show, as they were read last.
    pub(in crate::deliver) fn own(&self) -> Vec<CertificateDer<'static>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map_or_else(Vec::new, |kept| kept.client.own.clone())
    }

    /// The receiver has shown a certificate that is valid until then.
    pub(in crate::deliver) fn met(&self, receiver_end: Option<Timestamp>) {
        *self.receiver_end.lock().unwrap_or_else(PoisonError::into_inner) = receiver_end;
    }

    /// Until when the certificate is valid that the receiver showed last, if it has shown one.
    pub(in crate::deliver) fn receiver_end(&self) -> Option<Timestamp> {
        *self.receiver_end.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut before = kept.take().filter(|kept| kept.trust == *trust);
        let is_current = |kept: &mut KeptClient| kept.stamp == stamp && kept.made.elapsed() < OLD;
        if let Some(current) = before.take_if(is_current) {
            return Ok(Arc::clone(&kept.insert(current).client));
        }
        let client = match (trust::client(trust), &mut before) {
            (Ok(client), before) => {
                let known = before.as_ref().map_or(&[][..], |before| &before.client.faults);
                let new = client.faults.iter().filter(|fault| !known.contains(fault));
                new.for_each(|fault| warn!("{fault}"));
                Arc::new(client)
            }
            (Err(error), Some(before)) => {
                // A file may be only half written: it is read again once it has changed.
                if before.stamp != stamp {
                    warn!("{error}; the certificates that were read before stay in force");
                }
                Arc::clone(&before.client)
            }
            (Err(error), None) => return Err(error),
        };
        let (trust, made) = (trust.clone(), Instant::now());
        *kept = Some(KeptClient { trust, client: Arc::clone(&client), made, stamp });
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::config::Keyed;
    use crate::deliver::transport::refusal::Advice;
    use crate::deliver::transport::trust::{Authorities, AuthorityPlaces};

    fn trust(authorities: Authorities) -> Trust {
        Trust { authorities, ..Trust::default() }
    }

    fn in_file(path: &Path) -> Trust {
        let key = "destination.ca_file".to_owned();
        let file = Some(Keyed { key, value: path.to_owned() });
        trust(Authorities::At(AuthorityPlaces { file, dir: None }))
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
        let (clients, trust) = (TlsClients::default(), in_file(&path));
        issue();
        let one = clients.load(&trust).unwrap();
        assert!(Arc::ptr_eq(&one, &clients.load(&trust).unwrap()));
        issue();
        let other = clients.load(&trust).unwrap();
        assert!(!Arc::ptr_eq(&one, &other));
        // What cannot be read leaves what was read before, until it can be.
        std::fs::write(&path, "half").unwrap();
        assert!(Arc::ptr_eq(&other, &clients.load(&trust).unwrap()));
        let nowhere = in_file(&dir.path().join("nowhere"));
        assert!(clients.load(&nowhere).is_err(), "these were never read");
        issue();
        assert!(!Arc::ptr_eq(&other, &clients.load(&trust).unwrap()));
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
