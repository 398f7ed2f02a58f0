//! Where to send and how: one receiver, or several in order.

use std::time::Duration;

use super::relp::RelpLimits;
use super::trust::Trust;
use crate::config::value::host_with_port;
use crate::config::{Config, Destination, Protocol};
use crate::syslog::Encoder;

/// Where to send and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
    /// The way there.
    pub transport: TransportKind,
    /// How it wants its messages.
    pub encoder: Encoder,
    /// How long one attempt to connect may take, TLS handshake included.
    pub connect_timeout: Duration,
    /// How long the receiver may acknowledge nothing while there is something to acknowledge,
    /// before the connection is given up.
    pub write_timeout: Duration,
    /// How long the receiver may visibly do nothing while it has something to do.
    pub stall_limit: Duration,
    /// How long something may stay unproven before the connection is handed over to a new one.
    pub proof_interval: Duration,
    /// A middlebox is known to be between.
    pub proxied: bool,
}

/// The receivers in the order in which they are asked. All have their messages framed alike.
#[derive(Debug, Clone)]
pub struct Targets {
    first: Target,
    others: Vec<Target>,
    failback: Option<Duration>,
}

impl Targets {
    /// `first`, and `others` in their order where that takes nothing. `failback`: after how long those
    /// before the one in use are asked again; `None`: never.
    #[must_use]
    pub fn new(first: Target, others: Vec<Target>, failback: Option<Duration>) -> Self {
        Self { first, others, failback }
    }

    /// All in their order, at least one.
    pub(in crate::deliver) fn iter(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The one of that place, from 0; the first where there is none.
    pub(in crate::deliver) fn get(&self, index: usize) -> &Target {
        index.checked_sub(1).and_then(|index| self.others.get(index)).unwrap_or(&self.first)
    }

    /// After how long those before the one in use are asked again.
    pub(in crate::deliver) fn failback(&self) -> Option<Duration> {
        self.failback
    }
}

impl From<&Config> for Targets {
    fn from(config: &Config) -> Self {
        let others = config.fallbacks.iter().map(Target::from).collect();
        Self::new(Target::from(&config.destination), others, config.failback)
    }
}

impl From<Target> for Targets {
    fn from(target: Target) -> Self {
        Self::new(target, Vec::new(), None)
    }
}

/// The way to the receiver.
#[derive(Debug, Clone)]
pub enum TransportKind {
    /// One message per datagram.
    Udp,
    /// A stream.
    Tcp,
    /// A stream, verified and encrypted.
    Tls(Trust),
    /// A stream on which the receiver answers each message.
    Relp {
        /// For TLS. `None`: in plain text.
        trust: Option<Trust>,
        /// What bounds a session.
        limits: RelpLimits,
    },
}

impl Target {
    /// The receiver as people know it: `host:port`, an IPv6 address in brackets.
    pub(in crate::deliver) fn name(&self) -> String {
        host_with_port(&self.host, self.port)
    }
}

impl TransportKind {
    /// Whom to trust, where there is TLS.
    pub(in crate::deliver) fn trust(&self) -> Option<&Trust> {
        match self {
            Self::Udp | Self::Tcp => None,
            Self::Tls(trust) => Some(trust),
            Self::Relp { trust, .. } => trust.as_ref(),
        }
    }
}

impl From<&Destination> for Target {
    fn from(destination: &Destination) -> Self {
        let limits =
            RelpLimits { window: destination.relp_window, last_number: RelpLimits::LAST_NUMBER };
        Self {
            host: destination.host.clone(),
            port: destination.port,
            transport: match destination.protocol {
                Protocol::Udp => TransportKind::Udp,
                Protocol::Tcp => TransportKind::Tcp,
                Protocol::Tls => TransportKind::Tls(Trust::from(&destination.tls)),
                Protocol::Relp => TransportKind::Relp { trust: None, limits },
                Protocol::RelpTls => {
                    TransportKind::Relp { trust: Some(Trust::from(&destination.tls)), limits }
                }
            },
            encoder: encoder(destination),
            connect_timeout: destination.connect_timeout,
            write_timeout: destination.write_timeout,
            stall_limit: destination.stall_limit(),
            proof_interval: destination.proof_interval,
            proxied: destination.proxied,
        }
    }
}

/// Frames messages as a receiver of this kind wants them.
#[must_use]
pub fn encoder(destination: &Destination) -> Encoder {
    Encoder::new(destination.framing, destination.max_message).limited_by(destination.limit_key())
}
