//! Why a handshake ended that no certificate of the receiver stood against: what it said, what is not
//! offered here, and what to make of one that just ends. Pure.

use std::io;

use rustls::{AlertDescription, Error, PeerMisbehaved};

use super::{Advice, HandshakeFacts};

/// What this side offers. A test compares it with what the library does.
pub(super) const OFFER: &str = "TLS 1.3 and 1.2, the curves X25519, P-256 and P-384, the cipher suites \
    of ECDHE with AES-GCM or ChaCha20-Poly1305, and certificates with RSA keys of 2048 bits or more or \
    keys on P-256, P-384 or Ed25519";
const SPEAKS: &str = "check that destination.port speaks TLS";
const OWN_LOG: &str = "look at the receiver's own log";

/// The library has ended it, or was told by the receiver why it has.
pub(super) fn by_protocol(facts: &HandshakeFacts<'_>, error: &Error) -> Advice {
    use Error as E;
    match error {
        E::AlertReceived(alert) => heard(facts, *alert),
        E::PeerIncompatible(_) if is_about_versions(error) => {
            old_version(facts, "chose an older one").mismatch()
        }
        E::PeerIncompatible(_)
        | E::PeerMisbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite
            | PeerMisbehaved::SelectedUnofferedKxGroup
            | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion
            | PeerMisbehaved::SignedKxWithWrongAlgorithm
            | PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
        ) => Advice::new(
            format!("the receiver chose what is not offered here ({error})"),
            format!("have it allow something of what this side offers: {OFFER}"),
        ),
        E::InvalidMessage(_) => Advice::new(format!("its answer is none of TLS ({error})"), SPEAKS),
        other => Advice::new(other.to_string(), SPEAKS),
    }
}

fn is_about_versions(error: &Error) -> bool {
    use rustls::PeerIncompatible as P;
    matches!(
        error,
        Error::PeerIncompatible(
            P::ServerDoesNotSupportTls12Or13
                | P::ServerTlsVersionIsDisabledByOurConfig
                | P::Tls12NotOffered
                | P::Tls12NotOfferedOrEnabled
                | P::SupportedVersionsExtensionRequired
        )
    )
}

fn old_version(facts: &HandshakeFacts<'_>, did: &str) -> Advice {
    if facts.wants_tls13 {
        return Advice::new(
            format!("the receiver does not speak TLS 1.3 (destination.min_tls), it {did}"),
            "have it speak that, or write min_tls: \"1.2\"",
        );
    }
    Advice::new(
        format!("the receiver speaks neither TLS 1.3 nor TLS 1.2, it {did}"),
        "have it speak one of them: TLS 1.1 and what is older do not count any more (RFC 8996)",
    )
}

/// The receiver has said why (RFC 8446, section 6).
fn heard(facts: &HandshakeFacts<'_>, alert: AlertDescription) -> Advice {
    use AlertDescription as A;
    let name = name(alert);
    match alert {
        A::ProtocolVersion => old_version(facts, &format!("says ({name})")).mismatch(),
        A::HandshakeFailure | A::InsufficientSecurity if facts.trusted_by.is_some() => {
            of_identity(facts, name)
        }
        A::HandshakeFailure | A::InsufficientSecurity => Advice::new(
            format!(
                "the receiver found no cipher suite, curve or kind of certificate in common with \
                 this side ({name})"
            ),
            format!("have it allow some of what this side offers: {OFFER}"),
        )
        .mismatch(),
        A::UnrecognisedName => Advice::new(
            format!("the receiver knows no server \"{}\" ({name})", facts.name),
            format!(
                "let {} be the name that it is known by",
                facts.name_key.unwrap_or("the receiver's host")
            ),
        ),
        _ => by_alert(alert, facts.has_identity)
            .unwrap_or_else(|| Advice::new(format!("the receiver gave it up ({name})"), OWN_LOG)),
    }
}

/// What an alert says that may come in a handshake and behind it: over TLS 1.3 a client's certificate is
/// judged when the client takes its handshake for done. `None`: it says nothing of that.
pub(super) fn by_alert(alert: AlertDescription, has_identity: bool) -> Option<Advice> {
    use AlertDescription as A;
    matches!(
        alert,
        A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError
    )
    .then(|| identity(name(alert), has_identity))
}

fn of_identity(facts: &HandshakeFacts<'_>, name: &str) -> Advice {
    identity(name, facts.has_identity)
}

fn identity(name: &str, has_identity: bool) -> Advice {
    match has_identity {
        true => Advice::new(
            format!("the receiver does not take our certificate ({name})"),
            format!("check destination.cert_file and whom the receiver trusts; {OWN_LOG}"),
        ),
        false => Advice::new(
            format!("the receiver wants a certificate of ours ({name})"),
            "set destination.cert_file and destination.key_file",
        ),
    }
}

/// It has ended the connection instead.
pub(super) fn by_end(facts: &HandshakeFacts<'_>, error: &io::Error) -> Advice {
    let how = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it closed the connection",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "it broke the connection",
        _ => return Advice::new(format!("the connection broke in the handshake: {error}"), SPEAKS),
    };
    if facts.trusted_by.is_some() {
        let Advice { what, remedy, .. } = of_identity(facts, "it does not say so");
        return Advice::new(
            format!(
                "{how} in the handshake, behind our answer, and did not say why; perhaps {what}"
            ),
            remedy,
        );
    }
    Advice::new(
        format!("{how} in the handshake and did not say why"),
        format!(
            "{SPEAKS}; {OWN_LOG}: some (with GnuTLS) just end where they find no cipher suite, curve or \
             version in common with what this side offers: {OFFER}"
        ),
    )
    .mismatch()
}

/// The name of an alert as RFC 8446, appendix B.2, has it.
fn name(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CloseNotify => "it closed in good order",
        A::UnexpectedMessage => "alert unexpected_message",
        A::BadRecordMac => "alert bad_record_mac",
        A::RecordOverflow => "alert record_overflow",
        A::HandshakeFailure => "alert handshake_failure",
        A::NoCertificate => "alert no_certificate",
        A::BadCertificate => "alert bad_certificate",
        A::UnsupportedCertificate => "alert unsupported_certificate",
        A::CertificateRevoked => "alert certificate_revoked",
        A::CertificateExpired => "alert certificate_expired",
        A::CertificateUnknown => "alert certificate_unknown",
        A::IllegalParameter => "alert illegal_parameter",
        A::UnknownCA => "alert unknown_ca",
        A::AccessDenied => "alert access_denied",
        A::DecodeError => "alert decode_error",
        A::DecryptError => "alert decrypt_error",
        A::ProtocolVersion => "alert protocol_version",
        A::InsufficientSecurity => "alert insufficient_security",
        A::InternalError => "alert internal_error",
        A::InappropriateFallback => "alert inappropriate_fallback",
        A::UserCanceled => "alert user_canceled",
        A::MissingExtension => "alert missing_extension",
        A::UnsupportedExtension => "alert unsupported_extension",
        A::UnrecognisedName => "alert unrecognized_name",
        A::CertificateRequired => "alert certificate_required",
        A::NoApplicationProtocol => "alert no_application_protocol",
        _ => "an alert without a name",
    }
}

#[cfg(test)]
mod tests {
    /// What is offered is what the library offers, so that the words stay true when it changes.
    #[test]
    fn the_offer_is_what_the_library_offers() {
        let provider = rustls::crypto::ring::default_provider();
        let mut groups: Vec<_> =
            provider.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
        groups.sort();
        assert_eq!(groups, ["X25519", "secp256r1", "secp384r1"]);
        for suite in &provider.cipher_suites {
            let name = format!("{:?}", suite.suite());
            let (exchange, cipher) = match name.strip_prefix("TLS13_") {
                Some(cipher) => ("ECDHE", cipher),
                None => name.strip_prefix("TLS_").unwrap().split_once("_WITH_").unwrap(),
            };
            assert!(exchange.starts_with("ECDHE"), "{name}");
            assert!(cipher.contains("_GCM_") || cipher.starts_with("CHACHA20_POLY1305"), "{name}");
        }
        let versions: Vec<_> = rustls::DEFAULT_VERSIONS.iter().map(|it| it.version).collect();
        assert_eq!(versions, [rustls::ProtocolVersion::TLSv1_3, rustls::ProtocolVersion::TLSv1_2]);
    }
}
