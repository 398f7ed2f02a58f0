//! Whether somebody listens, without touching the socket.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

use super::super::{SOON, wait_until};

/// A port that is free for both TCP and UDP on an address nobody else uses. None is given twice: what listens on it may
/// not have been started yet.
pub fn free_port(ip: IpAddr) -> u16 {
    static GIVEN: Mutex<BTreeSet<(IpAddr, u16)>> = Mutex::new(BTreeSet::new());
    loop {
        let tcp = TcpListener::bind((ip, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        let is_free = UdpSocket::bind((ip, port)).is_ok();
        if is_free && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert((ip, port)) {
            return port;
        }
    }
}

/// Waits until somebody listens at `address`, as `/proc/net` has it.
#[track_caller]
pub fn wait_listening(protocol: &str, address: SocketAddr) {
    wait_until(&format!("somebody listens at {address} ({protocol})"), SOON, || {
        is_listening(protocol, address)
    });
}

/// Whether somebody listens at `address`, as `/proc/net` has it.
pub fn is_listening(protocol: &str, address: SocketAddr) -> bool {
    let IpAddr::V4(ip) = address.ip() else { panic!("only IPv4 is looked up") };
    let number = u32::from_ne_bytes(ip.octets());
    let entry = format!(": {number:08X}:{:04X} 00000000:0000 ", address.port());
    std::fs::read_to_string(format!("/proc/net/{protocol}")).unwrap().contains(&entry)
}

#[test]
fn a_socket_is_seen() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    wait_listening("tcp", socket.local_addr().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    wait_listening("udp", socket.local_addr().unwrap());
}
