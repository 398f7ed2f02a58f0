//! What a reconnect costs the shipper, ours and rsyslogd in the same run.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::peers::Forwarder;
use crate::support::{Receiver, Running, Shipper, Site, Transport, cost, lines};

/// So long connections are made anew.
const SPAN: Duration = Duration::from_secs(60);
/// Seconds before that, in which it comes to its pace.
const WARMUP: u64 = 10;
/// Lines of rsyslogd, which has a connection for each.
const LINES: u64 = 300;
/// The first of them, which are not counted.
const FIRST: u64 = 20;
/// With nothing new for so long, rsyslogd has sent what it will send.
const QUIET: Duration = Duration::from_secs(15);

/// Ours, which gets a line a second.
struct Ours {
    running: Running,
    receiver: Receiver,
    site: Site,
    before: (Duration, usize),
}

impl Ours {
    /// With `is_proving` its connection is handed over every second, else it is kept.
    fn start(receiver: Receiver, is_proving: bool) -> Self {
        let site = Site::new();
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        let mut shipper = shipper.reading_from_start();
        if is_proving {
            shipper = shipper.proving();
        }
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

    /// Processor time, and connections made, since [`Self::before`].
    fn spent(&self) -> (Duration, usize) {
        let (cpu, count) = self.now();
        (cpu - self.before.0, count - self.before.1)
    }
}

/// A way to the receiver: one whose connection is handed over each second, and one that is kept, for what lines cost
/// by themselves.
struct Pair {
    name: String,
    handed_over: Ours,
    kept: Ours,
}

impl Pair {
    fn start(name: impl Into<String>, receiver: impl Fn() -> Receiver) -> Self {
        let (handed_over, kept) = (Ours::start(receiver(), true), Ours::start(receiver(), false));
        Self { name: name.into(), handed_over, kept }
    }

    fn both(&mut self) -> [&mut Ours; 2] {
        [&mut self.handed_over, &mut self.kept]
    }

    /// What one connection costs, without what the lines do.
    fn each(&self) -> Duration {
        let ((all, made), (lines, first)) = (self.handed_over.spent(), self.kept.spent());
        assert_eq!(first, 0, "{}: its connection is kept", self.name);
        let each = all.saturating_sub(lines) / made.max(1) as u32;
        println!(
            "remote_syslog, {}: {each:.1?} for each of {made} connections ({lines:.1?} of {all:.1?} is for the lines)",
            self.name
        );
        each
    }
}

/// What rsyslogd takes for a connection and a line, in words; `None` where there is no rsyslogd. It makes a connection
/// for each line; whether it loses some by that, or cannot connect, is not the matter here.
fn of_rsyslogd(receiver: &Receiver, driver: Option<&str>) -> Option<String> {
    let arrive = |wanted: u64| {
        let (mut there, mut since) = (0, Instant::now());
        while there < wanted && since.elapsed() < QUIET {
            sleep(Duration::from_millis(100));
            let now = receiver.count() as u64;
            if now != there {
                (there, since) = (now, Instant::now());
            }
        }
    };
    let site = Site::new();
    let file = site.append("app.log", lines(1..=FIRST));
    let rsyslogd = Forwarder::start(&file, &receiver.endpoint(), driver)?;
    arrive(FIRST);
    let (cpu, count, first) = (cost::cpu(rsyslogd.pid()), receiver.accepted(), receiver.count());
    if first == 0 {
        return Some("it does not connect to this receiver".to_owned());
    }
    site.append("app.log", lines(FIRST + 1..=FIRST + LINES));
    arrive(FIRST + LINES);
    let (made, arrived) = (receiver.accepted() - count, receiver.count() - first);
    let each = (cost::cpu(rsyslogd.pid()) - cpu) / made.max(1) as u32;
    Some(format!("{each:.1?} for each of {made} connections, by which {arrived} lines came"))
}

#[test]
#[ignore = "it takes some minutes, and prints figures"]
fn what_a_reconnect_costs() {
    type Versions = [&'static SupportedProtocolVersion];
    let versions: [(&str, &Versions); 2] = [("TLS 1.2", &[&TLS12]), ("TLS 1.3", &[&TLS13])];
    let mut pairs = vec![Pair::start("TCP", Receiver::tcp)];
    for (name, versions) in versions {
        pairs.push(Pair::start(format!("{name}, resumed"), || Receiver::tls_versions(versions)));
        let full = || Receiver::tls_without_resumption(versions);
        pairs.push(Pair::start(format!("{name}, never resumed"), full));
    }
    for next in 2..2 + WARMUP + SPAN.as_secs() {
        for ours in pairs.iter_mut().flat_map(Pair::both) {
            if next == 2 + WARMUP {
                ours.before = ours.now();
            }
            ours.site.append("app.log", lines(next..=next));
        }
        sleep(Duration::from_secs(1));
    }
    let each: Vec<_> = pairs.iter().map(Pair::each).collect();
    drop(pairs);
    for (at, (name, _)) in versions.into_iter().enumerate() {
        // Over TCP, the same connection costs all but the handshake.
        let of = |at: usize| each[at].saturating_sub(each[0]).as_secs_f64();
        let (resumed, full) = (of(1 + 2 * at), of(2 + 2 * at));
        println!("{name}: a handshake that is resumed takes {:.2} of a full one", resumed / full);
    }
    let none: (&str, Option<&Versions>) = ("TCP", None);
    for (name, versions) in [none].into_iter().chain(versions.map(|(name, it)| (name, Some(it)))) {
        let drivers: &[Option<&str>] = match versions {
            None => &[None],
            Some(_) => &[Some("gtls"), Some("ossl")],
        };
        for driver in drivers {
            let receiver = match versions {
                None => Receiver::new(Transport::Tcp),
                Some(versions) => Receiver::tls_versions(versions),
            };
            let Some(said) = of_rsyslogd(&receiver, *driver) else { return };
            let driver = driver.map_or(String::new(), |driver| format!(", {driver}"));
            println!("rsyslogd, {name}{driver}: {said}");
        }
    }
}
