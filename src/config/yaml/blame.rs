//! Which line is to blame, where the parser notices a mistake only behind it, or none.

use super::SyntaxError;
use super::lenient::is_border;

const BRACKET: &str =
    "a '[' or '{' is not closed; close it, or put a text that begins so in quotes";
const QUOTE: &str = "a quote is not closed on this line; close it, and double a ' inside '…'";
const BRACKET_AT_START: &str = "a value that begins with '[' or '{' is a list or map for YAML, and text follows behind it; put the value in quotes";
const ITEM: &str = "an item stands at another indentation than those before it; indent all items of a list by the same \
                    number of spaces";

/// Keys with which an item of a list may begin.
const OF_ITEMS: [&str; 4] = ["path", "pattern", "host", "replace"];

/// A line that is neither empty nor a comment.
#[derive(Clone, Copy)]
struct ContentLine<'a> {
    /// From 1.
    number: usize,
    indent: usize,
    /// Without what is around it.
    typed: &'a str,
}

impl<'a> ContentLine<'a> {
    /// What stands behind the `- ` of an item.
    fn item(self) -> Option<&'a str> {
        self.typed.strip_prefix("- ").map(str::trim_start)
    }

    fn has_colon(self) -> bool {
        self.typed.ends_with(':') || self.typed.contains(": ")
    }

    /// Whether what stands deeper behind it is text of its value: a `|` or `>` begins one, or it has begun already.
    fn begins_text(self) -> bool {
        let value = self.typed.trim_end_matches(|c: char| "+-".contains(c) || c.is_ascii_digit());
        value.ends_with(['|', '>'])
            || self.item().is_none() && self.has_colon() && !self.typed.ends_with(':')
    }

    fn error(self, text: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.number, column: self.indent + 1, text: text.into() }
    }
}

/// The last lines with content up to `line`, the last of them first.
fn content_up_to(text: &str, line: usize) -> impl Iterator<Item = ContentLine<'_>> {
    let lines: Vec<_> = text.lines().take(line).collect();
    (1..=lines.len()).rev().filter_map(move |number| {
        let typed = lines[number - 1].trim();
        let indent = lines[number - 1].chars().take_while(|c| c.is_whitespace()).count();
        (!typed.is_empty() && !typed.starts_with('#')).then_some(ContentLine {
            number,
            indent,
            typed,
        })
    })
}

/// What stands on the line of an error or before it and has led to it, where the parser gives this reason.
pub(super) fn before(line: usize, column: usize, info: &str, text: &str) -> Option<SyntaxError> {
    if let Some(error) = opened(line, column, info, text) {
        return Some(error);
    }
    let mut content = content_up_to(text, line);
    let last = content.next()?;
    let (here, previous) = match last.number == line {
        true => (Some(last), content.next()),
        false => (None, Some(last)),
    };
    let is_list = info.contains("block collection");
    if let Some(here) = here
        && is_list
        && here.item().is_some_and(|value| value.starts_with(['[', '{']))
    {
        return Some(SyntaxError { line, column, text: BRACKET_AT_START.to_owned() });
    }
    if !is_list
        && !["simple key", "block mapping", "mapping values"].iter().any(|it| info.contains(it))
    {
        return None;
    }
    let previous = previous?;
    if let Some(rest) = previous.typed.strip_prefix('-')
        && !rest.is_empty()
        && !rest.starts_with(['-', ' ', '\t'])
    {
        return Some(
            previous.error("a blank is missing behind the '-'; write '- ' and then the value"),
        );
    }
    if let Some(here) = here.filter(|here| here.item().is_some() && column <= here.indent + 3) {
        if previous.indent > here.indent
            && let Some(error) = missing_colon(previous, text)
        {
            return Some(error);
        }
        let lacks_dash = previous.indent == here.indent
            && previous.item().is_none()
            && !previous.has_colon()
            && content.next().is_some_and(|it| it.item().is_some());
        return Some(match lacks_dash {
            true => previous.error("a '- ' is missing; write '- ' and then the value"),
            false => here.error(ITEM),
        });
    }
    missing_colon(previous, text).or_else(|| missing_colon(here?, text))
}

/// `key value`, or a key alone, without the `:`.
fn missing_colon(line: ContentLine<'_>, text: &str) -> Option<SyntaxError> {
    let typed = line.item().unwrap_or(line.typed);
    let name = typed.split_whitespace().next()?;
    let is_name = name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let is_of_items = || OF_ITEMS.iter().any(|key| key.eq_ignore_ascii_case(name));
    if line.has_colon() || !is_name || line.item().is_some() && !is_of_items() {
        return None;
    }
    if is_in_text(line.number, text) {
        return None;
    }
    Some(line.error(format!("a ':' is missing; write '{name}: ' and then the value")))
}

/// Whether a line with content is part of a text that one before it has begun.
pub(super) fn is_in_text(number: usize, text: &str) -> bool {
    let mut content = content_up_to(text, number);
    let Some(mut indent) = content.next().map(|line| line.indent) else { return false };
    content.any(|above| {
        let is_around = above.indent < indent;
        indent = indent.min(above.indent);
        is_around && above.begins_text()
    })
}

/// The bracket or quote that was opened on a line before an error and leads to it.
fn opened(line: usize, column: usize, info: &str, text: &str) -> Option<SyntaxError> {
    let (brackets, quote) = scanned(text, (line, column));
    let is_of_brackets =
        ["flow ", "node content", "placement of ':'", "simple key", "invalid indentation"];
    let bracket = brackets.last().filter(|_| is_of_brackets.iter().any(|it| info.contains(it)));
    // Where it is closed behind the error, something else is wrong.
    let end = text.lines().enumerate().skip(line).find(|(_, typed)| is_border(typed));
    let end = (end.map_or(usize::MAX, |(index, _)| index + 1), 0);
    let bracket = bracket.filter(|place| scanned(text, end).0.contains(place));
    let is_of_quotes = info.contains("quoted scalar") || info.contains("simple key");
    let quote = quote.filter(|(_, closed)| is_of_quotes && *closed == line).map(|(place, _)| place);
    let (&(opened, at), words) =
        bracket.map(|place| (place, BRACKET)).or(quote.as_ref().map(|place| (place, QUOTE)))?;
    (opened < line).then(|| SyntaxError { line: opened, column: at, text: words.to_owned() })
}

/// A line and a column, both from 1.
type At = (usize, usize);

/// The brackets that are open at a place, and where the last quoted text before it begins, with the line of its end.
fn scanned(text: &str, end: At) -> (Vec<At>, Option<(At, usize)>) {
    let (mut brackets, mut last) = (Vec::new(), None);
    // What the text began with that is read now, and where.
    let mut quote: Option<(char, At)> = None;
    for (number, typed) in (1..=end.0).zip(text.lines()) {
        let mut chars = (1..).zip(typed.chars()).peekable();
        // A bracket or quote in the middle of a value is part of it.
        let mut may_begin = true;
        let mut before = ' ';
        while let Some((column, c)) = chars.next() {
            if (number, column) >= end {
                break;
            }
            let next = chars.peek().map_or(' ', |(_, c)| *c);
            match (quote, c) {
                (Some(('"', _)), '\\') => drop(chars.next()),
                (Some(('\'', _)), '\'') if next == '\'' => drop(chars.next()),
                (Some((sign, place)), _) if c == sign => {
                    (quote, last) = (None, Some((place, number)));
                    may_begin = false;
                }
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => break,
                (None, '\'' | '"') if may_begin => quote = Some((c, (number, column))),
                (None, '[' | '{') if may_begin => brackets.push((number, column)),
                (None, ']' | '}') => drop(brackets.pop()),
                (None, ',') if !brackets.is_empty() => may_begin = true,
                (None, ':' | '-') if next.is_whitespace() => may_begin |= c == ':',
                (None, _) => may_begin &= c.is_whitespace(),
            }
            before = c;
        }
    }
    (brackets, last)
}
