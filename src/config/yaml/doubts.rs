//! What is YAML, and probably not what was meant.

use std::iter::{Enumerate, Peekable};
use std::str::Lines;

use saphyr_parser::{Event, ScalarStyle, Span, Tag};

/// The line of a value or key, and what is to be told of it.
pub(super) type Doubt = (usize, String);

/// More than anybody reads.
const DOUBTS_MAX: usize = 10;

const RUNS_ON: &str = "the value goes on in the next line, since the '-' there begins no item; indent all items of a list \
                       alike, with a blank behind each '-', or put the value in quotes";
const NO_ITEM: &str = "the '-' begins no item, since no blank stands behind it; write '- ' and then the value, or put \
                       the value in quotes";
const TAG: &str = "a word that begins with '!' is a tag for YAML, and no part of the value; put the value in quotes";

/// Looks at all words without quotes, as they come.
pub(super) struct Doubts<'a> {
    /// Those that are not passed yet. Words come in the order of the text.
    lines: Peekable<Enumerate<Lines<'a>>>,
    /// The last line with content that was passed, and the one before.
    last: &'a str,
    above: &'a str,
    pub(super) found: Vec<Doubt>,
}

impl<'a> Doubts<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let lines = text.lines().enumerate().peekable();
        Self { lines, last: "", above: "", found: Vec::new() }
    }

    pub(super) fn look(&mut self, event: &Event<'_>, span: Span) {
        let Event::Scalar(text, ScalarStyle::Plain, _, tag) = event else { return };
        if self.found.len() == DOUBTS_MAX {
            return;
        }
        let first = span.start.line();
        let told = if self.runs_on(first, span.end.line()) {
            Some(RUNS_ON.to_owned())
        } else if self.lacks_blank(span) {
            Some(NO_ITEM.to_owned())
        } else if tag.as_deref().is_some_and(|tag| !Tag::is_yaml_core_schema(tag)) {
            Some(TAG.to_owned())
        } else {
            look_alike(text)
        };
        self.found.extend(told.map(|told| (first, told)));
    }

    /// Passes the lines of a value. Whether an item of a list was meant in one behind the first, it seems: its `-` has no
    /// blank behind it, or another indentation. What begins with `--` is rather an option of a command.
    fn runs_on(&mut self, first: usize, last: usize) -> bool {
        // Lines are counted from 0 here.
        while let Some((_, line)) = self.lines.next_if(|(index, _)| *index < first) {
            let content = line.trim();
            if !content.is_empty() && !content.starts_with('#') {
                (self.above, self.last) = (self.last, line);
            }
        }
        let mut runs_on = false;
        while let Some((_, line)) = self.lines.next_if(|(index, _)| *index < last) {
            runs_on |= begins_as_item(line.trim_start());
        }
        runs_on
    }

    /// Whether the value that was passed stands alone below its key, and begins as an item does but for the blank.
    fn lacks_blank(&self, span: Span) -> bool {
        let value = self.last.trim_start();
        let is_first = span.start.col() == self.last.len() - value.len();
        let key = self.above.split(" #").next().unwrap_or_default();
        is_first && begins_as_item(value) && key.trim_end().ends_with(':')
    }
}

fn begins_as_item(line: &str) -> bool {
    line.starts_with('-') && !line.starts_with("--")
}

/// Signs at the ends of a word that look like others, which mean something. Word processors and web pages make them.
fn look_alike(text: &str) -> Option<String> {
    let signs = || [text.chars().next(), text.chars().next_back()].into_iter().flatten();
    let code = |sign: char| format!("U+{:04X}", u32::from(sign));
    if let Some(blank) = signs().find(|sign| super::is_odd_blank(*sign)) {
        return Some(format!(
            "{} looks like a blank and is part of {text:?}; write a blank, or put it in quotes",
            code(blank)
        ));
    }
    if let Some(quote) = signs().find(|sign| "‘’‚“”„".contains(*sign)) {
        return Some(format!(
            "{quote} ({}) is no quote for YAML, and part of {text:?}; write ' or \"",
            code(quote)
        ));
    }
    let dash = text.chars().next().filter(|sign| "‐‑‒–—−".contains(*sign))?;
    Some(format!("{dash} ({}) begins no item, and is part of {text:?}; write '- '", code(dash)))
}
