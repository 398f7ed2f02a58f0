use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;

use super::super::content::{Content, faults, open};
use super::*;

const CODECS: [(Codec, &str); 4] =
    [(Codec::Gzip, "gz"), (Codec::Zstd, "zst"), (Codec::Xz, "xz"), (Codec::Bzip2, "bz2")];

fn compress(codec: Codec, content: &[u8]) -> Vec<u8> {
    let read = |mut reader: Box<dyn Read + '_>| {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    };
    match codec {
        Codec::Gzip => {
            read(Box::new(flate2::read::GzEncoder::new(content, flate2::Compression::fast())))
        }
        // Without a checksum, nothing stands behind what holds the last bytes.
        Codec::Zstd => zstd::encode_all(content, 1).unwrap(),
        Codec::Xz => read(Box::new(liblzma::read::XzEncoder::new(content, 0))),
        Codec::Bzip2 => {
            read(Box::new(bzip2::read::BzEncoder::new(content, bzip2::Compression::fast())))
        }
    }
}

fn with_checksum(content: &[u8]) -> Vec<u8> {
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    zstd.include_checksum(true).unwrap();
    zstd.write_all(content).unwrap();
    zstd.finish().unwrap()
}

fn opened(path: &Path) -> Content {
    let mut first = [0; Codec::MAGIC];
    let mut file = open(path).unwrap();
    let count = file.read(&mut first).unwrap();
    let codec = Codec::of(&first[..count]).or_else(|| Codec::named(path)).unwrap();
    Content::Compressed(Box::new(CompressedReader::new(file, codec)))
}

/// All that can be read, in steps; and why it is not more.
fn read(content: &mut Content, from: usize) -> (Vec<u8>, Option<Defect>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 50_000]);
    loop {
        let at = (from + bytes.len()) as u64;
        match content.read_to(u64::MAX, at, &mut buffer) {
            Ok(0) | Err(_) => return (bytes, content.defect()),
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
    let content = numbers();
    for (codec, extension) in CODECS {
        let path = dir.path().join(format!("log.1.{extension}"));
        std::fs::write(&path, compress(codec, &content)).unwrap();
        assert_eq!(Codec::named(&path), Some(codec));
        let mut reader = opened(&path);
        let mut buffer = vec![0; 300_000];
        // Decoders are slow in a debug build: only one of them goes back more than once.
        let offsets: &[usize] = match codec {
            Codec::Gzip => {
                &[0, 10, 290_000, 289_000, 3_000_000, 2_999_872, 4_700_000, 7, 4_600_000]
            }
            _ => &[10, 1_500_000, 1_499_872, 7],
        };
        for &offset in offsets {
            let count = reader.read_at(offset as u64, &mut buffer).unwrap();
            assert_eq!(count, buffer.len().min(content.len() - offset));
            assert!(buffer[..count] == content[offset..offset + count], "{codec:?} {offset}");
        }
        assert_eq!(reader.read_at(4_800_000, &mut buffer).unwrap(), 0, "{codec:?}");
        assert_eq!(reader.defect(), None, "{codec:?}");
    }
}

/// What a file that is written in these pieces gives, looked at between them.
fn read_as_it_grows(path: &Path, pieces: &[&[u8]]) -> (Vec<u8>, Option<Defect>) {
    let mut file = File::create(path).unwrap();
    let mut reader = opened(path);
    let (mut content, last) = (Vec::new(), pieces.len() - 1);
    for (at, piece) in pieces.iter().enumerate() {
        file.write_all(piece).unwrap();
        let (more, defect) = read(&mut reader, content.len());
        content.extend(more);
        // Twice, as it is when the file is looked at again and again.
        assert_eq!(read(&mut reader, content.len()), (Vec::new(), defect));
        if at == last {
            return (content, defect);
        }
        assert_eq!(defect, Some(Defect::Truncated), "{at}");
    }
    unreachable!()
}

#[test]
fn what_is_being_compressed_is_read_as_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let content = numbers();
    for (codec, extension) in CODECS {
        let path = dir.path().join(format!("log.1.{extension}"));
        // Of two members; the first does not end where a piece does.
        let whole = [compress(codec, &content[..99]), compress(codec, &content[99..])].concat();
        let pieces: Vec<_> = whole.chunks(whole.len() / 7).collect();
        let (read, defect) = read_as_it_grows(&path, &pieces);
        assert!(read == content && defect.is_none(), "{codec:?} {} {defect:?}", read.len());
    }
}

#[test]
fn a_damaged_file_is_read_so_far_and_padding_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let content = numbers();
    for (codec, extension) in CODECS {
        let path = dir.path().join(format!("log.1.{extension}"));
        let mut bytes = match codec {
            // As the command makes it; what has none may be damaged without being noticed.
            Codec::Zstd => with_checksum(&content),
            codec => compress(codec, &content),
        };
        std::fs::write(&path, [&bytes[..], &[0; 600]].concat()).unwrap();
        assert!(read(&mut opened(&path), 0) == (content.clone(), None), "{codec:?}");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 100].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let mut reader = opened(&path);
        let (mut found, defect) = read(&mut reader, 0);
        assert_eq!(defect, Some(Defect::Corrupt), "{codec:?}");
        found.truncate(1_000_000);
        assert!(found.len() == 1_000_000 && content.starts_with(&found), "{codec:?}");
        let Content::Compressed(reader) = &mut reader else { unreachable!() };
        assert!(reader.is_given_up(Instant::now()));
    }
}

#[test]
fn an_error_of_the_file_system_is_no_damage_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    for (codec, extension) in CODECS {
        let path = dir.path().join(format!("log.1.{extension}"));
        std::fs::write(&path, [compress(codec, b"one\n"), compress(codec, b"two\n")].concat())
            .unwrap();
        let number = std::fs::metadata(&path).unwrap().ino();
        let whole = std::fs::read(&path).unwrap();
        // Before anything is read, and where the second member would begin.
        for first in [0, compress(codec, b"one\n").len()] {
            std::fs::write(&path, &whole[..first]).unwrap();
            let mut content = opened(&path);
            let mut buffer = [0; 4];
            let begun = content.read_at(0, &mut buffer).unwrap_or_default();
            assert_eq!(begun, if first == 0 { 0 } else { 4 }, "{codec:?}");
            std::fs::write(&path, &whole).unwrap();
            faults::fail(number);
            content.read_at(4, &mut buffer).unwrap_err();
            assert_eq!(content.defect(), None, "{codec:?} {first}");
            faults::take();
            let Content::Compressed(reader) = &mut content else { unreachable!() };
            assert!(reader.has_failed() && reader.read_at(4, &mut buffer).is_err());
            reader.rewind();
            assert_eq!(read(&mut content, 0), (b"one\ntwo\n".to_vec(), None), "{codec:?} {first}");
        }
    }
}

#[test]
fn what_holds_nothing_for_very_long_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    for (codec, extension) in CODECS {
        let path = dir.path().join(format!("log.1.{extension}"));
        let (empty, text) = (compress(codec, b""), compress(codec, b"line\n"));
        for (members, defect) in [(500, None), (20_000, Some(Defect::Corrupt))] {
            std::fs::write(&path, [&text[..], &empty.repeat(members), &text].concat()).unwrap();
            let (content, found) = read(&mut opened(&path), 0);
            assert_eq!(found, defect, "{codec:?}");
            let expected = if defect.is_none() { "line\nline\n" } else { "line\n" };
            assert_eq!(content, expected.as_bytes(), "{codec:?}");
        }
        // A byte now and then does not count for much.
        let hardly = [empty.repeat(600), compress(codec, b"x")].concat();
        std::fs::write(&path, hardly.repeat(3)).unwrap();
        assert_eq!(read(&mut opened(&path), 0), (b"x".to_vec(), Some(Defect::Corrupt)));
    }
    // A frame that is to be skipped (RFC 8878, section 3.1.2), of which nothing is on disk.
    let path = dir.path().join("log.1.zst");
    for (size, defect) in [(1u32 << 20, None), (1 << 30, Some(Defect::Corrupt))] {
        let head = [&[0x50, 0x2a, 0x4d, 0x18], &size.to_le_bytes()[..]].concat();
        std::fs::write(&path, &head).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let end = head.len() as u64 + u64::from(size);
        std::os::unix::fs::FileExt::write_all_at(&file, &compress(Codec::Zstd, b"x"), end).unwrap();
        let (content, found) = read(&mut opened(&path), 0);
        assert_eq!((content.len(), found), (usize::from(defect.is_none()), defect));
    }
}

#[test]
fn what_ends_too_early_is_given_up_when_it_has_not_grown_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.1.gz");
    let whole = compress(Codec::Gzip, &numbers());
    std::fs::write(&path, &whole[..100_000]).unwrap();
    let Content::Compressed(mut reader) = opened(&path) else { unreachable!() };
    let now = Instant::now();
    assert!(!reader.is_given_up(now));
    assert!(!reader.is_given_up(now + STALLED - Duration::from_secs(1)));
    std::fs::write(&path, &whole[..100_001]).unwrap();
    assert!(!reader.is_given_up(now + STALLED));
    assert!(reader.is_given_up(now + 2 * STALLED));
}

proptest! {
    #[test]
    fn wherever_a_growing_file_is_cut_all_of_it_is_read(
        codec in 0usize..4,
        members in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..400), 1..4),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let (codec, extension) = CODECS[codec];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("log.1.{extension}"));
        let compressed: Vec<_> = members.iter().map(|it| compress(codec, it)).collect();
        let whole = compressed.concat();
        let mut ends = vec![0];
        ends.extend(compressed.iter().scan(0, |end, it| { *end += it.len(); Some(*end) }));
        let mut cuts: Vec<_> = cuts.iter().map(|at| at.index(whole.len())).collect();
        // Where a member ends, a file is complete for whoever reads it.
        cuts.retain(|at| !ends.contains(at));
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &whole[cut[0]..cut[1]]).collect();
        let (read, defect) = read_as_it_grows(&path, &pieces);
        prop_assert_eq!(read, members.concat(), "{:?}", codec);
        prop_assert_eq!(defect, None);
    }

    #[test]
    fn no_file_is_read_without_end(codec in 0usize..4, garbage in any::<Vec<u8>>(), keep in 0usize..80) {
        let (codec, extension) = CODECS[codec];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("log.1.{extension}"));
        let mut bytes = compress(codec, &[b'x'; 200]);
        bytes.truncate(keep);
        bytes.extend(garbage);
        std::fs::write(&path, bytes).unwrap();
        let (content, _) = read(&mut opened(&path), 0);
        prop_assert!(content.len() < 100_000_000);
    }
}

#[test]
fn a_plain_text_is_not_taken_for_a_compressed_file() {
    for text in [&b"BZh9 is what this begins with"[..], b"PK", b"", b"(", b"\x1f\x8b"] {
        assert_eq!(Codec::of(text), None);
    }
    for (codec, _) in CODECS {
        assert_eq!(Codec::of(&compress(codec, b"")), Some(codec));
        let bytes = compress(codec, b"text");
        assert_eq!(Codec::of(&bytes[..Codec::MAGIC]), Some(codec));
    }
}
