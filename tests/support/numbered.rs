//! A writer of numbered lines that behaves as programs with a log do.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the writer does when the path leads to another file than the one it has open.
#[derive(Debug, Clone, Copy)]
pub enum Reopen {
    /// Opens the path anew as soon as it sees that.
    AtOnce,
    /// Goes on with the old file for that long.
    After(Duration),
    /// Goes on with the old file for a while that differs from time to time, up to that long.
    Within(Duration),
    /// Keeps the file it has, as when only copytruncate is used.
    Never,
}

/// How long logrotate may take from renaming a file to creating the new one.
const CREATING: Duration = Duration::from_millis(100);

/// A thread that appends the lines 1, 2, 3, … to a file until it is stopped.
pub struct Numbered {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

struct Control {
    path: PathBuf,
    reopen: Reopen,
    per_tick: u64,
    tick: Duration,
    wide: bool,
    written: AtomicU64,
    /// How often the path was opened.
    opened: AtomicU64,
    stop: AtomicBool,
    /// Held while lines are written.
    writing: Mutex<()>,
}

/// Between two portions of lines, where there is more than one line in that time.
const TICK: Duration = Duration::from_millis(5);

/// Line `n` with its newline.
pub fn line(n: u64) -> String {
    format!("n={n:08} {}\n", padding(n))
}

/// What follows the number: of a length between 40 and 140 that depends on it, so that a line
/// put together of two others shows.
pub fn padding(n: u64) -> String {
    let letter = char::from(b'a' + (n % 26) as u8);
    let length = 40 + (n * 37 % 101) as usize;
    letter.to_string().repeat(length)
}

/// Whether `text` is what follows number `n` in a line, narrow or wide.
pub fn is_padding(n: u64, text: &str) -> bool {
    let narrow = padding(n);
    text.len().is_multiple_of(narrow.len())
        && [1, WIDE].contains(&(text.len() / narrow.len()))
        && text.as_bytes().chunks(narrow.len()).all(|part| part == narrow.as_bytes())
}

/// How much longer than usual the padding of a wide line is.
const WIDE: usize = 10;

/// The lines of `numbers`, for tests that need no thread.
pub fn lines(numbers: std::ops::RangeInclusive<u64>) -> String {
    numbers.map(line).collect()
}

impl Numbered {
    /// Writes `per_second` lines a second to `path`.
    pub fn start(path: &Path, per_second: u64, reopen: Reopen) -> Self {
        Self::start_as(path, per_second, reopen, false)
    }

    /// The same with lines of 900 bytes on the average.
    pub fn start_wide(path: &Path, per_second: u64, reopen: Reopen) -> Self {
        Self::start_as(path, per_second, reopen, true)
    }

    fn start_as(path: &Path, per_second: u64, reopen: Reopen, wide: bool) -> Self {
        let per_tick = (per_second * TICK.as_millis() as u64 / 1000).max(1);
        let tick = TICK.max(Duration::from_secs(1) / per_second as u32);
        let control = Arc::new(Control {
            path: path.to_owned(),
            reopen,
            per_tick,
            tick,
            wide,
            written: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            writing: Mutex::new(()),
        });
        let shared = control.clone();
        let thread = Some(thread::spawn(move || shared.run()));
        Self { control, thread }
    }

    /// How many lines were written so far.
    pub fn written(&self) -> u64 {
        self.control.written.load(Ordering::Acquire)
    }

    /// Waits until `n` more lines are written.
    #[track_caller]
    pub fn wait_for_more(&self, n: u64) {
        let goal = self.written() + n;
        super::wait_until("more lines are written", super::SOON, || self.written() >= goal);
    }

    /// Waits until the path was opened `times` times since the start.
    #[track_caller]
    pub fn wait_opened(&self, times: u64) {
        let opened = || self.control.opened.load(Ordering::Acquire);
        super::wait_until("the writer has reopened", super::SOON, || opened() >= times);
    }

    /// Does something while nothing is written: no line can fall between copy and truncation.
    pub fn while_paused<T>(&self, act: impl FnOnce() -> T) -> T {
        let _paused = self.control.writing.lock().unwrap();
        act()
    }

    /// Stops writing; how many lines there are.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.written()
    }

    fn end(&mut self) {
        self.control.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking(), "the writer panicked");
        }
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.end();
    }
}

impl Control {
    fn run(&self) {
        let mut file = self.open();
        let mut moved: Option<Instant> = None;
        let mut due = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let writing = self.writing.lock().unwrap();
            if self.wants_reopen(&file, &mut moved) {
                file = self.open();
                moved = None;
            }
            let first = self.written.load(Ordering::Relaxed) + 1;
            let last = first + self.per_tick - 1;
            file.write_all(self.lines(first, last).as_bytes()).unwrap();
            self.written.store(last, Ordering::Release);
            drop(writing);
            due += self.tick;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn lines(&self, first: u64, last: u64) -> String {
        match self.wide {
            false => lines(first..=last),
            true => {
                (first..=last).map(|n| format!("n={n:08} {}\n", padding(n).repeat(WIDE))).collect()
            }
        }
    }

    fn open(&self) -> File {
        let file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
        self.opened.fetch_add(1, Ordering::Release);
        file
    }

    /// A number between 0 and 1 that changes with every opening.
    fn share(&self) -> f64 {
        // Multiples of the golden ratio, without their whole part, are spread evenly.
        (self.opened.load(Ordering::Relaxed) as f64 * 0.618_034).fract()
    }

    fn wants_reopen(&self, file: &File, moved: &mut Option<Instant>) -> bool {
        let open = file.metadata().unwrap();
        let same = std::fs::metadata(&self.path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()));
        if same {
            *moved = None;
            return false;
        }
        let since = moved.get_or_insert_with(Instant::now).elapsed();
        match self.reopen {
            // Not between logrotate's renaming and its creating, when it creates.
            Reopen::AtOnce => self.path.exists() || since >= CREATING,
            Reopen::After(delay) => since >= delay,
            Reopen::Within(longest) => since >= longest.mul_f64(self.share()),
            Reopen::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Site;
    use super::*;

    /// The numbers found in a file, in its order.
    fn numbers(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| line[2..10].parse().unwrap()).collect()
    }

    #[test]
    fn a_writer_reopens_late_and_skips_no_number() {
        let site = Site::new();
        let path = site.path("a.log");
        let writer = Numbered::start(&path, 2_000, Reopen::After(Duration::from_millis(50)));
        writer.wait_for_more(20);
        site.rename("a.log", "a.log.1");
        super::super::wait_until("it has reopened", super::super::SOON, || path.exists());
        writer.wait_for_more(20);
        let written = writer.stop();
        let all = [numbers(&site.path("a.log.1")), numbers(&path)].concat();
        assert_eq!(all, (1..=written).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_written_while_paused() {
        let site = Site::new();
        let writer = Numbered::start(&site.path("a.log"), 2_000, Reopen::Never);
        writer.wait_for_more(10);
        writer.while_paused(|| {
            let before = (writer.written(), numbers(&site.path("a.log")).len());
            thread::sleep(TICK * 4);
            assert_eq!(before, (writer.written(), numbers(&site.path("a.log")).len()));
        });
        writer.wait_for_more(10);
    }
}
