//! Certificates on both sides, pins, and what happens when files change: with real receivers.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use crate::support::peers::{Imrelp, Imtcp, Peer, Rsyslogd, SyslogNg, frames};
use crate::support::{
    Certificates, Numbered, Receiver, Reopen, Report, SOON, Shipper, Site, Transport, lines,
    wait_until,
};

const DRIVERS: [&str; 2] = ["gtls", "ossl"];

/// One that takes only clients with a certificate of its own authority.
fn rsyslogd(driver: &'static str) -> Option<Rsyslogd> {
    Rsyslogd::with_tls(Imtcp { driver, auth: "x509/certvalid" })
}

/// Does `act` with each kind of receiver that there is.
fn with_each(act: impl Fn(&str, &dyn Peer, &Certificates)) {
    for driver in DRIVERS {
        if let Some(peer) = rsyslogd(driver) {
            act(driver, &peer, peer.certificates());
        }
    }
    if let Some(peer) = SyslogNg::asking_for_a_certificate() {
        act("syslog-ng", &peer, peer.certificates());
    }
}

fn shipper(site: &Site, peer: &dyn Peer, transport: Transport) -> Shipper {
    let shipper = Shipper::new(site).follow("app.log").to(&peer.endpoint(transport));
    shipper.reading_from_start()
}

#[track_caller]
fn wait_for_all(peer: &dyn Peer, written: u64) -> Report {
    let report = || Report::of(written, &frames(peer));
    // A receiver that has ended connections is tried for some time before it gets all.
    wait_until("every line is stored", SOON * 6, || report().missing == 0);
    report()
}

#[test]
fn both_sides_show_certificates_and_every_line_is_stored_once() {
    const COUNT: u64 = 20_000;
    with_each(|name, peer, certificates| {
        let site = Site::new();
        for part in 0..2 {
            site.append("app.log", lines(part * COUNT + 1..=(part + 1) * COUNT));
            let shipper = certificates.trusted_by(shipper(&site, peer, Transport::Tls));
            let once = certificates.shown_by(shipper).arg("--once").output();
            assert!(once.status.success(), "{name}: {once:?}");
        }
        wait_for_all(peer, 2 * COUNT).assert_exact();
    });
}

#[test]
fn restarted_under_load_a_receiver_that_asks_for_certificates_misses_nothing() {
    const RATE: u64 = 3_000;
    for driver in DRIVERS {
        let Some(mut peer) = rsyslogd(driver) else { return };
        let site = Site::new();
        let certificates = peer.certificates();
        let shipper = certificates.trusted_by(shipper(&site, &peer, Transport::Tls));
        let mut running = certificates.shown_by(shipper).proving().start();
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        for _ in 0..2 {
            writer.wait_for_more(RATE);
            peer.term();
            peer.restart();
        }
        writer.wait_for_more(RATE);
        let report = wait_for_all(&peer, writer.stop());
        running.term();
        println!("rsyslogd ({driver}) with certificates on both sides, restarted twice: {report}");
    }
}

/// Over TLS 1.3 the receiver refuses behind the handshake, and GnuTLS says nothing then.
#[test]
fn a_missing_certificate_and_a_foreign_one_are_told_and_nothing_is_stored() {
    with_each(|name, peer, certificates| {
        let foreign = Receiver::new(Transport::Tls);
        let foreign = foreign.certificates().unwrap();
        for is_foreign in [false, true] {
            let site = Site::new();
            site.append("app.log", lines(1..=10));
            let shipper = certificates.trusted_by(shipper(&site, peer, Transport::Tls));
            let shipper = if is_foreign { foreign.shown_by(shipper) } else { shipper };
            let mut running = shipper.start();
            running.wait_warning(&["certificate", "destination.cert_file"]);
            running.term();
        }
        assert!(frames(peer).is_empty(), "{name}");
    });
}

/// A file that is renewed counts for the next connection, without HUP.
#[test]
fn a_certificate_that_is_replaced_is_taken_up_without_being_told() {
    let Some(peer) = rsyslogd("ossl") else { return };
    let (site, own) = (Site::new(), peer.certificates());
    let foreign = Receiver::new(Transport::Tls);
    let foreign = foreign.certificates().unwrap();
    let (certificate, key) = (site.path("own.pem"), site.path("own.key"));
    let take = |from: &Certificates| {
        fs::copy(from.certificate(), &certificate).unwrap();
        fs::copy(from.key(), &key).unwrap();
    };
    take(foreign);
    site.append("app.log", lines(1..=10));
    let shipper = own
        .trusted_by(shipper(&site, &peer, Transport::Tls))
        .env("REMOTE_SYSLOG_DESTINATION_CERT_FILE", &certificate)
        .env("REMOTE_SYSLOG_DESTINATION_KEY_FILE", &key);
    let mut running = shipper.start();
    running.wait_warning(&["certificate"]);
    take(own);
    wait_for_all(&peer, 10);
    running.term();
}

/// What cannot be read leaves what was read in force: by a reload, and by the next connection.
#[test]
fn broken_files_leave_the_old_certificates_in_force() {
    let (site, mut receiver) = (Site::new(), Receiver::new(Transport::Tls));
    let authority = site.path("ca.pem");
    fs::copy(receiver.certificates().unwrap().authority(), &authority).unwrap();
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let shipper = shipper.env("REMOTE_SYSLOG_DESTINATION_CA_FILE", &authority);
    site.append("app.log", "");
    let mut running = shipper.start();
    running.wait_following("app.log");
    running.wait_log(&["connected to "]);
    fs::write(&authority, "half a file").unwrap();
    running.signal(Signal::HUP);
    running.wait_log(&["destination.ca_file: ", "it holds no certificate"]);
    running.wait_log(&["the new configuration is refused; the old one stays in force"]);
    receiver.down(crate::support::End::Reset);
    receiver.up();
    site.append("app.log", "still here\n");
    receiver.wait_for_text("still here");
    running.wait_warning(&["it holds no certificate", "read before stay in force"]);
    running.term();
}

/// imrelp with a certificate that nobody vouches for here.
#[test]
fn over_relp_a_pin_is_enough_and_another_one_is_not() {
    const COUNT: u64 = 5_000;
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let (site, certificates) = (Site::new(), peer.certificates());
    let pin = certificates.fingerprint();
    let pinned = |pin: &str| {
        let shipper = certificates.shown_by(shipper(&site, &peer, Transport::RelpTls));
        shipper.env("REMOTE_SYSLOG_DESTINATION_FINGERPRINT", pin)
    };
    site.append("app.log", lines(1..=COUNT));
    let other = Receiver::new(Transport::Tls).certificates().unwrap().fingerprint();
    let mut running = pinned(&other).start();
    running.wait_warning(&["its fingerprint (", &pin, "is none of destination.fingerprint"]);
    running.term();
    assert!(frames(&peer).is_empty());
    let once = pinned(&pin).arg("--once").output();
    assert!(once.status.success(), "{once:?}");
    Report::of(COUNT, &frames(&peer)).assert_exact();
}

/// From 14 days ahead, of the receiver's and of our own.
#[test]
fn certificates_that_expire_soon_are_warned_of() {
    let soon = |params: &mut rcgen::CertificateParams| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        params.not_after =
            rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(10 * 86_400);
    };
    let (site, receiver) = (Site::new(), Receiver::with_certificate(soon));
    let own = Certificates::adjusted([127, 0, 0, 1].into(), soon);
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    site.append("app.log", "");
    let mut running = own.shown_by(shipper).start();
    for whose in ["the receiver's certificate", "our own certificate (destination.cert_file)"] {
        running.wait_warning(&[whose, "expires on 20", "in 9 days; "]);
    }
    running.term();
}
