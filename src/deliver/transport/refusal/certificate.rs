//! What a certificate says, for people (X.509, RFC 5280). Pure.

use core::net::IpAddr;
use std::fmt;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, AttributeTypeAndValue, SubjectPublicKeyInfo};

use super::Fingerprint;

/// What matters of a certificate. The texts come from outside and are to be shown by
/// [`crate::shown::Show`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as RFC 4514 writes names: `CN=logs.example.com, O=Example`.
    pub subject: String,
    /// Who has signed it.
    pub issuer: String,
    /// The names and addresses it is for (subject alternative names), escaped in the same way; these
    /// alone count.
    pub names: Vec<String>,
    /// From when it is valid.
    pub begin: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Of X.509: 1 to 3.
    pub version: u32,
    /// The key that it vouches for.
    pub key: CertificateKey,
    /// What it can be pinned by.
    pub fingerprint: Fingerprint,
    /// How it is signed: `sha256WithRSAEncryption`, or the number of an unknown algorithm.
    pub signature: String,
}

/// The key that a certificate vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateKey {
    /// So many bits.
    Rsa(usize),
    /// The name of a curve: `P-256`, `brainpoolP256r1`.
    Curve(String),
    /// The name of another algorithm: `Ed25519`, `DSA`.
    Other(String),
}

impl Certificate {
    /// `None` when it cannot be read.
    #[must_use]
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp());
        Some(Self {
            subject: distinguished(certificate.subject()),
            issuer: distinguished(certificate.issuer()),
            names: names.unwrap_or_default(),
            begin: time(certificate.validity().not_before).ok()?,
            end: time(certificate.validity().not_after).ok()?,
            version: certificate.version().0 + 1,
            fingerprint: Fingerprint::of(der),
            key: CertificateKey::read(certificate.public_key()),
            signature: short_name(&certificate.signature_algorithm.algorithm),
        })
    }

    /// A name of X.501, as [`Certificate::subject`] is one. `None` when it cannot be read.
    pub(super) fn name(der: &[u8]) -> Option<String> {
        X509Name::from_der(der).ok().map(|(_, name)| distinguished(&name))
    }

    /// It is its own issuer: an authority, or nobody's.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

impl CertificateKey {
    /// What a "subject public key info" says (RFC 5280, section 4.1.2.7).
    pub(super) fn read(key: &SubjectPublicKeyInfo<'_>) -> Self {
        if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
            let first = rsa.modulus.iter().position(|&byte| byte != 0).unwrap_or(rsa.modulus.len());
            let modulus = &rsa.modulus[first..];
            let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
            return Self::Rsa(8 * modulus.len() - zeros);
        }
        let AlgorithmIdentifier { algorithm, parameters } = &key.algorithm;
        match short_name(algorithm).as_str() {
            "id-ecPublicKey" => {
                let curve = parameters.as_ref().and_then(|curve| curve.as_oid().ok());
                Self::Curve(curve.map_or("of its own".to_owned(), |curve| curve_name(&curve)))
            }
            "1.3.101.112" | "id-Ed25519" => Self::Other("Ed25519".to_owned()),
            "1.3.101.113" | "id-Ed448" => Self::Other("Ed448".to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Curve(curve) => write!(f, "the curve {curve}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The names of the curves of SEC 2 as TLS is spoken of (RFC 8422, section 5.1.1).
fn curve_name(curve: &Oid<'_>) -> String {
    match curve.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        _ => short_name(curve),
    }
}

/// The short name of an object, or its number.
fn short_name(object: &Oid<'_>) -> String {
    let number = object.to_id_string();
    let known = match number.as_str() {
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.3.132.0.10" => "secp256k1",
        _ => oid2sn(object, oid_registry()).unwrap_or(&number),
    };
    known.to_owned()
}

/// A name of X.501, with what has a meaning in it escaped (RFC 4514, section 2.4). Unlike there the
/// parts keep their order, and a blank stands behind each comma.
fn distinguished(name: &X509Name<'_>) -> String {
    let part = |part: &AttributeTypeAndValue<'_>| {
        let kind = oid2abbrev(part.attr_type(), oid_registry());
        let kind = kind.map_or_else(|_| part.attr_type().to_id_string(), str::to_owned);
        match part.as_str() {
            Ok(text) => format!("{kind}={}", escaped(text)),
            Err(_) => {
                let bytes = part.attr_value().data.iter().map(|byte| format!("{byte:02x}"));
                format!("{kind}=#{}", bytes.collect::<String>())
            }
        }
    };
    let parts = name.iter_rdn().map(|rdn| rdn.iter().map(part).collect::<Vec<_>>().join("+"));
    parts.collect::<Vec<_>>().join(", ")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, c) in text.char_indices() {
        let is_last = place + c.len_utf8() == text.len();
        let is_special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => true,
            '#' => place == 0,
            ' ' => place == 0 || is_last,
            _ => false,
        };
        out.extend(is_special.then_some('\\').into_iter().chain([c]));
    }
    out
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        // A host that is an address is never looked for among the names.
        GeneralName::DNSName(name) if name.parse::<IpAddr>().is_ok() => Some(format!("DNS:{name}")),
        GeneralName::DNSName(name) => Some(escaped(name)),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn issued(params: &CertificateParams) -> Certificate {
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::read(certificate.der()).unwrap()
    }

    #[test]
    fn what_matters_is_read() {
        let names = ["logs.example.com", "192.0.2.1", "2001:db8::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names.to_vec()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "logs");
        params.distinguished_name.push(DnType::OrganizationName, "Logs, Inc.");
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 3, 1);
        let certificate = issued(&params);
        assert_eq!(certificate.subject, r"CN=logs, O=Logs\, Inc.");
        assert!(certificate.is_self_issued());
        assert_eq!(certificate.names, names);
        assert_eq!(certificate.begin, "2024-01-01T00:00Z".parse().unwrap());
        assert_eq!(certificate.end, "2024-03-01T00:00Z".parse().unwrap());
        assert_eq!(certificate.version, 3);
        assert_eq!(certificate.key, CertificateKey::Curve("P-256".to_owned()));
        assert_eq!(certificate.signature, "ecdsa-with-SHA256");
        assert_eq!(Certificate::read(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    proptest! {
        /// Two attributes are never taken for one that holds a comma, nor the reverse.
        #[test]
        fn no_two_names_look_alike(
            (a, b) in ("[CNO=,+# \\\\\"]{1,6}", "[CNO=,+# \\\\\"]{1,6}"),
        ) {
            let subject = |parts: &[&str]| {
                let mut params = CertificateParams::default();
                params.distinguished_name = rcgen::DistinguishedName::new();
                let kinds = [DnType::CommonName, DnType::OrganizationName];
                for (kind, &part) in kinds.into_iter().zip(parts) {
                    params.distinguished_name.push(kind, part);
                }
                issued(&params).subject
            };
            let joined = format!("{a}, O={b}");
            prop_assert_ne!(subject(&[&a, &b]), subject(&[&joined]));
            prop_assert_eq!(a == b, subject(&[&a]) == subject(&[&b]));
        }
    }
}
