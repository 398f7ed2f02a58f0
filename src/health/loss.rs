//! What is lost for good, counted by reason. Each warning of a loss in the log has its count here.

use prometheus::IntCounterVec;

use super::maker::Maker;

/// Why something will never be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A file was truncated before all of it was read, and no copy of the rest was found.
    Truncated,
    /// A file was deleted, or rotated away and not found again, before all of it was read.
    Removed,
    /// Of a file that was rotated away only a copy without the last bytes was found.
    ShorterCopy,
    /// What a file was compressed to is damaged, or ends too early.
    DamagedArchive,
    /// A file could not be read for so long that it was given up.
    Unreadable,
    /// A line was longer than a message may be, and only its beginning was sent.
    Cut,
    /// The receiver has refused a message for good.
    Rejected,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Truncated,
        Self::Removed,
        Self::ShorterCopy,
        Self::DamagedArchive,
        Self::Unreadable,
        Self::Cut,
        Self::Rejected,
    ];

    /// The value of the label `reason`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Removed => "removed",
            Self::ShorterCopy => "shorter_copy",
            Self::DamagedArchive => "damaged_archive",
            Self::Unreadable => "unreadable",
            Self::Cut => "cut",
            Self::Rejected => "rejected",
        }
    }
}

/// How much is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Bytes of files. `None`: there may be some, and nobody can tell how many.
    pub bytes: Option<u64>,
    /// Lines, where they can be counted.
    pub lines: Option<u64>,
}

impl Amount {
    /// So many bytes, in nobody knows how many lines.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), lines: None }
    }

    /// So many bytes of so many lines.
    #[must_use]
    pub fn of_lines(lines: u64, bytes: u64) -> Self {
        Self { bytes: Some(bytes), lines: Some(lines) }
    }

    /// So many lines, of nobody knows how many bytes.
    #[must_use]
    pub fn lines(lines: u64) -> Self {
        Self { bytes: None, lines: Some(lines) }
    }

    /// Something may be lost, and how much cannot be told.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }
}

/// The counters of losses. All reasons are there from the start, so that the first loss shows as
/// an increase.
#[derive(Debug, Clone)]
pub struct Losses {
    events: IntCounterVec,
    bytes: IntCounterVec,
    lines: IntCounterVec,
}

impl Losses {
    pub(super) fn new(maker: &Maker) -> prometheus::Result<Self> {
        let losses = Self {
            events: maker.counters(
                "losses_total",
                "Times that something was lost for good, or may have been.",
                "reason",
            )?,
            bytes: maker.counters(
                "lost_bytes_total",
                "Bytes of files that are lost for good, as far as they can be counted.",
                "reason",
            )?,
            lines: maker.counters(
                "lost_lines_total",
                "Lines that are lost for good, as far as they can be counted.",
                "reason",
            )?,
        };
        for label in Reason::ALL.map(|reason| [reason.label()]) {
            for counter in [&losses.events, &losses.bytes, &losses.lines] {
                counter.with_label_values(&label);
            }
        }
        Ok(losses)
    }

    /// How many lines were lost for that reason, as far as they could be counted.
    #[must_use]
    pub(crate) fn lines(&self, reason: Reason) -> u64 {
        self.lines.with_label_values(&[reason.label()]).get()
    }

    /// How often something was lost, for whatever reason.
    #[cfg(test)]
    pub(crate) fn events(&self) -> u64 {
        Reason::ALL
            .map(|reason| self.events.with_label_values(&[reason.label()]).get())
            .iter()
            .sum()
    }

    /// Counts one loss; to be called beside the warning that tells of it.
    pub fn add(&self, reason: Reason, amount: Amount) {
        let label = [reason.label()];
        self.events.with_label_values(&label).inc();
        self.bytes.with_label_values(&label).inc_by(amount.bytes.unwrap_or(0));
        self.lines.with_label_values(&label).inc_by(amount.lines.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::Meters;
    use super::*;

    /// What stands behind the counter of this name and reason.
    fn value(meters: &Meters, name: &str, reason: Reason) -> Option<f64> {
        let families = meters.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metric = family
            .get_metric()
            .iter()
            .find(|metric| metric.get_label().iter().any(|it| it.value() == reason.label()))?;
        Some(metric.get_counter().get_value())
    }

    #[test]
    fn every_reason_is_there_before_anything_is_lost() {
        let meters = Meters::new().unwrap();
        for name in ["losses_total", "lost_bytes_total", "lost_lines_total"] {
            for reason in Reason::ALL {
                let name = format!("remote_syslog_{name}");
                assert_eq!(value(&meters, &name, reason), Some(0.0), "{name} {reason:?}");
            }
        }
    }

    #[test]
    fn a_loss_of_unknown_size_counts_as_a_loss() {
        let meters = Meters::new().unwrap();
        let losses = &meters.reading.losses;
        losses.add(Reason::Removed, Amount::unknown());
        losses.add(Reason::Removed, Amount::bytes(40));
        losses.add(Reason::Cut, Amount::of_lines(1, 7));
        let now = |name: &str, reason| value(&meters, &format!("remote_syslog_{name}"), reason);
        assert_eq!(now("losses_total", Reason::Removed), Some(2.0));
        assert_eq!(now("lost_bytes_total", Reason::Removed), Some(40.0));
        assert_eq!(now("lost_lines_total", Reason::Removed), Some(0.0));
        assert_eq!(now("lost_bytes_total", Reason::Cut), Some(7.0));
        assert_eq!(now("lost_lines_total", Reason::Cut), Some(1.0));
        assert_eq!(now("losses_total", Reason::Truncated), Some(0.0));
    }
}
