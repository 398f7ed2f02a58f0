//! Readiness: what has to be done at the start before the program counts as started.

use std::fmt;
use std::iter::Sum;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether something is ready, for all who hold a clone of it.
#[derive(Debug, Clone, Default)]
pub struct ReadySignal(CancellationToken);

impl ReadySignal {
    /// From now on it is, for good.
    pub fn set(&self) {
        self.0.cancel();
    }

    /// Whether it is.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is.
    pub async fn reached(&self) {
        self.0.cancelled().await;
    }
}

/// How many files a pass over all that is there has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileTally {
    /// They are followed.
    pub followed: usize,
    /// They were rotated or removed, and are to be read to their end.
    pub gone: usize,
    /// They match and cannot be read.
    pub unreadable: usize,
}

impl FileTally {
    /// Whether nothing will be sent, for now.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.followed + self.gone == 0
    }
}

impl Sum for FileTally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |all, one| Self {
            followed: all.followed + one.followed,
            gone: all.gone + one.gone,
            unreadable: all.unreadable + one.unreadable,
        })
    }
}

impl fmt::Display for FileTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { followed, gone, unreadable } = *self;
        write!(f, "following {followed} {}", if followed == 1 { "file" } else { "files" })?;
        let more =
            [(unreadable, "cannot be read"), (gone, "rotated or removed, to be read to the end")];
        let more = more.into_iter().filter(|&(count, _)| count > 0);
        let more: Vec<_> = more.map(|(count, what)| format!("{count} {what}")).collect();
        match more.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", more.join(", ")),
        }
    }
}

/// What the first pass since the start or the last reload has found, once it is done. For all who hold
/// a clone of it.
#[derive(Debug, Clone, Default)]
pub struct FirstPass(watch::Sender<Option<FileTally>>);

impl FirstPass {
    /// It is done.
    pub fn set(&self, tally: FileTally) {
        self.0.send_replace(Some(tally));
    }

    /// Another one is going to be made.
    pub fn begin_anew(&self) {
        self.0.send_replace(None);
    }

    /// What it has found, if it is done.
    #[must_use]
    pub fn tally(&self) -> Option<FileTally> {
        *self.0.borrow()
    }

    /// Waits until it is done.
    pub async fn reached(&self) {
        // It does not fail as long as the sender is there.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_says_what_there_is() {
        let tally = |followed, gone, unreadable| FileTally { followed, gone, unreadable };
        assert_eq!(tally(1, 0, 0).to_string(), "following 1 file");
        let all = [tally(1, 0, 1), tally(2, 3, 0)].into_iter().sum::<FileTally>();
        let expected =
            "following 3 files (1 cannot be read, 3 rotated or removed, to be read to the end)";
        assert_eq!(all.to_string(), expected);
        assert!(tally(0, 0, 1).is_idle() && !tally(0, 1, 0).is_idle());
    }
}
