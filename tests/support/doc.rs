//! Blocks of `docs/operating.md` that tests keep true, and the pictures of some of them.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::picture::picture;

const DOCUMENT: &str = "docs/operating.md";
/// Those of which there is a picture, `docs/pictures/NAME.svg`.
const PICTURES: [&str; 3] = ["check", "status", "once"];
/// Set to anything, makes the tests write the blocks instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

/// Compares the block below the mark `<!-- output: NAME -->` with `said`.
#[track_caller]
pub fn assert_documented(name: &str, said: &str) {
    // One at a time: each rewrites the whole file.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let mark = format!("<!-- output: {name} -->\n```console\n");
    let start = text.find(&mark).unwrap_or_else(|| panic!("{DOCUMENT} has no {mark}")) + mark.len();
    let end = start + text[start..].find("```\n").expect("an end of the block");
    let drawn = format!("docs/pictures/{name}.svg");
    let has_picture = PICTURES.contains(&name);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{}{said}{}", &text[..start], &text[end..])).unwrap();
        if has_picture {
            assert_drawn(&drawn, &picture(said));
        }
        return;
    }
    assert!(
        text[start..end] == *said,
        "{DOCUMENT} says of {name}:\n{}\nbut it is (write it there with {UPDATE}=1):\n{said}",
        &text[start..end]
    );
    if has_picture {
        assert_drawn(&drawn, &picture(said));
    }
}

/// Compares the picture at `path` in the repository with what is `drawn`.
#[track_caller]
pub fn assert_drawn(path: &str, drawn: &str) {
    let path = root().join(path);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, drawn).unwrap();
    }
    let is_so = fs::read_to_string(&path).is_ok_and(|there| there == drawn);
    assert!(is_so, "{} shows something else (draw it with {UPDATE}=1)", path.display());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
