//! What must hold for any pattern and any lines.

use regex_syntax::hir::Hir;

use super::{Patterns, decoded, re2};

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
        assert_eq!(drops, patterns.drops(&decoded(line)), "{pattern:?} on {line:?}");
        !drops
    };
    let first = lines.split(|&byte| byte == b'\n').next().unwrap_or_default();
    assert_eq!(patterns.drops(first), !patterns.dropping(first).is_empty(), "{pattern:?}");
    let each: Vec<u8> = each.filter(is_kept).flatten().copied().collect();
    let whole: Vec<u8> = patterns.kept(&lines).flatten().copied().collect();
    assert_eq!(whole, each, "{pattern:?}");
}

/// `data` is a pattern.
pub(crate) fn check_syntax(data: &[u8]) {
    let pattern = String::from_utf8_lossy(data);
    if let Err(error) = re2::parse(&pattern) {
        assert!(!error.to_string().is_empty());
    }
    // A backslash takes its meaning from any sign.
    let mut quoted = String::new();
    for c in pattern.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    let literal = if pattern.is_empty() { Hir::empty() } else { Hir::literal(pattern.as_bytes()) };
    assert_eq!(re2::parse(&quoted).ok(), Some(literal), "{quoted:?}");
}
