//! What the kernel knows about a TCP connection, and how much of it it may hold.
#![allow(unsafe_code)]

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// What `getsockopt(TCP_INFO)` says about a connection; see `tcp_info` in `linux/tcp.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// `tcpi_state` is `TCP_CLOSE`: the connection is over, whatever is left to be sent.
    pub(crate) closed: bool,
    /// `tcpi_retransmits`: the kernel has sent something again, and nothing was acknowledged since.
    pub(crate) resending: bool,
    /// `tcpi_snd_wnd`: bytes the peer was ready to take when it last said so. Linux 5.4 and
    /// later; `None` before.
    pub(crate) send_window: Option<u32>,
    /// `tcpi_rtt`: the smoothed round trip.
    pub(crate) round_trip: Duration,
    /// `tcpi_min_rtt`: the shortest round trip of the last minutes. Linux 4.6 and later; the smoothed one before, and
    /// where none was measured.
    pub(crate) least_round_trip: Duration,
}

/// `struct tcp_info` up to the last member used here. The kernel only ever adds to its end.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawTcpInfo {
    state: u8,
    ca_state: u8,
    retransmits: u8,
    /// Members that are of no interest, up to `tcpi_rtt`.
    before: [u8; 65],
    rtt: u32,
    /// Members that are of no interest, up to `tcpi_min_rtt`.
    between: [u8; 76],
    min_rtt: u32,
    /// Members that are of no interest, up to `tcpi_snd_wnd`.
    behind: [u8; 76],
    snd_wnd: u32,
}

const _: () = assert!(offset_of!(RawTcpInfo, retransmits) == 2);
const _: () = assert!(offset_of!(RawTcpInfo, rtt) == 68);
const _: () = assert!(offset_of!(RawTcpInfo, min_rtt) == 148);
const _: () = assert!(offset_of!(RawTcpInfo, snd_wnd) == 228 && size_of::<RawTcpInfo>() == 232);

/// `TCP_CLOSE` of `net/tcp_states.h`.
const TCP_CLOSE: u8 = 7;

/// What the kernel knows about the TCP connection `socket`.
///
/// # Errors
/// When the kernel does not answer, e.g. because `socket` is no TCP socket.
pub(crate) fn tcp_info(socket: impl AsFd) -> io::Result<TcpInfo> {
    let mut raw = RawTcpInfo {
        state: 0,
        ca_state: 0,
        retransmits: 0,
        before: [0; 65],
        rtt: 0,
        between: [0; 76],
        // What it says itself where it knows none.
        min_rtt: u32::MAX,
        behind: [0; 76],
        snd_wnd: 0,
    };
    let mut length = size_of::<RawTcpInfo>() as libc::socklen_t;
    // SAFETY: the descriptor is open for the whole call (borrowed), `raw` is a plain C structure
    // of `length` bytes valid for any bit pattern, and the kernel writes at most `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut raw).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // An older kernel returns a shorter structure.
    let has_window = length as usize >= size_of::<RawTcpInfo>();
    Ok(TcpInfo {
        closed: raw.state == TCP_CLOSE,
        resending: raw.retransmits > 0,
        send_window: has_window.then_some(raw.snd_wnd),
        round_trip: Duration::from_micros(u64::from(raw.rtt)),
        least_round_trip: Duration::from_micros(u64::from(raw.min_rtt.min(raw.rtt))),
    })
}

/// Bytes that were written to the TCP connection `socket` and not yet acknowledged by the peer's
/// TCP (`SIOCOUTQ`, tcp(7)). Our own FIN counts as one until it is acknowledged.
///
/// # Errors
/// When the kernel does not answer, e.g. because `socket` is no socket.
pub(crate) fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open for the whole call (borrowed); SIOCOUTQ (the same number as
    // TIOCOUTQ) writes one int to the pointer, which is valid for that.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Lets the kernel hold at most about `bytes` of the TCP connection `socket` that it has not sent
/// yet (`TCP_NOTSENT_LOWAT`, tcp(7)).
///
/// # Errors
/// When the kernel refuses, e.g. because `socket` is no TCP socket.
pub(crate) fn limit_unsent(socket: impl AsFd, bytes: u32) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call (borrowed), and the kernel reads exactly
    // the four bytes of `bytes`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const bytes).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if result != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernel_tells_what_was_acknowledged_and_the_window() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        limit_unsent(&ours, 65_536).unwrap();
        ours.write_all(b"hello").unwrap();
        theirs.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(unacknowledged(&ours).unwrap(), 0);
        let info = tcp_info(&ours).unwrap();
        assert!(!info.closed && info.round_trip < Duration::from_secs(5), "{info:?}");
        assert!(info.least_round_trip <= info.round_trip, "{info:?}");
        assert!(!info.least_round_trip.is_zero(), "{info:?}");
        assert!(info.send_window.is_none_or(|window| window > 1000), "{info:?}");
    }

    #[test]
    fn what_is_no_tcp_connection_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert!(tcp_info(&file).is_err());
        assert!(unacknowledged(&file).is_err());
        assert!(limit_unsent(&file, 1).is_err());
    }
}
