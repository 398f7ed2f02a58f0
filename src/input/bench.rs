//! What `benches/` measures of this room, and nothing else uses.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::input::FileSettings;
use crate::input::read::content::{Content, Stat, open};
use crate::input::read::pending::Pending;
use crate::input::read::reader::{CHUNK, MessageFormat, Read, ReadPlace, Reader};
use crate::input::read::records;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::{Position, Source, SourceId};
use crate::syslog::{Encoder, Header};
use crate::text::TextRules;

/// Cuts a file's `content` into lines, a piece at a time.
pub fn split(content: &[u8]) {
    for piece in content.chunks(CHUNK) {
        std::hint::black_box(records::split(piece, false));
    }
}

/// Reads the file at `path` from its beginning to its end each time it is called: all of the hot
/// path up to the batch, with what `rules` say is done with the text.
///
/// # Errors
/// It cannot be opened; later, it cannot be read.
pub fn read(
    path: &Path,
    encoder: Encoder,
    header: Header,
    rules: TextRules,
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
    let settings = FileSettings::plain("", rules);
    Ok(move || {
        let (mut position, mut pending) = (Position::default(), Pending::default());
        loop {
            batch.clear();
            let (content, position, pending) = (&mut content, &mut position, &mut pending);
            let source = &source;
            let format = MessageFormat { header: &header, settings: &settings };
            let (bound, size, modified) = (u64::MAX, u64::MAX, 0);
            let mut place =
                ReadPlace { content, position, pending, format, bound, size, source, modified };
            if !matches!(reader.read(&mut place, &mut batch)?, Read::Some { at_end: false }) {
                return Ok(());
            }
        }
    })
}
