//! FIFOs that entries match are read as streams, and hold nobody up.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::support::{
    A_WHILE, End, Receiver, Report, SOON, Shipper, Site, finish, lines, wait_until,
};

/// Makes a FIFO in the site.
pub fn make_fifo(site: &Site, name: &str) -> PathBuf {
    let path = site.path(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path
}

/// Opens a FIFO for writing once somebody reads it.
pub fn writer(path: &Path) -> File {
    let open =
        || OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    wait_until("somebody reads the FIFO", SOON, || open().is_ok());
    // From here on writing waits as that of others does.
    OpenOptions::new().write(true).open(path).unwrap()
}

fn following(site: &Site, receiver: &Receiver) -> Shipper {
    let shipper = Shipper::new(site).follow("app.*").to(&receiver.endpoint());
    shipper.yaml("new_file_check_interval: 1")
}

#[test]
fn writers_come_and_go_and_files_beside_are_followed() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let fifo = make_fifo(&site, "app.fifo");
    site.append("app.log", "");
    let mut shipper = following(&site, &receiver).start();
    shipper.wait_following("app.log");
    shipper.wait_log(&["app.fifo: it is a FIFO, and read as a stream"]);
    let mut first = writer(&fifo);
    first.write_all(b"one\ntw").unwrap();
    receiver.wait_for_text("one");
    // Nobody waits for the rest.
    site.append("app.log", "of the file\n");
    receiver.wait_for_text("of the file");
    first.write_all(b"o\n").unwrap();
    receiver.wait_for_text("two");
    // The last of them ends what it has begun.
    let mut second = writer(&fifo);
    second.write_all(b"unfinished").unwrap();
    drop(first);
    drop(second);
    receiver.wait_for_text("unfinished");
    for n in 0..3 {
        writeln!(writer(&fifo), "again {n}").unwrap();
        receiver.wait_for_text(&format!("again {n}"));
    }
    assert_eq!(shipper.log_lines(&["read as a stream"]).count(), 1, "it is said once");
    shipper.term();
    let positions = fs::read_to_string(site.path("state/positions")).unwrap();
    assert!(!positions.contains("app.fifo"), "{positions}");
    assert_eq!(receiver.count(), 7);
}

#[test]
fn a_writer_waits_as_long_as_the_receiver_is_away() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(End::Abrupt);
    let fifo = make_fifo(&site, "app.fifo");
    site.append("app.log", lines(1..=5));
    let mut shipper = following(&site, &receiver).start();
    let mut pipe = writer(&fifo);
    let all = lines(1..=300_000);
    let thread = std::thread::spawn(move || pipe.write_all(all.as_bytes()).unwrap());
    std::thread::sleep(A_WHILE);
    assert!(!thread.is_finished(), "it is read without end");
    assert!(shipper.rss() < 80 << 20, "{} bytes", shipper.rss());
    receiver.up();
    thread.join().unwrap();
    receiver.wait_for_number(300_000, SOON);
    shipper.term();
    Report::of(300_000, &receiver.frames()).assert_exact();
}

#[test]
fn another_fifo_of_that_name_is_read_as_well() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let fifo = make_fifo(&site, "app.fifo");
    let mut shipper = following(&site, &receiver).start();
    let mut old = writer(&fifo);
    writeln!(old, "old").unwrap();
    receiver.wait_for_text("old");
    site.remove("app.fifo");
    make_fifo(&site, "app.fifo");
    writeln!(writer(&fifo), "new").unwrap();
    receiver.wait_for_text("new");
    site.remove("app.fifo");
    site.append("app.fifo", "a file by now\n");
    receiver.wait_for_text("a file by now");
    shipper.term();
}

#[test]
fn only_a_daemon_reads_them() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    make_fifo(&site, "app.fifo");
    site.append("app.log", "one\n");
    for option in ["--once", "--dry-run"] {
        let shipper = following(&site, &receiver).reading_from_start().arg(option);
        let shipper = if option == "--once" { shipper } else { shipper.arg("--once") };
        let output = shipper.output();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("app.fifo: it is a FIFO, which only a daemon reads"), "{said}");
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    assert_eq!(receiver.texts(), ["one"]);
    let output = finish(following(&site, &receiver).command().arg("--check"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("app.fifo: a FIFO, read as a stream, without a position"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}
