//! Brings readers of compressed files to far places, on a thread of its own: a huge archive delays
//! nobody but those who look for something in it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::input::read::compressed::CompressedReader;
use crate::limits;
use crate::pipeline::position::Inode;

/// This much is decompressed in a turn without help, so that small archives answer at once.
const AT_ONCE: u64 = 8 << 20;
/// After so much, the next reader has its turn.
const SLICE: u64 = 16 << 20;
/// So many readers are kept for who asks again, and for so long: each may hold much memory.
const KEPT: usize = 4;
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Seeks in compressed files. Clones share their readers.
#[derive(Clone)]
pub(super) struct Seeker(Arc<Mutex<SeekState>>);

struct SeekState {
    readers: HashMap<Inode, Seek>,
    /// The way to the thread, once there was need of one.
    jobs: Option<Sender<Job>>,
    /// How much may be decompressed at once in this turn.
    left: u64,
}

/// What is known of a compressed file.
enum Seek {
    /// The thread has its reader.
    UnderWay,
    /// Its reader stands at a far place.
    Kept(CompressedReader, Instant),
}

struct Job {
    inode: Inode,
    reader: CompressedReader,
    offset: u64,
}

impl Default for Seeker {
    fn default() -> Self {
        Self::with(AT_ONCE)
    }
}

impl Seeker {
    fn with(left: u64) -> Self {
        Self(Arc::new(Mutex::new(SeekState { readers: HashMap::new(), jobs: None, left })))
    }

    fn state(&self) -> MutexGuard<'_, SeekState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As much as in every turn may be decompressed at once from now on.
    pub(super) fn turn_ends(&self) {
        let mut state = self.state();
        state.left = AT_ONCE;
        state.drop_old();
    }

    /// Has `reader`, of the file with `inode`, stand at `offset`, or at the end of what is there.
    ///
    /// # Errors
    /// `WouldBlock` as long as the thread is at it; or the thread cannot be started, which may
    /// succeed later.
    pub(super) fn seek(
        &self,
        reader: &mut CompressedReader,
        inode: Inode,
        offset: u64,
    ) -> io::Result<()> {
        let mut state = self.state();
        match state.readers.remove(&inode) {
            Some(Seek::UnderWay) => {
                state.readers.insert(inode, Seek::UnderWay);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Some(Seek::Kept(kept, _)) if kept.reaches_back_to(offset) => *reader = kept,
            _ => {}
        }
        let before = reader.end();
        // What it cannot read shows when it is read.
        let is_there = reader.advance(offset, state.left).unwrap_or(true);
        state.left = state.left.saturating_sub(reader.end() - before);
        if is_there {
            return Ok(());
        }
        let jobs = self.jobs(&mut state)?;
        let job = Job { inode, reader: reader.take()?, offset };
        // The thread ends after those who could send.
        if jobs.send(job).is_ok() {
            state.readers.insert(inode, Seek::UnderWay);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Begins anew with a file that was read far, and keeps its place for who asks again.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn keep(&self, reader: &mut CompressedReader, inode: Inode) -> io::Result<()> {
        // One that has failed would fail whoever asks again.
        if reader.end() < AT_ONCE || reader.has_failed() {
            reader.rewind();
            return Ok(());
        }
        let mut state = self.state();
        if !matches!(state.readers.get(&inode), Some(Seek::UnderWay)) {
            state.keep(inode, reader.take()?);
        }
        Ok(())
    }

    fn jobs<'a>(&self, state: &'a mut SeekState) -> io::Result<&'a Sender<Job>> {
        if state.jobs.is_none() {
            let (jobs, receiver) = channel();
            let shared = Arc::downgrade(&self.0);
            let thread = thread::Builder::new().name("archives".to_owned());
            let done = move |inode, reader| {
                let shared = shared.upgrade()?;
                Self(shared).state().keep(inode, reader);
                Some(())
            };
            thread.spawn(move || work(&receiver, done)).inspect_err(|error| {
                tracing::warn!(
                    "cannot start a thread to look through compressed files; it is tried again every \
                     second: {}",
                    limits::shortage(error)
                );
            })?;
            state.jobs = Some(jobs);
        }
        state.jobs.as_ref().ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl SeekState {
    fn keep(&mut self, inode: Inode, reader: CompressedReader) {
        self.drop_old();
        let kept = |seek: &Seek| match seek {
            Seek::Kept(_, since) => Some(*since),
            Seek::UnderWay => None,
        };
        let all = self.readers.iter().filter_map(|(&inode, seek)| Some((kept(seek)?, inode)));
        if all.clone().count() >= KEPT
            && let Some((_, oldest)) = all.min_by_key(|&(since, _)| since)
        {
            self.readers.remove(&oldest);
        }
        self.readers.insert(inode, Seek::Kept(reader, Instant::now()));
    }

    fn drop_old(&mut self) {
        let is_old = |seek: &Seek| matches!(seek, Seek::Kept(_, at) if at.elapsed() > KEPT_FOR);
        if !self.readers.is_empty() {
            self.readers.retain(|_, seek| !is_old(seek));
        }
    }
}

/// Advances the readers that come, each a little in its turn, until nobody can send any more.
fn work(jobs: &Receiver<Job>, done: impl Fn(Inode, CompressedReader) -> Option<()>) {
    let mut queue = VecDeque::new();
    loop {
        if queue.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            queue.push_back(job);
        }
        queue.extend(jobs.try_iter());
        let Some(Job { inode, mut reader, offset }) = queue.pop_front() else { continue };
        if matches!(reader.advance(offset, SLICE), Ok(false)) {
            queue.push_back(Job { inode, reader, offset });
        } else if done(inode, reader).is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
