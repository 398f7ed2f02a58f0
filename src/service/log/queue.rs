//! Lines of the log on their way to where they are written.
//!
//! A terminal that is stopped, a pipe that nobody reads or a journal that hangs takes nothing, and
//! whoever writes there waits for as long as that lasts. So lines go into a queue that has a bound,
//! and a thread of its own writes them; those that find no room are counted, and so are those that
//! cannot be written (the disk is full). Until that thread runs (a fork may follow) whoever logs also
//! writes, as far as nobody has to wait for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

use super::output::{self, LineEnd};

/// How many bytes of lines wait at most.
const ROOM: usize = 256 << 10;

/// How many lines of this process's log found no room, or could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of the log were lost: nobody took them, or they could not be written.
#[must_use]
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Where a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueuePlace {
    Stderr,
    File,
}

enum QueueItem {
    Line(QueuePlace, Vec<u8>),
    /// The log goes on in this file.
    Reopened(File),
    /// Something to be done on the terminal.
    Draw(Box<dyn FnOnce() + Send>),
}

impl QueueItem {
    fn size(&self) -> usize {
        if let Self::Line(_, text) = self { text.len() } else { 0 }
    }

    fn place(&self) -> QueuePlace {
        match self {
            Self::Line(place, _) => *place,
            Self::Reopened(_) => QueuePlace::File,
            Self::Draw(_) => QueuePlace::Stderr,
        }
    }
}

impl QueueState {
    /// Notes what became of a line for `place`.
    fn note(&mut self, place: QueuePlace, written: io::Result<()>) {
        let failed = &mut self.failed[place as usize];
        match written {
            Ok(()) => self.lost.take_in(std::mem::take(failed)),
            Err(error) => failed.add(Some(&error)),
        }
    }
}

/// The queue, for all who hold a clone of it.
#[derive(Clone)]
pub(super) struct Queue(Arc<QueueShared>);

struct QueueShared {
    state: Mutex<QueueState>,
    came: Condvar,
    written: Condvar,
    /// Only whoever writes locks it.
    out: Mutex<Box<dyn LogOut>>,
    room: usize,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<QueueItem>,
    bytes: usize,
    /// Lines that are lost, and of which that can be said now.
    lost: LostLines,
    /// Those that standard error and the file did not take. It is said when the same place takes one again:
    /// where nothing can be written, saying so fails as well.
    failed: [LostLines; 2],
    has_writer: bool,
    is_writing: bool,
}

/// Lines that are lost.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LostLines {
    pub(super) count: u64,
    /// Why the last that could not be written was not.
    pub(super) why: Option<String>,
}

impl LostLines {
    /// One more.
    fn add(&mut self, error: Option<&io::Error>) {
        self.count += 1;
        if let Some(error) = error {
            self.why = Some(error.to_string());
        }
        LOST.fetch_add(1, Ordering::Relaxed);
    }

    fn take_in(&mut self, other: Self) {
        self.count += other.count;
        self.why = other.why.or(self.why.take());
    }
}

/// What lines are written to.
pub(super) trait LogOut: Send {
    fn write(&mut self, place: QueuePlace, text: &[u8]) -> io::Result<()>;
    fn reopened(&mut self, file: File);
    /// Whether `place` takes a line within `patience`.
    fn is_open(&self, place: QueuePlace, patience: Duration) -> bool;
}

/// Standard error, and the file if there is one.
pub(super) struct QueuePlaces {
    file: Option<File>,
    end_of_file: LineEnd,
    end_of_stderr: LineEnd,
}

impl QueuePlaces {
    pub(super) fn new(file: Option<File>) -> Self {
        Self { file, end_of_file: LineEnd::Whole, end_of_stderr: LineEnd::Whole }
    }
}

impl LogOut for QueuePlaces {
    fn write(&mut self, place: QueuePlace, text: &[u8]) -> io::Result<()> {
        match (place, &mut self.file) {
            (QueuePlace::Stderr, _) => output::write_to_stderr(text, &mut self.end_of_stderr),
            (QueuePlace::File, Some(file)) => output::write_line(file, text, &mut self.end_of_file),
            (QueuePlace::File, None) => Ok(()),
        }
    }

    fn reopened(&mut self, file: File) {
        (self.file, self.end_of_file) = (Some(file), LineEnd::Whole);
    }

    fn is_open(&self, place: QueuePlace, patience: Duration) -> bool {
        match (place, &self.file) {
            (QueuePlace::Stderr, _) => takes_more(io::stderr(), patience),
            // It may be a pipe.
            (QueuePlace::File, Some(file)) => takes_more(file, patience),
            (QueuePlace::File, None) => true,
        }
    }
}

/// Whether `out` takes something within `patience`. What is closed takes everything, and tells so.
fn takes_more(out: impl AsFd, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).ok();
    let mut waited = [PollFd::new(&out, PollFlags::OUT)];
    !matches!(poll(&mut waited, patience.as_ref()), Ok(0))
}

impl Queue {
    pub(super) fn new(out: Box<dyn LogOut>) -> Self {
        Self::with_room(out, ROOM)
    }

    fn with_room(out: Box<dyn LogOut>, room: usize) -> Self {
        Self(Arc::new(QueueShared {
            state: Mutex::default(),
            came: Condvar::new(),
            written: Condvar::new(),
            out: Mutex::new(out),
            room,
        }))
    }

    /// A line for `place`.
    fn line(&self, place: QueuePlace, text: &[u8]) {
        {
            let mut state = self.state();
            if state.bytes + text.len() > self.0.room && !state.waiting.is_empty() {
                state.lost.add(None);
                return;
            }
            state.bytes += text.len();
            state.waiting.push_back(QueueItem::Line(place, text.to_vec()));
        }
        self.go_on();
    }

    /// The log goes on in `file` after the lines that wait.
    pub(super) fn reopen(&self, file: File) {
        self.replace_last(QueueItem::Reopened(file));
    }

    /// Has `draw` done when it is its turn. Where another waits for the same, that is left out.
    pub(super) fn draw(&self, draw: impl FnOnce() + Send + 'static) {
        self.replace_last(QueueItem::Draw(Box::new(draw)));
    }

    /// Takes the place of one of its kind at the end, so that they do not pile up.
    fn replace_last(&self, item: QueueItem) {
        {
            let mut state = self.state();
            let kind = std::mem::discriminant(&item);
            if state.waiting.back().is_some_and(|last| std::mem::discriminant(last) == kind) {
                state.waiting.pop_back();
            }
            state.waiting.push_back(item);
        }
        self.go_on();
    }

    /// Wakes the writer; where there is none, writes what can be written without waiting.
    fn go_on(&self) {
        if self.state().has_writer {
            self.0.came.notify_one();
        } else {
            self.write_until(Instant::now());
        }
    }

    /// Waits until all is written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        if !self.state().has_writer {
            return self.write_until(until);
        }
        let mut state = self.state();
        while state.is_writing || !state.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.written.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes as the one who logs, while the places take it or there is time.
    fn write_until(&self, until: Instant) {
        let Ok(mut out) = self.0.out.try_lock() else { return };
        loop {
            let place = match self.state().waiting.front() {
                Some(item) => item.place(),
                None => return,
            };
            if !out.is_open(place, until.saturating_duration_since(Instant::now())) {
                return;
            }
            let Some(item) = self.take() else { return };
            self.write(&mut **out, item);
        }
    }

    fn write(&self, out: &mut dyn LogOut, item: QueueItem) {
        match item {
            QueueItem::Line(place, text) => {
                let written = out.write(place, &text);
                self.state().note(place, written);
            }
            QueueItem::Reopened(file) => out.reopened(file),
            QueueItem::Draw(draw) => draw(),
        }
    }

    fn take(&self) -> Option<QueueItem> {
        let mut state = self.state();
        let item = state.waiting.pop_front()?;
        state.bytes -= item.size();
        Some(item)
    }

    /// Writes whatever comes, for as long as the process runs; for a thread of its own. `tell` is
    /// called with the lines that were lost, as soon as others are taken again.
    pub(super) fn serve(&self, tell: impl Fn(LostLines)) {
        loop {
            let item = {
                let mut state = self.state();
                state.has_writer = true;
                state.is_writing = false;
                self.0.written.notify_all();
                while state.waiting.is_empty() && state.lost.count == 0 {
                    state = self.0.came.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.is_writing = true;
                let item = state.waiting.pop_front();
                state.bytes -= item.as_ref().map_or(0, QueueItem::size);
                item
            };
            match item {
                Some(item) => {
                    let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
                    self.write(&mut **out, item);
                }
                None => {
                    let lost = std::mem::take(&mut self.state().lost);
                    tell(lost);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What writes lines for `place`.
    pub(super) fn writer(&self, place: QueuePlace) -> Lines {
        Lines { queue: self.clone(), place }
    }
}

/// Takes lines for one place.
#[derive(Clone)]
pub(super) struct Lines {
    queue: Queue,
    place: QueuePlace,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.queue.line(self.place, bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests;
