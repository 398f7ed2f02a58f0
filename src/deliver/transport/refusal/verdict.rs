//! Why the receiver's certificates were refused. Pure.

use core::net::IpAddr;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use super::super::trust::AuthorityPlaces;
use super::certificate::Certificate;
use super::{Advice, HandshakeFacts, chain};
use crate::shown::Show;

const RENEW: &str = "renew it on the receiver, and check this host's clock";
const CLOCK: &str = "check this host's clock";
/// No more names of a certificate are listed.
const MOST_NAMES: usize = 5;

/// How a receiver is trusted that no authority vouches for.
const PIN: &str = "pin it by destination.fingerprint (--check --connect shows what to write)";

pub(super) fn explain(facts: &HandshakeFacts<'_>, reason: &CertificateError) -> Advice {
    if facts.trusted_by.is_some() {
        return unsigned(facts, reason);
    }
    if *reason == CertificateError::ApplicationVerificationFailure {
        return unpinned(facts);
    }
    let mut advice = by_chain(facts, reason);
    if let (Some(own), Some(key)) = (facts.chain.first(), facts.pin_key) {
        let but = format!("; nor is its fingerprint, {}, one of {key}", own.fingerprint);
        advice.what.push_str(&but);
    }
    advice
}

/// The receiver has shown the right certificate, and not proven that it is its own.
fn unsigned(facts: &HandshakeFacts<'_>, reason: &CertificateError) -> Advice {
    let own = facts.chain.first();
    match own.and_then(|own| Some((own, chain::wrong_key(&own.key)?))) {
        Some((own, wrong)) => Advice::new(
            format!("the key of {} is {wrong}", own.subject.shown()),
            format!("give it {}", chain::ACCEPTED_KEYS),
        ),
        None if *reason == CertificateError::BadSignature => Advice::new(
            "its signature of this handshake is none of the key in the certificate",
            "look after the receiver's private key, and who answers at its address",
        ),
        None => chain::fault(&facts.chain, facts.roots).unwrap_or_else(|| unfaulted(facts, reason)),
    }
}

/// Only what is pinned is trusted, and this is not.
fn unpinned(facts: &HandshakeFacts<'_>) -> Advice {
    let shown = facts.chain.first().map_or_else(String::new, |own| {
        format!(" ({}, of {})", own.fingerprint, own.subject.shown())
    });
    let key = facts.pin_key.unwrap_or("destination.fingerprint");
    let pinned = facts.chain.iter().skip(1).find(|issuer| facts.pins.contains(&issuer.fingerprint));
    if let Some(issuer) = pinned {
        let (who, file) = (issuer.subject.shown(), key.replace("fingerprint", "ca_file"));
        return Advice::new(
            format!(
                "its fingerprint{shown} is none of {key}, though that of {who} in its chain is"
            ),
            format!(
                "pin the receiver's own certificate: an authority is not trusted by a pin, but by {file} and \
                 with the name of the receiver"
            ),
        );
    }
    Advice::new(
        format!("its fingerprint{shown} is none of {key}"),
        "if the receiver has a new certificate, compare that fingerprint with what openssl x509 -noout \
         -fingerprint -sha256 prints of it there, and add it; if it has not, somebody else answers",
    )
}

fn by_chain(facts: &HandshakeFacts<'_>, reason: &CertificateError) -> Advice {
    use CertificateError as E;
    match reason {
        E::NotValidForName | E::NotValidForNameContext { .. } => wrong_name(facts),
        E::ExpiredContext { not_after, .. } => {
            let end = date(*not_after);
            let whose = whose(facts, |certificate| certificate.end == end);
            Advice::new(format!("{whose} has expired on {end}"), RENEW)
        }
        E::Expired => Advice::new("it has expired", RENEW),
        E::NotValidYetContext { not_before, .. } => {
            let begin = date(*not_before);
            let whose = whose(facts, |certificate| certificate.begin == begin);
            Advice::new(format!("{whose} is not valid before {begin}"), CLOCK)
        }
        E::NotValidYet => Advice::new("it is not valid yet", CLOCK),
        E::Revoked => Advice::new("it was revoked", "have a new one issued"),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Advice::new(
            "it was not issued for servers (extended key usage)",
            "have one issued with serverAuth among its purposes",
        ),
        other => chain::fault(&facts.chain, facts.roots)
            .map_or_else(|| unfaulted(facts, other), |fault| and_untrusted(facts, other, fault)),
    }
}

/// Nothing in the chain is wrong by itself.
fn unfaulted(facts: &HandshakeFacts<'_>, reason: &CertificateError) -> Advice {
    use CertificateError as E;
    match reason {
        E::UnknownIssuer => unknown_issuer(facts),
        E::BadSignature => {
            untrusted(facts, "; the one of that name that is trusted has another key")
        }
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => unsupported(facts),
        E::BadEncoding => Advice::new("it cannot be read", "have a new one issued"),
        E::UnhandledCriticalExtension => Advice::new(
            "it holds an extension that is marked as critical and not known here",
            "have one issued without it",
        ),
        E::Other(other) => by_rule(facts, other),
        other => Advice::new(other.to_string(), "check the receiver's certificate chain"),
    }
}

/// A signature does not count, though its name is that of one that does.
fn unsupported(facts: &HandshakeFacts<'_>) -> Advice {
    let is_pss = |it: &&Certificate| it.signature == chain::RSA_PSS && !it.is_self_issued();
    match facts.chain.iter().find(is_pss) {
        Some(it) => Advice::new(
            format!(
                "{} has signed {} with RSA-PSS of a kind that does not count here",
                it.issuer.shown(),
                it.subject.shown()
            ),
            "have it signed with SHA-256, SHA-384 or SHA-512, and a salt as long as that (openssl: -sigopt \
             rsa_pss_saltlen:digest)",
        ),
        None => Advice::new(
            "a signature in its chain is of a kind that does not count here",
            format!("have it issued with {}", super::MODERN),
        ),
    }
}

/// The chain has a fault, and its authority may not be trusted either.
fn and_untrusted(facts: &HandshakeFacts<'_>, reason: &CertificateError, fault: Advice) -> Advice {
    if !matches!(reason, CertificateError::UnknownIssuer) {
        return fault;
    }
    let untrusted = unknown_issuer(facts);
    Advice::new(
        format!("{}; and {}", untrusted.what, fault.what),
        format!("{}; {}", untrusted.remedy, fault.remedy),
    )
}

fn wrong_name(facts: &HandshakeFacts<'_>) -> Advice {
    let host = facts.name;
    let kind = if host.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    let remedy = format!("have one issued with the subject alternative name {kind}:{host}");
    let Some(own) = facts.chain.first() else {
        return Advice::new(format!("it was not issued for \"{host}\""), remedy);
    };
    if own.names.is_empty() {
        let what = format!(
            "it names the host in its subject alone ({}), which does not count; there is no subject \
             alternative name of a host",
            own.subject.shown()
        );
        return Advice::new(what, remedy);
    }
    // The host is where it is, and may have another name there.
    let be = match facts.name_key {
        None => "let the receiver's host or destination.server_name be".to_owned(),
        Some(key) => format!("let {key} be"),
    };
    let names = own.names.iter().take(MOST_NAMES).map(|name| name.shown().to_string());
    let mut names = names.collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = own.names.len().checked_sub(MOST_NAMES) {
        names.push_str(&format!(" and {more} more"));
    }
    Advice::new(
        format!("it was not issued for \"{host}\", but for {names}"),
        format!("{be} a name in the certificate, or {remedy}"),
    )
}

fn unknown_issuer(facts: &HandshakeFacts<'_>) -> Advice {
    let place = place(facts);
    let is_self_signed = facts.chain.len() == 1 && facts.chain[0].is_self_issued();
    if is_self_signed {
        return Advice::new(
            format!("it is signed by itself, and not trusted here: {}", facts.trusted),
            format!(
                "{PIN}, {place} a PEM file that holds it (it must say CA:FALSE then), or have \
                 it issued by an authority"
            ),
        );
    }
    untrusted(facts, "")
}

fn untrusted(facts: &HandshakeFacts<'_>, but: &str) -> Advice {
    Advice::new(
        format!(
            "it was issued by an authority that is not trusted here ({}{but}): {}",
            issuer(facts).shown(),
            facts.trusted
        ),
        format!(
            "{} a PEM file that holds this authority's certificate, and check that the \
             receiver sends its intermediate certificates",
            place(facts)
        ),
    )
}

/// The rules of X.509 that have no word of their own in rustls.
fn by_rule(facts: &HandshakeFacts<'_>, other: &OtherError) -> Advice {
    use webpki::Error as W;
    let rule = other.0.downcast_ref::<W>();
    let issue = "have it issued anew";
    match rule {
        // `openssl req -x509` makes such certificates unless told otherwise.
        Some(W::CaUsedAsEndEntity) => Advice::new(
            "it is the certificate of an authority (CA:TRUE), not of a server",
            format!("{PIN}, or give the receiver one with basicConstraints CA:FALSE"),
        ),
        Some(W::EndEntityUsedAsCa) => Advice::new(
            format!("it was signed by {}, which is no authority (CA:FALSE)", issuer(facts).shown()),
            "have it signed by an authority, or give that one basicConstraints CA:TRUE",
        ),
        Some(W::NameConstraintViolation) => Advice::new(
            format!(
                "an authority in its chain may not issue it for its names (name constraints of {})",
                issuers(facts)
            ),
            "have it issued by one that may",
        ),
        Some(W::PathLenConstraintViolated) => Advice::new(
            "there are more authorities between than the one that is trusted allows (pathlen)",
            "have it issued by a nearer one",
        ),
        Some(W::InvalidSerialNumber) => Advice::new(
            "its serial number is longer than 20 bytes, or none",
            format!("{issue} with another"),
        ),
        Some(W::UnsupportedCertVersion) => {
            Advice::new("it is none of X.509 version 3", format!("{issue} as that"))
        }
        Some(rule) => Advice::new(
            format!("it breaks a rule of RFC 5280 ({})", format!("{rule:?}").shown()),
            format!("check the receiver's certificate chain, or {issue}"),
        ),
        None => Advice::new(
            other.to_string().shown().to_string(),
            "check the receiver's certificate chain",
        ),
    }
}

/// "it", or the subject of one of its issuers.
fn whose(facts: &HandshakeFacts<'_>, is_it: impl Fn(&Certificate) -> bool) -> String {
    match facts.chain.iter().position(is_it) {
        None | Some(0) => "it".to_owned(),
        Some(place) => {
            format!("that of {} in its chain", facts.chain[place].subject.shown())
        }
    }
}

/// All who vouch for it, the nearest one first: "CN=a or CN=b".
fn issuers(facts: &HandshakeFacts<'_>) -> String {
    let between = facts.chain.iter().skip(1).map(|it| it.subject.as_str());
    let mut names: Vec<_> = between.chain([issuer(facts)]).collect();
    names.dedup();
    names.iter().map(|name| name.shown().to_string()).collect::<Vec<_>>().join(" or ")
}

/// Who has signed the last certificate that the receiver's own leads to.
fn issuer<'a>(facts: &'a HandshakeFacts<'_>) -> &'a str {
    let Some(mut last) = facts.chain.first() else { return "" };
    for _ in 0..facts.chain.len() {
        let next = facts.chain.iter().find(|next| next.subject == last.issuer);
        last = next.unwrap_or(last);
    }
    &last.issuer
}

/// What is to name the authorities that are trusted.
fn place(facts: &HandshakeFacts<'_>) -> String {
    match facts.named {
        None => "let destination.ca_file name".to_owned(),
        Some(AuthorityPlaces { file: Some(file), .. }) => format!("let {} name", file.key),
        Some(AuthorityPlaces { dir, .. }) => {
            format!("let {} have", dir.as_ref().map_or("destination.ca_dir", |dir| &dir.key))
        }
    }
}

fn date(time: UnixTime) -> jiff::Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
}
