//! What is read once and has no position: standard input, and FIFOs.
//!
//! | module | what it knows |
//! |---|---|
//! | `window` (pure) | what has come and is still needed |
//! | `lines` | from what has come to messages, by the reader of files |
//! | `source` | where bytes come from, and how they are waited for |
//! | `fifos` | which FIFOs are read |
//!
//! No more is read than what makes messages for which there is room, so whoever writes waits as long as the
//! receiver does.

mod fifos;
mod lines;
mod source;
mod window;

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::lines::{StreamLeft, StreamLines};
use self::source::ByteSource;
use crate::health::liveness::Beat;
use crate::health::metrics::Reading;
use crate::input::FileSettings;
use crate::input::scheduler::batches::hand_on;
use crate::input::scheduler::{now, wall_clock};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::{Closed, Outlet};
use crate::pipeline::position::Inode;
use crate::syslog::Encoder;

pub(in crate::input) use self::fifos::{Fifos, FoundFifo};
pub(in crate::input) use self::window::StreamWindow;

/// What standard input is called: as APP-NAME where no tag is given, and as the path of its messages.
pub const STDIN: &str = "stdin";

/// How standard input is read and its lines made into messages.
#[derive(Debug)]
pub struct StdinSettings {
    /// What its messages hold.
    pub lines: Arc<FileSettings>,
    /// Makes the frames.
    pub encoder: Encoder,
    /// What is counted meanwhile. What has come and was not sent is left in [`Reading::unread_bytes`]; that it could
    /// not be read counts in [`Reading::unreadable`].
    pub meters: Reading,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// Reads standard input to its end, or until `stop`.
pub async fn run_stdin(settings: StdinSettings, outlet: Outlet, stop: CancellationToken) {
    let StdinSettings { lines, encoder, meters, beat } = settings;
    let inode = Inode { device: 0, number: 0, born: NonZero::new(wall_clock()) };
    let lines = StreamLines::new(encoder, Path::new(STDIN), lines, inode);
    let mut stream = StreamPass::new("standard input".to_owned(), lines, meters);
    let mut source = ByteSource::stdin();
    stream.meters.files.inc();
    let reading = async {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            end = stream.read_to_end(&mut source, &outlet) => stream.tell_end(&end),
        }
    };
    beat.during(reading).await;
    stream.show_unread();
}

/// Why a stream is not read any more.
#[derive(Debug)]
pub(in crate::input) enum StreamEnd {
    /// Nobody writes to it.
    Over,
    /// It cannot be read.
    Failed(io::Error),
    /// Nobody takes its messages.
    NotTaken,
}

/// When something is to be done though nothing comes.
#[derive(Debug, Clone, Copy)]
enum Wake {
    /// What is undecided is a message then.
    Decide(Instant),
    /// It is looked at again.
    Look(Instant),
}

impl Wake {
    fn at(self) -> Instant {
        match self {
            Self::Decide(at) | Self::Look(at) => at,
        }
    }
}

/// A stream on its way to the stage that sends.
pub(in crate::input) struct StreamPass {
    /// What people know it by.
    name: String,
    lines: StreamLines,
    meters: Reading,
    wake: Option<Wake>,
    /// For the next batch.
    memory: Option<Batch>,
    cut_reported: bool,
}

impl StreamPass {
    pub(in crate::input) fn new(name: String, lines: StreamLines, meters: Reading) -> Self {
        Self { name, lines, meters, wake: None, memory: None, cut_reported: false }
    }

    /// Reads `source` until nobody writes to it any more. What has come stays here when the waiting is given up.
    pub(in crate::input) async fn read_to_end(
        &mut self,
        source: &mut ByteSource,
        outlet: &Outlet,
    ) -> StreamEnd {
        loop {
            let wake_at = self.wake.map(|wake| wake.at().into());
            let is_closed = tokio::select! {
                biased;
                read = source.next(&mut self.lines) => match read {
                    Ok(0) => {
                        return match self.finish(outlet).await {
                            Ok(()) => StreamEnd::Over,
                            Err(Closed) => StreamEnd::NotTaken,
                        };
                    }
                    Ok(_) => self.pass_on(outlet).await,
                    Err(error) => {
                        let _ = self.finish(outlet).await;
                        return StreamEnd::Failed(error);
                    }
                },
                () = sleep_until(wake_at.unwrap_or_else(tokio::time::Instant::now)), if wake_at.is_some() => {
                    match self.wake.take() {
                        Some(Wake::Decide(_)) => self.decide(outlet).await,
                        Some(Wake::Look(_)) | None => self.pass_on(outlet).await,
                    }
                }
            };
            if is_closed.is_err() {
                return StreamEnd::NotTaken;
            }
        }
    }

    /// Passes on all messages that are complete.
    async fn pass_on(&mut self, outlet: &Outlet) -> Result<(), Closed> {
        loop {
            let fill = |lines: &mut StreamLines, batch: &mut Batch| {
                // What is in memory can be read.
                lines.fill(batch, now(), wall_clock()).unwrap_or(StreamLeft::Beginning)
            };
            self.wake = match self.make(outlet, fill).await? {
                StreamLeft::More => continue,
                StreamLeft::Beginning => None,
                StreamLeft::Undecided(patience) => Some(Wake::Decide(now() + patience)),
                StreamLeft::Until(time) => Some(Wake::Look(time)),
            };
            return Ok(());
        }
    }

    /// Passes on what may have gone on and did not.
    async fn decide(&mut self, outlet: &Outlet) -> Result<(), Closed> {
        let decide = |lines: &mut StreamLines, batch: &mut Batch| {
            let _ = lines.decide(batch, now(), wall_clock());
        };
        self.make(outlet, decide).await?;
        // More may have come behind it.
        self.pass_on(outlet).await
    }

    /// Waits until there is room for a batch, has `make` put messages into one, and hands it on.
    async fn make<T>(
        &mut self,
        outlet: &Outlet,
        make: impl FnOnce(&mut StreamLines, &mut Batch) -> T,
    ) -> Result<T, Closed> {
        let room = outlet.room().await?;
        let mut batch = self.memory.take().unwrap_or_default();
        batch.clear();
        self.lines.make_no_more(room.most());
        let made = make(&mut self.lines, &mut batch);
        self.memory = match batch.is_empty() {
            true => Some(batch),
            false => hand_on(batch, room, &self.meters),
        };
        self.tell();
        Ok(made)
    }

    /// Passes on everything: nobody goes on with it.
    async fn finish(&mut self, outlet: &Outlet) -> Result<(), Closed> {
        self.lines.end_line();
        self.pass_on(outlet).await?;
        loop {
            match self.wake.take() {
                None => return Ok(()),
                Some(Wake::Decide(_)) => self.decide(outlet).await?,
                Some(Wake::Look(time)) => {
                    sleep_until(time.into()).await;
                    self.pass_on(outlet).await?;
                }
            }
        }
    }

    fn tell(&mut self) {
        let (shown, counts) = self.lines.counts();
        let was_cut = counts.cut > shown.cut;
        counts.show(shown, &self.meters);
        if was_cut && !std::mem::replace(&mut self.cut_reported, true) {
            let (name, limit) = (&self.name, self.lines.limit());
            warn!("{name}: a line was too long and was cut, others may follow: {limit}");
        }
    }

    fn tell_end(&self, end: &StreamEnd) {
        if let StreamEnd::Failed(error) = end {
            self.meters.unreadable.inc();
            error!("{} cannot be read: {error}; what has come until now is sent", self.name);
        }
    }

    fn show_unread(&self) {
        self.meters.unread_bytes.set(i64::try_from(self.lines.unread()).unwrap_or(i64::MAX));
    }
}
