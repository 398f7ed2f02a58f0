//! The rows.

mod content;
mod fleet;
mod limits;
mod network;
mod receiver;
mod relp;
mod rotation;
mod several;
mod shipper;
mod state;
mod unlinked;

use crate::outcome::Outcome;
use crate::stand::Conditions;
use crate::support::Transport;

/// One row.
pub struct Row {
    pub number: &'static str,
    pub what: &'static str,
    pub transports: &'static [Transport],
    /// The namespaces it needs for itself, as arguments of unshare(1).
    pub namespaces: &'static [&'static str],
    pub run: fn(&Conditions) -> Outcome,
}

const STREAMS: &[Transport] = &[Transport::Tcp, Transport::Tls];

const fn row(number: &'static str, what: &'static str, run: fn(&Conditions) -> Outcome) -> Row {
    Row { number, what, transports: STREAMS, namespaces: &[], run }
}

const fn isolated(
    number: &'static str,
    what: &'static str,
    namespaces: &'static [&'static str],
    run: fn(&Conditions) -> Outcome,
) -> Row {
    Row { namespaces, ..row(number, what, run) }
}

const fn over_relp(
    number: &'static str,
    what: &'static str,
    run: fn(&Conditions) -> Outcome,
) -> Row {
    Row { transports: &[Transport::Relp, Transport::RelpTls], ..row(number, what, run) }
}

const NETWORK: &[&str] = &["--net"];
const MOUNTS: &[&str] = &["--mount", "--propagation", "private"];
const USERS: &[&str] = &["--user", "--map-root-user"];

/// All of them.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("1", "TERM to the shipper and start again, 5 times", shipper::terminated),
    row("2", "KILL to the shipper and start again, 5 times", shipper::killed),
    row("3a", "receiver closes cleanly and comes back, 5 times", receiver::closed_cleanly),
    row("3b", "real rsyslogd restarted when it has read everything, 5 times", receiver::rsyslogd_restarted),
    row("3c", "real rsyslogd restarted at any moment, 5 times", receiver::rsyslogd_restarted_at_once),
    row("4", "receiver KILLed, back after 1 s, 5 times", receiver::killed),
    row("5", "receiver STOPped for 3 s, then KILLed, 3 times", receiver::stopped_and_killed),
    row("5a", "receiver hangs under 20 lines/s (60 s, short: 12 s), then KILLed", receiver::hung_at_20),
    row("5b", "receiver hangs under 200 lines/s (60 s, short: 12 s), then KILLed", receiver::hung_at_200),
    row("5c", "receiver reads 1 KB/s of 20 lines/s (60 s, short: 12 s), then KILLed", receiver::slow_and_killed),
    row("6", "receiver reads nothing (20 s, short: 8 s), then goes on", receiver::stalled),
    isolated("7a", "network drops every packet (15 s, short: 8 s)", NETWORK, network::short_cut),
    isolated("7b", "the same for longer than write_timeout", NETWORK, network::long_cut),
    row("8", "connections reset in mid-frame, 50 times", receiver::reset),
    row("9a", "receiver down, 3 rotations (60 s, 1 GB; short: 6 s)", rotation::receiver_down),
    row("9b", "the same with compress", rotation::receiver_down_gz),
    row("10", "rename rotation 10 times, writer reopens 0 to 2 s late", rotation::renamed),
    row("11a", "copytruncate with the receiver stalled, plain copy", rotation::copied_plain),
    row("11b", "copytruncate with the receiver stalled, .gz copy", rotation::copied_gz),
    row("12a", "rotated once while the shipper was stopped", rotation::once_while_down),
    row("12b", "rotated 3 times while the shipper was stopped", rotation::thrice_while_down),
    row("12c", "rotated 3 times with gzip while the shipper was stopped", rotation::gz_while_down),
    row("13", "file deleted with lines unread (receiver stalled)", unlinked::deleted),
    row("14", "file written, closed, removed within 50 ms, 200 times", unlinked::short_lived),
    row("15", "inode reuse: shorter, equal, longer; same and other first bytes", content::inode_reused),
    row("16", "truncated and refilled past the old offset; same first 1,000 bytes", content::rewritten),
    isolated("17a", "disk under the state directory full", MOUNTS, state::disk_full),
    isolated("17b", "state directory read-only", MOUNTS, state::read_only),
    row("17c", "state damaged, empty, from a newer version", state::unusable),
    row("18a", "inotify queue overflow", limits::queue_overflow),
    isolated("18b", "inotify watch limit of 1", USERS, limits::one_watch),
    isolated("18c", "inotify instance limit reached", USERS, limits::no_instance),
    row("19", "lines without newline across restart and rotation", content::unfinished),
    row("20", "500 files, rotating in turn, receiver KILLed twice", fleet::five_hundred),
    row("21a", "two receivers in order, the one in use KILLed under load, 4 times", several::killed_with_another_there),
    row("21b", "the first of two KILLed under load and back (failback), 3 times", several::back_again),
    row("21c", "both of two receivers gone for 2 s, 2 times", several::both_gone),
    Row { transports: &[Transport::Relp], ..row("21d", "RELP: a hub behind haproxy KILLed with another hub there, and back, 3 times", several::hub_behind_proxy) },
    over_relp("Ra", "RELP: imrelp restarted at any moment, by TERM and KILL in turn, 5 times", relp::restarted),
    over_relp("Rb", "RELP: imrelp hangs under 200 lines/s (60 s, short: 12 s), then KILLed", relp::hung),
    Row { transports: &[Transport::Relp], ..row("Rc", "RELP: a proxy whose server does not run (30 s, short: 6 s), 2 times", relp::proxied) },
    over_relp("Rd", "RELP: KILL to the shipper and start again, 5 times", relp::shipper_killed),
    Row { transports: &[Transport::Udp], ..row("U", "UDP: TERM and start again, 5 times; port closed for 2 s, twice", shipper::udp) },
];
