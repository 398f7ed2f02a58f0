//! Which of the numbered lines arrived: the exact sequence check.

use std::fmt;

/// What became of the lines 1 to `written`.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// How many lines were written.
    pub written: u64,
    /// How many of them never arrived.
    pub missing: u64,
    /// How many arrived once more than needed.
    pub duplicates: u64,
    /// How many arrived for the first time after a later line had.
    pub reordered: u64,
    /// How many messages were none of them.
    pub foreign: u64,
    /// The missing ones as ranges, for the reader of a failure.
    gaps: Vec<(u64, u64)>,
    /// The first message that was none of them, for the same.
    stranger: Option<Vec<u8>>,
}

/// The number in a frame, if it carries a numbered line that is whole.
pub fn number(frame: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(super::message::text(frame)).ok()?;
    let (number, rest) = text.strip_prefix("n=")?.split_once(' ')?;
    let number = number.parse().ok()?;
    super::numbered::is_padding(number, rest).then_some(number)
}

impl Report {
    /// Compares what was written (lines 1 to `written`) with the frames that were read.
    pub fn of<'a>(written: u64, frames: impl IntoIterator<Item = &'a Vec<u8>>) -> Self {
        let mut report = Self {
            written,
            missing: 0,
            duplicates: 0,
            reordered: 0,
            foreign: 0,
            gaps: vec![],
            stranger: None,
        };
        let mut seen = vec![false; written as usize + 1];
        let mut highest = 0;
        for frame in frames {
            match number(frame) {
                Some(n) if (1..=written).contains(&n) => {
                    if std::mem::replace(&mut seen[n as usize], true) {
                        report.duplicates += 1;
                    } else if n < highest {
                        report.reordered += 1;
                    }
                    highest = highest.max(n);
                }
                _ => {
                    report.foreign += 1;
                    report.stranger.get_or_insert_with(|| frame.clone());
                }
            }
        }
        for n in (1..=written).filter(|&n| !seen[n as usize]) {
            report.missing += 1;
            match report.gaps.last_mut() {
                Some((_, last)) if *last + 1 == n => *last = n,
                _ => report.gaps.push((n, n)),
            }
        }
        report
    }

    /// Every line arrived, once, in order.
    #[track_caller]
    pub fn assert_exact(&self) {
        self.assert_repeated_at_most(0);
    }

    /// Every line arrived, in order, and no more than `duplicates` of them again.
    #[track_caller]
    pub fn assert_repeated_at_most(&self, duplicates: u64) {
        let whole = self.missing == 0 && self.reordered == 0 && self.foreign == 0;
        assert!(whole && self.duplicates <= duplicates, "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, missing, duplicates, reordered, foreign, gaps, stranger } = self;
        write!(
            f,
            "written {written}, missing {missing}, duplicates {duplicates}, \
             reordered {reordered}, foreign {foreign}"
        )?;
        for (first, last) in gaps.iter().take(10) {
            write!(f, "; missing {first}-{last}")?;
        }
        if let Some(stranger) = stranger {
            let first = &stranger[..stranger.len().min(500)];
            write!(f, "; foreign: {:?}", String::from_utf8_lossy(first))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbered::line;
    use super::*;

    fn report(written: u64, numbers: &[u64]) -> Report {
        let frame = |&n: &u64| format!("<13>1 T h a - - - {}", line(n)).trim_end().into();
        Report::of(written, &numbers.iter().map(frame).collect::<Vec<Vec<u8>>>())
    }

    #[test]
    fn the_exact_sequence_passes() {
        report(3, &[1, 2, 3]).assert_exact();
        report(0, &[]).assert_exact();
    }

    #[test]
    fn a_repeated_range_is_counted_and_is_no_reordering() {
        let report = report(4, &[1, 2, 3, 2, 3, 4]);
        assert_eq!((report.duplicates, report.reordered, report.missing), (2, 0, 0));
        report.assert_repeated_at_most(2);
    }

    #[test]
    fn gaps_and_late_lines_are_told() {
        let report = report(6, &[1, 4, 2]);
        assert_eq!((report.missing, report.reordered), (3, 1));
        assert!(report.to_string().ends_with("missing 3-3; missing 5-6"), "{report}");
    }

    #[test]
    #[should_panic(expected = "foreign 2")]
    fn lines_never_written_and_torn_lines_are_foreign() {
        let torn = b"<13>1 T h a - - - n=00000001 n1".to_vec();
        let frames = [torn, format!("<13>1 T h a - - - {}", line(9)).trim_end().into()];
        Report::of(0, &frames).assert_exact();
    }
}
