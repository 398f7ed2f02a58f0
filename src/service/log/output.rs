//! Where lines of the log end up: a file that can be opened anew, and a terminal that may show a
//! progress bar.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags, poll};

/// The bar that standard error shows. There is one terminal, so there is one bar.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Shows `bar` below the lines of the log.
pub fn show_progress(bar: ProgressBar) {
    // A second one would not fit on the terminal.
    let _ = BAR.set(bar);
}

/// How the last line ends that a place has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    Whole,
    /// Only a part of it could be written.
    Torn,
}

/// Writes to standard error, above the progress bar if there is one.
pub(super) fn write_to_stderr(text: &[u8], end: &mut LineEnd) -> io::Result<()> {
    let mut write = || write_line(&mut io::stderr().lock(), text, end);
    match BAR.get() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Writes the line `text`, on one of its own where the one before is torn.
pub(super) fn write_line(
    out: &mut (impl Write + AsFd),
    text: &[u8],
    end: &mut LineEnd,
) -> io::Result<()> {
    if *end == LineEnd::Torn {
        write_some(out, b"\n")?;
        *end = LineEnd::Whole;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let count = write_some(out, rest)?;
        rest = &rest[count..];
        *end = if rest.is_empty() { LineEnd::Whole } else { LineEnd::Torn };
    }
    Ok(())
}

/// Writes at least a byte, if it can be, and says how many. What does not wait by itself (another program
/// may have seen to that) is waited for here.
fn write_some(out: &mut (impl Write + AsFd), bytes: &[u8]) -> io::Result<usize> {
    loop {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // An error of this one shows at the next attempt.
                let _ = poll(&mut [PollFd::new(out, PollFlags::OUT)], None);
            }
            done => return done,
        }
    }
}
