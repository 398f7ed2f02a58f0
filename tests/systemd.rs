//! What a service manager is told, by a socket in its place.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::{Receiver, SOON, Shipper, Site, wait_until};

/// A manager's end of the line.
struct Manager(UnixDatagram);

impl Manager {
    fn new(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    /// The next message.
    fn hears(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned()
    }

    /// Skips messages until one that has all of `parts`.
    fn hears_of(&self, parts: &[&str]) {
        wait_until(&format!("{parts:?} was told"), SOON, || {
            let said = self.hears();
            parts.iter().all(|part| said.contains(part))
        });
    }
}

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    let shipper = Shipper::new(site).follow("*.log").to(&receiver.endpoint());
    shipper.env("NOTIFY_SOCKET", site.path("notify"))
}

#[test]
fn it_is_ready_when_the_files_are_followed_and_says_how_it_fares() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let manager = Manager::new(&site);
    site.append("a.log", "old\n");
    site.append("b.log", "old\n");
    let mut shipper = shipper(&site, &receiver).start();
    assert!(manager.hears().starts_with("STATUS=following 2 files, "));
    assert_eq!(manager.hears(), "READY=1");
    let endpoint = receiver.endpoint();
    let peer = format!("connected to {}:{}", endpoint.host, endpoint.port);
    manager.hears_of(&["STATUS=following 2 files, 0 lines/s, 0 bytes behind", &peer]);
    shipper.term();
    manager.hears_of(&["STOPPING=1"]);
}

#[test]
fn the_watchdog_is_fed_while_there_is_no_receiver() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(crate::support::End::Reset);
    let manager = Manager::new(&site);
    site.append("a.log", "one\n");
    let limit = Duration::from_millis(900);
    let mut shipper = shipper(&site, &receiver)
        .reading_from_start()
        .env("WATCHDOG_USEC", limit.as_micros().to_string())
        .start();
    for _ in 0..3 {
        manager.hears_of(&["WATCHDOG=1"]);
    }
    receiver.up();
    receiver.wait_for_text("one");
    shipper.term();
    assert_eq!(shipper.log_lines(&["does not answer"]).count(), 0, "{}", shipper.log());
}
