use std::fmt::Write;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text:?}: {error:?}")).root.value
}

/// The tree without its places.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::Raw(text) => panic!("{text:?} in a file"),
        Value::Scalar { text, plain } => format!("{}{text:?}", if *plain { "" } else { "'" }),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| shape(&item.value)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let entry = |entry: &Entry| format!("{}:{}", entry.0, shape(&entry.2.value));
            let entries: Vec<_> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

#[test]
fn a_tab_behind_a_key_separates_as_a_space_does() {
    for text in [
        "host:>logs.example.com",
        "host:>>x",
        "host: >x",
        "host:> x",
        "port:>514 # comment",
        "port:>514>># comment",
        "hostname:>-x",
        "'quoted':>x",
        "destination:\n  host:>a\n  port:>>1",
        "files:>[a, b]",
        "destination: {host:>x,>port:> 5}",
        "files:>[>a>,>b>]>",
        "files:>\n  - a",
        "files:>'a>b'",
        "files:>|\n  a",
        "files:\n  ->a\n  - >b",
        "a:>&x b\nc:>*x",
        "a:>!!str b",
        "a:>~",
    ] {
        // The space that stands for it in what is expected keeps its place in a quoted text.
        let spaces = text.replace("a>b", "a\tb").replace('>', " ");
        assert_eq!(tree(&text.replace('>', "\t")), tree(&spaces), "{text}");
    }
}

#[test]
fn what_is_written_wins_over_what_is_merged_in_whatever_case() {
    let merged = tree("a: &a {tag: x, facility: mail}\nb: {Tag: y, <<: *a}\n");
    assert!(shape(&merged).ends_with(r#"b:{Tag:"y",facility:"mail"}}"#), "{}", shape(&merged));
}

#[test]
fn a_tab_within_a_value_stays() {
    for text in ["a: 'x:\ty'", "a: \"x:\ty\"", "a: x\ty", "a: |\n  x:\ty\n"] {
        let Value::Map(entries) = tree(text) else { panic!("{text}") };
        assert!(shape(&entries[0].2.value).contains("\\t"), "{text}");
    }
}

/// Reads `layout` with each kind of word and bracket; it has to be what `line` is. `W` stands for a word, `X` for
/// another, `(` and `)` for the brackets.
fn assert_layout(layout: &str, line: &str) {
    for quote in ["", "'", "\""] {
        for (brackets, colon) in [("[]", ""), ("{}", ": 1")] {
            let written = |text: &str| {
                text.replace('W', &format!("{quote}/a b{quote}{colon}"))
                    .replace('X', &format!("{quote}c{quote}{colon}"))
                    .replace('(', &brackets[..1])
                    .replace(')', &brackets[1..])
            };
            let (layout, line) = (written(layout), written(line));
            assert_eq!(shape(&tree(&layout)), shape(&tree(&line)), "{layout}");
        }
    }
}

#[test]
fn brackets_may_stand_as_far_to_the_left_as_one_likes() {
    for (layout, line) in [
        ("files: (\n  W\n)\nd: x\n", "files: (W)\nd: x\n"),
        ("files: (\n  W,\n  X,\n)\n", "files: (W, X)\n"),
        ("files: (\nW,\nX\n)\n", "files: (W, X)\n"),
        ("files: (\r\n  W\r\n)\r\n", "files: (W)\n"),
        ("files: (\n)\n", "files: ()\n"),
        ("files: ( # (\n  W, # '\n\n# )\n  X\n)\n", "files: (W, X)\n"),
        ("files: (W,\nX)\ne: (X,\nW)\n", "files: (W, X)\ne: (X, W)\n"),
        ("d:\n  hosts: (\n    W\n  )\n  p: 1\n", "d:\n  hosts: (W)\n  p: 1\n"),
        ("d:\n  hosts: (\nW\n)\n", "d:\n  hosts: (W)\n"),
        ("f:\n- p: x\n  e: (\n    W\n  )\n- y\n", "f:\n- p: x\n  e: (W)\n- y\n"),
        ("f:\n  - e: (\n    W\n  )\n    p: x\n", "f:\n  - e: (W)\n    p: x\n"),
        ("f:\n- (\nW\n)\n- - (\n)\n", "f:\n- (W)\n- - ()\n"),
        ("f:\n  (\nW\n)\n", "f:\n  (W)\n"),
        ("files: (\n\tW,\n\tX\n\t)\n", "files: (W, X)\n"),
        ("d:\n  hosts: (\n\tW\n  )\n", "d:\n  hosts: (W)\n"),
        ("? a\n: (\nW\n)\n", "? a\n: (W)\n"),
        ("a: &x (\nW\n)\nb: *x\n", "a: &x (W)\nb: *x\n"),
        ("'a': (\nW\n)\n", "'a': (W)\n"),
    ] {
        assert_layout(layout, line);
    }
    for (layout, line) in [
        ("a: [\n\"b\nc\n\n d\\\n e\"\n]\n", "a: [\"b c\\nde\"]\n"),
        ("a: {\n\"b\":[\n'c'\n],\n\"d\":\"e\"\n}\n", "a: {\"b\": ['c'], \"d\": \"e\"}\n"),
        // What stands around it keeps its meaning.
        ("a: |\n  don't [\n  x\n   ]\nb: [\n'c'\n]\n", "a: \"don't [\\nx\\n ]\\n\"\nb: ['c']\n"),
        ("a: |\n  x: [\n   ]\nb: [\n'c'\n]\n", "a: \"x: [\\n ]\\n\"\nb: ['c']\n"),
        (
            "- |\n x: [\n  ]\n- a: |\n   [\n    ]\n  b: [\n'c'\n]\n",
            "- \"x: [\\n ]\\n\"\n- a: \"[\\n ]\\n\"\n  b: ['c']\n",
        ),
        ("a: x\n  [y\nb: [\n'c'\n]\n", "a: x [y\nb: ['c']\n"),
        ("a: it's [x\nb: [\n'c'\n]\n", "a: it's [x\nb: ['c']\n"),
    ] {
        assert_eq!(shape(&tree(layout)), shape(&tree(line)), "{layout}");
    }
}

#[test]
fn an_apostrophe_may_have_a_backslash() {
    for (text, plain) in [
        (r#"a: "don\'t""#, r#"a: "don't""#),
        (r#"a: ["\'x\'", '\', "\\\'", "\\'"]"#, r#"a: ["'x'", '\', "\\'", "\\'"]"#),
        ("a: [\n\"don\\'t\"\n]", r#"a: ["don't"]"#),
        ("a: \"x\n  don\\'t\"\nb: \"\\'\"", "a: \"x don't\"\nb: \"'\""),
    ] {
        assert_eq!(shape(&tree(text)), shape(&tree(plain)), "{text}");
    }
    for text in [r#"a: "\d""#, r#"a: "\'\d""#] {
        assert!(parse(text).unwrap_err().text.contains("an escape that YAML does not know"));
    }
}

#[test]
fn what_is_written_anew_is_told_by_its_own_column() {
    for (text, place) in [
        ("a: [\n'b'\n]\nc: \"\\d\"\n", (4, 4)),
        ("a: [\n'b', \"\\d\"\n]\n", (2, 6)),
        (r#"a: ["\'", "\'", "\d"]"#, (1, 17)),
        ("files: [\n\"/a\"\ntag: x\n", (1, 8)),
        ("files: [\n\"/a\"\n---\nb: ]\n", (1, 8)),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.line, error.column), place, "{text}{error:?}");
    }
}

proptest! {
    /// Only what is refused is written anew. That it would not change anything else shows that it knows what it reads.
    #[test]
    fn what_is_written_anew_means_the_same(words in proptest::collection::vec(0usize..30, 0..30)) {
        const WORDS: [&str; 30] = [
            "a: ", "b:", "c", "d", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "- ", "[", "]", "{", "}",
            ", ", "'", "\"", " # e", "|\n", ">-\n", "x", "&a ", "*a ", "!t ", "\\", "\t", "''", "? ", ": ",
        ];
        let text: String = words.into_iter().map(|i| WORDS[i]).collect();
        if let (Ok(old), Some(new)) = (read(&text), Rewritten::of(&text)) {
            let read_anew = read(&new.text).map(|it| shape(&it.root.value));
            prop_assert_eq!(read_anew.ok(), Some(shape(&old.root.value)), "{}", new.text);
        }
    }
}

/// A configuration whose lines from the second on can be indented anew.
const LINES: [&str; 12] = [
    "files:",
    "  - /var/log/a.log",
    "  - path: /var/log/b.log",
    "    tag: b",
    "destination:",
    "  host: logs.example.com",
    "  port: 514",
    "exclude_patterns:",
    "  - 'a b'",
    "  - \"c d\"",
    "hostname: web1",
    "tls: true",
];

proptest! {
    #[test]
    fn a_tab_in_the_indentation_is_named_with_its_line(
        at in 1usize..12, indent in "[ \t]{0,4}\t[ \t]{0,4}", blank in any::<bool>(),
    ) {
        let mut lines: Vec<String> = LINES.iter().map(|line| (*line).to_owned()).collect();
        lines[at] = format!("{indent}{}", lines[at].trim_start());
        if blank {
            // Where no content follows, a tab does no harm.
            lines.insert(1, "\t".to_owned());
            lines.insert(3, "\t# comment".to_owned());
        }
        let line = 1 + lines.iter().position(|line| line.starts_with(&indent)
            && !line.trim().is_empty() && !line.contains('#')).unwrap();
        match parse(&lines.join("\n")) {
            Err(error) => {
                prop_assert_eq!(error.line, line, "{:?} of {:#?}", &error, lines);
                prop_assert!(error.text.contains("a tab stands in the indentation"));
            }
            // What is indented further than its neighbours goes on with their text.
            Ok(document) => prop_assert!(
                indent.starts_with(' '), "{lines:#?} became {}", shape(&document.root.value)
            ),
        }
    }
}

/// How long this thread takes for `work`, at best: other processes do not count.
fn cost(work: impl Fn()) -> Duration {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let once = |_| {
        let before = now();
        work();
        now() - before
    };
    (0..3).map(once).min().unwrap()
}

type Family = fn(usize) -> String;

/// Each makes a text that is about proportional to `n`.
const FAMILIES: [(&str, Family); 18] = [
    ("keys", |n| {
        (0..n).fold(String::new(), |mut out, i| {
            writeln!(out, "key_{i}: 1").unwrap();
            out
        })
    }),
    ("one key", |n| "a: 1\n".repeat(n)),
    ("items", |n| format!("a:\n{}", "  - b\n".repeat(n))),
    ("flow", |n| format!("a: [{}]", "b, ".repeat(n))),
    ("flow map", |n| format!("{{{}}}", "b: c, ".repeat(n))),
    ("brackets", |n| "[".repeat(n)),
    ("dashes", |n| "- ".repeat(n)),
    ("merges", |n| format!("a: &a {{{}}}\nb:\n{}", "b: c, ".repeat(n), "  - <<: *a\n".repeat(n))),
    ("aliases", |n| format!("a: &a [{}]\n{}", "b, ".repeat(n), "b: *a\n".repeat(n))),
    ("anchors", |n| {
        (0..n).fold(String::new(), |mut out, i| {
            writeln!(out, "- &a{i} b\n- *a{i}").unwrap();
            out
        })
    }),
    ("comments", |n| "# a\n".repeat(n)),
    ("empty lines", |n| format!("a: b\n{}", "\n".repeat(n))),
    ("one long line", |n| format!("a: {}", "b ".repeat(n))),
    ("one long value", |n| format!("a: {}", "b\n  ".repeat(n))),
    ("one long quoted value", |n| format!("a: '{}'", "b\n\n  ".repeat(n))),
    ("layouts", |n| "a: [\n'b'\n]\n".repeat(n)),
    ("a layout", |n| format!("{}a: [\n{}]", " ".repeat(40), "'b',\n".repeat(n))),
    ("tabs", |n| format!("{}  - b", "\tb\n".repeat(n))),
];

#[test]
fn no_text_takes_more_than_in_proportion_to_its_length() {
    for (name, text) in FAMILIES {
        let (short, long) = (text(1_200), text(9_600));
        let [short, long] = [short, long].map(|text| cost(|| drop(parse(&text))));
        // Eight times as long: in proportion 8, quadratic 64. Below that the clock is too coarse.
        let allowed = 24 * short.max(Duration::from_micros(500));
        assert!(long < allowed, "{name}: {short:?}, then {long:?}");
    }
}

#[test]
fn there_is_an_end_to_keys() {
    let keys = |n| parse(&"a: 1\n".repeat(n));
    assert!(keys(MAX_KEYS).is_ok());
    let error = keys(MAX_KEYS + 1).unwrap_err();
    assert_eq!(error.line, MAX_KEYS + 1);
    assert!(error.text.contains("more than 10000 keys"), "{error:?}");
}

#[test]
fn there_is_an_end_to_values() {
    let items = |n| parse(&format!("a:\n{}", "- b\n".repeat(n)));
    assert!(items(MAX_VALUES - 3).is_ok());
    let error = items(MAX_VALUES).unwrap_err();
    assert!(error.text.contains("more than 500000 values"), "{error:?}");
}

#[test]
fn there_is_an_end_to_what_is_kept_for_one_event() {
    // A '[' that may begin a key, a value, and comments.
    for (before, item, behind) in [
        ("[", "b, ", "]"),
        ("- [", "b, ", "]"),
        ("{a: [", "b, ", "]}"),
        ("a: |\n", "  b\n", ""),
        ("a: '", "b ", "'"),
        ("", "# b\n", "a: b"),
    ] {
        let text = |n: usize| format!("{before}{}{behind}", item.repeat(n));
        let is_read = parse(&text((RATION - 100) / item.len())).is_ok();
        assert!(is_read, "{before}");
        let error = parse(&text(RATION / item.len() + 1)).err();
        let is_told = |error: SyntaxError| error.text.contains("more than 1048576 characters");
        assert!(error.is_some_and(is_told), "{before}");
    }
}

#[test]
fn no_more_is_looked_at_than_the_ration() {
    let flow = |n: usize| format!("[{}]", "b, ".repeat(n));
    let [short, long] = [RATION, 10 * RATION].map(|length| {
        let text = flow(length / 3);
        cost(|| drop(parse(&text)))
    });
    assert!(long < 2 * short, "{short:?}, then {long:?}");
}

#[test]
fn aliases_may_not_multiply() {
    let many = |n: usize| format!("a: &a [{}]\n{}", "b, ".repeat(n), "c: *a\n".repeat(n));
    assert!(parse(&many(100)).is_ok());
    let error = parse(&many(1_000)).unwrap_err();
    assert!(error.text.contains("aliases stand for too many values"), "{error:?}");
    // Each map names the one before twice.
    let doubled = (1..40).fold("a0: &a0 {b: c}\n".to_owned(), |mut out, i| {
        writeln!(out, "a{i}: &a{i} [*a{0}, *a{0}]", i - 1).unwrap();
        out
    });
    assert!(parse(&doubled).is_err());
}

/// Each mistake, where it is said to be, and some of what is said.
#[test]
fn a_mistake_is_told_of_its_own_line() {
    for (text, line, words) in [
        ("files:\n  - /a\n  - '/b\n  - /c\n", 3, "a quote is not closed"),
        ("files:\n  - '/a\n  - '/b'\nhostname: x\n", 2, "a quote is not closed"),
        ("hostname: \"a\nfiles:\n  - /a\n", 1, "a quote is not closed"),
        ("files: ['/a, '/b']\nhostname: x\n", 1, "a quote is not closed"),
        ("files: [/a]\nhostname web1\ntag: x\n", 2, "write 'hostname: '"),
        ("files: [/a]\nhostname web1\n", 2, "write 'hostname: '"),
        ("hostname web1\nfiles: [/a]\n", 1, "write 'hostname: '"),
        ("files: [/a]\ndestination\n  host: a\n", 2, "write 'destination: '"),
        ("files: [/a]\n\nhostname web1\n\n# x\ntag: x\n", 3, "write 'hostname: '"),
        ("destination:\n  host a\n  port: 5\n", 2, "write 'host: '"),
        ("files:\n  - path: /a\n    tag b\n  - /c\n", 3, "write 'tag: '"),
        ("files:\n  - path /a\n    tag: b\n", 2, "write 'path: '"),
        ("files: [/a]\nhostname:x\ntag: x\n", 2, "a blank is missing"),
        ("files: [/a]\ndestination:\n  Host:127.0.0.1\n  port: 5\n", 3, "write 'Host: '"),
        ("files: [/a]\nHostname web1\ntag: x\n", 2, "write 'Hostname: '"),
        ("files:\n  - Path /a\n    tag: b\n", 2, "write 'Path: '"),
        ("a:\n  - |\n    x\n    error:foo\n - bar\n", 5, "indent all items"),
        ("destination:\n  host: \"a\"# note\nfiles: x\n", 2, "write a blank before it"),
        ("files:\n  - /a\n}\n", 3, "closes none"),
        ("files: [/a]\ndestination: {host: a}}\n", 2, "closes none"),
        ("destination:\n  host: x\n port: 5\n", 3, "check the indentation"),
        ("destination:\n  host: x\n    port: 5\n", 3, "align it"),
        ("destination:\n\thost: x\n", 2, "a tab stands"),
        ("files:\n  - /a\n\t- /b\n  - /c\ntag: x\n", 3, "a tab stands"),
        (
            "{\n\t\"tag\": \"x\",\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n\t\"c\": 2\n}\n",
            6,
            "a ',' is missing",
        ),
        ("a: |-\n    x\n    \tb\nfiles:\n  - @c\n", 5, "put it in quotes"),
        ("a: 'x\n    \tb'\nfiles:\n  - @c\n", 4, "put it in quotes"),
        ("a: x\n   \tb\nfiles:\n  - @c\n", 4, "put it in quotes"),
        ("files: [/a, /b\ntag: x\n", 1, "'[' or '{' is not closed"),
        ("files: [/a,\n  /b\ntag: x\n", 1, "'[' or '{' is not closed"),
        ("files: [/a]\ndestination: {host: a\n", 2, "'[' or '{' is not closed"),
        ("destination: {host: a, port: 5\ntag: '[x'\n", 1, "'[' or '{' is not closed"),
        ("destination: {host: a port: 5}\n", 1, "a ',' is missing"),
        ("files:\n  - /a\n - /b\ntag: x\n", 3, "indent all items"),
        ("files:\n  - /a\n- /b\ntag: x\n", 3, "indent all items"),
        ("files:\n  - /a\n  /b\n  - /c\n", 3, "a '- ' is missing"),
        ("files:\n  - /a\n  -/b\ntag: x\n", 3, "a blank is missing behind the '-'"),
        ("exclude_patterns:\n  - failed: once: twice\n", 2, "in quotes"),
        ("hostname: a: b\n", 1, "in quotes"),
        ("exclude_patterns:\n  - [a-z]+ x\n", 2, "text follows behind it; put the value in quotes"),
        ("files:\n  - *.log\n", 2, "put a glob in quotes"),
        ("hostname: %h\n", 1, "put it in quotes"),
        ("exclude_patterns:\n  - {\"level\":\"debug\"\ntag: x\n", 2, "'[' or '{' is not closed"),
        ("exclude_patterns:\n  - |x\n", 2, "put the value in quotes"),
        ("exclude_patterns:\n  - >x|y\n", 2, "put the value in quotes"),
        ("files:\u{a0}/a\nhostname: x\n", 1, "U+00A0"),
        ("files:\n\u{a0} - /a\nhostname: x\n", 2, "U+00A0"),
        ("destination:\u{a0}\n  host: x\n", 1, "U+00A0"),
        ("files:\n  - /a\n  -\u{a0}/b\ntag: x\n", 3, "U+00A0"),
        ("# all :\u{a0}two \u{a0}of them\nfiles: [/a\ntag: x\n", 2, "'[' or '{' is not closed"),
        ("files: /a\n<<: x\n", 2, "a single word stands behind '<<'"),
        ("files: /a\n<<:\n", 2, "nothing stands behind '<<'"),
        ("a: &a {b: c}\nd:\n  <<: [*a, x]\n", 3, "a single word stands behind '<<'"),
        ("files:\n  - @40\n", 2, "put it in quotes"),
        ("x: |\n  some text\ntag: a: b\n", 3, "in quotes"),
        ("x: >-\n  text\n    deep text\ntag: a: b\n", 4, "in quotes"),
        ("x: some\n  more text\ntag: a: b\n", 3, "in quotes"),
        ("x:\n  - |\n    some text\n  - a: b: c\n", 4, "in quotes"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}{error:?}");
        assert!(error.text.contains(words), "{text}{error:?}");
    }
}

/// The lines of what is told, and a part of it.
fn doubts(text: &str) -> Vec<(usize, String)> {
    parse(text).unwrap().doubts
}

#[test]
fn an_item_that_goes_on_with_the_one_before_is_noticed() {
    for (text, lines) in [
        ("files:\n  - /a\n    - /b\n", vec![2]),
        ("files:\n  /a\n  - /b\n", vec![2]),
        ("files:\n  -/a\n  -/b\n", vec![2]),
        ("files:\n  - /a - b\n  - 'a\n    - b'\n  - a\n    b\n", vec![]),
        ("files:\n  - a - b\n    c\n  - foo - bar\n      baz\n", vec![]),
        ("files:\n  - a - b\n    c\n  - d\n    e\n     - f\n", vec![4]),
        ("files: [/a]\n---\nfiles:\n  - /a\n    - /b\n", vec![]),
        ("exclude_patterns:\n  - run\n    --verbose\n", vec![]),
    ] {
        let told = doubts(text);
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), lines, "{text}");
        assert!(told.iter().all(|(_, text)| text.contains("goes on in the next line")), "{text}");
    }
}

#[test]
fn an_item_that_lacks_its_blank_is_noticed() {
    for (text, lines) in [
        ("files:\n  -/a\nhostname: x\n", vec![2]),
        ("files: # all\n\n  # one\n  -/a\n", vec![4]),
        ("destination:\n  host: x\nexclude_patterns:\n  -DEBUG\n", vec![4]),
        ("files:\n  - -/a\n  - path:\n      -/b\n", vec![4]),
        ("files:\n  - /a\nhostname: -x\ntag:\n  x-y\n", vec![]),
        ("exclude_patterns:\n  --verbose\n", vec![]),
        ("exclude_patterns: [\n  -a,\n  -b]\n", vec![]),
        ("exclude_patterns:\n  '-a'\n", vec![]),
    ] {
        let told = doubts(text);
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), lines, "{text}");
        assert!(told.iter().all(|(_, text)| text.contains("begins no item")), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_sign_of_yaml_is_noticed() {
    for (text, expected) in [
        ("exclude_patterns:\n  - !foo bar\n", Some((2, "put the value in quotes"))),
        ("exclude_patterns:\n  - !foo\n", Some((2, "put the value in quotes"))),
        ("hostname: !!str 5\n", None),
        ("destination:\n\u{a0} host: x\n", Some((2, "U+00A0"))),
        ("files:\n  - /a\n  - /b\u{200b}\n", Some((3, "U+200B"))),
        ("files:\n  - “/a”\n", Some((2, "“ (U+201C) is no quote"))),
        ("files:\n  – /a\n", Some((2, "– (U+2013) begins no item"))),
        ("files:\n  - /a – b “c” d\n  - '“x”'\n", None),
    ] {
        let told = doubts(text);
        match expected {
            None => assert_eq!(told, [], "{text}"),
            Some((line, words)) => {
                assert_eq!(told.len(), 1, "{text}");
                assert!(told[0].0 == line && told[0].1.contains(words), "{text}{told:?}");
            }
        }
    }
}

#[test]
fn only_the_first_document_is_read() {
    for (text, second) in [
        ("files: [/a]\n", None),
        ("\u{feff}# x\n%YAML 1.2\n---\nfiles: [/a]\n...\n\n# notes\n...\n", None),
        ("--- # x\nfiles: [/a]\n", None),
        ("--- {files: [/a]}\n", None),
        ("files: [/a]\n---\n", Some(2)),
        ("---\nfiles: [/a]\n---\n@x: [\n", Some(3)),
        ("files: [/a]\r\n--- [\r\n", Some(2)),
        ("files: [/a]\n---\n}\n---\n", Some(2)),
        ("files: [/a]\n...\n\nnotes: a: b\n", Some(4)),
        ("files: [/a]\n... notes\n", Some(2)),
        ("files: [/a]\n...\n%x\n---\n", Some(3)),
    ] {
        let document = parse(text).unwrap_or_else(|error| panic!("{text}{error:?}"));
        assert_eq!(shape(&document.root.value), r#"{files:["/a"]}"#, "{text}");
        assert_eq!(document.second, second, "{text}");
    }
    assert_eq!(
        shape(&tree("a: ---\nb: |\n  ---\n  ...\nc: ...x\n")),
        r#"{a:"---",b:'"---\n...\n",c:"...x"}"#
    );
    assert!(parse("files: [/a\n---\nb: ]\n").is_err());
}
