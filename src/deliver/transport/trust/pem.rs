//! Files of PEM (RFC 7468): how they are read, and what is wrong with those that hold nothing of use.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::shown::Show;

/// Longer ones are refused: some hundred authorities take 300 KB.
const LONGEST: u64 = 16 << 20;
/// What editors of some systems write before the first letter (U+FEFF in UTF-8).
const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// What is looked for in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Certificate,
    PrivateKey,
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
        }
    }

    /// What stands behind its BEGIN.
    fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Certificate => &["CERTIFICATE"],
            Self::PrivateKey => &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
        }
    }
}

/// What `path` holds, without a byte order mark.
///
/// # Errors
/// It cannot be read, is longer than any such file, or is something else than a file: reading a FIFO would not end.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it is longer than {} MiB", LONGEST >> 20)));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// What is wrong with the file at `path`, in whose `bytes` nothing was found that is `wanted`, and what to do. `error` is
/// what the parser says.
pub(super) fn fault(error: &Error, bytes: &[u8], path: &Path, wanted: Wanted) -> (String, String) {
    let damaged = |what: String| (what, "copy it once more, as a whole".to_owned());
    match error {
        Error::NoItemsFound => nothing(bytes, path, wanted),
        Error::MissingSectionEnd { end_marker } => {
            let label = String::from_utf8_lossy(end_marker);
            damaged(format!("it ends within a {}: its line -----END is missing", label.shown()))
        }
        Error::Base64Decode(error) => {
            damaged(format!("what stands between BEGIN and END is damaged ({error})"))
        }
        other => damaged(other.to_string().shown().to_string()),
    }
}

/// There is nothing of that kind in a file.
fn nothing(bytes: &[u8], path: &Path, wanted: Wanted) -> (String, String) {
    let (at, name) = (path.shown(), wanted.name());
    let made =
        |command: &str| format!("openssl {command} -in {at} -out NEW.pem makes one that does");
    if let Some(form) = BinaryForm::of(bytes, wanted) {
        let made = format!("openssl {} -in {at} -out NEW.pem makes it so", form.command(wanted));
        return (format!("it is of {}", form.name()), format!("let it be of PEM: {made}"));
    }
    let text = String::from_utf8_lossy(bytes);
    let labels: Vec<_> = labels(&text).collect();
    let none = format!("it holds no {name}");
    let named = format!("name one that holds a {name} in PEM form");
    match labels.first() {
        None => (none, named),
        Some(_) if labels.iter().any(|label| wanted.labels().contains(label)) => (
            format!("{none}, for something stands before -----BEGIN in its line"),
            "let that be the first of its line, without blanks".to_owned(),
        ),
        Some(&"PKCS7") if wanted == Wanted::Certificate => {
            (format!("{none} of its own, but PKCS7"), made("pkcs7 -print_certs"))
        }
        Some(label) if wanted == Wanted::Certificate && label.ends_with(" CERTIFICATE") => {
            (format!("{none}, but {}", label.shown()), made("x509"))
        }
        Some(label) => (format!("{none}, but {}", label.shown()), named),
    }
}

/// What stands behind each BEGIN, wherever that is in its line.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(DASHES).map(|(label, _)| label))
}

/// What a file is that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BinaryForm {
    Pkcs12,
    /// A certificate, or a key.
    Der,
}

impl BinaryForm {
    fn of(bytes: &[u8], wanted: Wanted) -> Option<Self> {
        // All are a sequence; PKCS#12 begins with its version, 3 (RFC 7292, section 4).
        let is_sequence = bytes.first() == Some(&0x30);
        let behind = |length: &u8| if *length > 0x80 { 2 + usize::from(length & 0x7F) } else { 2 };
        let content = bytes.get(1).map(behind).and_then(|at| bytes.get(at..));
        let content = content.filter(|_| is_sequence)?;
        let is_one = match wanted {
            _ if content.starts_with(&[2, 1, 3]) => return Some(Self::Pkcs12),
            Wanted::Certificate => X509Certificate::from_der(bytes).is_ok(),
            // PKCS#8 and PKCS#1 begin with version 0 or 1, SEC 1 with version 1.
            Wanted::PrivateKey => {
                content.starts_with(&[2, 1, 0]) || content.starts_with(&[2, 1, 1])
            }
        };
        is_one.then_some(Self::Der)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS#12",
            Self::Der => "DER",
        }
    }

    /// How openssl(1) takes what is wanted out of it.
    fn command(self, wanted: Wanted) -> &'static str {
        match (self, wanted) {
            (Self::Pkcs12, Wanted::Certificate) => "pkcs12 -nokeys",
            (Self::Pkcs12, Wanted::PrivateKey) => "pkcs12 -nocerts -nodes",
            (Self::Der, Wanted::Certificate) => "x509 -inform DER",
            (Self::Der, Wanted::PrivateKey) => "pkey -inform DER",
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustix::fs::{CWD, Mode, mkfifoat};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tempfile::TempDir;

    use super::*;

    fn issued() -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::default().self_signed(&key).unwrap().pem(), key)
    }

    /// What is said of a file that should hold a certificate, or a key.
    fn said(bytes: &[u8], wanted: Wanted) -> String {
        let error = match wanted {
            Wanted::Certificate => CertificateDer::from_pem_slice(bytes).unwrap_err(),
            Wanted::PrivateKey => PrivateKeyDer::from_pem_slice(bytes).unwrap_err(),
        };
        let (what, remedy) = fault(&error, bytes, Path::new("/a.pem"), wanted);
        format!("{what}; {remedy}")
    }

    #[test]
    fn what_a_file_holds_instead_is_told() {
        let (certificate, key) = issued();
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let relabelled = |label: &str| certificate.replace("CERTIFICATE", label).into_bytes();
        let indented = certificate.replace("-----BEGIN", "  -----BEGIN").into_bytes();
        let key = key.serialize_pem();
        let (cut, spoilt) =
            (&certificate[..certificate.len() - 30], certificate.replace("MI", "?I"));
        for (bytes, told) in [
            (
                relabelled("PKCS7"),
                "it holds no certificate of its own, but PKCS7; openssl pkcs7 -print_certs -in /a.pem",
            ),
            (
                relabelled("TRUSTED CERTIFICATE"),
                "but TRUSTED CERTIFICATE; openssl x509 -in /a.pem -out NEW.pem",
            ),
            (
                relabelled("CERTIFICATE REQUEST"),
                "but CERTIFICATE REQUEST; name one that holds a certificate",
            ),
            (key.clone().into_bytes(), "it holds no certificate, but PRIVATE KEY; name one"),
            (
                indented,
                "it holds no certificate, for something stands before -----BEGIN in its line",
            ),
            (der.to_vec(), "it is of DER; let it be of PEM: openssl x509 -inform DER -in /a.pem"),
            (
                vec![0x30, 0x82, 1, 0, 2, 1, 3],
                "it is of PKCS#12; let it be of PEM: openssl pkcs12 -nokeys",
            ),
            (b"\x30\x03\x02\x01\x05".to_vec(), "it holds no certificate; name one"),
            (Vec::new(), "it holds no certificate; name one"),
            (
                cut.as_bytes().to_vec(),
                "it ends within a CERTIFICATE: its line -----END is missing; copy it",
            ),
            (spoilt.into_bytes(), "what stands between BEGIN and END is damaged ("),
        ] {
            let said = said(&bytes, Wanted::Certificate);
            assert!(said.contains(told), "{told:?}: {said}");
        }
        for (bytes, told) in [
            (
                certificate.clone().into_bytes(),
                "it holds no private key, but CERTIFICATE; name one",
            ),
            (key.replace("PRIVATE", "PUBLIC").into_bytes(), "but PUBLIC KEY; name one"),
            (
                key.replace("PRIVATE", "OPENSSH PRIVATE").into_bytes(),
                "but OPENSSH PRIVATE KEY; name one",
            ),
            (format!(" {key}").into_bytes(), "for something stands before -----BEGIN"),
            (vec![0x30, 0x82, 1, 0, 2, 1, 3], "openssl pkcs12 -nocerts -nodes -in /a.pem"),
            (key.as_bytes()[..100].to_vec(), "it ends within a PRIVATE KEY"),
        ] {
            let said = said(&bytes, Wanted::PrivateKey);
            assert!(said.contains(told), "{told:?}: {said}");
        }
    }

    #[test]
    fn only_files_of_a_sensible_size_are_read() {
        let dir = TempDir::new().unwrap();
        let (certificate, _) = issued();
        let marked = dir.path().join("marked.pem");
        fs::write(&marked, [BYTE_ORDER_MARK, certificate.as_bytes()].concat()).unwrap();
        assert_eq!(read(&marked).unwrap(), certificate.as_bytes());
        let fifo = dir.path().join("fifo");
        mkfifoat(CWD, &fifo, Mode::RUSR).unwrap();
        for path in [fifo.as_path(), Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().to_string(), "it is no regular file");
        }
        let long = dir.path().join("long");
        File::create(&long).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(read(&long).unwrap_err().to_string(), "it is longer than 16 MiB");
        assert!(read(dir.path()).unwrap_err().to_string().contains("Is a directory"));
    }
}
