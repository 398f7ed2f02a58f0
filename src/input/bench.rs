//! What `benches/` measures of this room, and nothing else uses.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::filter::LineFilter;
use crate::input::FileSettings;
use crate::input::read::content::{Content, Stat, open};
use crate::input::read::pending::Pending;
use crate::input::read::reader::{CHUNK, MessageFormat, Read, ReadPlace, Reader};
use crate::input::read::records;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::{Position, Source, SourceId};
use crate::syslog::{Encoder, Header};
use crate::text::{PathTemplate, TextRules};

/// Cuts a file's `content` into lines, a piece at a time.
pub fn split(content: &[u8]) {
    for piece in content.chunks(CHUNK) {
        std::hint::black_box(records::split(piece, false));
    }
}

/// What is said of the file that is read.
#[derive(Debug, Default)]
pub struct MadeLine {
    /// Which lines are sent.
    pub filter: LineFilter,
    /// What is done with their text.
    pub rules: TextRules,
    /// It is said of this file, and something else of all others: its tag, too.
    pub tag: Option<PathTemplate>,
}

/// Reads the file at `path` from its beginning to its end each time it is called: all of the hot
/// path up to the batch.
///
/// # Errors
/// It cannot be opened; later, it cannot be read.
pub fn read(
    path: &Path,
    encoder: Encoder,
    header: Header,
    said: MadeLine,
) -> io::Result<impl FnMut() -> io::Result<()> + use<>> {
    let file = open(path)?;
    let inode = Stat::of(&file.metadata()?).inode;
    let source =
        Arc::new(Source { id: SourceId(0), order: 0, path: path.into(), real: None, inode });
    let mut content = Content::Plain(file);
    let mut reader = Reader::new(encoder);
    let now = Instant::now();
    reader.tick(now);
    let mut batch = Batch::default();
    let settings =
        FileSettings { filter: Arc::new(said.filter), ..FileSettings::plain("host-1", said.rules) };
    let of_file = said.tag.map(|tag| FileSettings { tag: Some(tag), ..settings.clone() });
    let header = of_file.as_ref().map_or(header, |settings| settings.header(path));
    Ok(move || {
        let (mut position, mut pending) = (Position::default(), Pending::default());
        loop {
            batch.clear();
            let (content, position, pending) = (&mut content, &mut position, &mut pending);
            let source = &source;
            let format = MessageFormat { header: &header, settings: &settings };
            let format = format.with(of_file.as_ref());
            let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
            let mut place =
                ReadPlace { content, position, pending, format, bound, size, source, modified };
            if !matches!(reader.read(&mut place, &mut batch)?, Read::Some { at_end: false }) {
                return Ok(());
            }
        }
    })
}
