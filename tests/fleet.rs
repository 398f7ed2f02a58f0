//! A tier of hubs behind a balancer: what `docs/fleet.md` says of it.

mod reconnects;
mod thousand;

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::peers::Keeping;
use crate::support::{Numbered, Reopen, Report, Running, SOON, Site, Tier, Transport, wait_until};

/// A part of the tier that dies and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The hub in use, by TERM.
    HubStopped,
    /// The hub in use, by KILL.
    HubKilled,
    /// haproxy, its connections with it.
    Balancer,
    /// PostgreSQL, in good order and by a crash in turn.
    Database,
    /// The second hub, by TERM and KILL in turn.
    Second,
}

use Part::{Balancer, Database, HubKilled, HubStopped, Second};

const PARTS: [Part; 5] = [HubStopped, HubKilled, Balancer, Database, Second];

impl Part {
    /// Has it die for the `time`th time, and come back after `away`.
    fn dies(self, tier: &mut Tier, time: usize, away: Duration) {
        let is_even = time.is_multiple_of(2);
        // That which took over when the first one died is in use until it dies as well.
        let hub = &mut tier.hubs[time % 2];
        match self {
            HubStopped => hub.term(),
            HubKilled => hub.kill(),
            Balancer => tier.balancer.term(),
            Database if is_even => tier.database.stop(),
            Database => tier.database.crash(),
            Second if is_even => tier.second.term(),
            Second => tier.second.kill(),
        }
        sleep(away);
        match self {
            HubStopped | HubKilled => tier.hubs[time % 2].restart(),
            Balancer => tier.balancer.restart(),
            Database => tier.database.restart(),
            Second => tier.second.restart(),
        }
    }
}

/// A shipper at work, and the tier it ships to.
struct Run {
    tier: Tier,
    running: Running,
    writer: Numbered,
    _site: Site,
}

impl Run {
    fn start(tier: Tier, over: Transport, proxied: bool, rate: u64) -> Self {
        let site = Site::new();
        let shipper = tier.shipper(&site, over).follow("app.log");
        let proxied = if proxied { "true" } else { "false" };
        let running = shipper.env("REMOTE_SYSLOG_DESTINATION_PROXIED", proxied).start();
        let writer = Numbered::start(&site.path("app.log"), rate, Reopen::Never);
        let run = Self { tier, running, writer, _site: site };
        wait_until("lines are in the database", SOON, || run.tier.database.count() > 0);
        run
    }

    /// How many lines were written, and what became of them in the database and in the file of the second hub:
    /// when all are there, or nothing more has come for `quiet`.
    fn conclude(self, quiet: Duration) -> (u64, [Report; 2]) {
        let Self { tier, mut running, writer, _site } = self;
        let written = writer.stop();
        let look = || [tier.in_database(written), tier.in_second(written)];
        let is_whole = |reports: &[Report; 2]| reports.iter().all(|it| it.missing == 0);
        let (mut last, mut since) = (look(), Instant::now());
        while !is_whole(&last) && since.elapsed() < quiet {
            sleep(Duration::from_millis(300));
            let now = look();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        running.term();
        if !is_whole(&last) {
            println!("{}", running.log());
        }
        (written, last)
    }
}

/// The hub in use, the database, the second hub and haproxy, one after the other. Those that are rsyslogd by TERM: a
/// KILL may take with it what rsyslogd has answered, whatever its queue is, as `docs/fleet.md` says.
#[test]
fn nothing_is_lost_over_relp_whichever_part_dies() {
    const RATE: u64 = 200;
    let Some(tier) = Tier::start(&Keeping::default()) else { return };
    let mut run = Run::start(tier, Transport::Relp, false, RATE);
    for (time, part) in [HubStopped, Database, Second, Balancer].into_iter().enumerate() {
        part.dies(&mut run.tier, time, Duration::from_millis(300));
        run.writer.wait_for_more(RATE / 2);
    }
    let (written, found) = run.conclude(SOON);
    for (report, place) in found.iter().zip(["database", "second hub"]) {
        println!("{place}: {report}");
        report.assert_repeated_at_most(written);
    }
}

/// So often a part dies in what follows.
const TIMES: usize = 4;
/// Lines a second.
const RATE: u64 = 400;
/// Longer than anything waits that is to come yet.
const QUIET: Duration = Duration::from_secs(60);

fn measured(keeping: &Keeping, part: Part, over: Transport, proxied: bool) -> Option<String> {
    let mut run = Run::start(Tier::start(keeping)?, over, proxied, RATE);
    for time in 0..TIMES {
        run.writer.wait_for_more(3 * RATE);
        part.dies(&mut run.tier, time, Duration::from_secs(1));
    }
    run.writer.wait_for_more(2 * RATE);
    let (written, [database, second]) = run.conclude(QUIET);
    if database.missing + second.missing > 0 {
        println!("database: {database}\nsecond hub: {second}");
    }
    let numbers = [database.missing, database.duplicates, second.missing, second.duplicates];
    Some(format!("{written} | {} ", numbers.map(|it| it.to_string()).join(" | ")))
}

/// Whether something else was asked for, by a part of its name in `FLEET`.
fn is_left_out(name: &str) -> bool {
    std::env::var("FLEET").is_ok_and(|part| !name.contains(&part))
}

/// The first table of `docs/fleet.md`.
#[test]
#[ignore = "it takes a quarter of an hour, and prints a table"]
fn what_is_lost_when_which_part_dies() {
    println!(
        "| part | over | written | database: missing | repeated | second: missing | repeated |"
    );
    let ways = [
        ("tcp", Transport::Tcp, false),
        ("tcp, proxied", Transport::Tcp, true),
        ("tls", Transport::Tls, false),
        ("tls, proxied", Transport::Tls, true),
        ("relp", Transport::Relp, false),
    ];
    for part in PARTS {
        for (name, over, proxied) in ways {
            let name = format!("{part:?} | {name}");
            if is_left_out(&name) {
                continue;
            }
            let Some(numbers) = measured(&Keeping::default(), part, over, proxied) else { return };
            println!("| {name} | {numbers}|");
        }
    }
}

/// The second table of `docs/fleet.md`: what each setting of the hub is for. Over RELP, of which all that was answered
/// is there with all of them.
#[test]
#[ignore = "it takes some minutes, and prints a table"]
fn what_is_lost_without_which_setting() {
    let whole = Keeping::default;
    let of_memory =
        whole().but(r#"queue.type="Disk" queue.filename="NAME""#, r#"queue.type="LinkedList""#);
    let assisted = whole().but(r#"queue.type="Disk""#, r#"queue.type="LinkedList""#);
    let cases = [
        ("all", whole(), vec![HubKilled, Database]),
        (
            "main queue in memory",
            whole().but(r#"queue.type="Direct""#, r#"queue.type="FixedArray""#),
            vec![HubKilled],
        ),
        ("no resumeRetryCount", whole().but(r#"action.resumeRetryCount="-1""#, ""), vec![Database]),
        ("actions' queues in memory", of_memory, vec![HubStopped, HubKilled]),
        ("actions' queues disk-assisted", assisted, vec![HubStopped, HubKilled]),
        (
            "no checkpointInterval",
            whole().but(r#"queue.checkpointInterval="1""#, ""),
            vec![HubKilled],
        ),
        (
            "a queue of 500, and no timeoutEnqueue",
            whole()
                .but(r#"queue.size="10000000""#, r#"queue.size="500""#)
                .but(r#"queue.timeoutEnqueue="86400000""#, ""),
            vec![Database],
        ),
        (
            "a queue of 500",
            whole().but(r#"queue.size="10000000""#, r#"queue.size="500""#),
            vec![Database],
        ),
    ];
    println!(
        "| without | part | written | database: missing | repeated | second: missing | repeated |"
    );
    for (name, keeping, parts) in cases {
        for part in parts {
            let name = format!("{name} | {part:?}");
            if is_left_out(&name) {
                continue;
            }
            let Some(numbers) = measured(&keeping, part, Transport::Relp, false) else { return };
            println!("| {name} | {numbers}|");
        }
    }
}
