//! Where to send and how.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::trust::Trust;
use crate::config::{Destination, Protocol};
use crate::syslog::{Encoder, Framing};

/// Where to send and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
    /// The way there.
    pub transport: Transport,
    /// How it wants its messages.
    pub encoder: Encoder,
    /// How long one attempt to connect may take, TLS handshake included.
    pub connect_timeout: Duration,
    /// How long the receiver may acknowledge nothing while there is something to acknowledge,
    /// before the connection is given up.
    pub write_timeout: Duration,
}

/// The way to the receiver.
#[derive(Debug, Clone)]
pub enum Transport {
    /// One message per datagram.
    Udp,
    /// A stream.
    Tcp,
    /// A stream, verified and encrypted.
    Tls(Trust),
}

impl From<&Destination> for Target {
    fn from(destination: &Destination) -> Self {
        Self {
            host: destination.host.clone(),
            port: destination.port,
            transport: match destination.protocol {
                Protocol::Udp => Transport::Udp,
                Protocol::Tcp => Transport::Tcp,
                Protocol::Tls => Transport::Tls(Trust::System),
            },
            encoder: encoder(destination),
            connect_timeout: destination.connect_timeout,
            write_timeout: destination.write_timeout,
        }
    }
}

/// Frames messages as a receiver of this kind wants them.
#[must_use]
pub fn encoder(destination: &Destination) -> Encoder {
    let framing = match destination.protocol {
        Protocol::Udp => Framing::Datagram,
        Protocol::Tcp | Protocol::Tls => Framing::Newline,
    };
    Encoder::new(framing, destination.max_message)
}

/// What comes of `opening`; `None` when it is time to leave, or there is another target.
pub(in crate::deliver) async fn unless_called<T>(
    leave: &CancellationToken,
    targets: &mut watch::Receiver<Target>,
    is_moving: &mut bool,
    opening: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        () = leave.cancelled() => None,
        () = changed(targets) => {
            *is_moving = true;
            None
        }
        opened = opening => Some(opened),
    }
}

/// Waits for another target, for ever where none can come.
pub(in crate::deliver) async fn changed(targets: &mut watch::Receiver<Target>) {
    if targets.changed().await.is_err() {
        std::future::pending().await
    }
}
