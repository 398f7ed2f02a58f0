//! What must hold for any pattern and any lines.

use super::{Patterns, decoded};

/// `data` holds a pattern, and behind its newline lines.
pub(crate) fn check(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let pattern = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let mut lines = parts.next().unwrap_or_default().to_vec();
    lines.push(b'\n');
    // A second one has the two searched for together.
    let Ok(patterns) = Patterns::new(&[pattern.as_str(), "two words"]) else {
        assert!(Patterns::new(&[pattern]).is_err(), "a second pattern makes the first one wrong");
        return;
    };
    let each = lines.split_inclusive(|&byte| byte == b'\n');
    let is_kept = |line: &&[u8]| {
        let line = &line[..line.len() - 1];
        let drops = patterns.drops(line);
        assert_eq!(drops, !patterns.dropping(line).is_empty(), "{pattern:?} on {line:?}");
        assert_eq!(drops, patterns.drops(&decoded(line)), "{pattern:?} on {line:?}");
        !drops
    };
    let each: Vec<u8> = each.filter(is_kept).flatten().copied().collect();
    let whole: Vec<u8> = patterns.kept(&lines).flatten().copied().collect();
    assert_eq!(whole, each, "{pattern:?}");
}
