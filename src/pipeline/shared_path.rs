//! Paths of which many lie in the same directories. Pure.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::{self, Debug, Formatter};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A path. Of those in one directory all share its name, and what is short in theirs takes no memory of its
/// own: most names are short, and a host may have 100,000.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedPath {
    /// The path up to its last `/`, and that.
    directory: Arc<Vec<u8>>,
    name: FinalName,
}

/// The part behind the last `/`.
#[derive(Clone, PartialEq, Eq)]
enum FinalName {
    /// The first `len` of these bytes; NULs behind them.
    Short {
        len: u8,
        bytes: [u8; SHORT],
    },
    Long(Arc<[u8]>),
}

/// A name of so many bytes takes no more room than one that lies elsewhere.
const SHORT: usize = 22;

impl SharedPath {
    /// `path`, which shares its directory with `neighbour` where that lies there too.
    #[must_use]
    pub fn beside(path: &Path, neighbour: Option<&Self>) -> Self {
        let (directory, name) = halves(path);
        let shared = neighbour.filter(|neighbour| *neighbour.directory == directory);
        let directory =
            shared.map_or_else(|| Arc::new(directory.to_vec()), |it| Arc::clone(&it.directory));
        Self { directory, name: FinalName::of(name) }
    }

    /// As one piece.
    #[must_use]
    pub fn to_path_buf(&self) -> PathBuf {
        let path = [&self.directory, self.name.bytes()].concat();
        PathBuf::from(OsStr::from_bytes(&path))
    }

    /// Whether it is `path`, as that is spelled.
    #[must_use]
    pub fn is(&self, path: &Path) -> bool {
        (&**self.directory, self.name.bytes()) == halves(path)
    }
}

/// Finds out which paths lie in the same directories.
#[derive(Debug, Default)]
pub struct Neighbours(HashSet<Arc<Vec<u8>>>);

impl Neighbours {
    /// Has `path` share its directory with those that were given before.
    pub fn add(&mut self, path: &mut SharedPath) {
        match self.0.get(&path.directory) {
            Some(directory) => path.directory = Arc::clone(directory),
            None => drop(self.0.insert(Arc::clone(&path.directory))),
        }
    }
}

impl<P: AsRef<Path>> From<P> for SharedPath {
    fn from(path: P) -> Self {
        Self::beside(path.as_ref(), None)
    }
}

impl Debug for SharedPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.to_path_buf().fmt(f)
    }
}

impl FinalName {
    fn of(name: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..name.len()) {
            Some(short) => {
                short.copy_from_slice(name);
                Self::Short { len: name.len() as u8, bytes }
            }
            None => Self::Long(name.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

/// The order of two paths as they are spelled. To compare them part by part takes thirty times as long, which
/// shows where there are 100,000.
#[must_use]
pub fn by_spelling(one: &Path, other: &Path) -> Ordering {
    one.as_os_str().cmp(other.as_os_str())
}

/// What is up to the last `/`, and what is behind it.
fn halves(path: &Path) -> (&[u8], &[u8]) {
    let path = path.as_os_str().as_bytes();
    path.split_at(memchr::memrchr(b'/', path).map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_in_one_directory_share_it() {
        let first = SharedPath::from("/var/log/a.log");
        let second = SharedPath::beside(Path::new("/var/log/b.log"), Some(&first));
        let other = SharedPath::beside(Path::new("/var/a.log"), Some(&first));
        assert!(Arc::ptr_eq(&first.directory, &second.directory));
        assert_eq!(other.to_path_buf(), Path::new("/var/a.log"));
        assert!(first.is(Path::new("/var/log/a.log")) && !first.is(Path::new("/var/log/b.log")));
        assert!(first != second && first == SharedPath::from("/var/log/a.log"));
        assert_eq!(size_of::<SharedPath>(), 32);
        let (mut neighbours, mut third) = (Neighbours::default(), SharedPath::from("/var/log/c"));
        neighbours.add(&mut SharedPath::clone(&first));
        neighbours.add(&mut third);
        assert!(Arc::ptr_eq(&first.directory, &third.directory));
    }

    proptest! {
        #[test]
        fn a_path_stays_as_it_is_spelled(path in "[a/.]{0,50}", other in "[a/.]{0,4}") {
            let (path, other) = (PathBuf::from(path), PathBuf::from(other));
            let neighbour = SharedPath::from(&other);
            let shared = SharedPath::beside(&path, Some(&neighbour));
            let put_together = shared.to_path_buf();
            prop_assert_eq!(put_together.as_os_str(), path.as_os_str());
            prop_assert!(shared.is(&path));
            prop_assert_eq!(shared == neighbour, path.as_os_str() == other.as_os_str());
        }
    }
}
