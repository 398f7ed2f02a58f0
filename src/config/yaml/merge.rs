//! Merge keys: what `<<` brings.

use std::collections::HashSet;

use super::{Entry, SyntaxError, Value};

/// `entries` with what `<<` refers to behind them, except keys that are there already, in whatever case.
pub(super) fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, SyntaxError> {
    if entries.iter().all(|entry| entry.0 != "<<") {
        return Ok(entries);
    }
    let (merges, mut entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.0 == "<<");
    let folded = |entry: &Entry| entry.0.to_ascii_lowercase();
    let mut names: HashSet<String> = entries.iter().map(folded).collect();
    for (_, line, node) in &merges {
        let maps = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for map in maps {
            let Value::Map(others) = &map.value else {
                let text = format!(
                    "{} stands behind '<<', which takes over the keys of a map; write '<<: *NAME' with the anchor of one",
                    map.value.noun()
                );
                return Err(SyntaxError { line: *line, column: 1, text });
            };
            entries.extend(others.iter().filter(|other| names.insert(folded(other))).cloned());
        }
    }
    Ok(entries)
}
