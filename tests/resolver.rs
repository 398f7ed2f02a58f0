//! A name server that does not answer.

use std::fs::{self, File};
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

fn alone(resolv: &Path) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["-mn", "sh", "-c", ALONE]).arg(resolv).stdin(Stdio::null());
    unshare
}

#[test]
fn while_a_name_is_looked_up_term_ends_it() {
    for protocol in ["udp", "tcp"] {
        let site = Site::new();
        let resolv = site.append("resolv.conf", "nameserver 192.0.2.53\n");
        let possible = alone(&resolv).arg("true").stderr(Stdio::null()).status();
        if !possible.is_ok_and(|done| done.success()) {
            return skip("unshare -mn", "needs a name server of its own");
        }
        site.append("a.log", "one\n");
        let destination =
            format!("destination: {{host: logs.example.com, port: 514, protocol: {protocol}}}");
        let shipper = Shipper::new(&site).follow("*.log").reading_from_start().yaml(&destination);
        let call = shipper.foreground();
        let mut command = alone(&resolv);
        command.arg(call.get_program()).args(call.get_args());
        command.stderr(File::create(site.path("err")).unwrap());
        let mut child = Guarded(command.spawn().unwrap());
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
