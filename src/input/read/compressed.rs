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
    /// None once all is read, or nothing more can be.
    decoder: Option<Decoder>,
    codec: Codec,
    /// The same file, to begin anew with, whatever has its name by now.
    file: File,
    /// Where `window` begins in the uncompressed content.
    start: u64,
    window: Vec<u8>,
    /// Why reading has stopped short.
    defect: Option<Defect>,
    /// How large the file was when it was last seen to end too early, and since when.
    stalled: Option<(u64, Instant)>,
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
/// No file has so many members in a row that hold nothing: to begin one takes as long as many lines do.
const EMPTY_MEMBERS: u32 = 1000;
/// Whoever compresses a file adds to it more often than that.
const STALLED: Duration = Duration::from_secs(30);

impl CompressedReader {
    pub(in crate::input) fn new(file: File, codec: Codec) -> io::Result<Self> {
        let reader = BufReader::new(Ongoing::new(file.try_clone()?));
        let decoder = Some(Decoder::new(codec, reader)?);
        let (start, window) = (0, Vec::new());
        Ok(Self { decoder, codec, file, start, window, defect: None, stalled: None })
    }

    /// Begins anew, and gives back the memory of what was read.
    pub(in crate::input) fn rewind(&mut self) -> io::Result<()> {
        self.take().map(drop)
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
            self.rewind()?;
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

    /// Up to where the content was decompressed.
    pub(in crate::input) fn end(&self) -> u64 {
        self.start + self.window.len() as u64
    }

    /// Whether all of the content was decompressed.
    pub(in crate::input) fn is_at_end(&self) -> bool {
        self.decoder.is_none()
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
            self.rewind()?;
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
        let new = Self::new(self.file.try_clone()?, self.codec)?;
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
        for _ in 0..EMPTY_MEMBERS {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            match decoder.read(&mut self.window[end..]) {
                Ok(0) => {
                    self.decoder = self.decoder.take().map_or(Ok(None), Decoder::next_member)?
                }
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_truncated = error.kind() == io::ErrorKind::WouldBlock;
                    self.defect =
                        Some(if is_truncated { Defect::Truncated } else { Defect::Corrupt });
                    return Err(error);
                }
            }
        }
        self.defect = Some(Defect::Corrupt);
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests;
