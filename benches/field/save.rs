//! Renews the documents from what was measured: the data, the chart, and the tables between two
//! marks in `docs/performance.md`. `tests/performance.rs` holds them against each other.

use std::fs;
use std::path::{Path, PathBuf};

use super::report;
use super::results::Results;

const BEGIN: &str = "<!-- measured: cargo bench --bench field -- --full --save -->\n";
const END: &str = "<!-- end -->\n";

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// What the documents were made from.
pub fn saved() -> Option<Results> {
    serde_json::from_str(&fs::read_to_string(docs("performance.json")).ok()?).ok()
}

/// Each document, and what is to stand in it.
pub fn documents(results: &Results) -> [(PathBuf, String); 2] {
    let page = docs("performance.md");
    let text = fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the mark before the tables");
    let (_, tail) = rest.split_once(END).expect("the mark behind the tables");
    let text = format!("{head}{BEGIN}\n{}\n{END}{tail}", report::document(results));
    [(page, text), (docs("performance.svg"), report::chart(results))]
}

/// Takes new results among the saved ones and renews the documents.
pub fn save(new: Results) {
    let mut results = saved().unwrap_or_default();
    results.renew(new);
    let json = serde_json::to_string_pretty(&results).unwrap();
    fs::write(docs("performance.json"), json + "\n").unwrap();
    for (path, text) in documents(&results) {
        fs::write(path, text).unwrap();
    }
}
