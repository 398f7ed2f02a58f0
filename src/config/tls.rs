//! Whom TLS is to trust, and what it is to show. Pure.

use std::fmt;
use std::path::PathBuf;

/// Whom TLS is to trust, and what it is to show. Files are of PEM; they are read for a connection when
/// they have changed. Nothing here turns verification off.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates of those who are trusted, in the place of the system's.
    pub ca_file: Option<Keyed<PathBuf>>,
    /// A directory of such files; with `ca_file`, those of both are trusted.
    pub ca_dir: Option<Keyed<PathBuf>>,
    /// Our own certificate and its key.
    pub identity: Option<IdentityFiles>,
    /// The name, or the address, that a certificate must be for; `None`: that of the receiver.
    pub server_name: Option<Keyed<String>>,
    /// Certificates that are trusted for what they are. Where there are some, the system's authorities
    /// are not.
    pub pins: Option<Keyed<Vec<Fingerprint>>>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// A value, and the key that it was given by: what is wrong with it is said of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed<T> {
    /// The name of the key, `destination.ca_file`, or `destination.hosts[1].ca_file` of the second receiver.
    pub key: String,
    /// What was given.
    pub value: T,
}

/// Our own certificate, and perhaps those of its issuers behind it, and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// Where the certificate is.
    pub certificate: Keyed<PathBuf>,
    /// Where the key is; `None`: in the same file.
    pub key: Option<Keyed<PathBuf>>,
}

impl TlsSettings {
    /// The files, and the directory, that are named.
    pub fn files(&self) -> impl Iterator<Item = &Keyed<PathBuf>> {
        let own = self.identity.iter().flat_map(IdentityFiles::files);
        self.ca_file.iter().chain(&self.ca_dir).chain(own)
    }
}

impl IdentityFiles {
    /// Both, where they are two.
    pub fn files(&self) -> impl Iterator<Item = &Keyed<PathBuf>> {
        std::iter::once(&self.certificate).chain(&self.key)
    }
}

/// A version of TLS.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246. What is older does not count any more (RFC 8996).
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// `1.2` or `1.3`, also behind a `v` or `TLS`.
    ///
    /// # Errors
    /// It is another.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        match lower.trim_start_matches("tls").trim_start_matches([' ', 'v']) {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            "1" | "1.0" | "1.1" => Err(format!(
                "{text:?} is a version that can be broken and is not spoken here (RFC 8996); write \
                 \"1.2\" or \"1.3\""
            )),
            _ => Err(format!("{text:?} is no version of TLS; write \"1.2\" or \"1.3\"")),
        }
    }
}

/// The SHA-256 of a certificate in DER, as RFC 5425, section 4.2.2, has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; Self::LENGTH]);

/// How to get one.
const PRINTED_BY: &str = "openssl x509 -in CERTIFICATE.pem -noout -fingerprint -sha256";

impl Fingerprint {
    /// Bytes of a SHA-256.
    const LENGTH: usize = 32;
    /// Bytes of a SHA-1.
    const SHA1_LENGTH: usize = 20;

    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut bytes = [0; Self::LENGTH];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// `sha-256:` and 32 bytes in hexadecimal with colons between, in upper or lower case; the name also
    /// as rsyslog and openssl(1) write it (`SHA256:`, `sha256 Fingerprint=`).
    ///
    /// # Errors
    /// It is none, or that of another hash.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, digits) = lower.split_at(lower.find([':', '=']).unwrap_or(0));
        let name = name.trim_end_matches("fingerprint").trim_end().replace('-', "");
        let (name, digits) = match name.starts_with("sha") || name.starts_with("md") {
            true => (name.as_str(), &digits[1..]),
            false => ("", &*lower),
        };
        let bytes = bytes(digits);
        let is_sha1 =
            name == "sha1" || bytes.as_ref().is_some_and(|it| it.len() == Self::SHA1_LENGTH);
        if is_sha1 || name.starts_with("md") {
            return Err(format!(
                "{text:?} is no SHA-256: another certificate can be made with the same fingerprint of \
                 SHA-1 or MD5; write the one that {PRINTED_BY} prints, behind sha-256:"
            ));
        }
        match (name, bytes.and_then(|bytes| bytes.try_into().ok())) {
            ("sha256", Some(bytes)) => Ok(Self(bytes)),
            ("", Some(_)) => {
                Err(format!("{text:?} does not say of which hash it is; write sha-256: before it"))
            }
            _ => Err(format!(
                "{text:?} is no fingerprint; write sha-256: and what {PRINTED_BY} prints behind the \
                 equals sign"
            )),
        }
    }
}

/// The bytes of digits in hexadecimal, with a colon between each two or none at all.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    match digits.contains(':') {
        true => digits.split(':').map(|pair| byte(pair.as_bytes())).collect(),
        false => digits.as_bytes().chunks(2).map(byte).collect(),
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256")?;
        self.0.iter().try_for_each(|byte| write!(f, ":{byte:02X}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fingerprints_are_read_as_others_write_them() {
        let print = Fingerprint::of(b"abc");
        let text = "sha-256:BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:\
                    B4:10:FF:61:F2:00:15:AD";
        assert_eq!(print.to_string(), text);
        let digits = text.strip_prefix("sha-256:").unwrap();
        for text in [
            text.to_lowercase(),
            format!("SHA256:{digits}"),
            format!("sha256 Fingerprint={digits}"),
            format!("sha-256:{}", digits.replace(':', "")),
        ] {
            assert_eq!(Fingerprint::parse(&text), Ok(print), "{text}");
        }
        let sha1 = &digits[..20 * 3 - 1];
        for (text, part) in [
            (format!("sha-1:{sha1}"), "SHA-1"),
            (format!("SHA1 Fingerprint={sha1}"), "SHA-1"),
            (sha1.to_owned(), "SHA-1"),
            (format!("md5:{}", &digits[..16 * 3 - 1]), "SHA-1 or MD5"),
            (digits.to_owned(), "sha-256: before it"),
            (format!("sha-256:{}", &digits[3..]), "is no fingerprint"),
            (format!("sha-256:{digits}:"), "is no fingerprint"),
            (format!("sha-512:{digits}"), "is no fingerprint"),
            ("sha-256:+1".to_owned(), "is no fingerprint"),
            ("sha-256:".to_owned(), "is no fingerprint"),
            ("logs".to_owned(), "is no fingerprint"),
        ] {
            let error = Fingerprint::parse(&text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn versions() {
        for (text, version) in
            [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13), ("TLSv1.3", TlsVersion::Tls13)]
        {
            assert_eq!(TlsVersion::parse(text), Ok(version));
        }
        assert!(TlsVersion::parse("1.1").unwrap_err().contains("RFC 8996"));
        assert!(TlsVersion::parse("2").is_err());
    }

    proptest! {
        #[test]
        fn a_fingerprint_is_read_as_it_is_written(bytes: [u8; 32]) {
            let print = Fingerprint(bytes);
            prop_assert_eq!(Fingerprint::parse(&print.to_string()), Ok(print));
        }

        #[test]
        fn whatever_is_written_is_read_or_refused(text: String) {
            if let Ok(print) = Fingerprint::parse(&text) {
                prop_assert_eq!(Fingerprint::parse(&print.to_string()), Ok(print));
            }
        }
    }
}
