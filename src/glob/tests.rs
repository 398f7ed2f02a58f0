use super::*;

/// A glob that is one component.
fn component(glob: &[u8]) -> Result<Component, GlobError> {
    Component::parse(OsStr::from_bytes(glob))
}

fn matches(glob: &str, name: &str) -> bool {
    component(glob.as_bytes()).unwrap().matches(OsStr::new(name))
}

#[test]
fn stars_and_question_marks() {
    assert!(matches("*.log", "a.log") && matches("*.log", ".log") && !matches("*.log", "a.txt"));
    assert!(matches("a?c", "abc") && !matches("a?c", "ac") && matches("a?c", "aéc"));
    assert!(matches("a**b", "axxb") && matches("***", "") && matches("a*b*c", "abbbc"));
    assert!(!matches("a*b*c", "acb") && matches("{a,b}", "{a,b}") && !matches("{a,b}", "a"));
}

#[test]
fn classes_hold_what_they_hold_in_go() {
    assert!(matches("[a-c]x", "bx") && !matches("[a-c]x", "dx"));
    assert!(matches("[^a-c]x", "dx") && !matches("[^a-c]x", "bx"));
    assert!(matches(r"[\!^]", "!") && matches(r"[\!^]", "^") && !matches(r"[\!^]", "a"));
    assert!(matches(r"[a\-b]", "-") && matches(r"[a\-b]", "b"));
    assert!(matches("[!-~]", "a") && matches("[!-~]", "!") && !matches("[!-~]", " "));
    assert!(matches("[!a]", "!") && matches("[!a]", "a") && !matches("[!a]", "b"));
    assert!(matches(r"[\]x]", "]") && matches("[[]", "[") && matches("[*]", "*"));
    assert!(matches("[é-ü]", "ö") && matches("[^a]", "é"));
    assert!(!matches("[z-a]", "b") && !matches("[z-a]", "z"));
}

#[test]
fn a_backslash_takes_the_meaning_from_a_sign() {
    assert!(matches(r"\*x", "*x") && !matches(r"\*x", "ax"));
    assert!(matches(r"\a\\", r"a\"));
    let literal = Component::Literal("[x].log".into());
    assert_eq!(component(br"\[x\].log"), Ok(literal), "it is looked up, not searched for");
    assert!(!matches!(component(br"\."), Ok(Component::Literal(_))));
}

#[test]
fn names_need_not_be_utf8() {
    let name = OsStr::from_bytes(b"caf\xE9.log");
    for glob in [&b"caf?.log"[..], b"*\xE9.log", b"caf[^e].log", b"caf\xE9.lo[g]", b"caf\xE9.log"] {
        assert!(component(glob).unwrap().matches(name), "{}", glob.escape_ascii());
    }
    assert!(!component(b"caf?.log").unwrap().matches(OsStr::from_bytes(b"caf\xC3\xC3.log")));
    assert_eq!(component(b"[\xE9]"), Err(GlobError::Encoding));
}

#[test]
fn malformed_globs_are_errors() {
    use GlobError::{Member, OpenClass, OpenRange, TrailingBackslash};
    for (glob, error) in [
        ("[b", OpenClass),
        ("[", OpenClass),
        ("[^", OpenClass),
        (r"[\", OpenClass),
        ("[a/b]", OpenClass),
        ("[a-", OpenClass),
        ("[]", Member),
        ("[]a]", Member),
        ("[^]a]", Member),
        ("[-a]", Member),
        ("[a-]", OpenRange),
        ("[a--b]", OpenRange),
        ("b\\", TrailingBackslash),
        (r"a\/b", TrailingBackslash),
    ] {
        let parsed = Glob::parse(Path::new("/"), &Path::new("/a").join(glob));
        assert_eq!(parsed, Err(error), "{glob}");
    }
    for good in ["[z-a]", "]", "a-b]", r"[\]-a]"] {
        assert!(component(good.as_bytes()).is_ok(), "{good}");
    }
}

#[test]
fn a_trailing_double_star_means_the_files_below() {
    let glob = Glob::parse(Path::new("/"), Path::new("/var/**/**")).unwrap();
    assert!(matches!(
        glob.components(),
        [Component::Literal(_), Component::AnyDepth, Component::Wild(_)]
    ));
}

#[test]
fn a_base_is_taken_as_it_is() {
    let glob = Glob::parse(Path::new("/srv/[x]*"), Path::new("./a/../[b].log")).unwrap();
    let names = ["srv", "[x]*", "a", ".."].map(|name| Component::Literal(name.into()));
    assert_eq!(glob.components()[..4], names);
    assert!(glob.components()[4].matches(OsStr::new("b.log")) && !glob.is_literal());
    assert_eq!(glob.text(), Path::new("/srv/[x]*/a/../[b].log"));
    let absolute = Glob::parse(Path::new("/srv"), Path::new("/a")).unwrap();
    assert_eq!(absolute.components(), [Component::Literal("a".into())]);
}

#[test]
fn a_range_without_anything_in_it_is_noticed() {
    let has = |glob: &str| Glob::parse(Path::new("/"), Path::new(glob)).unwrap().has_empty_range();
    assert!(has("/a/*[z-a].log") && has("/[9-0]/x") && !has("/[a-z]/[a-a]"));
}
