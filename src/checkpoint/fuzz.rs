//! The state files against whatever may stand in them.

use super::file::{self, Contents};
use super::table::TableChange;
use super::{assemble, format};

/// `data` holds the base and, behind a line `---`, the recent changes; each line as it stands there,
/// and once more with a checksum that is right.
pub(crate) fn check(data: &[u8]) {
    let parted = data.windows(5).position(|it| it == b"\n---\n");
    let (base, recent) = parted.map_or((data, &[][..]), |at| (&data[..=at], &data[at + 5..]));
    whole(base, recent);
    whole(&sealed(base), &sealed(recent));
}

fn sealed(text: &[u8]) -> Vec<u8> {
    text.split_inclusive(|&byte| byte == b'\n').flat_map(format::resealed).collect()
}

/// Every source is known once, and what is written of it is read again as it was.
fn whole(base: &[u8], recent: &[u8]) {
    let [base, recent] = [base, recent].map(file::parse);
    let is_sound = |contents: &Contents| contents.problem.is_none();
    let was_sound = is_sound(&base) && is_sound(&recent);
    let mut table = assemble(base, recent);
    let records = table.records();
    assert!(records.windows(2).all(|two| two[0].reached.source.id < two[1].reached.source.id));
    assert!(
        records
            .iter()
            .map(|record| record.reached.source.id)
            .all(|id| id < table.next_id() || id.0 == u64::MAX)
    );
    assert!(was_sound || table.is_dirty(), "what was kept aside is written anew");
    table.need_base();
    let snapshot = table.snapshot();
    let mut lines = Vec::new();
    for change in &snapshot.changes {
        assert!(matches!(change, TableChange::Known(_)), "a base forgets nothing");
        format::encode_change(change, &mut lines);
    }
    let again = lines.split_inclusive(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").and_then(format::decode);
        assert!(matches!(line, Some(format::Line::TableChange(TableChange::Known(_)))));
    });
    assert_eq!(again.count(), records.len());
}
