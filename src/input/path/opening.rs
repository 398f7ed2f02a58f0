//! Descriptors: opening what is to be read, keeping what may vanish, and what cannot be opened.

use std::io;
use std::time::{Duration, Instant};

use tracing::warn;

use super::reading::{Step, Turn, Work};
use super::{Complaint, Follower};
use crate::input::read::content::Stat;
use crate::input::rotation::archive::{is_lasting, is_passing};
use crate::pipeline::position::Update;
use crate::shown::Show;

/// How long a file is looked for that is not to be found.
const KEPT: Duration = Duration::from_secs(60);
/// How long to wait with a file that cannot be read.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Follower {
    /// Opens the current file if it has something unread, so that it can be read after it was
    /// deleted. Returns whether something is open.
    pub(in crate::input) fn hold(&mut self) -> bool {
        if let Some(last) = self.generations.last_mut()
            && !last.is_past
            && !last.is_open()
            && last.unread() > 0
            // Reading says what is wrong.
            && last.open_current(&self.path).is_ok_and(|is_it| is_it)
        {
            self.is_read();
        }
        self.is_open()
    }

    /// Looks whether the writer of a file at rest goes on after all.
    pub(super) fn wake_resting(&mut self) {
        for past in self.generations.iter_mut().filter(|past| past.is_resting) {
            let stirs = past.stat().is_some_and(|stat| stat.size != past.size() || stat.links == 0);
            past.is_resting = !stirs;
        }
    }

    /// Opens the generation at `at`; the step to take where that cannot be.
    pub(super) fn open(&mut self, at: usize, followed: bool, work: &mut Work<'_>) -> Option<Step> {
        if !self.generations[at].is_past {
            return self.open_current(at, work.now);
        }
        if self.generations[at].is_resting && !followed {
            return Some(Step::Next(None));
        }
        let kept_until = self.generations[at].last_growth + KEPT;
        let why = match self.open_past(at, work.registry, false) {
            Ok(_) if self.generations[at].is_open() => return None,
            Ok(_) => "is not to be found any more".to_owned(),
            Err(error) if self.is_out_of_reach() => return Some(self.failed(&error, work.now)),
            Err(error) if is_passing(&error) || !is_lasting(&error) && work.now < kept_until => {
                return Some(Step::Stop(Turn::At(work.now + RETRY)));
            }
            // What is newer does not wait for ever.
            Err(error) => format!("cannot be looked for ({error})"),
        };
        if !followed && self.generations.len() == at + 1 && work.now < kept_until {
            // Its name may come back, or a successor that shows where it went.
            return Some(Step::Next(Some(kept_until)));
        }
        let generation = self.generations.remove(at);
        if let Some(lost) = generation.may_lack() {
            warn!(
                "{}: a file that was rotated away or deleted {why}; {lost} cannot be read",
                self.path.shown()
            );
        }
        self.release(&generation, work.registry);
        work.registry.retired.push(Update::Forget(generation.source.id));
        Some(Step::Same)
    }

    /// Whether it cannot even be told what the path names.
    fn is_out_of_reach(&self) -> bool {
        Stat::at(&self.path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
    }

    fn open_current(&mut self, at: usize, now: Instant) -> Option<Step> {
        match self.generations[at].open_current(&self.path) {
            Ok(true) => {
                self.is_read();
                None
            }
            Ok(false) => Some(Step::Stop(Turn::Look)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Step::Stop(Turn::Look)),
            Err(error) => Some(self.failed(&error, now)),
        }
    }

    pub(super) fn failed(&mut self, error: &io::Error, now: Instant) -> Step {
        self.complain(Complaint::unreadable(error));
        Step::Stop(match error.kind() {
            // A change of rights is an event.
            io::ErrorKind::PermissionDenied => Turn::Idle,
            _ => Turn::At(now + RETRY),
        })
    }
}
