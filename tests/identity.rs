//! A file is not its name: the same content under another identity, and other names for one file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::support::peers::FAKETIME;
use crate::support::{Receiver, Report, Running, SOON, Shipper, Site, lines, number, skip};

/// Follows globs of the site, from their beginning, and looks for changes every second.
fn shipper(site: &Site, receiver: &Receiver, globs: &[&str]) -> Shipper {
    let shipper = Shipper::new(site).to(&receiver.endpoint()).reading_from_start();
    let shipper = shipper.yaml("new_file_check_interval: 1");
    globs.iter().fold(shipper, |shipper, glob| shipper.follow(glob))
}

/// Everything is sent, and nothing else comes with the end of the process.
#[track_caller]
fn ends_exactly_at(last: u64, mut shipper: Running, receiver: &Receiver) {
    receiver.wait_for_number(last, SOON);
    shipper.term();
    Report::of(last, &receiver.frames()).assert_exact();
}

/// Appends to the original and puts a copy of it in the place of `mirror/app.log`, as rsync does.
fn mirror(site: &Site, numbers: std::ops::RangeInclusive<u64>) {
    let original = site.append("original/app.log", lines(numbers));
    let fresh = site.make_dir("mirror").join(".app.log.Ab3dEf");
    fs::copy(original, &fresh).unwrap();
    fs::rename(fresh, site.path("mirror/app.log")).unwrap();
}

fn is_replaced_by_longer_copies_of_itself(options: &[&str]) {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    mirror(&site, 1..=100);
    let shipper = shipper(&site, &receiver, &["mirror/*.log"]);
    let shipper = options.iter().fold(shipper, Shipper::arg).start();
    receiver.wait_for_number(100, SOON);
    for first in [101, 111, 121] {
        mirror(&site, first..=first + 9);
        receiver.wait_for_number(first + 9, SOON);
    }
    ends_exactly_at(130, shipper, &receiver);
}

#[test]
fn a_log_that_is_replaced_by_longer_copies_of_itself_goes_on() {
    is_replaced_by_longer_copies_of_itself(&[]);
}

#[test]
fn so_it_does_with_polling_alone() {
    is_replaced_by_longer_copies_of_itself(&["--poll"]);
}

#[test]
fn so_it_does_from_one_run_to_the_next() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    for (round, first) in [1, 11, 21, 31].into_iter().enumerate() {
        mirror(&site, first..=first + 9);
        let output = shipper(&site, &receiver, &["mirror/*.log"]).arg("--once").output();
        assert!(output.status.success(), "round {round}: {output:?}");
        Report::of(first + 9, &receiver.frames()).assert_exact();
    }
}

/// A backup of hard links is made before each copy takes the place of the log (rsnapshot), so that the old file has a
/// name on.
#[test]
fn a_log_that_a_backup_has_linked_goes_on_in_the_copies_that_replace_it() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    mirror(&site, 1..=100);
    let shipper = shipper(&site, &receiver, &["mirror/*.log"]).start();
    receiver.wait_for_number(100, SOON);
    for first in [101, 111, 121] {
        let backup = site.make_dir(format!("backup.{first}")).join("app.log");
        fs::hard_link(site.path("mirror/app.log"), backup).unwrap();
        mirror(&site, first..=first + 9);
        receiver.wait_for_number(first + 9, SOON);
    }
    ends_exactly_at(130, shipper, &receiver);
}

/// `tail -n 50 app.log > left && mv left app.log`, and `sed -i 1,20d app.log`.
#[test]
fn a_log_whose_first_lines_are_cut_off_goes_on() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.append("app.log", lines(1..=100));
    let shipper = shipper(&site, &receiver, &["app.log"]).start();
    receiver.wait_for_number(100, SOON);
    for last in [100, 110, 120] {
        let whole = fs::read_to_string(&path).unwrap();
        let left: String = whole.split_inclusive('\n').skip(20).collect();
        fs::write(site.path("left"), left).unwrap();
        site.rename("left", "app.log");
        site.append("app.log", lines(last + 1..=last + 10));
        receiver.wait_for_number(last + 10, SOON);
    }
    ends_exactly_at(130, shipper, &receiver);
}

/// As a deployment and its rollback do it.
#[test]
fn a_link_that_went_on_to_further_dates_while_nothing_ran_has_all_of_them_read() {
    for name in ["access.2026-11-", "access-202611"] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        let on_day = |day: u64, numbers| {
            let name = format!("{name}{day:02}");
            site.append(&name, "");
            symlink(&name, site.path("fresh")).unwrap();
            site.rename("fresh", "access.log");
            site.append(&name, lines(numbers));
        };
        on_day(1, 1..=20);
        let mut shipper = shipper(&site, &receiver, &["access.log"]).start();
        receiver.wait_for_number(20, SOON);
        shipper.term();
        site.append("access.log", lines(21..=25));
        for day in 2..=4 {
            on_day(day, day * 10 + 6..=day * 10 + 15);
        }
        shipper.restart();
        ends_exactly_at(55, shipper, &receiver);
    }
}

/// What was open has its name on the old one still, as it has where a file system was mounted anew.
#[test]
fn a_log_that_is_moved_to_another_file_system_goes_on_there() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let old = site.append("old/app.log", lines(1..=100));
    let other = tempfile::tempdir_in("/dev/shm").ok();
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    let Some(other) = other.filter(|other| device(other.path()) != device(site.dir())) else {
        return skip("another file system", "/dev/shm is none");
    };
    symlink("old", site.path("logs")).unwrap();
    let shipper = shipper(&site, &receiver, &["logs/app.log"]).start();
    receiver.wait_for_number(100, SOON);
    let new = other.path().join("app.log");
    fs::write(&new, fs::read_to_string(old).unwrap() + &lines(101..=110)).unwrap();
    symlink(other.path(), site.path("link")).unwrap();
    site.rename("link", "logs");
    receiver.wait_for_number(110, SOON);
    let mut log = fs::File::options().append(true).open(&new).unwrap();
    log.write_all(lines(111..=120).as_bytes()).unwrap();
    ends_exactly_at(120, shipper, &receiver);
}

#[test]
fn a_link_that_goes_to_another_release_and_back_has_nothing_sent_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let release = |version: u64| {
        symlink(site.path(format!("releases/{version}")), site.path("fresh")).unwrap();
        site.rename("fresh", "current");
    };
    site.append("releases/1/log/app.log", lines(1..=10));
    release(1);
    let mut shipper = shipper(&site, &receiver, &["current/log/*.log"]).start();
    receiver.wait_for_number(10, SOON);
    for (version, first) in [(2, 11), (1, 21), (2, 31), (1, 41)] {
        release(version);
        // A new file tells that the switch was noticed.
        let seen = format!("from line {first} on");
        site.append(format!("releases/{version}/log/{first}.log"), format!("{seen}\n"));
        receiver.wait_for_text(&seen);
        for first in [first, first + 5] {
            site.append(format!("releases/{version}/log/app.log"), lines(first..=first + 4));
            receiver.wait_for_number(first + 4, SOON);
        }
    }
    shipper.term();
    let mut frames = receiver.frames();
    frames.retain(|frame| number(frame).is_some());
    Report::of(50, &frames).assert_exact();
    assert_eq!(receiver.count(), 54, "{:#?}", receiver.texts());
}

/// An overlayfs at `layers/merged` whose lower layer has a log, as that of a container's image.
struct Overlay {
    layers: PathBuf,
}

impl Overlay {
    #[track_caller]
    fn new(site: &Site) -> Option<Self> {
        let overlay = Self { layers: site.make_dir("layers") };
        // The upper layer must not lie on an overlayfs itself.
        let mounts = "mount -t tmpfs none \"$0\" && cd \"$0\" && mkdir lower upper work merged && \
            printf %s \"$1\" > lower/app.log && \
            mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged";
        let mut shell = Command::new("sh");
        shell.args(["-c", mounts]).arg(&overlay.layers).arg(lines(1..=100));
        let done = shell.output().unwrap();
        if !done.status.success() {
            skip("mount and overlayfs", String::from_utf8_lossy(&done.stderr).trim());
            return None;
        }
        Some(overlay)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        for at in [self.layers.join("merged"), self.layers.clone()] {
            let _ = Command::new("umount").arg("-l").arg(at).output();
        }
    }
}

#[test]
fn a_log_that_an_overlayfs_copies_up_goes_on() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let Some(_overlay) = Overlay::new(&site) else { return };
    let shipper = shipper(&site, &receiver, &["layers/merged/*.log"]).start();
    receiver.wait_for_number(100, SOON);
    for first in [101, 111, 121] {
        site.append("layers/merged/app.log", lines(first..=first + 9));
        receiver.wait_for_number(first + 9, SOON);
    }
    ends_exactly_at(130, shipper, &receiver);
}

#[test]
fn so_it_does_when_that_happens_while_nothing_runs() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let Some(_overlay) = Overlay::new(&site) else { return };
    let mut shipper = shipper(&site, &receiver, &["layers/merged/*.log"]).start();
    receiver.wait_for_number(100, SOON);
    shipper.term();
    site.append("layers/merged/app.log", lines(101..=110));
    shipper.restart();
    ends_exactly_at(110, shipper, &receiver);
}

/// Lines 1 to 100 of `from` are sent; while nothing runs, others are written and it is moved.
fn is_moved_while_nothing_runs(from: &str, to: &str, globs: &[&str], rename: impl Fn(&Site)) {
    for from_start in [true, false] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append(from, "");
        let shipper = Shipper::new(&site).to(&receiver.endpoint());
        let shipper = globs.iter().fold(shipper, |shipper, glob| shipper.follow(glob));
        let mut shipper = shipper.yaml(&format!("from_start: {from_start}")).start();
        shipper.wait_following(from);
        site.append(from, lines(1..=100));
        receiver.wait_for_number(100, SOON);
        shipper.term();
        site.append(from, lines(101..=110));
        rename(&site);
        site.append(to, lines(111..=120));
        shipper.restart();
        receiver.wait_for_number(120, SOON);
        site.append(to, lines(121..=130));
        ends_exactly_at(130, shipper, &receiver);
    }
}

#[test]
fn a_file_moved_to_another_followed_directory_goes_on_there() {
    is_moved_while_nothing_runs("a/app.log", "b/app.log", &["a/*.log", "b/*.log"], |site| {
        site.make_dir("b");
        site.rename("a/app.log", "b/app.log");
    });
}

#[test]
fn files_of_a_renamed_directory_go_on_there() {
    let rename = |site: &Site| site.rename("a/old", "a/new");
    is_moved_while_nothing_runs("a/old/app.log", "a/new/app.log", &["a/*/*.log"], rename);
}

#[test]
fn a_log_made_while_nothing_ran_is_new_although_the_last_run_was_ahead_of_the_clock() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let Some(library) = FAKETIME.library("libfaketimeMT.so.1") else { return };
    site.append("a.log", "old\n");
    let shipper = || Shipper::new(&site).to(&receiver.endpoint()).follow("*.log");
    let ahead = [("LD_PRELOAD", library.to_str().unwrap()), ("FAKETIME", "+3600s")];
    // What is set is the system's clock: not the monotonic one, nor the times of files.
    let ahead = ahead.into_iter().chain([("DONT_FAKE_MONOTONIC", "1"), ("NO_FAKE_STAT", "1")]);
    let mut first =
        ahead.fold(shipper(), |shipper, (name, value)| shipper.env(name, value)).start();
    first.wait_following("a.log");
    site.append("a.log", lines(1..=2));
    receiver.wait_for_number(2, SOON);
    first.term();
    site.append("b.log", lines(3..=4));
    let second = shipper().start();
    receiver.wait_for_number(4, SOON);
    site.append("b.log", lines(5..=6));
    ends_exactly_at(6, second, &receiver);
}
