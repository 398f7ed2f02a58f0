//! What was measured, as it is printed, saved and drawn.

use serde::{Deserialize, Serialize};

/// Everything that was measured on one machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Processor, kernel, build.
    pub machine: String,
    /// Contenders and their versions.
    pub versions: Vec<String>,
    pub rows: Vec<Row>,
}

/// One kind of work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub what: String,
    pub figures: Vec<Figure>,
    pub targets: Vec<Target>,
    /// What a reader must know besides.
    pub notes: Vec<String>,
}

/// One quantity of one contender, as each run gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub contender: String,
    /// With its unit: `CPU, µs/line`.
    pub metric: String,
    pub median: f64,
    pub runs: Vec<f64>,
}

/// What one quantity is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub what: String,
    pub limit: f64,
    /// `limit` is the least that will do; otherwise the most.
    pub at_least: bool,
    pub measured: f64,
    pub unit: String,
}

impl Row {
    pub fn new(name: &str, what: &str) -> Self {
        Self { name: name.to_owned(), what: what.to_owned(), ..Self::default() }
    }

    /// Takes the figure of one run.
    pub fn note(&mut self, contender: &str, metric: &str, value: f64) {
        let same = |it: &&mut Figure| it.contender == contender && it.metric == metric;
        match self.figures.iter_mut().find(same) {
            Some(figure) => {
                figure.runs.push(round(value));
                figure.median = median(&figure.runs);
            }
            None => self.figures.push(Figure {
                contender: contender.to_owned(),
                metric: metric.to_owned(),
                median: round(value),
                runs: vec![round(value)],
            }),
        }
    }

    /// The median over all runs.
    pub fn median(&self, contender: &str, metric: &str) -> Option<f64> {
        let same = |it: &&Figure| it.contender == contender && it.metric == metric;
        self.figures.iter().find(same).map(|figure| figure.median)
    }

    pub fn at_most(&mut self, what: &str, limit: f64, measured: Option<f64>, unit: &str) {
        self.target(what, limit, false, measured, unit);
    }

    pub fn at_least(&mut self, what: &str, limit: f64, measured: Option<f64>, unit: &str) {
        self.target(what, limit, true, measured, unit);
    }

    /// A target against a peer that is not there is left out.
    fn target(&mut self, what: &str, limit: f64, at_least: bool, is: Option<f64>, unit: &str) {
        let (what, unit) = (what.to_owned(), unit.to_owned());
        let target = |is| Target { what, limit: round(limit), at_least, measured: round(is), unit };
        self.targets.extend(is.map(target));
    }

    pub fn contenders(&self) -> Vec<&str> {
        distinct(self.figures.iter().map(|figure| figure.contender.as_str()))
    }

    pub fn metrics(&self) -> Vec<&str> {
        distinct(self.figures.iter().map(|figure| figure.metric.as_str()))
    }
}

impl Target {
    pub fn holds(&self) -> bool {
        if self.at_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

impl Results {
    /// Takes rows that were measured anew in the place of the old ones.
    pub fn renew(&mut self, other: Self) {
        (self.machine, self.versions) = (other.machine, other.versions);
        for row in other.rows {
            match self.rows.iter_mut().find(|old| old.name == row.name) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
    }
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    all.for_each(|one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
    });
    seen
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of `values` lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// To four digits, which is more than repeats.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
