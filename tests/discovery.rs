//! Which files are followed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    A_WHILE, Guarded, Receiver, Report, SOON, Shipper, Site, as_nobody, give_to_nobody, lines,
    skip, wait_until,
};

/// Follows globs of the site, from their beginning.
fn shipper(site: &Site, receiver: &Receiver, globs: &[&str]) -> Shipper {
    let shipper = Shipper::new(site).to(&receiver.endpoint()).reading_from_start();
    globs.iter().fold(shipper, |shipper, glob| shipper.follow(glob))
}

/// The lines received so far, sorted: nothing is promised about the order between files.
fn sorted(receiver: &Receiver) -> Vec<String> {
    let mut texts = receiver.texts();
    texts.sort();
    texts
}

#[test]
fn files_and_directories_may_appear_later() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let globs = ["named.log", "dir/*.log", "deep/**/*.log"];
    let _shipper = shipper(&site, &receiver, &globs).start();
    receiver.wait_connected();
    let names = ["named.log", "dir/a.log", "deep/b.log", "deep/1/2/3/c.log", "deep/1/x/d.log"];
    for name in names {
        site.append(name, format!("{name}\n"));
        receiver.wait_for_text(name);
    }
    for name in names {
        site.append(name, format!("{name} again\n"));
    }
    receiver.wait_for(names.len() * 2);
    assert_eq!(receiver.frames().len(), names.len() * 2);
}

#[test]
fn a_directory_moved_in_is_seen() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.make_dir("watched");
    site.append("elsewhere/app/x.log", "moved in\n");
    let _shipper = shipper(&site, &receiver, &["watched/**/*.log"]).start();
    receiver.wait_connected();
    site.rename("elsewhere", "watched/here");
    receiver.wait_for_text("moved in");
}

#[test]
fn many_directories_made_at_once_are_all_seen() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let _shipper = shipper(&site, &receiver, &["pods/**/*.log"]).start();
    receiver.wait_connected();
    for n in 0..100 {
        site.append(format!("pods/{n}/a/b/x.log"), format!("pod {n:03}\n"));
    }
    receiver.wait_for(100);
    let expected: Vec<_> = (0..100).map(|n| format!("pod {n:03}")).collect();
    assert_eq!(sorted(&receiver), expected);
}

#[test]
fn globs_match_at_any_depth_and_dotfiles_and_each_path_once() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let matched = ["top.log", ".dot.log", "a/b.log", "a/b/c/d.log", ".hidden/x.log", "n1.txt"];
    let unmatched = ["top.log.1", "a/b.txt", "n9.txt"];
    for name in matched.iter().chain(&unmatched) {
        site.append(name, format!("{name}\n"));
    }
    let globs = ["**/*.log", "*.log", "n[1-3].tx?"];
    let _shipper = shipper(&site, &receiver, &globs).start();
    receiver.wait_for(matched.len());
    site.append("top.log", "the end\n");
    receiver.wait_for_text("the end");
    let mut expected: Vec<_> = matched.iter().map(|&name| name.to_owned()).collect();
    expected.push("the end".to_owned());
    expected.sort();
    assert_eq!(sorted(&receiver), expected);
}

#[test]
fn the_first_entry_that_matches_gives_the_tag() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    site.append("b.log", "two\n");
    let of = |name: &str| site.path(name).display().to_string();
    let _shipper = Shipper::new(&site)
        .entry(format!("special={}", of("a.log")))
        .entry(of("*.log"))
        .entry(format!("{{path: \"{}\", tag: never}}", of("b.log")))
        .to(&receiver.endpoint())
        .reading_from_start()
        .start();
    let mut told: Vec<_> =
        receiver.wait_for(2).iter().map(|m| (m.lossy(), m.app_name.clone())).collect();
    told.sort();
    let expected = [("one", "special"), ("two", "b.log")];
    assert_eq!(told, expected.map(|(text, tag)| (text.to_owned(), tag.to_owned())));
}

#[test]
fn excluded_files_are_not_followed() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    for name in ["keep.log", "skip.log", "old/2019.log"] {
        site.append(name, format!("{name}\n"));
    }
    let _shipper = shipper(&site, &receiver, &["**/*.log"])
        .yaml("exclude_files:\n  - skip\\.log$\n  - /old/")
        .start();
    receiver.wait_for_text("keep.log");
    site.append("skip.log", "more\n");
    site.append("old/new.log", "more\n");
    site.append("keep.log", "the end\n");
    receiver.wait_for_text("the end");
    assert_eq!(receiver.texts(), ["keep.log", "the end"]);
}

#[test]
fn a_symlinked_log_is_followed_and_so_is_a_switched_symlink() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("data/1", lines(1..=10));
    site.make_dir("logs");
    symlink(site.path("data/1"), site.path("logs/current")).unwrap();
    let _shipper = shipper(&site, &receiver, &["logs/*"]).start();
    receiver.wait_for_number(10, SOON);
    site.append("data/1", lines(11..=20));
    receiver.wait_for_number(20, SOON);

    // As `ln -sfn` does it, and the old target gets another line just before.
    site.append("data/1", lines(21..=21));
    site.append("data/2", lines(22..=30));
    symlink(site.path("data/2"), site.path("logs/.new")).unwrap();
    site.rename("logs/.new", "logs/current");
    receiver.wait_for_number(30, SOON);
    site.append("data/2", lines(31..=40));
    receiver.wait_for_number(40, SOON);
    Report::of(40, &receiver.frames()).assert_exact();
    assert_eq!(receiver.messages()[0].app_name, "current");
}

#[test]
fn a_link_may_be_followed_under_a_passing_name_before_it_takes_its_own() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("data/1", lines(1..=10));
    site.make_dir("logs");
    symlink(site.path("data/1"), site.path("logs/current")).unwrap();
    let shipper = shipper(&site, &receiver, &["logs/*"]).start();
    receiver.wait_for_number(10, SOON);
    site.append("data/2", lines(11..=20));
    symlink(site.path("data/2"), site.path("logs/.new")).unwrap();
    shipper.wait_following("logs/.new");
    site.rename("logs/.new", "logs/current");
    site.append("data/2", lines(21..=30));
    receiver.wait_for_number(30, SOON);
    site.append("data/2", lines(31..=40));
    receiver.wait_for_number(40, SOON);
    Report::of(40, &receiver.frames()).assert_exact();
}

#[test]
fn a_symlinked_directory_in_a_glob_is_followed() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("releases/1/log/app.log", "one\n");
    symlink(site.path("releases/1"), site.path("now")).unwrap();
    let _shipper =
        shipper(&site, &receiver, &["now/log/*.log"]).yaml("new_file_check_interval: 1").start();
    receiver.wait_for_text("one");
    site.append("releases/2/log/app.log", "two\n");
    symlink(site.path("releases/2"), site.path("next")).unwrap();
    site.rename("next", "now");
    receiver.wait_for_text("two");
}

#[test]
fn paths_that_are_not_utf8() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let name = OsStr::from_bytes(b"caf\xe9-\xff.log");
    site.append(Path::new("dir").join(name), "one\n");
    let mut shipper = shipper(&site, &receiver, &["dir/*.log"])
        .yaml("exclude_files: [nothing-like-this]")
        .start();
    receiver.wait_for_text("one");
    shipper.term();
    site.append(Path::new("dir").join(name), "two\n");
    shipper.restart();
    receiver.wait_for_text("two");
    assert_eq!(receiver.texts(), ["one", "two"]);
    let tag = &receiver.messages()[0].app_name;
    assert!(tag.is_ascii() && tag.starts_with("caf"), "{tag}");
}

#[test]
fn only_regular_files_are_followed_and_that_is_said_once() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.make_dir("logs/dir.log");
    mkfifoat(CWD, site.path("logs/fifo.log"), Mode::from_raw_mode(0o600)).unwrap();
    symlink(site.path("logs/loop.log"), site.path("logs/loop.log")).unwrap();
    symlink("/dev/zero", site.path("logs/zero.log")).unwrap();
    site.append("logs/good.log", "one\n");
    let shipper =
        shipper(&site, &receiver, &["logs/*.log"]).yaml("new_file_check_interval: 1").start();
    receiver.wait_for_text("one");
    // Two more sweeps see the same: a file that only a sweep could miss tells that one has passed.
    std::thread::sleep(A_WHILE * 4);
    for name in ["fifo.log", "zero.log"] {
        assert_eq!(shipper.log_lines(&[name]).count(), 1, "{name}:\n{}", shipper.log());
    }
    for name in ["dir.log", "loop.log"] {
        assert!(shipper.log_lines(&[name]).count() <= 1, "{name}:\n{}", shipper.log());
    }
    assert_eq!(receiver.texts(), ["one"]);
}

fn term(running: &mut Guarded) {
    kill_process(Pid::from_child(&running.0), Signal::TERM).unwrap();
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn files_in_a_directory_that_may_only_be_passed_are_looked_at_every_second() {
    in_a_directory_that_may_only_be_passed(&["shut/a.log"]);
}

#[test]
fn so_they_are_where_another_entry_would_have_to_list_it() {
    in_a_directory_that_may_only_be_passed(&["shut/*.log", "shut/a.log"]);
}

fn in_a_directory_that_may_only_be_passed(globs: &[&str]) {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("shut/a.log", "one\n");
    let shut = log.parent().unwrap();
    fs::set_permissions(shut, fs::Permissions::from_mode(0o711)).unwrap();
    give_to_nobody(site.dir());
    let shipper = shipper(&site, &receiver, globs).yaml("new_file_check_interval: 600");
    let said = site.path("said");
    let start = || {
        let mut command = as_nobody(shipper.foreground(), &site);
        let said = File::options().append(true).create(true).open(&said).unwrap();
        Guarded(command.stderr(said).spawn().unwrap())
    };
    let mut running = start();
    receiver.wait_for_text("one");
    site.append("shut/a.log", "two\n");
    receiver.wait_for_text("two");
    // No copy can be looked for.
    fs::write(&log, "three\n").unwrap();
    receiver.wait_for_text("three");
    // Nor where a file went of which no descriptor is left.
    term(&mut running);
    site.rename("shut/a.log", "shut/a.log.1");
    site.append("shut/a.log", "four\n");
    let mut running = start();
    receiver.wait_for_text("four");
    fs::write(&log, "5\n").unwrap();
    receiver.wait_for_text("5");
    term(&mut running);
    assert_eq!(receiver.texts(), ["one", "two", "three", "four", "5"]);
    let warning = format!("cannot watch {}: ", shut.canonicalize().unwrap().display());
    let said = fs::read_to_string(said).unwrap();
    assert_eq!(said.matches(&warning).count(), 2, "{said}");
    assert!(!said.contains("cannot read"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_at_first_sight_and_not_counted() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.append("a.log", "x\n");
    site.append("b.log", "x\n");
    let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    give_to_nobody(&site.make_dir("state"));
    let mut command = as_nobody(shipper(&site, &receiver, &["*.log"]).foreground(), &site);
    let err = site.path("err");
    command.args(["--pid-file=", "--from-start=false"]).stderr(File::create(&err).unwrap());
    let _running = Guarded(command.spawn().unwrap());
    let said = || fs::read_to_string(&err).unwrap();
    let follows = "following 1 file (1 cannot be read)";
    wait_until("it says what it follows", SOON, || said().contains(follows));
    let warned = format!("WARN  cannot read {}: Permission denied", path.display());
    assert!(said().contains(&warned), "{}", said());
    assert!(!said().contains(&format!("following {}", path.display())), "{}", said());
    allow(0o644);
    site.append("a.log", "one\n");
    receiver.wait_for_text("one");
    let now = format!("{} can be read now", path.display());
    wait_until("it says that it can be read", SOON, || said().contains(&now));
    assert_eq!(receiver.texts(), ["one"]);
}

#[test]
fn files_that_are_gone_are_told_apart_and_nothing_is_a_warning() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    for name in ["a.log", "b.log", "c.log"] {
        site.append(name, "one\n");
    }
    let mut shipper = shipper(&site, &receiver, &["*.log"]).start();
    receiver.wait_for(3);
    shipper.term();
    site.remove("b.log");
    site.remove("c.log");
    shipper.restart();
    shipper.wait_log(&["following 1 file (2 rotated or removed"]);
    let site = Site::new();
    let shipper = Shipper::new(&site).follow("none.log").to(&receiver.endpoint()).start();
    shipper.wait_warning(&["following 0 files; --check says why"]);
}

#[test]
fn an_unreadable_file_is_said_once_and_read_when_it_can_be() {
    if rustix::process::getuid().is_root() {
        skip("a user other than root", "root may read everything");
        return;
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.append("a.log", "one\n");
    let allow = |mode: &str| Command::new("chmod").arg(mode).arg(&path).status().unwrap();
    assert!(allow("000").success());
    let shipper = shipper(&site, &receiver, &["*.log"]).yaml("new_file_check_interval: 1").start();
    shipper.wait_log(&[path.to_str().unwrap()]);
    std::thread::sleep(A_WHILE * 4);
    assert_eq!(shipper.log_lines(&[path.to_str().unwrap()]).count(), 1, "{}", shipper.log());
    assert!(allow("600").success());
    receiver.wait_for_text("one");
}

/// Runs its arguments behind the first two where the first file is mounted over the second.
const MOUNTED: &str = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";

#[test]
fn a_file_that_is_written_to_elsewhere_is_heard_without_a_sweep() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let bound = site.append("host/bound.log", "bound\n");
    let hard = site.append("host/hard.log", "hard\n");
    let point = site.append("seen/bound.log", "");
    fs::hard_link(&hard, site.path("seen/hard.log")).unwrap();
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", MOUNTED]).args([&bound, &point]);
        unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        unshare
    };
    if !unshare().arg("true").status().is_ok_and(|done| done.success()) {
        return skip("unshare -m", "a file mounted by itself is not followed");
    }
    let call =
        shipper(&site, &receiver, &["seen/*.log"]).yaml("new_file_check_interval: 1h").foreground();
    let mut command = unshare();
    command.arg(call.get_program()).args(call.get_args());
    let _child = Guarded(command.spawn().unwrap());
    receiver.wait_for(2);
    for round in 1..4 {
        for name in ["host/bound.log", "host/hard.log"] {
            let text = format!("{round} to {name}");
            site.append(name, format!("{text}\n"));
            receiver.wait_for_text(&text);
        }
    }
}
