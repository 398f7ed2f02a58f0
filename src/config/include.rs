//! Further files whose entries of `files` are added: what `include` finds.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::document::FileItem;
use super::document::leaf::List;
use super::entry;
use crate::glob::{Component, Glob};

/// All that is included.
#[derive(Debug, Default)]
pub(super) struct IncludedFiles {
    pub(super) items: Vec<Include>,
    /// What was found.
    pub(super) files: Vec<PathBuf>,
    /// What each of these adds to `files`.
    pub(super) entries: Vec<List<FileItem>>,
}

/// One item of `include`: a file, or those in a directory whose names match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    glob: Glob,
    directory: PathBuf,
}

impl Include {
    /// Reads an item as it is seen from `cwd`.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub(super) fn parse(text: &OsStr, cwd: &Path) -> Result<Self, String> {
        let glob =
            entry::glob(text, cwd).map_err(|error| format!("{text:?} is no glob: {error}"))?;
        let is_literal = |part: &Component| matches!(part, Component::Literal(_));
        let Some((last, above)) = glob.components().split_last() else {
            return Err(format!("{text:?} is no file; write a path or a glob"));
        };
        if !above.iter().all(is_literal) || matches!(last, Component::AnyDepth) {
            return Err(format!(
                "{text:?} has a wildcard in the name of a directory; write it in the last name only"
            ));
        }
        let directory = glob.text().parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { glob, directory })
    }

    /// The directory in which its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Of a glob, the first directory on the way to its files that is not there. It asks the file system.
    pub(super) fn missing(&self) -> Option<&Path> {
        if self.glob.is_literal() {
            return None;
        }
        let is_missing = |path: &&Path| {
            fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        self.directory.ancestors().take_while(is_missing).last()
    }

    /// The files that are there, by name. Names that begin with a dot are for those who write it. It asks the file
    /// system.
    ///
    /// # Errors
    /// The directory is there and cannot be listed.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let Some(last) = self.glob.components().last() else { return Ok(Vec::new()) };
        if let Component::Literal(name) = last {
            return Ok(vec![self.directory.join(name)]);
        }
        let is_hidden = |name: &OsStr| name.as_bytes().starts_with(b".");
        let shows_hidden = self.glob.text().file_name().is_some_and(is_hidden);
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if last.matches(&name) && (shows_hidden || !is_hidden(&name)) {
                files.push(self.directory.join(name));
            }
        }
        files.sort();
        Ok(files)
    }
}
