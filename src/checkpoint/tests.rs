//! The store as its users see it: real files, no waiting.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::health::liveness::Beat;
use crate::health::metrics::{Meters, Saving};
use crate::pipeline::globs::FollowedGlobs;
use crate::pipeline::position::{Anchor, Head, Inode, Milestone, Position, Source, Update};

fn source(id: u64) -> Source {
    let inode = Inode { device: 1, number: id, born: NonZero::new(5) };
    let path = Path::new(&format!("/log/{id}")).into();
    Source { id: SourceId(id), order: id, path, real: None, inode }
}

fn links(updates: mpsc::Receiver<Vec<Update>>) -> CheckpointLinks {
    let (stop, beat) = (CancellationToken::new(), Beat::default());
    CheckpointLinks { updates, queries: mpsc::channel(1).1, stop, beat }
}

fn meters() -> Saving {
    Meters::new().unwrap().saving
}

fn reached(id: u64, offset: u64) -> Update {
    let (head, anchor) = (Head::of(b"x"), Anchor::default());
    let position = Position { offset, head, anchor, modified: 1, ..Position::default() };
    Update::Reached(Milestone { source: source(id), position }.into())
}

fn offsets(records: &[Record]) -> Vec<(u64, u64)> {
    records
        .iter()
        .map(|record| (record.reached.source.id.0, record.reached.position.offset))
        .collect()
}

fn size(dir: &TempDir, name: &str) -> Option<u64> {
    fs::metadata(dir.path().join(name)).ok().map(|metadata| metadata.len())
}

/// Opens the store, hands it `updates` and closes it.
async fn lifetime(dir: &TempDir, updates: Vec<Update>) -> Vec<Record> {
    let (store, records) = open(dir.path()).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(updates).await.unwrap();
    drop(sender);
    run(store, links(receiver), meters()).await;
    records
}

/// Names in the directory that begin with `start`.
fn names(dir: &TempDir, start: &str) -> Vec<String> {
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with(start))
        .collect()
}

#[tokio::test]
async fn positions_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(lifetime(&dir, vec![reached(1, 10), reached(2, 20), reached(3, 30)]).await, []);
    let second = lifetime(&dir, vec![reached(1, 11), Update::Forget(SourceId(3))]).await;
    assert_eq!(offsets(&second), [(1, 10), (2, 20), (3, 30)]);
    assert_eq!(second[0].reached.source, source(1));
    let third = lifetime(&dir, vec![]).await;
    assert_eq!(offsets(&third), [(1, 11), (2, 20)]);
    let (store, records) = open(dir.path()).unwrap();
    assert_eq!(store.next_id(), SourceId(4), "the id of what was forgotten is not given again");
    assert_eq!(read(dir.path()).unwrap().records, records, "reading needs no lock");
    let next_id = store.next_id();
    drop(store);
    let (unsaved, same) = Store::unsaved(dir.path()).unwrap();
    assert_eq!((same, unsaved.next_id()), (records, next_id));
}

#[tokio::test]
async fn one_change_among_many_writes_a_small_file() {
    let dir = tempfile::tempdir().unwrap();
    lifetime(&dir, (0..20_000).map(|id| reached(id, 1)).collect()).await;
    let base = size(&dir, BASE).unwrap();
    assert!(base > 2_000_000 && size(&dir, RECENT).is_none());
    let before = fs::metadata(dir.path().join(BASE)).unwrap().modified().unwrap();
    assert_eq!(lifetime(&dir, vec![reached(77, 2)]).await.len(), 20_000);
    assert!(size(&dir, RECENT).unwrap() < 1000);
    assert_eq!(fs::metadata(dir.path().join(BASE)).unwrap().modified().unwrap(), before);
    let (_store, records) = open(dir.path()).unwrap();
    assert_eq!(records[77].reached.position.offset, 2);
}

#[test]
fn a_second_instance_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _) = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    let pid = std::process::id();
    assert!(matches!(error, StateError::Locked { pid: Some(p), .. } if p == pid), "{error}");
    let text = error.to_string();
    for part in [&*format!("process {pid}"), "--state-dir", dir.path().to_str().unwrap()] {
        assert!(text.contains(part), "{text}");
    }
    drop(_store);
    open(dir.path()).unwrap();
}

#[test]
fn a_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    open(&deep).unwrap();
    assert_eq!(fs::metadata(deep).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn told_to_stop_it_saves_though_somebody_may_still_have_updates() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let links = links(receiver);
    let stop = links.stop.clone();
    sender.send(vec![reached(1, 7)]).await.unwrap();
    stop.cancel();
    run(store, links, meters()).await;
    assert_eq!(offsets(&read(dir.path()).unwrap().records), [(1, 7)]);
    assert!(sender.is_closed());
}

#[tokio::test]
async fn what_is_no_directory_is_unusable_and_memory_remains() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = open(&dir.path().join("file/state")).unwrap_err();
    assert!(
        matches!(error, StateError::Unusable { .. }) && error.to_string().contains("state_dir")
    );
    let (sender, receiver) = mpsc::channel(1);
    let running = tokio::spawn(run(
        Store::unsaved(&dir.path().join("file")).unwrap().0,
        links(receiver),
        meters(),
    ));
    for _ in 0..3 {
        sender.send(vec![reached(1, 1)]).await.unwrap();
    }
    drop(sender);
    running.await.unwrap();
}

/// Two files: a base with three positions, and a later one of the first of them.
fn base_and_recent(dir: &TempDir) {
    let mut table = Table::default();
    let mut save = |updates: Vec<Update>, whole: bool| {
        updates.into_iter().for_each(|update| table.apply(update, 0));
        if whole {
            table.need_base();
        }
        let snapshot = table.snapshot();
        saver::write(dir.path(), &snapshot).unwrap();
        table.saved(&snapshot);
    };
    save(vec![reached(1, 10), reached(2, 10), reached(3, 10)], true);
    save(vec![reached(1, 11)], false);
}

#[tokio::test]
async fn what_is_damaged_is_kept_aside_and_used_as_far_as_it_is_sound() {
    for (name, expected) in
        [(BASE, [(1, 11), (3, 10)].as_slice()), (RECENT, [(1, 10), (2, 10), (3, 10)].as_slice())]
    {
        let dir = tempfile::tempdir().unwrap();
        base_and_recent(&dir);
        let path = dir.path().join(name);
        let whole = fs::read_to_string(&path).unwrap();
        let victim = if name == BASE { "/log/2" } else { "/log/1" };
        fs::write(&path, whole.replace(victim, "/log/?")).unwrap();

        let found = lifetime(&dir, vec![]).await;
        assert_eq!(offsets(&found), expected, "{name}");
        let aside = names(&dir, &format!("{name}.damaged-"));
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(fs::read_to_string(dir.path().join(&aside[0])).unwrap().contains("/log/?"));
        assert_eq!(
            offsets(&lifetime(&dir, vec![]).await),
            expected,
            "saved though nothing changed"
        );
        assert_eq!(names(&dir, "positions.").iter().filter(|n| n.contains("damaged")).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn damaged_recent_changes_cost_repeated_lines_and_not_missing_ones() {
    let dir = tempfile::tempdir().unwrap();
    for (before, reached_in_it) in [(0, 10), (10, 20)] {
        let (store, records) = open(dir.path()).unwrap();
        let known: Vec<_> = offsets(&records).into_iter().map(|(_, offset)| offset).collect();
        assert_eq!(known, if before == 0 { vec![] } else { vec![before] });
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(run(store, links(receiver), meters()));
        for offset in [before + 1, reached_in_it] {
            sender.send(vec![reached(1, offset)]).await.unwrap();
            tokio::time::sleep(SECOND).await;
            while offsets(&read(dir.path()).unwrap().records) != [(1, offset)] {
                tokio::time::sleep(SECOND / 100).await;
            }
        }
        drop(sender);
        task.await.unwrap();
    }
    fs::write(dir.path().join(RECENT), "damaged").unwrap();
    let (_store, records) = open(dir.path()).unwrap();
    assert_eq!(offsets(&records), [(1, 11)], "as it was when the last run had begun");
}

#[test]
fn each_damaged_file_is_kept_under_a_name_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        fs::write(dir.path().join(BASE), "").unwrap();
        fs::write(
            dir.path().join(RECENT),
            "{\"format\":\"remote_syslog positions\",\"version\":9}\n",
        )
        .unwrap();
        assert_eq!(open(dir.path()).unwrap().1, []);
    }
    assert_eq!(names(&dir, "positions.damaged-").len(), 3);
    assert_eq!(names(&dir, "positions.recent.newer-").len(), 3);
}

#[test]
fn a_reader_beside_a_running_instance_sees_each_save_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let instance = std::thread::spawn(move || {
        let mut table = Table::default();
        for offset in 1..=300 {
            table.apply(reached(1, offset), 0);
            table.apply(reached(2, offset), 0);
            if offset % 3 == 0 {
                table.need_base();
            }
            let snapshot = table.snapshot();
            saver::write(&path, &snapshot).unwrap();
            table.saved(&snapshot);
        }
    });
    let (mut last, mut looks) = (0, 0);
    while !instance.is_finished() {
        let StateReading { records, damage } = read(dir.path()).unwrap();
        assert_eq!(damage, [""; 0]);
        let seen = offsets(&records);
        let offset = seen.first().map_or(0, |&(_, offset)| offset);
        assert!(seen.is_empty() || seen == [(1, offset), (2, offset)], "{seen:?}");
        assert!(offset >= last, "{offset} after {last}");
        (last, looks) = (offset, looks + 1);
    }
    instance.join().unwrap();
    assert!(looks > 100, "{looks} looks");
    assert_eq!(offsets(&read(dir.path()).unwrap().records), [(1, 300), (2, 300)]);
}

#[tokio::test]
async fn recent_changes_that_are_folded_in_this_moment_are_no_error() {
    let dir = tempfile::tempdir().unwrap();
    base_and_recent(&dir);
    let recent = dir.path().join(RECENT);
    let kept = dir.path().join("kept");
    fs::rename(&recent, &kept).unwrap();
    let instance = std::thread::spawn(move || {
        for _ in 0..20_000 {
            fs::hard_link(&kept, &recent).unwrap();
            fs::remove_file(&recent).unwrap();
        }
    });
    while !instance.is_finished() {
        read(dir.path()).unwrap();
    }
    instance.join().unwrap();
}

/// A store that runs, and the means to look at it.
struct Running {
    dir: TempDir,
    sender: mpsc::Sender<Vec<Update>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path()).unwrap();
        let (sender, receiver) = mpsc::channel(1);
        Self { dir, sender, task: tokio::spawn(run(store, links(receiver), meters())) }
    }

    async fn send(&self, id: u64, offset: u64) {
        self.sender.send(vec![reached(id, offset)]).await.unwrap();
    }

    fn on_disk(&self) -> Vec<(u64, u64)> {
        offsets(&read(self.dir.path()).unwrap().records)
    }

    /// Passes time until the disk holds `expected`; at most `limit`.
    async fn wait_for(&self, expected: &[(u64, u64)], limit: Duration) {
        let start = tokio::time::Instant::now();
        while self.on_disk() != expected {
            assert!(start.elapsed() < limit, "{:?}", self.on_disk());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn changes_are_on_disk_within_a_second_however_many_follow() {
    let running = Running::new();
    for offset in 1..=100 {
        running.send(1, offset).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        let saved = running.on_disk().first().map_or(0, |&(_, offset)| offset);
        assert!(saved + 25 >= offset, "{saved} of {offset}");
    }
    running.wait_for(&[(1, 100)], SECOND).await;
    let before = fs::metadata(running.dir.path().join(RECENT)).unwrap().modified().unwrap();
    tokio::time::sleep(SECOND * 1000).await;
    let after = fs::metadata(running.dir.path().join(RECENT)).unwrap().modified().unwrap();
    assert_eq!(before, after, "nothing is written while nothing changes");
}

#[tokio::test(start_paused = true)]
async fn what_is_followed_at_the_start_is_on_disk_at_once() {
    let running = Running::new();
    let globs = FollowedGlobs { files: vec!["/log/*".to_owned()], exclude_files: Vec::new() };
    let first_pass = vec![reached(1, 7), Update::Followed(Arc::new(globs.clone()))];
    running.sender.send(first_pass).await.unwrap();
    let start = tokio::time::Instant::now();
    while globs::read(running.dir.path()).as_ref() != Some(&globs) {
        // Sooner than other changes.
        assert!(start.elapsed() < Duration::from_millis(700));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The globs are written behind the positions.
    assert_eq!(running.on_disk(), [(1, 7)]);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_fails_is_tried_again_until_it_succeeds() {
    let running = Running::new();
    // A directory in the way of the temporary file, as even root cannot write through it.
    let obstacle = running.dir.path().join(format!("{BASE}.tmp"));
    fs::create_dir(&obstacle).unwrap();
    running.send(1, 10).await;
    tokio::time::sleep(SECOND * 60).await;
    running.send(2, 20).await;
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(running.on_disk(), []);
    fs::remove_dir(&obstacle).unwrap();
    running.wait_for(&[(1, 10), (2, 20)], SECOND * 11).await;
    running.send(1, 11).await;
    running.wait_for(&[(1, 11), (2, 20)], SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_was_removed_is_made_and_filled_again() {
    let running = Running::new();
    running.send(1, 10).await;
    running.wait_for(&[(1, 10)], SECOND).await;
    fs::remove_dir_all(running.dir.path()).unwrap();
    running.send(2, 20).await;
    running.wait_for(&[(1, 10), (2, 20)], SECOND * 4).await;
    let error = open(running.dir.path()).unwrap_err();
    assert!(matches!(error, StateError::Locked { pid: Some(_), .. }), "{error}");
    fs::remove_dir_all(running.dir.path()).unwrap();
    running.send(2, 21).await;
    drop(running.sender);
    running.task.await.unwrap();
    assert_eq!(offsets(&read(running.dir.path()).unwrap().records), [(1, 10), (2, 21)]);
}

#[tokio::test(start_paused = true)]
async fn what_another_instance_has_begun_in_a_removed_directory_is_left_alone() {
    let running = Running::new();
    running.send(1, 10).await;
    running.wait_for(&[(1, 10)], SECOND).await;
    fs::remove_dir_all(running.dir.path()).unwrap();
    let (other, _) = open(running.dir.path()).unwrap();
    // As another process would.
    fs::write(running.dir.path().join(LOCK), "1\n").unwrap();
    running.send(2, 20).await;
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(names(&running.dir, "positions"), [""; 0]);
    drop(other);
    running.wait_for(&[(1, 10), (2, 20)], SECOND * 11).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_hide_the_other() {
    let dir = TempDir::new().unwrap();
    lifetime(&dir, vec![reached(1, 7)]).await;
    // The next start writes a base.
    lifetime(&dir, vec![]).await;
    let recent = dir.path().join(RECENT);
    let _ = fs::remove_file(&recent);
    // It leads to itself.
    std::os::unix::fs::symlink(RECENT, recent).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::Unusable { .. })));
    assert_eq!(offsets(&Store::unsaved(dir.path()).unwrap().1), [(1, 7)]);
}

#[tokio::test]
async fn where_nothing_can_be_saved_a_second_instance_is_refused_all_the_same() {
    let dir = TempDir::new().unwrap();
    let (first, _) = open(dir.path()).unwrap();
    assert!(matches!(Store::unsaved(dir.path()), Err(StateError::Locked { pid: Some(_), .. })));
    drop(first);
    // One that saves nothing holds the lock as well.
    let (unsaved, _) = Store::unsaved(dir.path()).unwrap();
    assert!(matches!(Store::unsaved(dir.path()), Err(StateError::Locked { .. })));
    drop(unsaved);
    Store::unsaved(dir.path()).unwrap();
}

/// A lifetime that begins without the right to save in `dir`, gets it after `meanwhile`, and goes on for so long.
async fn unusable_at_first(dir: &Path, meanwhile: impl FnOnce(), then: Duration) -> Vec<Record> {
    let (store, records) = Store::unsaved(dir).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let running = tokio::spawn(run(store, links(receiver), meters()));
    sender.send(vec![reached(1, 11), reached(5, 50)]).await.unwrap();
    tokio::time::sleep(SECOND * 30).await;
    meanwhile();
    tokio::time::sleep(then).await;
    running.abort();
    let _ = running.await;
    records
}

#[tokio::test(start_paused = true)]
async fn what_becomes_usable_while_it_runs_is_used() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("state");
    // Something is in its way.
    fs::write(&dir, "").unwrap();
    let meanwhile = || fs::remove_file(&dir).unwrap();
    assert_eq!(unusable_at_first(&dir, meanwhile, SECOND * 11).await, []);
    let saved = |dir: &Path| offsets(&read(dir).unwrap().records);
    assert_eq!(saved(&dir), [(1, 11), (5, 50)]);

    // A link that leads to nothing is in the way of the lock alone.
    let dir = TempDir::new().unwrap();
    lifetime(&dir, vec![reached(1, 10), reached(2, 20)]).await;
    let lock = dir.path().join(LOCK);
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink("nothing", &lock).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::Unusable { .. })));
    let meanwhile = || fs::remove_file(&lock).unwrap();
    let known = unusable_at_first(dir.path(), meanwhile, SECOND * 11).await;
    assert_eq!(offsets(&known), [(1, 10), (2, 20)]);
    assert_eq!(saved(dir.path()), [(1, 11), (2, 20), (5, 50)]);
}

#[tokio::test(start_paused = true)]
async fn positions_that_were_not_read_at_the_start_are_not_written_over() {
    let other = TempDir::new().unwrap();
    lifetime(&other, vec![reached(1, 10)]).await;
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("state");
    fs::write(&dir, "").unwrap();
    let meanwhile = || {
        fs::remove_file(&dir).unwrap();
        fs::rename(other.path(), &dir).unwrap();
    };
    assert_eq!(unusable_at_first(&dir, meanwhile, SECOND * 60).await, []);
    let (_, records) = open(&dir).unwrap();
    assert_eq!(offsets(&records), [(1, 10)]);
}

#[tokio::test]
async fn globs_count_only_beside_positions_that_are_all_there() {
    let dir = TempDir::new().unwrap();
    let globs = FollowedGlobs { files: vec!["/log/*".to_owned()], exclude_files: Vec::new() };
    let mut first: Vec<_> = (0..20_000).map(|id| reached(id, 1)).collect();
    first.push(Update::Followed(Arc::new(globs.clone())));
    lifetime(&dir, first).await;
    lifetime(&dir, vec![reached(77, 2)]).await;
    let paths = [BASE, RECENT].map(|name| dir.path().join(name));
    let sound = paths.clone().map(|path| fs::read(path).unwrap());
    let damaged = sound.clone().map(|mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    });
    let [base, recent] = sound.map(Some);
    let [damaged_base, damaged_recent] = damaged;
    let cases = [
        (base.clone(), recent.clone(), true),
        (base.clone(), None, true),
        (None, recent.clone(), false),
        (damaged_base, recent, false),
        (base, damaged_recent, false),
    ];
    for (at, (base, recent, is_sound)) in cases.into_iter().enumerate() {
        let restore = || {
            for (path, bytes) in paths.iter().zip([&base, &recent]) {
                let _ = fs::remove_file(path);
                bytes.iter().for_each(|bytes| fs::write(path, bytes).unwrap());
            }
        };
        restore();
        let expected = is_sound.then_some(&globs);
        assert_eq!(Store::unsaved(dir.path()).unwrap().0.last_globs(), expected, "{at}");
        assert_eq!(open(dir.path()).unwrap().0.last_globs(), expected, "{at}");
    }
}
