use regex_automata::meta;

use super::*;

/// Whether `pattern` matches somewhere in `text`.
#[track_caller]
fn matches(pattern: &str, text: &str) -> bool {
    let hir = parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    meta::Builder::new().build_from_hir(&hir).unwrap().is_match(text)
}

#[track_caller]
fn assert_matches(cases: &[(&str, &str)]) {
    for (pattern, text) in cases {
        assert!(matches(pattern, text), "{pattern} on {text:?}");
    }
}

#[track_caller]
fn assert_differs(cases: &[(&str, &str)]) {
    for (pattern, text) in cases {
        assert!(!matches(pattern, text), "{pattern} on {text:?}");
    }
}

#[test]
fn a_brace_that_begins_no_repetition_is_itself() {
    assert_matches(&[
        (r#"^{"level":"debug"$"#, r#"{"level":"debug""#),
        ("^GET /v{id}/$", "GET /v{id}/"),
        ("^{{.*}}$", "{{x}}"),
        ("^a{,5}$", "a{,5}"),
        ("^a{01}$", "a{01}"),
        ("^a{ 1 }$", "a{ 1 }"),
        ("^a{1,2$", "a{1,2"),
        ("^a{1,x}$", "a{1,x}"),
        ("^(foo|{)$", "{"),
        ("^a*{$", "aa{"),
        ("^{+$", "{{"),
        ("^a{2}$", "aa"),
        ("^a{2,}?$", "aaa"),
        ("^a{0}$", ""),
    ]);
    assert_differs(&[("^a{01}$", "a"), ("^a{1,2}$", "aaa"), ("^a{,5}$", "aa")]);
}

#[test]
fn signs_behind_a_backslash_are_themselves() {
    assert_matches(&[
        (r"^\<b\>$", "<b>"),
        (r#"^\-\_\/\"\'\%\&\~\@\!\#\,\:\;\=\`\ $"#, "-_/\"'%&~@!#,:;=` "),
        (r"^\101\x42\x{43}\07\0\060$", "ABC\x07\x000"),
        (r"^\777$", "\u{1FF}"),
        (r"^\a\f\n\r\t\v$", "\x07\x0C\n\r\t\x0B"),
        (r"^\Qa.b[\E+$", "a.b[["),
        (r"^\Q\Ea$", "a"),
        (r"a\Q*", "a*"),
        (r"(?i)^\QaB\E$", "Ab"),
        (r"^[\]\-\\\x41-\x43\101]$", "B"),
        (r"\x{D800}|a", "a"),
    ]);
    assert_differs(&[(r"\<b", "b"), (r"\x{D800}", "\u{FFFD}")]);
}

#[test]
fn classes_hold_what_they_hold_in_go() {
    assert_matches(&[
        (r"^[:alpha:]\d$", "a5"),
        ("^[:digit:]$", "d"),
        ("^[[:alpha:]]$", "q"),
        ("^[[:^alpha:]]$", "1"),
        ("^[[:word:]-]+$", "a-_1"),
        ("^[[:a]$", ":"),
        ("^[]a]$", "]"),
        ("^[^]a]$", "b"),
        ("^[a-]$", "-"),
        ("^[-a]$", "-"),
        ("^[+--]$", ","),
        (r"^[\d-z]$", "-"),
        (r"^[\w-]+$", "a-b"),
        ("^[a&&b]$", "&"),
        ("^[a~~b]$", "~"),
        ("^[!--b]$", "b"),
        ("^[[]$", "["),
        (r"^[^\D]$", "7"),
        (r"^[\x{D7FF}-\x{E000}]$", "\u{E000}"),
    ]);
    assert_differs(&[
        ("^[[:space:]]$", "s"),
        (r"^[:space:]\d+$", "s0-9999"),
        (r"^\s$", "\u{B}"),
        (r"^[^\x00-\x{10FFFF}]", "a"),
        ("^[!--b]$", "."),
    ]);
    assert!(matches("[[:space:]]", "\u{B}"), "the POSIX class has the vertical tab");
}

#[test]
fn classes_of_unicode_have_the_names_of_go() {
    assert_matches(&[
        (r"^\p{^Greek}\P{Greek}$", "ab"),
        (r"^\P{^Greek}\pL[\pN]$", "πé٣"),
        (r"^[^\P{Lu}]$", "É"),
        (r"(?i)^\p{Lu}$", "é"),
        (r"^\p{Any}\p{Cc}\pZ$", "a\0\u{a0}"),
        (r"\p{Zl}", "\u{2028}"),
    ]);
    assert_differs(&[(r"(?i)\P{Lu}", "é"), (r"\p{C}", "\u{378}"), (r"\p{Cs}", "\u{FFFD}")]);
    let names = [names::CATEGORIES, names::SCRIPTS].join(" ");
    for name in names.split_ascii_whitespace() {
        assert!(names::unicode(name).is_some(), "{name}");
    }
    for unknown in ["greek", "Letter", "Cn", "LC", "Alphabetic", "Grek", "gc=L", "", "^", "^^L"] {
        assert!(parse(&format!("\\p{{{unknown}}}")).is_err(), "{unknown}");
    }
}

#[test]
fn flags_hold_to_the_end_of_their_group() {
    assert_matches(&[
        ("^(?i)AB(?-i)C$", "abC"),
        ("^((?i)a|b)c$", "Bc"),
        ("^(?i:a)b$", "Ab"),
        ("^(?)a(?:)$", "a"),
        ("^a(?i)*b$", "aaab"),
        ("^a+(?s)+$", "aa"),
        ("(?s)^a.b$", "a\nb"),
        ("(?m)^b$", "a\nb"),
        ("(?U)^a*$", "aa"),
        ("(?i-s)^K.$", "\u{212A}a"),
        (r"(?i)^\w$", "\u{17F}"),
        (r"(?i)^[[:lower:]]$", "\u{212A}"),
        ("^(?P<n>a)(?P<n>b)(?<n>c)$", "abc"),
        ("^(|a)+(||)$", "aa"),
    ]);
    assert_differs(&[
        ("^((?i)a|b)c$", "BC"),
        ("^a.b$", "a\nb"),
        ("^b$", "a\nb"),
        (r"(?i)\W", "\u{17F}"),
        (r"\w", "\u{17F}"),
        ("(?i)[^k]", "\u{212A}"),
    ]);
}

#[test]
fn words_are_of_ascii() {
    assert_matches(&[(r"é\b", "éa"), (r"^\B$", ""), (r"\Bé\B", "é")]);
    assert_differs(&[(r"\bé", "é"), (r"\B", "aéa")]);
}

#[test]
fn what_go_refuses_is_refused_with_the_piece_that_is_meant() {
    for (pattern, reason) in [
        ("a(b", "a '(' is not closed"),
        ("(?P<n>", "a '(' is not closed"),
        ("(?P<n", "a '(' is not closed"),
        ("a)b", "a ')' closes nothing"),
        ("[a", "a '[' is not closed"),
        ("[]", "a '[' is not closed"),
        ("[^]", "a '[' is not closed"),
        ("a\\", "it ends with a '\\' that has nothing behind it"),
        ("[\\", "it ends with a '\\' that has nothing behind it"),
        (r"\C", r"'\C' is no escape sequence"),
        (r"\E", r"'\E' is no escape sequence"),
        (r"a\Z", r"'\Z' is no escape sequence"),
        (r"\é", r"'\é' is no escape sequence"),
        (r"(a)\1", r"'\1' is no escape sequence"),
        (r"\18", r"'\1' is no escape sequence"),
        (r"[\b]", r"'\b' is no escape sequence"),
        (r"[a-\d]", r"'\d' is no escape sequence"),
        (r"\x", r"'\x' is no escape sequence"),
        (r"\x{}", r"'\x{}' is no escape sequence"),
        (r"\x{110000}", r"'\x{110000' is no escape sequence"),
        (r"\pé", r"'\pé' names no class of characters"),
        (r"[\p{Foo}]", r"'\p{Foo}' names no class of characters"),
        ("[[:foo:]]", "'[:foo:]' names no class of characters"),
        ("[z-a]", "the range 'z-a' ends before it begins"),
        (r"[b-\x{61}]", r"the range 'b-\x{61}' ends before it begins"),
        ("a|*", "'*' has nothing before it that could be repeated"),
        ("(?i){2}", "'{2}' has nothing before it that could be repeated"),
        ("a**", "'**' repeats a repetition; put the inner one into (?:…)"),
        ("a{1}?{2}", "'{1}?{2}' repeats a repetition; put the inner one into (?:…)"),
        ("a???", "'???' repeats a repetition; put the inner one into (?:…)"),
        (
            "x{1001}",
            "'{1001}' repeats something more than 1000 times, alone or with others around it",
        ),
        ("x{2,1}", "'{2,1}' counts down"),
        (
            "(?:a{500}b){3}",
            "'{3}' repeats something more than 1000 times, alone or with others around it",
        ),
        ("(?=a)", "'(?=…' opens no kind of group; RE2 has no look-around and no comments"),
        ("(?<=a)b", "'(?<…' opens no kind of group; RE2 has no look-around and no comments"),
        ("(?<!a)b", "'(?<…' opens no kind of group; RE2 has no look-around and no comments"),
        ("(?i-)", "'(?i-)…' opens no kind of group; RE2 has no look-around and no comments"),
        ("(?x)", "'(?x…' opens no kind of group; RE2 has no look-around and no comments"),
        ("(?P<>a)", "'(?P<>' is no name of a group; it takes letters, digits and '_'"),
    ] {
        assert_eq!(
            parse(pattern).map_err(|error| error.to_string()),
            Err(reason.into()),
            "{pattern}"
        );
    }
    assert!(parse("x{99999999999999999999,}").is_err());
    assert!(parse("((x{500}){0}){900}").is_ok(), "none of it is copied");
    assert!(parse("((x{500}){0,}){3}").is_err());
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(?:b".repeat(depth), ")*".repeat(depth));
    assert!(parse(&nested(300)).is_ok());
    assert!(matches!(parse(&nested(2000)), Err(Re2Error::TooDeep)));
    assert!(matches!(parse(&format!("a{}", "(?i)*".repeat(2000))), Err(Re2Error::TooDeep)));
    assert!(parse(&format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000))).is_ok());
}
