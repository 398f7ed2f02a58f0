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
}

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
        }
    }

    /// What follows each message. It does not count against the length limit.
    #[inline]
    #[must_use]
    pub fn trailer(self) -> &'static [u8] {
        match self {
            Self::Datagram | Self::OctetCounted => b"",
            Self::Newline => b"\n",
        }
    }

    /// How many fields, each ended by a space, precede a message.
    fn leading_fields(self) -> usize {
        match self {
            Self::Datagram | Self::Newline => 0,
            Self::OctetCounted => 1,
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

    proptest! {
        #[test]
        fn what_was_framed_is_found_in_the_frame(message: Vec<u8>, kind in 0usize..3) {
            let framing = [Framing::Datagram, Framing::Newline, Framing::OctetCounted][kind];
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
