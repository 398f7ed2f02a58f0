use proptest::prelude::*;

use super::*;

fn drops(pattern: &str, line: impl AsRef<[u8]>) -> bool {
    Patterns::new(&[pattern]).unwrap().matches(line.as_ref())
}

#[test]
fn no_patterns_match_nothing() {
    assert!(!Patterns::new::<&str>(&[]).unwrap().matches(b""));
    assert!(!Patterns::default().matches(b"anything"));
}

#[test]
fn patterns_are_not_anchored_and_any_of_them_counts() {
    let patterns = Patterns::new(&["don't log on me", r"\d+ things", "^start", "a.*z$"]).unwrap();
    for line in ["please don't log on me!", "got 12 things", "start of it", "from a to z"] {
        assert!(patterns.matches(line.as_bytes()), "{line}");
    }
    for line in ["do log on me", "things", "a start", "from a to z."] {
        assert!(!patterns.matches(line.as_bytes()), "{line}");
    }
}

#[test]
fn perl_classes_are_ascii_as_in_re2() {
    assert!(drops(r"^\d+$", "123") && !drops(r"^\d+$", "١٢٣"));
    assert!(drops(r"^\w+$", "az_9") && !drops(r"^\w+$", "é"));
    assert!(drops(r"^[\w.]+$", "a.b") && drops(r"^[^\d]$", "é"));
    assert!(!drops(r"^\s$", "\u{a0}") && drops(r"^\S$", "é") && drops(r"^[\S]$", "é"));
    assert!(drops(r"é\b", "éa"), "é is no word character in RE2");
}

#[test]
fn re2_escapes() {
    assert!(drops(r"\Qa.b[\E.$", "a.b[x") && !drops(r"^\Qa.b\E$", "axb"));
    assert!(drops(r"\Q*", "a*b"));
    assert!(drops(r"^\101\x42\x{43}$", "ABC"));
    assert!(drops(r"^\pL\p{Greek}$", "aπ"));
    assert!(drops(r"(?i)error|(?P<n>warn)", "an ERROR"));
}

#[test]
fn brackets_in_classes_stand_for_themselves() {
    assert!(drops(r"^[[]$", "[") && drops(r"^[]a]$", "]") && drops("^[^]a]$", "b"));
    assert!(drops(r"^[[:alpha:]-]$", "-") && drops("^[[:^digit:]]$", "x"));
    assert!(drops("^[a&&b]$", "&") && drops("^[a~~b]$", "~"));
}

#[test]
fn bytes_that_are_not_utf8_are_one_character_each() {
    assert!(drops("^a.b$", b"a\xFFb") && drops("^a[^x]b$", b"a\xE9b"));
    assert!(drops("caf", b"caf\xE9"));
}

#[test]
fn each_bad_pattern_is_named() {
    let errors = Patterns::new(&["fine", "a(b", "x{2,1}"]).unwrap_err();
    assert_eq!(errors.iter().map(|e| e.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        errors[0].to_string(),
        "pattern \"a(b\" is no regular expression: a '(' is not closed"
    );
}

#[test]
fn those_that_match_are_named_as_they_were_written() {
    let patterns = Patterns::new(&[r"\d+", "b", "^a", "caf\u{fffd}"]).unwrap();
    assert_eq!(patterns.len(), 4);
    assert_eq!(patterns.matching(b"a1"), [(0, r"\d+"), (2, "^a")]);
    assert_eq!(patterns.matching(b"x"), []);
    assert_eq!(patterns.matching(b"b caf\xE9"), [(1, "b"), (3, "caf\u{fffd}")]);
    assert_eq!(Patterns::default().matching(b"a"), []);
}

#[test]
fn a_line_is_seen_without_what_ends_it_and_a_file_without_its_byte_order_mark() {
    let patterns = Patterns::new(&["^#", "ping$", "^$", "mark.$"]).unwrap();
    assert!(patterns.drops(b"GET /ping\r") && !patterns.matches(b"GET /ping\r"));
    assert_eq!(patterns.dropping(b"ping\r"), [(1, "ping$")]);
    assert!(!patterns.drops(b"ping\r\r"), "one is the end of the line, no more");
    let lines = b"\xEF\xBB\xBF#one\r\ntwo\nGET /ping\r\nmark\r\n\xEF\xBB\xBF#\n\r\n";
    let left = |kept: Kept<'_>| kept.flatten().copied().collect::<Vec<_>>();
    let rest = b"two\nmark\r\n\xEF\xBB\xBF#\n";
    assert_eq!(left(patterns.kept(lines).of_file_start()), rest);
    assert_eq!(left(patterns.kept(lines)), [&lines[..9], rest].concat());
    let none = Patterns::default();
    let runs: Vec<_> = none.kept(lines).of_file_start().collect();
    assert_eq!(runs, [&lines[..]]);
    let first = Patterns::new(&["two"]).unwrap();
    let runs: Vec<_> = first.kept(lines).of_file_start().collect();
    assert_eq!(runs, [&lines[..9], &lines[13..]]);
}

/// What is kept of `lines`, as the whole and as judged one by one.
fn both(patterns: &Patterns, lines: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut kept = patterns.kept(lines);
    let whole: Vec<u8> = kept.by_ref().flatten().copied().collect();
    let each = lines.split_inclusive(|&byte| byte == b'\n');
    let each: Vec<_> = each.filter(|line| !patterns.drops(&line[..line.len() - 1])).collect();
    let lines = lines.split_inclusive(|&byte| byte == b'\n').count() as u64;
    assert_eq!(kept.dropped, lines - each.len() as u64);
    (whole, each.concat())
}

fn scan_of(patterns: &[&str]) -> &'static str {
    match Patterns::new(patterns).unwrap().compiled.unwrap().scan {
        Scan::Literals(_) => "literals",
        Scan::Automaton(_) => "automaton",
        Scan::Lines => "lines",
        Scan::Blocks(_) | Scan::Words(_) | Scan::ByteRow(_) | Scan::Byte(_) => "something quick",
    }
}

#[test]
fn usual_patterns_are_found_by_their_literals() {
    for patterns in [
        &["don't log on me"][..],
        &["(healthz|readyz)", r"\d+ things", "^127[.]0[.]0[.]1 ", "GET /static/.*[.]map"],
        &["(?i)debug"],
        &["(?:a|(?P<n>bcd)+)longer"],
        &["über alles"],
    ] {
        assert_eq!(scan_of(patterns), "literals", "{patterns:?}");
    }
    for patterns in [&["^$"][..], &[r"\d{3}"], &["literal", r"^\s*#"], &["\u{FFFD}\u{FFFD}"]] {
        assert_eq!(scan_of(patterns), "automaton", "{patterns:?}");
    }
}

#[test]
fn no_match_crosses_a_newline_or_sees_one() {
    let lines = b"one\ntwo\n\n  \nthree\r\nsix 6\n";
    for pattern in [
        "^$",
        "^",
        "$",
        r"\A\z",
        r"\s",
        r"\s$",
        "e\\s*t",
        "(?s)one.*two",
        "[^x]+x",
        r"[^a-z]\z",
        "one\\ntwo",
        r"\btwo\b",
        r"\B",
        "(?m)^two$",
        "^three$",
        "three.$",
        "\\r",
        "x*",
        r"6?$",
        "^ +$",
        r"[\n]",
        r"(?s).{4}",
        r"\B$",
    ] {
        let patterns = Patterns::new(&[pattern]).unwrap();
        let (whole, each) = both(&patterns, lines);
        assert_eq!(whole, each, "{pattern}");
    }
}

#[test]
fn runs_are_as_long_as_they_can_be() {
    let patterns = Patterns::new(&["drop"]).unwrap();
    let lines = b"drop\na\nb\ndrop\ndrop it\nc\ndrop\n";
    let runs: Vec<_> = patterns.kept(lines).collect();
    assert_eq!(runs, [&b"a\nb\n"[..], b"c\n"]);
    assert_eq!(Patterns::default().kept(lines).collect::<Vec<_>>(), [&lines[..]]);
    assert_eq!(Patterns::default().kept(b"").next(), None);
}

/// Pieces that, put together, make most of what patterns hold.
fn piece() -> impl Strategy<Value = String> {
    let atoms = [
        "a",
        "abc",
        "abcd",
        "b",
        " ",
        "\\n",
        "\\s",
        "\\S",
        "\\d",
        "\\D",
        "\\w",
        "\\W",
        ".",
        "^",
        "$",
        "\\A",
        "\\z",
        "\\b",
        "\\B",
        "[^a]",
        "[a\\n]",
        "[[:space:]]",
        "(?m)^",
        "(?m)$",
        "(?s:.)",
        "\\x{FFFD}",
        "é",
        "(?i)ab",
        "\\r",
        "",
        "\\pL",
        "(?m:$)",
    ];
    let atom = proptest::sample::select(atoms.to_vec()).prop_map(str::to_owned);
    atom.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}|{b})")),
            (inner, proptest::sample::select(vec!["*", "+", "?", "{2}", "*?", "{1,3}"]))
                .prop_map(|(a, times)| format!("(?:{a}){times}")),
        ]
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 17] = [
        b"a",
        b"abc",
        b"abcd",
        b"b",
        b" ",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"7",
        b"\xC3\xA9",
        b"\xFF",
        b"B",
        b"\xEF\xBF\xBD",
        b"\xEF",
        b"\0",
        b"_",
    ];
    let word = proptest::sample::select(words.to_vec());
    proptest::collection::vec(word, 0..40).prop_map(|words| [words.concat(), b"\n".into()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_whole_is_judged_as_each_line_is(
        patterns in proptest::collection::vec(piece(), 1..4),
        lines in text(),
    ) {
        // Some combinations are no patterns, such as a repeated assertion.
        if let Ok(patterns) = Patterns::new(&patterns) {
            let (whole, each) = both(&patterns, &lines);
            prop_assert_eq!(whole, each);
        }
    }
}

#[test]
fn patterns_that_repeat_much_are_taken_as_far_as_the_memory_goes() {
    // What Go takes one by one.
    let many = |pattern: &str| -> Vec<_> {
        (0..200).map(|i| pattern.replace('#', &i.to_string())).collect()
    };
    for pattern in [".{0,1000}x#", "x#.{0,1000}", "(.{0,1000}x#|y#.{1,1000})"] {
        let patterns = Patterns::new(&many(pattern)).unwrap();
        assert!(patterns.matches(b"an x199.") && !patterns.matches(b"an x"), "{pattern}");
    }
    let errors =
        Patterns::new(&["x", &format!("a{}b", r"\pL{0,1000}-".repeat(5)), "y"]).unwrap_err();
    let [error] = &*errors else { panic!("{errors:?}") };
    assert!(error.is_too_large && error.index == 1);
    let text = error.to_string();
    assert!(text.contains("cannot be used: all patterns together take more than 64 MiB"), "{text}");
}
