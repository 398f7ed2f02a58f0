//! The printed table.

use std::fmt::Write;

use crate::arguments::Arguments;
use crate::outcome::Outcome;
use crate::schedule::{Case, rate};

/// Markdown, so that it can be pasted.
pub fn table(results: &[(Case, Outcome)], arguments: &Arguments) -> String {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let length = if arguments.long { "full length" } else { "short" };
    let rate = rate(arguments);
    let mut text = format!(
        "\nReliability, {length}, {rate} lines/s unless stated (in rows 15, 16, 17c, 18 and 19 a few \
         lines at each step), {build} build\n\n"
    );
    text += "| # | what happens | over | written | received | missing | dup. | allowed | reord. \
             | peak RSS | verdict | seen |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|---|\n";
    for (case, outcome) in results {
        let Outcome { written, received, missing, duplicates, allowed, reordered, .. } = outcome;
        let rss = outcome.peak_rss.map_or("".into(), |bytes| format!("{:.1} MB", mb(bytes)));
        let seen: Vec<_> = outcome.skipped.iter().chain(&outcome.notes).cloned().collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {written} | {received} | {missing} | {duplicates} | {allowed} \
             | {reordered} | {rss} | {} | {} |",
            case.row.number,
            case.row.what,
            case.transport.name(),
            outcome.verdict(),
            seen.join("; ")
        );
    }
    for (case, outcome) in results.iter().filter(|(_, outcome)| !outcome.holds()) {
        let _ = writeln!(text, "\n{case} FAILED");
        for fault in &outcome.faults {
            let _ = writeln!(text, "  {fault}");
        }
        if outcome.duplicates > outcome.allowed {
            let _ = writeln!(text, "  {} duplicates", outcome.duplicates);
        }
    }
    text
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
