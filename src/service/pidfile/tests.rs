//! Pid files in a directory of their own.

use super::*;

fn at(path: &Path) -> Result<PidFile, PidFileError> {
    PidFile::acquire(&config::PidFilePlace::At(path.to_owned()))
}

#[test]
fn it_holds_the_pid_and_a_newline_while_running() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    for before in [None, Some(""), Some("999999\n"), Some("12"), Some("\0\0\0\0")] {
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
        let mut pid_file = at(&path).unwrap();
        pid_file.write_pid().unwrap();
        let expected = format!("{}\n", std::process::id());
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "after {before:?}");
        pid_file.remove();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_second_instance_is_told_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    let mut first = at(&path).unwrap();
    first.write_pid().unwrap();
    let error = at(&path).unwrap_err();
    assert!(matches!(error, PidFileError::Locked { pid: Some(_), .. }));
    let text = error.to_string();
    for part in [&*std::process::id().to_string(), path.to_str().unwrap(), "--pid-file"] {
        assert!(text.contains(part), "{text}");
    }
    // Also where it was searched for: the next place would only hide the first instance.
    let other = dir.path().join("b.pid");
    let error = PidFile::search(vec![path, other]).unwrap_err();
    assert!(matches!(error, PidFileError::Locked { .. }));
}

#[test]
fn a_file_of_another_kind_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log_files.yml");
    for text in ["files: []\n", "12 34\n", "1\n2\n"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(at(&path), Err(PidFileError::NotAPidFile { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(at(&link), Err(PidFileError::Unwritable { .. })));
}

#[test]
fn a_pipe_in_its_place_does_not_keep_the_process_from_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    let mut pid_file = at(&path).unwrap();
    pid_file.write_pid().unwrap();
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    pid_file.remove();
    assert!(path.exists(), "it is another's");
}

#[test]
fn what_another_has_put_in_its_place_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    let lock = dir.path().join("a.pid.lock");
    let first = at(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(at(&path), Err(PidFileError::Locked { .. })), "it runs all the same");
    fs::remove_file(&lock).unwrap();
    let _second = at(&path).unwrap();
    // As another process would.
    fs::write(&path, "1\n").unwrap();
    fs::write(&lock, "1\n").unwrap();
    first.remove();
    assert!(path.exists() && lock.exists());
}

#[test]
fn the_first_writable_place_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let places = |names: &[&str]| names.iter().map(|name| dir.path().join(name)).collect();
    let found = PidFile::search(places(&["no/a.pid", "b.pid", "c.pid"])).unwrap();
    assert_eq!(found.shown.path, dir.path().join("b.pid"));
    let error = PidFile::search(places(&["no/a.pid", "nor/b.pid"])).unwrap_err().to_string();
    assert!(error.contains("no/a.pid, ") && error.contains("nor/b.pid"), "{error}");
    let error = at(&dir.path().join("no/a.pid")).unwrap_err();
    assert!(matches!(error, PidFileError::Unwritable { .. }), "what was named must do");
}

#[test]
fn places_are_those_of_remote_syslog2() {
    let variable = |name: &str| match name {
        "HOME" => Some("/home/u".into()),
        "TMPDIR" => Some("/scratch".into()),
        _ => None,
    };
    let expected = ["/var/run", "/home/u/run", "/home/u/tmp", "/home/u", "/scratch", "/tmp"];
    let expected = expected.map(|dir| Path::new(dir).join("remote_syslog.pid"));
    assert_eq!(places(variable), expected);
    assert_eq!(places(|_| None).len(), 2);
    assert_eq!(places(|_| Some("".into())).len(), 2);
}

#[test]
fn a_lock_on_what_everybody_may_read_keeps_nobody_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    fs::write(&path, "999999\n").unwrap();
    let reader = fs::File::open(&path).unwrap();
    reader.lock().unwrap();
    let mode = |name| fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777;
    let mut pid_file = at(&path).unwrap();
    pid_file.write_pid().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    assert!(matches!(at(&path), Err(PidFileError::Locked { pid: Some(_), .. })));
    assert_eq!((mode("a.pid") & 0o444, mode("a.pid.lock")), (0o444, 0o600));
}

/// As remote_syslog2 does, and this program where it cannot make its lock.
#[test]
fn an_instance_that_locks_the_pid_file_itself_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    let mut other = LockedFile::open(&path, 0o644).unwrap();
    other.write_pid().unwrap();
    assert!(matches!(at(&path), Err(PidFileError::Locked { pid: Some(_), .. })));
    drop(other);
    at(&path).unwrap();
}

#[test]
fn a_pipe_in_its_place_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pid");
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o666));
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tell.send(matches!(at(&path), Err(PidFileError::NotAPidFile { .. })))
    });
    assert_eq!(told.recv_timeout(std::time::Duration::from_secs(5)), Ok(true));
}

#[test]
fn a_lock_that_somebody_may_have_put_there_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.pid");
    let (precious, lock) = (dir.path().join("precious"), dir.path().join("x.pid.lock"));
    fs::write(&precious, "12").unwrap();
    fs::hard_link(&precious, &lock).unwrap();
    let held = LockedFile::open(&lock, 0o600).unwrap();
    let mut taken = PidFile::acquire(&config::PidFilePlace::At(path.clone())).unwrap();
    taken.write_pid().unwrap();
    taken.remove();
    drop(held);
    assert_eq!(fs::read_to_string(precious).unwrap(), "12");
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "some text").unwrap();
    let mut taken = PidFile::acquire(&config::PidFilePlace::At(path)).unwrap();
    taken.write_pid().unwrap();
    assert_eq!(fs::read_to_string(lock).unwrap(), "some text");
}

#[test]
fn a_file_of_several_names_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("a.pid"), dir.path().join("other"));
    fs::write(&other, "12345\n").unwrap();
    fs::hard_link(&other, &path).unwrap();
    let error = at(&path).unwrap_err();
    assert!(matches!(error, PidFileError::SeveralNames { .. }), "{error}");
    assert_eq!(fs::read_to_string(&other).unwrap(), "12345\n");
}
