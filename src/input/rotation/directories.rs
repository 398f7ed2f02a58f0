//! What stands in directories, listed once for all lookups of a turn.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use super::names::{beginnings, uncompressed};
use super::seeker::Seeker;
use crate::input::read::content::{self, Stat};
use crate::pipeline::position::{Inode, nanoseconds};

/// What rotation asks of the file system.
pub(in crate::input) trait Files {
    /// Lists a directory; one that does not exist holds nothing.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<ListedName>>;
    /// Tells when a name in a directory changed last, in nanoseconds since the epoch. None means that
    /// it was so lately that another change would bear the same time.
    fn changed(&self, directory: &Path) -> Option<i64>;
    /// What [`content::file_clock`] tells.
    fn now(&self) -> i64;
    /// Does not follow a symbolic link.
    ///
    /// # Errors
    /// As `lstat(2)` has them.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As [`content::open`] has them.
    fn open(&self, path: &Path) -> io::Result<File>;
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::input) struct ListedName {
    pub(in crate::input) name: OsString,
    /// The number of its inode.
    pub(in crate::input) number: u64,
}

/// The file systems of this machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Disk;

/// The kernel's clock for files moves on in steps, of 10 ms at most.
const TICK: Duration = Duration::from_millis(20);

impl Files for Disk {
    fn list(&self, directory: &Path) -> io::Result<Vec<ListedName>> {
        let entry =
            |entry: fs::DirEntry| ListedName { number: entry.ino(), name: entry.file_name() };
        let entries = fs::read_dir(directory);
        match entries.and_then(|entries| entries.map(|it| it.map(entry)).collect()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries,
        }
    }

    fn changed(&self, directory: &Path) -> Option<i64> {
        let changed = Stat::at(directory).ok()?.modified;
        let now = nanoseconds(SystemTime::now())?;
        (now.abs_diff(changed) > TICK.as_nanos() as u64).then_some(changed)
    }

    fn now(&self) -> i64 {
        content::file_clock()
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::symlink_metadata(path).map(|metadata| Stat::of(&metadata))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        content::open(path)
    }
}

/// How many names a directory may have to be listed in every turn.
const FEW: usize = 256;
/// The listing of one that has more is kept for so many times as long as it took to make: a burst of
/// changes is served in many turns, and to list for each would take the square of their number.
const KEPT_TIMES: u32 = 10;

struct KeptListing {
    listing: Arc<Listing>,
    /// It is forgotten with the first turn that ends after this time.
    until: Instant,
}

/// The directories beside followed paths. Each is listed anew when a name in it has changed.
pub(in crate::input) struct Directories {
    files: Box<dyn Files + Send>,
    listings: RefCell<HashMap<PathBuf, KeptListing>>,
    /// Looks through what is compressed.
    pub(super) seeker: Seeker,
}

impl Directories {
    pub(in crate::input) fn new(files: impl Files + Send + 'static) -> Self {
        Self { files: Box::new(files), listings: RefCell::default(), seeker: Seeker::default() }
    }

    /// Forgets what was listed, but for what took long and shortly before: the scheduler calls it when
    /// it has served all that has happened.
    pub(in crate::input) fn turn_ends(&self) {
        let mut listings = self.listings.borrow_mut();
        if !listings.is_empty() {
            let now = Instant::now();
            listings.retain(|_, kept| kept.until > now);
        }
        drop(listings);
        self.seeker.turn_ends();
    }

    /// What stands in `directory` at present.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(super) fn listing(&self, directory: &Path) -> io::Result<Arc<Listing>> {
        let changed = self.files.changed(directory);
        let known = self.known(directory);
        if let Some(known) = known.filter(|known| changed.is_some() && known.changed == changed) {
            return Ok(known);
        }
        // The times are older than the listing, so a change that comes between is noticed.
        let (begun, listed) = (Instant::now(), self.files.now());
        let entries = self.files.list(directory)?;
        let times = if entries.len() > FEW { KEPT_TIMES } else { 0 };
        let listing = Arc::new(Listing::new(directory, changed, listed, entries));
        let until = begun + begun.elapsed() * times;
        let kept = KeptListing { listing: Arc::clone(&listing), until };
        self.listings.borrow_mut().insert(directory.to_owned(), kept);
        Ok(listing)
    }

    fn known(&self, directory: &Path) -> Option<Arc<Listing>> {
        self.listings.borrow().get(directory).map(|kept| Arc::clone(&kept.listing))
    }

    /// The same, but what was listed before serves as well where it shows what is looked for:
    /// in a burst of changes, time alone would have each lookup list anew.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(super) fn listing_where(
        &self,
        directory: &Path,
        shows: impl FnOnce(&Listing) -> bool,
    ) -> io::Result<Arc<Listing>> {
        let known = self.known(directory);
        known.filter(|known| shows(known)).map_or_else(|| self.listing(directory), Ok)
    }

    pub(super) fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.files.stat(path)
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        self.files.open(path)
    }
}

/// A regular file beside a followed path.
#[derive(Debug, Clone)]
pub(in crate::input) struct Sibling {
    pub(in crate::input) path: PathBuf,
    pub(in crate::input) stat: Stat,
}

/// A file that may hold what was read, whatever its name is.
pub(super) struct Stranger {
    pub(super) sibling: Sibling,
    /// The first bytes of its content, once they were needed; none where it cannot be read.
    pub(super) first: OnceLock<Box<[u8]>>,
}

/// Of a directory with more files, only the newest are compared with what was read.
const STRANGERS: usize = 256;

/// A directory as it was listed, with the orders in which it is searched.
pub(super) struct Listing {
    directory: PathBuf,
    changed: Option<i64>,
    /// When it was listed, by the clock of files.
    listed: i64,
    /// By name.
    entries: Vec<ListedName>,
    /// Places in `entries`, by the numbers of the inodes.
    by_number: OnceLock<Vec<u32>>,
    /// The names that begin with a digit, without extensions of compression, by their ends.
    by_end: OnceLock<Vec<u32>>,
    /// The newest regular files, oldest first.
    strangers: OnceLock<Vec<Stranger>>,
}

impl Listing {
    fn new(
        directory: &Path,
        changed: Option<i64>,
        listed: i64,
        mut entries: Vec<ListedName>,
    ) -> Self {
        entries.sort_unstable();
        let (by_number, by_end, strangers) = Default::default();
        let directory = directory.to_owned();
        Self { directory, changed, listed, entries, by_number, by_end, strangers }
    }

    /// The number of the inode that had this name.
    pub(super) fn number_of(&self, name: &OsStr) -> Option<u64> {
        let at = self.entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        Some(self.entries[at].number)
    }

    /// Whether `inode` was there when the directory was listed. A number alone tells nothing: that of a
    /// file that is deleted is reused at once.
    pub(super) fn is_later_than(&self, inode: Inode) -> bool {
        inode.born.is_some_and(|born| born.get() < self.listed)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.entries.iter().map(|entry| &*entry.name)
    }

    /// The paths whose inodes have this number.
    pub(super) fn numbered(&self, number: u64) -> impl Iterator<Item = PathBuf> {
        let by_number = self.by_number.get_or_init(|| {
            let mut places: Vec<_> = (0..self.entries.len() as u32).collect();
            places.sort_unstable_by_key(|&at| self.entries[at as usize].number);
            places
        });
        let number_at = |at: u32| self.entries[at as usize].number;
        let from = by_number.partition_point(|&at| number_at(at) < number);
        let found = by_number[from..].iter().take_while(move |&&at| number_at(at) == number);
        found.map(|&at| self.directory.join(&self.entries[at as usize].name))
    }

    /// The names that rotation may have made of `base`; others may be among them, and some twice.
    pub(super) fn alike<'a>(&'a self, base: &'a OsStr) -> impl Iterator<Item = &'a OsStr> {
        let beginning_with = move |start: &'a [u8]| {
            let from = self.entries.partition_point(|entry| entry.name.as_bytes() < start);
            let found = self.entries[from..].iter().map(|entry| &*entry.name);
            found.take_while(move |name| name.as_bytes().starts_with(start))
        };
        beginnings(base).flat_map(beginning_with).chain(self.ending_with(base.as_bytes()))
    }

    /// The names that begin with a digit and end with `end`, but for an extension of compression.
    fn ending_with<'a>(&'a self, end: &'a [u8]) -> impl Iterator<Item = &'a OsStr> {
        let backwards = |at: u32| {
            let name = self.entries[at as usize].name.as_bytes();
            uncompressed(name).iter().rev()
        };
        let by_end = self.by_end.get_or_init(|| {
            let from = self.entries.partition_point(|entry| entry.name.as_bytes() < &b"0"[..]);
            let to = self.entries.partition_point(|entry| entry.name.as_bytes() < &b":"[..]);
            let mut places: Vec<_> = (from as u32..to as u32).collect();
            places.sort_unstable_by(|&a, &b| backwards(a).cmp(backwards(b)));
            places
        });
        let from = by_end.partition_point(|&at| backwards(at).lt(end.iter().rev()));
        let names = by_end[from..].iter().map(|&at| &*self.entries[at as usize].name);
        names.take_while(|name| uncompressed(name.as_bytes()).ends_with(end))
    }

    /// The newest regular files that are not hidden, oldest first.
    pub(super) fn strangers(&self, directories: &Directories) -> &[Stranger] {
        self.strangers.get_or_init(|| {
            let visible = self.entries.iter().filter(|it| !it.name.as_bytes().starts_with(b"."));
            let mut siblings: Vec<_> = visible
                .filter_map(|entry| {
                    let path = self.directory.join(&entry.name);
                    let stat = directories.stat(&path).ok()?;
                    (stat.is_regular && stat.size > 0).then_some(Sibling { path, stat })
                })
                .collect();
            siblings.sort_by_key(|sibling| sibling.stat.modified);
            let newest = siblings.split_off(siblings.len().saturating_sub(STRANGERS));
            let stranger = |sibling| Stranger { sibling, first: OnceLock::new() };
            newest.into_iter().map(stranger).collect()
        })
    }
}

#[cfg(test)]
pub(in crate::input) mod tests;
