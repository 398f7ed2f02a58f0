//! A rotated file that is written over: a copy takes its name (`cp app.log app.log.1`), or `shred` makes
//! it unreadable before it goes.

use std::sync::Arc;

use tracing::{info, warn};

use super::generation::Generation;
use super::reading::{Step, When, Which};
use super::unsettled::{RetryLimit, UnsettledFile};
use super::{Context, FollowedPath};
use crate::health::loss::{Amount, Reason};
use crate::shown::Show;

impl FollowedPath {
    /// The file of an older generation holds something else than what was read of it. What that is shows
    /// when it is not written to any more: a copy of what is read elsewhere, or lines that are new.
    pub(super) fn set_aside(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let Which::Older(at) = which else { return Step::Stop(When::Again) };
        let Some(generation) = self.older.remove(at) else { return Step::Stop(When::Again) };
        let path = self.path.shown();
        match generation.unread() {
            0 => info!("{path}: a file that was rotated away is written over"),
            unread => {
                warn!(
                    "{path}: a file that was rotated away is written over; {unread} bytes of it \
                     were not read and are lost"
                );
                context.effects.losses.push((Reason::Truncated, Amount::bytes(unread)));
            }
        }
        self.recently_read.remember(&generation);
        self.release(&generation, context.shared);
        context.effects.forget(&generation);
        let (inode, order) = (generation.reads(), generation.order());
        let (path, source) = (self.path.to_path_buf(), Arc::clone(&generation.source));
        // Of another size in any case: it is looked at again when it has been quiet.
        let size = u64::MAX;
        let (is_rewritten, patience) = (true, RetryLimit::Endless);
        let modified = generation.position.modified;
        let file =
            UnsettledFile { path, inode, source, order, size, modified, is_rewritten, patience };
        self.unsettled(context.now).files.push(file);
        Step::Stop(When::Again)
    }

    /// An older generation is read to its end. Where its file was deleted, nothing more is to be known of
    /// it, though a late writer is still waited for: the next run could not find it. Where nothing newer is
    /// known, it is looked for first whether a copy of it was rotated away unseen.
    pub(super) fn forget_deleted(&mut self, at: usize, context: &mut Context<'_>) {
        if !self.older.get(at).is_some_and(Generation::is_forgettable) {
            return;
        }
        if at + 1 == self.older.len() && self.current.is_none() {
            let (source, position) = (Arc::clone(&self.older[at].source), self.older[at].position);
            self.look_for_unseen(source, position.modified, None, context);
        }
        let it = &mut self.older[at];
        if !it.is_forgettable() {
            return;
        }
        it.forget();
        let position = it.position;
        context.effects.forget(it);
        self.note_beginnings(at + 1, &position, context);
    }
}
