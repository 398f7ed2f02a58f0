//! Where a receiver is and how to speak to it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Relp,
    RelpTls,
}

impl Transport {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Relp => "relp",
            Self::RelpTls => "relp-tls",
        }
    }
}

/// What a shipper must know to reach a receiver.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub transport: Transport,
    pub host: String,
    pub port: u16,
    /// The authority to trust, for `SSL_CERT_FILE`.
    pub trust: Option<PathBuf>,
}

/// A loopback address that no other receiver has. Nobody else listens there, so its ports stay
/// free while a receiver is away; and since connections come from 127.0.0.1, none can connect to
/// itself by chance, as it can when both ends share an address.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let high = 16 + (process % 200) as u8;
    Ipv4Addr::new(127, high, (number / 250) as u8, 1 + (number % 250) as u8).into()
}
