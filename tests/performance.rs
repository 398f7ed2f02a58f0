//! What `docs/performance.md` and the chart show is what was measured, as `docs/performance.json`
//! keeps it: `cargo bench --bench field -- --full --save` renews all three.

#[path = "../benches/field/report.rs"]
mod report;
#[allow(dead_code, reason = "the benchmark uses the rest of it")]
#[path = "../benches/field/results.rs"]
mod results;
#[allow(dead_code, reason = "the benchmark uses the rest of it")]
#[path = "../benches/field/save.rs"]
mod save;

use std::fs;

#[test]
fn the_documents_show_what_was_measured() {
    let results = save::saved().expect("docs/performance.json");
    for (path, text) in save::documents(&results) {
        let stands = fs::read_to_string(&path).unwrap();
        assert!(stands == text, "{} is not what the figures give", path.display());
    }
}
