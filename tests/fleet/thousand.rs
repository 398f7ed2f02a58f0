//! A thousand shippers on one hub: the second part of `docs/fleet.md`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::geteuid;

use crate::support::peers::{Balancer, Imtcp, Peer, Rsyslogd, frames};
use crate::support::{
    Endpoint, Guarded, Report, Shipper, Site, Transport, bare_command, cost, lines, number,
    wait_until,
};

/// Lines of each before the hub is restarted.
const LINES: u64 = 20;
/// A user may have 128 instances of inotify, unless the limit is raised; so many shippers have one user.
const PER_USER: usize = 100;
/// The first of those users. They need no name.
const FIRST_USER: u32 = 31_000;
const LIMIT: Duration = Duration::from_secs(300);

/// As many as were asked for by `FLEET_SHIPPERS`; else a thousand.
fn count() -> usize {
    std::env::var("FLEET_SHIPPERS").ok().and_then(|count| count.parse().ok()).unwrap_or(1000)
}

/// Shippers, each with a log and a state of its own, one hub, and haproxy between, which passes TLS through.
struct Crowd {
    hub: Rsyslogd,
    transport: Transport,
    balancer: Balancer,
    shippers: Vec<Guarded>,
    sites: Vec<Site>,
    bare_rss: u64,
    begun: Instant,
    _program: Site,
}

impl Crowd {
    fn start(hub: Rsyslogd, transport: Transport) -> Option<Self> {
        let to = hub.endpoint(transport);
        let at = SocketAddr::new(to.host.parse().unwrap(), to.port);
        let balancer = Balancer::start([vec![at]])?;
        let front = balancer.addresses()[0];
        let to = Endpoint { host: front.ip().to_string(), port: front.port(), ..to };
        let (place, program) = shared_program(&to);
        let to = Endpoint { trust: to.trust.is_some().then(|| place.path("authority.pem")), ..to };
        let sites: Vec<_> = (0..count()).map(|_| Site::new()).collect();
        let bare_rss = cost::rss(hub.pid());
        let begun = Instant::now();
        let start = |(nth, site): (usize, &Site)| {
            let first = nth as u64 * LINES + 1;
            site.append("app.log", lines(first..=first + LINES - 1));
            start(&program, site, &to, FIRST_USER + (nth / PER_USER) as u32)
        };
        let shippers = sites.iter().enumerate().map(start).collect();
        Some(Self { hub, transport, balancer, shippers, sites, bare_rss, begun, _program: place })
    }

    fn pids(&self) -> impl Iterator<Item = u32> {
        self.shippers.iter().map(|shipper| shipper.0.id())
    }

    /// Each on the average.
    fn each(&self, of: impl Fn(u32) -> u64) -> u64 {
        self.pids().map(of).sum::<u64>() / self.shippers.len() as u64
    }

    fn cpu(&self) -> Duration {
        self.pids().map(cost::cpu).sum()
    }

    fn report(&self, written: u64) -> Report {
        let mut frames = frames(&self.hub);
        frames.sort_by_key(|frame| number(frame));
        Report::of(written, &frames)
    }

    fn wait_all(&self, written: u64) -> Report {
        let mut report = self.report(written);
        wait_until("all lines are there", LIMIT, || {
            sleep(Duration::from_millis(300));
            report = self.report(written);
            report.missing == 0
        });
        report
    }

    /// How many connections the hub has.
    fn connections(&self) -> usize {
        let at = self.hub.endpoint(self.transport);
        established(SocketAddr::new(at.host.parse().unwrap(), at.port))
    }

    /// Waits until all are connected to the hub again; returns how long that took, the most of them in one
    /// second, and what the hub needed of the processor for each.
    fn storm(&self) -> (Duration, usize, Duration) {
        const STEP: Duration = Duration::from_millis(100);
        let (begun, cpu) = (Instant::now(), cost::cpu(self.hub.pid()));
        let mut seen = vec![(begun, self.connections())];
        while seen.last().unwrap().1 < self.shippers.len() {
            assert!(begun.elapsed() < LIMIT, "{} of them are there", seen.last().unwrap().1);
            sleep(STEP);
            seen.push((Instant::now(), self.connections()));
        }
        let within_a_second = |at: usize| {
            let (now, there) = seen[at];
            let before = seen[..at].iter().rfind(|(then, _)| now - *then >= Duration::from_secs(1));
            there.saturating_sub(before.map_or(0, |before| before.1))
        };
        let most = (0..seen.len()).map(within_a_second).max().unwrap_or_default();
        sleep(Duration::from_secs(2));
        let each = (cost::cpu(self.hub.pid()) - cpu) / self.shippers.len() as u32;
        (seen.last().unwrap().0 - begun, most, each)
    }

    fn add_a_line_each(&self, written: &mut u64) {
        for site in &self.sites {
            *written += 1;
            site.append("app.log", lines(*written..=*written));
        }
    }
}

/// The program, and whom to trust, where all may read it. `FLEET_BINARY` is another one to be measured.
fn shared_program(to: &Endpoint) -> (Site, PathBuf) {
    let place = Site::new();
    let program = place.path("remote_syslog");
    let ours = bare_command().get_program().to_owned();
    let source = std::env::var_os("FLEET_BINARY").unwrap_or(ours);
    assert!(Command::new("cp").arg(source).arg(&program).status().unwrap().success());
    if let Some(trust) = &to.trust {
        fs::copy(trust, place.path("authority.pem")).unwrap();
    }
    assert!(
        Command::new("chmod").args(["-R", "a+rX"]).arg(place.dir()).status().unwrap().success()
    );
    (place, program)
}

fn start(program: &PathBuf, site: &Site, to: &Endpoint, user: u32) -> Guarded {
    let shipper = Shipper::new(site).follow("app.log").to(to).reading_from_start();
    let shipper = shipper.of_program(program);
    let shipper = match to.transport {
        Transport::Tls => shipper.env("REMOTE_SYSLOG_DESTINATION_SERVER_NAME", "localhost"),
        _ => shipper,
    };
    let mut command = shipper.foreground();
    command.current_dir("/").stdin(Stdio::null());
    site.make_dir("state");
    if geteuid().is_root() {
        command.uid(user).gid(user);
        for path in [".", "state", "conf.yml", "app.log"] {
            chown(site.path(path), Some(user), Some(user)).unwrap();
        }
    }
    let log = fs::File::create(site.path("log")).unwrap();
    Guarded(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

/// How many connections are established there, as `/proc/net/tcp` has it.
fn established(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else { panic!("only IPv4 is looked up") };
    let number = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{number:08X}:{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let is_one = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some("01")
    };
    table.lines().filter(is_one).count()
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn measured(name: &str, hub: Option<Rsyslogd>, transport: Transport) {
    let Some(mut crowd) = hub.and_then(|hub| Crowd::start(hub, transport)) else { return };
    let count = count() as u64;
    let mut written = count * LINES;
    let report = crowd.wait_all(written);
    println!("{name}: {count} shippers; {report}; all lines after {:.1?}", crowd.begun.elapsed());
    let hub = crowd.hub.pid();
    let used = cost::cpu(hub) / count as u32;
    println!("{name}: the hub's CPU for a first connection and {LINES} lines: {used:.1?}");
    let grown = (cost::rss(hub) - crowd.bare_rss) / count;
    println!("{name}: the hub's memory for each connection: {:.1} KB", grown as f64 / 1024.0);
    let (rss, share) = (crowd.each(cost::rss), crowd.each(cost::own_share));
    println!("{name}: a shipper's RSS {:.1} MB, its share {:.1} MB", mb(rss), mb(share));
    let (idle, own) = (cost::cpu(hub), crowd.cpu());
    const QUIET: Duration = Duration::from_secs(15);
    sleep(QUIET);
    let quiet = |cpu: Duration| cpu.as_secs_f64() / QUIET.as_secs_f64() * 100.0;
    let (idle, own) = (quiet(cost::cpu(hub) - idle), quiet(crowd.cpu() - own));
    println!("{name}: idle: the hub {idle:.2} % of a processor, all shippers {own:.2} %");
    for part in ["haproxy", "hub"] {
        for away in [Duration::from_millis(100), Duration::from_secs(20)] {
            match part {
                "hub" => crowd.hub.term(),
                _ => crowd.balancer.term(),
            }
            crowd.add_a_line_each(&mut written);
            sleep(away);
            match part {
                "hub" => crowd.hub.restart(),
                _ => crowd.balancer.restart(),
            }
            let (took, most, each) = crowd.storm();
            let report = crowd.wait_all(written);
            println!(
                "{name}: {part} away for {away:.1?}: all are back after {took:.1?}, at most {most} in a second, \
                 {each:.1?} of the hub's CPU for each; {report}"
            );
        }
    }
}

#[test]
#[ignore = "a thousand processes for some minutes; prints figures"]
fn a_thousand_shippers_and_one_hub() {
    let tls = |driver| Rsyslogd::with_tls(Imtcp { driver, auth: "anon" });
    let is_wanted = |name: &str| std::env::var("FLEET").map_or(true, |part| name.contains(&part));
    if is_wanted("tcp") {
        measured("tcp", Rsyslogd::start(), Transport::Tcp);
    }
    for driver in ["gtls", "ossl"] {
        let name = format!("tls, {driver}");
        if is_wanted(&name) {
            measured(&name, tls(driver), Transport::Tls);
        }
    }
}
