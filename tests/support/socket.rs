//! A socket that can leave what was read from it to the kernel until it is recorded.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The socket of a connection. With `records_first`, bytes are only looked at, and taken from the
/// kernel with the next read, when they have been written to the journal: a receiver that is
/// killed between the two leaves them unread, as far as its kernel and its peer know.
pub struct Socket {
    stream: TcpStream,
    records_first: bool,
    peeked: usize,
    /// So many bytes a second are read, at most.
    pace: Option<usize>,
}

/// One that is to be slow reads so often.
const TURN: Duration = Duration::from_millis(100);

impl Socket {
    /// See [`Socket`].
    pub fn new(stream: TcpStream, records_first: bool, pace: Option<usize>) -> Self {
        Self { stream, records_first, peeked: 0, pace }
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes from the kernel what was looked at: it is recorded by now.
    pub fn take_peeked(&mut self) -> io::Result<()> {
        let mut taken = [0; 64 * 1024];
        while self.peeked > 0 {
            let count = self.peeked.min(taken.len());
            self.peeked -= self.stream.read(&mut taken[..count])?;
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.records_first {
            return self.stream.read(buffer);
        }
        self.take_peeked()?;
        let most = match self.pace {
            Some(pace) => {
                std::thread::sleep(TURN);
                buffer.len().min(pace / 10)
            }
            None => buffer.len(),
        };
        self.peeked = self.stream.peek(&mut buffer[..most])?;
        Ok(self.peeked)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
