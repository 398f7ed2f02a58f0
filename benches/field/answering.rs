//! The sink for RELP: each message is answered as soon as it is read, and all that one read has brought
//! with one write. imrelp writes each answer by itself, and would be what is measured.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::sink::{READ, Seen, is_timeout};

/// Where the parts of a frame lie.
struct Frame {
    number: usize,
    command: (usize, usize),
    data: usize,
    end: usize,
}

/// Answers one connection to its end.
pub fn answer(mut stream: TcpStream, seen: &Seen) {
    let mut buffer = Vec::with_capacity(2 * READ);
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    let mut piece = vec![0; READ];
    while !seen.is_gone() {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
            Err(error) if is_timeout(&error) => continue,
            Err(_) => return,
        }
        let mut start = 0;
        while let Some(frame) = first(&buffer[start..]) {
            let bytes = &buffer[start..start + frame.end];
            // A number may have leading zeros.
            let number = &bytes[..frame.number];
            let zeros = number.iter().take_while(|&&byte| byte == b'0').count();
            answers.extend_from_slice(&number[zeros..]);
            match &bytes[frame.command.0..frame.command.1] {
                b"syslog" => {
                    messages.extend_from_slice(bytes[frame.data..].trim_ascii_end());
                    messages.push(b'\n');
                    answers.extend_from_slice(b" rsp 6 200 OK\n");
                }
                b"open" => {
                    let offers = "200 OK\nrelp_version=0\nrelp_software=sink\ncommands=syslog";
                    answers
                        .extend_from_slice(format!(" rsp {} {offers}\n", offers.len()).as_bytes());
                }
                _ => answers.extend_from_slice(b" rsp 0\n0 serverclose 0\n"),
            }
            start += frame.end;
        }
        buffer.drain(..start);
        if !messages.is_empty() {
            seen.take(0, &messages);
            messages.clear();
        }
        if stream.write_all(&answers).is_err() {
            return;
        }
        answers.clear();
    }
}

/// The first frame in `bytes`, if all of it is there.
fn first(bytes: &[u8]) -> Option<Frame> {
    let number = memchr::memchr(b' ', bytes)?;
    let command = number + 1 + memchr::memchr(b' ', &bytes[number + 1..])?;
    let rest = &bytes[command + 1..];
    let length = memchr::memchr2(b' ', b'\n', rest)?;
    let size: usize = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
    let data = command + 1 + length + usize::from(size > 0);
    let end = data + size + 1;
    (end <= bytes.len()).then_some(Frame { number, command: (number + 1, command), data, end })
}
