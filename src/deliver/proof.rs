//! What acknowledgements and advertised windows prove about how far the receiver has *read*.
//! Pure: knows no clock but the instants handed in.
//!
//! The peer's TCP acknowledges what lies in its receive buffer, read or not. What is acknowledged
//! but unread is bounded by that buffer, and the window it advertises tells the buffer's size:
//! the kernel offers between half of the buffer's room and all of it. Hence two proofs:
//!
//! - **Distance.** Bytes are read once [`UNREAD_WINDOWS`] × the widest window of the connection
//!   (and a [`MARGIN`]) more have been acknowledged beyond them: they cannot lie in the buffer any more.
//! - **Age.** Bytes are taken as read once they have been acknowledged for [`AGE`] and the peer
//!   has been heard again, at least [`LATER`] after that acknowledgement, with a window back at
//!   about the widest one seen. A quiet peer is probed for that. A window that stays narrower by `n` bytes may stand for up to 2 × `n` unread bytes; those are held back.
//!
//! Neither holds for a trickle to a receiver that hangs. Where small segments come slowly (measured on
//! Linux 6.18, on the loopback device and with an MTU of 1,500: up to some 20 KB/s), its kernel lets the
//! buffer grow (`tcp_clamp_window`) and packs what is in it (`tcp_collapse`) instead of narrowing the
//! window: after a minute 1.2 MB lay unread behind 64 KiB. Nothing that a sender can see tells it from
//! a receiver that reads; only its FIN would. So one that hangs for more than ten seconds under a
//! trickle, and is then killed, takes with it what is older than that.
//!
//! The window is seen only now and then. But its right edge (acknowledged + window) never moves
//! back (RFC 9293, section 3.8.6), so between two looks it was at most as wide as at the second
//! plus what was acknowledged in between. To keep that small, the kernel is not given much that
//! it cannot send at once, and is looked at after every write of any size.
//!
//! Offsets count the bytes of one connection from its start.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many of the widest windows may be acknowledged but unread. Measured on Linux: 0.5 to 1.3
/// as a rule, 1.96 for segments of 2,000 bytes and a window of 90 KB, hence the [`MARGIN`].
const UNREAD_WINDOWS: u64 = 2;
/// And this much more, which matters where windows are small.
const MARGIN: u64 = 64 << 10;
/// The window to reckon with where the kernel does not tell it (before Linux 5.4): with
/// [`UNREAD_WINDOWS`], 32 MiB, the size up to which today's Linux lets a receive buffer grow.
const UNSEEN_WINDOW: u64 = 16 << 20;
/// How long bytes must have been acknowledged before a wide window vouches for them.
pub(super) const AGE: Duration = Duration::from_secs(10);
/// How much later the peer must be heard again.
const LATER: Duration = Duration::from_secs(3);
/// Acknowledgements closer together than this share a sample: 40 of them span [`AGE`].
const SAMPLE: Duration = Duration::from_millis(250);

/// Bytes by which a window may be narrower than the widest one and still count as that.
///
/// Windows are rounded to the scale of the connection (2^7 to 2^10 bytes with Linux's default
/// limits, more with larger ones). A peer that has read everything does not say so unless its
/// window at least doubles, hence the probes (see [`Evidence::is_in_doubt`]); asked, it was
/// measured to come back to the very same width.
fn tolerance(widest: u64) -> u64 {
    (widest / 32).max(4 << 10)
}

/// The proofs gathered on one connection.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    acked: u64,
    first: Option<u64>,
    /// The widest window seen.
    seen: u64,
    /// The widest that it may have been.
    widest: u64,
    read: u64,
    samples: VecDeque<Sample>,
}

/// What the peer last advertised.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    /// Its window; `None`: the kernel does not tell.
    pub(super) bytes: Option<u32>,
    /// How long ago it was last heard of.
    pub(super) silence: Duration,
}

/// "By `at`, everything before `acked` had been acknowledged."
#[derive(Debug)]
struct Sample {
    opened: Instant,
    at: Instant,
    acked: u64,
    /// The least by which the window was narrower than the widest, [`LATER`] than `at`;
    /// `u64::MAX`: the peer has not been heard since.
    narrowed: u64,
}

impl Evidence {
    /// Takes an observation: `acked` bytes acknowledged, the peer's window as last advertised
    /// (`told`, not older than the acknowledgement). Returns how many bytes are proven to be read.
    pub(super) fn observe(&mut self, acked: u64, told: Window, now: Instant) -> u64 {
        let newly = acked.saturating_sub(self.acked);
        let (window, peak) = match told.bytes.map(u64::from) {
            Some(window) => (window, window + newly),
            None => (UNSEEN_WINDOW, UNSEEN_WINDOW),
        };
        self.first.get_or_insert(window);
        self.seen = self.seen.max(window);
        self.widest = self.widest.max(peak);
        let narrowed = self.seen - window;
        let heard = |sample: &&mut Sample| now >= sample.at + LATER + told.silence;
        for sample in self.samples.iter_mut().take_while(heard) {
            sample.narrowed = sample.narrowed.min(narrowed);
        }
        if acked > self.acked {
            self.acked = acked;
            self.note(now);
        }
        let by_distance = self.acked.saturating_sub(self.most_unread());
        self.read = self.read.max(by_distance).max(self.by_age(now));
        self.read
    }

    /// How many bytes may be acknowledged and unread.
    fn most_unread(&self) -> u64 {
        UNREAD_WINDOWS * self.widest + MARGIN
    }

    /// More was acknowledged than fits in the buffer of a receiver that never read: buffers grow
    /// for those who read.
    pub(super) fn shows_reading(&self) -> bool {
        self.first.is_some_and(|first| self.acked > UNREAD_WINDOWS * first)
    }

    /// Age alone will prove nothing: the peer has not been heard, or its window is narrower than
    /// it was. Either something is unread, or it has not told that it was read: it should be
    /// asked.
    pub(super) fn is_in_doubt(&self) -> bool {
        let tolerance = tolerance(self.seen);
        self.samples.front().is_some_and(|sample| sample.narrowed > tolerance)
    }

    fn note(&mut self, now: Instant) {
        let (acked, narrowed) = (self.acked, u64::MAX);
        match self.samples.back_mut() {
            Some(last) if now.saturating_duration_since(last.opened) < SAMPLE => {
                *last = Sample { opened: last.opened, at: now, acked, narrowed };
            }
            _ => self.samples.push_back(Sample { opened: now, at: now, acked, narrowed }),
        }
    }

    fn by_age(&mut self, now: Instant) -> u64 {
        let is_old = |sample: &Sample| now.saturating_duration_since(sample.at) >= AGE;
        let old = self.samples.partition_point(is_old);
        let Some(newest) = old.checked_sub(1) else { return 0 };
        let tolerance = tolerance(self.seen);
        let vouched = |sample: &Sample| match sample.narrowed {
            narrowed if narrowed <= tolerance => sample.acked,
            narrowed => sample.acked.saturating_sub(narrowed.saturating_mul(UNREAD_WINDOWS)),
        };
        let read = self.samples.iter().take(old).map(vouched).max().unwrap_or(0);
        // From now on the newest of them proves at least as much as the others.
        self.samples.drain(..newest);
        if self.samples.front().is_some_and(|sample| sample.acked <= read) {
            self.samples.pop_front();
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1 << 10;
    const WIDE: Window = window(64 << 10);

    const fn window(bytes: u32) -> Window {
        Window { bytes: Some(bytes), silence: Duration::ZERO }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn two_windows_more_prove_that_bytes_were_read() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        assert_eq!(evidence.observe(0, WIDE, now), 0);
        assert_eq!(evidence.observe(64 * KIB, window(0), now), 0);
        assert_eq!(evidence.observe(128 * KIB, window(0), now), 0);
        assert_eq!(evidence.observe(128 * KIB + MARGIN, window(0), now), 0);
        assert_eq!(evidence.observe(130 * KIB + MARGIN, window(0), now), 2 * KIB);
        // A wider window says that more may lie unread; what is proven stays so.
        assert_eq!(evidence.observe(195 * KIB, window(1023 << 10), now), 2 * KIB);
        assert_eq!(evidence.observe(1200 * KIB, window(0), now), 2 * KIB);
        assert_eq!(evidence.observe(4 * KIB + 2048 * KIB + MARGIN, window(0), now), 4 * KIB);
    }

    #[test]
    fn a_window_that_opened_and_closed_between_two_looks_counts() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        assert_eq!(evidence.observe(1024 * KIB, window(0), now), 0);
        assert_eq!(evidence.observe(2048 * KIB + MARGIN, window(0), now), 0);
    }

    #[test]
    fn where_the_window_is_hidden_32_mib_prove_it() {
        const ALL: u64 = (32 << 20) + MARGIN;
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        assert_eq!(evidence.observe(ALL, Window::default(), now), 0);
        assert_eq!(evidence.observe(ALL + 5, Window::default(), now), 5);
        assert_eq!(evidence.observe(ALL + 5, Window::default(), now + AGE), ALL + 5);
    }

    #[test]
    fn ten_seconds_with_a_wide_window_prove_it() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        evidence.observe(1000, WIDE, now);
        assert_eq!(evidence.observe(1000, WIDE, now + seconds(9.9)), 0);
        assert_eq!(evidence.observe(1000, WIDE, now + seconds(10.0)), 1000);
        assert!(evidence.samples.is_empty());
    }

    #[test]
    fn a_peer_that_is_not_heard_again_proves_nothing() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        evidence.observe(1000, WIDE, now);
        for second in 1..60 {
            let silence = Duration::from_secs(second);
            let read = evidence.observe(1000, Window { silence, ..WIDE }, now + silence);
            assert!(read == 0 && evidence.is_in_doubt());
        }
        assert_eq!(evidence.observe(1000, WIDE, now + seconds(60.0)), 1000);
    }

    #[test]
    fn a_window_that_stays_narrow_holds_bytes_back() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        evidence.observe(60 * KIB, window(40 << 10), now);
        for second in 1..60 {
            let read =
                evidence.observe(60 * KIB, window(40 << 10), now + seconds(f64::from(second)));
            assert_eq!(read, if second < 10 { 0 } else { 12 * KIB });
            assert!(evidence.is_in_doubt());
        }
        assert_eq!(evidence.observe(60 * KIB, WIDE, now + seconds(60.0)), 60 * KIB);
        assert!(!evidence.is_in_doubt());
    }

    #[test]
    fn a_wide_window_vouches_for_what_was_acknowledged_before_it_only() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        evidence.observe(1000, WIDE, now);
        evidence.observe(1000, WIDE, now + seconds(4.0));
        evidence.observe(60 * KIB, window(4 << 10), now + seconds(5.0));
        let later = now + seconds(15.0);
        assert_eq!(evidence.observe(60 * KIB, window(4 << 10), later), 1000);
    }

    #[test]
    fn samples_stay_few_under_a_steady_trickle() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        evidence.observe(0, WIDE, now);
        for i in 1..20_000u32 {
            evidence.observe(u64::from(i), window(1000), now + seconds(f64::from(i) * 0.01));
            assert!(evidence.samples.len() <= 45);
        }
    }

    proptest! {
        /// A receiver whose buffer grows as it reads, looked at now and then, or always while time
        /// passes: what counts as read was read, save what the tolerance may hide.
        #[test]
        fn nothing_unread_is_ever_taken_as_read(
            smallest in 20 * KIB..400 * KIB,
            growth in 0u64..10,
            time_passes in any::<bool>(),
            steps in proptest::collection::vec(
                (0u64..100 * KIB, 0u64..100 * KIB, 0u64..3000, any::<bool>()), 1..200),
        ) {
            let (mut evidence, mut now) = (Evidence::default(), Instant::now());
            let (mut acked, mut read) = (0u64, 0u64);
            // A buffer that grows while it is never empty hides that from the age rule.
            let growth = if time_passes { 0 } else { growth };
            evidence.observe(0, window(smallest as u32), now);
            for (arrives, is_read, millis, looked_at) in steps {
                let buffer = smallest + read * growth;
                acked += arrives.min(buffer - (acked - read));
                // The window goes down with what is unread, by half of that at least.
                let window = buffer - (acked - read).div_ceil(2);
                if looked_at || time_passes {
                    let proven = evidence.observe(acked, super::tests::window(window as u32), now);
                    let hidden = time_passes && acked - read <= 2 * tolerance(buffer);
                    prop_assert!(proven <= read || hidden, "{} {}", proven, read);
                }
                read += is_read.min(acked - read);
                now += Duration::from_millis(if time_passes { millis } else { 0 });
            }
        }
    }
}
