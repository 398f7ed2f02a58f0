//! Looking at what a path names: a file seen for the first time, one that goes on, another one.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info};

use super::continuation::Replacement;
use super::generation::{Begin, Generation, end, end_in, start, unread_end};
use super::reading::Which;
use super::{Context, Effects, FollowedPath, NotFollowed, Shared};
use crate::input::read::content::{Stat, open};
use crate::input::rotation::judge::{Change, same_inode};
use crate::input::rotation::names;
use crate::input::stream::FoundFifo;
use crate::pipeline::checkpoint::{CheckpointBehind, CheckpointNow};
use crate::pipeline::position::{Inode, Position, SourceId};
use crate::shown::Show;

/// Files that have fewer bytes in common are not taken for copies of each other.
pub(super) const ALIKE: usize = 32;

/// What looking at a path gave.
pub(in crate::input) struct Looked {
    /// There may be something to read.
    pub(in crate::input) has_work: bool,
    /// What stands at the path.
    pub(in crate::input) stat: Option<Stat>,
    pub(in crate::input) effects: Effects,
}

/// From where a file is read that is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum ReadFrom {
    /// From its start: it has come while we were there.
    Start,
    /// From its end where it was born before this time, in nanoseconds since the epoch, or nobody knows
    /// when; else from its start.
    EndIfOlder(i64),
    /// From its end: what it holds is read as the path of this number.
    EndAsCopyOf(usize),
    /// From here: what is before was read as another path.
    Position(Position),
}

impl FollowedPath {
    /// Begins with a file that is seen for the first time.
    pub(in crate::input) fn begin(
        &mut self,
        from: ReadFrom,
        shared: &mut Shared,
        now: Instant,
    ) -> Effects {
        let mut context = Context::new(shared, now);
        let stat = self.look_at_path(&mut context);
        if let Some(stat) = stat.filter(|stat| !self.is_foreign(stat, &mut context)) {
            self.begin_with(&stat, from, &mut context);
        }
        context.effects
    }

    fn begin_with(&mut self, stat: &Stat, from: ReadFrom, context: &mut Context<'_>) {
        let opened = open(&self.path);
        if self.is_archive(stat, &opened) {
            return;
        }
        let may_read = self.may_read(&opened);
        let ownership = &mut context.shared.ownership;
        if let ReadFrom::EndAsCopyOf(path) = from {
            ownership.note_copy(stat.inode, path);
        }
        let is_older = |time| stat.inode.born.map_or(i64::MIN, NonZero::get) < time;
        let is_from_end = match from {
            ReadFrom::EndAsCopyOf(_) => true,
            ReadFrom::EndIfOlder(time) => is_older(time),
            ReadFrom::Start | ReadFrom::Position(_) => false,
        };
        let mut was_read = false;
        let mut begin = match (ownership.let_go(stat.inode), from) {
            (Some(position), _) | (None, ReadFrom::Position(position)) => Begin::Behind(position),
            (None, _) if is_from_end => {
                let end = opened.and_then(|file| end_in(file, stat, &self.settings));
                was_read = end.is_ok();
                Begin::At(end.unwrap_or_else(|_| unread_end(stat)))
            }
            (None, _) => Begin::At(start(stat)),
        };
        if let Begin::At(position) | Begin::Behind(position) = &mut begin
            && stat.size == 0
            && position.offset == 0
        {
            // What was read before a reload excluded it is no copy of what this will hold.
            position.modified = position.modified.max(ownership.let_go_until(&self.path));
        }
        // What it held before a reload excluded it may be under way.
        let order = context.shared.order_behind_all();
        let new = self.generation(order, stat, begin, None, context);
        self.make_current(new);
        // Whatever else is wrong is said when it is opened for reading.
        if was_read || may_read {
            self.announce(context.shared);
        }
    }

    /// What its file was seen to hold is read as another path.
    pub(in crate::input) fn read_behind_copy(&mut self) -> Effects {
        let mut effects = Effects::default();
        if let Some(current) = &mut self.current
            && let Ok(stat) = Stat::at(&self.path)
            && same_inode(current.source.inode, stat.inode)
        {
            // It may have grown since it was compared.
            let seen = Stat { size: stat.size.min(current.size()), ..stat };
            let end = end(&self.path, &seen, &self.settings);
            current.go_on_at(end.unwrap_or_else(|_| unread_end(&seen)));
            effects.behind.push(CheckpointBehind::reached(current.reached()));
        }
        effects
    }

    /// Gives up a file of which nothing was read yet: it may be another path's.
    pub(in crate::input) fn disown(&mut self, shared: &mut Shared) -> Effects {
        let mut effects = Effects::default();
        let known_as = self.take_unread(shared).map(|(_, known_as)| known_as);
        effects.now.extend(known_as.map(CheckpointNow::forget));
        effects
    }

    /// The same until it is decided whose it is.
    pub(in crate::input) fn put_aside(&mut self, shared: &mut Shared) {
        if let Some((inode, known_as)) = self.take_unread(shared) {
            shared.ownership.put_aside(inode, known_as);
        }
    }

    pub(super) fn take_unread(&mut self, shared: &mut Shared) -> Option<(Inode, SourceId)> {
        let current = self.current.take_if(|current| current.position.offset == 0)?;
        self.release(&current, shared);
        Some((current.source.inode, current.source.id))
    }

    /// The current file and what it begins with, where nothing was read of it and it has another name by now.
    pub(in crate::input) fn renamed_unread(&mut self) -> Option<(Inode, Vec<u8>)> {
        self.unread_beginning()?;
        let current = self.current.as_mut()?;
        if !current.has_name() || current.is_at(&self.path) {
            return None;
        }
        Some((current.source.inode, current.first_bytes()?))
    }

    /// The first bytes of the current file, whatever the path names by now.
    pub(in crate::input) fn first_bytes(&mut self) -> Option<Vec<u8>> {
        let current = self.current.as_mut()?;
        let is_open = current.is_open();
        let is_there = is_open || current.open_current(&self.path).ok()?;
        let first = current.first_bytes().filter(|_| is_there);
        if !is_open {
            current.close();
        }
        first
    }

    /// What is known of the beginning of the file that is read, where nothing was read of it yet.
    pub(in crate::input) fn unread_beginning(&self) -> Option<u64> {
        let current = self.current.as_ref()?;
        (current.position.offset == 0 && current.size() > 0).then(|| current.size())
    }

    /// Whether something that is read here begins with these bytes, as far as it is known.
    pub(in crate::input) fn begins_like(&self, bytes: &[u8]) -> bool {
        let is_alike = |known: &Generation| {
            usize::from(known.head().len) >= ALIKE && known.head().matches(bytes)
        };
        self.generations().any(is_alike) || self.recently_read.begins_like(bytes, ALIKE)
    }

    /// Reports that the path is followed. Where there are very many, only those see it who look closely.
    pub(super) fn announce(&self, shared: &Shared) {
        let Some(newest) = self.newest() else { return };
        let (path, offset) = (self.path.shown(), newest.position.offset);
        if shared.is_terse {
            debug!("following {path} from byte {offset}");
        } else {
            info!("following {path} from byte {offset}");
        }
    }

    /// Looks at what the path names now, which is what `stat` says.
    pub(in crate::input) fn look(
        &mut self,
        stat: io::Result<Stat>,
        shared: &mut Shared,
        now: Instant,
    ) -> Looked {
        let mut context = Context::new(shared, now);
        let stat = self.followable(stat, &mut context);
        let has_work = self.look_with(stat, &mut context);
        Looked { has_work, stat, effects: context.effects }
    }

    fn look_with(&mut self, stat: Option<Stat>, context: &mut Context<'_>) -> bool {
        if stat.is_some_and(|stat| self.is_foreign(&stat, context)) {
            self.fingerprint_older(context);
            return self.has_generations();
        }
        if !self.has_generations() {
            if let Some(stat) = stat {
                self.begin_with(&stat, ReadFrom::Start, context);
                self.look_for_newborn(context);
            }
            return self.has_generations();
        }
        self.fingerprint_older(context);
        self.older.iter_mut().for_each(Generation::unpark_if_changed);
        let is_news = match stat {
            Some(stat) => self.look_at_file(&stat, context),
            None => self.look_at_nothing(context),
        };
        is_news || self.is_draining()
    }

    /// The path names no file. Returns whether that is news.
    fn look_at_nothing(&mut self, context: &mut Context<'_>) -> bool {
        let is_news = self.current.is_some();
        if is_news {
            debug!("{} is gone", self.path.shown());
            self.retire_current(context.now);
            self.fingerprint_last(context);
        }
        is_news
    }

    /// The path names a file. Returns whether there is something new about it.
    fn look_at_file(&mut self, stat: &Stat, context: &mut Context<'_>) -> bool {
        self.bring_back(stat, context);
        let change = match &self.current {
            Some(current) => current.judge(Some(stat)),
            None => Change::Replaced,
        };
        if matches!(change, Change::Unchanged | Change::Grown)
            && let Some(current) = &mut self.current
        {
            current.saw_size(stat.size);
            if current.fingerprint_unread(&self.path, stat) {
                context.effects.now.push(CheckpointNow::known(current.reached()));
            }
        }
        match change {
            // That shows once it can be read.
            Change::Truncated if stat.size > 0 && self.is_current_out_of_reach() => {}
            Change::Truncated if self.is_cut_short(stat) => {
                let _ = self.seek_lost(Which::Current, context);
            }
            Change::Truncated => self.start_current_anew(context),
            Change::Replaced => match self.continue_in_replacement(stat, context) {
                Replacement::Copy | Replacement::Unknown => {}
                Replacement::Other => self.succeed(Some(*stat), context),
            },
            Change::Unchanged | Change::Grown | Change::Gone => {}
        }
        change != Change::Unchanged
    }

    /// Whether nothing was read yet of the current file, and what it holds cannot be compared with what was seen of
    /// it.
    fn is_current_out_of_reach(&mut self) -> bool {
        let is_unread = |it: &&mut Generation| it.position.offset == 0 && it.head().len > 0;
        let Some(current) = self.current.as_mut().filter(is_unread) else { return false };
        let is_open =
            current.is_open() || current.open_current(&self.path).is_ok_and(|is_it| is_it);
        !is_open || current.is_unreadable()
    }

    /// Whether nothing was read yet of the current file, which is shorter than it was and begins as it did.
    fn is_cut_short(&mut self, stat: &Stat) -> bool {
        let current = self.current.as_mut().filter(|current| current.position.offset == 0);
        stat.size > 0 && current.is_some_and(Generation::begins_alike)
    }

    /// The file that the path names may be one that it named before: then that is current again, at
    /// the position it has, and behind all that the path has named since.
    fn bring_back(&mut self, stat: &Stat, context: &mut Context<'_>) {
        let is_it = |known: &Generation| known.judge(Some(stat)) != Change::Replaced;
        if self.current.as_ref().is_some_and(is_it) {
            return;
        }
        let Some(at) = self.older.iter().rposition(is_it) else { return };
        let Some(mut back) = self.older.remove(at) else { return };
        self.retire_current(context.now);
        let last = self.last_order();
        if last.is_some() {
            info!("{} names a file again that it named before", self.path.shown());
        }
        // Whoever stood last may keep its place: the checkpoint knows that.
        if let Some(last) = last.filter(|&last| last > back.order()) {
            back.ordered(super::generation::order_between(Some(last), None));
            context.effects.behind.push(CheckpointBehind::reached(back.reached()));
        }
        self.make_current(back);
    }

    /// Takes over a generation that another path has let go: its file has our path now.
    pub(in crate::input) fn adopt(
        &mut self,
        mut generation: Generation,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.not_followed = None;
        self.retire_current(now);
        shared.ownership.claim(generation.source.inode, self.id);
        if names::completed(&generation.source.path.to_path_buf()).as_deref() == Some(&*self.path) {
            // Rotation makes other names from here on.
            generation.renamed_to(&self.shared_path);
        }
        self.make_current(generation);
    }

    /// The same, where its file was renamed meanwhile: until the path of its new name is looked at, nobody
    /// else knows how far it was read.
    pub(in crate::input) fn adopt_renamed(&mut self, generation: Generation, shared: &mut Shared) {
        shared.ownership.claim(generation.source.inode, self.id);
        let at = self.older.partition_point(|known| known.order() < generation.order());
        self.older.insert(at, generation);
    }

    /// What the path names, if that can be followed.
    pub(super) fn look_at_path(&mut self, context: &mut Context<'_>) -> Option<Stat> {
        let stat = context.shared.stat(&self.path);
        self.followable(stat, context)
    }

    /// What stands at the path, if that can be followed. Otherwise it is said why it is not.
    fn followable(&mut self, stat: io::Result<Stat>, context: &mut Context<'_>) -> Option<Stat> {
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.not_followed = None;
                return None;
            }
            Err(error) => {
                self.report_not_followed(NotFollowed::unreadable(&error));
                return None;
            }
        };
        if stat.is_fifo {
            let (path, inode) = (Arc::clone(&self.path), stat.inode);
            let settings = Arc::clone(&self.settings);
            context.effects.fifos.push(FoundFifo { path, inode, settings });
            self.not_followed = Some(NotFollowed::Fifo);
            return None;
        }
        if !stat.is_regular {
            self.report_not_followed(NotFollowed::NotRegular);
            return None;
        }
        if names::is_compressed(&self.path) {
            self.report_not_followed(NotFollowed::Compressed);
            return None;
        }
        if names::is_swap(&self.path) {
            self.report_not_followed(NotFollowed::Swap);
            return None;
        }
        if self.is_known_archive(&stat) || self.has_become_archive(&stat, context) {
            return None;
        }
        if self.has_generations() {
            // It names a text again, and may rest. A path that was never followed is asked behind this.
            self.not_followed.take_if(|it| matches!(it, NotFollowed::Archive(_)));
        }
        Some(stat)
    }

    /// Whether the path names a file that another path reads.
    pub(super) fn is_foreign(&mut self, stat: &Stat, context: &mut Context<'_>) -> bool {
        let is_own = self.generations().any(|own| own.source.inode == stat.inode);
        let ownership = &mut context.shared.ownership;
        match ownership.owner(stat.inode) {
            Some(owner) if owner != self.id && !is_own => {
                ownership.wait_for(stat.inode, self.id, &self.path);
                self.report_not_followed(NotFollowed::SameAs(owner));
                self.retire_current(context.now);
                true
            }
            _ => false,
        }
    }
}
