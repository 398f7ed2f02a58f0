//! The lines, one by one.

use super::super::table::arbitrary::change;
use super::*;
use proptest::prelude::*;

fn round_trip(change: &TableChange) -> TableChange {
    let mut out = Vec::new();
    encode_change(change, &mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'), "one line");
    match decode(&out) {
        Some(Line::TableChange(change)) => change,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(&out)),
    }
}

#[test]
fn a_line_is_for_people() {
    let source = Source {
        id: SourceId(7),
        order: 3,
        path: Path::new("/var/log/a.log").into(),
        real: None,
        inode: Inode {
            device: 2049,
            number: 131_072,
            born: NonZero::new(1_700_000_000_123_456_789),
        },
    };
    let position = Position {
        offset: 12_345,
        head: Head { len: 1024, hash: 0xab },
        anchor: Anchor { len: 128, hash: u64::MAX },
        modified: 1_700_000_000_000_000_001,
        ..Position::default()
    };
    let kept = Row { reached: Milestone { source, position }.into(), seen: 1_700_000_001 };
    let mut out = Vec::new();
    encode_change(&TableChange::Known(kept), &mut out);
    let text = String::from_utf8(out).unwrap();
    let expected = r#"{"path":"/var/log/a.log","offset":12345,"modified":"2023-11-14T22:13:20.000000001Z","seen":"2023-11-14T22:13:21Z","id":7,"order":3,"device":2049,"inode":131072,"born":"2023-11-14T22:13:20.123456789Z","head":"1024:00000000000000ab","anchor":"128:ffffffffffffffff","sum":""#;
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_extremes_survive() {
    for (time, number) in [(i64::MIN, 0), (i64::MAX, u64::MAX), (0, 1 << 63)] {
        let source = Source {
            id: SourceId(number),
            order: number,
            path: PathBuf::from(OsString::from_vec(b"/a\xFF\n\0\"".to_vec())).into(),
            real: None,
            inode: Inode { device: number, number, born: NonZero::new(time) },
        };
        let position = Position {
            offset: number.max(Anchor::MAX as u64),
            head: Head { len: Head::MAX as u16, hash: number },
            anchor: Anchor { len: Anchor::MAX as u8, hash: number },
            mid_record: true,
            starts: [RecordStart::default(); 2],
            modified: time,
        };
        let kept = Row { reached: Milestone { source, position }.into(), seen: 0 };
        assert_eq!(round_trip(&TableChange::Known(kept.clone())), TableChange::Known(kept));
    }
}

#[test]
fn only_a_higher_version_is_newer() {
    assert_eq!(newer_version(br#"{"format":"remote_syslog positions","version":2}"#), Some(2));
    assert_eq!(newer_version(br#"{"format":"remote_syslog positions","version":1}"#), None);
    assert_eq!(newer_version(br#"{"format":"something else","version":2}"#), None);
    assert_eq!(newer_version(b"{}"), None);
}

proptest! {
    #[test]
    fn every_change_survives(change in change()) {
        prop_assert_eq!(round_trip(&change), change);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_none());
        newer_version(&bytes);
    }

    #[test]
    fn nothing_within_the_checksum_makes_it_panic(text in "\\{(\"[a-z_]{1,8}\":[0-9\"x:]{0,9},?){0,6}") {
        let mut line = text.clone().into_bytes();
        line.extend_from_slice(format!(r#","sum":"{:016x}"}}"#, xxh3_64(text.as_bytes())).as_bytes());
        decode(&line);
    }

    #[test]
    fn every_changed_byte_is_noticed(change in change(), at in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let mut out = Vec::new();
        encode_change(&change, &mut out);
        out.pop();
        let at = at.index(out.len());
        out[at] ^= by;
        prop_assert!(decode(&out).is_none());
    }
}
