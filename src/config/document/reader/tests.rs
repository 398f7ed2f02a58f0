//! Types as those of the configuration, read from several trees at once.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::super::leaf::{Both, Choice, List, ListMap, One, Pairs, Text};
use super::super::meaning::{Port, Tag};
use super::super::outline;
use super::*;
use crate::config::yaml;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TopKeys {
    port: One<Port>,
    section: SectionKeys,
    items: List<Choice<WordKeys>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SectionKeys {
    a: One<Tag>,
    b: One<Tag>,
    names: Pairs<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WordKeys {
    word: One<Tag>,
}

impl ListMap for WordKeys {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MoreKeys {
    words: List<Text>,
}

type AllKeys = Both<TopKeys, MoreKeys>;

/// What the texts say, the first of them first of all, and what is told: problems, then warnings.
fn read(texts: &[&str]) -> (AllKeys, Vec<String>) {
    let mut findings = Findings::default();
    let names = outline::of::<AllKeys>();
    let mut reader = SourceReader {
        findings: &mut findings,
        spots: Spots::default(),
        names,
        is_included: false,
    };
    let tree = |(i, text): (usize, &&str)| Tree {
        origin: SourceOrigin::File(Arc::new(PathBuf::from(format!("{i}")))),
        root: yaml::parse(text).unwrap().root,
    };
    let trees: Vec<_> = texts.iter().enumerate().map(tree).collect();
    let all = reader.read(&trees.iter().collect::<Vec<_>>());
    let (problems, warnings) = findings.into_parts();
    (all, problems.iter().chain(&warnings).map(ToString::to_string).collect())
}

fn text<M>(one: &One<M>) -> &str {
    one.as_os_str().map_or("-", |text| text.to_str().unwrap())
}

#[test]
fn the_first_source_that_gives_a_value_decides_key_by_key() {
    let (all, told) = read(&[
        "{port: , section: {A: 1}}",
        "{port: 2, section: {a: x, b: y}, words: w}",
        "{port: 3, words: [v]}",
    ]);
    assert_eq!(told, Vec::<String>::new());
    let Both { own: TopKeys { port, section, .. }, shared } = &all;
    assert_eq!([text(port), text(&section.a), text(&section.b)], ["2", "1", "y"]);
    assert_eq!(shared.words.items()[0].text, "w");
}

#[test]
fn no_error_hides_another() {
    let (all, told) = read(&["\
port: [1]
port: {a: 1}
section: word
items: [[], {word: [x], wrod: 1}, ok, '']
words: {a: b}
prot: 1
"]);
    assert_eq!(
        told,
        [
            "0:2: port: a map stands where one value belongs; write one",
            "0:3: section: a single word stands where keys belong; write them below, indented, with \
             a blank behind each ':'",
            "0:4: items: a list stands inside the list; write one '-' before each item, and put text that begins with '[' in quotes",
            "0:4: items.word: a list stands where a word belongs; write one",
            "0:4: items: an empty pattern matches everything; write one, or remove the '-'",
            "0:5: words: an item with a ':' in it is a map for YAML; put it in quotes",
            "0:2: port: given on line 1 already, and only the last one counts; remove the others",
            "0:4: items.wrod: unknown key, ignored; did you mean word?",
            "0:6: prot: unknown key, ignored; did you mean port?",
        ]
    );
    let [Choice::Map(_, map), Choice::Text(ok)] = all.own.items.items() else { panic!() };
    assert!(map.word.is_misshapen() && ok.text == "ok");
}

#[test]
fn names_that_are_not_ours_keep_their_order_and_their_case() {
    let (all, told) = read(&["section: {names: {b: 1, A: , c: [x]}}"]);
    assert_eq!(told, ["0:1: section.names.c: a list stands where one value belongs; write one"]);
    let names = all.own.section.names.pairs().iter();
    let names: Vec<_> = names.map(|(name, one)| (name.text.to_str().unwrap(), text(one))).collect();
    assert_eq!(names, [("b", "1"), ("A", "-"), ("c", "-")]);
}

#[test]
fn the_outline_has_every_key() {
    let names = outline::of::<AllKeys>();
    let keys: Vec<_> = names.keys.iter().map(|key| (key.name.as_str(), key.is_list)).collect();
    assert_eq!(
        keys,
        [
            ("port", false),
            ("section.a", false),
            ("section.b", false),
            ("section.names", true),
            ("items", true),
            ("words", true),
        ]
    );
    assert_eq!(names.sections, ["section"]);
}
