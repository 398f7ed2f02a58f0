//! A random model: what happens to log files, in any order, against an oracle. Time is handed
//! in, events are delivered (or not) as the model says, and at the end every line that was
//! written must have been read exactly once, in order.
//!
//! `PROPTEST_CASES=10000 cargo test --lib tail::model` runs more cases than the usual 256.

mod regressions;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use tokio::sync::mpsc;

use super::stage::{Known, Stage};
use super::{EntryOf, Messages, Reload, Settings};
use crate::batch::Batch;
use crate::event::Event;
use crate::filter::Patterns;
use crate::meter::Meters;
use crate::position::{Record, SourceId, Update, nanoseconds};
use crate::syslog::{Encoder, Facility, Framing, Priority, Severity};

/// Something that happens.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// The writer writes so many lines to the file it has open.
    Append(u8),
    /// The writer writes what every file begins with, where it is empty.
    Banner,
    /// The writer writes the beginning of a line.
    Partial,
    /// Rotation by renaming; the writer goes on with the old file. With a new file or without.
    Rename { create: bool },
    /// The writer opens the path anew.
    Reopen,
    /// Rotation by copying and truncating; within one tick of the file system's clock, or not.
    CopyTruncate { at_once: bool },
    /// The writer removes what it has written and begins again, once all was read.
    Truncate,
    /// Removed and made again, once it was seen.
    Recreate,
    /// The newest rotated file that nobody writes to is compressed.
    Compress,
    /// The event of whatever happened before arrives.
    Look,
    /// All files are looked at.
    LookAll,
    /// One batch is read.
    Fill,
    /// The oldest batch is confirmed.
    Confirm,
    /// Time passes.
    Pass(u8),
    /// The shipper ends in good order, or loses what is not confirmed.
    Stop { clean: bool },
    /// It starts again.
    Start,
    /// A reload that changes nothing, or what the globs match: rotated files, too, or not.
    Reload { rotated: bool },
    /// A reload that excludes all, so many lines, and another that takes them in again.
    Exclude(u8),
}

/// How the files are rotated: a host does it one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotation {
    Rename,
    /// Renamed, and the rotated files match the glob too.
    RenameWithinGlob,
    CopyTruncate,
}

struct World {
    dir: tempfile::TempDir,
    rotation: Rotation,
    /// The globs match rotated files as well.
    all: bool,
    writer: File,
    /// What every file begins with, and how often that was written and received.
    banner: String,
    banners: [usize; 2],
    written: Vec<u64>,
    partial: Option<String>,
    received: Vec<u64>,
    stage: Option<Stage>,
    unconfirmed: VecDeque<Batch>,
    records: BTreeMap<SourceId, Record>,
    next_id: u64,
    now: Instant,
    /// Seconds that are given to files as their time, so that no two are alike.
    clock: u64,
    /// When the youngest file was born.
    born: Option<SystemTime>,
    /// The rotated file that the writer still has open is `.1`.
    writer_is_behind: bool,
}

fn text(number: u64) -> String {
    format!("{number}:{}\n", "x".repeat((number * 7 % 90) as usize))
}

impl World {
    fn new(rotation: Rotation) -> Self {
        Self::with_banner(rotation, 0)
    }

    fn with_banner(rotation: Rotation, len: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let writer = append(&dir.path().join("unused"));
        let mut world = Self {
            dir,
            rotation,
            all: rotation == Rotation::RenameWithinGlob,
            writer,
            banner: format!("#{}\n", "-".repeat(len)),
            banners: [0; 2],
            written: Vec::new(),
            partial: None,
            received: Vec::new(),
            stage: None,
            unconfirmed: VecDeque::new(),
            records: BTreeMap::new(),
            next_id: 0,
            now: Instant::now(),
            clock: 0,
            born: None,
            writer_is_behind: false,
        };
        world.writer = world.create();
        world.apply(Op::Start);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn stamp(&mut self, file: &File) {
        self.clock += 1;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.clock);
        file.set_modified(at).unwrap();
    }

    /// Opens the path for the writer, as a new file where there is none.
    fn create(&mut self) -> File {
        let path = self.path("app.log");
        if path.exists() {
            return append(&path);
        }
        let file = self.new_file(&path);
        self.stamp(&file);
        file
    }

    /// Inodes are reused at once, but not within one tick of the clock that births are taken from:
    /// no host rotates, compresses and creates again in 4 ms.
    fn new_file(&mut self, path: &Path) -> File {
        loop {
            let file = append(path);
            let born = file.metadata().unwrap().created().ok();
            if born.is_none() || born > self.born {
                self.born = born;
                return file;
            }
            fs::remove_file(path).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Who does not know that its file was truncated does not begin again.
    fn write_banner(&mut self) {
        if self.rotation == Rotation::CopyTruncate && self.banners[0] > 0 {
            return;
        }
        if self.banner.len() > 2 && self.writer.metadata().unwrap().len() == 0 {
            let mut writer = self.writer.try_clone().unwrap();
            writer.write_all(self.banner.as_bytes()).unwrap();
            self.stamp(&writer);
            self.banners[0] += 1;
        }
    }

    fn write(&mut self, text: &str) {
        self.write_banner();
        let mut writer = self.writer.try_clone().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        self.stamp(&writer);
    }

    fn write_lines(&mut self, count: u8) {
        if let Some(rest) = self.partial.take() {
            self.write(&rest);
        }
        for _ in 0..count {
            let number = self.written.len() as u64;
            self.written.push(number);
            self.write(&text(number));
        }
    }

    fn begin_line(&mut self) {
        // Where a rotated file is a path of its own, its last line may be finished at any time.
        if self.partial.is_none() && self.rotation != Rotation::RenameWithinGlob {
            let number = self.written.len() as u64;
            self.written.push(number);
            let text = text(number);
            let middle = text.find(':').unwrap() + 1;
            self.write(&text[..middle]);
            self.partial = Some(text[middle..].to_owned());
        }
    }

    /// Makes room for a new `.1`.
    fn shift(&self) {
        for n in (1..9).rev() {
            for suffix in ["", ".gz"] {
                let from = self.path(&format!("app.log.{n}{suffix}"));
                let _ = fs::rename(from, self.path(&format!("app.log.{}{suffix}", n + 1)));
            }
        }
    }

    /// Nothing is at the path, or nothing in it: then it is not rotated (logrotate's
    /// `notifempty`). An empty file has no content to be known by once it was compressed, and of
    /// several that hold nothing but the same, one is taken for a copy of the other.
    fn is_empty(&self) -> bool {
        let only_banner = if self.banner.len() > 100 { self.banner.len() as u64 } else { 0 };
        let size = self.path("app.log").metadata().map_or(0, |metadata| metadata.len());
        size == 0 || size == only_banner
    }

    fn rename(&mut self, create: bool) {
        if self.rotation == Rotation::CopyTruncate || self.writer_is_behind || self.is_empty() {
            return;
        }
        self.shift();
        fs::rename(self.path("app.log"), self.path("app.log.1")).unwrap();
        self.writer_is_behind = true;
        if create {
            self.create();
        }
    }

    fn reopen(&mut self) {
        if self.writer_is_behind {
            self.partial = None;
            self.writer = self.create();
            self.writer_is_behind = false;
        }
    }

    fn copy_truncate(&mut self, at_once: bool) {
        if self.rotation != Rotation::CopyTruncate || self.is_empty() {
            return;
        }
        // That an empty file was written to is seen before it is copied and truncated.
        self.look();
        self.shift();
        let mut copy = self.new_file(&self.path("app.log.1"));
        copy.write_all(&fs::read(self.path("app.log")).unwrap()).unwrap();
        self.stamp(&copy);
        self.writer.set_len(0).unwrap();
        let writer = self.writer.try_clone().unwrap();
        self.clock -= u64::from(at_once);
        self.stamp(&writer);
        self.partial = None;
    }

    /// Whether the writer can begin again, without the bytes that a file was known by.
    fn can_begin_again(&self) -> bool {
        let is_banner_known = self.banners[0] > 0;
        let is_whole = !self.writer_is_behind && self.partial.is_none();
        self.stage.is_some() && is_whole && !is_banner_known
    }

    fn truncate(&mut self) {
        if self.can_begin_again() {
            self.deliver_all();
            self.writer.set_len(0).unwrap();
            let writer = self.writer.try_clone().unwrap();
            self.stamp(&writer);
        }
    }

    fn recreate(&mut self) {
        if self.can_begin_again() {
            self.deliver_all();
            fs::remove_file(self.path("app.log")).unwrap();
            self.writer = self.create();
            self.look();
        }
    }

    fn compress(&mut self) {
        // That an empty file was written to late is seen before it is compressed.
        self.look();
        let first = if self.writer_is_behind { 2 } else { 1 };
        let name = (first..9).map(|n| self.path(&format!("app.log.{n}"))).find(|p| p.exists());
        let Some(path) = name else { return };
        let target = PathBuf::from(format!("{}.gz", path.display()));
        let content = fs::read(&path).unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        let file = self.new_file(&target);
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(&content).unwrap();
        gzip.finish().unwrap().set_modified(modified).unwrap();
        fs::remove_file(path).unwrap();
    }

    /// The paths that match.
    fn matching(&self) -> Vec<PathBuf> {
        if !self.all {
            return vec![self.path("app.log")];
        }
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.ends_with("unused"));
        paths.push(self.path("app.log"));
        // As events come: the name that something moved to, before the name it moved from.
        paths.sort();
        paths.dedup();
        paths
    }

    fn handle(&mut self, event: Event) {
        if let Some(stage) = &mut self.stage {
            stage.handle(event, self.now);
            self.note_first_seen();
        }
    }

    fn note_first_seen(&mut self) {
        let Some(stage) = &mut self.stage else { return };
        for update in stage.take_first_seen() {
            note(&mut self.records, update);
        }
    }

    fn look(&mut self) {
        for path in self.matching() {
            self.handle(Event::Look { path, entry: 0 });
        }
    }

    fn fill(&mut self) -> bool {
        let Some(stage) = &mut self.stage else { return false };
        if !stage.has_work() {
            return false;
        }
        let batch = stage.fill(self.now);
        self.unconfirmed.push_back(batch);
        self.note_first_seen();
        true
    }

    fn confirm(&mut self) {
        let Some(batch) = self.unconfirmed.pop_front() else { return };
        for frame in String::from_utf8(batch.bytes).unwrap().lines() {
            let text = frame.split(" - - - ").nth(1).unwrap();
            if text.starts_with('#') {
                self.banners[1] += 1;
                continue;
            }
            self.received.push(text.split(':').next().unwrap().parse().unwrap());
        }
        for mark in batch.marks {
            self.next_id = self.next_id.max(id_of(&mark.update) + 1);
            note(&mut self.records, mark.update);
        }
    }

    fn pass(&mut self, tenths: u64) {
        self.now += Duration::from_millis(100 * tenths);
        if let Some(stage) = &mut self.stage {
            stage.wake(self.now);
        }
    }

    fn read_all(&mut self) {
        self.look();
        let mut fills = 0;
        while self.fill() {
            fills += 1;
            assert!(fills < 1000, "reading does not end");
        }
    }

    fn deliver_all(&mut self) {
        // An unfinished line of a rotated file holds what comes after it for a second.
        for round in 0..40 {
            self.read_all();
            self.pass(11);
            while !self.unconfirmed.is_empty() {
                self.confirm();
            }
            if round >= 2
                && self.received.len() >= self.written.len()
                && self.banners[1] >= self.banners[0]
            {
                break;
            }
        }
    }

    fn start(&mut self) {
        if self.stage.is_some() {
            return;
        }
        let (_, spare) = mpsc::channel(1);
        let highest = self.records.keys().next_back().map_or(0, |id| id.0 + 1);
        let known = Known {
            records: self.records.values().cloned().collect(),
            next_id: self.next_id.max(highest),
            entry_of: entry_of(true, self.all),
        };
        self.stage = Some(Stage::new(settings(), known, spare));
        self.sweep();
    }

    /// All that matches is found, as at the start.
    fn sweep(&mut self) {
        let paths: Vec<_> = self.matching().into_iter().filter(|path| path.exists()).collect();
        for path in paths {
            self.handle(Event::Look { path, entry: 0 });
        }
        self.handle(Event::Swept);
    }

    /// Takes up a configuration that matches the log and what was rotated, or not.
    fn reload_with(&mut self, log: bool, rotated: bool) {
        let Some(stage) = &mut self.stage else { return };
        let (_, events) = mpsc::channel(1);
        let reload = Reload { settings: settings(), entry_of: entry_of(log, rotated), events };
        let _ = stage.reload(reload, nanoseconds(SystemTime::now()).unwrap(), self.now);
        self.note_first_seen();
    }

    /// What is to be excluded is read before: it would not be missed. (The unfinished last line of a
    /// rotated file is not read before a newer file has content.)
    fn can_exclude(&mut self) -> bool {
        if self.writer_is_behind || self.partial.is_some() || self.stage.is_none() {
            return false;
        }
        for _ in 0..12 {
            self.read_all();
            self.pass(11);
        }
        let frames: usize = self.unconfirmed.iter().map(Batch::len).sum();
        let lines = self.written.len() + self.banners[0];
        self.received.len() + self.banners[1] + frames >= lines
    }

    fn reload(&mut self, rotated: bool) {
        let rotated = rotated && self.rotation == Rotation::RenameWithinGlob;
        if self.all && !rotated && !self.can_exclude() {
            return;
        }
        self.all = rotated;
        self.reload_with(true, rotated);
        if self.stage.is_some() {
            self.sweep();
        }
    }

    fn exclude(&mut self, count: u8) {
        if self.can_exclude() {
            self.reload_with(false, false);
            self.handle(Event::Swept);
            self.write_lines(count);
            self.reload_with(true, self.all);
            self.sweep();
        }
    }

    fn stop(&mut self, clean: bool) {
        while clean && !self.unconfirmed.is_empty() {
            self.confirm();
        }
        self.unconfirmed.clear();
        self.stage = None;
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Append(count) => self.write_lines(count),
            Op::Banner => self.write_banner(),
            Op::Partial => self.begin_line(),
            Op::Rename { create } => self.rename(create),
            Op::Reopen => self.reopen(),
            Op::CopyTruncate { at_once } => self.copy_truncate(at_once),
            Op::Truncate => self.truncate(),
            Op::Recreate => self.recreate(),
            Op::Compress => self.compress(),
            Op::Look => self.look(),
            Op::LookAll => self.handle(Event::LookAll),
            Op::Fill => drop(self.fill()),
            Op::Confirm => self.confirm(),
            Op::Pass(tenths) => self.pass(u64::from(tenths)),
            Op::Stop { clean } => self.stop(clean),
            Op::Start => self.start(),
            Op::Reload { rotated } => self.reload(rotated),
            Op::Exclude(count) => self.exclude(count),
        }
    }

    /// Everything comes to rest, and then everything has been received.
    fn settle(&mut self) {
        self.write_lines(0);
        self.reopen();
        self.write_lines(1);
        self.start();
        for _ in 0..40 {
            self.read_all();
            self.pass(10);
        }
        self.deliver_all();
    }
}

fn settings() -> Settings {
    Settings {
        messages: Messages {
            priority: Priority::new(Facility::USER, Severity::NOTICE),
            hostname: "h".to_owned(),
            token: None,
            tags: vec![None],
        },
        exclude: Patterns::default(),
        encoder: Encoder::new(Framing::Newline, None),
        from_start: false,
        once: false,
        meters: Meters::new().unwrap().reading,
    }
}

/// Matches the log, what was rotated, or both.
fn entry_of(log: bool, rotated: bool) -> EntryOf {
    Box::new(move |path: &Path| {
        let is_matched = if path.ends_with("app.log") { log } else { rotated };
        is_matched.then_some(0)
    })
}

fn append(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

fn id_of(update: &Update) -> u64 {
    match update {
        Update::Reached(source, _) => source.id.0,
        Update::Forget(id) => id.0,
    }
}

/// What the state does with an update.
fn note(records: &mut BTreeMap<SourceId, Record>, update: Update) {
    match update {
        Update::Reached(source, position) => {
            let seen = SystemTime::now();
            let record = Record { source: (*source).clone(), position, seen };
            records.insert(source.id, record);
        }
        Update::Forget(id) => drop(records.remove(&id)),
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1u8..5).prop_map(Op::Append),
        2 => Just(Op::Banner),
        2 => Just(Op::Partial),
        3 => any::<bool>().prop_map(|create| Op::Rename { create }),
        4 => Just(Op::Reopen),
        3 => any::<bool>().prop_map(|at_once| Op::CopyTruncate { at_once }),
        1 => Just(Op::Truncate),
        1 => Just(Op::Recreate),
        2 => Just(Op::Compress),
        6 => Just(Op::Look),
        1 => Just(Op::LookAll),
        5 => Just(Op::Fill),
        3 => Just(Op::Confirm),
        3 => prop_oneof![Just(1u8), Just(12), Just(110), Just(250)].prop_map(Op::Pass),
        2 => any::<bool>().prop_map(|clean| Op::Stop { clean }),
        3 => Just(Op::Start),
        1 => any::<bool>().prop_map(|rotated| Op::Reload { rotated }),
        1 => (0u8..3).prop_map(Op::Exclude),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(), 0..40)
}

fn run(rotation: Rotation, ops: &[Op]) -> World {
    run_with_banner(rotation, 0, ops)
}

fn run_with_banner(rotation: Rotation, banner: usize, ops: &[Op]) -> World {
    let mut world = World::with_banner(rotation, banner);
    for &op in ops {
        world.apply(op);
    }
    world.settle();
    world
}

/// How long what every file begins with is: nothing, a few words, more than the first bytes that a
/// file is known by.
fn banner() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(20), Just(200), Just(1500)]
}

proptest! {
    #[test]
    fn every_line_is_read_once_when_files_are_renamed(ops in ops(), banner in banner()) {
        let world = run_with_banner(Rotation::Rename, banner, &ops);
        prop_assert_eq!(world.received, world.written);
        prop_assert_eq!(world.banners[0], world.banners[1]);
    }

    #[test]
    fn every_line_is_read_once_when_files_are_copied_and_truncated(ops in ops(), banner in banner()) {
        let world = run_with_banner(Rotation::CopyTruncate, banner, &ops);
        prop_assert_eq!(world.received, world.written);
        prop_assert_eq!(world.banners[0], world.banners[1]);
    }

    #[test]
    fn nor_twice_where_rotated_files_match_as_well(ops in ops(), banner in banner()) {
        let mut world = run_with_banner(Rotation::RenameWithinGlob, banner, &ops);
        // Rotated files are paths of their own here, and order holds within a path only.
        world.received.sort_unstable();
        prop_assert_eq!(world.received, world.written);
        prop_assert_eq!(world.banners[0], world.banners[1]);
    }
}
