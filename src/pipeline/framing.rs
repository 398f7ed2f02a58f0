//! What surrounds a message on its way, so that the receiver knows where it ends. Pure.

/// What surrounds a message.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One message per datagram, nothing around it (RFC 5426, section 3.1).
    Datagram,
    #[default]
    /// A line feed after each message (RFC 6587, section 3.4.2, "non-transparent framing").
    Newline,
    /// The message's length in bytes and a space before it (RFC 6587, section 3.4.1; RFC 5425,
    /// section 4.3, `MSG-LEN SP SYSLOG-MSG`). Nothing follows it.
    OctetCounted,
    /// A frame of RELP, `TXNR SP "syslog" SP DATALEN SP DATA LF`. The number of the transaction is
    /// written over its zeros when the message is sent, as it counts within one session. A number may
    /// have leading zeros (`1*9DIGIT`).
    Relp,
}

/// The number of a transaction takes so many bytes at the beginning of a frame of RELP.
pub const RELP_NUMBER: usize = 9;

impl Framing {
    /// Appends what precedes a message of `length` bytes to `out`. It does not count against the
    /// length limit.
    #[inline]
    pub fn begin(self, length: usize, out: &mut Vec<u8>) {
        match self {
            Self::Datagram | Self::Newline => {}
            Self::OctetCounted => {
                push_decimal(length, out);
                out.push(b' ');
            }
            Self::Relp => {
                out.extend_from_slice(b"000000000 syslog ");
                push_decimal(length, out);
                out.push(b' ');
            }
        }
    }

    /// Whether a newline within a message does not end it: its length is told.
    #[must_use]
    pub fn keeps_newlines(self) -> bool {
        matches!(self, Self::OctetCounted | Self::Relp)
    }

    /// What follows each message. It does not count against the length limit.
    #[inline]
    #[must_use]
    pub fn trailer(self) -> &'static [u8] {
        match self {
            Self::Datagram | Self::OctetCounted => b"",
            Self::Newline | Self::Relp => b"\n",
        }
    }

    /// How many fields, each ended by a space, precede a message.
    fn leading_fields(self) -> usize {
        match self {
            Self::Datagram | Self::Newline => 0,
            Self::OctetCounted => 1,
            Self::Relp => 3,
        }
    }

    /// The message in `frame`, which has this framing.
    #[must_use]
    pub fn message(self, frame: &[u8]) -> &[u8] {
        let framed = &frame[..frame.len() - self.trailer().len()];
        match self.leading_fields() {
            0 => framed,
            fields => framed.splitn(fields + 1, |&byte| byte == b' ').last().unwrap_or_default(),
        }
    }
}

/// Appends `number` without leading zeros.
fn push_decimal(number: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut rest, mut first) = (number, digits.len());
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(framing: Framing, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        framing.begin(message.len(), &mut out);
        [&out, message, framing.trailer()].concat()
    }

    #[test]
    fn a_message_is_counted_in_bytes() {
        assert_eq!(frame(Framing::OctetCounted, "<13>1 é".as_bytes()), "8 <13>1 é".as_bytes());
        assert_eq!(frame(Framing::OctetCounted, b""), b"0 ");
        assert_eq!(frame(Framing::OctetCounted, &[b'x'; 1000])[..6], *b"1000 x");
    }

    #[test]
    fn a_frame_of_relp_has_room_for_its_number() {
        let made = frame(Framing::Relp, b"<13>1 a b");
        assert_eq!(made, b"000000000 syslog 9 <13>1 a b\n");
        assert!(made[..RELP_NUMBER].iter().all(|&byte| byte == b'0') && made[RELP_NUMBER] == b' ');
    }

    proptest! {
        #[test]
        fn what_was_framed_is_found_in_the_frame(message: Vec<u8>, kind in 0usize..4) {
            use Framing::{Datagram, Newline, OctetCounted, Relp};
            let framing = [Datagram, Newline, OctetCounted, Relp][kind];
            let framed = frame(framing, &message);
            prop_assert_eq!(framing.message(&framed), &message[..]);
        }

        #[test]
        fn numbers_are_decimal(number: usize) {
            let mut out = Vec::new();
            push_decimal(number, &mut out);
            prop_assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
