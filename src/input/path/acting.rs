//! Doing what the table of transitions says.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::generation::Generation;
use super::reading::{Pass, Step, When, Which};
use super::transitions::{Action, Medium, Newer, Progress, Quiet, Situation, action};
use super::{Context, FollowedPath, NotFollowed};
use crate::health::loss::{Amount, Reason};
use crate::pipeline::checkpoint::CheckpointNow;
use crate::pipeline::position::Position;
use crate::shown::Show;
use crate::text::TextRules;

/// How long a file that has been rotated away must be quiet until its unfinished last record is
/// taken to be complete.
pub(super) const UNFINISHED_QUIET: Duration = Duration::from_secs(1);
/// How long it must be quiet until it is let go: writers reopen late.
const LATE_WRITER: Duration = Duration::from_secs(10);
/// The same where descriptors are plenty: a server that reopens its logs lets old workers finish
/// first.
const OLD_WORKER: Duration = Duration::from_secs(300);
/// The same where nothing newer is known.
const NO_SUCCESSOR: Duration = Duration::from_secs(60);
/// The same for a deleted file, where it cannot be told whether somebody still writes to it.
const DELETED: Duration = Duration::from_secs(120);
/// By then it is known what a deleted file was copied to: a path that names a copy is told from a new log
/// within a second or two.
const COPIED: Duration = Duration::from_secs(3);
/// How soon and how rarely a file is looked at of which no event tells. Thousands are rotated at once, and each
/// look costs as much as a line.
const SOON: Duration = Duration::from_millis(250);
const RARELY: Duration = Duration::from_secs(15);
/// How long to wait with a file that cannot be read.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// For how long newer files wait for one that cannot be read.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

impl FollowedPath {
    /// What is known to be newer than a generation.
    pub(super) fn newer_than(&self, which: Which, current_size: Option<u64>) -> Newer {
        let Which::Older(at) = which else { return Newer::Nothing };
        match (at + 1 < self.older.len(), &self.current) {
            (true, _) => Newer::Begun,
            (false, None) => Newer::Nothing,
            (false, Some(_)) if current_size.is_some_and(|size| size > 0) => Newer::Begun,
            (false, Some(_)) => Newer::Empty,
        }
    }

    /// How long a generation has been quiet, against what waits for that.
    fn quiet(
        &mut self,
        which: Which,
        newer: Newer,
        medium: Medium,
        context: &Context<'_>,
    ) -> Quiet {
        let is_last_older = which == Which::Older(self.older.len().wrapping_sub(1));
        let shared = &context.shared;
        let Some(it) = self.get(which) else { return Quiet::Over };
        let is_awaited = shared.ownership.is_awaited(it.source.inode);
        let may_linger = shared.may_linger && is_last_older && !is_awaited;
        let patience = match (newer, medium) {
            (Newer::Nothing | Newer::Empty, Medium::Deleted) if may_linger => it.deleted_patience(),
            // It takes no more room than that writer's descriptor does.
            (Newer::Begun, Medium::Deleted) if may_linger && it.has_writer() == Some(true) => {
                OLD_WORKER
            }
            (_, Medium::Deleted) => LATE_WRITER,
            (Newer::Begun, _) if may_linger => OLD_WORKER,
            (Newer::Begun, _) => LATE_WRITER,
            (Newer::Nothing | Newer::Empty, _) => NO_SUCCESSOR,
        };
        match it.quiet(context.now) {
            quiet if quiet >= patience => Quiet::Over,
            quiet if quiet >= UNFINISHED_QUIET => Quiet::Settled,
            _ => Quiet::Fresh,
        }
    }

    /// Does what the table says.
    pub(super) fn act(
        &mut self,
        which: Which,
        progress: Progress,
        error: Option<&io::Error>,
        newer: Newer,
        pass: &mut Pass<'_>,
        context: &mut Context<'_>,
    ) -> Step {
        let now = context.now;
        let Some(it) = self.get(which) else { return Step::Next(None) };
        let (phase, medium) = (it.phase(), it.medium());
        let quiet_for = it.quiet(now);
        let (again, settled) = (quiet_for / 8, it.quiet_at(UNFINISHED_QUIET));
        let missing_until = it.quiet_at(NO_SUCCESSOR);
        let quiet = self.quiet(which, newer, medium, context);
        match action(Situation { phase, progress, newer, medium, quiet }) {
            Action::ReadOn => Step::Stop(When::Again),
            Action::Await => Step::Stop(When::Idle),
            Action::Look => Step::Stop(When::Look),
            Action::Retry => Step::Stop(When::At(now + RETRY)),
            Action::Complain => self.complain(which, error, now),
            Action::Pause if progress == Progress::Missing => Step::Next(Some(missing_until)),
            Action::Pause => {
                if let Which::Older(at) = which
                    && progress == Progress::Eof
                    && quiet_for >= COPIED
                {
                    self.forget_deleted(at, context);
                    if context.shared.ownership.has_open_claims() {
                        // Not before it is known whether another path reads what was found.
                        return Step::Stop(When::Again);
                    }
                }
                let pause = again.clamp(SOON, RARELY);
                Step::Next(Some(now + pause))
            }
            Action::Skip => Step::Next(None),
            Action::Hold => Step::Stop(When::At(settled)),
            Action::SendUnfinished => self.send(which, Generation::read_unfinished, pass, now),
            Action::AwaitMore => self.await_more(which, pass, now),
            Action::SendRestAndLetGo => {
                self.report_damaged(which);
                context.effects.losses.push((Reason::DamagedArchive, Amount::unknown()));
                // Where nothing is left, there is nothing to send.
                let _ = self.send(which, Generation::read_undecided, pass, now);
                let _ = self.send(which, Generation::read_unfinished, pass, now);
                self.let_go(which, context)
            }
            Action::Park => self.park(which, context),
            Action::LetGo => self.let_go(which, context),
            Action::LetGoLast => self.let_go_last(which, context),
            Action::StartAnew => self.start_anew_or_set_aside(which, context),
            Action::SeekLost => self.seek_lost(which, context),
            Action::HandOver => self.hand_over_older(which, context),
            Action::GiveUp => self.give_up(which, error, context),
        }
    }

    pub(super) fn start_anew_or_set_aside(
        &mut self,
        which: Which,
        context: &mut Context<'_>,
    ) -> Step {
        // What is no log is not waited for, but its own content may be in a copy.
        if self.get(which).is_some_and(|it| it.was_sound() && it.may_be_a_log()) {
            return self.set_aside(which, context);
        }
        self.start_anew(which, context);
        Step::Stop(When::Again)
    }

    /// Reports that a file cannot be read. A file that cannot be read is not waited for.
    fn complain(&mut self, which: Which, error: Option<&io::Error>, now: Instant) -> Step {
        let Some(error) = error else { return Step::Stop(When::At(now + RETRY)) };
        self.report_not_followed(NotFollowed::unreadable(error));
        let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
        match is_denied && which == Which::Current {
            // A change of rights is an event.
            true => Step::Give(When::Idle),
            false => {
                if let Some(it) = self.get(which) {
                    // What is opened again may be another file, or a healthy one.
                    it.close();
                }
                Step::Give(When::At(now + RETRY))
            }
        }
    }

    /// Sends the last lines when nothing has come behind them for long enough, or nothing more is to be read.
    fn await_more(&mut self, which: Which, pass: &mut Pass<'_>, now: Instant) -> Step {
        let rules = pass.format.settings.cutter();
        let timeout = rules.map_or(Duration::ZERO, TextRules::join_timeout);
        let limit = self.limit;
        let Some(it) = self.get(which) else { return Step::Same };
        let is_all = limit.is_some_and(|limit| it.size() > limit);
        // Many rotated files would wait one after the other, each from when its turn has come.
        let is_old = which != Which::Current && it.is_older_than(timeout);
        match it.quiet(now) >= timeout || is_all || is_old {
            true => self.send(which, Generation::read_undecided, pass, now),
            false => Step::Stop(When::At(it.quiet_at(timeout))),
        }
    }

    /// Sends what is left, as `read` does it.
    fn send(
        &mut self,
        which: Which,
        read: fn(&mut Generation, &mut Pass<'_>) -> io::Result<()>,
        pass: &mut Pass<'_>,
        now: Instant,
    ) -> Step {
        let Some(it) = self.get(which) else { return Step::Same };
        match read(it, pass) {
            Ok(()) => Step::Same,
            Err(error) => self.complain(which, Some(&error), now),
        }
    }

    fn report_damaged(&mut self, which: Which) {
        let path = Arc::clone(&self.path);
        let Some(it) = self.get(which) else { return };
        warn!(
            "{}: what it was compressed to is damaged or not complete: it is read to byte {} of \
             the content and no further",
            path.shown(),
            it.position.offset
        );
    }

    fn park(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let may_keep_open = context.shared.may_keep_open;
        let Some(it) = self.get(which) else { return Step::Next(None) };
        if context.shared.ownership.is_awaited(it.source.inode) {
            return self.let_go(which, context);
        }
        // Its writer may go on all the same.
        if it.is_compressed() || !may_keep_open {
            it.close();
        }
        it.park();
        Step::Next(None)
    }

    /// An older generation is complete.
    fn let_go(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let Which::Older(at) = which else { return Step::Stop(When::Idle) };
        let Some(generation) = self.older.remove(at) else { return Step::Next(None) };
        debug!("{}: a rotated file is read to its end", self.path.shown());
        self.recently_read.remember(&generation);
        self.note_beginnings(at, &generation.position, context);
        self.hand_over(generation, context);
        Step::Same
    }

    /// What was read up to `previous` is let go: what stands at `at` and behind it began after that. The next
    /// start must know it of all of which nothing was read.
    pub(super) fn note_beginnings(
        &mut self,
        at: usize,
        previous: &Position,
        context: &mut Context<'_>,
    ) {
        for newer in self.older.iter_mut().skip(at).chain(&mut self.current) {
            let known = newer.begins_after(previous).map(CheckpointNow::known);
            context.effects.now.extend(known);
        }
    }

    /// Nothing is known to follow it. There may be what was not seen.
    fn let_go_last(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let Which::Older(at) = which else { return Step::Stop(When::Idle) };
        let file = |it: &Generation| (it.source.id, it.reads());
        let before = self.older.get(at).map(file);
        if at + 1 == self.older.len() && self.current.is_none() {
            self.succeed(None, context);
        }
        // It may go on in a copy that was found.
        if self.older.get(at).map(file) == before {
            let _ = self.let_go(which, context);
        }
        match context.shared.ownership.has_open_claims() {
            false => Step::Same,
            // Not before it is known whether another path reads what was found.
            true => Step::Stop(When::Again),
        }
    }

    /// Leaves an older generation to the path that names its file.
    fn hand_over_older(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let Which::Older(at) = which else { return Step::Stop(When::Look) };
        let Some(generation) = self.older.remove(at) else { return Step::Next(None) };
        debug!("{}: its file has the name of another followed path", self.path.shown());
        self.give_away(generation, context);
        Step::Same
    }

    /// Reports what is lost of an older generation, and goes on with what is newer.
    fn give_up(
        &mut self,
        which: Which,
        error: Option<&io::Error>,
        context: &mut Context<'_>,
    ) -> Step {
        let Which::Older(at) = which else { return Step::Stop(When::Look) };
        let Some(generation) = self.older.remove(at) else { return Step::Next(None) };
        // What holds the same and nothing else was read.
        match error {
            None => self.recently_read.remember_missing(&generation),
            Some(_) => self.recently_read.remember(&generation),
        }
        let why = match error {
            None => "is not to be found any more".to_owned(),
            Some(error) => format!("cannot be read ({error})"),
        };
        if error.is_none() && generation.position.offset > 0 {
            // Its file system may be mounted again.
            let (source, position) = (Arc::clone(&generation.source), generation.position);
            context.shared.ownership.note_read(source, position);
        }
        if let Some((lost, amount)) = generation.may_lack() {
            let reason = if error.is_none() { Reason::Removed } else { Reason::Unreadable };
            context.effects.losses.push((reason, amount));
            warn!(
                "{}: a file that was rotated away or deleted {why}; {lost} cannot be read",
                self.path.shown()
            );
        }
        self.give_away(generation, context);
        if self.is_unreadable() {
            self.not_followed = None;
        }
        Step::Same
    }
}

impl Generation {
    /// How long a deleted file is kept open after its last line. It takes room on the disk as long.
    fn deleted_patience(&self) -> Duration {
        match self.has_writer() {
            // As long as somebody writes to it.
            Some(true) => Duration::MAX,
            Some(false) => LATE_WRITER,
            None => DELETED,
        }
    }
}
