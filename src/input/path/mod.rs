//! One followed path: its current file and those that rotation has moved away and that are not
//! read to their end yet.

mod complaint;
mod discovery;
mod finished;
pub(in crate::input) mod generation;
mod opening;
pub(in crate::input) mod ownership;
mod reading;
mod succession;
mod truncation;
mod undecided;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info};

use crate::input::FileSettings;
use crate::input::path::generation::{Generation, end, start};
use crate::input::path::ownership::Registry;
use crate::input::read::content::Stat;
use crate::input::rotation::judge::Change;
use crate::input::rotation::names;
use crate::pipeline::position::Update;
use crate::shown::Show;
use crate::syslog::Header;

use self::complaint::Complaint;
use self::finished::Finished;
pub(in crate::input) use self::reading::{Turn, Work};
use self::undecided::Undecided;

/// A followed path.
pub(in crate::input) struct Follower {
    /// Its place among the followers.
    id: usize,
    path: Arc<Path>,
    /// What its entry of `files` says.
    settings: Arc<FileSettings>,
    header: Option<Arc<Header>>,
    /// Oldest first; only the last can be the file that the path names now.
    generations: Vec<Generation>,
    /// The generations that were let go last: a copy of one is no new file.
    finished: Finished,
    /// What may be copies of known ones, and what could not be looked for.
    undecided: Option<Box<Undecided>>,
    complaint: Option<Complaint>,
    /// The current file is read no further than this.
    limit: u64,
    /// Something is to be read at a certain time.
    pub(in crate::input) is_held: bool,
    /// Waits in the queue of those to be read.
    pub(in crate::input) is_queued: bool,
    /// Stands in the number of followed files.
    pub(in crate::input) is_counted: bool,
    /// Stands in the number of files that cannot be read.
    pub(in crate::input) is_counted_unreadable: bool,
    /// When it comes up by itself.
    pub(in crate::input) timer: Option<Instant>,
    /// In which sweep it was last looked at.
    pub(in crate::input) sweep: u32,
    pub(in crate::input) last_read: Instant,
}

/// For [`Follower::begin`]: no file is old enough to be read from its end.
pub(in crate::input) const ALL_NEW: i64 = i64::MIN;

impl Follower {
    pub(in crate::input) fn new(
        id: usize,
        path: Arc<Path>,
        settings: Arc<FileSettings>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            path,
            settings,
            header: None,
            generations: Vec::new(),
            finished: Finished::default(),
            undecided: None,
            complaint: None,
            limit: u64::MAX,
            is_held: false,
            is_queued: false,
            is_counted: false,
            is_counted_unreadable: false,
            timer: None,
            sweep: 0,
            last_read: now,
        }
    }

    pub(in crate::input) fn id(&self) -> usize {
        self.id
    }

    pub(in crate::input) fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing at the path, nothing left to read.
    pub(in crate::input) fn is_over(&self) -> bool {
        self.generations.is_empty()
            && self.undecided.is_none()
            && !self.is_unreadable()
            && Stat::at(&self.path).is_err()
    }

    pub(in crate::input) fn has_generations(&self) -> bool {
        !self.generations.is_empty()
    }

    /// Whether the path names one of them.
    pub(in crate::input) fn has_current(&self) -> bool {
        self.generations.last().is_some_and(|last| !last.is_past)
    }

    pub(in crate::input) fn is_open(&self) -> bool {
        self.generations.iter().any(Generation::is_open)
    }

    /// Gives back the descriptor of a file that is quiet.
    pub(in crate::input) fn close_current(&mut self) {
        if let Some(last) = self.generations.last_mut().filter(|last| !last.is_past) {
            last.close();
            self.header = None;
        }
    }

    /// Another entry of `files` names it from now on.
    pub(in crate::input) fn belongs_to(&mut self, settings: Arc<FileSettings>) {
        self.settings = settings;
        self.header = None;
    }

    /// Nothing names it any more. Should another path wait for one of its files, that goes on.
    pub(in crate::input) fn abandon(&mut self, registry: &mut Registry) {
        info!("not following {} any more", self.path.shown());
        // The one that is read last is remembered last, where several are of one file.
        for generation in std::mem::take(&mut self.generations) {
            self.hand_over(generation, registry);
        }
    }

    /// What the current file holds by now is all that is read of it.
    pub(in crate::input) fn read_no_further(&mut self) {
        if let Some(last) = self.generations.last().filter(|last| !last.is_past) {
            self.limit = last.size();
        }
    }

    /// Begins with a file that is seen for the first time.
    /// It is read from its end where `old_before` says so.
    pub(in crate::input) fn begin(
        &mut self,
        old_before: i64,
        registry: &mut Registry,
        now: Instant,
    ) {
        let Some(stat) = self.look_at_path() else { return };
        if self.is_taken(&stat, registry, now) {
            return;
        }
        let mut position = match registry.finished(stat.inode) {
            Some(position) => position,
            None if stat.inode.born.unwrap_or(i64::MIN) < old_before => end(&self.path, &stat),
            None => start(&stat),
        };
        if stat.size == 0 && position.offset == 0 {
            // What was read before a reload excluded it is no copy of what this will hold.
            position.modified = position.modified.max(registry.finished_until(&self.path));
        }
        // What it held before a reload excluded it may be under way.
        let order = registry.order_behind_all();
        let new = self.generation(order, &stat, position, None, registry, now);
        // Most have one: room for four in each of 100,000 would be most of the memory.
        self.generations.reserve_exact(1);
        self.generations.push(new);
        self.announce(registry);
    }

    /// Says that the path is followed, unless there are very many or it cannot be read.
    fn announce(&mut self, registry: &Registry) {
        if !self.may_read() {
            return;
        }
        let Some(last) = self.generations.last() else { return };
        let (path, offset) = (self.path.shown(), last.position.offset);
        if registry.is_terse {
            debug!("following {path} from byte {offset}");
        } else {
            info!("following {path} from byte {offset}");
        }
    }

    /// Whether there may be something to read.
    pub(in crate::input) fn has_unread(&self) -> bool {
        match &self.generations[..] {
            _ if self.undecided.is_some() => true,
            [] => false,
            [only] => only.is_past || only.unread() > 0,
            _ => true,
        }
    }

    /// How many bytes its files are known to hold that were not read.
    pub(in crate::input) fn unread(&self) -> u64 {
        self.generations.iter().map(Generation::unread).sum()
    }

    /// Looks at what the path names now. Returns whether there may be something to read.
    pub(in crate::input) fn look(&mut self, registry: &mut Registry, now: Instant) -> bool {
        let stat = self.look_at_path();
        registry.looked_at = stat;
        if stat.is_some_and(|stat| self.is_foreign(&stat, registry, now)) {
            return self.has_generations();
        }
        let Some(last) = self.generations.last_mut() else {
            if stat.is_some() {
                self.begin(ALL_NEW, registry, now);
            }
            return stat.is_some();
        };
        let (change, was_past) = (last.judge(stat.as_ref()), last.is_past);
        self.fingerprint_past(registry);
        self.wake_resting();
        let Some(last) = self.generations.last_mut() else { return false };
        if let Some(stat) = stat.filter(|_| matches!(change, Change::Unchanged | Change::Grown)) {
            last.return_to_path();
            last.saw_size(stat.size);
            if let Some(position) = last.fingerprint_unread(&self.path, &stat) {
                // Nothing of it is under way yet that this could overtake.
                registry.first_seen.push(Update::Reached(Arc::clone(&last.source), position));
            }
        }
        match change {
            Change::Unchanged => {}
            Change::Grown => return true,
            Change::Truncated => self.start_anew(self.generations.len() - 1, registry, now),
            Change::Replaced => self.succeed(stat, registry, now),
            Change::Gone => {
                if !last.is_past {
                    debug!("{} is gone", self.path.shown());
                    last.retire(now);
                }
            }
        }
        let is_news = change != Change::Unchanged && !(change == Change::Gone && was_past);
        is_news || self.generations.iter().any(|past| past.is_past && !past.is_resting)
    }

    /// Takes over a generation that another follower has let go: its file has our path now.
    pub(in crate::input) fn adopt(
        &mut self,
        mut generation: Generation,
        registry: &mut Registry,
        now: Instant,
    ) {
        self.complaint = None;
        for older in &mut self.generations {
            older.retire(now);
        }
        generation.return_to_path();
        registry.claim(generation.source.inode, self.id);
        self.generations.push(generation);
    }

    /// What the path names, if that can be followed.
    fn look_at_path(&mut self) -> Option<Stat> {
        let stat = match Stat::at(&self.path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.complaint = None;
                return None;
            }
            Err(error) => {
                self.complain(Complaint::unreadable(&error));
                return None;
            }
        };
        if !stat.is_regular {
            self.complain(Complaint::NotRegular);
            return None;
        }
        if names::is_compressed(&self.path) {
            self.complain(Complaint::Compressed);
            return None;
        }
        Some(stat)
    }

    /// Whether the path names a file that another follower reads.
    fn is_foreign(&mut self, stat: &Stat, registry: &mut Registry, now: Instant) -> bool {
        let own = self.generations.iter().any(|own| own.source.inode == stat.inode);
        !own && self.is_taken(stat, registry, now)
    }

    fn is_taken(&mut self, stat: &Stat, registry: &mut Registry, now: Instant) -> bool {
        match registry.owner(stat.inode) {
            Some(owner) if owner != self.id => {
                registry.wait_for(stat.inode, self.id);
                self.complain(Complaint::SameAs(owner));
                if let Some(last) = self.generations.last_mut() {
                    last.retire(now);
                }
                true
            }
            _ => false,
        }
    }
}
