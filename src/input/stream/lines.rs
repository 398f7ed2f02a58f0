//! From what comes of a stream to messages in a batch, as from a file: the same reader looks at what has come.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::input::FileSettings;
use crate::input::read::content::Content;
use crate::input::read::pending::Pending;
use crate::input::read::reader::{Counts, MessageFormat, Read, ReadPlace, Reader};
use crate::input::scheduler::batches::{BATCH, READ};
use crate::input::stream::StreamWindow;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::{Inode, Position, Source, SourceId};
use crate::syslog::{Encoder, Header};

/// A stream as it is read. It has no position that could be kept: what was read of it is gone.
pub(in crate::input) struct StreamLines {
    reader: Reader,
    content: Content,
    position: Position,
    pending: Pending,
    settings: Arc<FileSettings>,
    /// The same, in the encoding whose mark the stream begins with.
    wide: Option<FileSettings>,
    header: Header,
    source: Arc<Source>,
    shown: Counts,
}

/// What is left when messages were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum StreamLeft {
    /// More messages can be made at once: the batch is full.
    More,
    /// Nothing, or the beginning of a line.
    Beginning,
    /// Whole lines of which it is not known whether their message goes on. It is waited so long for that.
    Undecided(Duration),
    /// NULs, which may be filled in until this time.
    Until(Instant),
}

impl StreamLines {
    /// Nothing has come yet. `path` is what the header is made for, and templates see.
    pub(in crate::input) fn new(
        encoder: Encoder,
        path: &Path,
        settings: Arc<FileSettings>,
        inode: Inode,
    ) -> Self {
        let source = Source { id: SourceId(0), order: 0, path: path.into(), real: None, inode };
        Self {
            reader: Reader::new(encoder),
            content: Content::Streamed(StreamWindow::default()),
            position: Position::default(),
            pending: Pending::default(),
            wide: None,
            header: settings.header(path),
            settings,
            source: Arc::new(source),
            shown: Counts::default(),
        }
    }

    /// Batches are to have no more bytes than this, about.
    pub(in crate::input) fn make_no_more(&mut self, most: usize) {
        self.reader.make_no_more(most);
    }

    /// Takes in what comes next.
    pub(in crate::input) fn push(&mut self, bytes: &[u8]) {
        if let Content::Streamed(window) = &mut self.content {
            window.push(bytes);
        }
    }

    /// How many bytes have come and are in no message.
    pub(in crate::input) fn unread(&self) -> u64 {
        self.end().saturating_sub(self.position.offset)
    }

    /// What has been read of it since it was last asked, and all of it.
    pub(in crate::input) fn counts(&mut self) -> (&mut Counts, Counts) {
        (&mut self.shown, self.reader.counts)
    }

    /// What cuts a line that is too long, in words.
    pub(in crate::input) fn limit(&self) -> String {
        self.reader.limit()
    }

    /// Frames what is read from now on, and sends it as these settings say.
    pub(in crate::input) fn change(&mut self, encoder: Encoder, settings: Arc<FileSettings>) {
        self.reader.change(encoder);
        self.header = settings.header(&self.source.path.to_path_buf());
        let wide = self.wide.is_some().then(|| self.settings().wide()).flatten();
        self.wide = wide.map(|wide| settings.in_wide(wide));
        self.settings = settings;
    }

    fn end(&self) -> u64 {
        match &self.content {
            Content::Streamed(window) => window.end(),
            Content::Plain(_) | Content::Compressed(_) => 0,
        }
    }

    fn settings(&self) -> &FileSettings {
        self.wide.as_ref().unwrap_or(&self.settings)
    }

    /// Makes messages of what has come. `wall_clock` is when it came, in nanoseconds since the epoch.
    ///
    /// # Errors
    /// None that a stream in memory has.
    pub(in crate::input) fn fill(
        &mut self,
        batch: &mut Batch,
        now: Instant,
        wall_clock: i64,
    ) -> io::Result<StreamLeft> {
        batch.framing = self.reader.framing();
        self.reader.tick(now);
        let until = self.reader.counts.bytes + READ;
        let left = loop {
            if batch.bytes.len() >= BATCH.min(self.reader.most())
                || self.reader.counts.bytes >= until
            {
                break StreamLeft::More;
            }
            match self.with_place(wall_clock, |reader, place| reader.read(place, batch))? {
                Read::Some { .. } => {}
                Read::End { .. } | Read::Rewritten => break StreamLeft::Beginning,
                Read::Undecided => break StreamLeft::Undecided(self.join_timeout()),
                Read::NotYet(time) => break StreamLeft::Until(time),
                Read::Wide(wide) => self.wide = Some(self.settings.in_wide(wide)),
            }
        };
        self.passed(batch);
        Ok(left)
    }

    /// Makes a message of whole lines that are [undecided](StreamLeft::Undecided): nothing goes on with it.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(in crate::input) fn decide(
        &mut self,
        batch: &mut Batch,
        now: Instant,
        wall_clock: i64,
    ) -> io::Result<()> {
        batch.framing = self.reader.framing();
        self.reader.tick(now);
        self.with_place(wall_clock, |reader, place| reader.read_undecided(place, batch))?;
        self.passed(batch);
        Ok(())
    }

    /// Nobody will go on with the last line: it ends here, should it have no end.
    pub(in crate::input) fn end_line(&mut self) {
        let newline = self.settings().wide().map_or(&b"\n"[..], |wide| wide.newline());
        let mut last = vec![0; newline.len()];
        let (end, len) = (self.end(), newline.len() as u64);
        let Content::Streamed(window) = &mut self.content else { return };
        let is_begun = end > self.position.offset;
        let is_ended = end >= len && window.read_at(end - len, &mut last) > 0 && last == newline;
        if is_begun && !is_ended {
            window.push(newline);
        }
    }

    fn join_timeout(&self) -> Duration {
        self.settings().text.as_ref().map_or(Duration::ZERO, |rules| rules.join_timeout())
    }

    /// What was made into messages is not needed any more, nor are marks: there is nothing to go on from.
    fn passed(&mut self, batch: &mut Batch) {
        batch.marks.clear();
        if let Content::Streamed(window) = &mut self.content {
            window.done_before(self.position.offset);
        }
    }

    fn with_place<T>(
        &mut self,
        wall_clock: i64,
        read: impl FnOnce(&mut Reader, &mut ReadPlace<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let size = self.end();
        let format = MessageFormat { header: &self.header, settings: &self.settings };
        let mut place = ReadPlace {
            content: &mut self.content,
            position: &mut self.position,
            pending: &mut self.pending,
            format: format.with(self.wide.as_ref()),
            bound: u64::MAX,
            size,
            source: &self.source,
            modified: wall_clock,
        };
        read(&mut self.reader, &mut place)
    }
}

#[cfg(test)]
mod tests;
