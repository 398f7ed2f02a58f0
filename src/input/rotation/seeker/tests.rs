use std::fs::File;
use std::io::Write;

use super::*;
use crate::input::read::codec::Codec;
use crate::input::read::content::faults;

const INODE: Inode = Inode { device: 1, number: 2, born: None };

/// A compressed file with so many bytes of content, all of them `a` but the last.
fn archive(size: usize) -> CompressedReader {
    let path = tempfile::NamedTempFile::new().unwrap();
    let compression = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(path.reopen().unwrap(), compression);
    gzip.write_all(&vec![b'a'; size - 1]).unwrap();
    gzip.write_all(b"z").unwrap();
    gzip.finish().unwrap();
    CompressedReader::new(File::open(path.path()).unwrap(), Codec::Gzip)
}

/// Asks until there is an answer, as whoever looks for something does.
fn seek(seeker: &Seeker, reader: &mut CompressedReader, offset: u64) -> usize {
    let limit = Instant::now() + Duration::from_secs(60);
    for asked in 0.. {
        match seeker.seek(reader, INODE, offset) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            answer => {
                answer.unwrap();
                return asked;
            }
        }
        assert!(Instant::now() < limit, "no answer");
        thread::sleep(Duration::from_millis(5));
    }
    unreachable!()
}

fn byte_at(reader: &mut CompressedReader, offset: u64) -> Option<u8> {
    let mut byte = [0];
    (reader.read_at(offset, &mut byte).unwrap() == 1).then_some(byte[0])
}

#[test]
fn a_near_place_is_reached_at_once_and_a_far_one_by_the_thread() {
    let size = 3 * SLICE as usize;
    let seeker = Seeker::with(1 << 20);
    let mut reader = archive(size);
    assert_eq!(seek(&seeker, &mut reader, 1000), 0);
    let last = size as u64 - 1;
    assert!(seek(&seeker, &mut reader, last) > 0);
    assert_eq!(
        (byte_at(&mut reader, last - 1), byte_at(&mut reader, last)),
        (Some(b'a'), Some(b'z'))
    );
    assert_eq!(byte_at(&mut reader, last + 1), None);
    assert!(reader.is_at_end() && reader.end() == size as u64);
}

#[test]
fn what_stands_far_is_kept_for_who_asks_again() {
    let size = 2 * AT_ONCE as usize;
    let seeker = Seeker::with(1 << 20);
    let mut reader = archive(size);
    let far = size as u64 - 1000;
    seek(&seeker, &mut reader, far);
    seeker.keep(&mut reader, INODE).unwrap();
    assert_eq!(reader.end(), 0);
    // It goes on from there, so nothing is left to do for the thread.
    let mut again = archive(size);
    assert_eq!(seek(&seeker, &mut again, far + 500), 0);
    assert_eq!(byte_at(&mut again, size as u64 - 1), Some(b'z'));
    // What lies before it begins anew.
    seeker.keep(&mut again, INODE).unwrap();
    assert!(seek(&seeker, &mut again, 2 << 20) > 0);
    assert_eq!(byte_at(&mut again, 2 << 20), Some(b'a'));
}

#[test]
fn one_that_could_not_be_read_says_so_each_time_and_is_not_kept() {
    let size = 2 * AT_ONCE as usize;
    let seeker = Seeker::with(u64::MAX);
    let mut reader = archive(size);
    reader.advance(AT_ONCE + 1000, u64::MAX).unwrap();
    faults::fail(reader.file_number());
    let far = size as u64 - 1000;
    // It counts as arrived, and reading says why it is not there.
    for _ in 0..2 {
        assert_eq!(seek(&seeker, &mut reader, far), 0);
        let error = reader.read_at(far, &mut [0]).unwrap_err();
        assert!(error.raw_os_error().is_some() && reader.defect().is_none(), "{error}");
    }
    seeker.keep(&mut reader, INODE).unwrap();
    assert!(seeker.state().readers.is_empty());
    // Whatever became of it, it says so to one alone who asks again.
    let mut other = archive(size);
    other.advance(AT_ONCE + 1000, u64::MAX).unwrap();
    faults::fail(other.file_number());
    other.read_at(far, &mut [0]).unwrap_err();
    seeker.state().keep(INODE, other);
    assert_eq!(seek(&seeker, &mut reader, far), 0);
    reader.read_at(far, &mut [0]).unwrap_err();
    seeker.keep(&mut reader, INODE).unwrap();
    faults::take();
    assert_eq!(seek(&seeker, &mut reader, far), 0);
    assert_eq!(byte_at(&mut reader, size as u64 - 1), Some(b'z'));
}

#[test]
fn many_near_places_are_far_together_and_few_readers_are_kept() {
    let seeker = Seeker::with(1 << 20);
    let is_there = |reader: &mut CompressedReader, number| {
        seeker.seek(reader, Inode { number, ..INODE }, 700_000).is_ok()
    };
    assert!(is_there(&mut archive(1 << 20), 10));
    assert!(!is_there(&mut archive(1 << 20), 11));
    seeker.turn_ends();
    assert!(is_there(&mut archive(1 << 20), 13));
    for number in 20..30 {
        let mut reader = archive(AT_ONCE as usize + 1);
        reader.advance(u64::MAX, u64::MAX).unwrap();
        seeker.keep(&mut reader, Inode { number, ..INODE }).unwrap();
    }
    let state = seeker.state();
    let kept = state.readers.values().filter(|it| matches!(it, Seek::Kept(..))).count();
    assert!(kept <= KEPT, "{kept}");
    assert!(matches!(state.readers.get(&Inode { number: 29, ..INODE }), Some(Seek::Kept(..))));
}
