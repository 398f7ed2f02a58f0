//! Names that are hard to resolve: a name server is silent, an address is no good.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Guarded, SOON, Shipper, Site, skip, wait_until};

/// Runs its arguments behind the first, a `resolv.conf`, where packets to 192.0.2.0/24 vanish.
const ALONE: &str = "ip link add eth0 type veth peer name eth1 && ip link set eth1 up && \
    ip addr add 192.0.2.1/24 dev eth0 && ip link set eth0 up && \
    ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:01 dev eth0 && \
    mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";

/// Runs its arguments behind the first, an `/etc/hosts`.
const NAMED: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// A call of `script` with `file`, in namespaces of its own. None where that cannot be, which is
/// said.
fn apart(namespaces: &str, script: &str, file: &Path) -> Option<Command> {
    let call = || {
        let mut unshare = Command::new("unshare");
        unshare.args([namespaces, "sh", "-c", script]).arg(file).stdin(Stdio::null());
        unshare
    };
    let possible = call().arg("true").stderr(Stdio::null()).status();
    if possible.is_ok_and(|done| done.success()) {
        return Some(call());
    }
    skip(&format!("unshare {namespaces}"), "names are resolved otherwise there");
    None
}

fn start(mut apart: Command, shipper: &Shipper, site: &Site) -> Guarded {
    let call = shipper.foreground();
    apart.arg(call.get_program()).args(call.get_args());
    Guarded(apart.stderr(File::create(site.path("err")).unwrap()).spawn().unwrap())
}

#[test]
fn over_udp_an_address_that_refuses_is_not_the_only_one_tried() {
    for address in ["127.0.0.1", "127.0.0.2"] {
        let site = Site::new();
        let hosts = site.append("hosts", "127.0.0.1 two.example\n127.0.0.2 two.example\n");
        let Some(apart) = apart("-m", NAMED, &hosts) else { return };
        let receiver = UdpSocket::bind((address, 0)).unwrap();
        receiver.set_read_timeout(Some(SOON)).unwrap();
        site.append("a.log", "one\n");
        let port = receiver.local_addr().unwrap().port();
        let destination = format!("destination: {{host: two.example, port: {port}}}");
        let shipper = Shipper::new(&site).follow("*.log").reading_from_start().yaml(&destination);
        let _running = start(apart, &shipper, &site);
        let mut datagram = [0; 1024];
        let length = receiver.recv(&mut datagram).unwrap();
        assert!(datagram[..length].ends_with(b"one"));
    }
}

#[test]
fn while_a_name_is_looked_up_term_ends_it() {
    for protocol in ["udp", "tcp"] {
        let site = Site::new();
        let resolv = site.append("resolv.conf", "nameserver 192.0.2.53\n");
        let Some(apart) = apart("-mn", ALONE, &resolv) else { return };
        site.append("a.log", "one\n");
        let destination =
            format!("destination: {{host: logs.example.com, port: 514, protocol: {protocol}}}");
        let shipper = Shipper::new(&site).follow("*.log").reading_from_start().yaml(&destination);
        let mut child = start(apart, &shipper, &site);
        let id = child.0.id();
        wait_until("it asks the name server", SOON, || {
            let sockets = fs::read_to_string(format!("/proc/{id}/net/udp")).unwrap_or_default();
            sockets.contains("350200C0:0035")
        });
        let told = Instant::now();
        kill_process(Pid::from_raw(id as i32).unwrap(), Signal::TERM).unwrap();
        wait_until("it ends", SOON, || child.0.try_wait().unwrap().is_some());
        assert!(told.elapsed() < Duration::from_secs(3), "{protocol}: {:?}", told.elapsed());
    }
}
