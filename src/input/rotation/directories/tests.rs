//! Files that fail on demand, and what a listing finds.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use rustix::io::Errno;

use super::super::names::is_rotation_of;
use super::*;

/// What [`Files`] is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::input) enum Call {
    List,
    Stat,
    Open,
}

/// The disk, but calls fail as they are told to, and are counted.
#[derive(Debug, Default, Clone)]
pub(in crate::input) struct Faulty(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    failing: BTreeMap<Call, Errno>,
    lists: usize,
    opens: usize,
    /// Instead of the directory's own time.
    changed: Option<Option<i64>>,
    /// Instead of the present time.
    now: Option<i64>,
}

impl Faulty {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on, calls of this kind fail with `error`, or do not.
    pub(in crate::input) fn fail(&self, call: Call, error: Option<Errno>) {
        let failing = &mut self.state().failing;
        match error {
            Some(error) => drop(failing.insert(call, error)),
            None => drop(failing.remove(&call)),
        }
    }

    /// Whether they fail.
    pub(in crate::input) fn fails(&self, call: Call) -> bool {
        self.state().failing.contains_key(&call)
    }

    pub(in crate::input) fn set_changed(&self, changed: Option<i64>) {
        self.state().changed = Some(changed);
    }

    pub(in crate::input) fn set_now(&self, now: Option<i64>) {
        self.state().now = now;
    }

    /// How often a directory was listed, and a file opened.
    pub(in crate::input) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.lists, state.opens)
    }

    fn check(&self, call: Call) -> io::Result<()> {
        let error = self.state().failing.get(&call).copied();
        error.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Files for Faulty {
    fn list(&self, directory: &Path) -> io::Result<Vec<ListedName>> {
        self.state().lists += 1;
        self.check(Call::List)?;
        Disk.list(directory)
    }

    fn changed(&self, directory: &Path) -> Option<i64> {
        let changed = self.state().changed;
        changed.unwrap_or_else(|| Disk.changed(directory))
    }

    fn now(&self) -> i64 {
        let now = self.state().now;
        now.unwrap_or_else(|| Disk.now())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.check(Call::Stat)?;
        Disk.stat(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.state().opens += 1;
        self.check(Call::Open)?;
        Disk.open(path)
    }
}

#[test]
fn a_directory_is_listed_once_in_a_turn_and_anew_when_it_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let directories = Directories::new(files.clone());
    let names = || directories.listing(dir.path()).unwrap().entries.len();
    let lists = || files.counts().0;
    files.set_changed(Some(1));
    assert_eq!((names(), names(), lists()), (0, 0, 1));
    fs::write(dir.path().join("a"), "").unwrap();
    files.set_changed(Some(2));
    assert_eq!((names(), names(), lists()), (1, 1, 2));
    // It changes just now: what is listed may miss what comes within the same tick.
    files.set_changed(None);
    assert_eq!((names(), names(), lists()), (1, 1, 4));
    files.set_changed(Some(3));
    assert_eq!((names(), names(), lists()), (1, 1, 5));
    directories.turn_ends();
    assert_eq!((names(), names(), lists()), (1, 1, 6));
    files.fail(Call::List, Some(Errno::STALE));
    files.set_changed(Some(4));
    assert_eq!(directories.listing(dir.path()).err().unwrap().raw_os_error(), Some(libc::ESTALE));
    // An error is not what stands there.
    files.fail(Call::List, None);
    assert_eq!((names(), names(), lists()), (1, 1, 8));
}

#[test]
fn the_time_of_a_directory_is_trusted_once_it_is_past() {
    let dir = tempfile::tempdir().unwrap();
    let set = |ago: u64| {
        let time = SystemTime::now() - Duration::from_secs(ago);
        File::open(dir.path()).unwrap().set_modified(time).unwrap();
        nanoseconds(time)
    };
    let past = set(3600);
    assert_eq!(Disk.changed(dir.path()), past);
    set(0);
    assert_eq!(Disk.changed(dir.path()), None);
    assert_eq!(Disk.changed(&dir.path().join("none")), None);
    assert_eq!(Disk.list(&dir.path().join("none")).unwrap(), []);
}

fn listing_of(names: &[String]) -> Listing {
    let entry =
        |(at, name): (usize, &String)| ListedName { name: name.into(), number: at as u64 % 7 };
    Listing::new(Path::new("/d"), None, 0, names.iter().enumerate().map(entry).collect())
}

proptest! {
    #[test]
    fn a_lookup_finds_what_walking_through_all_finds(
        names in proptest::collection::vec(
            "(2026-11-2[0-9][._-])?(app|ap|a|current|@4000000067a1b2c31dcd6500)([.-](1|2|old|log)){0,2}(\\.gz)?", 0..30,
        ),
        base in "(2026-11-23-)?(app|a|current)(\\.log|\\.1)?",
    ) {
        let listing = listing_of(&names);
        let base = OsStr::new(&base);
        let mut found: Vec<_> = listing.alike(base).filter(|it| is_rotation_of(base, it)).collect();
        found.sort_unstable();
        found.dedup();
        let mut expected: Vec<_> = names.iter().map(OsStr::new).collect();
        expected.retain(|name| is_rotation_of(base, name));
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(found, expected);
        for number in 0..8 {
            let mut found: Vec<_> = listing.numbered(number).collect();
            found.sort_unstable();
            let of_number = listing.entries.iter().filter(|entry| entry.number == number);
            let expected: Vec<_> = of_number.map(|it| Path::new("/d").join(&it.name)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
