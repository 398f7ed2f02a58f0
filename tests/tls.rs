//! A handshake that comes to nothing: the true reason, whose certificate it is, and what to do.

use std::fs;

use crate::support::peers::{Issue, Openssl, Peer, Rsyslogd, TlsServer};
use crate::support::{Endpoint, Receiver, Shipper, Site, Transport, finish};

/// What `--check --connect` says of `endpoint`, and its exit code.
fn check(endpoint: &Endpoint) -> (String, Option<i32>) {
    check_with(endpoint, &[])
}

/// The same with keys of `destination`.
fn check_with(endpoint: &Endpoint, keys: &[(&str, &str)]) -> (String, Option<i32>) {
    let site = Site::new();
    site.append("app.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").to(endpoint);
    let shipper = keys.iter().fold(shipper, |shipper, (key, value)| {
        shipper.env(&format!("REMOTE_SYSLOG_DESTINATION_{key}"), value)
    });
    let output = finish(shipper.command().args(["--check", "--connect"]));
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// Why it did not connect, in one line, behind the address.
#[track_caller]
fn refusal(endpoint: &Endpoint) -> String {
    let (said, code) = check(endpoint);
    let line = said.lines().find_map(|line| line.split_once("not connected: TLS with "));
    let (_, line) = line.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(code, Some(1), "{said}");
    line.split_once("): ").unwrap().1.to_owned()
}

#[track_caller]
fn assert_refused(server: &TlsServer, parts: &[&str]) {
    let said = refusal(&server.endpoint);
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert!(!said.contains("OtherError"), "{said}");
    for claim in ["not trusted here", "destination.port"] {
        let is_expected = parts.iter().any(|part| part.contains(claim));
        assert_eq!(said.contains(claim), is_expected, "{said}");
    }
}

const SHA1: &[&str] = &["-sha1"];
const SHORT: &[&str] = &["rsa:1024"];
const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE";

/// What a server shows that is weak, old, or of another kind than is taken here.
#[test]
fn the_certificate_and_what_is_wrong_with_it_are_named() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.authority("weak-ca", "/CN=Weak CA", SHORT);
    let between = |name, subject, key, more| {
        openssl.issue(&Issue {
            name,
            subject,
            key,
            more,
            extensions: AUTHORITY,
            ..Issue::default()
        });
    };
    between("weak-between", "/CN=Weak between", SHORT, &["-sha256"]);
    between("old-between", "/CN=Old between", &["rsa:2048"], SHA1);
    let served = |issue: Issue<'_>, more: &[&str]| {
        openssl.issue(&issue);
        openssl.serve(issue.name, more)
    };
    let plain = Issue::default;

    let server = served(Issue { more: SHA1, ..plain() }, &[]);
    assert_refused(
        &server,
        &["CN=Test CA has signed CN=logs with sha1WithRSAEncryption", "SHA-256"],
    );
    for version in [&[][..], &["-tls1_2"]] {
        let server = served(Issue { key: SHORT, ..plain() }, version);
        assert_refused(&server, &["the key of CN=logs is RSA of only 1024 bits", "2048"]);
    }
    let server = served(Issue { extensions: "", ..plain() }, &[]);
    assert_refused(&server, &["CN=logs is a certificate of X.509 version 1", "-extfile"]);
    let server =
        served(Issue { issuer: "weak-between", ..plain() }, &["-cert_chain", "weak-between.pem"]);
    assert_refused(&server, &["the key of CN=Weak between is RSA of only 1024 bits"]);
    let server =
        served(Issue { issuer: "old-between", ..plain() }, &["-cert_chain", "old-between.pem"]);
    assert_refused(&server, &["CN=Test CA has signed CN=Old between with sha1With"]);
    let mut server = served(Issue { issuer: "weak-ca", ..plain() }, &[]);
    server.endpoint.trust = Some(openssl.path("weak-ca.pem"));
    assert_refused(
        &server,
        &["the key of the authority CN=Weak CA, which is trusted here, is RSA of"],
    );

    // What is sound passes, also where the digest is another.
    let curve = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let server = served(Issue { key: curve, more: &["-sha512"], ..plain() }, &[]);
    let (said, code) = check(&server.endpoint);
    assert_eq!(code, Some(0), "{said}");
    let key = "\n    key: the curve P-384; signed with sha512WithRSAEncryption\n";
    assert!(said.contains(key), "{said}");
}

#[test]
fn whose_name_it_bears_and_who_has_signed_it_are_named() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.authority("other", "/CN=Other CA", &["rsa:2048"]);
    openssl.authority("twin", "/CN=Test CA", &["rsa:2048"]);
    let between = Issue {
        name: "between",
        subject: "/CN=Between",
        extensions: AUTHORITY,
        ..Issue::default()
    };
    openssl.issue(&between);
    let served = |issue: Issue<'_>, more: &[&str]| {
        openssl.issue(&issue);
        openssl.serve(issue.name, more)
    };
    let plain = Issue::default;

    let server = served(Issue { extensions: "basicConstraints=CA:FALSE", ..plain() }, &[]);
    let alternative = format!("subject alternative name IP:{}", server.endpoint.host);
    assert_refused(&server, &["in its subject alone (CN=logs)", &alternative]);
    let names = (0..8).map(|number| format!("DNS:host{number}")).collect::<Vec<_>>().join(",");
    let server = served(Issue { extensions: &format!("subjectAltName={names}"), ..plain() }, &[]);
    let listed = "but for host0, host1, host2, host3, host4 and 3 more; let the receiver's host or";
    assert_refused(&server, &[&format!("not issued for \"{}\", {listed}", server.endpoint.host)]);
    let server = served(Issue { issuer: "other", ..plain() }, &[]);
    assert_refused(&server, &["authority that is not trusted here (CN=Other CA): 1 authority is"]);
    let server = served(Issue { issuer: "between", ..plain() }, &[]);
    assert_refused(&server, &["not trusted here (CN=Between)", "sends its intermediate"]);
    let server = served(Issue { issuer: "twin", ..plain() }, &[]);
    assert_refused(
        &server,
        &["not trusted here (CN=Test CA; the one of that name that is trusted has another key)"],
    );
    let server = served(Issue { issuer: "server", ..plain() }, &[]);
    assert_refused(&server, &["it is signed by itself, and not trusted here", "CA:FALSE"]);
    let both = Issue { issuer: "other", more: SHA1, ..plain() };
    assert_refused(&served(both, &[]), &["not trusted here (CN=Other CA)", "with sha1WithRSA"]);
    let client = "subjectAltName=IP:{ip}\nextendedKeyUsage=clientAuth";
    let server = served(Issue { extensions: client, ..plain() }, &[]);
    assert_refused(&server, &["not issued for servers (extended key usage)", "serverAuth"]);
    let authority = "subjectAltName=IP:{ip}\nbasicConstraints=CA:TRUE";
    let server = served(Issue { extensions: authority, ..plain() }, &[]);
    assert_refused(&server, &["certificate of an authority (CA:TRUE)"]);
}

/// A name may hold what would forge a line or steer a terminal, and look like several.
#[test]
fn a_hostile_name_is_shown_escaped() {
    let Some(openssl) = Openssl::start() else { return };
    let subject = "/CN=a\n12:00:01 ERROR \u{1b}[2J\u{9b}1m\u{202e}, O=Test CA";
    openssl.authority("other", subject, &["rsa:2048"]);
    let own = format!("{subject}, too");
    openssl.issue(&Issue { issuer: "other", subject: &own, more: SHA1, ..Issue::default() });
    let server = openssl.serve("server", &[]);
    let (said, _) = check(&server.endpoint);
    let shown = r"$'CN=a\n12:00:01 ERROR \x1b[2J\u009b1m\u202e\\, O\\=Test CA";
    assert_eq!(said.matches(&format!("{shown}'")).count(), 3, "{said}");
    assert_eq!(said.matches(&format!("{shown}\\\\, too'")).count(), 2, "{said}");
    assert!(!said.contains(|c| c != '\n' && remote_syslog::shown::is_odd(c)), "{said:?}");

    let site = Site::new();
    let running = Shipper::new(&site).follow("app.log").to(&server.endpoint).start();
    running.wait_warning(&[shown]);
    let status = Shipper::new(&site).follow("app.log").to(&server.endpoint);
    let status = finish(status.command().arg("--status")).stdout;
    let status = String::from_utf8(status).unwrap();
    assert!(!status.contains(|c| c != '\n' && remote_syslog::shown::is_odd(c)), "{status:?}");
}

/// What is offered here, and what there, as far as that can be known.
#[test]
fn where_nothing_is_in_common_what_each_side_has_is_told() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.issue(&Issue::default());
    let curve = &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    openssl.issue(&Issue { name: "p521", key: curve, ..Issue::default() });
    let offers = "the curves X25519, P-256 and P-384, the cipher suites of ECDHE with AES-GCM or";
    for (certificate, more, there) in [
        (
            "server",
            &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"][..],
            "it takes TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA; have",
        ),
        (
            "server",
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"],
            "it takes TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 and the curve",
        ),
        ("server", &["-tls1_3", "-groups", "P-521"], "it takes TLS 1.3 with TLS_AES_"),
        ("server", &["-tls1_3", "-groups", "P-521"], "and the curve secp521r1"),
        ("server", &["-tls1_2", "-groups", "P-521"], "and the curve secp521r1"),
        ("p521", &[], "the key of CN=logs is the curve P-521, which is not supported"),
        ("p521", &["-tls1_2"], "the key of CN=logs is the curve P-521, which is not supported"),
    ] {
        let server = openssl.serve(certificate, more);
        let nothing = "found no cipher suite, curve or kind of certificate in";
        assert_refused(&server, &[nothing, offers, there]);
    }
    for (version, name) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let server = openssl.serve("server", &[version]);
        let takes = format!("asked to choose freely, it takes {name} with TLS_");
        assert_refused(&server, &["speaks neither TLS 1.3 nor TLS 1.2", "RFC 8996", &takes]);
    }
}

#[test]
fn a_receiver_that_wants_a_certificate_is_told() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.issue(&Issue::default());
    for version in ["-tls1_2", "-tls1_3"] {
        let server = openssl.serve("server", &["-Verify", "1", "-CAfile", "ca.pem", version]);
        let (said, code) = check(&server.endpoint);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the receiver wants a certificate of ours (alert "), "{said}");
        assert!(said.contains("set destination.cert_file and destination.key_file"), "{said}");
        assert!(!said.contains("it may want"), "what is known is not guessed: {said}");
    }
}

/// Chains that count, and some that do not for a reason that is easily taken for another one.
#[test]
fn what_those_between_say_counts_and_is_told() {
    let Some(openssl) = Openssl::start() else { return };
    let plain = Issue::default;
    let own = "subjectAltName=IP:{ip}\nbasicConstraints=CA:FALSE";
    let between =
        Issue { name: "between", subject: "/CN=Between", extensions: AUTHORITY, ..plain() };
    openssl.issue(&between);
    openssl.issue(&Issue { issuer: "between", ..plain() });
    // The same key is vouched for by one that is not trusted as well, and that is shown first.
    openssl.authority("other", "/CN=Other CA", &["rsa:2048"]);
    openssl.print(&[
        "x509",
        "-req",
        "-in",
        "between.csr",
        "-CA",
        "other.pem",
        "-CAkey",
        "other.key",
        "-CAcreateserial",
        "-out",
        "crossed.pem",
        "-extfile",
        "between.ext",
    ]);
    let both = ["crossed.pem", "between.pem"].map(|name| fs::read(openssl.path(name)).unwrap());
    fs::write(openssl.path("both.pem"), both.concat()).unwrap();
    let server = openssl.serve("server", &["-cert_chain", "both.pem"]);
    assert_eq!(check(&server.endpoint).1, Some(0), "it is cross-signed");
    // A pin is of the receiver's own certificate.
    let (said, code) = check_pinned(&server.endpoint, &fingerprint(&openssl, "crossed"));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("is none of destination.fingerprint, though that of CN=Between"),
        "{said}"
    );
    assert!(said.contains("by destination.ca_file and with the name of the receiver"), "{said}");

    let bound =
        "basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:example.com";
    openssl.issue(&Issue { name: "bound", subject: "/CN=Bound", extensions: bound, ..plain() });
    openssl.issue(&Issue { issuer: "bound", extensions: own, ..plain() });
    // (An address is none of the names that are bound: a name has to be.)
    let named = "subjectAltName=IP:{ip},DNS:logs.example.net\nbasicConstraints=CA:FALSE";
    openssl.issue(&Issue { issuer: "bound", extensions: named, ..plain() });
    let server = openssl.serve("server", &["-cert_chain", "bound.pem"]);
    assert_refused(&server, &["(name constraints of CN=Bound or CN=Test CA)"]);
    for (extensions, told) in [
        ("subjectAltName=URI:https://logs", "there is no subject alternative name of a host"),
        ("subjectAltName=DNS:{ip}", "but for DNS:127."),
    ] {
        openssl.issue(&Issue { extensions, ..plain() });
        assert_refused(&openssl.serve("server", &[]), &[told]);
    }
    for (salt, is_taken) in [("rsa_pss_saltlen:digest", true), ("rsa_pss_saltlen:max", false)] {
        let more = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", salt];
        openssl.issue(&Issue { more: &more, ..plain() });
        let server = openssl.serve("server", &[]);
        match is_taken {
            true => assert_eq!(check(&server.endpoint).1, Some(0)),
            false => {
                assert_refused(&server, &["CN=Test CA has signed CN=logs with RSA-PSS of a kind"])
            }
        }
    }
}

/// rsyslogd with GnuTLS ends the connection and says nothing.
#[test]
fn one_that_just_ends_is_told_with_what_it_may_be() {
    for priorities in ["NORMAL:-VERS-ALL:+VERS-TLS1.1", "NORMAL:-GROUP-ALL:+GROUP-SECP521R1"] {
        let Some(rsyslogd) = Rsyslogd::with_priorities(priorities) else { return };
        let said = refusal(&rsyslogd.endpoint(Transport::Tls));
        assert!(
            said.contains(
                "in the handshake and did not say why; asked to choose freely, it takes TLS 1."
            ),
            "{said}"
        );
        assert!(said.contains("(with GnuTLS) just end") && said.contains("X25519"), "{said}");
    }
}

/// A port for plain TCP waits for messages while we wait for its part of the handshake.
#[test]
fn a_port_that_says_nothing_to_tls_is_told_before_the_attempt_ends() {
    let Some(rsyslogd) = Rsyslogd::start() else { return };
    let (site, tls) = (Site::new(), rsyslogd.endpoint(Transport::Tls));
    site.append("app.log", "one\n");
    let to = Endpoint { port: rsyslogd.endpoint(Transport::Tcp).port, ..tls };
    let shipper = Shipper::new(&site).follow("app.log").to(&to).yaml("connect_timeout: 7");
    let check = finish(shipper.command().args(["--check", "--connect"]));
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(said.contains("\n  waiting for its answer, up to 7 s (connect_timeout)\n  "), "{said}");
    let running = shipper.start();
    running.wait_warning(&[
        "has not answered for 4 s",
        "speaks TLS: one for plain TCP",
        "7 s in all",
    ]);
    running.wait_warning(&["did not answer within 7 s"]);
}

/// What `--check --connect` says where `pin` is trusted, and its exit code.
fn check_pinned(endpoint: &Endpoint, pin: &str) -> (String, Option<i32>) {
    check_with(endpoint, &[("FINGERPRINT", pin)])
}

/// The fingerprint of a certificate, as `openssl x509` prints it.
fn fingerprint(openssl: &Openssl, name: &str) -> String {
    openssl.print(&["x509", "-noout", "-fingerprint", "-sha256", "-in", &format!("{name}.pem")])
}

/// A certificate that nobody vouches for: an authority's, one of version 1, one for another name; over both
/// versions of TLS, with keys of each kind.
#[test]
fn a_pinned_certificate_is_taken_for_what_it_is() {
    let Some(openssl) = Openssl::start() else { return };
    let curve = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"][..];
    for (extensions, key) in [
        ("basicConstraints=critical,CA:TRUE", &["rsa:2048"][..]),
        ("", &["rsa:2048"]),
        ("", curve),
        ("subjectAltName=DNS:other\nextendedKeyUsage=clientAuth", &["ed25519"]),
    ] {
        openssl.issue(&Issue { issuer: "server", extensions, key, ..Issue::default() });
        let pin = fingerprint(&openssl, "server");
        for version in ["-tls1_2", "-tls1_3"] {
            let server = openssl.serve("server", &[version]);
            let (said, code) = check_pinned(&server.endpoint, &pin);
            assert_eq!(code, Some(0), "{extensions:?} {key:?} {version}: {said}");
            assert!(said.contains("trusted: its fingerprint is one of destination.fing"), "{said}");
            // Without a pin it is refused, and told what to write.
            let (said, code) = check(&server.endpoint);
            assert_eq!(code, Some(1), "{said}");
            let written = pin.split_once('=').unwrap().1.trim();
            assert!(
                said.contains(&format!("\n      fingerprint: \"sha-256:{written}\"\n")),
                "{said}"
            );
        }
    }
}

#[test]
fn a_pin_lets_nobody_else_in() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.issue(&Issue::default());
    openssl.issue(&Issue { name: "other", ..Issue::default() });
    let server = openssl.serve("server", &[]);
    let [own, other] = ["server", "other"].map(|name| fingerprint(&openssl, name));
    // The system's authorities, of which SSL_CERT_FILE is one that has issued it, do not count beside a pin.
    let (said, code) = check_pinned(&server.endpoint, &other);
    assert_eq!(code, Some(1), "{said}");
    let shown = own.split_once('=').unwrap().1.trim();
    let told = format!("its fingerprint (sha-256:{shown}, of CN=logs) is none of destination.fing");
    assert!(said.contains(&told) && said.contains("somebody else answers"), "{said}");
    // Authorities that are named do.
    let authority = openssl.path("ca.pem").display().to_string();
    let both = |pin, authority| {
        check_with(&server.endpoint, &[("FINGERPRINT", pin), ("CA_FILE", authority)])
    };
    assert_eq!(both(other.as_str(), authority.as_str()).1, Some(0));
    openssl.authority("stranger", "/CN=Stranger", &["rsa:2048"]);
    let stranger = openssl.path("stranger.pem").display().to_string();
    assert_eq!(both(own.as_str(), stranger.as_str()).1, Some(0));
    let (said, code) = both(other.as_str(), stranger.as_str());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not trusted here (CN=Test CA)") && said.contains("; nor is its finger"));
    // A key that is too short proves nothing, whatever is pinned.
    openssl.issue(&Issue { issuer: "server", key: SHORT, ..Issue::default() });
    let short = fingerprint(&openssl, "server");
    for version in ["-tls1_2", "-tls1_3"] {
        let server = openssl.serve("server", &[version]);
        let (said, code) = check_pinned(&server.endpoint, &short);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the key of CN=logs is RSA of only 1024 bits"), "{said}");
    }
}

#[test]
fn a_name_and_a_version_of_ones_own_are_asked_for() {
    let Some(openssl) = Openssl::start() else { return };
    let extensions = "subjectAltName=DNS:logs.example.com\nbasicConstraints=CA:FALSE";
    openssl.issue(&Issue { extensions, ..Issue::default() });
    let server = openssl.serve("server", &["-tls1_2"]);
    let (said, code) = check_with(&server.endpoint, &[("SERVER_NAME", "logs.example.com")]);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = check_with(&server.endpoint, &[("SERVER_NAME", "logs")]);
    assert_eq!(code, Some(1), "{said}");
    let told =
        "it was not issued for \"logs\", but for logs.example.com; let destination.server_name be";
    assert!(said.contains(told), "{said}");
    let asked = [("SERVER_NAME", "logs.example.com"), ("MIN_TLS", "1.3")];
    let (said, code) = check_with(&server.endpoint, &asked);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("the receiver does not speak TLS 1.3 (destination.min_tls), it says"),
        "{said}"
    );
    assert!(
        said.contains("or write min_tls: \"1.2\"") && said.contains("it takes TLS 1.2"),
        "{said}"
    );
}

#[test]
fn a_directory_of_authorities_and_a_key_of_each_form_will_do() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.issue(&Issue::default());
    let directory = openssl.path("ca.d");
    fs::create_dir(&directory).unwrap();
    fs::copy(openssl.path("ca.pem"), directory.join("ca.crt")).unwrap();
    fs::write(directory.join("broken.pem"), "nothing").unwrap();
    let directory = directory.display().to_string();
    let server = openssl.serve("server", &["-Verify", "1", "-CAfile", "ca.pem"]);
    for (key, command) in [
        (&["rsa:2048"][..], "rsa"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ec"),
        (&["ed25519"], "pkey"),
    ] {
        openssl.issue(&Issue { name: "own", subject: "/CN=web1", key, ..Issue::default() });
        let traditional: &[&str] = if command == "rsa" { &["-traditional"] } else { &[] };
        let old = [&[command, "-in", "own.key", "-out", "old.key"], traditional].concat();
        openssl.print(&old);
        let own = openssl.path("own.pem");
        let mut both = fs::read(&own).unwrap();
        both.extend(fs::read(openssl.path("old.key")).unwrap());
        fs::write(openssl.path("both.pem"), both).unwrap();
        for (certificate, key) in
            [("own.pem", Some("own.key")), ("own.pem", Some("old.key")), ("both.pem", None)]
        {
            let certificate = openssl.path(certificate).display().to_string();
            let key = key.map_or(String::new(), |key| openssl.path(key).display().to_string());
            let asked =
                [("CA_DIR", &*directory), ("CERT_FILE", &*certificate), ("KEY_FILE", &*key)];
            let (said, code) = check_with(&server.endpoint, &asked);
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains("\n  our own certificate: CN=web1\n"), "{said}");
            assert!(said.contains("broken.pem: it holds no certificate"), "{said}");
            assert!(said.contains("; the others are trusted"), "{said}");
        }
    }
    // An encrypted key, and that of another.
    openssl.print(&[
        "pkey",
        "-in",
        "own.key",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        "secret.key",
    ]);
    openssl.issue(&Issue { name: "other", ..Issue::default() });
    for (key, told) in [
        ("secret.key", "the key in it is encrypted, and nobody is there to type its passphrase"),
        ("other.key", "the key in it is not that of the certificate in "),
    ] {
        let paths = ["own.pem", key].map(|name| openssl.path(name).display().to_string());
        let asked = [("CA_DIR", &*directory), ("CERT_FILE", &*paths[0]), ("KEY_FILE", &*paths[1])];
        let (said, code) = check_with(&server.endpoint, &asked);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("\n  no TLS: destination.key_file: {}: {told}", paths[1])));
    }
}

/// Each has a key of its own, and is one of a list.
#[test]
fn of_several_receivers_the_pin_of_the_one_that_is_refused_is_named() {
    let Some(openssl) = Openssl::start() else { return };
    openssl.issue(&Issue::default());
    openssl.issue(&Issue { name: "other", ..Issue::default() });
    let servers = [openssl.serve("server", &[]), openssl.serve("server", &[])];
    let pins = ["server", "other"].map(|name| fingerprint(&openssl, name));
    let item = |server: &TlsServer, pin: &str| {
        let pin = pin.split_once('=').unwrap().1.trim();
        let (host, port) = (&server.endpoint.host, server.endpoint.port);
        format!("    - {{host: {host}, port: {port}, fingerprint: \"sha-256:{pin}\"}}\n")
    };
    let items = [item(&servers[0], &pins[0]), item(&servers[1], &pins[1])].concat();
    let site = Site::new();
    site.append("app.log", "one\n");
    let keys = format!("destination:\n  protocol: tls\n  hosts:\n{items}");
    let shipper = Shipper::new(&site).follow("app.log").yaml(&keys);
    let output = finish(shipper.command().args(["--check", "--connect"]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("is none of destination.hosts[1].fingerprint"), "{said}");
    assert!(!said.contains("hosts[0]"), "{said}");
}

#[test]
fn one_that_is_not_valid_yet_is_told() {
    let receiver = Receiver::with_certificate(|params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    });
    let said = refusal(&receiver.endpoint());
    assert!(said.contains("it is not valid before 4000-01-01T00:00:00Z; check this host's clock"));
}
