//! The authorities that are trusted: where their certificates come from, and what is wrong there.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::trust::{Authorities, TlsError, Trust};
use crate::config::Destination;
use crate::shown::Show;

const FILE: &str = "SSL_CERT_FILE";
const DIR: &str = "SSL_CERT_DIR";

/// The system's authorities, or those that the variables name in their place, as they are now.
pub(in crate::deliver) fn system() -> Result<RootCertStore, TlsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map_or(String::new(), |error| format!(" ({error})"));
        return Err(TlsError::NoRoots(why));
    }
    Ok(roots)
}

/// Where systems keep them (as rustls-native-certs looks for them, by openssl-probe).
const USUAL: [&str; 8] = [
    "/etc/ssl/certs",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// Where [`system`] finds them, as far as that is known.
pub(in crate::deliver) fn places() -> Vec<PathBuf> {
    let named: Vec<_> = named().into_iter().map(|(_, path)| path).collect();
    if named.is_empty() { USUAL.map(PathBuf::from).into() } else { named }
}

/// From where [`system`] has the `count` that it gave: "1 authority is trusted, that of SSL_CERT_FILE
/// (/etc/ca.pem)".
pub(in crate::deliver) fn described(count: usize) -> String {
    let named = named().into_iter().map(|(name, path)| format!("{name} ({})", path.shown()));
    let mut from = named.collect::<Vec<_>>().join(" and ");
    if from.is_empty() {
        from.push_str("this system");
    }
    match count {
        1 => format!("1 authority is trusted, that of {from}"),
        count => format!("{count} authorities are trusted, those of {from}"),
    }
}

/// What is wrong with the variables, in words with a remedy: what they name is passed over in
/// silence where something else can be trusted. `at_root` if the working directory is going to
/// be `/`.
#[must_use]
pub fn root_faults(at_root: bool) -> Vec<String> {
    let faults = named().into_iter().filter_map(|(name, path)| {
        let what = if at_root && path.is_relative() {
            "is relative, and the working directory of a daemon is /; give an absolute path"
                .to_owned()
        } else {
            match look(name, &path) {
                Ok(true) => return None,
                Ok(false) => "holds no certificate in PEM form; name one that does".to_owned(),
                Err(error) => format!("cannot be read ({error}); let it name one that can"),
            }
        };
        Some(format!("{name}: {} {what}", path.shown()))
    });
    faults.collect()
}

/// Whether the system's authorities, or what the variables name, are those that count for `destination`.
#[must_use]
pub fn uses_system_roots(destination: &Destination) -> bool {
    destination.protocol.has_tls()
        && Trust::from(&destination.tls).authorities == Authorities::System
}

/// What the variables name; a list in [`DIR`] item by item.
fn named() -> Vec<(&'static str, PathBuf)> {
    let file = env::var_os(FILE).map(|path| (FILE, PathBuf::from(path)));
    let dirs = env::var_os(DIR).unwrap_or_default();
    let dirs = env::split_paths(&dirs).filter(|path| !path.as_os_str().is_empty());
    file.into_iter().chain(dirs.map(|path| (DIR, path))).collect()
}

/// Whether there is a certificate. An empty directory is none of our business: it fills.
fn look(name: &str, path: &Path) -> io::Result<bool> {
    if name == DIR {
        return path.read_dir().map(|_| true);
    }
    let mut pem = Vec::new();
    File::open(path)?.read_to_end(&mut pem)?;
    Ok(CertificateDer::pem_slice_iter(&pem).any(|certificate| certificate.is_ok()))
}
