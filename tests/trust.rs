//! Neighbours who may write where root reads or writes: links of theirs lead nowhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::PathBuf;
use std::process::Command;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;

use crate::support::{Receiver, SOON, Shipper, Site, finish, skip, wait_until};

/// A user who owns no process and no other file.
const THEIRS: u32 = 64_907;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("root", "only root can give away");
    }
    is_root
}

/// A directory that is theirs, with a log.
fn theirs(site: &Site) -> PathBuf {
    fs::create_dir(site.path("theirs")).unwrap();
    site.append("theirs/app.log", "mine\n");
    for name in ["theirs", "theirs/app.log"] {
        chown(site.path(name), Some(THEIRS), None).unwrap();
    }
    site.path("theirs")
}

/// A file that only root may read, in a directory that only root may enter.
fn secret(site: &Site, name: &str) -> PathBuf {
    let dir = site.path("secret");
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    let path = site.append(format!("secret/{name}"), format!("SECRET {name}\n"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// A link of theirs, which is never seen as one of root.
fn link(site: &Site, target: PathBuf, path: PathBuf) {
    let made = site.path("made");
    symlink(target, &made).unwrap();
    lchown(&made, Some(THEIRS), None).unwrap();
    fs::rename(made, path).unwrap();
}

#[test]
fn what_only_root_may_read_is_not_shipped_for_a_link_of_another() {
    if !is_root() {
        return;
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let dir = theirs(&site);
    fs::create_dir(dir.join("sub")).unwrap();
    site.append("theirs/sub/x.log", "mine\n");
    let [new, swapped, _] = ["new", "swapped", "x.log"].map(|name| secret(&site, name));
    let shipper = || Shipper::new(&site).follow("theirs/*.log").follow("theirs/sub/x.log");
    let shipper = || shipper().to(&receiver.endpoint()).reading_from_start();
    let running = shipper().yaml("new_file_check_interval: 1").start();
    receiver.wait_for(2);
    // A new name, a name that was a log, and a directory on the way.
    link(&site, new, dir.join("new.log"));
    fs::rename(dir.join("app.log"), dir.join("app.old")).unwrap();
    link(&site, swapped, dir.join("app.log"));
    fs::rename(dir.join("sub"), dir.join("sub.old")).unwrap();
    link(&site, site.path("secret"), dir.join("sub"));
    for name in ["new.log", "app.log", "sub"] {
        let path = dir.join(name);
        let of = format!("{} is a symbolic link of the user with id {THEIRS}", path.display());
        running.wait_warning(&["not reading ", &of, "follow_links_in"]);
    }
    site.append("theirs/honest.log", "two\n");
    receiver.wait_for_text("two");
    let all = receiver.frames().concat();
    assert!(!String::from_utf8_lossy(&all).contains("SECRET"));
    let output = finish(shipper().command().arg("--check"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("new.log: cannot be read: "), "{said}");
    assert!(said.contains(&format!("link of the user with id {THEIRS}")), "{said}");
    // Whoever wants it says so.
    shipper().yaml(&format!("follow_links_in: [{}]", dir.display())).write_config();
    running.signal(Signal::HUP);
    receiver.wait_for_text("SECRET new");
}

#[test]
fn root_appends_to_no_file_that_another_has_its_log_lead_to() {
    if !is_root() {
        return;
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let (dir, victim) = (theirs(&site), secret(&site, "victim"));
    link(&site, victim.clone(), dir.join("own.log"));
    link(&site, victim.clone(), dir.join("own.pid"));
    let shipper = Shipper::new(&site).follow("theirs/app.log").to(&receiver.endpoint());
    for (flag, name) in [("--debug-log-cfg", "own.log"), ("--pid-file", "own.pid")] {
        let mut command = shipper.command();
        command.args(["--user", "nobody", flag]).arg(dir.join(name));
        if flag != "--pid-file" {
            command.arg("--pid-file").arg(site.path("a.pid"));
        }
        let output = finish(&mut command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(name) && said.contains("symbolic link"), "{said}");
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "SECRET victim\n");
}

#[test]
fn what_another_has_put_into_its_own_state_directory_neither_leads_root_anywhere_nor_keeps_it() {
    if !is_root() {
        return;
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let victim = secret(&site, "victim");
    site.append("app.log", "one\n");
    let state = site.make_dir("state");
    chown(&state, Some(THEIRS), None).unwrap();
    link(&site, victim.clone(), state.join("refused.tmp"));
    mkfifoat(CWD, state.join("globs"), Mode::RUSR | Mode::WUSR).unwrap();
    let shipper = || Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let running = shipper().reading_from_start().start();
    receiver.wait_for_text("one");
    shipper().yaml("facility: loacl0").write_config();
    running.signal(Signal::HUP);
    wait_until("it is told", SOON, || state.join("refused").exists());
    assert!(fs::read_to_string(state.join("refused")).unwrap().contains("loacl0"));
    assert_eq!(fs::read_to_string(victim).unwrap(), "SECRET victim\n");
}

#[test]
fn a_second_instance_is_refused_where_the_state_cannot_be_written_any_more() {
    if !is_root() {
        return;
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let second = shipper.command();
    let first = shipper.reading_from_start().start();
    receiver.wait_for_text("one");
    wait_until("the position is saved", SOON, || site.path("state/positions").exists());
    // Of its own, the mounts of this system stay as they are.
    let mut apart = Command::new("unshare");
    apart.args(["--mount", "sh", "-ec"]).arg(
        "mount --bind \"$STATE\" \"$STATE\"; mount -o remount,ro,bind \"$STATE\" || exit 77; \
         exec \"$0\" \"$@\"",
    );
    apart.arg(second.get_program()).args(second.get_args()).env("STATE", site.path("state"));
    let output = finish(apart.args(["-D", "--once", "--pid-file"]).arg(site.path("second.pid")));
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare") || output.status.code() == Some(77) {
        return skip("unshare", &said);
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    let pid = first.pid().as_raw_nonzero().to_string();
    assert!(said.contains("already keeps its positions") && said.contains(&pid), "{said}");
    assert_eq!(receiver.count(), 1);
}
