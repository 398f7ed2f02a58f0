//! The stage on real directories: which paths are named, without reading any file.

mod links;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::config::FileEntry;
use crate::health::metrics::Meters;

/// How long an event may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

struct Fixture {
    root: tempfile::TempDir,
    events: Receiver<Vec<Event>>,
    /// What came together with others.
    next: VecDeque<Event>,
    clock: Runtime,
    stage: Discover,
    /// How many files were made whose names stand for the time they were made.
    markers: u32,
    /// Ends the thread that listens to inotify.
    _listening: DropGuard,
}

impl Fixture {
    fn new(globs: &[&str], exclude: &[&str], files: &[&str]) -> Self {
        Self::with_room(1000, globs, exclude, files)
    }

    /// `room`: how many messages the channel of events holds.
    fn with_room(room: usize, globs: &[&str], exclude: &[&str], files: &[&str]) -> Self {
        Self::start(room, false, globs, exclude, files)
    }

    fn polling(globs: &[&str], files: &[&str]) -> Self {
        Self::start(1000, true, globs, &[], files)
    }

    fn start(room: usize, poll: bool, globs: &[&str], exclude: &[&str], files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            touch(&root.path().join(file));
        }
        let settings = settings(root.path(), globs, exclude, poll);
        let (sender, events) = channel(room);
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let (stage, walk) = stage(settings, sender, runtime.handle());
        thread::spawn(walk);
        let token = CancellationToken::new();
        let ended = token.clone().cancelled_owned();
        thread::spawn(move || runtime.block_on(ended));
        let clock = Builder::new_current_thread().enable_time().build().unwrap();
        let _listening = token.drop_guard();
        Self { stage, _listening, root, events, next: VecDeque::new(), clock, markers: 0 }
    }

    /// Begins again; what was said before is forgotten.
    fn restart(&mut self, globs: &[&str]) {
        let (sender, events) = channel(1000);
        (self.events, self.next) = (events, VecDeque::new());
        self.stage.restart(settings(self.root.path(), globs, &[], false), sender);
    }

    /// Waits until all that has happened so far is served.
    fn settle(&mut self) {
        self.markers += 1;
        let marker = format!("marker.{}", self.markers);
        touch(&self.path(&marker));
        self.wait_for(&marker);
    }

    fn event(&mut self) -> Option<Event> {
        while self.next.is_empty() {
            let receive = async { tokio::time::timeout(LIMIT, self.events.recv()).await };
            let events = self.clock.block_on(receive).expect("nothing came in time");
            self.next.extend(events?);
        }
        self.next.pop_front()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The paths named until the first pass ends, relative to the root, with their entries.
    fn first_pass(&mut self) -> BTreeSet<(String, usize)> {
        let mut named = BTreeSet::new();
        while let Some(Event::Look { path, entry }) = self.event() {
            let path = path.strip_prefix(self.root.path()).unwrap().to_str().unwrap().to_owned();
            named.insert((path, entry));
        }
        named
    }

    /// Waits until `name` is named.
    fn wait_for(&mut self, name: &str) {
        let wanted = self.path(name);
        loop {
            match self.event() {
                Some(Event::Look { path, .. }) if path == wanted => return,
                Some(_) => {}
                None => panic!("the stage has ended before it named {name}"),
            }
        }
    }
}

fn settings(root: &Path, globs: &[&str], exclude: &[&str], poll: bool) -> Settings {
    let entry = |glob: &&str| FileEntry::of(root, glob);
    let entries: Vec<_> = globs.iter().chain(&["marker.*"]).map(entry).collect();
    Settings {
        globs: Globs::new(&entries),
        exclude: Patterns::new(exclude).unwrap(),
        sweep_interval: Duration::from_secs(600),
        poll,
        meters: Meters::new().unwrap().finding,
        beat: Beat::default(),
        mounts: SharedMounts::default(),
        area: Area::Near(unbounded_channel().0),
    }
}

fn append(path: &Path) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(b"line\n").unwrap();
}

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

fn named(names: &[(&str, usize)]) -> BTreeSet<(String, usize)> {
    names.iter().map(|&(name, entry)| (name.to_owned(), entry)).collect()
}

/// A sweep over very many files takes seconds.
#[test]
fn a_change_is_told_in_the_midst_of_a_sweep() {
    let root = tempfile::tempdir().unwrap();
    let [first, second] = ["a/1.log", "b/2.log"].map(|name| root.path().join(name));
    touch(&first);
    touch(&second);
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let (inbox, handle) = (Arc::new(Inbox::default()), runtime.handle().clone());
    let token = CancellationToken::new();
    let ended = token.clone().cancelled_owned();
    thread::spawn(move || runtime.block_on(ended));
    let _listening = token.drop_guard();
    let (sender, mut events) = channel(1000);
    let (_orders, mut orders) = unbounded_channel();
    let settings = settings(root.path(), &["*/*.log"], &[], false);
    parked::run(async |timer| {
        let mut watch = Watch::new(Arc::clone(&inbox), handle);
        let order = Order { settings, events: sender };
        let mut stage = Stage::new(order, Arc::clone(&inbox), (&mut watch, &timer), &mut orders);
        for told in [[1, 1], [2, 1]] {
            assert!(stage.sweep().await.is_ok());
            let events: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).flatten().collect();
            assert_eq!(events.last(), Some(&Event::Swept));
            let count = |path: &PathBuf| {
                let is_it = |it: &&Event| matches!(it, Event::Look { path: at, .. } if at == path);
                events.iter().filter(is_it).count()
            };
            assert_eq!([count(&first), count(&second)], told);
            append(&first);
            inbox.filled().await;
        }
    });
}

#[test]
fn names_what_matches_at_any_depth_and_nothing_else() {
    let files = ["a.log", "b.txt", "x/c.log", "x/y/z/d.log", "x/.hidden.log"];
    let mut fixture = Fixture::new(&["a.log", "**/*.log"], &[], &files);
    let expected = [("a.log", 0), ("x/c.log", 1), ("x/y/z/d.log", 1), ("x/.hidden.log", 1)];
    assert_eq!(fixture.first_pass(), named(&expected));
}

#[test]
fn leaves_out_what_is_excluded_and_directories() {
    let mut fixture = Fixture::new(&["*"], &[r"\.gz$"], &["a", "b.gz", "dir/c"]);
    assert_eq!(fixture.first_pass(), named(&[("a", 0)]));
}

#[test]
fn names_files_and_directories_that_come_later() {
    let mut fixture = Fixture::new(&["deep/er/*.log", "top.log"], &[], &[]);
    assert_eq!(fixture.first_pass(), named(&[]));
    touch(&fixture.path("top.log"));
    fixture.wait_for("top.log");
    touch(&fixture.path("deep/er/a.log"));
    fixture.wait_for("deep/er/a.log");
    touch(&fixture.path("deep/er/b.log"));
    fixture.wait_for("deep/er/b.log");
}

#[test]
fn names_files_in_a_directory_that_was_removed_and_made_again() {
    let mut fixture = Fixture::new(&["dir/*.log"], &[], &["dir/a.log"]);
    assert_eq!(fixture.first_pass(), named(&[("dir/a.log", 0)]));
    for _ in 0..3 {
        fs::remove_dir_all(fixture.path("dir")).unwrap();
        touch(&fixture.path("dir/b.log"));
        fixture.wait_for("dir/b.log");
    }
}

#[test]
fn more_events_than_can_be_served_do_not_stop_it() {
    let mut fixture = Fixture::new(&["**/*.log"], &[], &["a/0.log"]);
    fixture.first_pass();
    // Nobody listens meanwhile, so they pile up.
    for i in 0..12_000 {
        fs::write(fixture.path(&format!("a/{i}.log")), "").unwrap();
    }
    touch(&fixture.path("b/c/x.log"));
    fixture.wait_for("b/c/x.log");
    touch(&fixture.path("b/c/y.log"));
    fixture.wait_for("b/c/y.log");
}

#[test]
fn a_burst_is_named_to_the_last_change() {
    let names: Vec<_> = (0..3000).map(|i| format!("{i}.log")).collect();
    let files: Vec<_> = names.iter().map(String::as_str).collect();
    let mut fixture = Fixture::with_room(1, &["*.log"], &[], &files);
    assert_eq!(fixture.first_pass().len(), names.len());
    // Nobody takes the events meanwhile, so the changes wait for the stage.
    for name in &names {
        append(&fixture.path(name));
    }
    let mut missing: BTreeSet<_> = names.iter().map(|name| fixture.path(name)).collect();
    while !missing.is_empty() {
        match fixture.event() {
            Some(Event::Look { path, .. }) => missing.remove(&path),
            other => panic!("{other:?} before {} changes were named", missing.len()),
        };
    }
}

#[test]
fn without_inotify_it_looks_by_itself() {
    let mut fixture = Fixture::polling(&["*/*.log"], &["a/a.log", "b/b.log"]);
    fixture.first_pass();
    fixture.settle();
    append(&fixture.path("a/a.log"));
    fixture.wait_for("a/a.log");
    touch(&fixture.path("b/new.log"));
    fixture.wait_for("b/new.log");
    touch(&fixture.path("c/new.log"));
    fixture.wait_for("c/new.log");
}

#[test]
fn it_begins_again_with_other_globs() {
    let mut fixture = Fixture::new(&["*.log"], &[], &["a.log", "b.txt"]);
    assert_eq!(fixture.first_pass(), named(&[("a.log", 0)]));
    fixture.restart(&["*.txt"]);
    assert_eq!(fixture.first_pass(), named(&[("b.txt", 0)]));
    append(&fixture.path("a.log"));
    append(&fixture.path("b.txt"));
    fixture.wait_for("b.txt");
}
