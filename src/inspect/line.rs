//! What becomes of a line: which patterns let it pass, and which do not.

use std::io;
use std::sync::Arc;

use super::{GOOD, ODD, Out, time};
use crate::config::Config;
use crate::filter::LineFilter;
use crate::shown::Show;

/// Says it of `line`: once, or for each of the entries where they do not all have the same patterns. False if
/// none of them sends it.
pub(super) fn show(config: &Config, line: &[u8], out: Out<'_>) -> io::Result<bool> {
    let filters = config.files.iter().map(|entry| &entry.messages.filter);
    let (first, others) = (&config.messages.filter, filters.clone());
    if others.clone().all(|filter| Arc::ptr_eq(filter, first)) {
        verdict(first, line, "", out)?;
        if !first.drops(line) {
            time::show(&config.files, line, out)?;
        }
        return Ok(!first.drops(line));
    }
    for entry in &config.files {
        let of = format!("{}: ", entry.glob.text().shown());
        verdict(&entry.messages.filter, line, &of, out)?;
        if !entry.messages.filter.drops(line) {
            time::show(std::slice::from_ref(entry), line, out)?;
        }
    }
    Ok(filters.into_iter().any(|filter| !filter.drops(line)))
}

fn verdict(filter: &LineFilter, line: &[u8], of: &str, out: Out<'_>) -> io::Result<()> {
    let (include, exclude) = (filter.include(), filter.exclude());
    let dropping = exclude.dropping(line);
    for (index, pattern) in &dropping {
        writeln!(
            out,
            "{of}{ODD}dropped{ODD:#}: exclude_patterns {} matches: {}",
            index + 1,
            pattern.shown()
        )?;
    }
    if !include.is_empty() && !include.drops(line) {
        let why = match include.len() {
            1 => "the pattern in include_patterns does not match".to_owned(),
            count => format!("none of the {count} include_patterns matches"),
        };
        return writeln!(out, "{of}{ODD}dropped{ODD:#}: {why}");
    }
    if !dropping.is_empty() {
        return Ok(());
    }
    let mut why = match exclude.len() {
        0 => "there are no exclude_patterns".to_owned(),
        1 => "the pattern in exclude_patterns does not match".to_owned(),
        count => format!("none of the {count} exclude_patterns matches"),
    };
    if let Some((index, pattern)) = include.dropping(line).first() {
        let excluded = if exclude.is_empty() { String::new() } else { format!(", and {why}") };
        why = format!("include_patterns {} matches: {}{excluded}", index + 1, pattern.shown());
    }
    writeln!(out, "{of}{GOOD}sent{GOOD:#}: {why}")
}
