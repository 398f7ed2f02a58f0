//! Globs held against what Go's `filepath.Match` says.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use fastrand::Rng;
use remote_syslog::config::FileEntry;
use remote_syslog::discover::Globs;
use remote_syslog::glob::Glob;

use crate::support::peers::Judge;
use crate::support::recorded::Recorded;

const TABLE: &str = "globs.tsv";
/// How many globs are recorded, and how many are tried where Go is at hand.
const RECORDED: usize = 2500;
const TRIED: usize = 40_000;

/// What we say of a glob that is one component, and of names in the directory.
fn judged(glob: &[u8], names: &[Vec<u8>]) -> Option<Vec<bool>> {
    let glob = Glob::parse(Path::new("/"), Path::new(OsStr::from_bytes(glob))).ok()?;
    let globs = Globs::new(&[FileEntry::plain(glob)]);
    let matches =
        |name: &Vec<u8>| globs.entry_of(&Path::new("/").join(OsStr::from_bytes(name))).is_some();
    Some(names.iter().map(matches).collect())
}

/// What means something, and names that it may match.
const SIGNS: [(&[u8], &[&[u8]]); 27] = [
    (b"*", &[b"", b"a", b".b", b"\xC3", "é".as_bytes()]),
    (b"*", &[b"", b"c", b"ab", b"-", b"]"]),
    (b"?", &[b"a", b".", "é".as_bytes(), b"\xE9"]),
    (b"[a-c]", &[b"a", b"b", b"d"]),
    (b"[^a]", &[b"a", b"b", "é".as_bytes(), b"\xE9"]),
    (b"[^a-z0]", &[b"A", b"0"]),
    (b"[!a]", &[b"!", b"a", b"b"]),
    (b"[!-~]", &[b"~", b"0", b" "]),
    ("[é-ü]".as_bytes(), &["ö".as_bytes(), "é".as_bytes(), b"z"]),
    (b"[*]", &[b"*"]),
    (b"[\\^]", &[b"^", b"\\"]),
    (b"[\\!^]", &[b"!", b"^", b"a"]),
    (b"[a\\-b]", &[b"a", b"-", b"b"]),
    (b"[\\]-]", &[b"]", b"-"]),
    (b"[z-a]", &[b"z", b"a"]),
    (b"[\\--0]", &[b".", b"-", b"1"]),
    (b"\\*", &[b"*", b"a"]),
    (b"\\[", &[b"["]),
    (b"\\a", &[b"a", b"\\"]),
    (b"]", &[b"]"]),
    (b"[", &[b"["]),
    (b"[^", &[b"^"]),
    (b"\\", &[b"\\"]),
    (b"-", &[b"-"]),
    (b"[\xE9]", &[b"\xE9"]),
    (b"^", &[b"^"]),
    (b"{a,b}", &[b"{a,b}", b"a"]),
];
const BYTES: [&[u8]; 22] = [
    b"a",
    b"b",
    b"c",
    b"z",
    b"A",
    b"0",
    b".",
    b"-",
    b"!",
    b"^",
    b"~",
    b" ",
    b"*",
    b"?",
    b"[",
    b"]",
    b"\\",
    "é".as_bytes(),
    "ö".as_bytes(),
    "日".as_bytes(),
    b"\xE9",
    b"\xC3",
];

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// A glob, and names of which it may match some.
fn case(rng: &mut Rng) -> (Vec<u8>, Vec<Vec<u8>>) {
    // Most have few signs that make it malformed by themselves.
    let signs = if rng.u32(..4) == 0 { &SIGNS[..] } else { &SIGNS[..20] };
    let piece = |rng: &mut Rng| match rng.u32(..3) {
        0 => (pick(rng, &BYTES[..12]), None),
        _ => {
            let (sign, names) = pick(rng, signs);
            (sign, Some(names))
        }
    };
    let pieces: Vec<_> = (0..rng.usize(1..6)).map(|_| piece(rng)).collect();
    let glob = pieces.iter().map(|(piece, _)| *piece).collect::<Vec<_>>().concat();
    let name = |rng: &mut Rng| {
        let mut name = Vec::new();
        for (piece, names) in &pieces {
            name.extend_from_slice(names.map_or(*piece, |names| pick(rng, names)));
            if rng.u32(..12) == 0 {
                name.extend_from_slice(pick(rng, &BYTES));
            }
        }
        name
    };
    let mut names: Vec<_> = (0..10).map(|_| name(rng)).collect();
    // A directory has no such names.
    names.retain(|name| !matches!(&name[..], b"" | b"." | b".."));
    (glob, names)
}

/// What every glob is, but for `.` and `..`, which are no patterns, and `**`, which is ours.
fn is_one(glob: &[u8]) -> bool {
    !matches!(glob, b"." | b".." | b"**")
}

#[track_caller]
fn assert_same(table: impl Iterator<Item = Recorded>) {
    let (mut found, mut pairs, mut matched) = (Vec::new(), 0, 0);
    for Recorded { pattern, texts, answers } in table {
        pairs += texts.len();
        matched += answers.iter().flatten().filter(|&&answer| answer).count();
        let ours = judged(&pattern, &texts);
        if ours != answers {
            let texts: Vec<_> = texts.iter().map(|text| text.escape_ascii().to_string()).collect();
            let glob = pattern.escape_ascii();
            found.push(format!("{glob} on {texts:?}: Go says {answers:?}, we say {ours:?}"));
        }
    }
    let shown = found.len().min(30);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found[..shown].join("\n"));
    println!("{pairs} pairs, of which {matched} match");
    assert!(matched > pairs / 20, "{matched} of {pairs} match");
}

#[test]
fn go_has_said_the_same() {
    assert_same(Recorded::read(TABLE).into_iter());
}

#[test]
fn go_says_the_same_where_it_is_installed() {
    let Some(mut go) = Judge::go("glob") else { return };
    let mut table = |count| {
        let mut rng = Rng::with_seed(7);
        let cases: Vec<_> =
            (0..count).map(|_| case(&mut rng)).filter(|(glob, _)| is_one(glob)).collect();
        let answered = cases.into_iter().map(|(pattern, texts)| {
            let answers = go.judge(&pattern, &texts);
            Recorded { pattern, texts, answers }
        });
        answered.collect::<Vec<_>>()
    };
    Recorded::update(TABLE, table(RECORDED).into_iter());
    assert_same(table(TRIED).into_iter());
}
