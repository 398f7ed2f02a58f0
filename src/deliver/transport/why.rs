//! Why a transport has ended, in the words of the log and of the meters.

use std::fmt;
use std::io;
use std::time::Duration;

use super::connect::ConnectError;

/// Why a transport has ended.
#[derive(Debug)]
pub(in crate::deliver) enum Why {
    /// The receiver has closed it.
    Closed,
    /// The receiver has closed it so soon that it proves nothing, or a proxy has.
    Unproven { after: Duration, over_tls: bool, proxied: bool },
    /// It was closed before anything was sent on it.
    Unused { over_tls: bool },
    /// The receiver has closed it, and its kernel threw messages away.
    Unread,
    /// The receiver said that it closes over TLS, and may have thrown away what came meanwhile.
    Farewell,
    /// The receiver has answered our close too late for that to prove anything.
    LateAnswer(Duration),
    /// The receiver does not close it, though we have.
    NotClosing,
    /// The receiver has refused a message, in these words. It is sent again.
    Rejected(String),
    /// What the receiver says is none of the protocol: what it said.
    Misspoken(String),
    /// We ended it, to begin another.
    Renewed,
    /// The receiver acknowledged nothing for so long.
    TimedOut(Duration),
    /// It broke.
    Broken(io::Error),
    /// The network says that nobody is there.
    Unreachable(ConnectError),
}

impl Why {
    /// In one word, for the meters.
    pub(in crate::deliver) fn kind(&self) -> &'static str {
        match self {
            Self::Closed | Self::Farewell | Self::Unproven { .. } | Self::Unused { .. } => "closed",
            Self::NotClosing | Self::LateAnswer(_) => "not_closing",
            Self::Renewed => "renewed",
            Self::Rejected(_) => "rejected",
            Self::TimedOut(_) => "stalled",
            Self::Unread => "reset",
            Self::Broken(error) if error.kind() == io::ErrorKind::ConnectionReset => "reset",
            Self::Broken(_) | Self::Misspoken(_) => "broken",
            Self::Unreachable(error) => error.kind(),
        }
    }

    /// The same as it is shown, without what it may mean.
    pub(in crate::deliver) fn brief(&self) -> String {
        match self {
            Self::Unproven { after, proxied: false, .. } => closed_after(*after),
            Self::Unused { .. } => "closed by the receiver before anything was sent".to_owned(),
            Self::Unreachable(error) => error.brief(),
            why => why.to_string(),
        }
    }

    /// The other side has ended it, and not as an answer.
    pub(in crate::deliver) fn is_theirs(&self) -> bool {
        match self {
            Self::Closed
            | Self::Unproven { .. }
            | Self::Unused { .. }
            | Self::Unread
            | Self::Farewell => true,
            Self::Broken(error) => error.kind() == io::ErrorKind::ConnectionReset,
            _ => false,
        }
    }

    /// Something is wrong with the receiver, or with the way there, which is worth a warning.
    pub(in crate::deliver) fn is_suspicious(&self) -> bool {
        matches!(self, Self::Unproven { proxied: false, .. } | Self::Unused { .. })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the receiver"),
            Self::Unproven { proxied: true, .. } => f.write_str(
                "closed from there, which proves nothing behind a proxy (destination.proxied)",
            ),
            Self::Unproven { after, over_tls, .. } => unproven(f, *after, *over_tls),
            Self::Unused { over_tls } => {
                f.write_str(
                    "closed by the receiver before anything was sent; a proxy does that when the server \
                     behind it does not run",
                )?;
                // Over TLS 1.3 a client is judged when it takes its handshake for done.
                f.write_str(if *over_tls { NO_CERTIFICATE } else { "" })
            }
            Self::Unread => f.write_str("closed by the receiver with messages unread"),
            Self::Farewell => f.write_str(
                "closed by the receiver, whose TLS library may have thrown away what was under way",
            ),
            Self::LateAnswer(after) => write!(
                f,
                "the receiver took {} ms to close it, so that nobody knows what it has read",
                after.as_millis()
            ),
            Self::Renewed => f.write_str("it is renewed"),
            Self::Rejected(answer) => {
                write!(f, "the receiver has refused a message ({answer:?}), which is sent again")
            }
            Self::Misspoken(what) => f.write_str(what),
            Self::NotClosing => f.write_str("the receiver does not close it"),
            Self::TimedOut(after) => {
                write!(f, "nothing was acknowledged for {} s (write_timeout)", after.as_secs())
            }
            Self::Broken(error) => error.fmt(f),
            Self::Unreachable(error) => error.fmt(f),
        }
    }
}

/// What some do who are shown no certificate, or one that they do not trust.
const NO_CERTIFICATE: &str = ", and so does a receiver that wants a certificate of ours that it trusts (destination.cert_file)";

/// Whoever expects another protocol closes before a connection has been in use for so long.
const HASTY: Duration = Duration::from_secs(5);

fn closed_after(after: Duration) -> String {
    match after.as_secs() {
        0 => "closed by the receiver right after the first messages".to_owned(),
        seconds => format!("closed by the receiver {seconds} s after the first message"),
    }
}

/// An end from which nothing follows, and what the receiver may be.
fn unproven(f: &mut fmt::Formatter<'_>, after: Duration, over_tls: bool) -> fmt::Result {
    write!(f, "{}, so that they do not count as delivered; it may ", closed_after(after))?;
    if after >= HASTY {
        return f.write_str("have been stopped, or be a proxy whose server does not run");
    }
    let expects = match over_tls {
        true => {
            "octet counting (destination.framing) or RELP (destination.protocol), or want a certificate \
             of ours that it trusts (destination.cert_file)"
        }
        false => "TLS or RELP (destination.protocol), or octet counting (destination.framing)",
    };
    write!(f, "be a proxy whose server does not run, or expect {expects}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_is_guessed_where_the_connection_was_short_and_not_where_it_is_brief() {
        let unproven = |seconds| Why::Unproven {
            after: Duration::from_secs(seconds),
            over_tls: false,
            proxied: false,
        };
        for (seconds, guesses) in [(0, true), (4, true), (24, false)] {
            let (whole, brief) = (unproven(seconds).to_string(), unproven(seconds).brief());
            assert_eq!(whole.contains("destination.protocol"), guesses, "{whole}");
            assert!(whole.contains("a proxy whose server does not run"), "{whole}");
            assert!(whole.starts_with(&brief) && brief.len() < 60, "{brief}");
        }
        assert_eq!(Why::Closed.brief(), Why::Closed.to_string());
    }
}
