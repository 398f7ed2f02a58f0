//! FIFOs that entries of `files` name: each is read by a task of its own, on the thread that reads files, and waits
//! for those who write to it without holding anybody up.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lines::StreamLines;
use super::source::{ByteSource, Fifo};
use super::{StreamEnd, StreamPass};
use crate::health::metrics::Reading;
use crate::input::FileSettings;
use crate::pipeline::channel::Outlet;
use crate::pipeline::position::Inode;
use crate::shown::Show;
use crate::syslog::Encoder;

/// A FIFO stands at a path that is followed.
pub(in crate::input) struct FoundFifo {
    pub(in crate::input) path: Arc<Path>,
    pub(in crate::input) inode: Inode,
    /// What its entry of `files` says.
    pub(in crate::input) settings: Arc<FileSettings>,
}

/// The FIFOs that are read. Dropping it ends that.
pub(in crate::input) struct Fifos {
    /// Nobody reads them where what is followed is only looked at, or read once: what is taken from a FIFO is gone.
    are_read: bool,
    outlet: Outlet,
    meters: Reading,
    tasks: HashMap<Arc<Path>, FifoTask>,
}

struct FifoTask {
    inode: Inode,
    /// It was found since this was last set to false.
    is_there: bool,
    state: TaskState,
}

enum TaskState {
    /// It is read.
    Read {
        lines: watch::Sender<FifoSettings>,
        /// It is read to where nothing more is there, and no further.
        leave: CancellationToken,
        task: JoinHandle<()>,
    },
    /// It is not, which was said in these words.
    Not(String),
}

/// How its lines are sent.
#[derive(Clone)]
struct FifoSettings {
    encoder: Encoder,
    file: Arc<FileSettings>,
}

impl Drop for Fifos {
    fn drop(&mut self) {
        self.tasks.values().for_each(FifoTask::abort);
    }
}

impl FifoTask {
    fn is_running(&self) -> bool {
        matches!(&self.state, TaskState::Read { task, .. } if !task.is_finished())
    }

    fn abort(&self) {
        if let TaskState::Read { task, .. } = &self.state {
            task.abort();
        }
    }

    fn leave(&self) {
        if let TaskState::Read { leave, .. } = &self.state {
            leave.cancel();
        }
    }
}

impl Fifos {
    /// None is read yet.
    pub(in crate::input) fn new(are_read: bool, outlet: Outlet, meters: Reading) -> Self {
        Self { are_read, outlet, meters, tasks: HashMap::new() }
    }

    /// Has those that were found be read, unless they are. Must be called within a runtime.
    pub(in crate::input) fn found(&mut self, fifos: Vec<FoundFifo>, encoder: &Encoder) {
        for fifo in fifos {
            self.found_one(fifo, encoder);
        }
    }

    fn found_one(&mut self, FoundFifo { path, inode, settings }: FoundFifo, encoder: &Encoder) {
        let settings = FifoSettings { encoder: *encoder, file: settings };
        let known = self.tasks.get_mut(&path).filter(|task| task.inode == inode);
        if let Some(task) = known {
            task.is_there = true;
            if let (true, TaskState::Read { lines, .. }) = (task.is_running(), &task.state) {
                lines.send_if_modified(|known| {
                    let is_news = !Arc::ptr_eq(&known.file, &settings.file);
                    if is_news {
                        *known = settings;
                    }
                    is_news
                });
                return;
            }
        }
        let state = self.start(&path, inode, settings);
        let before = self.tasks.remove(&path);
        before.iter().for_each(FifoTask::leave);
        let told = before.and_then(|task| match task.state {
            TaskState::Not(why) => Some(why),
            TaskState::Read { .. } => None,
        });
        if let TaskState::Not(why) = &state
            && told.as_ref() != Some(why)
        {
            warn!("{}: {why}", path.shown());
        }
        self.tasks.insert(path, FifoTask { inode, is_there: true, state });
    }

    fn start(&self, path: &Arc<Path>, inode: Inode, settings: FifoSettings) -> TaskState {
        if !self.are_read {
            let why = "it is a FIFO, which only a daemon reads: what is read of it is gone for all others";
            return TaskState::Not(why.to_owned());
        }
        let fifo = match Fifo::open(Arc::clone(path), inode) {
            Ok(fifo) => fifo,
            Err(error) => return TaskState::Not(unreadable(&error)),
        };
        info!(
            "{}: it is a FIFO, and read as a stream: it has no position, so what was read and not yet \
             delivered is lost when this process ends",
            path.shown()
        );
        let lines = StreamLines::new(settings.encoder, path, Arc::clone(&settings.file), inode);
        let (changes, changed) = watch::channel(settings);
        let leave = CancellationToken::new();
        let reading = FifoReading {
            stream: StreamPass::new(path.shown().to_string(), lines, self.meters.clone()),
            source: ByteSource::Fifo(fifo),
            changed,
            leave: leave.clone(),
            outlet: self.outlet.clone(),
        };
        let task = tokio::spawn(reading.run());
        TaskState::Read { lines: changes, leave, task }
    }

    /// Everything that is followed was named since this was called last: those that were not are gone, and are left
    /// once nothing more is in them.
    pub(in crate::input) fn swept(&mut self) {
        self.tasks.retain(|_, task| {
            let is_there = std::mem::take(&mut task.is_there);
            if !is_there {
                task.leave();
            }
            is_there
        });
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("it is a FIFO that cannot be read: {error}; it is tried again")
}

/// A FIFO on its way to the stage that sends.
struct FifoReading {
    stream: StreamPass,
    source: ByteSource,
    changed: watch::Receiver<FifoSettings>,
    leave: CancellationToken,
    outlet: Outlet,
}

impl FifoReading {
    async fn run(mut self) {
        self.stream.meters.files.inc();
        self.read().await;
        self.stream.meters.files.dec();
    }

    async fn read(&mut self) {
        loop {
            let Self { stream, source, changed, leave, outlet } = self;
            tokio::select! {
                biased;
                () = leave.cancelled() => {
                    self.drain().await;
                    return;
                }
                Ok(()) = changed.changed() => {
                    let FifoSettings { encoder, file } = changed.borrow_and_update().clone();
                    stream.lines.change(encoder, file);
                }
                end = stream.read_to_end(source, outlet) => match end {
                    // Others may write to it later.
                    StreamEnd::Over => {
                        let ByteSource::Fifo(fifo) = source else { return };
                        if fifo.reopen().is_err() {
                            return;
                        }
                    }
                    end => {
                        stream.tell_end(&end);
                        return;
                    }
                }
            }
        }
    }

    /// Sends what is there.
    async fn drain(&mut self) {
        let ByteSource::Fifo(fifo) = &mut self.source else { return };
        while fifo.take(&mut self.stream.lines) {
            if self.stream.pass_on(&self.outlet).await.is_err() {
                return;
            }
        }
        let _ = self.stream.finish(&self.outlet).await;
    }
}
