//! What rotation has compressed, read like a plain file; also while it is still being compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::time::{Duration, Instant};

use flate2::bufread::GzDecoder;

/// Decompresses a gzip file forwards, and keeps what was read last so that a short way back can
/// be gone; for a longer one it begins anew.
#[derive(Debug)]
pub(in crate::input) struct Inflated {
    /// None once all is read, or nothing more can be.
    decoder: Option<GzDecoder<BufReader<Ongoing>>>,
    /// The same file, to begin anew with, whatever has its name by now.
    file: File,
    /// Members that were read to their end.
    members: u64,
    /// Where `window` begins in the uncompressed content.
    start: u64,
    window: Vec<u8>,
    /// Why reading has stopped short.
    cut: Option<Cut>,
    /// How large the file was when it was last seen to end too early, and since when.
    stalled: Option<(u64, Instant)>,
}

/// Why less can be read than was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Cut {
    /// The file ends before its content does. It may be written just now.
    Unfinished,
    /// No gzip file holds this.
    Damaged,
}

/// How much is kept to go back in: half of it at least.
const WINDOW: usize = 1 << 20;
const STEP: usize = 128 << 10;
/// Whoever compresses a file adds to it more often than that.
const STALLED: Duration = Duration::from_secs(30);

/// A file of which the end is not known: a decoder stops there, and can go on when there is more.
#[derive(Debug)]
struct Ongoing(File);

impl Read for Ongoing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Inflated {
    pub(in crate::input) fn new(file: File) -> io::Result<Self> {
        let decoder = Some(decoder(BufReader::new(Ongoing(file.try_clone()?))));
        let (start, window) = (0, Vec::new());
        Ok(Self { decoder, file, members: 0, start, window, cut: None, stalled: None })
    }

    /// Begins anew, and gives back the memory of what was read.
    pub(in crate::input) fn rewind(&mut self) -> io::Result<()> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        *self = Self { stalled: self.stalled, ..Self::new(file)? };
        Ok(())
    }

    /// Why reading has stopped before the end, if it has.
    pub(in crate::input) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// To be asked when reading has stopped too early: whether nothing more will come.
    pub(in crate::input) fn is_given_up(&mut self, now: Instant) -> bool {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        let (_, since) = *self.stalled.insert(match self.stalled {
            Some(known) if known.0 == size => known,
            _ => (size, now),
        });
        self.cut == Some(Cut::Damaged) || now.saturating_duration_since(since) >= STALLED
    }

    pub(in crate::input) fn read_at(
        &mut self,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        if offset < self.start {
            self.rewind()?;
        }
        let mut back = offset - self.start;
        while self.window.len() as u64 <= back {
            if self.window.len() > WINDOW {
                let surplus = self.window.len() - WINDOW / 2;
                self.window.drain(..surplus);
                self.start += surplus as u64;
                back -= surplus as u64;
            }
            let end = self.window.len();
            self.window.resize(end + STEP, 0);
            let read = self.inflate(end);
            self.window.truncate(end + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(0);
            }
        }
        let available = &self.window[usize::try_from(back).unwrap_or(usize::MAX)..];
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        Ok(count)
    }

    /// Adds to the window from `end` on; 0 at the end of the content.
    fn inflate(&mut self, end: usize) -> io::Result<usize> {
        if self.cut == Some(Cut::Damaged) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.cut = None;
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            match decoder.read(&mut self.window[end..]) {
                Ok(0) => self.next_member(),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.stop(error),
            }
        }
    }

    /// A file may have been compressed in several parts.
    fn next_member(&mut self) {
        self.members += 1;
        let reader = self.decoder.take().map(GzDecoder::into_inner);
        self.decoder = reader.and_then(|mut reader| {
            let is_over = reader.fill_buf().map_or(true, <[u8]>::is_empty);
            (!is_over).then(|| decoder(reader))
        });
    }

    fn stop(&mut self, error: io::Error) -> io::Result<usize> {
        let is_unfinished = error.kind() == io::ErrorKind::WouldBlock;
        let has_begun = self.decoder.as_ref().is_some_and(|decoder| decoder.header().is_some());
        if !is_unfinished && !has_begun && self.members > 0 {
            // What gzip calls trailing garbage, and leaves out.
            self.decoder = None;
            return Ok(0);
        }
        self.cut = Some(if is_unfinished { Cut::Unfinished } else { Cut::Damaged });
        Err(error)
    }
}

fn decoder(reader: BufReader<Ongoing>) -> GzDecoder<BufReader<Ongoing>> {
    GzDecoder::new(reader)
}

#[cfg(test)]
mod tests {
    use super::super::content::{Content, open};
    use super::*;
    use std::io::Write;
    use std::path::Path;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    fn opened(path: &Path) -> Content {
        Content::Gzip(Box::new(Inflated::new(open(path).unwrap()).unwrap()))
    }

    /// All that can be read, in steps; and why it is not more.
    fn read(content: &mut Content, from: usize) -> (Vec<u8>, Option<Cut>) {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 50_000]);
        loop {
            let at = (from + bytes.len()) as u64;
            match content.read_to(u64::MAX, at, &mut buffer) {
                Ok(0) | Err(_) => return (bytes, content.cut()),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn numbers() -> Vec<u8> {
        (0..1_200_000u32).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn a_compressed_file_reads_like_a_plain_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1.gz");
        let content = numbers();
        std::fs::write(&path, gzip(&content)).unwrap();
        let mut inflated = opened(&path);
        let mut buffer = vec![0; 300_000];
        for offset in [0, 10, 290_000, 289_000, 3_000_000, 2_999_872, 4_700_000, 7, 4_600_000] {
            let count = inflated.read_at(offset as u64, &mut buffer).unwrap();
            assert_eq!(count, buffer.len().min(content.len() - offset));
            assert!(buffer[..count] == content[offset..offset + count], "{offset}");
        }
        assert_eq!(inflated.read_at(4_800_000, &mut buffer).unwrap(), 0);
        assert_eq!(inflated.cut(), None);
    }

    #[test]
    fn what_is_being_compressed_is_read_as_it_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1.gz");
        let (content, whole) =
            (numbers(), [gzip(&numbers()[..99]), gzip(&numbers()[99..])].concat());
        let mut file = File::create(&path).unwrap();
        let mut inflated = opened(&path);
        let (mut read_so_far, step) = (Vec::new(), whole.len() / 7);
        for (at, piece) in whole.chunks(step).enumerate() {
            let (more, cut) = read(&mut inflated, read_so_far.len());
            read_so_far.extend(more);
            assert_eq!(cut, Some(Cut::Unfinished), "{at}");
            // Twice, as it is when the file is looked at again and again.
            assert_eq!(read(&mut inflated, read_so_far.len()), (Vec::new(), cut));
            file.write_all(piece).unwrap();
        }
        let (more, cut) = read(&mut inflated, read_so_far.len());
        read_so_far.extend(more);
        assert!(read_so_far == content && cut.is_none(), "{} {cut:?}", read_so_far.len());
    }

    #[test]
    fn a_damaged_file_is_read_so_far_and_padding_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1.gz");
        let mut bytes = gzip(&numbers());
        std::fs::write(&path, [&bytes[..], &[0; 600]].concat()).unwrap();
        assert!(read(&mut opened(&path), 0) == (numbers(), None));
        let middle = bytes.len() / 2;
        bytes[middle..middle + 100].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let mut inflated = opened(&path);
        let (mut found, cut) = read(&mut inflated, 0);
        assert_eq!(cut, Some(Cut::Damaged));
        found.truncate(1_000_000);
        assert!(found.len() == 1_000_000 && numbers().starts_with(&found));
        let Content::Gzip(inflated) = &mut inflated else { unreachable!() };
        assert!(inflated.is_given_up(Instant::now()));
    }

    #[test]
    fn what_ends_too_early_is_given_up_when_it_has_not_grown_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1.gz");
        std::fs::write(&path, &gzip(&numbers())[..100_000]).unwrap();
        let mut inflated = Inflated::new(open(&path).unwrap()).unwrap();
        let now = Instant::now();
        assert!(!inflated.is_given_up(now));
        assert!(!inflated.is_given_up(now + STALLED - Duration::from_secs(1)));
        std::fs::write(&path, &gzip(&numbers())[..100_001]).unwrap();
        assert!(!inflated.is_given_up(now + STALLED));
        assert!(inflated.is_given_up(now + 2 * STALLED));
    }
}
