//! What is done with a generation once it was opened or read: the one table of the path.
//!
//! It is a match without guards, so the compiler rejects a missing rule and warns of one that can
//! never apply.

use crate::input::read::content::Stat;

/// Where a generation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Phase {
    /// The path names its file.
    Current,
    /// The path names another file, or none. It is read on, for its writer may be late.
    Draining,
    /// It was quiet for long with nothing newer. Only a sweep looks at it.
    Parked,
}

/// What opening or reading it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Progress {
    /// The path names another file by now.
    Moved,
    /// No file holds its content.
    Missing,
    /// Its file has the name of another followed path by now.
    AtOtherPath,
    /// Where its content lies cannot be told for now.
    Unsettled,
    /// It was read, and there may be more.
    More,
    /// It was read to its end.
    ReadToEnd,
    /// There was nothing to read.
    Eof,
    /// There was nothing to read but a record that is not finished.
    Unfinished,
    /// There was nothing to read but whole lines whose record may go on.
    Undecided,
    /// The bytes before its position are not what they were.
    Rewritten,
    /// Its file is shorter than it was seen to be, and holds all that was read of it.
    Shortened,
    /// A copy or an archive of it holds something else than what was read.
    NotItsCopy,
    /// An archive stops before its end and may still be written; or NULs stand where a writer may still
    /// fill them in, and text behind them.
    Incomplete,
    /// An archive is damaged, or its writer has given up.
    Damaged,
    /// Reading or opening it fails.
    Failed,
    /// It has failed for so long that newer files do not wait any more.
    FailedForLong,
}

/// What is known to be newer than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Newer {
    /// Nothing.
    Nothing,
    /// A file without content.
    Empty,
    /// A file with content, so the writer has moved on.
    Begun,
}

/// How long it has been quiet, against what waits for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::input) enum Quiet {
    /// Its unfinished record may still be finished.
    Fresh,
    /// An unfinished record counts as complete. A late writer may still come.
    Settled,
    /// Nobody is expected to write to it any more.
    Over,
}

/// How its file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Medium {
    /// A file that may grow.
    Linked,
    /// A file without a name: it was deleted and is only still open.
    Deleted,
    /// An archive. It is complete.
    Archive,
}

impl Medium {
    /// Of an open file, from what the kernel says of it; of archives it is not asked.
    pub(in crate::input) fn of(stat: Option<&Stat>) -> Self {
        match stat {
            Some(stat) if stat.links == 0 => Self::Deleted,
            Some(_) => Self::Linked,
            None => Self::Archive,
        }
    }
}

/// What is known of a generation that was opened or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Situation {
    pub(in crate::input) phase: Phase,
    pub(in crate::input) progress: Progress,
    pub(in crate::input) newer: Newer,
    pub(in crate::input) medium: Medium,
    pub(in crate::input) quiet: Quiet,
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Action {
    /// Come back to this path at once.
    ReadOn,
    /// Wait for an event.
    Await,
    /// Look at what the path names.
    Look,
    /// Try again in a second. Nothing newer is read before.
    Retry,
    /// Say that it cannot be read, and try again in a second. Nothing newer is read before.
    Complain,
    /// Read what is newer, and look at this one again after a pause.
    Pause,
    /// Read what is newer. This one is left to the sweep.
    Skip,
    /// Wait until its last record counts as complete. Nothing newer is read before.
    Hold,
    /// Send its last record as it stands, then look at it again.
    SendUnfinished,
    /// Wait for what its last lines may go on with, as long as is to be waited; then send them.
    AwaitMore,
    /// Send what can be read of its last record, and let it go.
    SendRestAndLetGo,
    /// Look at it no more until something newer has content.
    Park,
    /// It is complete.
    LetGo,
    /// Nothing newer is known. Look for what came unseen, then let it go.
    LetGoLast,
    /// Its content starts anew.
    StartAnew,
    /// What was not read and is gone is in a copy, or lost. Then read on.
    SeekLost,
    /// Leave it to the path that names its file.
    HandOver,
    /// Say what is lost, and go on with what is newer.
    GiveUp,
}

/// The table.
pub(in crate::input) fn action(situation: Situation) -> Action {
    use self::{Medium as M, Newer as N, Progress as P, Quiet as Q};
    let Situation { phase, progress, newer, medium, quiet } = situation;
    match (phase, progress, newer, medium, quiet) {
        // What the path names.
        (Phase::Current, P::Moved | P::Missing | P::AtOtherPath, ..) => Action::Look,
        (Phase::Current, P::More, ..) => Action::ReadOn,
        (Phase::Current, P::ReadToEnd | P::Eof | P::Unfinished, ..) => Action::Await,
        (Phase::Current, P::Rewritten | P::NotItsCopy, ..) => Action::StartAnew,
        (_, P::Shortened, ..) => Action::SeekLost,
        (_, P::Undecided, ..) => Action::AwaitMore,
        (Phase::Current, P::Incomplete | P::Unsettled, ..) => Action::Retry,
        (Phase::Current, P::Damaged | P::Failed | P::FailedForLong, ..) => Action::Complain,

        // A rotated file that is being looked for.
        (Phase::Draining | Phase::Parked, P::Moved | P::Unsettled, ..) => Action::Retry,
        (Phase::Draining | Phase::Parked, P::AtOtherPath, ..) => Action::HandOver,
        (Phase::Draining, P::Missing, N::Nothing, _, Q::Fresh | Q::Settled) => Action::Pause,
        (Phase::Draining, P::Missing, N::Nothing, _, Q::Over) => Action::GiveUp,
        (Phase::Draining, P::Missing, N::Empty | N::Begun, ..) => Action::GiveUp,
        (Phase::Parked, P::Missing, N::Nothing, ..) => Action::Skip,
        (Phase::Parked, P::Missing, N::Empty | N::Begun, ..) => Action::GiveUp,

        // A rotated file that is read.
        (Phase::Draining | Phase::Parked, P::More | P::ReadToEnd, ..) => Action::ReadOn,
        (Phase::Draining | Phase::Parked, P::Rewritten, ..) => Action::StartAnew,
        (Phase::Draining | Phase::Parked, P::NotItsCopy, ..) => Action::LetGo,
        (Phase::Draining | Phase::Parked, P::Incomplete, ..) => Action::Retry,
        (Phase::Draining | Phase::Parked, P::Damaged, ..) => Action::SendRestAndLetGo,
        (Phase::Draining | Phase::Parked, P::Failed, ..) => Action::Complain,
        (Phase::Draining | Phase::Parked, P::FailedForLong, ..) => Action::GiveUp,

        // An archive at its end. Only what comes after it tells that it is known.
        (Phase::Draining | Phase::Parked, P::Unfinished, _, M::Archive, _) => {
            Action::SendUnfinished
        }
        (Phase::Draining | Phase::Parked, P::Eof, N::Begun, M::Archive, _) => Action::LetGo,
        (Phase::Draining | Phase::Parked, P::Eof, N::Nothing | N::Empty, M::Archive, _) => {
            Action::Park
        }

        // A file at its end with an unfinished record, where nobody is expected to finish it.
        (_, P::Unfinished, N::Begun, M::Linked, Q::Fresh) => Action::Hold,
        (_, P::Unfinished, N::Begun, M::Linked, Q::Settled | Q::Over) => Action::SendUnfinished,
        (_, P::Unfinished, _, M::Deleted, Q::Fresh) => Action::Hold,
        (_, P::Unfinished, _, M::Deleted, Q::Settled | Q::Over) => Action::SendUnfinished,

        // A file at its end.
        (_, P::Eof, N::Begun, M::Linked | M::Deleted, Q::Over) => Action::LetGo,
        (_, P::Eof, N::Nothing | N::Empty, M::Deleted, Q::Over) => Action::LetGoLast,
        (_, P::Eof | P::Unfinished, N::Nothing | N::Empty, M::Linked, Q::Over) => Action::Park,
        (_, P::Eof, _, M::Linked | M::Deleted, Q::Fresh | Q::Settled) => Action::Pause,
        (_, P::Unfinished, N::Nothing | N::Empty, M::Linked, Q::Fresh | Q::Settled) => {
            Action::Pause
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Medium as M, Newer as N, Progress as P, Quiet as Q, *};

    const PHASES: [Phase; 3] = [Phase::Current, Phase::Draining, Phase::Parked];
    const OLDER: [Phase; 2] = [Phase::Draining, Phase::Parked];
    const PROGRESS: [P; 16] = [
        P::Moved,
        P::AtOtherPath,
        P::Missing,
        P::Unsettled,
        P::More,
        P::ReadToEnd,
        P::Eof,
        P::Unfinished,
        P::Undecided,
        P::Rewritten,
        P::Shortened,
        P::NotItsCopy,
        P::Incomplete,
        P::Damaged,
        P::Failed,
        P::FailedForLong,
    ];
    const NEWER: [N; 3] = [N::Nothing, N::Empty, N::Begun];
    const MEDIUM: [M; 3] = [M::Linked, M::Deleted, M::Archive];
    const QUIET: [Q; 3] = [Q::Fresh, Q::Settled, Q::Over];

    /// Every situation with one of these.
    fn all(
        phases: &[Phase],
        progress: &[P],
        newer: &[N],
        medium: &[M],
        quiet: &[Q],
    ) -> Vec<Situation> {
        let mut all = Vec::new();
        for &phase in phases {
            for &progress in progress {
                for &newer in newer {
                    for &medium in medium {
                        for &quiet in quiet {
                            all.push(Situation { phase, progress, newer, medium, quiet });
                        }
                    }
                }
            }
        }
        all
    }

    fn assert_all(situations: Vec<Situation>, expected: Action) {
        assert!(!situations.is_empty());
        for situation in situations {
            assert_eq!(action(situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn every_row() {
        let current = |progress: &[P], expected| {
            assert_all(all(&[Phase::Current], progress, &NEWER, &MEDIUM, &QUIET), expected);
        };
        current(&[P::Moved, P::Missing, P::AtOtherPath], Action::Look);
        current(&[P::More], Action::ReadOn);
        current(&[P::ReadToEnd, P::Eof, P::Unfinished], Action::Await);
        current(&[P::Rewritten, P::NotItsCopy], Action::StartAnew);
        current(&[P::Incomplete, P::Unsettled], Action::Retry);
        current(&[P::Damaged, P::Failed, P::FailedForLong], Action::Complain);

        let older = |progress: &[P], expected| {
            assert_all(all(&OLDER, progress, &NEWER, &MEDIUM, &QUIET), expected);
        };
        older(&[P::Moved, P::Unsettled, P::Incomplete], Action::Retry);
        older(&[P::AtOtherPath], Action::HandOver);
        older(&[P::More, P::ReadToEnd], Action::ReadOn);
        older(&[P::Rewritten], Action::StartAnew);
        older(&[P::NotItsCopy], Action::LetGo);
        older(&[P::Damaged], Action::SendRestAndLetGo);
        older(&[P::Failed], Action::Complain);
        older(&[P::FailedForLong], Action::GiveUp);

        assert_all(all(&PHASES, &[P::Shortened], &NEWER, &MEDIUM, &QUIET), Action::SeekLost);
        assert_all(all(&PHASES, &[P::Undecided], &NEWER, &MEDIUM, &QUIET), Action::AwaitMore);

        let missing = |phases: &[Phase], newer: &[N], quiet: &[Q], expected| {
            assert_all(all(phases, &[P::Missing], newer, &MEDIUM, quiet), expected);
        };
        missing(&[Phase::Draining], &[N::Nothing], &[Q::Fresh, Q::Settled], Action::Pause);
        missing(&[Phase::Draining], &[N::Nothing], &[Q::Over], Action::GiveUp);
        missing(&[Phase::Parked], &[N::Nothing], &QUIET, Action::Skip);
        missing(&OLDER, &[N::Empty, N::Begun], &QUIET, Action::GiveUp);

        let archive = |progress: P, newer: &[N], expected| {
            assert_all(all(&OLDER, &[progress], newer, &[M::Archive], &QUIET), expected);
        };
        archive(P::Unfinished, &NEWER, Action::SendUnfinished);
        archive(P::Eof, &[N::Begun], Action::LetGo);
        archive(P::Eof, &[N::Nothing, N::Empty], Action::Park);

        let unfinished = |newer: &[N], medium: M, quiet: &[Q], expected| {
            assert_all(all(&OLDER, &[P::Unfinished], newer, &[medium], quiet), expected);
        };
        unfinished(&[N::Begun], M::Linked, &[Q::Fresh], Action::Hold);
        unfinished(&[N::Begun], M::Linked, &[Q::Settled, Q::Over], Action::SendUnfinished);
        unfinished(&NEWER, M::Deleted, &[Q::Fresh], Action::Hold);
        unfinished(&NEWER, M::Deleted, &[Q::Settled, Q::Over], Action::SendUnfinished);
        let early = [Q::Fresh, Q::Settled];
        unfinished(&[N::Nothing, N::Empty], M::Linked, &early, Action::Pause);
        unfinished(&[N::Nothing, N::Empty], M::Linked, &[Q::Over], Action::Park);

        let eof = |newer: &[N], medium: &[M], quiet: &[Q], expected| {
            assert_all(all(&OLDER, &[P::Eof], newer, medium, quiet), expected);
        };
        eof(&[N::Begun], &[M::Linked, M::Deleted], &[Q::Over], Action::LetGo);
        eof(&[N::Nothing, N::Empty], &[M::Deleted], &[Q::Over], Action::LetGoLast);
        eof(&[N::Nothing, N::Empty], &[M::Linked], &[Q::Over], Action::Park);
        eof(&NEWER, &[M::Linked, M::Deleted], &early, Action::Pause);
    }

    #[test]
    fn what_the_path_names_is_never_let_go_and_what_is_unread_never_parked() {
        for situation in all(&PHASES, &PROGRESS, &NEWER, &MEDIUM, &QUIET) {
            let action = action(situation);
            let ends = [
                Action::LetGo,
                Action::LetGoLast,
                Action::GiveUp,
                Action::Park,
                Action::SendRestAndLetGo,
            ];
            let is_current = situation.phase == Phase::Current;
            assert!(!(is_current && ends.contains(&action)), "{situation:?}");
            let has_more = matches!(situation.progress, P::More | P::ReadToEnd);
            assert!(!(has_more && ends.contains(&action)), "{situation:?}");
        }
    }
}
