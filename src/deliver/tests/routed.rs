//! Over UDP through a router to another host, both of them network namespaces: what comes back by
//! ICMP. The loopback device would not do: it is exempt from the limits on ICMP.

use std::fs::File;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::*;

/// Where the receiver listens.
const RECEIVER: &str = "10.2.0.2:5514";

/// `sender` — `router` — `receiver`.
struct Network(String);

impl Network {
    /// None where it may not be made, which is said.
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Self(format!("rs{}-{count}", std::process::id()));
        let made = network.ip(&[
            "netns add NET-sender",
            "netns add NET-router",
            "netns add NET-receiver",
            "-n NET-sender link add eth0 type veth peer name left netns NET-router",
            "-n NET-receiver link add eth0 type veth peer name right netns NET-router",
            "-n NET-sender addr add 10.1.0.2/24 dev eth0",
            "-n NET-router addr add 10.1.0.1/24 dev left",
            "-n NET-router addr add 10.2.0.1/24 dev right",
            "-n NET-receiver addr add 10.2.0.2/24 dev eth0",
            "-n NET-sender link set eth0 up",
            "-n NET-router link set left up",
            "-n NET-router link set right up",
            "-n NET-receiver link set eth0 up",
            "-n NET-sender route add default via 10.1.0.1",
            "-n NET-receiver route add default via 10.2.0.1",
            "netns exec NET-router sh -c echo${IFS}1>/proc/sys/net/ipv4/ip_forward",
        ]);
        if !made {
            eprintln!("skipped: network namespaces need root and ip(8)");
        }
        made.then_some(network)
    }

    fn ip(&self, calls: &[&str]) -> bool {
        calls.iter().all(|call| {
            let call = call.replace("NET", &self.0);
            let mut ip = Command::new("ip");
            ip.args(call.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
            ip.status().is_ok_and(|status| status.success())
        })
    }

    /// Does `work` on one of its hosts.
    fn on<T: Send>(&self, host: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}-{host}", self.0)).unwrap();
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), kind).unwrap();
                work()
            });
            there.join().unwrap()
        })
    }

    fn send(&self, work: impl AsyncFnOnce(Target) + Send) {
        self.on("sender", || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let to = target(RECEIVER.parse().unwrap());
            runtime.block_on(work(Target { transport: TransportKind::Udp, ..to }));
        });
    }

    fn listen(&self) -> UdpSocket {
        let socket = self.on("receiver", || UdpSocket::bind(RECEIVER).unwrap());
        // None is to be lost for want of room.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 8 << 20).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in ["sender", "router", "receiver"] {
            self.ip(&[&format!("netns del NET-{host}")]);
        }
    }
}

/// The next frame, unless none comes for a while.
fn next(socket: &UdpSocket) -> Option<u64> {
    let mut datagram = [0; 2048];
    match socket.recv(&mut datagram) {
        Ok(length) => {
            Some(std::str::from_utf8(&datagram[..length]).unwrap().trim().parse().unwrap())
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// Hands over `each` frames at a time.
fn feed_steadily(sending: &Sending, width: usize, each: u64) -> JoinHandle<()> {
    let batches = sending.batches.clone();
    tokio::spawn(async move {
        for from in (0..).step_by(each as usize) {
            if batches.send(numbered(from..from + each, width)).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
}

/// Takes positions, so that they do not stand in the way; tells how many frames are delivered.
fn drain(sending: &mut Sending) -> Arc<AtomicU64> {
    let (_, none) = mpsc::channel(1);
    let mut updates = std::mem::replace(&mut sending.updates, none);
    let reached = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&reached);
    tokio::spawn(async move {
        while let Some(updates) = updates.recv().await {
            let last = offsets(&updates).last().copied();
            told.store(last.unwrap_or_default(), Ordering::Relaxed);
        }
    });
    reached
}

/// An error comes back while more messages are on their way to the kernel, and with those a limit
/// on errors is soon reached.
#[test]
fn a_port_that_closes_under_load_is_noticed() {
    let Some(network) = Network::new() else { return };
    let socket = network.listen();
    let receiver = thread::spawn(move || {
        let began = Instant::now();
        let mut last = 0;
        while last <= 10_000 || began.elapsed() < Duration::from_secs(1) {
            last = next(&socket).unwrap_or(last);
        }
        last
    });
    let net = &network;
    network.send(async |target| {
        let mut sending = Sending::to(target);
        drain(&mut sending);
        let feeding = feed_steadily(&sending, WIDTH, 200);
        let last = tokio::task::spawn_blocking(|| receiver.join().unwrap());
        let last = within(60, last).await.unwrap();
        sleep(Duration::from_millis(300)).await;
        // Others have their answers too.
        let other = net.on("sender", || UdpSocket::bind("10.1.0.2:0").unwrap());
        for _ in 0..100 {
            other.send_to(b"hello", RECEIVER).unwrap();
        }
        sleep(Duration::from_millis(2700)).await;
        let socket = net.listen();
        let first = within(20, async {
            loop {
                if let Some(first) = next(&socket) {
                    return first;
                }
                sleep(Duration::from_millis(1)).await;
            }
        });
        let first = first.await;
        // What lay in its socket when it closed has arrived, as far as can be known.
        assert!(first <= last + 400, "{} were sent in vain", first - last);
        feeding.abort();
    });
}

/// Its neighbour takes a while to find out, each time it is asked.
#[test]
fn a_host_that_is_gone_is_noticed() {
    let Some(network) = Network::new() else { return };
    let _socket = network.listen();
    let net = &network;
    network.send(async |target| {
        let mut sending = Sending::to(target);
        let reached = drain(&mut sending);
        let feeding = feed_steadily(&sending, WIDTH, 10);
        within(10, async {
            while reached.load(Ordering::Relaxed) < 1000 {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let (down, forget) =
            ("-n NET-receiver link set eth0 down", "-n NET-router neigh flush all");
        assert!(net.ip(&[down, forget]));
        // It is noticed, and then nothing counts as delivered, however often it is tried.
        let quiet = async |time: Duration| {
            let before = reached.load(Ordering::Relaxed);
            sleep(time).await;
            reached.load(Ordering::Relaxed) == before
        };
        within(20, async { while !quiet(Duration::from_millis(500)).await {} }).await;
        assert!(quiet(Duration::from_secs(12)).await);
        assert!(net.ip(&["-n NET-receiver link set eth0 up"]));
        within(40, async { while quiet(Duration::from_millis(500)).await {} }).await;
        feeding.abort();
    });
}

/// On the way the limit on the size of a packet sinks. The first that is too large is dropped, and
/// the answer comes to whatever is sent next.
#[test]
fn what_a_router_has_no_room_for_is_sent_again() {
    const COUNT: u64 = 2000;
    let Some(network) = Network::new() else { return };
    let socket = network.listen();
    // Sending waits after an error, and the machine may be busy.
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let net = &network;
    network.send(async |target| {
        let mut sending = Sending::to(target);
        drain(&mut sending);
        let feeding = feed_steadily(&sending, 1000, 40);
        let receiver = thread::spawn(move || {
            let mut seen = vec![false; COUNT as usize];
            while let Some(frame) = next(&socket) {
                if frame >= COUNT {
                    break;
                }
                seen[frame as usize] = true;
            }
            (0..COUNT).filter(|&frame| !seen[frame as usize]).collect::<Vec<_>>()
        });
        sleep(Duration::from_millis(50)).await;
        assert!(net.ip(&["-n NET-router link set right mtu 600"]));
        let missing = tokio::task::spawn_blocking(|| receiver.join().unwrap()).await.unwrap();
        assert!(missing.is_empty(), "{} missing: {missing:?}", missing.len());
        feeding.abort();
    });
}
