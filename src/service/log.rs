//! The program's own log.
//!
//! In the foreground short lines for whoever looks on, or for the journal what it cannot know
//! itself; in the background complete ones, appended to a file. RUST_LOG has no say: a daemon's
//! log is set where the rest of it is.

mod limit;
mod output;
mod queue;

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::{Mode, OFlags};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, reload};

use self::limit::Limit;
use self::output::LineEnd;
pub use self::output::show_progress;
pub use self::queue::lost_lines;
use self::queue::{LostLines, Queue, QueuePlace, QueuePlaces};
use crate::safe_open::{self, Last};
use crate::shown::{Show, escaped};
use crate::threads;

/// What is logged unless told otherwise: our own doings, and what worries the libraries.
pub const DEFAULT_FILTER: &str = "warn,remote_syslog=info";

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error, for people.
    Stderr,
    /// Appended to this file. Warnings also go to standard error as long as there is one: while
    /// a daemon starts, somebody is watching.
    File(PathBuf),
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be written.
    #[error(
        "cannot write the log to {}: {source}; check that its directory exists and is writable, \
         or name another file with debug_log_file (--debug-log-cfg)",
        path.shown()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The filter is none.
    #[error(
        "the log level {filter:?} (--log, log_levels) is not understood: {source}; write for \
         example \"debug\" or \"info,remote_syslog::send=trace\""
    )]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        source: ParseError,
    },
    /// There is a log already.
    #[error("the log is set up twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Changes what is logged while running.
#[derive(Debug, Clone)]
pub struct LogControl {
    filter: reload::Handle<EnvFilter, Registry>,
    file: Option<PathBuf>,
}

/// The log of this process, once it is set up.
static QUEUE: OnceLock<Queue> = OnceLock::new();

impl LogControl {
    /// Logs by `filter` from now on, which [`parse`] has made.
    pub fn set_filter(&self, filter: EnvFilter) {
        // It fails only once the log is gone.
        let _ = self.filter.reload(filter);
    }

    /// Opens the file anew, if the log goes to one: it may have been rotated.
    ///
    /// # Errors
    /// [`LogError::File`]; the old file then stays.
    pub fn reopen(&self) -> Result<(), LogError> {
        let Some(path) = &self.file else { return Ok(()) };
        let file = open(path)?;
        if let Some(queue) = QUEUE.get() {
            queue.reopen(file);
        }
        Ok(())
    }
}

/// Sets up the log of the whole process, filtered by `filter` (tracing's directives; empty:
/// [`DEFAULT_FILTER`]). No thread is started: a fork may follow.
///
/// # Errors
/// See [`LogError`].
pub fn init(target: LogTarget, filter: &str) -> Result<LogControl, LogError> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let color = io::stderr().is_terminal() && color_is_welcome();
    let watched = if stderr_is_journal() { Style::Journal } else { Style::Short };
    let path = match target {
        LogTarget::Stderr => None,
        LogTarget::File(path) => Some(path),
    };
    let file = path.as_deref().map(open).transpose()?;
    let queue = Queue::new(Box::new(QueuePlaces::new(file)));
    let to_stderr = queue.writer(QueuePlace::Stderr);
    if path.is_some() {
        let file = layer(Style::Full, queue.writer(QueuePlace::File), false);
        let stderr = layer(watched, to_stderr, color).with_filter(LevelFilter::WARN);
        tracing_subscriber::registry().with(filter).with(file).with(stderr).try_init()?;
    } else {
        let stderr = layer(watched, to_stderr, color);
        tracing_subscriber::registry().with(filter).with(stderr).try_init()?;
    }
    // There is no other: that would have been said.
    let _ = QUEUE.set(queue);
    Ok(LogControl { filter: handle, file: path })
}

/// Opens the file that is appended to. It is written by a thread that may wait.
fn open(path: &Path) -> Result<File, LogError> {
    let flags = OFlags::CREATE | OFlags::APPEND | OFlags::WRONLY;
    let file = safe_open::open(path, flags, Mode::from_raw_mode(0o666), Last::Follow);
    let file = file.and_then(|file| {
        rustix::io::ioctl_fionbio(&file, false)?;
        Ok(file)
    });
    file.map_err(|source| LogError::File { path: path.to_owned(), source })
}

/// From now on lines are written by a thread of their own, so that nobody waits for a terminal that
/// is stopped or a pipe that nobody reads. To be called after the last fork.
pub fn start_writer() {
    let Some(queue) = QUEUE.get() else { return };
    threads::start("log", || {
        queue.serve(|LostLines { count, why }| {
            let s = if count == 1 { "" } else { "s" };
            let why = why.unwrap_or_else(|| "nothing took them in time".to_owned());
            tracing::warn!("{count} line{s} of this log could not be written: {why}");
        });
    });
}

/// Waits until what was logged is written, but no longer than `patience`.
pub fn flush(patience: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(patience);
    }
}

/// Has `draw` done on the terminal when what was logged before is written.
pub fn draw(draw: impl FnOnce() + Send + 'static) {
    match QUEUE.get() {
        Some(queue) => queue.draw(draw),
        None => draw(),
    }
}

/// Says `text` on standard error, whatever the log is, and waits a little until it is said.
pub fn last_words(text: &str) {
    let text = format!("{text}\n");
    match QUEUE.get() {
        Some(queue) => {
            // Nobody there to be told: the exit code tells.
            let _ = queue.writer(QueuePlace::Stderr).write_all(text.as_bytes());
            queue.flush(LAST_WORDS);
        }
        None => drop(output::write_to_stderr(text.as_bytes(), &mut LineEnd::Whole)),
    }
}

/// How long the end of the process waits for whoever takes its last words.
pub const LAST_WORDS: Duration = Duration::from_millis(500);

/// See <https://no-color.org>.
fn color_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    is_stream(&stream, io::stderr())
}

/// Whether `file` is what systemd has connected to its journal: `JOURNAL_STREAM` holds
/// `device:inode` in decimal, systemd.exec(5). The variable alone says nothing, for children
/// inherit it.
fn is_stream(stream: &str, file: impl AsFd) -> bool {
    rustix::fs::fstat(file).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Understands tracing's directives; none stand for [`DEFAULT_FILTER`].
///
/// # Errors
/// [`LogError::Filter`].
pub fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let text = if filter.trim().is_empty() { DEFAULT_FILTER } else { filter };
    EnvFilter::builder()
        .parse(text)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

fn layer<S, W>(style: Style, writer: W, color: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    // A log that cannot be written has nowhere to say so.
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(color)
        .log_internal_errors(false)
        .event_format(Format { style, limit: Mutex::default() })
}

/// Lines of this target are asked for, however many they are.
pub const ASKED_FOR: &str = "remote_syslog::asked_for";

/// How a line looks, and whether it is there.
#[derive(Debug)]
struct Format {
    style: Style,
    limit: Mutex<Limit<Identifier>>,
}

impl Format {
    /// How many lines like that of `metadata` were left out before it; `None`: it is, too.
    fn admit(&self, metadata: &Metadata<'_>) -> Option<u64> {
        if *metadata.level() > Level::INFO || metadata.target() == ASKED_FOR {
            return Some(0);
        }
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.admit(metadata.callsite(), Instant::now())
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// `12:00:01 WARN  message key=value`
    Short,
    /// `2026-11-23T12:00:01.123+01:00 WARN  message key=value`
    Full,
    /// `<4>message key=value`, sd-daemon(3): the journal adds the time, and shows the level.
    Journal,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let Some(left_out) = self.admit(metadata) else { return Ok(()) };
        let level = *metadata.level();
        match self.style {
            Style::Short => head(&mut out, "%H:%M:%S", level)?,
            Style::Full => head(&mut out, "%Y-%m-%dT%H:%M:%S%.3f%:z", level)?,
            Style::Journal => write!(out, "<{}>", severity_of(level))?,
        }
        let target = metadata.target();
        if target.split("::").next() != Some(env!("CARGO_PKG_NAME")) {
            write!(out, "{target}: ")?;
        }
        let mut text = LogText::default();
        event.record(&mut text);
        write!(out, "{}{}", text.message, text.fields)?;
        if left_out > 0 {
            write!(out, " ({left_out} more of this kind were left out)")?;
        }
        writeln!(out)
    }
}

fn head(out: &mut Writer<'_>, time: &str, level: Level) -> fmt::Result {
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    let time = now.strftime(time);
    if out.has_ansi_escapes() {
        write!(out, "\x1b[2m{time}\x1b[0m \x1b[{}m{level:<5}\x1b[0m ", color_of(level))
    } else {
        write!(out, "{time} {level:<5} ")
    }
}

/// In syslog's numbers.
fn severity_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn color_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    }
}

/// Message and fields of an event on one line. Control characters are escaped: a file's name may
/// hold anything, and must neither begin a line of the log nor steer a terminal.
#[derive(Default)]
struct LogText {
    message: String,
    fields: String,
}

impl Visit for LogText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let out = if field.name() == "message" {
            &mut self.message
        } else {
            self.fields.push(' ');
            self.fields.push_str(field.name());
            self.fields.push('=');
            &mut self.fields
        };
        // Writing to a string does not fail.
        let _ = write!(Escaped(out), "{value:?}");
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| escaped(c, self.0))
    }
}

#[cfg(test)]
mod tests;
