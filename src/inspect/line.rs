//! What becomes of a line: which patterns let it pass, and which do not.

use std::borrow::Cow;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::{GOOD, ODD, Out, time};
use crate::config::{Config, FileEntry, Messages};
use crate::discover::Globs;
use crate::filter::LineFilter;
use crate::shown::Show;
use crate::text::{OwnTime, Workspace};

/// Says it of `line`: once, or for each of the entries where they do not all do the same with it. The last `named`
/// entries are those of the command line; where there are some, it says it of the files that they name. False if none
/// of them sends it.
pub(super) fn show(config: &Config, named: usize, line: &[u8], out: Out<'_>) -> io::Result<bool> {
    let Some(entries) = meant(config, named, out)? else { return Ok(false) };
    let all = entries.first().map_or(&config.messages, |entry| &entry.messages);
    let is_as_all = |messages: &Messages| {
        let is_same_text = messages.text.is_idle() && all.text.is_idle();
        Arc::ptr_eq(&messages.filter, &all.filter) && is_same_text
    };
    let mut of_entries = entries.iter().map(|entry| &entry.messages);
    if of_entries.all(|messages| Arc::ptr_eq(messages, all) || is_as_all(messages)) {
        let sent = show_one(all, line, "", out)?;
        if let Some(text) = &sent {
            time::show(&entries, text, out)?;
        }
        return Ok(sent.is_some());
    }
    let mut is_any_sent = false;
    for entry in &entries {
        let of = format!("{}: ", entry.glob.text().shown());
        if let Some(text) = show_one(&entry.messages, line, &of, out)? {
            is_any_sent = true;
            time::show(std::slice::from_ref(entry), &text, out)?;
        }
    }
    Ok(is_any_sent)
}

/// The entries that are asked about: all, or of each path on the command line the one that gives its settings. None
/// where such a path is left out, which is said.
fn meant(config: &Config, named: usize, out: Out<'_>) -> io::Result<Option<Vec<FileEntry>>> {
    let files = &config.files;
    let named = &files[files.len().saturating_sub(named)..];
    if named.is_empty() {
        return Ok(Some(files.clone()));
    }
    let globs = Globs::new(files);
    let mut entries = Vec::new();
    for entry in named {
        let path = entry.glob.text();
        if let Some((index, pattern)) =
            config.exclude_files.matching(path.as_os_str().as_bytes()).first()
        {
            let (path, pattern) = (path.shown(), pattern.shown());
            let index = index + 1;
            writeln!(
                out,
                "{ODD}dropped{ODD:#}: {path} is left out by exclude_files {index}: {pattern}"
            )?;
            return Ok(None);
        }
        entries.push(globs.entry_of(path).map_or(entry, |owner| &files[owner]).clone());
    }
    Ok(Some(entries))
}

/// What a line that is sent says of its time.
pub(super) struct SentLine<'a> {
    /// Its text, before anything is replaced in it.
    pub(super) text: Cow<'a, [u8]>,
    /// What stands beside the text.
    pub(super) time: Option<OwnTime>,
}

/// Says what becomes of `line` with these `messages`, and what is sent of it where that is not what stands there. None
/// where it is dropped.
fn show_one<'a>(
    messages: &Messages,
    line: &'a [u8],
    of: &str,
    out: Out<'_>,
) -> io::Result<Option<SentLine<'a>>> {
    let (seen, facts) = messages.text.text_of(line);
    verdict(&messages.filter, &seen, of, out)?;
    if messages.filter.drops(&seen) {
        return Ok(None);
    }
    let mut work = Workspace::default();
    work.text = seen.to_vec();
    // Patterns do not see the carriage return at the end.
    let has_return = work.text.pop_if(|last| *last == b'\r').is_some();
    let severity = messages.text.apply(&mut work).or(facts.severity);
    if has_return {
        work.text.push(b'\r');
    }
    if work.text != line {
        writeln!(out, "  text: {}", String::from_utf8_lossy(&work.text).shown())?;
    }
    if let Some(severity) = severity {
        writeln!(out, "  severity: {severity}")?;
    }
    Ok(Some(SentLine { text: seen, time: facts.time }))
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
        let why = match (include.written().next(), include.len()) {
            (Some(pattern), 1) => format!("include_patterns 1 does not match: {}", pattern.shown()),
            (_, count) => format!("none of the {count} include_patterns matches"),
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
