//! Names of files as people see them: on one line, without control characters, no two alike.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use rcgen::{DnType, SanType};
use remote_syslog::shown::{Show, is_odd};
use rustix::process::Signal;

use crate::support::{Endpoint, Receiver, Shipper, Site, Transport, finish};

/// What a file may be called: nearly anything, often what a terminal acts upon.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(vec![
        &b"\n"[..],
        b"\r",
        b"\x1b[2J",
        b"\x1b]0;x\x07",
        b"\x7f",
        b"\xc2\x9b31m",
        b"\xe2\x80\xae",
        b"\\n",
        b"\\",
        b"'",
        b"$'",
        b" ",
        b"\xff",
        b"\nFault: no receiver",
        b"\n12:00:01 ERROR ",
    ]);
    let part = prop_oneof![
        odd.prop_map(<[u8]>::to_vec),
        "[a-z]{1,3}".prop_map(String::into_bytes),
        prop::collection::vec(1u8..=255, 1..4),
    ];
    let name = prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat());
    name.prop_filter("the names that are no names", |name| {
        !name.contains(&b'/') && name.len() < 80 && ![&b"."[..], b".."].contains(&&name[..])
    })
}

#[track_caller]
fn assert_plain(what: &str, bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: {bytes:?}"));
    let odd: Vec<_> = text.match_indices(|c| c != '\n' && is_odd(c)).collect();
    assert!(odd.is_empty(), "{what} holds {odd:?}: {text:?}");
    text.to_owned()
}

/// Both outputs as text without odd characters.
#[track_caller]
fn said(what: &str, Output { stdout, stderr, .. }: &Output) -> String {
    assert_plain(what, stdout) + &assert_plain(what, stderr)
}

#[track_caller]
fn assert_named(what: &str, text: &str, paths: &[PathBuf]) {
    for path in paths {
        let path = path.shown().to_string();
        assert_eq!(text.matches(&*path).count(), 1, "{what}: {path} in {text}");
    }
}

fn look(site: &Site, names: &BTreeSet<Vec<u8>>, to: &Endpoint) {
    let mut paths = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        // Each has another number behind it, so that none is the start of another.
        let mut file = name.to_owned();
        file.push(format!(".{number:02}"));
        paths.push(site.append(Path::new("here").join(&file), "x\n"));
        paths.push(site.append(Path::new("below").join(&file).join("x.log"), "y\n"));
    }
    let call = |more: &[&str]| -> Command {
        let mut command = Shipper::new(site).to(to).command();
        command.args(["--log=debug", "-D"]).args(more);
        command.args([site.path("here/*"), site.path("below/*/*.log"), site.path("below/*")]);
        command
    };
    let check = finish(&mut call(&["--check"]));
    assert_named("--check", &said("--check", &check), &paths);
    let dry_run = finish(&mut call(&["--dry-run", "--once", "--from-start"]));
    said("--dry-run", &dry_run);
    let once = finish(&mut call(&["--once", "--from-start"]));
    said("--once", &once);
    assert!(once.status.success(), "{}", said("--once", &once));
    let status = finish(&mut call(&["--status"]));
    assert_named("--status", &said("--status", &status), &paths);
    let json = finish(&mut call(&["--status", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&said("--json", &json)).unwrap();
    let shown: BTreeSet<_> = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (file["path"].as_str().unwrap().to_owned(), file["path_hex"].clone().to_string())
        })
        .collect();
    assert_eq!(shown.len(), paths.len(), "no two names look alike");
    // A configuration of that name is not there, and the name is no flag, no number, no level.
    for name in names {
        let name = OsStr::from_bytes(name);
        let mut flag = OsStr::new("--").to_owned();
        flag.push(name);
        for arguments in [
            [OsStr::new("-c"), name],
            [flag.as_os_str(), name],
            [OsStr::new("-p"), name],
            [OsStr::new("--log"), name],
            [OsStr::new("--facility"), name],
            [OsStr::new("--user"), name],
            [OsStr::new("--state-dir"), name],
            [OsStr::new("--pid-file"), name],
        ] {
            let output = finish(call(&["--check"]).args(arguments).current_dir(site.dir()));
            said(&format!("{arguments:?}"), &output);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_output_shows_a_name_as_it_is(names in prop::collection::btree_set(name(), 1..6)) {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        look(&site, &names, &receiver.endpoint());
    }
}

/// Text from elsewhere that may hold anything that is UTF-8.
fn text() -> impl Strategy<Value = String> {
    name().prop_map(|name| String::from_utf8_lossy(&name).into_owned())
}

/// What a receiver says of itself: everything that shows it, and the log of a daemon that it refuses.
fn meet(endpoint: &Endpoint, warned: &str) -> String {
    let (site, refused) = (Site::new(), Site::new());
    site.append("app.log", "one\n");
    let shipper = |site| Shipper::new(site).follow("app.log").to(endpoint);
    let check = finish(shipper(&refused).command().args(["--check", "--connect"]));
    let all = said("--check --connect", &check);
    let mut running = shipper(&site).reading_from_start().start();
    running.wait_log(&[warned]);
    let status = finish(shipper(&site).command().arg("--status"));
    let all = all + &said("--status", &status);
    let json = finish(shipper(&site).command().args(["--status", "--json"]));
    let _: serde_json::Value = serde_json::from_str(&said("--json", &json)).unwrap();
    running.term();
    let log = std::fs::read(site.path("remote_syslog.err")).unwrap();
    let log = assert_plain("the log", &log);
    assert!(log.lines().all(|line| !line.starts_with("12:00:01 ERROR")), "{log}");
    all + &log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// A certificate has texts of whoever made it, and is shown where it is refused.
    #[test]
    fn no_output_shows_a_certificate_as_it_is(
        subject in text(), organisation in text(), name in "[a-z,\\\\\"'\\x01-\\x1f]{1,9}",
    ) {
        let receiver = Receiver::with_certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, subject.as_str());
            params.distinguished_name.push(DnType::OrganizationName, organisation.as_str());
            params.subject_alt_names = vec![SanType::DnsName(name.as_str().try_into().unwrap())];
        });
        let all = meet(&receiver.endpoint(), "the receiver's certificate was refused");
        assert!(all.contains("not issued for") || all.contains("refused"), "{all}");
    }

    /// RELP answers in words.
    #[test]
    fn no_output_shows_an_answer_as_it_is(said in text(), opens in any::<bool>()) {
        let endpoint = hostile_relp(format!("begin{said}end"), opens);
        let all = meet(&endpoint, if opens { "has refused a message" } else { "WARN  RELP with" });
        assert!(all.contains("begin"), "{all}");
    }

    /// What is configured comes back in errors and warnings.
    #[test]
    fn no_output_shows_the_configuration_as_it_is(words in prop::collection::vec(text(), 9)) {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("app.log", "one\n");
        let quoted = |place: usize| serde_json::to_string(&words[place]).unwrap();
        let call = |yaml: &str, arguments: &[&str]| {
            let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).yaml(yaml);
            said(yaml, &finish(shipper.foreground().args(["--log=trace"]).args(arguments)));
        };
        for key in ["hostname", "facility", "severity", "log_levels", "timestamp", "timestamp_format"] {
            call(&format!("{key}: {}", quoted(0)), &["--check"]);
        }
        call(&format!("{}: {}", quoted(1), quoted(2)), &["--check"]);
        call(&format!("exclude_patterns: [{}]\nexclude_files: [{}]", quoted(3), quoted(4)), &["--check"]);
        call(&format!("exclude_patterns: [{}]", quoted(3)), &["--check", "--line", &words[5].replace('\0', "x")]);
        let tagged = format!("hostname: {}\nfiles: [{{path: {}, tag: {}}}]", quoted(6), quoted(7), quoted(8));
        call(&tagged, &["--check"]);
        call(&tagged, &["--dry-run", "--once", "--from-start"]);
    }
}

/// A receiver of RELP that says `said` instead of taking a message, or of opening a session.
fn hostile_relp(said: String, opens: bool) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = Vec::new();
            // The frame that opens a session is several lines long.
            while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let frame = String::from_utf8_lossy(&line).into_owned();
                if frame.contains(" open ") && !frame.contains("commands=syslog") {
                    continue;
                }
                line.clear();
                let number = frame.split(' ').next().unwrap().trim_start_matches('0').to_owned();
                let answer = match frame.contains(" open ") && opens {
                    true => "200 OK\nrelp_version=0\ncommands=syslog".to_owned(),
                    false => format!("500 {said}"),
                };
                let answer = format!("{number} rsp {} {answer}\n", answer.len());
                if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    let transport = Transport::Relp;
    Endpoint { transport, host: "127.0.0.1".to_owned(), port, trust: None }
}

#[test]
fn the_log_of_a_daemon_shows_no_name_as_it_is() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let shipper = Shipper::new(&site).follow("*.log").yaml("log_levels: trace");
    let mut running = shipper.reading_from_start().to(&receiver.endpoint()).start();
    let name = OsStr::from_bytes(b"a\n12:00:01 ERROR \x1b[2J\xc2\x9b1m\xe2\x80\xae\xff.log");
    let path = site.append(name, "one\n");
    receiver.wait_for(1);
    site.rename(
        name,
        OsStr::from_bytes(b"a\n12:00:01 ERROR \x1b[2J\xc2\x9b1m\xe2\x80\xae\xff.log.1"),
    );
    site.append(name, "two\n");
    receiver.wait_for(2);
    running.signal(Signal::USR1);
    running.wait_log(&[&path.shown().to_string(), "bytes delivered"]);
    running.term();
    let log = std::fs::read(site.path("remote_syslog.err")).unwrap();
    let log = assert_plain("the log", &log);
    assert!(log.lines().all(|line| !line.starts_with("12:00:01 ERROR  ")), "{log}");
}
