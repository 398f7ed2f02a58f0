//! What rotation has compressed, read like a plain file; also while it is still being compressed.

use std::fs::File;
use std::io::{self, BufReader};
use std::time::{Duration, Instant};

use super::codec::{Codec, Decoder, Ongoing};
use crate::pipeline::position::Anchor;

/// Decompresses a file forwards, and keeps what was read last so that a short way back can be gone;
/// for a longer one it begins anew.
#[derive(Debug)]
pub(in crate::input) struct CompressedReader {
    progress: Decoding,
    codec: Codec,
    /// The same file, to begin anew with, whatever has its name by now.
    file: File,
    /// Where `window` begins in the uncompressed content.
    start: u64,
    window: Vec<u8>,
    /// How many members held nothing.
    empty_members: u64,
    /// Why reading has stopped short.
    defect: Option<Defect>,
    /// How large the file was when it was last seen to end too early, and since when.
    stalled: Option<(u64, Instant)>,
}

/// How far it has come.
#[derive(Debug)]
enum Decoding {
    /// Nothing was read yet.
    Unbegun,
    /// Within a member, whose content begins at this offset.
    Within(Decoder, u64),
    /// All is read.
    Done,
    /// The file system has said so: with this reader it is not tried again, unless it begins anew.
    Failed(i32),
}

/// Why less can be read than was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Defect {
    /// The file ends before its content does. It may be written just now.
    Truncated,
    /// The file holds what no compression makes, or what needs too much memory.
    Corrupt,
}

/// How much is kept to go back in: half of it at least.
const WINDOW: usize = 1 << 20;
const STEP: usize = 128 << 10;
/// No file has so many members that hold nothing, and one more for each of so many bytes: to begin one takes as
/// long as many lines do.
const EMPTY_MEMBERS: u64 = 1000;
const CONTENT_PER_EMPTY_MEMBER: u64 = 1024;
/// Whoever compresses a file adds to it more often than that.
const STALLED: Duration = Duration::from_secs(30);

impl CompressedReader {
    pub(in crate::input) fn new(file: File, codec: Codec) -> Self {
        Self {
            progress: Decoding::Unbegun,
            codec,
            file,
            start: 0,
            window: Vec::new(),
            empty_members: 0,
            defect: None,
            stalled: None,
        }
    }

    /// Begins anew, and gives back the memory of what was read.
    pub(in crate::input) fn rewind(&mut self) {
        (self.progress, self.start, self.window) = (Decoding::Unbegun, 0, Vec::new());
        (self.empty_members, self.defect) = (0, None);
    }

    /// Why reading has stopped before the end, if it has.
    pub(in crate::input) fn defect(&self) -> Option<Defect> {
        self.defect
    }

    /// To be asked when reading has stopped too early: whether nothing more will come.
    pub(in crate::input) fn is_given_up(&mut self, now: Instant) -> bool {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        let (_, since) = *self.stalled.insert(match self.stalled {
            Some(known) if known.0 == size => known,
            _ => (size, now),
        });
        self.defect == Some(Defect::Corrupt) || now.saturating_duration_since(since) >= STALLED
    }

    pub(in crate::input) fn read_at(
        &mut self,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        if offset < self.start {
            self.rewind();
        }
        while self.end() <= offset {
            if self.read_on()? == 0 {
                return Ok(0);
            }
        }
        let available = &self.window[(offset - self.start) as usize..];
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        Ok(count)
    }

    /// The inode of the file.
    #[cfg(test)]
    pub(in crate::input) fn file_number(&self) -> u64 {
        std::os::unix::fs::MetadataExt::ino(&self.file.metadata().unwrap())
    }

    /// Whether the file could not be read.
    pub(in crate::input) fn has_failed(&self) -> bool {
        matches!(self.progress, Decoding::Failed(_))
    }

    /// Up to where the content was decompressed.
    pub(in crate::input) fn end(&self) -> u64 {
        self.start + self.window.len() as u64
    }

    /// Whether all of the content was decompressed.
    pub(in crate::input) fn is_at_end(&self) -> bool {
        matches!(self.progress, Decoding::Done)
    }

    /// Whether what stands just before `offset` can be read without beginning anew.
    pub(in crate::input) fn reaches_back_to(&self, offset: u64) -> bool {
        self.start == 0 || offset >= self.start + Anchor::MAX as u64
    }

    /// Decompresses on until the byte at `offset` is there, or `most` bytes were, and tells whether it
    /// has come to that byte or to the end.
    ///
    /// # Errors
    /// The file cannot be read so far.
    pub(in crate::input) fn advance(&mut self, offset: u64, most: u64) -> io::Result<bool> {
        if !self.reaches_back_to(offset) {
            self.rewind();
        }
        let until = self.end().saturating_add(most);
        while self.end() <= offset {
            if self.end() >= until {
                return Ok(false);
            }
            if self.read_on()? == 0 {
                break;
            }
        }
        Ok(true)
    }

    /// Leaves this reader at the start, and returns one that stands where it stood.
    pub(in crate::input) fn take(&mut self) -> io::Result<Self> {
        let new = Self::new(self.file.try_clone()?, self.codec);
        let taken = std::mem::replace(self, new);
        self.stalled = taken.stalled;
        Ok(taken)
    }

    /// Adds some of the content to the window; 0 at the end.
    fn read_on(&mut self) -> io::Result<usize> {
        if self.window.len() > WINDOW {
            let surplus = self.window.len() - WINDOW / 2;
            self.window.drain(..surplus);
            self.start += surplus as u64;
        }
        let end = self.window.len();
        self.window.resize(end + STEP, 0);
        let read = self.decode(end);
        self.window.truncate(end + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Adds to the window from `end` on; 0 at the end of the content.
    fn decode(&mut self, end: usize) -> io::Result<usize> {
        if self.defect == Some(Defect::Corrupt) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.defect = None;
        self.decode_on(end).inspect_err(|error| match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::WouldBlock, _) => self.defect = Some(Defect::Truncated),
            // It is nothing against the content. What a decoder makes of it is not to be relied on.
            (_, Some(code)) => self.progress = Decoding::Failed(code),
            _ => {
                self.defect = Some(Defect::Corrupt);
                self.progress = Decoding::Unbegun;
            }
        })
    }

    fn decode_on(&mut self, end: usize) -> io::Result<usize> {
        let at = self.start + end as u64;
        loop {
            match &mut self.progress {
                Decoding::Unbegun => {
                    let reader = BufReader::new(Ongoing::new(self.file.try_clone()?));
                    self.progress = Decoding::Within(Decoder::new(self.codec, reader)?, at);
                }
                Decoding::Within(decoder, began) => match decoder.read(&mut self.window[end..]) {
                    Ok(0) => {
                        self.empty_members += u64::from(*began == at);
                        if self.empty_members > EMPTY_MEMBERS + at / CONTENT_PER_EMPTY_MEMBER {
                            return Err(io::ErrorKind::InvalidData.into());
                        }
                        self.progress = self.next_member(at)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => return read,
                },
                Decoding::Done => return Ok(0),
                Decoding::Failed(code) => return Err(io::Error::from_raw_os_error(*code)),
            }
        }
    }

    /// What comes behind a member, at this offset of the content.
    fn next_member(&mut self, at: u64) -> io::Result<Decoding> {
        Ok(match std::mem::replace(&mut self.progress, Decoding::Done) {
            Decoding::Within(decoder, _) => {
                decoder.next_member()?.map_or(Decoding::Done, |next| Decoding::Within(next, at))
            }
            other => other,
        })
    }
}

#[cfg(test)]
mod tests;
