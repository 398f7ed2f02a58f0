//! The compressions that rotation uses: recognised by their first bytes, and decoded step by step.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use bzip2::{Decompress as BzipDecompress, Status as BzipStatus};
use flate2::bufread::GzDecoder;
use liblzma::stream::{Action, Status as XzStatus, Stream as XzStream};
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use super::content::read_file_at;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Codec {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// Whatever needs more memory for one file than this is not read: `xz -9` needs half of it, and zstd
/// refuses the same without being asked for more.
const MEMORY: u64 = 128 << 20;

impl Codec {
    /// How many first bytes tell.
    pub(in crate::input) const MAGIC: usize = 10;

    /// The codec of a file that begins with `first`.
    pub(in crate::input) fn of(first: &[u8]) -> Option<Self> {
        Some(match first {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A text may begin with the first three; a block or the end of all comes next.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Self::Bzip2
            }
            _ => return None,
        })
    }

    /// The codec that the name of a file says: it may hold nothing yet.
    pub(in crate::input) fn named(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "gz" => Self::Gzip,
            "zst" => Self::Zstd,
            "xz" => Self::Xz,
            "bz2" => Self::Bzip2,
            _ => return None,
        })
    }

    /// Whether a further member may begin like that, of which only the first bytes may be there.
    fn may_begin(self, bytes: &[u8]) -> bool {
        let begins = |magic: &[u8]| bytes.iter().zip(magic).all(|(byte, magic)| byte == magic);
        match self {
            Self::Gzip => begins(&[0x1f, 0x8b, 8]),
            Self::Zstd => {
                begins(&[0x28, 0xb5, 0x2f, 0xfd])
                    || bytes[0] & 0xf0 == 0x50
                        && bytes[1..].iter().zip([0x2a, 0x4d, 0x18]).all(|(a, b)| *a == b)
            }
            Self::Xz => begins(b"\xfd7zXZ\0"),
            Self::Bzip2 => begins(b"BZh"),
        }
    }
}

/// Whether a file holds compressed data, by its first bytes. What cannot be read is taken for text: what is wrong with
/// it shows when it is read.
#[must_use]
pub fn holds_archive(file: &File) -> bool {
    let mut first = [0; Codec::MAGIC];
    read_file_at(file, &mut first, 0).is_ok_and(|count| Codec::of(&first[..count]).is_some())
}

/// A file of which the end is not known: a decoder stops there, and can go on when there is more.
/// Several may read one file.
#[derive(Debug)]
pub(super) struct Ongoing {
    file: File,
    offset: u64,
    /// So many bytes have come of what was read.
    given: u64,
}

/// What gives nothing for so long is read no further, nor what gives less than a part of what it takes: it would take
/// time without end, of a sparse file for example. No compression of a text comes near that.
const FRUITLESS: u64 = 64 << 20;
const TAKEN_PER_GIVEN: u64 = 4;

impl Ongoing {
    pub(super) fn new(file: File) -> Self {
        Self { file, offset: 0, given: 0 }
    }
}

impl Read for Ongoing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = read_file_at(&self.file, buffer, self.offset)?;
        self.offset += count as u64;
        if self.offset > FRUITLESS.saturating_add(self.given.saturating_mul(TAKEN_PER_GIVEN)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match count {
            0 if !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

/// Decodes one member of a file: gzip's word for what may follow one another in one file. zstd calls
/// it a frame, xz and bzip2 a stream.
pub(super) struct Decoder {
    codec: Codec,
    state: CodecState,
}

enum CodecState {
    Gzip(Box<GzDecoder<BufReader<Ongoing>>>),
    Stepwise {
        reader: BufReader<Ongoing>,
        decoder: Box<dyn Stepwise + Send>,
        /// The last output was full, so more may follow without further input.
        may_owe: bool,
        is_over: bool,
    },
}

/// A decoder that takes bytes and gives others, whenever there are some.
trait Stepwise {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<CodecStep>;
}

struct CodecStep {
    taken: usize,
    given: usize,
    is_end: bool,
}

impl Decoder {
    pub(super) fn new(codec: Codec, reader: BufReader<Ongoing>) -> io::Result<Self> {
        let decoder: Box<dyn Stepwise + Send> = match codec {
            Codec::Gzip => {
                let state = CodecState::Gzip(Box::new(GzDecoder::new(reader)));
                return Ok(Self { codec, state });
            }
            Codec::Zstd => Box::new(ZstdDecoder::new()?),
            Codec::Xz => Box::new(XzStream::new_stream_decoder(MEMORY, 0)?),
            Codec::Bzip2 => Box::new(BzipDecompress::new(false)),
        };
        let state = CodecState::Stepwise { reader, decoder, may_owe: false, is_over: false };
        Ok(Self { codec, state })
    }

    /// Gives the next bytes; 0 at the end of the member.
    ///
    /// # Errors
    /// `WouldBlock` where the file ends before the member does, `InvalidData` where it is none, or nothing comes of
    /// very much of it.
    pub(super) fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let count = self.decode(output)?;
        let reader = match &mut self.state {
            CodecState::Gzip(decoder) => decoder.get_mut(),
            CodecState::Stepwise { reader, .. } => reader,
        };
        reader.get_mut().given += count as u64;
        Ok(count)
    }

    fn decode(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let (reader, decoder, may_owe, is_over) = match &mut self.state {
            CodecState::Gzip(decoder) => return decoder.read(output),
            CodecState::Stepwise { reader, decoder, may_owe, is_over } => {
                (reader, decoder, may_owe, is_over)
            }
        };
        while !*is_over {
            let input = match reader.fill_buf() {
                Ok(input) => input,
                Err(_) if *may_owe => &[],
                Err(error) => return Err(error),
            };
            let has_input = !input.is_empty();
            let CodecStep { taken, given, is_end } = decoder.step(input, output)?;
            reader.consume(taken);
            (*may_owe, *is_over) = (given == output.len(), is_end);
            if given > 0 {
                return Ok(given);
            }
            if has_input && taken == 0 && !is_end {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(0)
    }

    /// The decoder of the next member, at the end of this one. None where nothing follows, or something
    /// else, as padding does.
    ///
    /// # Errors
    /// Those of [`Self::read`], and what the file system says.
    pub(super) fn next_member(self) -> io::Result<Option<Self>> {
        let mut reader = match self.state {
            CodecState::Gzip(decoder) => decoder.into_inner(),
            CodecState::Stepwise { reader, .. } => reader,
        };
        let follows = match reader.fill_buf() {
            Ok(bytes) => !bytes.is_empty() && self.codec.may_begin(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => return Err(error),
        };
        follows.then(|| Self::new(self.codec, reader)).transpose()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decoder").field(&self.codec).finish()
    }
}

impl Stepwise for ZstdDecoder<'_> {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<CodecStep> {
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = self.run(&mut input, &mut output)?;
        Ok(CodecStep { taken: input.pos(), given: output.pos(), is_end: hint == 0 })
    }
}

impl Stepwise for XzStream {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<CodecStep> {
        let before = (self.total_in(), self.total_out());
        let status = self.process(input, output, Action::Run)?;
        Ok(CodecStep {
            taken: (self.total_in() - before.0) as usize,
            given: (self.total_out() - before.1) as usize,
            is_end: status == XzStatus::StreamEnd,
        })
    }
}

impl Stepwise for BzipDecompress {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<CodecStep> {
        let before = (self.total_in(), self.total_out());
        let status = self.decompress(input, output).map_err(io::Error::other)?;
        Ok(CodecStep {
            taken: (self.total_in() - before.0) as usize,
            given: (self.total_out() - before.1) as usize,
            is_end: status == BzipStatus::StreamEnd,
        })
    }
}
