//! `--status`: what it tells of the state and the files, and that it only looks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{
    End, Endpoint, Guarded, Numbered, Receiver, Reopen, Report, Running, SOON, Shipper, Site,
    as_nobody, bare_command, finish, lines, skip, wait_exit, wait_until,
};

fn shipper(site: &Site, endpoint: &Endpoint) -> Shipper {
    Shipper::new(site).follow("*.log").to(endpoint).reading_from_start()
}

fn status(shipper: &Shipper, more: &[&str]) -> Output {
    finish(shipper.command().arg("--status").args(more))
}

#[track_caller]
fn as_json(shipper: &Shipper) -> Value {
    let output = status(shipper, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it says of one file of the site.
fn of(status: &Value, path: &Path) -> Value {
    let files = status["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path.to_str().unwrap());
    file.unwrap_or_else(|| panic!("{} in {status:#}", path.display())).clone()
}

/// Standing, size, delivered, behind, rotated, unfound.
fn facts(status: &Value, path: &Path) -> Value {
    let file = of(status, path);
    let keys = ["standing", "size", "delivered", "behind", "rotated", "unfound"];
    Value::Array(keys.map(|key| file[key].clone()).to_vec())
}

/// Ships what `site` holds and stops, so that all of it is confirmed.
fn ship(site: &Site, receiver: &Receiver, count: usize) -> Shipper {
    let mut running = shipper(site, &receiver.endpoint()).start();
    receiver.wait_for(count);
    running.term();
    shipper(site, &receiver.endpoint())
}

/// Every file below `dir` with its content and the time it was written.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            (path.display().to_string(), fs::read(&path).unwrap(), written)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn without_a_state_the_files_are_listed_and_nothing_is_made() {
    let site = Site::new();
    let log = site.append("app.log", "12345\n");
    let shipper = shipper(&site, &Receiver::tcp().endpoint());
    let said = as_json(&shipper);
    assert_eq!(facts(&said, &log), json!(["unknown", 6, null, null, 0, 0]));
    assert_eq!(said["daemon"], json!({"running": false, "pid": null}));
    let output = status(&shipper, &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("the directory is not there: no daemon has kept positions"), "{table}");
    assert!(table.contains("app.log (no position yet)"), "{table}");
    assert!(!site.path("state").exists());
}

#[test]
fn nothing_known_and_nothing_matching_is_no_error() {
    let site = Site::new();
    let output = status(&shipper(&site, &Receiver::tcp().endpoint()), &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("No file is known there, and none matches.\n"), "{said}");
}

#[test]
fn a_running_daemon_is_named_and_not_disturbed() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=10));
    let mut running: Running = shipper(&site, &receiver.endpoint()).start();
    receiver.wait_for(10);
    let look = shipper(&site, &receiver.endpoint());
    for _ in 0..20 {
        let pid = running.pid().as_raw_nonzero().get();
        assert_eq!(as_json(&look)["daemon"], json!({"running": true, "pid": pid}));
    }
    running.term();
    assert_eq!(as_json(&look)["daemon"], json!({"running": false, "pid": null}));
    running.restart();
    site.append("app.log", lines(11..=20));
    receiver.wait_for(20);
}

#[test]
fn it_says_whether_the_receiver_is_there_and_what_is_not_proven_yet() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(End::Abrupt);
    site.append("app.log", lines(1..=10));
    let mut running = shipper(&site, &receiver.endpoint()).start();
    let look = shipper(&site, &receiver.endpoint());
    let told = |what: &str, holds: &dyn Fn(&Value) -> bool| {
        wait_until(what, SOON, || holds(&as_json(&look)["receiver"]));
        as_json(&look)["receiver"].clone()
    };
    let refused = told("an attempt has failed", &|it| it["error"].is_string());
    assert_eq!(refused["connected"], false);
    assert!(refused["error"].as_str().unwrap().contains("cannot connect to"), "{refused}");
    let text = || String::from_utf8(status(&look, &[]).stdout).unwrap();
    assert!(text().contains("\nreceiver: not connected"), "{}", text());
    receiver.up();
    receiver.wait_for(10);
    let sent = told("it is sent", &|it| {
        it["unproven"].as_u64() > Some(0) && it["unread"] == 0 && it["unsent"] == 0
    });
    assert_eq!(sent["connected"], true);
    assert_eq!((&sent["first"], &sent["error_of"]), (&Value::Null, &Value::Null));
    wait_until("it has a position", SOON, || as_json(&look)["total"]["behind"] != 0);
    assert!(sent["since"].is_string() && sent["unproven_since"].is_string(), "{sent}");
    assert!(
        sent["error"].as_str().unwrap().contains("cannot connect to"),
        "it is the last: {sent}"
    );
    let said = text();
    for part in [
        "\nreceiver: connected to ",
        "; all 1.0 KiB behind are sent and not yet proven to be read (",
        " of messages, the oldest of it for ",
        "; last error, ",
    ] {
        assert!(said.contains(part), "{said}");
    }
    running.term();
    assert!(as_json(&look)["receiver"].is_null(), "nobody answers");
}

/// Delivered ends with a line, never goes back, and the receiver has all that it covers.
#[test]
fn under_load_no_more_is_delivered_than_the_receiver_has() {
    const RATE: u64 = 20_000;
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", "");
    let mut running = shipper(&site, &receiver.endpoint()).start();
    running.wait_following("app.log");
    let look = shipper(&site, &receiver.endpoint());
    let writer = Numbered::start(&log, RATE, Reopen::AtOnce);
    let saved = || of(&as_json(&look), &log)["standing"] == "followed";
    wait_until("its position is saved", SOON, saved);
    let (mut last, mut moved) = (0, 0);
    while moved < 3 {
        writer.wait_for_more(RATE / 20);
        let file = of(&as_json(&look), &log);
        let number = |key: &str| usize::try_from(file[key].as_u64().unwrap()).unwrap();
        let (size, delivered) = (number("size"), number("delivered"));
        assert_eq!(number("behind"), size - delivered);
        assert!(delivered >= last, "{delivered} after {last}");
        moved += usize::from(delivered > last);
        last = delivered;
        let written = fs::read(&log).unwrap();
        let covered = &written[..delivered];
        assert!(matches!(covered.last(), None | Some(b'\n')), "within a line at {delivered}");
        receiver.wait_for(covered.iter().filter(|&&byte| byte == b'\n').count());
    }
    let written = writer.stop();
    receiver.wait_for_number(written, SOON);
    running.term();
    assert_eq!(of(&as_json(&look), &log)["behind"], 0);
    Report::of(written, &receiver.frames()).assert_exact();
}

#[test]
fn a_daemon_in_the_background_is_named_by_its_own_number() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let look = shipper(&site, &receiver.endpoint());
    let pid_file = site.path("daemon.pid");
    let started = finish(look.command().arg("--pid-file").arg(&pid_file));
    assert_eq!(started.status.code(), Some(0), "{}", String::from_utf8_lossy(&started.stderr));
    let pid: i32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let said = as_json(&look);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert_eq!(said["daemon"], json!({"running": true, "pid": pid}));
    wait_until("it has stopped", SOON, || as_json(&look)["daemon"]["running"] == false);
}

#[test]
fn it_only_looks() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=10));
    let look = ship(&site, &receiver, 10);
    let before = contents(&site.path("state"));
    let names: Vec<_> = before.iter().map(|(path, ..)| path.rsplit('/').next().unwrap()).collect();
    // It may have saved once more before it ended.
    let once = ["globs", "lock", "positions"];
    let again = ["globs", "lock", "positions", "positions.recent"];
    assert!(names == once || names == again, "{names:?}");
    as_json(&look);
    status(&look, &[]);
    assert_eq!(contents(&site.path("state")), before);
}

#[test]
fn what_became_of_files_while_nothing_ran() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let names = ["grown", "truncated", "gone", "renamed", "compressed", "unnamed"];
    let path = |name: &str| site.path(format!("{name}.log"));
    for name in names {
        site.append(path(name), "one line of 24 bytes....\n".repeat(10));
    }
    let look = ship(&site, &receiver, 60);
    for name in names {
        assert_eq!(facts(&as_json(&look), &path(name)), json!(["followed", 250, 250, 0, 0, 0]));
    }
    site.append(path("grown"), "12345\n");
    fs::write(path("truncated"), "123\n").unwrap();
    fs::remove_file(path("gone")).unwrap();
    site.append(path("renamed"), "unread\n");
    fs::rename(path("renamed"), site.path("renamed.log.1")).unwrap();
    site.append(path("renamed"), "new\n");
    site.append(site.path("compressed.log.1.gz"), "not really");
    fs::remove_file(path("compressed")).unwrap();
    site.append(path("compressed"), "new\n");
    let look = look.yaml("exclude_files: unnamed");
    let said = as_json(&look);
    assert_eq!(facts(&said, &path("grown")), json!(["followed", 256, 250, 6, 0, 0]));
    assert_eq!(facts(&said, &path("truncated")), json!(["followed", 4, 0, 4, 0, 0]));
    assert_eq!(facts(&said, &path("gone")), json!(["gone", 0, 0, 0, 0, 1]));
    assert_eq!(facts(&said, &path("renamed")), json!(["followed", 261, 250, 11, 1, 0]));
    assert_eq!(facts(&said, &path("compressed")), json!(["followed", 4, 0, 4, 0, 1]));
    assert_eq!(facts(&said, &path("unnamed")), json!(["unnamed", 250, 250, 0, 0, 0]));
    let total = json!({"files": 6, "size": 775, "delivered": 750, "behind": 25});
    assert_eq!(said["total"], total);
    let behind = said["files"].as_array().unwrap().iter().map(|file| file["behind"].as_u64());
    assert!(behind.is_sorted_by(|a, b| a >= b), "those furthest behind come first");
}

#[test]
fn a_deleted_file_that_is_still_read_is_counted() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    receiver.stall();
    let log = site.append("app.log", lines(1..=200_000));
    let size = fs::metadata(&log).unwrap().len();
    let running = shipper(&site, &receiver.endpoint()).start();
    let look = shipper(&site, &receiver.endpoint());
    wait_until("it is read", SOON, || of_any(&as_json(&look), &log, "standing") == "followed");
    running.wait_log(&["connected to"]);
    wait_until("it is open", SOON, || running.descriptors().contains(&log));
    fs::remove_file(&log).unwrap();
    assert_eq!(facts(&as_json(&look), &log), json!(["gone", size, 0, size, 1, 0]));
}

fn of_any(status: &Value, path: &Path, key: &str) -> Value {
    let files = status["files"].as_array().unwrap().iter();
    let mut found = files.filter(|file| file["path"] == path.to_str().unwrap());
    found.next().map_or(Value::Null, |file| file[key].clone())
}

#[test]
fn a_damaged_state_is_told_and_left_alone() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=10));
    let look = ship(&site, &receiver, 10);
    let positions = fs::read_dir(site.path("state")).unwrap().map(|entry| entry.unwrap().path());
    let positions = positions.filter(|path| !path.ends_with("lock")).collect::<Vec<_>>();
    for path in &positions {
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(bytes.len() - 10);
        fs::write(path, bytes).unwrap();
    }
    let before = contents(&site.path("state"));
    let said = as_json(&look);
    let damage = said["damage"][0].as_str().unwrap();
    assert!(damage.contains(" is damaged: ") && damage.starts_with('/'), "{damage}");
    assert_eq!(facts(&said, &log)[0], "followed", "what is sound is used");
    let table = String::from_utf8(status(&look, &[]).stdout).unwrap();
    assert!(table.contains(&format!("warning: {damage}")), "{table}");
    assert_eq!(contents(&site.path("state")), before);
}

#[test]
fn a_state_that_may_not_be_read_is_an_error() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=10));
    let look = ship(&site, &receiver, 10);
    let state = site.path("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = look.command();
    command.arg("--status");
    let output = finish(&mut as_nobody(command, &site));
    let said = String::from_utf8(output.stderr).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("positions") && said.contains("ermission denied"), "{said}");
    assert!(said.contains("; run this as the daemon's user, or with sudo"), "{said}");
}

#[test]
fn a_state_directory_that_is_not_there_is_told_with_where_to_look() {
    let site = Site::new();
    let log = site.append("app.log", "one\n");
    let look = shipper(&site, &Receiver::tcp().endpoint());
    let state = site.path("state").display().to_string();
    let mut command = look.command();
    command.arg("--status");
    let output = finish(&mut as_nobody(command, &site));
    let said = String::from_utf8(output.stdout).unwrap();
    let first =
        format!("{state}: the directory is not there: no daemon has kept positions in it; ");
    assert!(said.starts_with(&first), "{said}");
    let hint = said.lines().next().unwrap();
    assert!(hint.ends_with("ask as that user or as root: sudo remote_syslog --status"), "{said}");
    assert!(said.contains(log.to_str().unwrap()), "{said}");
    let output = status(&look, &["--json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("the directory is not there"), "{told}");
    let total = json!({"files": 1, "size": 0, "delivered": 0, "behind": 0});
    assert_eq!(as_json(&look)["total"], total, "sums are of those that have a position");
}

#[test]
fn what_waits_longest_says_when_it_last_moved() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=10));
    let look = shipper(&site, &receiver.endpoint());
    let running = shipper(&site, &receiver.endpoint()).proving().start();
    receiver.wait_for(10);
    receiver.wait_rotation(1);
    receiver.down(End::Clean);
    wait_until("it is delivered", SOON, || of(&as_json(&look), &log)["behind"] == 0);
    let moved = of(&as_json(&look), &log)["moved"].clone();
    site.append("app.log", lines(11..=20));
    // The times of positions are kept to the second.
    std::thread::sleep(Duration::from_secs(2));
    fs::rename(&log, site.path("app.log.1")).unwrap();
    site.append("app.log", lines(21..=30));
    wait_until("the rotation is known", SOON, || of(&as_json(&look), &log)["rotated"] == 1);
    assert_eq!(
        of(&as_json(&look), &log)["moved"],
        moved,
        "the first sight of a file is no delivery"
    );
    drop(running);
}

#[test]
fn a_file_that_cannot_be_read_has_a_remark() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=10));
    let look = ship(&site, &receiver, 10);
    let size = fs::metadata(&log).unwrap().len();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(site.path("state"), fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(site.path("state")).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let asked = |more: &[&str]| {
        let mut command = look.command();
        command.arg("--status").args(more);
        String::from_utf8(finish(&mut as_nobody(command, &site)).stdout).unwrap()
    };
    let table = asked(&[]);
    assert!(table.contains("app.log (cannot be read by "), "{table}");
    let said: Value = serde_json::from_str(&asked(&["--json"])).unwrap();
    assert_eq!(of(&said, &log)["readable"], false);
    assert_eq!(facts(&said, &log), json!(["followed", size, size, 0, 0, 0]));
}

#[test]
fn a_broken_configuration_does_not_hide_the_state() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=10));
    let look = ship(&site, &receiver, 10).yaml("severity: very");
    let output = status(&look, &["--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("very"));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts(&said, &log)[0], "followed");
}

#[test]
fn a_path_that_is_not_utf8_is_given_as_bytes_too() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"caf\xE9.log");
    site.append(name, "one\n");
    let said = as_json(&shipper(&site, &Receiver::tcp().endpoint()));
    let file = &said["files"][0];
    let bytes = site.path(name).as_os_str().as_bytes().to_owned();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file["path_hex"], hex);
    assert!(file["path"].as_str().unwrap().ends_with("caf\u{fffd}.log"));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let site = Site::new();
    for number in 0..3000 {
        site.append(format!("{number}.log"), "");
    }
    site.make_dir("state");
    let mut command = shipper(&site, &Receiver::tcp().endpoint()).command();
    let mut child = command
        .args(["--status", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds; nobody reads it.
    drop(child.stdout.take());
    let ended = wait_exit(&mut child, SOON).expect("it ends");
    let output = child.wait_with_output().unwrap();
    assert_eq!((ended.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn ten_thousand_files_take_less_than_a_second() {
    const FILES: usize = 10_000;
    let (site, receiver) = (Site::new(), Receiver::tcp());
    for number in 0..FILES {
        fs::write(site.path(format!("{number}.log")), "one line\n").unwrap();
    }
    let mut running = shipper(&site, &receiver.endpoint()).proving().start();
    receiver.wait_for(FILES);
    let look = shipper(&site, &receiver.endpoint());
    // Not on TERM: the last save has a second, which is little where others want the disk.
    let saved = || as_json(&look)["total"]["delivered"] == 9 * FILES;
    wait_until("all positions are saved", 3 * SOON, saved);
    running.term();
    // The fastest of some: other tests want the processors as well.
    let fastest = (0..10).map(|_| {
        let started = Instant::now();
        let said = as_json(&look);
        assert_eq!(said["total"]["delivered"], 9 * FILES);
        started.elapsed()
    });
    let fastest = fastest.min().unwrap();
    println!("10,000 files: {fastest:?}");
    // Without optimisation it takes three times as long, which leaves no room on a busy machine.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
    assert!(fastest < limit, "{fastest:?}");
    let started = Instant::now();
    let table = status(&look, &[]).stdout;
    println!("as a table: {:?}", started.elapsed());
    assert_eq!(table.split(|&byte| byte == b'\n').count(), FILES + 5);
}

/// A file system of its own at `mirror` that shows `original`, until it is told to hang.
struct Mirror {
    process: Guarded,
    at: PathBuf,
}

impl Mirror {
    fn new(original: &Path, at: &Path) -> Option<Self> {
        let options = "attr_timeout=0,entry_timeout=0";
        let mut bindfs = Command::new("bindfs");
        bindfs.args(["-f", "-o", options]).args([original, at]).stderr(Stdio::null());
        let mut process = Guarded(bindfs.spawn().ok()?);
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        let begin = Instant::now();
        while device(at) == device(original) {
            if process.0.try_wait().unwrap().is_some() || begin.elapsed() > SOON {
                return None;
            }
            sleep(Duration::from_millis(20));
        }
        Some(Self { process, at: at.to_owned() })
    }

    fn hang(&self) {
        kill_process(Pid::from_child(&self.process.0), Signal::STOP).unwrap();
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.process.0.kill();
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[test]
fn a_file_system_that_hangs_keeps_nobody_from_the_rest() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let (original, at) = (site.make_dir("original"), site.make_dir("mirror"));
    let Some(mirror) = Mirror::new(&original, &at) else {
        return skip("bindfs and FUSE", "no file system can be made to hang");
    };
    site.append("app.log", "one\n");
    site.append("original/far.log", "two\n");
    let shipper =
        Shipper::new(&site).follow("*.log").follow("mirror/*.log").follow("mirror/far.log");
    let shipper = shipper.to(&receiver.endpoint()).reading_from_start();
    assert!(finish(shipper.command().arg("--once")).status.success());
    mirror.hang();
    let (near, far) = (site.path("app.log"), at.join("far.log"));
    let table = String::from_utf8(status(&shipper, &[]).stdout).unwrap();
    let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or(&table);
    assert!(row("app.log").trim_end().ends_with("app.log"), "{table}");
    assert!(table.contains("mirror/far.log (no answer from its file system)"), "{table}");
    assert!(table.contains("mirror/*.log: no answer from its file system"), "{table}");
    let json = as_json(&shipper);
    assert_eq!(of(&json, &near)["standing"], "followed");
    assert_eq!(
        (&of(&json, &far)["standing"], &of(&json, &far)["behind"]),
        (&json!("no_answer"), &Value::Null)
    );
    assert_eq!(json["silent"].as_array().unwrap().len(), 2);
    let check = finish(shipper.command().arg("--check"));
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(said.contains("mirror/*.log: no answer: a file system on its way hangs"), "{said}");
    assert!(said.contains("1 file to follow"), "{said}");
}

#[test]
fn a_refused_configuration_is_told_until_one_is_taken_up() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let mut running = shipper(&site, &receiver.endpoint()).start();
    receiver.wait_for(1);
    // It reads the file while the daemon may, and does not write it.
    let ask = |more: &[&str]| {
        let mut command = bare_command();
        command.arg("-c").arg(site.path("conf.yml")).arg("--state-dir").arg(site.path("state"));
        finish(command.arg("--status").args(more))
    };
    let refused = || {
        let status: Value = serde_json::from_slice(&ask(&["--json"]).stdout).unwrap();
        status["daemon"]["refused"].clone()
    };
    assert_eq!(refused(), Value::Null);
    shipper(&site, &receiver.endpoint()).yaml("facility: loacl0").write_config();
    running.signal(Signal::HUP);
    let is_told = || refused().as_str().is_some_and(|why| why.contains("loacl0"));
    wait_until("the refusal is told", SOON, is_told);
    let table = String::from_utf8(ask(&[]).stdout).unwrap();
    assert!(table.contains("its new configuration is refused"), "{table}");
    shipper(&site, &receiver.endpoint()).write_config();
    running.signal(Signal::HUP);
    wait_until("it is over", SOON, || refused() == Value::Null);
    running.term();
}
