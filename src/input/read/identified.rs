//! The number by which a receiver knows a content, whoever tells it.

use std::collections::HashMap;
use std::io;
use std::num::NonZero;

use xxhash_rust::xxh3::xxh3_64;

use super::content::Content;
use super::reader::{ReadPlace, Reader};
use crate::pipeline::position::{Head, Source, SourceId};

/// Numbers of contents that were found so far, of files whose messages tell them.
#[derive(Debug, Default)]
pub(super) struct ContentNumbers(HashMap<SourceId, u64>);

impl ContentNumbers {
    fn of(&mut self, source: &Source, content: &mut Content) -> io::Result<u64> {
        if let Some(&number) = self.0.get(&source.id) {
            return Ok(number);
        }
        let number = number(source, content)?;
        // Those of contents that are long gone are not worth their place.
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(source.id, number);
        Ok(number)
    }
}

/// So many are remembered.
const MOST: usize = 100_000;

/// The same for the same content whenever it is asked for, also when a crash has come before anything was saved; another
/// one for every other: it is made of the file, of what the checkpoint calls its content, and of the first line, since a file that is
/// truncated stays the same file.
fn number(source: &Source, content: &mut Content) -> io::Result<u64> {
    let mut head = [0; Head::MAX];
    let count = content.read_at(0, &mut head)?;
    let line = head[..count].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let born = source.inode.born.map_or(0, NonZero::get);
    let parts = [source.id.0, source.inode.number, born as u64, xxh3_64(line)];
    Ok(xxh3_64(&parts.map(u64::to_le_bytes).concat()))
}

impl Reader {
    /// To be called before records of a content are appended. Returns how long one may be at most.
    ///
    /// # Errors
    /// Its first line cannot be read.
    pub(super) fn begin(&mut self, place: &mut ReadPlace<'_>) -> io::Result<usize> {
        let number = match place.format.header.says_place() {
            true => self.numbers.of(place.source, place.content)?,
            false => 0,
        };
        Ok(self.composer.begin(place.format, number, place.modified))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::input::read::content::{Stat, open};

    #[test]
    fn a_content_has_one_number_as_it_grows_and_another_behind_a_truncation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = File::create(&path).unwrap();
        let inode = Stat::at(&path).unwrap().inode;
        let source =
            |id| Source { id: SourceId(id), order: 0, path: (&path).into(), real: None, inode };
        let number_of =
            |id| number(&source(id), &mut Content::Plain(open(&path).unwrap())).unwrap();
        file.write_all(b"first\n").unwrap();
        let before = number_of(0);
        file.write_all(b"second\n").unwrap();
        assert_eq!(number_of(0), before);
        assert_ne!(number_of(1), before);
        file.set_len(0).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b"other\n").unwrap();
        assert_ne!(number_of(0), before);
    }
}
