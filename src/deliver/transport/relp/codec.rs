//! The frames of RELP, the Reliable Event Logging Protocol (the specification is `doc/relp.html` of
//! librelp):
//!
//! ```text
//! TXNR SP COMMAND SP DATALEN [SP DATA] LF
//! ```
//!
//! Numbers are decimal, of up to nine digits. What carries a message is made where messages are framed
//! (`Framing::Relp`); here are the frames of the session itself, and those of the receiver. Pure.

/// A number and a length have so many digits at most.
const DIGITS_MAX: usize = 9;
/// A command has so many letters at most ("COMMAND = 1*32ALPHA").
const COMMAND_MAX: usize = 32;
/// No more data is taken in one frame of the receiver: answers are short, offers have some lines.
const DATA_MAX: usize = 64 << 10;
/// So much of what an answer says is kept.
const TEXT_MAX: usize = 300;

/// What is offered when a session is opened. imrelp wants to see `commands=syslog`, and nothing else.
const OFFERS: &str = concat!(
    "relp_version=0\nrelp_software=remote_syslog,",
    env!("CARGO_PKG_VERSION"),
    "\ncommands=syslog"
);

/// Opens a session as its transaction `number`.
pub(super) fn open(number: u32) -> Vec<u8> {
    format!("{number} open {} {OFFERS}\n", OFFERS.len()).into_bytes()
}

/// Closes a session as its transaction `number`. Without a blank behind the length: imrelp ends a
/// session without an answer over one.
pub(super) fn close(number: u32) -> Vec<u8> {
    format!("{number} close 0\n").into_bytes()
}

/// Writes `number` over `field` with leading zeros. It has room for every number of a transaction.
pub(super) fn stamp(mut number: u32, field: &mut [u8]) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A frame of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RelpFrame<'a> {
    /// The transaction it belongs to; 0: none.
    pub(super) number: u32,
    pub(super) command: &'a [u8],
    pub(super) data: &'a [u8],
}

/// What a receiver sends that is no RELP, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it answered with {0}, which is no RELP; check that destination.port speaks RELP")]
pub(super) struct Malformed(&'static str);

/// Finds the frames in what comes in pieces. It keeps no more than the largest frame and one piece.
#[derive(Debug, Default)]
pub(super) struct RelpParser {
    bytes: Vec<u8>,
    /// What lies before has been handed out.
    start: usize,
}

/// Where the parts of a frame lie, from its beginning.
struct FrameLayout {
    number: u32,
    command: std::ops::Range<usize>,
    data: std::ops::Range<usize>,
    end: usize,
}

impl RelpParser {
    /// The buffer to append what has come to.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..std::mem::take(&mut self.start));
        &mut self.bytes
    }

    /// The next frame, once all of it has come.
    pub(super) fn next_frame(&mut self) -> Result<Option<RelpFrame<'_>>, Malformed> {
        let rest = &self.bytes[self.start..];
        let Some(FrameLayout { number, command, data, end }) = layout(rest)? else {
            return Ok(None);
        };
        self.start += end;
        Ok(Some(RelpFrame { number, command: &rest[command], data: &rest[data] }))
    }
}

/// The first frame in `bytes`; `None` as long as its end is missing.
fn layout(bytes: &[u8]) -> Result<Option<FrameLayout>, Malformed> {
    let Some((number, after_number)) = decimal(bytes, 0, b" ")? else { return Ok(None) };
    let command_start = after_number + 1;
    let letters = bytes[command_start..].iter().take_while(|byte| byte.is_ascii_alphabetic());
    let command = command_start..command_start + letters.count();
    match bytes.get(command.end) {
        _ if command.len() > COMMAND_MAX => return Err(Malformed("an endless command")),
        None => return Ok(None),
        Some(b' ') if !command.is_empty() => {}
        Some(_) => return Err(Malformed("no command")),
    }
    let Some((length, after_length)) = decimal(bytes, command.end + 1, b" \n")? else {
        return Ok(None);
    };
    let length = length as usize;
    if length > DATA_MAX {
        return Err(Malformed("a frame of more than 64 KiB"));
    }
    let data = match bytes[after_length] {
        b'\n' if length > 0 => return Err(Malformed("a frame that lacks its data")),
        b'\n' => after_length..after_length,
        _ => after_length + 1..after_length + 1 + length,
    };
    match bytes.get(data.end) {
        None => Ok(None),
        Some(b'\n') => Ok(Some(FrameLayout { number, end: data.end + 1, command, data })),
        Some(_) => Err(Malformed("a frame that does not end where it should")),
    }
}

/// The number at `start`, and where it ends: at one of `ends`. `None` as long as that is missing.
fn decimal(bytes: &[u8], start: usize, ends: &[u8]) -> Result<Option<(u32, usize)>, Malformed> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' if at - start < DIGITS_MAX => number = number * 10 + u32::from(byte - b'0'),
            byte if at > start && ends.contains(byte) => return Ok(Some((number, at))),
            _ => return Err(Malformed("something else than a number")),
        }
    }
    Ok(None)
}

/// What an answer (`rsp`) says: its code, and the words behind it, as far as they are for people.
pub(super) fn answer(data: &[u8]) -> (u16, String) {
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let digits = line.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let code = line[..digits].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let text = &line[..line.len().min(TEXT_MAX)];
    (code, String::from_utf8_lossy(text).trim().to_owned())
}

/// The commands that the answer to `open` offers, if it says so.
pub(super) fn offered_commands(data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut offers = data.split(|&byte| byte == b'\n');
    let commands = offers.find_map(|offer| offer.strip_prefix(b"commands="))?;
    Some(commands.split(|&byte| byte == b',').collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All frames in `bytes`, which come in `pieces`, as text.
    fn parse(pieces: &[&[u8]]) -> Result<Vec<String>, Malformed> {
        let (mut parser, mut found) = (RelpParser::default(), Vec::new());
        for piece in pieces {
            parser.room().extend_from_slice(piece);
            while let Some(RelpFrame { number, command, data }) = parser.next_frame()? {
                let text = [command, b"|", data].concat();
                found.push(format!("{number}|{}", String::from_utf8_lossy(&text)));
            }
        }
        Ok(found)
    }

    #[test]
    fn answers_of_librelp_are_understood() {
        let offers =
            "200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0,http://x\ncommands=syslog";
        let open = format!("1 rsp {} {offers}\n", offers.len());
        let bytes = [open.as_bytes(), b"2 rsp 6 200 OK\n0 serverclose 0\n"].concat();
        let expected = [format!("1|rsp|{offers}"), "2|rsp|200 OK".into(), "0|serverclose|".into()];
        assert_eq!(parse(&[&bytes]).unwrap(), expected);
        assert_eq!(answer(offers.as_bytes()), (200, "200 OK".to_owned()));
        assert_eq!(offered_commands(offers.as_bytes()), Some(vec![&b"syslog"[..]]));
        assert_eq!(offered_commands(b"200 OK"), None);
        assert_eq!(answer(b"500 no such thing\nx").1, "500 no such thing");
        assert_eq!([&b""[..], b"OK", b"99"].map(|data| answer(data).0), [0, 0, 99]);
    }

    #[test]
    fn what_is_no_relp_is_recognised_early() {
        for bytes in [
            &b"220 smtp.example ESMTP\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01\x00\x02\x02\x0a",
            b"1234567890 rsp 0\n",
            b"1  rsp 0\n",
            b" 1 rsp 0\n",
            b"1 rsp 6 200 OKx\n",
            b"1 rsp 6\n",
            b"1 rsp 999999 ",
            b"-1 rsp 0\n",
            &[b"1 ".as_slice(), &[b'r'; 60]].concat(),
        ] {
            assert!(parse(&[bytes]).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn numbers_have_nine_digits() {
        let mut field = *b"000000000 syslog";
        stamp(42, &mut field[..9]);
        assert_eq!(&field, b"000000042 syslog");
        stamp(999_999_999, &mut field[..9]);
        assert_eq!(&field[..10], b"999999999 ");
    }

    #[test]
    fn our_own_frames_are_frames() {
        let bytes = [open(1), close(2)].concat();
        let found = parse(&[&bytes]).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("1|open|relp_version=0\nrelp_software=remote_syslog,"));
        assert_eq!(found[1], "2|close|");
    }

    proptest! {
        #[test]
        fn frames_are_found_however_they_come(
            frames in proptest::collection::vec((0u32..1_000_000_000, "[a-z]{1,32}", "[ -~\n]{0,40}"), 1..20),
            cuts in proptest::collection::vec(1usize..9, 1..40),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (number, command, data) in &frames {
                let blank = if data.is_empty() { "" } else { " " };
                bytes.extend(format!("{number} {command} {}{blank}{data}\n", data.len()).bytes());
                expected.push(format!("{number}|{command}|{data}"));
            }
            let mut pieces = Vec::new();
            let (mut rest, mut sizes) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(parse(&pieces).unwrap(), expected);
        }

        #[test]
        fn nothing_makes_it_panic_or_keep_more_than_a_frame(
            pieces in proptest::collection::vec("[0-9a-z \n]{0,30}", 0..30),
        ) {
            let mut parser = RelpParser::default();
            for piece in &pieces {
                parser.room().extend_from_slice(piece.as_bytes());
                loop {
                    match parser.next_frame() {
                        Ok(Some(frame)) => prop_assert!(frame.data.len() <= DATA_MAX),
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                let most = DATA_MAX + 2 * DIGITS_MAX + COMMAND_MAX + 4;
                prop_assert!(parser.bytes.len() - parser.start <= most);
            }
        }
    }
}
