//! What in a chain of certificates does not count here, whoever has signed it. Pure.
//!
//! The verifier of rustls names the kind of its error at best, and never the certificate: that is found
//! here by looking at those that were shown.

use rustls::RootCertStore;
use rustls::pki_types::TrustAnchor;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::certificate::{Certificate, CertificateKey};
use super::{Advice, MODERN};
use crate::shown::Show;

/// RSA keys that are taken, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Curves that are taken.
const CURVES: [&str; 2] = ["P-256", "P-384"];
/// RSA-PSS, as x509-parser calls it.
pub(super) const RSA_PSS: &str = "rsassa-pss";
/// Signatures that are taken. Of RSA-PSS only those with SHA-256, SHA-384 and SHA-512 are, which cannot
/// be told by the name.
const SIGNATURES: [&str; 7] = [
    "sha256WithRSAEncryption",
    "sha384WithRSAEncryption",
    "sha512WithRSAEncryption",
    RSA_PSS,
    "ecdsa-with-SHA256",
    "ecdsa-with-SHA384",
    "Ed25519",
];

/// The first thing in `chain`, the receiver's own certificate first, or in the key of an authority that
/// is trusted, for which the chain cannot count.
pub(super) fn fault(chain: &[Certificate], roots: &RootCertStore) -> Option<Advice> {
    chain.iter().find_map(of_one).or_else(|| of_authority(chain, roots))
}

fn of_one(certificate: &Certificate) -> Option<Advice> {
    let who = certificate.subject.shown();
    let issuer = certificate.issuer.shown();
    // Nobody asks who has signed an authority's own, and that of what was trusted long ago may be old.
    let is_root = certificate.is_self_issued();
    if certificate.version < 3 && !is_root {
        return Some(Advice::new(
            format!(
                "{who} is a certificate of X.509 version {}, which names no host and says not \
                     whether it is an authority's",
                certificate.version
            ),
            "have it issued as version 3 with a subject alternative name (openssl x509 -req makes \
             version 1 unless -extfile gives it extensions), or pin it by destination.fingerprint",
        ));
    }
    if !is_root && !SIGNATURES.contains(&certificate.signature.as_str()) {
        return Some(Advice::new(
            format!(
                "{issuer} has signed {who} with {}, which does not count here{}",
                certificate.signature.shown(),
                why_not(&certificate.signature)
            ),
            format!("have it signed anew with {MODERN}"),
        ));
    }
    let wrong = wrong_key(&certificate.key)?;
    Some(Advice::new(
        format!("the key of {who} is {wrong}"),
        format!("give it {ACCEPTED_KEYS}, and have it signed anew"),
    ))
}

/// The authority is known, and its own key is of no use.
fn of_authority(chain: &[Certificate], roots: &RootCertStore) -> Option<Advice> {
    let is_issuer = |root: &&TrustAnchor<'_>| {
        let name = subject(root);
        name.is_some_and(|name| chain.iter().any(|certificate| certificate.issuer == name))
    };
    let root = roots.roots.iter().find(is_issuer)?;
    let key = sequence(&root.subject_public_key_info);
    let (_, key) = SubjectPublicKeyInfo::from_der(&key).ok()?;
    let wrong = wrong_key(&CertificateKey::read(&key))?;
    let who = subject(root)?;
    Some(Advice::new(
        format!("the key of the authority {}, which is trusted here, is {wrong}", who.shown()),
        format!("have certificates signed by an authority that has {ACCEPTED_KEYS}"),
    ))
}

/// The authority that is trusted here has this name. The parts of an anchor are kept without what
/// makes them a sequence.
fn subject(root: &TrustAnchor<'_>) -> Option<String> {
    Certificate::name(&sequence(&root.subject))
}

/// The header of DER in front of the content of a sequence (X.690, section 8.9).
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len() - 1);
    let mut out = vec![0x30];
    if length >= 0x80 {
        out.push(0x80 | (bytes.len() - first) as u8);
    }
    out.extend_from_slice(&bytes[first..]);
    out.extend_from_slice(content);
    out
}

/// Keys that are taken.
pub(in crate::deliver::transport) const ACCEPTED_KEYS: &str =
    "an RSA key of 2048 to 8192 bits, or one on P-256, P-384 or Ed25519";

/// What is wrong with a key, if something is.
pub(in crate::deliver::transport) fn wrong_key(key: &CertificateKey) -> Option<String> {
    match key {
        CertificateKey::Rsa(bits) if bits < RSA_BITS.start() => {
            Some(format!("RSA of only {bits} bits; fewer than {} do not count", RSA_BITS.start()))
        }
        CertificateKey::Rsa(bits) if bits > RSA_BITS.end() => {
            Some(format!("RSA of {bits} bits; more than {} are not supported", RSA_BITS.end()))
        }
        CertificateKey::Rsa(_) => None,
        CertificateKey::Curve(curve) if CURVES.contains(&curve.as_str()) => None,
        CertificateKey::Other(name) if name == "Ed25519" => None,
        other => Some(format!("{}, which is not supported", other.to_string().shown())),
    }
}

/// What is known of signatures that do not count.
fn why_not(signature: &str) -> &'static str {
    let name = signature.to_ascii_lowercase();
    match () {
        () if name.contains("md5") || name.contains("md2") => " (MD5 can be forged)",
        () if name.contains("sha1") => " (SHA-1 can be forged)",
        () => "",
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn sound() -> Certificate {
        Certificate {
            subject: "CN=logs".to_owned(),
            issuer: "CN=CA".to_owned(),
            names: vec!["logs".to_owned()],
            begin: jiff::Timestamp::MIN,
            end: jiff::Timestamp::MAX,
            version: 3,
            fingerprint: crate::config::Fingerprint::of(&[]),
            key: CertificateKey::Rsa(2048),
            signature: "sha256WithRSAEncryption".to_owned(),
        }
    }

    fn what(chain: &[Certificate]) -> Option<String> {
        fault(chain, &RootCertStore::empty()).map(|fault| fault.what)
    }

    #[test]
    fn the_first_fault_is_found_and_whose_it_is() {
        let root = Certificate {
            subject: "CN=CA".to_owned(),
            signature: "sha1WithRSAEncryption".to_owned(),
            version: 1,
            ..sound()
        };
        assert_eq!(what(&[sound(), root.clone()]), None, "a root is believed for what it is");
        let old = Certificate { signature: root.signature.clone(), ..sound() };
        let said = "CN=CA has signed CN=logs with sha1WithRSAEncryption, which does not count here \
                    (SHA-1 can be forged)";
        assert_eq!(what(&[old]).as_deref(), Some(said));
        let short = Certificate {
            subject: "CN=between".to_owned(),
            key: CertificateKey::Rsa(1024),
            ..sound()
        };
        let said = "the key of CN=between is RSA of only 1024 bits; fewer than 2048 do not count";
        assert_eq!(what(&[sound(), short.clone()]).as_deref(), Some(said));
        let first = Certificate { version: 1, ..sound() };
        assert!(
            what(&[first, short])
                .unwrap()
                .starts_with("CN=logs is a certificate of X.509 version 1")
        );
        let curve = Certificate { key: CertificateKey::Curve("P-521".to_owned()), ..sound() };
        let said = "the key of CN=logs is the curve P-521, which is not supported";
        assert_eq!(what(&[curve]).as_deref(), Some(said));
    }

    #[test]
    fn a_hostile_name_stays_on_its_line() {
        let hostile = Certificate {
            subject: "CN=a\n12:00:01 ERROR \u{1b}[2J\u{202e}".to_owned(),
            version: 1,
            ..sound()
        };
        let said = what(&[hostile]).unwrap();
        assert!(
            said.starts_with(r"$'CN=a\n12:00:01 ERROR \x1b[2J\u202e' is a certificate"),
            "{said}"
        );
    }

    /// The tables above are what the verifier takes.
    #[test]
    fn what_counts_is_what_the_verifier_takes() {
        let schemes = rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes();
        let mut schemes: Vec<_> = schemes.iter().map(|scheme| format!("{scheme:?}")).collect();
        schemes.sort();
        assert_eq!(
            schemes,
            [
                "ECDSA_NISTP256_SHA256",
                "ECDSA_NISTP384_SHA384",
                "ED25519",
                "RSA_PKCS1_SHA256",
                "RSA_PKCS1_SHA384",
                "RSA_PKCS1_SHA512",
                "RSA_PSS_SHA256",
                "RSA_PSS_SHA384",
                "RSA_PSS_SHA512",
            ]
        );
    }

    #[test]
    fn an_authority_is_found_by_its_name() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "x".repeat(200));
        let root = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let read = Certificate::read(root.der()).unwrap();
        assert_eq!(subject(&roots.roots[0]), Some(read.subject));
        let key = sequence(&roots.roots[0].subject_public_key_info);
        let (_, key) = SubjectPublicKeyInfo::from_der(&key).unwrap();
        assert_eq!(CertificateKey::read(&key), read.key);
    }
}
