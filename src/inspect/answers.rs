//! Looks at what may never answer: a file system behind a network or behind FUSE whose other side
//! hangs. Whoever looks there waits in the kernel, and nothing but an answer or death ends that.
//!
//! So each look runs on a thread of its own, which is left behind when it hangs: the process ends
//! soon. A thread that gets on is never left, however long it takes: it uses the processor.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use rustix::thread::gettid;

use crate::checkpoint::{self, ReadError, StateReading};
use crate::cli::Cli;
use crate::config::{self, ConfigErrors, Loaded, Surroundings};

/// How long a file system may not answer.
const LIMIT: Duration = Duration::from_secs(2);
/// How often it is looked whether the thread gets on.
const TICK: Duration = Duration::from_millis(100);

/// What a look at something said; nothing when there was no answer.
pub(super) type FileAnswer<T> = Option<T>;

/// What `look` says.
pub(super) fn ask<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> FileAnswer<T> {
    let (sender, answers) = mpsc::channel();
    let clock = start(move || drop(sender.send(look())));
    wait(&answers, &clock)
}

/// What `look` says of each of `items`, in their order. One that has no answer does not keep the
/// others from theirs, except those beside it: what is in one directory hangs together. `path` says
/// where an item is.
pub(super) fn ask_each<I, T, L>(
    items: Vec<I>,
    path: impl Fn(&I) -> &Path,
    look: impl Fn() -> L,
) -> Vec<FileAnswer<T>>
where
    I: Clone + Send + 'static,
    T: Send + 'static,
    L: FnMut(&I) -> T + Send + 'static,
{
    let mut said: Vec<FileAnswer<T>> = Vec::with_capacity(items.len());
    let mut hung: Vec<&Path> = Vec::new();
    while said.len() < items.len() {
        let beside = |item: &I| path(item).parent().is_some_and(|it| hung.contains(&it));
        let rest = items[said.len()..].iter().take_while(|item| !beside(item));
        let rest: Vec<I> = rest.cloned().collect();
        if rest.is_empty() {
            said.push(None);
            continue;
        }
        let count = rest.len();
        let (sender, answers) = mpsc::channel();
        let mut look = look();
        let clock = start(move || {
            // Nobody listens any more when this one was given up and has an answer after all.
            let _ = rest.iter().try_for_each(|item| sender.send(look(item)));
        });
        let before = said.len();
        while said.len() < before + count {
            let answer = wait(&answers, &clock);
            let has_hung = answer.is_none();
            said.push(answer);
            if has_hung {
                hung.extend(path(&items[said.len() - 1]).parent());
                break;
            }
        }
    }
    said
}

/// The configuration, wherever it lies.
pub(super) fn load(cli: &Cli, around: &Surroundings) -> FileAnswer<Result<Loaded, ConfigErrors>> {
    let (cli, around) = (cli.clone(), around.clone());
    ask(move || config::load(&cli, &around))
}

/// The positions kept in `dir`. No answer is an error.
pub(super) fn positions(dir: &Path) -> Result<StateReading, ReadError> {
    let path = dir.to_owned();
    let read = ask(move || checkpoint::read(&path));
    read.unwrap_or_else(|| {
        let source = io::Error::new(io::ErrorKind::TimedOut, "its file system does not answer");
        Err(ReadError { path: dir.to_owned(), source })
    })
}

/// Runs `work` on a thread; hands out its clock, once it runs. Where no thread can be had, the one who
/// asks does it: that something does not answer is rarer than that, and would not be true.
fn start(work: impl FnOnce() + Send + 'static) -> Receiver<ClockId> {
    let (sender, clock) = mpsc::channel();
    let work = Arc::new(Mutex::new(Some(work)));
    let same = Arc::clone(&work);
    let started = thread::Builder::new().name("look".to_owned()).spawn(move || {
        // The clock of a thread as the kernel counts them: clock_getres(2), `CPUCLOCK_SCHED` of one.
        let id = (!gettid().as_raw_nonzero().get() << 3) | 6;
        let _ = sender.send(ClockId::from_raw(id));
        run(&same);
    });
    if started.is_err() {
        run(&work);
    }
    clock
}

fn run(work: &Mutex<Option<impl FnOnce()>>) {
    let taken = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = taken {
        work();
    }
}

/// Waits as long as the thread with that clock gets on.
fn wait<T>(answers: &Receiver<T>, clock: &Receiver<ClockId>) -> FileAnswer<T> {
    let clock = clock.recv_timeout(LIMIT).ok();
    let used = || clock.and_then(|clock| clock.now().ok());
    let (mut last, mut since) = (used(), Instant::now());
    loop {
        match answers.recv_timeout(TICK) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = used();
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() >= LIMIT {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn what_answers_is_heard_and_what_hangs_is_left() {
        assert_eq!(ask(|| 7), Some(7));
        assert_eq!(ask(|| thread::sleep(Duration::from_secs(3600))), None);
    }

    #[test]
    fn what_gets_on_is_waited_for() {
        let look = || {
            let begin = Instant::now();
            while begin.elapsed() < LIMIT + Duration::from_secs(1) {
                thread::sleep(Duration::from_millis(1));
            }
            7
        };
        assert_eq!(ask(look), Some(7));
    }

    #[test]
    fn one_that_hangs_takes_along_only_what_lies_beside_it() {
        let paths = ["/a/1", "/b/1", "/b/2", "/c/1", "/b/3", "/c/2"].map(PathBuf::from);
        let look = || {
            |path: &PathBuf| {
                if path.starts_with("/b") {
                    thread::sleep(Duration::from_secs(3600));
                }
                path.clone()
            }
        };
        let said = ask_each(paths.to_vec(), |path| path, look);
        let expected = [0, 3, 5].map(|at| Some(paths[at].clone()));
        assert_eq!(said[0..1], expected[0..1]);
        assert_eq!([&said[3], &said[5]], [&expected[1], &expected[2]]);
        assert!([1, 2, 4].iter().all(|&at| said[at].is_none()));
    }
}
