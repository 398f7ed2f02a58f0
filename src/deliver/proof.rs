//! What acknowledgements and advertised windows prove about how far the receiver has *read*. Pure.
//!
//! The peer's TCP acknowledges what lies in its receive buffer, read or not. What is acknowledged
//! but unread is bounded by that buffer, and the window it advertises tells the buffer's size:
//! the kernel offers between half of the buffer's room and all of it. Hence the proof by
//! **distance**: bytes are read once [`UNREAD_WINDOWS`] × the widest window of the connection (and a
//! [`MARGIN`]) more have been acknowledged beyond them: they cannot lie in the buffer any more.
//!
//! Age proves nothing. Where small segments come slowly (measured on Linux 6.18, on the loopback device
//! and with an MTU of 1,500: up to some 20 KB/s), the receiver's kernel lets the buffer grow
//! (`tcp_clamp_window`) and packs what is in it (`tcp_collapse`) instead of narrowing the window: after
//! a minute 1.2 MB lay unread behind 64 KiB. Nothing that a sender can see tells such a receiver from
//! one that reads. So what distance does not prove waits for our own close and its answer (see
//! `transport/ending`).
//!
//! The window is seen only now and then. But its right edge (acknowledged + window) never moves
//! back (RFC 9293, section 3.8.6), so between two looks it was at most as wide as at the second
//! plus what was acknowledged in between. To keep that small, the kernel is not given much that
//! it cannot send at once, and is looked at after every write of any size.
//!
//! Offsets count the bytes of one connection from its start.

/// How many of the widest windows may be acknowledged but unread. Measured on Linux: 0.5 to 1.3
/// as a rule, 1.96 for segments of 2,000 bytes and a window of 90 KB, hence the [`MARGIN`].
const UNREAD_WINDOWS: u64 = 2;
/// And this much more, which matters where windows are small.
const MARGIN: u64 = 64 << 10;
/// The window to reckon with where the kernel does not tell it (before Linux 5.4): with
/// [`UNREAD_WINDOWS`], 32 MiB, the size up to which today's Linux lets a receive buffer grow.
const UNSEEN_WINDOW: u64 = 16 << 20;
/// The proofs gathered on one connection.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    acked: u64,
    first: Option<u64>,
    /// The widest window that there may have been.
    widest: u64,
    read: u64,
}

impl Evidence {
    /// Takes an observation: `acked` bytes acknowledged, the peer's window as last advertised (not
    /// older than the acknowledgement; `None` where the kernel does not tell). Returns how many bytes
    /// are proven to be read.
    pub(super) fn observe(&mut self, acked: u64, window: Option<u32>) -> u64 {
        let newly = acked.saturating_sub(self.acked);
        let (window, peak) = match window.map(u64::from) {
            Some(window) => (window, window + newly),
            None => (UNSEEN_WINDOW, UNSEEN_WINDOW),
        };
        self.first.get_or_insert(window);
        self.widest = self.widest.max(peak);
        self.acked = self.acked.max(acked);
        self.read = self.read.max(self.acked.saturating_sub(self.most_unread()));
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1 << 10;
    const WIDE: Option<u32> = Some(64 << 10);

    #[test]
    fn two_windows_more_prove_that_bytes_were_read() {
        let mut evidence = Evidence::default();
        let closed = Some(0);
        assert_eq!(evidence.observe(0, WIDE), 0);
        assert_eq!(evidence.observe(64 * KIB, closed), 0);
        assert_eq!(evidence.observe(128 * KIB, closed), 0);
        assert_eq!(evidence.observe(128 * KIB + MARGIN, closed), 0);
        assert_eq!(evidence.observe(130 * KIB + MARGIN, closed), 2 * KIB);
        // A wider window says that more may lie unread; what is proven stays so.
        assert_eq!(evidence.observe(195 * KIB, Some(1023 << 10)), 2 * KIB);
        assert_eq!(evidence.observe(1200 * KIB, closed), 2 * KIB);
        assert_eq!(evidence.observe(4 * KIB + 2048 * KIB + MARGIN, closed), 4 * KIB);
    }

    #[test]
    fn a_window_that_opened_and_closed_between_two_looks_counts() {
        let mut evidence = Evidence::default();
        evidence.observe(0, WIDE);
        assert_eq!(evidence.observe(1024 * KIB, Some(0)), 0);
        assert_eq!(evidence.observe(2048 * KIB + MARGIN, Some(0)), 0);
    }

    #[test]
    fn where_the_window_is_hidden_32_mib_prove_it() {
        const ALL: u64 = (32 << 20) + MARGIN;
        let mut evidence = Evidence::default();
        assert_eq!(evidence.observe(ALL, None), 0);
        assert_eq!(evidence.observe(ALL + 5, None), 5);
    }

    proptest! {
        /// A receiver whose buffer grows as it reads, looked at now and then: what counts as read was
        /// read.
        #[test]
        fn nothing_unread_is_ever_taken_as_read(
            smallest in 20 * KIB..400 * KIB,
            growth in 0u64..10,
            steps in proptest::collection::vec(
                (0u64..100 * KIB, 0u64..100 * KIB, any::<bool>()), 1..200),
        ) {
            let mut evidence = Evidence::default();
            let (mut acked, mut read) = (0u64, 0u64);
            evidence.observe(0, Some(smallest as u32));
            for (arrives, is_read, looked_at) in steps {
                let buffer = smallest + read * growth;
                acked += arrives.min(buffer - (acked - read));
                // The window goes down with what is unread, by half of that at least.
                let window = buffer - (acked - read).div_ceil(2);
                if looked_at {
                    let proven = evidence.observe(acked, Some(window as u32));
                    prop_assert!(proven <= read, "{} {}", proven, read);
                }
                read += is_read.min(acked - read);
            }
        }
    }
}
