//! The parser's reasons in words that help.

use saphyr_parser::ScanError;

use super::lenient::is_of_block;
use super::{Refusal, SyntaxError, blame, read};

/// Reasons of the parser, and the words that help. The first that fits counts.
const REASONS: [(&str, &str); 14] = [
    (
        "unknown anchor",
        "a value that begins with '*' is an alias for YAML, and there is no such anchor; put a \
         glob in quotes",
    ),
    ("anchor or alias", "a value cannot begin with '*' or '&'; put it in quotes"),
    (
        "escape",
        "a \\ inside \"…\" begins an escape that YAML does not know; use '…' around patterns",
    ),
    (
        "quoted scalar",
        "a quote is not closed, or text follows behind it; close it, and double a ' inside '…'",
    ),
    (
        "block scalar",
        "a value that begins with '|' or '>' is a text in the lines below it; put the value in quotes",
    ),
    ("mapping values are not allowed", COLON),
    ("illegal placement of ':'", FLOW),
    ("block mapping", KEY_EXPECTED),
    ("simple key", KEY_EXPECTED),
    (
        "block collection",
        "here a '- ' was expected; indent all items of a list by the same number of spaces",
    ),
    ("flow ", FLOW),
    ("node content", FLOW),
    (
        "comments must be separated",
        "a '#' stands right behind a value; write a blank before it where a comment begins, or put all of the value in \
         quotes",
    ),
    (
        "misplaced bracket",
        "this bracket closes none; remove it, or put a text that holds one in quotes",
    ),
];

const COLON: &str = "a ': ' stands inside a value, or the indentation is off; put the value in \
                     quotes, or align it with its neighbours";
const KEY_EXPECTED: &str =
    "here a 'key: value' was expected; check the indentation and the ':' behind the key";
const FLOW: &str = "a '[' or '{' is not closed, or a ',' is missing; close it, or put a text that begins so in \
     quotes";

/// The parser's reason in words that help; its own where there are none better.
pub(super) fn explain(error: &ScanError, text: &str) -> SyntaxError {
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    let info = error.info();
    if let Some(error) = tab(line, info, text) {
        return error;
    }
    let typed = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let sign = typed.chars().nth(column - 1).filter(|c| "@`%".contains(*c));
    if let Some(sign) = sign.filter(|_| info.contains("unexpected character")) {
        let text = format!("a value cannot begin with {sign:?}; put it in quotes");
        return SyntaxError { line, column, text };
    }
    // The parser notices a missing blank late.
    let near = || text.lines().enumerate().skip(line.saturating_sub(3)).take(3);
    let odd = near().find_map(|(i, typed)| odd_blank(i + 1, typed));
    let missing = || near().filter_map(|(i, typed)| missing_blank(i + 1, typed));
    let missing = || missing().find(|error| !blame::is_in_text(error.line, text));
    if let Some(error) = odd.or_else(missing) {
        return error;
    }
    if let Some(error) = blame::before(line, column, info, text) {
        return error;
    }
    let known = REASONS.iter().find(|(reason, _)| info.contains(reason));
    let text = known.map_or_else(
        || format!("this is no YAML: {info}; compare it with the example configuration"),
        |(_, words)| (*words).to_owned(),
    );
    SyntaxError { line, column, text }
}

/// The tab in an indentation that is to blame for an error on `line`, if one is.
///
/// Where the parser says that it met a tab, its place is where the value began that the tab cuts
/// short. Else it went on for a while, as if the line belonged to what stands before it.
fn tab(line: usize, info: &str, text: &str) -> Option<SyntaxError> {
    let says_so = info.contains("tab");
    let lines = text.lines().zip(is_of_block(text)).enumerate();
    let indented = lines.filter_map(|(i, (typed, is_of_block))| {
        let content = typed.trim_start();
        let at = typed[..typed.len() - content.len()].find('\t')?;
        let is_content = !content.is_empty() && !content.starts_with('#');
        (is_content && (says_so || is_of_block)).then_some((i + 1, at + 1))
    });
    let mut before = None;
    let mut behind = None;
    for place in indented {
        match place.0 {
            at if at <= line => before = Some(place),
            _ => behind = behind.or(Some(place)),
        }
    }
    let is_on_line = before.is_some_and(|(at, _)| at == line);
    let (at, column) = match says_so && !is_on_line {
        true => behind.or(before),
        false => before,
    }?;
    let text = (says_so || leads_to(at, line, text))
        .then(|| "a tab stands in the indentation; indent by spaces".to_owned())?;
    Some(SyntaxError { line: at, column, text })
}

/// Whether tabs in the indentation of a line lead to an error on a line: with blanks in their place the parser gets further.
fn leads_to(tabbed: usize, error: usize, text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let content = lines[tabbed - 1].trim_start();
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_content = |line: &&&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let above = lines[..tabbed - 1].iter().rev().find(is_content).map_or(0, |line| blanks(line));
    let indentation = &lines[tabbed - 1][..lines[tabbed - 1].len() - content.len()];
    let as_wide = |width: usize| indentation.replace('\t', &" ".repeat(width)).len();
    // As wide as editors show a tab, and as its neighbours would have it.
    let widths = [as_wide(1), as_wide(2), as_wide(4), as_wide(8), above, above + 2, 0];
    widths.into_iter().any(|width| {
        let indented = format!("{}{content}", " ".repeat(width));
        let mut lines = lines.clone();
        lines[tabbed - 1] = &indented;
        match read(&lines.join("\n")) {
            Ok(_) => true,
            Err(Refusal::Scan(further)) => further.marker().line() > error,
            Err(Refusal::Told(further)) => further.line > error,
        }
    })
}

/// What looks like a blank and is none: in the indentation, behind the `-` of an item, or behind the `:` of a key.
fn odd_blank(line: usize, typed: &str) -> Option<SyntaxError> {
    let leads = |sign: &char| *sign == '-' || sign.is_whitespace() || super::is_odd_blank(*sign);
    let lead = typed.chars().take_while(leads).count();
    let key = typed.split(['#', '"', '\'']).next().and_then(|plain| plain.split_once(':'));
    let behind_key = key.map(|(name, _)| name.chars().count() + 1);
    let mut signs = (0..).zip(typed.chars());
    let (at, sign) = signs
        .find(|&(at, sign)| super::is_odd_blank(sign) && (at < lead || Some(at) == behind_key))?;
    let code = u32::from(sign);
    let text = format!("U+{code:04X} stands here, which looks like a blank; write a blank");
    Some(SyntaxError { line, column: at + 1, text })
}

/// `key:value`, which for YAML is one word.
fn missing_blank(line: usize, typed: &str) -> Option<SyntaxError> {
    let (name, value) = typed.split_once(':')?;
    let is_name = |c: char| c.is_ascii_alphabetic() || c == '_';
    if name.trim().is_empty() || !name.trim().chars().all(is_name) {
        return None;
    }
    let text = format!("a blank is missing; write '{}: ' and then the value", name.trim());
    (!value.is_empty() && !value.starts_with(char::is_whitespace)).then(|| SyntaxError {
        line,
        column: name.len() + 2,
        text,
    })
}
