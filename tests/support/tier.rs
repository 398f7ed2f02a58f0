//! A tier of hubs: two rsyslogd behind haproxy, which write to one PostgreSQL and pass on to a second hub.

use std::fs;

use super::endpoint::{Endpoint, Transport};
use super::peers::{Balancer, Hub, Imrelp, Keeping, Peer, Postgres, Rsyslogd, frames};
use super::report::{Report, number};
use super::shipper::Shipper;
use super::site::Site;

/// Over what the tier is reached.
const OVER: [Transport; 3] = [Transport::Tcp, Transport::Tls, Transport::Relp];

/// Its parts, which run.
pub struct Tier {
    /// The first of them takes the connections while it is there.
    pub hubs: [Hub; 2],
    pub balancer: Balancer,
    pub database: Postgres,
    pub second: Rsyslogd,
    site: Site,
}

impl Tier {
    /// Starts all of it; `None` (and a word about it) when a part cannot be had.
    #[track_caller]
    pub fn start(keeping: &Keeping) -> Option<Self> {
        let (database, second) = (Postgres::start()?, Rsyslogd::with_relp(Imrelp::default())?);
        let to = second.endpoint(Transport::Relp);
        let hub = |name| Hub::start(name, keeping.clone(), &database, &to);
        let hubs = [hub("a")?, hub("b")?];
        let servers = OVER.map(|transport| hubs.each_ref().map(|hub| hub.address(transport)));
        let balancer = Balancer::start(servers.map(|servers| servers.to_vec()))?;
        let site = Site::new();
        let authorities = hubs.each_ref().map(|hub| hub.certificates().authority());
        let authorities = authorities.map(|path| fs::read_to_string(path).unwrap());
        fs::write(site.path("authorities.pem"), authorities.concat()).unwrap();
        Some(Self { hubs, balancer, database, second, site })
    }

    /// Where the balancer takes connections for it.
    pub fn endpoint(&self, transport: Transport) -> Endpoint {
        let at = OVER.iter().position(|&over| over == transport).expect("the tier is reached so");
        let address = self.balancer.addresses()[at];
        Endpoint {
            transport,
            host: address.ip().to_string(),
            port: address.port(),
            trust: (transport == Transport::Tls).then(|| self.site.path("authorities.pem")),
        }
    }

    /// A shipper to it. Its hubs are known by one name, whichever of them answers.
    pub fn shipper(&self, site: &Site, transport: Transport) -> Shipper {
        let shipper = Shipper::new(site).to(&self.endpoint(transport)).reading_from_start();
        match transport {
            Transport::Tls => shipper.env("REMOTE_SYSLOG_DESTINATION_SERVER_NAME", "localhost"),
            _ => shipper,
        }
    }

    /// What of the lines 1 to `written` is in the database.
    pub fn in_database(&self, written: u64) -> Report {
        let of_hub = |hub: &Hub| self.database.texts_of(hub.name());
        let texts = self.hubs.each_ref().map(of_hub).concat();
        let frame = |text: Vec<u8>| [b"<13>1 - - - - - - ", text.trim_ascii_start()].concat();
        report(written, texts.into_iter().map(frame).collect())
    }

    /// What of them is in the file of the second hub.
    pub fn in_second(&self, written: u64) -> Report {
        report(written, frames(&self.second))
    }
}

/// Each hub passes on what it has, so that nothing holds between theirs but what is there.
fn report(written: u64, mut frames: Vec<Vec<u8>>) -> Report {
    frames.sort_by_key(|frame| number(frame));
    Report::of(written, &frames)
}
