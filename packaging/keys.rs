//! The manual page of the configuration, log_files.yml(5), out of `docs/configuration.md`: what is
//! documented there is in the page, and nothing is written twice.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What it is for, as `NAME` says it.
const ABOUT: &str = "log_files.yml \\- what remote_syslog follows, and where it ships lines";

/// Writes the page that `markdown` makes.
pub(super) fn manual(markdown: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.take(event);
    }
    let version = concat!("remote_syslog ", env!("CARGO_PKG_VERSION"));
    let date = super::date();
    write!(out, ".TH log_files.yml 5 \"{date}\" \"{version}\"\n.SH NAME\n{ABOUT}\n")?;
    out.write_all(page.roff.render().as_bytes())?;
    let mut more = Roff::new();
    more.control("SH", ["SEE ALSO"]).text([bold("remote_syslog"), roman("(8)")]);
    out.write_all(more.render().as_bytes())
}

/// A page in the making.
#[derive(Default)]
struct Page {
    roff: Roff,
    /// Text that has not got its place yet.
    text: Vec<Inline>,
    is_strong: bool,
    is_heading: bool,
    /// The lists that are open, with the number of the next item where they have numbers.
    lists: Vec<Option<u64>>,
    /// The cells of the first row of a table, and of the one that is read.
    head: Vec<Vec<Inline>>,
    row: Vec<Vec<Inline>>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_strong => self.text.push(bold(text.as_ref())),
            Event::Text(text) => self.text.push(roman(text.as_ref())),
            // A heading is bold as it is.
            Event::Code(text) if self.is_heading => self.text.push(roman(text.as_ref())),
            Event::Code(text) => self.text.push(bold(text.as_ref())),
            Event::SoftBreak | Event::HardBreak => self.text.push(roman(" ")),
            _ => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Strong => self.is_strong = true,
            Tag::Heading { .. } => self.is_heading = true,
            Tag::List(first) => {
                // What stands before a list within an item.
                self.flush();
                self.lists.push(*first);
                if self.lists.len() > 1 {
                    self.roff.control("RS", ["4"]);
                }
            }
            Tag::Item => match self.lists.last_mut() {
                Some(Some(number)) => {
                    self.roff.control("IP", [format!("{number}.").as_str(), "4"]);
                    *number += 1;
                }
                _ => {
                    self.roff.control("IP", ["\\(bu", "2"]);
                }
            },
            Tag::Paragraph if self.lists.is_empty() => {
                self.roff.control("PP", []);
            }
            Tag::CodeBlock(_) => {
                self.roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            }
            Tag::Table(_) => self.head.clear(),
            Tag::TableRow => self.row.clear(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.is_strong = false,
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.lists.pop();
                if !self.lists.is_empty() {
                    self.roff.control("RE", []);
                }
            }
            TagEnd::CodeBlock => {
                let text: String = self.text.drain(..).map(|part| plain(&part)).collect();
                for line in text.lines() {
                    self.roff.text([roman(line)]);
                }
                self.roff.control("fi", []).control("RE", []);
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead => self.head = std::mem::take(&mut self.row),
            TagEnd::TableRow => self.entry(),
            _ => {}
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.roff.text(std::mem::take(&mut self.text));
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        self.is_heading = false;
        let text: String = self.text.drain(..).map(|part| plain(&part)).collect();
        match level {
            HeadingLevel::H1 => self.roff.control("SH", ["DESCRIPTION"]),
            HeadingLevel::H2 => self.roff.control("SH", [text.to_uppercase().as_str()]),
            _ => self.roff.control("SS", [text.as_str()]),
        };
    }

    /// A row of a table: what stands in the first column, and below it the others with their names.
    fn entry(&mut self) {
        let mut cells = self.head.iter().zip(std::mem::take(&mut self.row));
        let Some((_, first)) = cells.next() else { return };
        self.roff.control("TP", []).text(first);
        let mut text = Vec::new();
        for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            if !text.is_empty() {
                text.push(roman("; "));
            }
            if !name.is_empty() {
                text.extend(name.iter().map(|part| italic(plain(part))));
                text.push(roman(": "));
            }
            text.extend(cell);
        }
        self.roff.text(text);
    }
}

fn plain(part: &Inline) -> String {
    match part {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => "\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remote_syslog::syslog::{Facility, Severity};

    /// The names of all keys in a part of the schema.
    fn keys_in(schema: &serde_json::Value, keys: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            keys.extend(properties.keys().cloned());
        }
        let parts = schema.as_object().map(|map| map.values()).into_iter().flatten();
        parts.chain(schema.as_array().into_iter().flatten()).for_each(|part| keys_in(part, keys));
    }

    #[test]
    fn the_page_has_every_key_of_the_schema() {
        let schema = serde_json::from_str(include_str!("log_files.schema.json")).unwrap();
        let mut keys = Vec::new();
        keys_in(&schema, &mut keys);
        assert!(keys.len() > 60, "{keys:?}");
        let mut page = Vec::new();
        manual(include_str!("../docs/configuration.md"), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        for key in keys {
            assert!(page.contains(&key), "{key} is not in log_files.yml(5)");
        }
    }

    #[test]
    fn the_page_has_what_the_documentation_has() {
        let markdown = include_str!("../docs/configuration.md");
        let mut page = Vec::new();
        manual(markdown, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        let keys = markdown.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let keys: Vec<_> = keys.collect();
        assert!(keys.len() > 25, "{keys:?}");
        // A backslash is escaped there.
        let keys = keys.iter().filter(|key| !key.contains('\\'));
        for word in keys.chain(Facility::names()).chain(Severity::names()) {
            assert!(page.contains(word), "{word} in {page}");
        }
        for heading in markdown.lines().filter_map(|line| line.strip_prefix("## ")) {
            assert!(page.contains(&heading.to_uppercase()), "{heading} in {page}");
        }
        let is_mark = |line: &str| line.contains("](") || line.starts_with('|');
        assert!(!page.lines().any(is_mark), "no marks of the source: {page}");
    }
}
