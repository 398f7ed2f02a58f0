//! What became of the lines of one case, and whether that is what was promised.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::support::Report;

/// One row of the table, for one transport.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub written: u64,
    pub received: u64,
    pub missing: u64,
    pub duplicates: u64,
    pub reordered: u64,
    /// Messages that are none of the lines written.
    pub foreign: u64,
    /// How many duplicates the row allows.
    pub allowed: u64,
    /// The largest resident memory of the shipper in bytes.
    pub peak_rss: Option<u64>,
    /// The same without the pages of its program.
    pub peak_own: Option<u64>,
    /// What was done and seen, for the last column.
    pub notes: Vec<String>,
    /// What did not hold, besides the numbers.
    pub faults: Vec<String>,
    /// The shipper's own log.
    pub log: String,
    /// Why the case could not be run.
    pub skipped: Option<String>,
}

impl Outcome {
    /// Of lines 1 to `written` in one file.
    pub fn of(written: u64, frames: &[Vec<u8>]) -> Self {
        let report = Report::of(written, frames);
        let mut outcome = Self {
            written,
            received: frames.len() as u64,
            missing: report.missing,
            duplicates: report.duplicates,
            reordered: report.reordered,
            foreign: report.foreign,
            ..Self::default()
        };
        if report.missing + report.reordered + report.foreign > 0 {
            outcome.faults.push(report.to_string());
        }
        outcome
    }

    /// A case that could not be run.
    pub fn skipped(reason: impl Display) -> Self {
        Self { skipped: Some(reason.to_string()), ..Self::default() }
    }

    /// A case that did not come to its end.
    pub fn broken(reason: impl Display) -> Self {
        Self { faults: vec![reason.to_string()], ..Self::default() }
    }

    /// Two of them as one.
    pub fn and(mut self, other: Self) -> Self {
        self.written += other.written;
        self.received += other.received;
        self.missing += other.missing;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.foreign += other.foreign;
        self.allowed += other.allowed;
        self.peak_rss = self.peak_rss.max(other.peak_rss);
        self.peak_own = self.peak_own.max(other.peak_own);
        self.notes.extend(other.notes);
        self.faults.extend(other.faults);
        self.log.push_str(&other.log);
        self.skipped = self.skipped.or(other.skipped);
        self
    }

    /// Allows so many duplicates.
    pub fn allow(mut self, duplicates: u64) -> Self {
        self.allowed += duplicates;
        self
    }

    /// Adds to the last column.
    pub fn note(mut self, note: impl Display) -> Self {
        self.notes.push(note.to_string());
        self
    }

    /// Something else that must hold.
    pub fn check(mut self, holds: bool, otherwise: impl Display) -> Self {
        if !holds {
            self.faults.push(otherwise.to_string());
        }
        self
    }

    /// Whether all is as promised.
    pub fn holds(&self) -> bool {
        let numbers = self.missing + self.reordered + self.foreign == 0;
        numbers && self.duplicates <= self.allowed && self.faults.is_empty()
    }

    /// In a word.
    pub fn verdict(&self) -> &'static str {
        match (&self.skipped, self.holds()) {
            (_, false) => "FAIL",
            (Some(_), true) => "skip",
            (None, true) => "ok",
        }
    }
}
