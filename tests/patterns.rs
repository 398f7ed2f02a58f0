//! Patterns held against RE2 itself, and against what Go's `regexp` says.
//!
//! The two differ in a few points. Where they do, Go counts, because remote_syslog2 was written in
//! it; [`DIFFERENCES`] names those points.

mod grammar;

use remote_syslog::filter::Patterns;

use self::grammar::Grammar;
use crate::support::peers::Judge;
use crate::support::recorded::Recorded;
use crate::support::{Receiver, Shipper, Site};

const TABLE: &str = "patterns.tsv";
/// How many patterns are recorded with Go's answers.
const RECORDED: usize = 1500;
/// How many patterns a run tries, and how many lines it holds against each.
const PATTERNS: u32 = 6000;
const LINES: u32 = 25;

/// What we say of `pattern`: whether it matches each of `lines`; `None` when it is refused.
fn judged(pattern: &str, lines: &[Vec<u8>]) -> Option<Vec<bool>> {
    let patterns = Patterns::new(&[pattern]).ok()?;
    Some(lines.iter().map(|line| patterns.matches(line)).collect())
}

/// Whether a point is about a pattern, and a line if it is about lines.
type IsAbout = fn(&str, &[u8]) -> bool;

/// Where RE2 and Go differ, with what we do: what Go does.
const DIFFERENCES: [(&str, IsAbout); 4] = [
    ("RE2 takes \\C, any byte: refused", |pattern, _| pattern.contains("\\C")),
    ("RE2 refuses a name that two groups have: taken", |pattern, _| {
        pattern.matches("(?P<n>").count() > 1
    }),
    ("Go takes (?<n>…) only since 1.22: taken", |pattern, _| pattern.contains("(?<")),
    ("RE2 has \\B hold between the bytes of one character: it does not", |pattern, line| {
        pattern.contains("\\B") && !line.is_ascii()
    }),
];

/// Each byte that is not UTF-8 as U+FFFD, as Go has it; RE2 matches nothing there.
fn as_go_reads(line: &[u8]) -> Vec<u8> {
    let chunks = line.utf8_chunks();
    let texts =
        chunks.map(|chunk| chunk.valid().to_owned() + &"\u{FFFD}".repeat(chunk.invalid().len()));
    texts.collect::<String>().into_bytes()
}

/// The seed of a run; another one is taken from the environment.
fn seed() -> u64 {
    let seed = std::env::var("REMOTE_SYSLOG_TEST_SEED");
    seed.map_or(12, |seed| seed.parse().expect("a number as REMOTE_SYSLOG_TEST_SEED"))
}

/// Asks `ask` about random patterns and lines, and returns where it and we differ.
fn differences(
    mut ask: impl FnMut(&str, &[Vec<u8>]) -> Option<Vec<bool>>,
    is_known: impl Fn(&str, &[u8]) -> bool,
) -> Vec<String> {
    let mut grammar = Grammar::new(seed());
    let (mut found, mut refused, mut matched, mut pairs) = (Vec::new(), 0, 0, 0);
    for _ in 0..PATTERNS {
        let pattern = grammar.pattern();
        let lines: Vec<_> = (0..LINES).map(|_| grammar.line(&pattern)).collect();
        let (theirs, ours) = (ask(&pattern, &lines), judged(&pattern, &lines));
        if is_known(&pattern, b"") {
            continue;
        }
        let (Some(theirs), Some(ours)) = (&theirs, &ours) else {
            refused += 1;
            if theirs.is_some() != ours.is_some() {
                let taken = if ours.is_some() { "we take it" } else { "we refuse it" };
                found.push(format!("{pattern:?}: {taken}"));
            }
            continue;
        };
        for ((line, theirs), ours) in lines.iter().zip(theirs).zip(ours) {
            if is_known(&pattern, line) {
                continue;
            }
            pairs += 1;
            matched += u32::from(*theirs);
            if theirs != ours {
                found.push(format!("{pattern:?} on \"{}\": we say {ours}", line.escape_ascii()));
            }
        }
    }
    println!("{refused} patterns refused, {pairs} pairs, of which {matched} match");
    // A grammar that makes nothing but nonsense would prove nothing.
    assert!(refused < PATTERNS / 4 && pairs >= 100_000 && matched > pairs / 8);
    found
}

#[track_caller]
fn assert_none(found: &[String]) {
    let shown = found.len().min(50);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found[..shown].join("\n"));
}

#[test]
fn re2_itself_says_the_same() {
    let Some(mut re2) = Judge::re2() else { return };
    let ask = |pattern: &str, lines: &[Vec<u8>]| {
        let lines: Vec<_> = lines.iter().map(|line| as_go_reads(line)).collect();
        re2.judge(pattern.as_bytes(), &lines)
    };
    let is_known = |pattern: &str, line: &[u8]| {
        DIFFERENCES.iter().any(|(_, is_about)| is_about(pattern, line))
    };
    assert_none(&differences(ask, is_known));
}

#[test]
fn go_has_said_the_same() {
    for Recorded { pattern, texts, answers } in Recorded::read(TABLE) {
        let pattern = String::from_utf8(pattern).unwrap();
        // Newer versions of Go take it; the one that was asked did not.
        if !pattern.contains("(?<") {
            assert_eq!(judged(&pattern, &texts), answers, "{pattern:?}");
        }
    }
}

#[test]
fn go_says_the_same_where_it_is_installed() {
    let Some(mut go) = Judge::go("pattern") else { return };
    let mut grammar = Grammar::new(34);
    let recorded = (0..RECORDED).map(|_| {
        let pattern = grammar.pattern();
        let texts: Vec<_> = (0..10).map(|_| grammar.line(&pattern)).collect();
        let answers = go.judge(pattern.as_bytes(), &texts);
        Recorded { pattern: pattern.into_bytes(), texts, answers }
    });
    Recorded::update(TABLE, recorded);
    let ask = |pattern: &str, lines: &[Vec<u8>]| go.judge(pattern.as_bytes(), lines);
    assert_none(&differences(ask, |pattern, _| pattern.contains("(?<")));
}

/// What a dry run prints of `content`, with these patterns; the texts of the messages.
fn kept(content: &[u8], patterns: &str) -> Vec<String> {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", content);
    let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint());
    let shipper = shipper.yaml(&format!("exclude_patterns: {patterns}")).reading_from_start();
    let output = shipper.arg("--dry-run").arg("--once").output();
    assert!(output.status.success());
    let frames = String::from_utf8(output.stdout).unwrap();
    let text = |frame: &str| frame.split_once(" - - - ").unwrap().1.to_owned();
    frames.lines().map(text).collect()
}

#[test]
fn a_line_is_seen_as_people_see_it() {
    let content = b"\xEF\xBB\xBF#Software: x\r\nGET /ping\r\nGET /\r\n\xEF\xBB\xBF#\r\n#last";
    let texts = kept(content, "['^#', 'ping$']");
    assert_eq!(texts.iter().map(|text| text.trim()).collect::<Vec<_>>(), ["GET /", "\u{FEFF}#"]);
    assert_eq!(kept(b"\xEF\xBB\xBF#unfinished\r", "['^#unfinished$']"), [""; 0]);
}

#[test]
fn check_line_says_what_the_daemon_does() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    for (line, is_sent) in [("GET /ping", false), ("GET /ping\r", false), ("GET /pings", true)] {
        let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint());
        let shipper = shipper.yaml("exclude_patterns: ['ping$']");
        let output = shipper.arg("--check").arg("--line").arg(line).output();
        let said = String::from_utf8(output.stdout).unwrap();
        let verdict = if is_sent { "sent: " } else { "dropped: " };
        assert!(said.starts_with(verdict), "{line:?}: {said}");
        assert_eq!(output.status.success(), is_sent, "{line:?}");
        let texts = kept(format!("{line}\n").as_bytes(), "['ping$']");
        assert_eq!(texts.len(), usize::from(is_sent), "{line:?}");
    }
}
