//! Shipping what is there: how far it has come, when there is no hope, and what came of it.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::Duration;

use humansize::{BINARY, format_size};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval};

use crate::config::{Config, Mode, Protocol};
use crate::deliver::{Outcome, YOUNG};
use crate::health::Health;
use crate::health::loss::Reason;
use crate::health::metrics::Meters;
use crate::service::log;
use crate::shown::Show;

/// How often it is looked.
const TICK: Duration = Duration::from_millis(200);

/// What has ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnceEnd {
    /// Nothing is left to be done.
    Done,
    /// A signal.
    Stopped,
    /// Nothing has moved for too long.
    GivenUp,
}

/// Behind a proxy a connection is not closed before it is so old, and then it is awaited what comes of that.
const PROXIED: Duration = YOUNG.saturating_add(Duration::from_secs(5));

/// Watches a run that ends by itself.
pub(super) struct ProgressWatch {
    is_once: bool,
    meters: Meters,
    health: Health,
    started: Instant,
    over_udp: bool,
    /// Without any progress for so long it is given up.
    patience: Duration,
    bar: Option<ProgressBar>,
}

impl ProgressWatch {
    /// Watches what `meters` show. Where there is a terminal, a bar shows it too.
    pub(super) fn new(config: &Config, meters: &Meters, health: &Health) -> Self {
        let is_once = config.mode == Mode::Once;
        let to = &config.destination;
        // Each of them may be asked in vain before one takes messages.
        let receivers: Duration =
            config.destinations().map(|to| to.connect_timeout + to.stall_limit()).sum();
        // Nor does anything move while it is waited for what a message may go on with.
        let texts = config.files.iter().map(|file| &file.messages.text);
        let joined = texts.filter(|text| text.cuts_records()).map(|text| text.join_timeout());
        let joining = joined.max().unwrap_or_default();
        let proving = if to.proxied { PROXIED } else { Duration::ZERO };
        Self {
            is_once,
            meters: meters.clone(),
            health: health.clone(),
            started: Instant::now(),
            over_udp: to.protocol == Protocol::Udp,
            patience: receivers + joining + proving,
            bar: (is_once && stderr().is_terminal()).then(bar),
        }
    }

    /// Ends when nothing has moved for too long; never in a daemon.
    pub(super) async fn give_up(&self) {
        if !self.is_once {
            return std::future::pending().await;
        }
        let mut ticks = interval(TICK);
        let (mut last, mut since) = (self.progress(), Instant::now());
        loop {
            ticks.tick().await;
            let now = self.progress();
            // Held back by rate_limit it goes on by itself.
            if now != last || self.meters.sending.rate_limited.get() > 0 {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() >= self.patience {
                return;
            }
            self.show();
        }
    }

    fn progress(&self) -> (u64, u64, bool) {
        let (reading, sending) = (&self.meters.reading, &self.meters.sending);
        (reading.bytes.get(), sending.confirmed_bytes.get(), self.health.ready.is_set())
    }

    fn show(&self) {
        let Some(bar) = self.bar.clone() else { return };
        // Until all files were looked at nobody knows how much there is.
        if self.health.ready.is_set() {
            let Meters { reading, sending, .. } = &self.meters;
            let bytes = |gauge: i64| u64::try_from(gauge).unwrap_or(0);
            let amount = OnceAmount {
                read: reading.bytes.get(),
                unread: bytes(reading.unread_bytes.get()),
                confirmed: sending.confirmed_bytes.get(),
                waiting: bytes(sending.unconfirmed_bytes.get() + reading.queued_bytes.get()),
            };
            let (done, whole) = amount.progress();
            // The terminal may be stopped, which is no reason to stop as well.
            log::draw(move || {
                // Files grow meanwhile, and numbers are not all of one moment: neither goes back.
                bar.set_length(whole.max(bar.length().unwrap_or(0)));
                bar.set_position(done.max(bar.position()));
            });
        }
    }

    /// Says what came of it; the exit code says the same.
    pub(super) fn verdict(&self, left: Outcome, end: OnceEnd) -> ExitCode {
        if let Some(bar) = self.bar.clone() {
            log::draw(move || bar.finish_and_clear());
        }
        let Meters { reading, sending, .. } = &self.meters;
        let unread = u64::try_from(reading.unread_bytes.get()).unwrap_or(0);
        let waiting = u64::try_from(reading.queued_bytes.get()).unwrap_or(0);
        let (messages, bytes) = (sending.confirmed_messages.get(), sending.confirmed_bytes.get());
        let seconds = self.started.elapsed().as_secs_f64();
        let shipped = format!(
            "{} ({}) {} in {seconds:.1} s",
            counted(messages),
            format_size(bytes, BINARY),
            if self.over_udp { "sent over UDP" } else { "confirmed" }
        );
        let has_left = left.messages > 0 || unread > 0 || waiting > 0;
        let is_complete = !has_left && end == OnceEnd::Done;
        let unreadable = reading.unreadable.get();
        let has_nothing = is_complete && messages == 0 && reading.files.get() == 0;
        let (verdict, code) = if has_nothing {
            let why = "no file could be followed; --check says why";
            (format!("{shipped}; {why}"), ExitCode::FAILURE)
        } else if is_complete && unreadable > 0 {
            let files = if unreadable == 1 { "file" } else { "files" };
            let why = format!("{unreadable} {files} could not be read: see the warnings above");
            (format!("{shipped}; {why}"), ExitCode::FAILURE)
        } else if is_complete && let Some(refused) = refused(&self.meters) {
            (format!("{shipped}; {refused}"), ExitCode::FAILURE)
        } else if is_complete {
            (shipped, ExitCode::SUCCESS)
        } else {
            let left = format!(
                "{} not confirmed and {} not sent; the next run goes on from there",
                are(left.messages),
                format_size(unread + waiting, BINARY)
            );
            (format!("{shipped}; {}: {left}", self.why(end)), ExitCode::FAILURE)
        };
        log::last_words(&verdict);
        code
    }

    /// Why something is left.
    fn why(&self, end: OnceEnd) -> String {
        if end == OnceEnd::Stopped {
            return "stopped by a signal".to_owned();
        }
        let seconds = self.patience.as_secs();
        let silent = self.health.silence.now();
        if !silent.is_empty() {
            let points: Vec<_> = silent.iter().map(|point| point.shown().to_string()).collect();
            return format!("no answer from the file system at {}", points.join(" and "));
        }
        match self.meters.sending.connection.trouble() {
            Some(trouble) => format!("not connected for {seconds} s ({trouble})"),
            None if !self.health.ready.is_set() => {
                format!("a file system has not answered for {seconds} s")
            }
            None => format!("the receiver took nothing for {seconds} s"),
        }
    }
}

/// How much there is, in bytes: of files, and of messages.
struct OnceAmount {
    read: u64,
    unread: u64,
    confirmed: u64,
    waiting: u64,
}

impl OnceAmount {
    /// How many bytes of files are done, and of how many. What was read is done in the proportion in
    /// which the messages that came of it have arrived: they have headers, and not each line has one.
    fn progress(&self) -> (u64, u64) {
        let messages = u128::from(self.confirmed) + u128::from(self.waiting);
        let done = (u128::from(self.read) * u128::from(self.confirmed)).checked_div(messages);
        let done = done.map_or(self.read, |done| u64::try_from(done).unwrap_or(self.read));
        (done, self.read.saturating_add(self.unread))
    }
}

/// What is to be said of messages that the receiver has refused for good. They count as confirmed, for they are not sent
/// again.
pub(super) fn refused(meters: &Meters) -> Option<String> {
    match meters.sending.losses.lines(Reason::Rejected) {
        0 => None,
        1 => Some("1 of them was refused and is lost: see the warning above".to_owned()),
        many => Some(format!("{many} of them were refused and are lost: see the warning above")),
    }
}

/// "1 message", "412 messages".
pub(super) fn counted(messages: u64) -> String {
    format!("{messages} message{}", if messages == 1 { "" } else { "s" })
}

pub(super) fn are(messages: u64) -> String {
    format!("{} {}", counted(messages), if messages == 1 { "is" } else { "are" })
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    log::show_progress(bar.clone());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_told_in_bytes_of_files() {
        let progress = |read, unread, confirmed, waiting| {
            OnceAmount { read, unread, confirmed, waiting }.progress()
        };
        // Nothing was to be sent, or nothing has come of what was read yet.
        assert_eq!(progress(100, 50, 0, 0), (100, 150));
        // Headers make more of it than was read.
        assert_eq!(progress(100, 0, 0, 400), (0, 100));
        assert_eq!(progress(100, 100, 300, 100), (75, 200));
        assert_eq!(progress(u64::MAX, 1, u64::MAX, 0), (u64::MAX, u64::MAX));
    }
}
