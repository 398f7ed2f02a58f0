use std::fs;
use std::io::Write;

use super::super::directories::Disk;
use super::*;

#[test]
fn a_copy_begins_and_ends_like_what_was_read_and_has_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let banner = "-".repeat(Head::MAX);
    let found = |name: &str, text: &str| {
        let (path, bytes) = (dir.path().join(name), format!("{banner}{text}"));
        let file = fs::File::create(&path).unwrap();
        match name.ends_with(".gz") {
            true => flate2::write::GzEncoder::new(file, flate2::Compression::fast())
                .write_all(bytes.as_bytes())
                .unwrap(),
            false => (&file).write_all(bytes.as_bytes()).unwrap(),
        }
        Found::open(&Directories::new(Disk), path).unwrap().unwrap()
    };
    let large = |more: &str| found("app.log.2.gz", &["a\n".repeat(2 << 20), more.into()].concat());
    let end = position_in(&mut large("").content, Head::MAX as u64 + (4 << 20)).unwrap();
    assert!(large("").is_all_before(&end).unwrap());
    assert!(large("\0\0").is_all_before(&end).unwrap());
    assert!(!large("\0\0b\n").is_all_before(&end).unwrap());
    let mut longer = large("b\n");
    assert!(!longer.is_all_before(&end).unwrap());
    assert_eq!(longer.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);

    // Of several ends, only the one that is the archive's own counts.
    let ends = |offsets: &[u64]| {
        let mut whole = large("");
        let end_at = |&at: &u64| position_in(&mut whole.content, Head::MAX as u64 + at).unwrap();
        offsets.iter().map(end_at).collect::<Vec<_>>()
    };
    for (offsets, is) in [
        (&[1000, 4 << 20, 2000][..], true),
        (&[1000, 2000], false),
        (&[4 << 20], true),
        (&[], false),
    ] {
        let ends = ends(offsets);
        let mut whole = large("");
        assert_eq!(whole.is_all_before_any(ends.iter()).unwrap(), is, "{offsets:?}");
        assert_eq!(whole.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);
        assert!(!large("b\n").is_all_before_any(ends.iter()).unwrap());
    }

    let mut original = found("app.log", "one\ntwo\n").content;
    let end = position_in(&mut original, Head::MAX as u64 + 8).unwrap();
    for gz in ["", ".gz"] {
        let mut is = |text| {
            let mut found = found(&format!("app.log.1{gz}"), text);
            let first = (
                found.is_all_before(&end).unwrap(),
                found.is_copy_of(&mut original, true).unwrap(),
            );
            // It can be read from its start afterwards.
            assert_eq!(found.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);
            first
        };
        assert_eq!(is("one\ntwo\n"), (true, true));
        assert_eq!(is("one\ntwo\nthree\n"), (false, false));
        assert_eq!(is("one\nTwo\n"), (false, false));
        // A copy that was made before the last line came.
        assert_eq!(is("one\n"), (false, gz.is_empty()));
    }
}

#[test]
fn what_was_written_lately_or_will_be_soon_is_fresh() {
    const SECOND: i64 = 1_000_000_000;
    let is_fresh = |seconds: i64| is_fresh_at(0, seconds * SECOND);
    assert_eq!([-31, -29, 0, 70, 3599, 3601].map(is_fresh), [false, true, true, true, true, false]);
}
