//! The least that shipping a file can cost. Runs as a process of its own, like its rivals.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use crate::support::{Endpoint, Transport};

const PIECE: usize = 256 << 10;
const HEADER: &[u8] = b"<13>1 2026-11-24T10:20:30.123456Z host-1 access.log - - - ";
const FLAG: &str = "--as-the-floor";
/// Instead of a transport.
const FOLLOW: &str = "follow";

/// This program again, to ship `file`. `grows`: and over TCP what is appended to it.
pub fn command(file: &Path, to: &Endpoint, grows: bool) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let how = if grows { FOLLOW } else { to.transport.name() };
    command.arg(FLAG).arg(how).arg(file).arg(format!("{}:{}", to.host, to.port));
    command
}

/// In a process that is to be the floor, is it. Returns whether this is one.
pub fn run_if_floor() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(FLAG) {
        return false;
    }
    let how = arguments.next().unwrap();
    let file = PathBuf::from(arguments.next().unwrap());
    let address = arguments.next().unwrap();
    if how == Transport::Udp.name() {
        datagrams(&file, &address)
    } else if how == FOLLOW {
        follow(&file, &address)
    } else {
        stream(&file, &address)
    }
    true
}

/// Read, find newlines, copy header and line, write 256 KiB. Ends when the receiver does, so that
/// what it has cost can be asked until then.
fn stream(file: &Path, address: &str) {
    let mut file = File::open(file).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let (mut buffer, mut filled) = (vec![0; PIECE], 0);
    let mut out = Vec::with_capacity(2 * PIECE);
    loop {
        let count = file.read(&mut buffer[filled..]).unwrap();
        if count == 0 {
            break;
        }
        let end = filled + count;
        let consumed = frames(&buffer[..end], &mut out);
        buffer.copy_within(consumed..end, 0);
        filled = end - consumed;
        if out.len() >= PIECE {
            stream.write_all(&out).unwrap();
            out.clear();
        }
    }
    stream.write_all(&out).unwrap();
    let _ = stream.read(&mut [0]);
}

/// Sleep until the file's directory tells of a change, read the file, write to the socket: the system
/// calls for a line, and hardly anything between them. Ends with the receiver.
fn follow(file: &Path, address: &str) {
    let events = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&events, file.parent().unwrap(), WatchFlags::MODIFY).unwrap();
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(&events, &mut space);
    let mut file = File::open(file).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut buffer, mut out) = (vec![0; PIECE], Vec::with_capacity(2 * PIECE));
    loop {
        let count = file.read(&mut buffer).unwrap();
        frames(&buffer[..count], &mut out);
        if stream.write_all(&out).is_err() {
            return;
        }
        out.clear();
        events.next().unwrap();
    }
}

/// Appends the lines of `piece` to `out`, and returns where the last of them ends.
fn frames(piece: &[u8], out: &mut Vec<u8>) -> usize {
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', piece) {
        out.extend_from_slice(HEADER);
        out.extend_from_slice(&piece[start..=newline]);
        start = newline + 1;
    }
    start
}

/// `sendmmsg` and nothing else: the file's first messages, again and again, as many as it has
/// lines.
fn datagrams(file: &Path, address: &str) {
    let content = std::fs::read(file).unwrap();
    let mut left = memchr::memchr_iter(b'\n', &content).count();
    let mut out = Vec::new();
    frames(&content[..PIECE.min(content.len())], &mut out);
    drop(content);
    let messages: Vec<_> = out.split_inclusive(|&byte| byte == b'\n').collect();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(address).unwrap();
    while left > 0 {
        for group in messages.chunks(64) {
            let slices: Vec<_> = group.iter().map(|message| [IoSlice::new(message)]).collect();
            let mut controls: Vec<_> =
                group.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let both = slices.iter().zip(&mut controls);
            let mut headers: Vec<_> =
                both.map(|(iov, control)| MMsgHdr::new(iov, control)).collect();
            let most = left.min(headers.len());
            left -= sendmmsg(&socket, &mut headers[..most], SendFlags::empty()).unwrap();
        }
    }
    std::thread::park();
}
