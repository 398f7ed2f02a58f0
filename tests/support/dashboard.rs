//! A sketch of the dashboard in `examples/monitoring`: where its panels are, and which curves they hold. What a Grafana
//! draws of them takes a Grafana.

use std::fmt::Write as _;
use std::iter::once;

use serde_json::Value;

use super::picture::escaped;

/// Columns of a dashboard, as Grafana counts them.
const COLUMNS: u64 = 24;
/// The size of one of its units in the picture, and what is left free around a panel.
const UNIT: (u64, u64) = (43, 22);
const GAP: u64 = 4;
const LINE: u64 = 16;
/// Room for curves between the title of a panel and its legend.
const PLOT: u64 = 70;

const STYLE: &str = "<style>\n\
    text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.unit{fill:#57606a;text-anchor:end}\n\
    .page{fill:#f6f8fa}.panel{fill:#fff;stroke:#d0d7de}.way{fill:none;stroke-width:2}\n\
    .c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}\n\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#161b22}.panel{fill:#0d1117;stroke:#30363d}}\n\
    </style>\n";

/// A panel: its place in units, and what it says.
struct Panel<'a> {
    at: [u64; 2],
    size: [u64; 2],
    title: &'a str,
    unit: &'a str,
    legends: Vec<&'a str>,
}

impl<'a> Panel<'a> {
    #[track_caller]
    fn of(panel: &'a Value) -> Self {
        let number = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        let targets = panel["targets"].as_array().expect("what it asks for");
        let title = panel["title"].as_str().expect("a title");
        let legends =
            targets.iter().map(|it| it["legendFormat"].as_str().unwrap_or(title)).collect();
        Self {
            at: [number("x"), number("y")],
            size: [number("w"), number("h")],
            title,
            unit: panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default(),
            legends,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let apart = |axis: usize| {
            self.at[axis] + self.size[axis] <= other.at[axis]
                || other.at[axis] + other.size[axis] <= self.at[axis]
        };
        !apart(0) && !apart(1)
    }

    fn draw(&self, picture: &mut String) {
        let [x, y] = [self.at[0] * UNIT.0 + GAP, self.at[1] * UNIT.1 + GAP];
        let [width, height] = [self.size[0] * UNIT.0 - 2 * GAP, self.size[1] * UNIT.1 - 2 * GAP];
        let _ = writeln!(
            picture,
            "<rect class=\"panel\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>\n\
             <text class=\"title\" x=\"{}\" y=\"{}\">{}</text><text class=\"unit\" x=\"{}\" y=\"{}\">{}</text>",
            x + 10,
            y + 18,
            escaped(self.title),
            x + width - 10,
            y + 18,
            escaped(self.unit)
        );
        for (nth, legend) in self.legends.iter().enumerate() {
            let (class, way) =
                (nth % 4, once(x + 10).chain((1..=8).map(|at| x + 10 + at * (width - 20) / 8)));
            let points = way.enumerate().map(|(at, x)| {
                // No figures: a wave for each, so that they can be told apart.
                let height = (at * (nth + 2) * 7 + nth * 13) as u64 % PLOT;
                format!("{x},{}", y + 30 + PLOT - height)
            });
            let points = points.collect::<Vec<_>>().join(" ");
            let row = y + 30 + PLOT + 14 + nth as u64 * LINE;
            let _ = writeln!(
                picture,
                "<polyline class=\"way c{class}\" points=\"{points}\"/>\n\
                 <path class=\"way c{class}\" d=\"M{} {}h14\"/><text x=\"{}\" y=\"{row}\">{}</text>",
                x + 10,
                row - 4,
                x + 30,
                escaped(legend)
            );
        }
        let needed = 30 + PLOT + 14 + self.legends.len() as u64 * LINE;
        assert!(needed <= height + LINE, "{}: too low for its legend", self.title);
    }
}

/// The sketch of `dashboard`, whose panels must have room and be in nobody's way.
#[track_caller]
pub fn sketch(dashboard: &Value) -> String {
    let panels: Vec<_> =
        dashboard["panels"].as_array().expect("panels").iter().map(Panel::of).collect();
    for (nth, panel) in panels.iter().enumerate() {
        assert!(panel.at[0] + panel.size[0] <= COLUMNS, "{} is too wide", panel.title);
        for other in &panels[..nth] {
            assert!(!panel.overlaps(other), "{} lies over {}", panel.title, other.title);
        }
    }
    let rows = panels.iter().map(|panel| panel.at[1] + panel.size[1]).max().unwrap_or(0);
    let (width, height) = (COLUMNS * UNIT.0, rows * UNIT.1);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"a sketch of the dashboard\">\n{STYLE}\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n"
    );
    panels.iter().for_each(|panel| panel.draw(&mut picture));
    picture + "</svg>\n"
}

#[test]
#[should_panic(expected = "b lies over a")]
fn panels_that_lie_over_each_other_are_told() {
    let panel = |title: &str, x: u64| {
        serde_json::json!({
            "title": title, "gridPos": {"x": x, "y": 0, "w": 8, "h": 8}, "targets": [{"expr": "up"}]
        })
    };
    sketch(&serde_json::json!({"panels": [panel("a", 0), panel("b", 7)]}));
}
