//! Messages to standard output instead of a receiver.

use std::io::{self, ErrorKind, Write};

use tracing::error;

use super::{Links, Outcome};
use crate::config::Destination;
use crate::health::metrics::Sending;
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
            (stdout.write_all(&batch.bytes).and_then(|()| stdout.flush()), batch)
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
