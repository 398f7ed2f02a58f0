//! Names of files as people see them: on one line, without control characters, no two alike.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use remote_syslog::shown::{Show, is_odd};
use rustix::process::Signal;

use crate::support::{Endpoint, Receiver, Shipper, Site, finish};

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
