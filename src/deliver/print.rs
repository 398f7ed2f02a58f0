//! Messages to standard output instead of a receiver.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};

use tracing::error;

use super::{Links, Outcome};
use crate::config::Destination;
use crate::health::metrics::Sending;
use crate::shown::escaped;
use crate::syslog::{Encoder, Framing};
use crate::threads;

/// Makes the messages that a receiver would get, each on a line of its own.
#[must_use]
pub fn printing_encoder(destination: &Destination) -> Encoder {
    let encoder = Encoder::new(Framing::Newline, destination.max_message);
    encoder.limited_by(destination.limit_key())
}

/// Prints batches until their channel closes, nobody reads them any more, or told to leave. What
/// is printed counts as arrived.
pub async fn print(links: Links, meters: Sending) -> Outcome {
    let Links { mut batches, updates, spare, leave, beat, .. } = links;
    loop {
        let batch = tokio::select! {
            biased;
            batch = beat.during(batches.recv()) => batch,
            () = leave.cancelled() => None,
        };
        let Some(batch) = batch else { break };
        meters.queued_bytes.sub(batch.bytes.len() as i64);
        let printing = threads::run("print", move || {
            let mut stdout = io::stdout().lock();
            let written = match stdout.is_terminal() {
                true => stdout.write_all(for_terminal(&batch.bytes).as_bytes()),
                false => stdout.write_all(&batch.bytes),
            };
            (written.and_then(|()| stdout.flush()), batch)
        });
        let printed = tokio::select! {
            printed = beat.during(printing) => printed,
            // Whoever reads the pipe may have stopped doing so.
            () = leave.cancelled() => break,
        };
        let Ok((written, mut batch)) = printed else { break };
        if let Err(error) = written {
            // The reader of a pipe has seen enough.
            if error.kind() != ErrorKind::BrokenPipe {
                error!("cannot write to standard output: {error}");
            }
            break;
        }
        meters.messages.inc_by(batch.len() as u64);
        meters.bytes.inc_by(batch.bytes.len() as u64);
        meters.confirmed_messages.inc_by(batch.len() as u64);
        meters.confirmed_bytes.inc_by(batch.bytes.len() as u64);
        let reached = batch.marks.drain(..).map(|mark| mark.update).collect();
        if updates.send(reached).await.is_err() {
            break;
        }
        let _ = spare.try_send(batch);
    }
    Outcome::default()
}

/// Messages as a terminal may have them. What is in a log steers it as little as the name of one; only
/// to a file or a pipe go the very bytes.
fn for_terminal(messages: &[u8]) -> String {
    let mut out = String::with_capacity(messages.len());
    for chunk in messages.utf8_chunks() {
        // Writing to a string does not fail.
        for c in chunk.valid().chars() {
            let _ = if matches!(c, '\n' | '\t') { out.write_char(c) } else { escaped(c, &mut out) };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let shown = for_terminal(b"<13>1 a\tb\n\x1b[2J\xff \xc2\x9b \xc3\xa9\r\n");
        assert_eq!(shown, "<13>1 a\tb\n\\x1b[2J\\xff \\u009b \u{e9}\\r\n");
    }
}
