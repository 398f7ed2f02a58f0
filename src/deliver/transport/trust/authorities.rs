//! Authorities that the configuration names: a file of PEM, a directory of such files, or both.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject};

use super::pem::{self, Wanted};
use super::{READABLE, TlsError};
use crate::config::Keyed;
use crate::shown::Show;

const WITH_CERTIFICATES: &str = "name one that holds certificates in PEM form";

/// Where authorities are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityPlaces {
    /// A file of PEM certificates.
    pub file: Option<Keyed<PathBuf>>,
    /// A directory of such files.
    pub dir: Option<Keyed<PathBuf>>,
}

/// What was found at [`AuthorityPlaces`].
#[derive(Debug)]
pub(super) struct FoundAuthorities {
    pub(super) roots: RootCertStore,
    /// What in the directory is of no use, though others are, in words.
    pub(super) faults: Vec<String>,
}

impl AuthorityPlaces {
    /// Reads them. What is broken in a directory is passed over where something else there is not.
    pub(super) fn load(&self) -> Result<FoundAuthorities, TlsError> {
        let mut found = FoundAuthorities { roots: RootCertStore::empty(), faults: Vec::new() };
        if let Some(Keyed { key, value: path }) = &self.file {
            for certificate in certificates(key, path)? {
                found.roots.add(certificate).map_err(|error| {
                    TlsError::file(key, path, &error.to_string(), WITH_CERTIFICATES)
                })?;
            }
        }
        if let Some(Keyed { key, value: dir }) = &self.dir
            && let Err(error) = found.add_dir(key, dir)
        {
            if found.roots.is_empty() {
                return Err(error);
            }
            found.faults.push(passed_over(&error));
        }
        Ok(found)
    }

    /// The files, the directory, and the files in it that count, as they are now.
    pub(in crate::deliver::transport) fn paths(&self) -> Vec<PathBuf> {
        let within = self.dir.iter().flat_map(|dir| files_in(&dir.value).unwrap_or_default());
        let named = self.file.iter().chain(&self.dir).map(|named| named.value.clone());
        named.chain(within).collect()
    }
}

impl FoundAuthorities {
    fn add_dir(&mut self, key: &str, dir: &Path) -> Result<(), TlsError> {
        let broken = |what: &str, remedy: &str| TlsError::file(key, dir, what, remedy);
        let files = files_in(dir).map_err(|error| {
            let remedy = "let it name a directory that this process can list";
            TlsError::unreadable(key, dir, &error, remedy)
        })?;
        if files.is_empty() {
            return Err(broken(
                "it holds no file with the name of a certificate",
                "let names end in .pem, .crt or .cer, or make links with openssl rehash",
            ));
        }
        // By a link and by its name a file is seen twice.
        let mut seen = BTreeSet::new();
        let (mut count, mut broken_files) = (0, Vec::new());
        for path in files {
            let read = certificates(key, &path).and_then(|certificates| {
                for certificate in certificates.into_iter().filter(|it| seen.insert(it.to_vec())) {
                    self.roots.add(certificate).map_err(|error| {
                        TlsError::file(key, &path, &error.to_string(), WITH_CERTIFICATES)
                    })?;
                    count += 1;
                }
                Ok(())
            });
            broken_files.extend(read.err());
        }
        match (count, broken_files.first()) {
            (0, Some(error)) => {
                let what = format!("nothing in it can be used; {error}");
                Err(broken(&what, "put the certificate of an authority there"))
            }
            _ => {
                self.faults.extend(broken_files.iter().map(passed_over));
                Ok(())
            }
        }
    }
}

impl fmt::Display for AuthorityPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Keyed { key, value }) in self.file.iter().chain(&self.dir).enumerate() {
            let and = if number == 0 { "" } else { " or " };
            write!(f, "{and}{key} ({})", value.shown())?;
        }
        Ok(())
    }
}

/// Of something that is broken, where others are not.
fn passed_over(error: &TlsError) -> String {
    format!("{error}; the others are trusted")
}

/// The files in a directory of certificates, in the order of their names.
///
/// # Errors
/// It cannot be listed.
pub(in crate::deliver::transport) fn files_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_certificate(&entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// `*.pem`, `*.crt`, `*.cer`, or a link that `openssl rehash` makes: `0a1b2c3d.0`.
fn is_certificate(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once('.') else { return false };
    let is_hash = stem.len() == 8 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    ["pem", "crt", "cer"].iter().any(|it| end.eq_ignore_ascii_case(it)) || is_hash && is_number
}

/// The certificates in a file of PEM, at least one.
pub(super) fn certificates(
    key: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let broken = |what: &str, remedy: &str| TlsError::file(key, path, what, remedy);
    let bytes =
        pem::read(path).map_err(|error| TlsError::unreadable(key, path, &error, READABLE))?;
    let read = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let error = match read {
        Ok(found) if found.is_empty() => Error::NoItemsFound,
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let (what, remedy) = pem::fault(&error, &bytes, path, Wanted::Certificate);
    Err(broken(&what, &remedy))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::*;

    fn pem() -> String {
        let key = KeyPair::generate().unwrap();
        CertificateParams::default().self_signed(&key).unwrap().pem()
    }

    fn load(dir: &TempDir) -> Result<(usize, Vec<String>), String> {
        let places = AuthorityPlaces {
            file: None,
            dir: Some(Keyed { key: "destination.ca_dir".to_owned(), value: dir.path().to_owned() }),
        };
        let found = places.load().map_err(|error| error.to_string())?;
        Ok((found.roots.len(), found.faults))
    }

    #[test]
    fn a_directory_is_read_as_openssl_leaves_it() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let error = load(&dir).unwrap_err();
        assert!(
            error.contains("no file with the name of a certificate") && error.contains("rehash")
        );
        fs::write(at("README"), "not read").unwrap();
        fs::write(at("a.pem"), pem() + &pem()).unwrap();
        fs::write(at("b.CRT"), pem()).unwrap();
        fs::write(at("0123abcd.0"), pem()).unwrap();
        // The link is the file, which counts once; a list of what is revoked is none.
        symlink("a.pem", at("89abcdef.1")).unwrap();
        symlink("a.pem", at("89abcdef.r0")).unwrap();
        assert_eq!(load(&dir), Ok((4, vec![])));
    }

    #[test]
    fn what_is_broken_is_named_and_harms_nobody_else() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink("gone", at("gone.pem")).unwrap();
        fs::write(at("empty.crt"), "").unwrap();
        fs::write(at("cut.pem"), &pem()[..100]).unwrap();
        let error = load(&dir).unwrap_err();
        assert!(error.contains("nothing in it can be used; destination.ca_dir: "), "{error}");
        fs::write(at("good.pem"), pem()).unwrap();
        let (count, faults) = load(&dir).unwrap();
        assert_eq!(count, 1);
        let named = ["cut.pem", "empty.crt", "gone.pem"];
        assert!(faults.iter().zip(named).all(|(fault, name)| fault.contains(name)), "{faults:?}");
        assert_eq!(faults.len(), 3);
    }

    #[test]
    fn of_der_it_is_told_how_to_mend_it() {
        let dir = TempDir::new().unwrap();
        let der = rustls::pki_types::CertificateDer::from_pem_slice(pem().as_bytes()).unwrap();
        fs::write(dir.path().join("a.crt"), &der).unwrap();
        assert!(load(&dir).unwrap_err().contains("openssl x509 -inform DER -in"));
    }
}
