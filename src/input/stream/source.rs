//! Where the bytes of a stream come from.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::stdin;
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::lines::StreamLines;
use crate::input::read::content::{Stat, open};
use crate::pipeline::position::Inode;
use crate::threads;

/// So much is read at once; a pipe holds no more, unless it is told to.
const PIECE: usize = 64 << 10;

/// Where bytes come from.
pub(in crate::input) enum ByteSource {
    /// A thread that reads standard input, which may be a terminal, a file, or a pipe that others share: to make it
    /// not block would make it so for them as well.
    Thread(Receiver<io::Result<Vec<u8>>>),
    /// A FIFO.
    Fifo(Fifo),
}

/// A FIFO that is read, without waiting for those who write to it.
pub(in crate::input) struct Fifo {
    path: Arc<Path>,
    inode: Inode,
    open: pipe::Receiver,
    piece: Vec<u8>,
}

impl ByteSource {
    /// Standard input.
    pub(in crate::input) fn stdin() -> Self {
        let (pieces, source) = channel(1);
        threads::start("stdin", move || read_stdin(&pieces));
        Self::Thread(source)
    }

    /// Waits for what comes next, and has `lines` take it in. Returns how much it is; 0: nobody writes any more.
    /// Nothing is lost when the waiting is given up.
    ///
    /// # Errors
    /// As read(2) has them.
    pub(in crate::input) async fn next(&mut self, lines: &mut StreamLines) -> io::Result<usize> {
        match self {
            Self::Thread(pieces) => {
                let piece = pieces.recv().await.unwrap_or_else(|| Ok(Vec::new()))?;
                lines.push(&piece);
                Ok(piece.len())
            }
            Self::Fifo(fifo) => fifo.next(lines).await,
        }
    }
}

impl Fifo {
    /// Opens the one at `path`, which is this file.
    ///
    /// # Errors
    /// It cannot be opened, or is another by now.
    pub(in crate::input) fn open(path: Arc<Path>, inode: Inode) -> io::Result<Self> {
        let open = open_same(&path, inode)?;
        Ok(Self { path, inode, open, piece: vec![0; PIECE] })
    }

    /// Waits for what comes next. 0: all who wrote to it have closed it. Others may come.
    async fn next(&mut self, lines: &mut StreamLines) -> io::Result<usize> {
        loop {
            let ready = self.open.ready(Interest::READABLE).await?;
            match self.open.try_read(&mut self.piece) {
                Ok(count) => {
                    lines.push(&self.piece[..count]);
                    return Ok(count);
                }
                Err(error) if is_passing(&error) => {
                    // Nobody had it open for a moment, and somebody has now. tokio keeps the first for as long as
                    // this is registered, so there would be no waiting any more.
                    if ready.is_read_closed() {
                        self.register_anew()?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets what was heard of it.
    fn register_anew(&mut self) -> io::Result<()> {
        let again = self.open.as_fd().try_clone_to_owned()?;
        self.open = pipe::Receiver::from_owned_fd(again)?;
        Ok(())
    }

    /// Takes what is there without waiting. Returns whether that was something.
    pub(in crate::input) fn take(&mut self, lines: &mut StreamLines) -> bool {
        let count = self.open.try_read(&mut self.piece).unwrap_or(0);
        lines.push(&self.piece[..count]);
        count > 0
    }

    /// Goes on behind an end, which the kernel shows for as long as it is open: it is opened once more. Before it is
    /// closed, for what nobody has open is thrown away.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(in crate::input) fn reopen(&mut self) -> io::Result<()> {
        self.open = open_same(&self.path, self.inode)?;
        Ok(())
    }
}

/// Nothing is there now, or a signal has come.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn open_same(path: &Path, inode: Inode) -> io::Result<pipe::Receiver> {
    let file = open(path)?;
    let stat = Stat::of(&file.metadata()?);
    if !stat.is_fifo || stat.inode != inode {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is another file now"));
    }
    pipe::Receiver::from_file(file)
}

/// Hands on what comes until the end, which is an empty piece, or an error.
fn read_stdin(pieces: &Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match rustix::io::read(stdin(), &mut piece) {
            Err(Errno::INTR) => continue,
            // Somebody who shares it has made it so.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], None);
                continue;
            }
            read => read,
        };
        let count = read.unwrap_or(0);
        piece.truncate(count);
        let sent = pieces.blocking_send(read.map(|_| piece).map_err(io::Error::from));
        if count == 0 || sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::input::FileSettings;
    use crate::syslog::{Encoder, Framing};
    use crate::text::TextRules;

    /// Writes when `limit` is over, unless it is told that nobody waits any more.
    fn rescue(mut writer: File, limit: mpsc::Receiver<()>) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || {
            if limit.recv_timeout(Duration::from_secs(5)).is_err() {
                writer.write_all(b"late\n").unwrap();
            }
        })
    }

    /// One writer goes and another comes before anybody has looked: there is nothing to read, and the thread is free
    /// for all else until there is.
    #[tokio::test]
    async fn a_writer_that_takes_the_place_of_another_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path: Arc<Path> = dir.path().join("fifo").into();
        mknodat(CWD, &*path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut fifo = Fifo::open(Arc::clone(&path), Stat::at(&path).unwrap().inode).unwrap();
        let writer = || OpenOptions::new().write(true).open(&path).unwrap();
        let encoder = Encoder::new(Framing::Newline, None);
        let settings = Arc::new(FileSettings::plain("h", TextRules::default()));
        let mut lines = StreamLines::new(encoder, &path, settings, fifo.inode);
        drop(writer());
        // The runtime hears of it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut second = writer();
        let (is_over, limit) = mpsc::channel();
        let rescued = rescue(second.try_clone().unwrap(), limit);
        let read = tokio::select! {
            biased;
            read = fifo.next(&mut lines) => Some(read.unwrap()),
            () = tokio::task::yield_now() => None,
        };
        is_over.send(()).unwrap();
        rescued.join().unwrap();
        assert_eq!(read, None, "nothing was there");
        second.write_all(b"line\n").unwrap();
        assert_eq!(fifo.next(&mut lines).await.unwrap(), 5);
    }
}
