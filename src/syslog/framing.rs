//! How messages are told apart on the wire.

/// What surrounds a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One message per datagram, nothing around it (RFC 5426, section 3.1).
    Datagram,
    /// A line feed after each message (RFC 6587, section 3.4.2, "non-transparent framing").
    Newline,
}

impl Framing {
    /// What follows each message. It does not count against the length limit.
    #[must_use]
    pub fn trailer(self) -> &'static [u8] {
        match self {
            Self::Datagram => b"",
            Self::Newline => b"\n",
        }
    }
}
