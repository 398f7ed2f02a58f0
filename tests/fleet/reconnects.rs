//! What a reconnect costs the shipper, ours and rsyslogd in the same run.

use std::thread::sleep;
use std::time::Duration;

use crate::support::peers::Forwarder;
use crate::support::{
    Endpoint, Receiver, Running, SOON, Shipper, Site, Transport, cost, lines, wait_until,
};

/// So long connections are made anew.
const SPAN: Duration = Duration::from_secs(60);
/// Seconds before that, in which it comes to its pace.
const WARMUP: u64 = 10;
/// Lines of rsyslogd, which has a connection for each.
const LINES: u64 = 300;

/// Ours: it has its connections rotated every second, the first of which are not counted.
struct Ours {
    running: Running,
    receiver: Receiver,
    site: Site,
    before: (Duration, usize),
}

impl Ours {
    fn start(receiver: Receiver) -> Self {
        let site = Site::new();
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        let mut shipper = shipper.reading_from_start().proving();
        if let Ok(binary) = std::env::var("FLEET_BINARY") {
            shipper = shipper.of_program(binary);
        }
        site.append("app.log", lines(1..=1));
        let running = shipper.start();
        Self { running, receiver, site, before: Default::default() }
    }

    fn now(&self) -> (Duration, usize) {
        (cost::cpu(self.running.pid().as_raw_nonzero().get() as u32), self.receiver.accepted())
    }

    /// For each connection.
    fn spent(&self) -> (Duration, usize) {
        let (cpu, count) = self.now();
        let made = count - self.before.1;
        ((cpu - self.before.0) / made.max(1) as u32, made)
    }
}

fn of_rsyslogd(receiver: &Receiver, driver: Option<&str>) -> Option<(Duration, usize)> {
    let site = Site::new();
    let file = site.append("app.log", lines(1..=20));
    let endpoint = receiver.endpoint();
    let to = Endpoint { host: endpoint.host.clone(), ..endpoint };
    let rsyslogd = Forwarder::start(&file, &to, driver)?;
    wait_until("it is at work", SOON, || receiver.count() >= 20);
    let (cpu, count) = (cost::cpu(rsyslogd.pid()), receiver.accepted());
    site.append("app.log", lines(21..=20 + LINES));
    wait_until("all are there", 3 * SOON, || receiver.count() as u64 >= 20 + LINES);
    let made = receiver.accepted() - count;
    Some(((cost::cpu(rsyslogd.pid()) - cpu) / made.max(1) as u32, made))
}

#[test]
#[ignore = "it takes two minutes, and prints figures"]
fn what_a_reconnect_costs() {
    let versions =
        [("TLS 1.2", vec![&rustls::version::TLS12]), ("TLS 1.3", vec![&rustls::version::TLS13])];
    let receivers =
        versions.iter().map(|(name, versions)| (*name, Receiver::tls_versions(versions)));
    let receivers = [("TCP", Receiver::tcp())].into_iter().chain(receivers);
    let mut ours: Vec<_> =
        receivers.map(|(name, receiver)| (name, Ours::start(receiver))).collect();
    for next in 2..2 + WARMUP + SPAN.as_secs() {
        for (_, ours) in &mut ours {
            if next == 2 + WARMUP {
                ours.before = ours.now();
            }
            ours.site.append("app.log", lines(next..=next));
        }
        sleep(Duration::from_secs(1));
    }
    for (name, ours) in &ours {
        let (each, made) = ours.spent();
        println!(
            "remote_syslog, {name}, resumed where it can be: {each:.1?} for each of {made} connections"
        );
    }
    drop(ours);
    for (name, versions) in [("TCP", None)]
        .into_iter()
        .chain(versions.iter().map(|(name, versions)| (*name, Some(versions))))
    {
        let drivers: &[Option<&str>] = match versions {
            None => &[None],
            Some(_) => &[Some("gtls"), Some("ossl")],
        };
        for driver in drivers {
            let receiver = match versions {
                None => Receiver::new(Transport::Tcp),
                Some(versions) => Receiver::tls_versions(versions),
            };
            let Some((each, made)) = of_rsyslogd(&receiver, *driver) else { return };
            let driver = driver.map_or(String::new(), |driver| format!(", {driver}"));
            println!("rsyslogd, {name}{driver}: {each:.1?} for each of {made} connections");
        }
    }
}
