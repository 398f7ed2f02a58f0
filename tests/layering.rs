//! Who may import whom. The rules are those of the crate's documentation (`src/lib.rs`) and of
//! `docs/architecture.md`; here they are held by reading the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that do work of their own and must not know each other.
const STAGES: [&str; 7] =
    ["discover", "input", "filter", "syslog", "text", "deliver", "checkpoint"];
/// Those that may know several stages, and that none of them knows.
const OUTSIDE: [&str; 6] = ["agent", "announce", "daemon", "exporter", "inspect", "standing"];
/// What belongs to the whole program.
const SHELL: [&str; 9] =
    ["agent", "announce", "cli", "daemon", "exporter", "inspect", "service", "standing", "sys"];
/// Files that only compute: no stage but their own room, no I/O, no clock.
const PURE: [&str; 35] = [
    "input/path/generation/order.rs",
    "input/path/transitions.rs",
    "input/stream/window.rs",
    "pipeline/bucket.rs",
    "pipeline/batch.rs",
    "pipeline/checkpoint.rs",
    "pipeline/event.rs",
    "pipeline/framing.rs",
    "pipeline/position.rs",
    "pipeline/shared_path.rs",
    "filter/",
    "shown.rs",
    "vectors.rs",
    "glob/",
    "syslog/",
    "text/",
    "input/read/pending.rs",
    "input/read/plausible.rs",
    "input/read/records.rs",
    "input/rotation/names.rs",
    "input/rotation/judge.rs",
    "deliver/backoff.rs",
    "deliver/receivers.rs",
    "config/balance.rs",
    "deliver/entry.rs",
    "deliver/pattern.rs",
    "deliver/proof.rs",
    "deliver/ledger.rs",
    "deliver/transport/ending/",
    "deliver/transport/refusal/certificate.rs",
    "deliver/transport/refusal/chain.rs",
    "deliver/transport/refusal/parting.rs",
    "deliver/transport/refusal/verdict.rs",
    "deliver/transport/relp/codec.rs",
    "deliver/transport/relp/session.rs",
];
/// Parts of the pure core that stages build on.
const SHARED_CORE: [&str; 3] = ["syslog", "filter", "text"];
/// Rooms whose pure files may be made of other parts of the pure core.
const ON_THE_CORE: [&str; 2] = ["input", "text"];
/// Words of I/O and of clocks. `std::time::Instant` may be passed in, not asked for.
const EFFECTS: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio::",
    "rustix::",
    "libc::",
    "inotify::",
    "File::",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "fastrand::",
    "std::env",
];

/// A source file: its path below `src`, its text without comments and test modules.
struct Source {
    name: String,
    code: String,
}

impl Source {
    /// The room it belongs to: `input` for `input/read/records.rs`, `cli` for `cli.rs`.
    fn room(&self) -> &str {
        self.name.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn is_pure(&self) -> bool {
        PURE.iter()
            .any(|&pure| self.name == pure || (pure.ends_with('/') && self.name.starts_with(pure)))
    }

    /// The rooms it names as `crate::room`, also within braces: `use crate::{a::B, c}`.
    fn imports(&self) -> BTreeSet<String> {
        let mut rooms = BTreeSet::new();
        for behind in self.code.split("crate::").skip(1) {
            match behind.strip_prefix('{') {
                None => drop(rooms.insert(first_word(behind))),
                Some(list) => rooms.extend(heads(list)),
            }
        }
        // From the root of a room, `super::` is the crate.
        let at_root = !self.name.contains('/') && self.room() != "lib";
        if at_root {
            rooms.extend(self.code.split("super::").skip(1).map(first_word));
        }
        rooms.remove(self.room());
        rooms
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first word of each item of a brace list, of which the opening brace is gone.
fn heads(list: &str) -> Vec<String> {
    let mut depth = 1;
    let mut item = String::new();
    let mut heads = Vec::new();
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            heads.push(first_word(item.trim()));
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |path: PathBuf| Source {
        name: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        code: product_code(&fs::read_to_string(&path).unwrap()),
    };
    // Files of tests only are no part of the product.
    files.retain(|path| !path.to_str().unwrap().ends_with("tests.rs"));
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// The text up to the test module, without comments (which may speak of anything).
fn product_code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = product.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_none(what: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{what}:\n  {}", broken.join("\n  "));
}

#[test]
fn the_rules_speak_of_files_that_exist() {
    let names: Vec<String> = sources().into_iter().map(|source| source.name).collect();
    let missing = PURE.into_iter().filter(|pure| !names.iter().any(|name| name.starts_with(pure)));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "renamed? then correct the rules");
}

#[test]
fn the_pure_core_does_no_input_or_output_and_asks_no_clock() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_pure()) {
        let effects = EFFECTS.iter().filter(|&&effect| source.code.contains(effect));
        broken.extend(effects.map(|effect| format!("{} uses {effect}", source.name)));
    }
    assert_none("pure files with effects", &broken);
}

#[test]
fn the_pure_core_knows_no_stage() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_pure()) {
        let known = source.imports();
        let builds_on = |room: &&String| {
            ON_THE_CORE.contains(&source.room()) && SHARED_CORE.contains(&room.as_str())
        };
        let outside = known.iter().filter(|room| !builds_on(room)).filter(|room| {
            STAGES.contains(&room.as_str()) || SHELL.contains(&room.as_str()) || *room == "config"
        });
        broken.extend(outside.map(|room| format!("{} imports {room}", source.name)));
    }
    assert_none("pure files that know the world around them", &broken);
}

#[test]
fn stages_do_not_know_each_other() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| STAGES.contains(&source.room())) {
        let known = source.imports();
        let stages = known.iter().filter(|room| {
            let room = room.as_str();
            OUTSIDE.contains(&room) || (STAGES.contains(&room) && !SHARED_CORE.contains(&room))
        });
        broken.extend(stages.map(|room| format!("{} imports {room}", source.name)));
    }
    assert_none("stages that import each other (agent wires them)", &broken);
}

#[test]
fn the_configuration_knows_no_stage() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.room() == "config") {
        let known = source.imports();
        let stages = known.iter().filter(|room| {
            let room = room.as_str();
            OUTSIDE.contains(&room) || (STAGES.contains(&room) && !SHARED_CORE.contains(&room))
        });
        broken.extend(stages.map(|room| format!("{} imports {room}", source.name)));
    }
    assert_none("config imports stages", &broken);
}

#[test]
fn what_looks_from_outside_is_known_to_those_who_show_it_alone() {
    let sources = sources();
    let others = sources
        .iter()
        .filter(|source| !["main", "lib", "daemon", "exporter"].contains(&source.room()));
    let knowing = others.filter(|source| source.imports().contains("inspect"));
    let broken: Vec<_> = knowing.map(|source| format!("{} imports inspect", source.name)).collect();
    assert_none("inspect is imported", &broken);
    let knows = |room: &str| {
        let of_it = sources.iter().filter(|source| source.room() == "inspect");
        of_it.flat_map(Source::imports).any(|known| known == room)
    };
    assert!(!knows("agent") && !knows("service"), "inspect runs no stage and ends no process");
}

#[test]
fn names_from_outside_are_shown_in_one_way() {
    let sources = sources();
    let raw = sources.iter().filter(|source| source.code.contains(".display()"));
    // A model is for tests only.
    let raw = raw.filter(|source| !source.name.contains("/model"));
    let names: Vec<_> = raw.map(|source| source.name.clone()).collect();
    assert_none("Path::display shows control characters; crate::shown does not", &names);
}

#[test]
fn unsafe_code_is_in_two_rooms() {
    let sources = sources();
    let allows = sources.iter().filter(|source| source.code.contains("unsafe"));
    let names: Vec<_> = allows.map(|source| source.name.as_str()).collect();
    let may = |name: &str| name.starts_with("sys/") || name == "vectors.rs";
    assert!(names.iter().all(|&name| may(name)), "{names:?}");
}

#[test]
fn imports_are_recognised() {
    let code =
        "use crate::{pipeline::{A, B}, input, deliver::C};\nlet x = crate::checkpoint::load();";
    let source = Source { name: "filter.rs".to_owned(), code: code.to_owned() };
    let expected = ["checkpoint", "deliver", "input", "pipeline"].map(str::to_owned);
    assert_eq!(source.imports(), expected.into());
}

#[test]
fn each_type_name_stands_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        // Models and what only tests share are no part of the product.
        if ["/model", "testing.rs", "model.rs", "fuzz.rs"].iter().any(|it| source.name.contains(it))
        {
            continue;
        }
        for name in source.code.lines().filter_map(defined_type) {
            places.entry(name).or_default().push(source.name.clone());
        }
    }
    assert!(places.len() > 300, "types are not recognised any more: {}", places.len());
    let doubles = places.into_iter().filter(|(_, files)| files.len() > 1);
    let doubles: Vec<_> = doubles.map(|(name, files)| format!("{name}: {files:?}")).collect();
    assert_none("a reader would have to know the room to know the type", &doubles);
}

/// The name of the type that a line defines at the root of a file.
fn defined_type(line: &str) -> Option<String> {
    let mut words = line.split([' ', '<', '(', ';', '{', ':', '=']).filter(|word| !word.is_empty());
    if line.starts_with(' ') {
        return None;
    }
    let kinds = ["struct", "enum", "trait", "type", "union"];
    words.find(|word| kinds.contains(word))?;
    words.next().map(str::to_owned)
}

#[test]
fn types_are_recognised() {
    let name = |line| defined_type(line);
    assert_eq!(name("pub(in crate::input) struct Scheduler {"), Some("Scheduler".to_owned()));
    assert_eq!(name("enum Phase<'a> {"), Some("Phase".to_owned()));
    assert_eq!(name("    type Err = ();"), None);
    assert_eq!(name("fn of(kind: Kind) -> Self {"), None);
}
