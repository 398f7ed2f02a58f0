use std::fs::{self, File};
use std::io::Write;
use std::num::NonZero;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::super::directories::Disk;
use super::super::directories::tests::{Call, Faulty};
use super::*;
use crate::input::read::content::Stat;
use crate::input::rotation::identity::position_in;
use crate::input::rotation::judge::Match;
use crate::pipeline::position::{Anchor, Head, SourceId};

#[test]
fn where_nothing_can_be_listed_nothing_is_known_to_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs/app.log").into();
    let inode = Inode { device: 1, number: 1, born: None };
    let mut source = Source { id: SourceId(1), order: 1, path, real: None, inode };
    let (head, anchor) = (Head::of(b"one\n"), Anchor::after(b"one\n"));
    let position = Position { offset: 4, head, anchor, ..Position::default() };
    let missing = |source: &Source| {
        let directories = Directories::new(Disk);
        let by_content = by_content(&directories, source, &position, |_| false)?;
        Ok::<_, io::Error>(
            by_inode(&directories, source, &position)?.is_none() && by_content.is_none(),
        )
    };
    // Directories go with what is in them.
    assert!(missing(&source).unwrap());
    fs::write(dir.path().join("logs"), "").unwrap();
    assert_eq!(missing(&source).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    source.path = dir.path().join("app.log").into();
    assert!(missing(&source).unwrap());
    fs::write(dir.path().join("app.log.1"), "one\n").unwrap();
    assert!(!missing(&source).unwrap());
}

#[test]
fn a_number_may_be_reused_by_what_cannot_be_opened() {
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::os::unix::net::UnixListener;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let _socket = UnixListener::bind(path("socket")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    fs::write(path("other"), "other\n").unwrap();
    let position = Position {
        offset: 4,
        head: Head::of(b"one\n"),
        anchor: Anchor::after(b"one\n"),
        ..Position::default()
    };
    for (name, born) in [("socket", None), ("dangling", None), ("other", NonZero::new(1))] {
        let metadata = fs::symlink_metadata(path(name)).unwrap();
        let inode = Inode { device: metadata.dev(), number: metadata.ino(), born };
        let path = path("app.log").into();
        let source = Source { id: SourceId(1), order: 1, path, real: None, inode };
        let directories = Directories::new(Disk);
        assert!(by_inode(&directories, &source, &position).unwrap().is_none(), "{name}");
        assert!(
            moved(&directories, &source.path.to_path_buf(), inode).unwrap().is_none(),
            "{name}"
        );
    }
}

/// A directory with a log of which 400 bytes were read, and which is gone.
struct Gone {
    dir: tempfile::TempDir,
    source: Source,
    position: Position,
}

const READ: usize = 400;

fn text() -> Vec<u8> {
    (0..60).flat_map(|at| format!("line {at} of a log\n").into_bytes()).collect()
}

impl Gone {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, text()).unwrap();
        let directories = Directories::new(Disk);
        let mut found = Found::open(&directories, path.clone()).unwrap().unwrap();
        let position = position_in(&mut found.content, READ as u64).unwrap();
        let position = Position { modified: found.stat.modified, ..position };
        fs::remove_file(&path).unwrap();
        let (path, inode) = (path.into(), found.stat.inode);
        let source = Source { id: SourceId(1), order: 1, path, real: None, inode };
        Self { dir, source, position }
    }

    fn write(&self, name: &str, content: &[u8]) -> Inode {
        let path = self.dir.path().join(name);
        let content = match name.ends_with(".gz") {
            true => {
                let mut gzip =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(content).unwrap();
                gzip.finish().unwrap()
            }
            false => content.to_vec(),
        };
        fs::write(&path, content).unwrap();
        Stat::at(&path).unwrap().inode
    }

    fn found(&self, directories: &Directories) -> io::Result<Option<Inode>> {
        let found = by_content(directories, &self.source, &self.position, |_| false)?;
        Ok(found.filter(|found| found.relation.goes_on()).map(|found| found.stat.inode))
    }
}

#[test]
fn what_was_read_is_found_under_any_name() {
    let directories = Directories::new(Disk);
    for name in [
        "app.log.1",
        "app.log.old",
        "app__2026-11-29_00-00-00.log",
        "2026-11-29-app.log",
        "old.app.log",
        "archive-app.log",
        "@4000000067a1b2c31dcd6500.s",
        "app.log.Mon.gz",
        "backup",
        "backup.gz",
    ] {
        let gone = Gone::new();
        assert_eq!(gone.found(&directories).unwrap(), None, "{name}");
        gone.write("other.log", b"something else\n");
        // It begins alike, and goes on in another way, or ends too early.
        gone.write("alike", &[&text()[..READ - 10], &b"x".repeat(100)].concat());
        gone.write("short", &text()[..READ - 1]);
        let inode = gone.write(name, &text());
        directories.turn_ends();
        assert_eq!(gone.found(&directories).unwrap(), Some(inode), "{name}");
        // A hidden file is one that is being written.
        fs::rename(gone.dir.path().join(name), gone.dir.path().join(".app.log.aZ3k")).unwrap();
        directories.turn_ends();
        assert_eq!(gone.found(&directories).unwrap(), None, "{name}");
    }
}

#[test]
fn what_little_was_read_of_is_found_under_rotated_names_only() {
    let directories = Directories::new(Disk);
    let mut gone = Gone::new();
    gone.position = Position {
        offset: 12,
        head: Head::of(&text()[..12]),
        anchor: Anchor::after(&text()[..12]),
        ..gone.position
    };
    gone.write("backup", &text());
    assert_eq!(gone.found(&directories).unwrap(), None);
    let inode = gone.write("app.log.1", &text());
    assert_eq!(gone.found(&directories).unwrap(), Some(inode));
}

#[test]
fn names_that_rotation_makes_come_before_others_and_files_that_are_taken_not_at_all() {
    let directories = Directories::new(Disk);
    let gone = Gone::new();
    let copy = gone.write("a-copy", &text());
    let rotated = gone.write("app.log.1", &text());
    assert_eq!(gone.found(&directories).unwrap(), Some(rotated));
    let taken = |inodes: &[Inode]| {
        let is_taken = |it: &Sibling| inodes.contains(&it.stat.inode);
        let found = by_content(&directories, &gone.source, &gone.position, is_taken);
        found.unwrap().map(|found| found.stat.inode)
    };
    assert_eq!(taken(&[rotated]), Some(copy));
    assert_eq!(taken(&[rotated, copy]), None);
    // A file that was written before the log was read last holds no copy of it.
    let old = SystemTime::now() - Duration::from_secs(60);
    File::open(gone.dir.path().join("a-copy")).unwrap().set_modified(old).unwrap();
    assert_eq!(taken(&[rotated]), None);
}

#[test]
fn an_error_is_not_taken_for_an_answer() {
    let gone = Gone::new();
    gone.write("app.log.1", &text());
    let files = Faulty::default();
    let directories = Directories::new(files.clone());
    for (call, error) in [
        (Call::List, Errno::IO),
        (Call::List, Errno::STALE),
        (Call::List, Errno::MFILE),
        (Call::List, Errno::ACCESS),
        (Call::Open, Errno::IO),
        (Call::Open, Errno::STALE),
        (Call::Open, Errno::MFILE),
    ] {
        files.fail(call, Some(error));
        let code = gone.found(&directories).unwrap_err().raw_os_error();
        assert_eq!(code, Some(error.raw_os_error()), "{call:?}");
        files.fail(call, None);
    }
    // Of what may not be read it is known that it cannot be.
    files.fail(Call::Open, Some(Errno::ACCESS));
    assert_eq!(gone.found(&directories).unwrap(), None);
    let passing = [Errno::MFILE, Errno::NFILE, Errno::INTR, Errno::NOENT].map(io::Error::from);
    assert!(passing.iter().all(|error| is_passing(error) && !is_lasting(error)));
    assert!(is_lasting(&Errno::ACCESS.into()) && !is_lasting(&Errno::STALE.into()));
}

#[test]
fn many_lookups_of_a_turn_open_each_file_once() {
    let gone = Gone::new();
    for at in 0..50 {
        gone.write(&format!("other-{at}"), format!("something else {at}\n").as_bytes());
    }
    let files = Faulty::default();
    files.set_changed(Some(1));
    let directories = Directories::new(files.clone());
    for _ in 0..20 {
        assert_eq!(gone.found(&directories).unwrap(), None);
    }
    assert_eq!(files.counts(), (1, 50));
}

#[test]
fn a_log_is_the_same_under_another_identity() {
    let directories = Directories::new(Disk);
    let gone = Gone::new();
    let relation = |name: &str| {
        let path = gone.dir.path().join(name);
        at_path(&directories, &path, &gone.position).unwrap().map(|found| found.relation)
    };
    assert_eq!(relation("app.log"), None);
    // As rsync replaces it: by a longer copy with an inode of its own.
    let copy = gone.write("app.log", &[&text()[..], b"more\n"].concat());
    assert_ne!(copy, gone.source.inode);
    assert_eq!(relation("app.log"), Some(Relation::GoesOn(Match::Exact)));
    // A link that leads elsewhere, and back.
    gone.write("other", b"something else\n");
    std::os::unix::fs::symlink("other", gone.dir.path().join("link")).unwrap();
    assert_eq!(relation("link"), Some(Relation::Other));
    fs::remove_file(gone.dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink("app.log", gone.dir.path().join("link")).unwrap();
    assert_eq!(relation("link"), Some(Relation::GoesOn(Match::Exact)));
    gone.write("app.log", b"a new one\n");
    assert_eq!(relation("app.log"), Some(Relation::Other));
    // Of what nothing was read, nothing is known.
    let unread = Position { modified: gone.position.modified, ..Position::default() };
    assert!(at_path(&directories, &gone.source.path.to_path_buf(), &unread).unwrap().is_none());
}

#[test]
fn an_empty_file_lacks_nothing_when_what_became_of_it_is_empty() {
    let directories = Directories::new(Disk);
    let mut gone = Gone::new();
    gone.position = Position { modified: gone.position.modified, ..Position::default() };
    let found = |gone: &Gone| {
        directories.turn_ends();
        gone.found(&directories).unwrap()
    };
    let set_time = |gone: &Gone, name: &str, offset: i64| {
        let time = (gone.position.modified + offset * SECOND) as u64;
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(time);
        File::open(gone.dir.path().join(name)).unwrap().set_modified(time).unwrap();
    };
    assert_eq!(found(&gone), None);
    for (name, content, offset, is_it) in [
        ("app.log.1.gz", &b""[..], 0, true),
        ("app.log.1.gz", b"", 5, false),
        ("app.log.1.gz", b"a line\n", 0, false),
        ("other.gz", b"", 0, false),
    ] {
        let inode = gone.write(name, content);
        set_time(&gone, name, offset);
        assert_eq!(found(&gone), is_it.then_some(inode), "{name} {offset}");
        fs::remove_file(gone.dir.path().join(name)).unwrap();
    }
}

#[test]
fn a_listing_serves_in_a_burst_for_whatever_it_shows() {
    let gone = Gone::new();
    let files = Faulty::default();
    let directories = Directories::new(files.clone());
    // The directory changes all the time, and is listed when all that stands there is older.
    files.set_changed(None);
    files.set_now(Some(i64::MAX));
    let lists = || files.counts().0;
    let successors = |number: u64| {
        let inode = Inode { number, ..gone.source.inode };
        let source = Source { inode, ..gone.source.clone() };
        let names = siblings(&directories, &source).unwrap();
        names.into_iter().map(|sibling| sibling.path).collect::<Vec<_>>()
    };
    let before = gone.write("app.log", b"1\n");
    assert_eq!((successors(0), lists()), (vec![], 1));
    // It stands there still: whoever was there before is among what was listed.
    assert_eq!((successors(0), lists()), (vec![], 1));
    // It may have been copied meanwhile.
    assert_eq!((successors(before.number), lists()), (vec![], 2));
    let rotated = gone.dir.path().join("app.log.1");
    fs::rename(gone.source.path.to_path_buf(), &rotated).unwrap();
    assert_eq!((successors(before.number), lists()), (vec![rotated.clone()], 3));
    gone.write("app.log", b"2\n");
    assert_eq!((successors(before.number), lists()), (vec![rotated.clone()], 4));
    assert_eq!((successors(before.number), lists()), (vec![rotated.clone()], 4));
    // What it shows is found by its inode, and looked for anew when it has moved.
    let find = || moved(&directories, &gone.source.path.to_path_buf(), before).unwrap();
    assert_eq!((find(), lists()), (Some(rotated.clone()), 4));
    let again = gone.dir.path().join("app.log.2");
    fs::rename(&rotated, &again).unwrap();
    assert_eq!((find(), lists()), (Some(again), 5));
    fs::remove_file(gone.dir.path().join("app.log.2")).unwrap();
    assert_eq!((find(), lists()), (None, 6));
    // A file that is made as the directory is listed may have the number of one that was listed.
    files.set_now(Some(0));
    assert_eq!((successors(before.number), lists()), (vec![], 6));
    gone.write("other", b"");
    directories.turn_ends();
    assert_eq!((successors(before.number), lists()), (vec![], 7));
    assert_eq!((successors(before.number), lists()), (vec![], 8));
}
