//! Where messages would go, and who answers there.

use std::io;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::{BAD, GOOD, HEADING, Out, words};
use crate::config::{Config, Destination};
use crate::deliver::{self, Answer, Certificate, Probe, Target, TrustedBy};
use crate::limits::try_descriptors;
use crate::shown::{Show, lines};
use crate::syslog::Framing;

/// One who waits for longer wants to see that something goes on.
const SOON: Duration = Duration::from_secs(2);

/// One who only looks does not wait for longer, however patient a daemon is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says where the receivers of `config` are, and tries each with `connect`. False if one leads nowhere.
pub(super) fn show(config: &Config, connect: bool, out: Out<'_>) -> io::Result<bool> {
    if config.fallbacks.is_empty() {
        writeln!(out, "\n{HEADING}Receiver{HEADING:#}")?;
        return one(&config.destination, "", connect, out);
    }
    writeln!(out, "\n{HEADING}Receivers{HEADING:#}, the first that takes messages has them")?;
    let mut well = true;
    for (number, destination) in (1..).zip(config.destinations()) {
        well &= one(destination, &format!("{number}. "), connect, out)?;
    }
    match config.failback {
        Some(after) => writeln!(
            out,
            "  those before the one in use are asked again within {} s (failback)",
            after.as_secs()
        )?,
        None => writeln!(out, "  one in use stays so until it fails (failback)")?,
    }
    Ok(well)
}

fn one(destination: &Destination, mark: &str, connect: bool, out: Out<'_>) -> io::Result<bool> {
    let Destination { host, port, .. } = destination;
    let protocol = destination.protocol.name();
    writeln!(out, "  {mark}{}, port {port}, {protocol}", host.shown())?;
    // It may take its time until somebody answers, here and below.
    out.flush()?;
    if let Err(error) = try_descriptors() {
        writeln!(out, "  {BAD}not resolved{BAD:#}: {error}")?;
        return Ok(false);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut target = Target::from(destination);
    let (patience, waiting) = patience(target.connect_timeout);
    target.connect_timeout = patience;
    let resolved = runtime.block_on(deliver::resolve(&target));
    match &resolved {
        Ok(addresses) => {
            let list: Vec<_> = addresses.iter().map(|a| a.ip().to_string()).collect();
            writeln!(out, "  resolved: {}", list.join(", "))?;
        }
        Err(error) => writeln!(out, "  {BAD}not resolved{BAD:#}: {}", lines(&error.to_string()))?,
    }
    out.flush()?;
    let well = match resolved.is_ok() && connect {
        true => {
            let mut probe = pin!(deliver::probe(&target));
            let soon = runtime.block_on(async { timeout(SOON, &mut probe).await });
            let probe = match soon {
                Ok(probe) => probe,
                Err(_) => {
                    writeln!(out, "  waiting for its answer, up to {waiting}")?;
                    out.flush()?;
                    runtime.block_on(probe)
                }
            };
            let well = tell(&probe, out)?;
            if well {
                tell_framing(destination.framing, out)?;
            }
            well
        }
        false => resolved.is_ok(),
    };
    // A resolver that does not answer must not keep us.
    runtime.shutdown_background();
    Ok(well)
}

/// How long an answer is waited for where a daemon waits for so long, and that in words.
fn patience(of_daemon: Duration) -> (Duration, String) {
    let most = of_daemon.min(PATIENCE);
    let why = match of_daemon > PATIENCE {
        true => format!("a daemon waits up to {} s: ", of_daemon.as_secs()),
        false => String::new(),
    };
    (most, format!("{} s ({why}connect_timeout)", most.as_secs()))
}

fn tell(probe: &Probe, out: Out<'_>) -> io::Result<bool> {
    match &probe.outcome {
        Ok(Answer::Connected { peer, protocol }) => {
            let doubt = match *protocol {
                "TCP" => "; whether it wants TLS shows only when messages are sent",
                _ => "",
            };
            writeln!(
                out,
                "  {GOOD}connected{GOOD:#}: {peer}, {protocol}; nothing was sent{doubt}"
            )?;
        }
        Ok(Answer::Route { from, to }) => {
            writeln!(out, "  {GOOD}there is a way{GOOD:#}: from {} to {to}", from.ip())?;
            writeln!(
                out,
                "  whether somebody listens there, UDP does not tell: a closed port shows in the \
                 log when messages are sent, and a firewall not at all"
            )?;
        }
        Err(error) => writeln!(out, "  {BAD}not connected{BAD:#}: {}", lines(&error.to_string()))?,
    }
    tell_certificates(probe, out)?;
    Ok(probe.outcome.is_ok())
}

/// Says how messages are told apart, and what would show that the receiver expects it otherwise.
fn tell_framing(framing: Framing, out: Out<'_>) -> io::Result<()> {
    match framing {
        Framing::Datagram => Ok(()),
        Framing::Relp => {
            writeln!(out, "  a session was opened and closed: the receiver answers each message")
        }
        Framing::Newline => writeln!(
            out,
            "  framing: newline, a line feed behind each message. A receiver that expects octet \
             counting closes after the first ones: the log then warns, and they do not count as \
             delivered (destination.framing)"
        ),
        Framing::OctetCounted => writeln!(
            out,
            "  framing: octet-counted, its length before each message. A receiver that expects line \
             feeds shows messages that begin with a number, or many as one, or none \
             (destination.framing)"
        ),
    }
}

/// What the receiver has shown, why it is trusted or how it could be, and what we have shown.
fn tell_certificates(probe: &Probe, out: Out<'_>) -> io::Result<()> {
    let Some((its, issuers)) = probe.chain.split_first() else {
        return tell_own(probe, out);
    };
    let Some(its) = its else {
        writeln!(out, "  the certificate it shows cannot be read")?;
        return tell_own(probe, out);
    };
    writeln!(out, "  certificate: {}", its.subject.shown())?;
    describe(its, out)?;
    match probe.trusted_by {
        Some(TrustedBy::Chain) => {}
        Some(TrustedBy::Pin) => writeln!(
            out,
            "    trusted: its fingerprint is one of destination.fingerprint, so that its name, its \
             dates and who issued it do not matter"
        )?,
        None => writeln!(
            out,
            "    to trust this very certificate, compare its fingerprint with what the receiver has\n    \
             (openssl x509 -noout -fingerprint -sha256 -in ITS.pem), and write below destination:\n      \
             fingerprint: \"{}\"",
            its.fingerprint
        )?,
    }
    tell_issuers(issuers, out)?;
    tell_own(probe, out)
}

/// Our own certificate, for a receiver that wants to see one.
fn tell_own(probe: &Probe, out: Out<'_>) -> io::Result<()> {
    let Some((own, issuers)) = probe.own.split_first() else { return Ok(()) };
    let Some(own) = own else { return writeln!(out, "  our own certificate cannot be read") };
    writeln!(out, "  our own certificate: {}", own.subject.shown())?;
    describe(own, out)?;
    tell_issuers(issuers, out)
}

/// Certificates that are shown behind another.
fn tell_issuers(issuers: &[Option<Certificate>], out: Out<'_>) -> io::Result<()> {
    for issuer in issuers.iter().flatten() {
        writeln!(
            out,
            "    with {}, issued by {}, {}",
            issuer.subject.shown(),
            issuer.issuer.shown(),
            validity(issuer, Timestamp::now())
        )?;
    }
    Ok(())
}

fn describe(certificate: &Certificate, out: Out<'_>) -> io::Result<()> {
    let names = match &certificate.names[..] {
        [] => "no name at all (it has no subject alternative name)".to_owned(),
        names => {
            let names: Vec<_> = names.iter().map(|name| name.shown().to_string()).collect();
            names.join(", ")
        }
    };
    writeln!(out, "    for {names}")?;
    writeln!(out, "    issued by {}", certificate.issuer.shown())?;
    writeln!(
        out,
        "    key: {}; signed with {}",
        certificate.key.to_string().shown(),
        certificate.signature.shown()
    )?;
    writeln!(out, "    {}", validity(certificate, Timestamp::now()))?;
    writeln!(out, "    {}", certificate.fingerprint)
}

/// From when or until when it is valid.
fn validity(Certificate { begin, end, .. }: &Certificate, now: Timestamp) -> String {
    match now < *begin {
        true => format!("not valid before {}", words::date(*begin)),
        false => words::until(*end, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::CertificateKey;

    #[test]
    fn whoever_looks_does_not_wait_for_as_long_as_a_daemon() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(seconds(7)), (seconds(7), "7 s (connect_timeout)".to_owned()));
        let capped = "10 s (a daemon waits up to 30 s: connect_timeout)".to_owned();
        assert_eq!(patience(seconds(30)), (seconds(10), capped));
    }

    #[test]
    fn validity_is_told_in_days() {
        let time = |day: &str| format!("{day}T00:00Z").parse().unwrap();
        let certificate = Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            begin: time("2024-01-01"),
            end: time("2024-03-01"),
            version: 3,
            fingerprint: crate::config::Fingerprint::of(&[]),
            key: CertificateKey::Rsa(2048),
            signature: String::new(),
        };
        let at = |day: &str| validity(&certificate, time(day));
        assert_eq!(at("2023-12-31"), "not valid before 2024-01-01");
        assert_eq!(at("2024-02-28"), "valid until 2024-03-01, 2 more days");
        assert_eq!(at("2024-03-11"), "expired on 2024-03-01, 10 days ago");
    }
}
