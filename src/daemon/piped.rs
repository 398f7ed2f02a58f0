//! Shipping standard input: what came of it.

use std::process::ExitCode;

use humansize::{BINARY, format_size};
use tokio::time::Instant;
use tracing::info;

use super::once::{OnceEnd, are, counted, refused};
use crate::config::{Config, Protocol};
use crate::deliver::Outcome;
use crate::health::metrics::Meters;
use crate::service::log;

/// A run that ends with standard input.
pub(super) struct PipedRun {
    meters: Meters,
    started: Instant,
    over_udp: bool,
}

impl PipedRun {
    /// From now on.
    pub(super) fn begin(config: &Config, meters: &Meters) -> Self {
        let over_udp = config.destination.protocol == Protocol::Udp;
        Self { meters: meters.clone(), started: Instant::now(), over_udp }
    }

    /// Says what came of it; the exit code says the same. That all has arrived is said in the log, so that a job can
    /// be quiet.
    pub(super) fn verdict(&self, left: Outcome, end: OnceEnd) -> ExitCode {
        let Meters { reading, sending, .. } = &self.meters;
        let (messages, bytes) = (sending.confirmed_messages.get(), sending.confirmed_bytes.get());
        let seconds = self.started.elapsed().as_secs_f64();
        let (messages, bytes) = (counted(messages), format_size(bytes, BINARY));
        let how = if self.over_udp { "sent over UDP" } else { "confirmed" };
        let confirmed = format!("standard input: {messages} ({bytes}) {how} in {seconds:.1} s");
        if end == OnceEnd::Done && left.messages == 0 {
            if let Some(refused) = refused(&self.meters) {
                log::last_words(&format!("{confirmed}; {refused}"));
                return ExitCode::FAILURE;
            }
            info!("{confirmed}");
            // What could not be read is named above.
            return if reading.unreadable.get() > 0 {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
        let of = |gauge: i64| u64::try_from(gauge).unwrap_or(0);
        let unsent = of(reading.unread_bytes.get()) + of(reading.queued_bytes.get());
        log::last_words(&format!(
            "{confirmed}; stopped by a signal: {} not confirmed, {} read and not sent, and what was not \
             read is lost",
            are(left.messages),
            format_size(unsent, BINARY)
        ));
        ExitCode::FAILURE
    }
}
