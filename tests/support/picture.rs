//! What a command says, drawn as a terminal for pages that cannot run it.

use std::fmt::Write as _;

/// A longer line goes on below, in so many columns.
const COLUMNS: usize = 108;
/// Sizes in units of the picture.
const LINE: usize = 18;
const COLUMN: f64 = 7.8;
const MARGIN: usize = 16;

const STYLE: &str = "<style>\n\
    text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace;fill:#24292f;white-space:pre}\n\
    .page{fill:#f6f8fa}.typed{font-weight:600;fill:#0969da}\n\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#161b22}.typed{fill:#2f81f7}}\n\
    </style>\n";

/// The picture of `said`: commands begin with `$ `.
pub fn picture(said: &str) -> String {
    let rows: Vec<_> = said.lines().flat_map(wrapped).collect();
    let widest = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let width = 2 * MARGIN + (widest as f64 * COLUMN).ceil() as usize;
    let height = 2 * MARGIN + rows.len() * LINE;
    let command = said.lines().next().unwrap_or_default().trim_start_matches("$ ");
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{}\">\n{STYLE}\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n",
        escaped(command)
    );
    for (index, row) in rows.iter().enumerate() {
        let y = MARGIN + index * LINE + 13;
        let class = if row.starts_with("$ ") { " class=\"typed\"" } else { "" };
        let _ = writeln!(picture, "<text{class} x=\"{MARGIN}\" y=\"{y}\">{}</text>", escaped(row));
    }
    picture + "</svg>\n"
}

/// The rows of one line: where it is too long, it is broken at blanks and indented.
fn wrapped(line: &str) -> Vec<String> {
    let indent = line.len() - line.trim_start().len() + 4;
    let (mut rows, mut row) = (Vec::new(), String::new());
    for word in line.split_inclusive(' ') {
        if (row.chars().count() + word.trim_end().chars().count()) > COLUMNS
            && !row.trim().is_empty()
        {
            rows.push(std::mem::replace(&mut row, " ".repeat(indent)));
        }
        row += word;
    }
    rows.push(row);
    rows
}

/// `text` as XML has it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn a_long_line_is_broken_at_blanks_and_indented() {
    let line = format!("  {}", "word ".repeat(30));
    let rows = wrapped(line.trim_end());
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.trim_end().len() <= COLUMNS), "{rows:?}");
    assert!(rows[0].starts_with("  word") && rows[1].starts_with("      word"), "{rows:?}");
    let joined = rows.iter().map(|row| row.trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(joined, line.trim());
}

#[test]
fn what_xml_takes_for_its_own_is_escaped() {
    let picture = picture("$ remote_syslog --status\n1 < 2 & \"3\" > 2\n");
    assert!(picture.contains("aria-label=\"remote_syslog --status\""));
    assert!(picture.contains("1 &lt; 2 &amp; &quot;3&quot; &gt; 2</text>"), "{picture}");
}
