//! What the stages count while they run, under the names that monitoring sees.
//!
//! Each stage gets the meters that it moves and knows no others. A meter is an atomic number: it
//! is moved per batch or per event, never per line. Names and units follow the conventions of
//! Prometheus (<https://prometheus.io/docs/practices/naming/>).

use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntCounter, IntCounterVec, IntGauge, Registry};

use crate::health::certificates::CertificateEnds;
use crate::health::connection::{ConnectionState, FirstReceiver};
use crate::health::loss::Losses;
use crate::health::maker::Maker;
use crate::health::reload::Reloads;

/// All of them.
#[derive(Debug, Clone)]
pub struct Meters {
    registry: Registry,
    /// Moved by [`crate::input`].
    pub reading: Reading,
    /// Moved by [`crate::deliver`].
    pub sending: Sending,
    /// Moved by [`crate::discover`].
    pub finding: Finding,
    /// Moved by [`crate::checkpoint`].
    pub saving: Saving,
    /// Moved when the configuration is loaded anew.
    pub reloads: Reloads,
}

/// Files and what is read from them.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Files that are followed.
    pub files: IntGauge,
    /// Files that match and cannot be read.
    pub unreadable: IntGauge,
    /// Bytes they are known to hold that are not read.
    pub unread_bytes: Share,
    /// Bytes read, newlines included.
    pub bytes: IntCounter,
    /// Lines read.
    pub lines: IntCounter,
    /// Lines that a pattern has dropped.
    pub excluded: IntCounter,
    /// Lines of which only the beginning was sent.
    pub cut: IntCounter,
    /// Rotations and truncations noticed.
    pub rotations: IntCounter,
    /// What is lost for good.
    pub losses: Losses,
    /// Bytes of messages that wait to be taken by [`crate::deliver`].
    pub queued_bytes: IntGauge,
}

/// Messages on their way to the receiver.
#[derive(Debug, Clone)]
pub struct Sending {
    /// What people are told of the connection.
    pub connection: ConnectionState,
    /// 1 while there is a connection, else 0.
    pub connected: IntGauge,
    /// Connections that came about.
    pub connections: IntCounter,
    /// 1 for the receiver in use, 0 for the others, by their names.
    pub in_use: prometheus::IntGaugeVec,
    /// Times that another receiver took the place of the one in use.
    pub failovers: IntCounter,
    /// Attempts and connections that failed, by `kind`.
    pub failures: IntCounterVec,
    /// When that last happened, by `kind`, in seconds since the epoch.
    pub last_failure: prometheus::IntGaugeVec,
    /// Messages handed to the kernel, repetitions included.
    pub messages: IntCounter,
    /// Their bytes, framing included and TLS not.
    pub bytes: IntCounter,
    /// Messages that went out again after a connection broke.
    pub resent_messages: IntCounter,
    /// Messages of which it is proven that the receiver has read them.
    pub confirmed_messages: IntCounter,
    /// Their bytes.
    pub confirmed_bytes: IntCounter,
    /// Bytes that are sent and not proven to be read.
    pub unproven_bytes: IntGauge,
    /// Since when the oldest of them are so, in seconds since the epoch; 0: there are none.
    pub unproven_since: IntGauge,
    /// Bytes in the ledger: sent and not confirmed, or about to be sent.
    pub unconfirmed_bytes: IntGauge,
    /// How many wait just now because `rate_limit` holds them back.
    pub rate_limited: IntGauge,
    /// For how long `rate_limit` has held somebody back.
    pub rate_limited_seconds: Counter,
    /// The same meter as [`Reading::queued_bytes`]: what is taken is subtracted.
    pub queued_bytes: IntGauge,
    /// The same counters as [`Reading::losses`].
    pub losses: Losses,
    /// Until when certificates are valid.
    pub certificates: CertificateEnds,
}

/// Directories.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Directories under watch.
    pub watched: Share,
    /// File systems with followed files that do not answer.
    pub silent: IntGauge,
    /// Times that events were lost, so that everything was looked through.
    pub overflows: IntCounter,
}

/// Positions on disk.
#[derive(Debug, Clone)]
pub struct Saving {
    /// Times that positions could not be saved.
    pub failures: IntCounter,
    /// When they were last saved, in seconds since the epoch.
    pub last_saved: IntGauge,
}

impl Meters {
    /// All at zero.
    ///
    /// # Errors
    /// Two of the same name, or a name that is none: a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let maker = Maker::new()?;
        let build = maker.gauges("build_info", "Always 1; the label tells the version.", "version");
        build?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let queued = maker.gauge("queued_bytes", "Bytes of messages that wait to be sent.")?;
        let losses = Losses::new(&maker)?;
        Ok(Self {
            reading: Reading::new(&maker, queued.clone(), losses.clone())?,
            sending: Sending::new(&maker, queued, losses)?,
            finding: Finding::new(&maker)?,
            saving: Saving::new(&maker)?,
            reloads: Reloads::new(&maker)?,
            registry: maker.registry().clone(),
        })
    }

    /// What they stand at now.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// A gauge that shows a sum. Each clone sets its own part of it, which stays when the clone goes.
#[derive(Debug)]
pub struct Share {
    sum: IntGauge,
    own: AtomicI64,
}

impl Share {
    fn of(sum: IntGauge) -> Self {
        Self { sum, own: AtomicI64::new(0) }
    }

    /// Sets the own part.
    pub fn set(&self, value: i64) {
        let before = self.own.swap(value, Ordering::Relaxed);
        self.sum.add(value - before);
    }

    /// The sum of all parts.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.sum.get()
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        Self::of(self.sum.clone())
    }
}

impl Reading {
    fn new(maker: &Maker, queued_bytes: IntGauge, losses: Losses) -> prometheus::Result<Self> {
        Ok(Self {
            files: maker.gauge("files", "Files that are followed.")?,
            unreadable: maker.gauge("unreadable_files", "Files that match and cannot be read.")?,
            unread_bytes: Share::of(
                maker.gauge("unread_bytes", "Bytes in files that are not read yet.")?,
            ),
            bytes: maker.counter("read_bytes_total", "Bytes read from files.")?,
            lines: maker.counter("read_lines_total", "Lines read from files.")?,
            excluded: maker
                .counter("excluded_lines_total", "Lines that exclude_patterns dropped.")?,
            cut: maker.counter("cut_lines_total", "Lines cut at the limit of a message.")?,
            rotations: maker.counter("rotations_total", "Rotations and truncations noticed.")?,
            losses,
            queued_bytes,
        })
    }
}

impl Sending {
    fn new(maker: &Maker, queued_bytes: IntGauge, losses: Losses) -> prometheus::Result<Self> {
        Ok(Self {
            connection: ConnectionState::default(),
            connected: maker.gauge("connected", "1 while connected to the receiver, else 0.")?,
            connections: maker.counter("connections_total", "Connections that came about.")?,
            in_use: maker.gauges(
                "receiver_in_use",
                "1 for the receiver that messages go to, 0 for the others.",
                "receiver",
            )?,
            failovers: maker.counter(
                "failovers_total",
                "Times that messages went to another receiver than before.",
            )?,
            failures: maker.counters(
                "connection_failures_total",
                "Attempts to connect and connections that failed.",
                "kind",
            )?,
            last_failure: maker.gauges(
                "last_connection_failure_timestamp_seconds",
                "When an attempt or a connection last failed.",
                "kind",
            )?,
            messages: maker.counter(
                "sent_messages_total",
                "Messages handed to the kernel, those sent again included.",
            )?,
            bytes: maker.counter(
                "sent_bytes_total",
                "Bytes of messages handed to the kernel, those sent again included.",
            )?,
            resent_messages: maker.counter(
                "resent_messages_total",
                "Messages sent again because a connection broke before they were confirmed.",
            )?,
            confirmed_messages: maker.counter(
                "confirmed_messages_total",
                "Messages that the receiver is proven to have read.",
            )?,
            confirmed_bytes: maker.counter(
                "confirmed_bytes_total",
                "Bytes of messages that the receiver is proven to have read.",
            )?,
            unproven_bytes: maker.gauge(
                "unproven_bytes",
                "Bytes of messages sent and not yet proven to have been read.",
            )?,
            unproven_since: maker.gauge(
                "oldest_unproven_timestamp_seconds",
                "When the oldest of the unproven bytes were sent; 0 when there are none.",
            )?,
            unconfirmed_bytes: maker.gauge(
                "unconfirmed_bytes",
                "Bytes of messages kept until the receiver is proven to have read them.",
            )?,
            rate_limited: maker.gauge(
                "rate_limited",
                "1 while rate_limit holds back what could be read, else 0.",
            )?,
            rate_limited_seconds: maker.seconds(
                "rate_limited_seconds_total",
                "For how long rate_limit has held back what could be read.",
            )?,
            queued_bytes,
            losses,
            certificates: CertificateEnds::new(maker)?,
        })
    }

    /// There is a connection to `receiver`, as people know it.
    pub fn reached(&self, receiver: String) {
        let turned = self.turned(1);
        self.connections.inc();
        self.connection.reached(receiver, turned);
    }

    /// These are the receivers; none is in use yet.
    pub fn may_use<'n>(&self, receivers: impl Iterator<Item = &'n str>) {
        self.in_use.reset();
        receivers.for_each(|name| self.in_use.with_label_values(&[name]).set(0));
    }

    /// Of `receivers` the one of place `at` is in use.
    pub fn uses<'n>(&self, receivers: impl Iterator<Item = &'n str>, at: usize) {
        for (index, name) in receivers.enumerate() {
            self.in_use.with_label_values(&[name]).set(i64::from(index == at));
        }
    }

    /// While that is not the first one: in whose place it is.
    pub fn stands_for(&self, first: Option<FirstReceiver>) {
        self.connection.stands_for(first);
    }

    /// There is none any more.
    pub fn left(&self) {
        let turned = self.turned(0);
        self.connection.left(turned);
    }

    /// There is a connection now, or there is none: whether that is new. One that follows another goes on with it.
    fn turned(&self, connected: i64) -> bool {
        let turned = self.connected.get() != connected;
        self.connected.set(connected);
        turned
    }

    /// An attempt to connect, or a connection, has failed; `receiver` says which, where there are several.
    pub fn failed(&self, receiver: Option<&str>, kind: &str, reason: &dyn std::fmt::Display) {
        self.connection.failed(receiver, reason);
        self.failures.with_label_values(&[kind]).inc();
        self.last_failure.with_label_values(&[kind]).set(jiff::Timestamp::now().as_second());
    }
}

impl Finding {
    fn new(maker: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            watched: Share::of(
                maker.gauge("watched_directories", "Directories that inotify watches.")?,
            ),
            silent: maker.gauge(
                "silent_mounts",
                "Mounts whose files are followed and that do not answer.",
            )?,
            overflows: maker.counter(
                "inotify_overflows_total",
                "Times that inotify lost events and everything was looked through.",
            )?,
        })
    }
}

impl Saving {
    fn new(maker: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            failures: maker.counter(
                "position_save_failures_total",
                "Times that positions could not be saved.",
            )?,
            last_saved: maker
                .gauge("last_position_save_timestamp_seconds", "When positions were last saved.")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_end_in_their_unit() {
        let meters = Meters::new().unwrap();
        meters.sending.failed(None, "dns", &"gone");
        meters.reloads.ended(None);
        for family in meters.gather() {
            let (name, kind) = (family.name(), family.get_field_type());
            assert!(name.starts_with("remote_syslog_"), "{name}");
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, kind == prometheus::proto::MetricType::COUNTER, "{name}");
        }
    }

    #[test]
    fn each_part_of_a_sum_is_set_by_itself() {
        let sum = Meters::new().unwrap().reading.unread_bytes;
        let (one, other) = (sum.clone(), sum.clone());
        one.set(5);
        other.set(2);
        one.set(3);
        assert_eq!(sum.get(), 5);
        other.set(0);
        assert_eq!(sum.get(), 3);
    }

    #[test]
    fn a_failure_is_counted_by_its_kind() {
        let meters = Meters::new().unwrap();
        meters.sending.failed(None, "dns", &"gone");
        meters.sending.failed(None, "dns", &"gone");
        meters.sending.failed(None, "tls", &"gone");
        assert_eq!(meters.sending.failures.with_label_values(&["dns"]).get(), 2);
        assert!(meters.sending.last_failure.with_label_values(&["tls"]).get() > 1_700_000_000);
    }
}
