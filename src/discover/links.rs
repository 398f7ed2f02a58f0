//! Symbolic links: where each leads, and which paths are followed through it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::inbox::Looks;
use super::walk::LINKS_MAX;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Whatever decides about it, without a link on the way to any of these: each link that is met,
    /// and at the end what the path names, or the first name on the way that is missing.
    pub(super) stations: Vec<PathBuf>,
    /// The last station is there.
    pub(super) is_there: bool,
}

/// Follows all links of `path`, which is absolute, as the kernel does.
pub(super) fn resolve(path: &Path) -> Resolved {
    let mut at = PathBuf::from("/");
    let mut stations = Vec::new();
    let mut links = 0;
    // The next part is the last.
    let mut todo = parts(path);
    while let Some(part) = todo.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(metadata) = fs::symlink_metadata(&next) else {
            stations.push(next);
            return Resolved { stations, is_there: false };
        };
        if !metadata.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        let target = fs::read_link(&next).ok().filter(|_| links <= LINKS_MAX);
        stations.push(next);
        let Some(target) = target else { return Resolved { stations, is_there: false } };
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        todo.extend(parts(&target));
    }
    stations.push(at);
    Resolved { stations, is_there: true }
}

/// The names in a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let mut parts: Vec<_> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    parts.reverse();
    parts
}

/// Which followed paths depend on what is elsewhere.
#[derive(Debug, Default)]
pub(super) struct Symlinks {
    /// A station → the followed links that lead over it, with their entries.
    followers: HashMap<PathBuf, Looks>,
    /// A followed link → its stations.
    stations: HashMap<PathBuf, Vec<PathBuf>>,
}

impl Symlinks {
    /// Notes that the followed `link` leads over `stations`, and no more over others.
    pub(super) fn set(&mut self, link: &Path, entry: usize, stations: Vec<PathBuf>) {
        for station in self.stations.remove(link).unwrap_or_default() {
            if let Some(followers) = self.followers.get_mut(&station) {
                followers.retain(|(follower, _)| follower != link);
                if followers.is_empty() {
                    self.followers.remove(&station);
                }
            }
        }
        for station in &stations {
            self.followers.entry(station.clone()).or_default().push((link.to_owned(), entry));
        }
        self.stations.insert(link.to_owned(), stations);
    }

    /// The followed links that lead over `path`.
    pub(super) fn over(&self, path: &Path) -> Looks {
        self.followers.get(path).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_link_on_the_way_is_a_station_and_so_is_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("releases/1")).unwrap();
        symlink("releases/1", root.join("current")).unwrap();
        symlink(root.join("current/../1/app.1.log"), root.join("releases/1/app.log")).unwrap();
        let resolved = |is_there, stations: &[&str]| Resolved {
            stations: stations.iter().map(|name| root.join(name)).collect(),
            is_there,
        };
        let path = root.join("current/app.log");
        let stations = ["current", "releases/1/app.log", "current", "releases/1/app.1.log"];
        assert_eq!(resolve(&path), resolved(false, &stations));
        fs::write(root.join("releases/1/app.1.log"), "").unwrap();
        assert_eq!(resolve(&path), resolved(true, &stations));
        assert_eq!(resolve(&root.join("none/x")), resolved(false, &["none"]));
        symlink("loop", root.join("loop")).unwrap();
        assert!(!resolve(&root.join("loop")).is_there);
    }

    #[test]
    fn a_link_that_leads_elsewhere_has_left_its_old_stations() {
        let mut links = Symlinks::default();
        links.set(Path::new("/a"), 1, vec!["/x".into(), "/y".into()]);
        links.set(Path::new("/b"), 2, vec!["/y".into()]);
        assert_eq!(links.over(Path::new("/y")), [("/a".into(), 1), ("/b".into(), 2)]);
        links.set(Path::new("/a"), 1, vec!["/z".into()]);
        assert_eq!(links.over(Path::new("/x")), []);
        assert_eq!(links.over(Path::new("/y")), [("/b".into(), 2)]);
        assert_eq!(links.over(Path::new("/z")), [("/a".into(), 1)]);
    }
}
