//! Our own certificate and its key: files of PEM, in every form that openssl(1) and others write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::authorities::certificates;
use super::pem::{self, Wanted};
use super::{READABLE, TlsError};
use crate::config::{IdentityFiles, Keyed};
use crate::deliver::transport::refusal::certificate::Certificate;
use crate::deliver::transport::refusal::{ACCEPTED_KEYS, wrong_key};
use crate::shown::Show;

/// What stands in a file whose key is encrypted: PKCS#8, and the older form (RFC 1421, section 4.6.1.1).
const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
/// Rights of a key that are too many: others may read it, or others than the owner write it.
const TOO_OPEN: u32 = 0o026;

/// A certificate and its key, in PEM files that are read when they have changed.
pub type Identity = IdentityFiles;

/// Where the key is, and which setting says so.
fn key_place(identity: &Identity) -> (&str, &Path) {
    let Keyed { key, value } = identity.key.as_ref().unwrap_or(&identity.certificate);
    (key, value)
}

/// Reads the certificate and its key, and finds out whether they belong together.
pub(super) fn load(
    identity: &Identity,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let Keyed { key: certificate_key, value: certificate } = &identity.certificate;
    let chain = certificates(certificate_key, certificate)?;
    let (name, path) = key_place(identity);
    let broken = |what: &str, remedy: &str| TlsError::file(name, path, what, remedy);
    let bytes =
        pem::read(path).map_err(|error| TlsError::unreadable(name, path, &error, READABLE))?;
    let key =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| no_key(identity, &bytes, &error))?;
    let loaded = provider.key_provider.load_private_key(key);
    let own = Certificate::read(&chain[0]);
    let key = loaded.map_err(|error| {
        let wrong = own.as_ref().and_then(|own| wrong_key(&own.key));
        let what = match wrong {
            Some(wrong) => format!("the key in it is {wrong}"),
            None => format!("the key in it cannot be used ({error})"),
        };
        broken(&what, &format!("have a certificate issued for {ACCEPTED_KEYS}"))
    })?;
    let certified = CertifiedKey { cert: chain, key, ocsp: None };
    let Some(spki) = certified.key.public_key() else { return Ok(certified) };
    let is_for = |certificate: &CertificateDer<'_>| {
        public_key(certificate).is_none_or(|public| Some(public) == bits(&spki))
    };
    match certified.cert.iter().position(is_for) {
        Some(0) => Ok(certified),
        Some(_) => Err(TlsError::file(
            certificate_key,
            certificate,
            "the first certificate in it is not ours",
            "let our own stand before those of its issuers",
        )),
        None => {
            let who = own.map_or_else(String::new, |own| format!(" ({})", own.subject.shown()));
            let at = certificate.shown();
            let what = format!("the key in it is not that of the certificate in {at}{who}");
            let remedy = format!(
                "let them be of the same request: openssl pkey -pubout -in {} and openssl x509 -noout \
                 -pubkey -in {at} print the same then",
                path.shown()
            );
            Err(TlsError::file(name, path, &what, &remedy))
        }
    }
}

/// Why there is no key in `bytes`, which is where the key of `identity` is to be.
fn no_key(identity: &Identity, bytes: &[u8], error: &Error) -> TlsError {
    let (name, path) = key_place(identity);
    let at = path.shown();
    let holds = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    if ENCRYPTED.iter().any(|mark| holds(mark)) {
        let remedy = format!(
            "write it without, for nobody but the user of this process to read: (umask 077; openssl pkey \
             -in {at} -out NEW.key)"
        );
        let what = "the key in it is encrypted, and nobody is there to type its passphrase";
        return TlsError::file(name, path, what, &remedy);
    }
    match error {
        Error::NoItemsFound if identity.key.is_none() => TlsError::file(
            name,
            path,
            "it holds no private key, and no other file is named that does",
            &format!("write {} too, or put the key into this file", key_beside(name)),
        ),
        error => {
            let (what, remedy) = pem::fault(error, bytes, path, Wanted::PrivateKey);
            TlsError::file(name, path, &what, &remedy)
        }
    }
}

/// The setting that names a key, beside the one that names its certificate.
fn key_beside(certificate_key: &str) -> String {
    let (of, _) = certificate_key.rsplit_once('.').unwrap_or_default();
    format!("{of}.key_file")
}

/// The bits of a certificate's key. `None` where it cannot be read.
fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.public_key().subject_public_key.data.to_vec())
}

fn bits(key: &[u8]) -> Option<Vec<u8>> {
    let (_, key) = SubjectPublicKeyInfo::from_der(key).ok()?;
    Some(key.subject_public_key.data.to_vec())
}

/// What is wrong with the rights of the key of `identity`, with a remedy. A key that others may read is
/// used all the same: in a container a secret is often mounted like that, and logs that are not shipped are
/// worse.
pub(super) fn rights_fault(identity: &Identity) -> Option<String> {
    let (name, path) = key_place(identity);
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & TOO_OPEN != 0).then(|| {
        let at = path.shown();
        format!(
            "{name}: the key in {at} may be read or written by others than its owner (mode {mode:04o}), \
             who can show our certificate then; chmod 600 {at}, or 640 for a group of its own"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::path::PathBuf;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::*;

    struct Files {
        dir: TempDir,
    }

    impl Files {
        fn new() -> Self {
            Self { dir: TempDir::new().unwrap() }
        }

        fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
            let path = self.dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    fn issued() -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::default().self_signed(&key).unwrap().pem(), key)
    }

    fn identity(certificate: PathBuf, key: Option<PathBuf>) -> Identity {
        let keyed = |key: &str, value| Keyed { key: format!("destination.{key}"), value };
        let certificate = keyed("cert_file", certificate);
        Identity { certificate, key: key.map(|key| keyed("key_file", key)) }
    }

    fn try_load(certificate: PathBuf, key: Option<PathBuf>) -> Result<usize, String> {
        let provider = rustls::crypto::ring::default_provider();
        let loaded = load(&identity(certificate, key), &provider);
        loaded.map(|loaded| loaded.cert.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn certificate_and_key_may_be_in_one_file_or_apart_and_in_any_order() {
        let (files, (certificate, key)) = (Files::new(), issued());
        let key = key.serialize_pem();
        let apart = (files.write("c.pem", &certificate), files.write("k.pem", &key));
        assert_eq!(try_load(apart.0.clone(), Some(apart.1)), Ok(1));
        for text in [format!("{certificate}{key}"), format!("a note\n{key}\n{certificate}")] {
            let both = files.write("both.pem", text);
            assert_eq!(try_load(both.clone(), None), Ok(1));
            assert_eq!(try_load(both.clone(), Some(both)), Ok(1));
        }
        let error = try_load(apart.0, None).unwrap_err();
        assert!(error.contains("c.pem: it holds no private key, and no other file is"), "{error}");
        assert!(error.contains("write destination.key_file too"), "{error}");
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let (files, (certificate, _), (other, key)) = (Files::new(), issued(), issued());
        let key = files.write("k.pem", key.serialize_pem());
        let wrong = files.write("c.pem", &certificate);
        let error = try_load(wrong, Some(key.clone())).unwrap_err();
        assert!(
            error.contains("k.pem: the key in it is not that of the certificate in"),
            "{error}"
        );
        assert!(error.contains("openssl x509 -noout -pubkey -in"), "{error}");
        let order = files.write("c.pem", format!("{certificate}{other}"));
        let error = try_load(order.clone(), Some(key.clone())).unwrap_err();
        assert!(error.contains("let our own stand before those of its issuers"), "{error}");
        fs::write(&order, format!("{other}{certificate}")).unwrap();
        assert_eq!(try_load(order, Some(key)), Ok(2));
    }

    #[test]
    fn what_is_no_key_is_told_with_what_to_do() {
        let (files, (certificate, key)) = (Files::new(), issued());
        let certificate = files.write("c.pem", certificate);
        for (text, parts) in [
            (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec(),
             ["is encrypted", "openssl pkey -in"]),
            (b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n".to_vec(), ["is encrypted", "umask 077"]),
            (key.serialize_der(), ["it is of DER", "openssl pkey -inform DER"]),
            (Vec::new(), ["it holds no private key", "name one that holds a private key in PEM form"]),
        ] {
            let key = files.write("k.pem", text);
            let error = try_load(certificate.clone(), Some(key)).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{part:?}: {error}");
            }
        }
        let error = try_load(certificate, Some("/nowhere/k.pem".into())).unwrap_err();
        assert!(error.contains("destination.key_file: /nowhere/k.pem: No such file"), "{error}");
    }

    #[test]
    fn a_key_that_others_may_read_is_told() {
        let files = Files::new();
        let key = files.write("k.pem", "");
        let identity = identity("/c.pem".into(), Some(key.clone()));
        for (mode, is_fault) in [
            (0o600, false),
            (0o400, false),
            (0o640, false),
            (0o660, true),
            (0o644, true),
            (0o602, true),
        ] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
            let fault = rights_fault(&identity);
            assert_eq!(fault.is_some(), is_fault, "{mode:o}");
            assert!(fault.is_none_or(|fault| fault.contains(&format!("(mode {mode:04o})"))));
        }
    }
}
