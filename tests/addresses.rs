//! How the receiver is found: names, address families, notations.

use std::net::ToSocketAddrs;

use crate::support::{Receiver, Shipper, Site, Transport};

#[test]
fn a_name_with_addresses_of_both_families_is_tried_in_full() {
    for v6 in [false, true] {
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            let Some(receiver) = Receiver::on_localhost(transport, v6) else { continue };
            if !localhost_has(v6) {
                continue;
            }
            let site = Site::new();
            site.append("app.log", "hello\n");
            let _shipper = Shipper::new(&site)
                .follow("app.log")
                .to(&receiver.endpoint())
                .reading_from_start()
                .start();
            receiver.wait_for_text("hello");
        }
    }
}

fn localhost_has(v6: bool) -> bool {
    let mut addresses = ("localhost", 0).to_socket_addrs().unwrap();
    addresses.any(|address| address.is_ipv6() == v6)
}

#[test]
fn an_ipv6_address_may_stand_in_brackets() {
    let Some(receiver) = Receiver::on_localhost(Transport::Tcp, true) else { return };
    let mut endpoint = receiver.endpoint();
    for host in ["[::1]", "::1"] {
        host.clone_into(&mut endpoint.host);
        let site = Site::new();
        site.append("app.log", format!("to {host}\n"));
        let _shipper =
            Shipper::new(&site).follow("app.log").to(&endpoint).reading_from_start().start();
        receiver.wait_for_text(&format!("to {host}"));
    }
}
