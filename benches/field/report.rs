//! Results as text: tables in Markdown, bars in SVG. Pure, so that a test can hold the documents
//! against the data they were made from.

use std::fmt::Write;

use super::results::{Results, Row, Target};

/// One row: what each contender did.
pub fn row_table(row: &Row) -> String {
    let metrics = row.metrics();
    let mut text = format!("**{}** (`--row {}`)\n\n", row.what, row.name);
    let _ = writeln!(text, "| | {} |", metrics.join(" | "));
    let _ = writeln!(text, "|---|{}", "--:|".repeat(metrics.len()));
    for contender in row.contenders() {
        let cell = |metric| row.median(contender, metric).map_or(String::new(), number);
        let cells: Vec<_> = metrics.iter().copied().map(cell).collect();
        let _ = writeln!(text, "| {contender} | {} |", cells.join(" | "));
    }
    for note in &row.notes {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// All targets, and whether they are met.
pub fn target_table(results: &Results) -> String {
    let mut text = "| work | what | target | measured | |\n|---|---|--:|--:|---|\n".to_owned();
    for row in &results.rows {
        for target in &row.targets {
            let _ = writeln!(text, "| {} | {} |", row.what, target_cells(target));
        }
    }
    text
}

fn target_cells(target: &Target) -> String {
    let Target { what, unit, .. } = target;
    let bound = if target.at_least { "≥" } else { "≤" };
    let verdict = if target.holds() { "met" } else { "**missed**" };
    let (limit, measured) = (number(target.limit), number(target.measured));
    format!("{what} | {bound} {limit} {unit} | {measured} {unit} | {verdict}")
}

/// Everything, as it stands in the documentation.
pub fn document(results: &Results) -> String {
    let mut text = format!("{}\n\n", results.machine);
    let _ = writeln!(text, "{}\n", results.versions.join(", "));
    text += &target_table(results);
    for row in &results.rows {
        let _ = write!(text, "\n{}", row_table(row));
    }
    text
}

/// `1,234,567`, `12.3` or `0.0123`: three digits at least, no more than are worth reading.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => return thousands(value.round() as i64),
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    text.strip_suffix(&format!(".{}", "0".repeat(digits))).unwrap_or(&text).to_owned()
}

fn thousands(value: i64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Panels of the chart: row, metric, title.
const PANELS: [(&str, &str, &str); 4] = [
    ("backlog", "lines/s", "Backlog over TCP, lines a second (more is better)"),
    ("backlog", "CPU, µs/line", "… and processor time, µs a line (less is better)"),
    ("udp", "lines/s", "Backlog over UDP, lines a second (more is better)"),
    ("latency", "p99, µs", "Write to wire at 2,000 lines/s, p99 in µs (less is better)"),
];
const WIDTH: u32 = 760;
const LABELS: u32 = 130;
const BAR: u32 = 18;
const STEP: u32 = 24;
/// Beside the longest bar its figure has to fit.
const LONGEST: u32 = WIDTH - LABELS - 110;

/// A bar chart, readable on light and dark pages.
pub fn chart(results: &Results) -> String {
    let mut body = String::new();
    let mut y = 34;
    for (name, metric, title) in PANELS {
        let row = results.rows.iter().find(|row| row.name == name);
        let bars: Vec<_> = row.map(|row| bars_of(row, metric)).unwrap_or_default();
        if bars.is_empty() {
            continue;
        }
        let _ = writeln!(body, "<text class=\"title\" x=\"16\" y=\"{y}\">{title}</text>");
        y += 10;
        let longest = bars.iter().map(|&(_, value)| value).fold(0.0, f64::max);
        for (contender, value) in bars {
            body += &bar(contender, value, longest, y);
            y += STEP;
        }
        y += 30;
    }
    let height = y - 16;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"remote_syslog beside its peers\">\n{STYLE}\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n{body}</svg>\n"
    )
}

/// On a ground of its own, since the page around it may follow another setting.
const STYLE: &str = "<style>\n\
    text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}\n\
    .page{fill:#f6f8fa}.bar{fill:#8c959f}.ours{fill:#0969da}.floor{fill:#d0d7de}\n\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#161b22}.bar{fill:#6e7681}\n\
    .ours{fill:#2f81f7}.floor{fill:#30363d}}\n</style>\n";

fn bars_of<'a>(row: &'a Row, metric: &str) -> Vec<(&'a str, f64)> {
    let of = |contender: &'a str| Some((contender, row.median(contender, metric)?));
    row.contenders().into_iter().filter_map(of).collect()
}

fn bar(contender: &str, value: f64, longest: f64, y: u32) -> String {
    let class = match contender {
        "remote_syslog" => "bar ours",
        "floor" => "bar floor",
        _ => "bar",
    };
    let width = (value / longest * f64::from(LONGEST)).max(1.0).round();
    let (text_y, end) = (y + 14, f64::from(LABELS) + width + 6.0);
    let figure = number(value);
    format!(
        "<text x=\"16\" y=\"{text_y}\">{contender}</text>\
         <rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"3\"/>\
         <text x=\"{end}\" y=\"{text_y}\">{figure}</text>\n"
    )
}
