//! Over UDP.

use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::*;

fn udp(address: SocketAddr) -> Target {
    Target { transport: TransportKind::Udp, ..target(address) }
}

async fn receive(socket: &UdpSocket, until: u64) -> Vec<u64> {
    let mut arrived = Vec::new();
    let mut datagram = [0; 2048];
    while arrived.last().is_none_or(|&last| last + 1 < until) {
        let length = within(30, socket.recv(&mut datagram)).await.unwrap();
        arrived.extend(frames(&datagram[..length]));
        assert_eq!(length, WIDTH, "one frame makes one datagram");
    }
    arrived
}

#[tokio::test]
async fn each_frame_is_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sending = Sending::to(udp(socket.local_addr().unwrap()));
    sending.feed(0..150, 100);
    assert_eq!(tally(&receive(&socket, 150).await, 150), (0, 0));
    assert_eq!(sending.finish().await, (Outcome::default(), 150));
}

#[tokio::test]
async fn while_the_port_is_closed_nothing_is_skipped() {
    let address = nobody();
    let sending = Sending::to(udp(address));
    sending.feed(0..100, 10);
    sleep(Duration::from_millis(500)).await;
    let socket = UdpSocket::bind(address).await.unwrap();
    assert_eq!(tally(&receive(&socket, 100).await, 100), (0, 0));
    drop(socket);
    sending.feed(100..200, 10);
    sleep(Duration::from_millis(300)).await;
    let socket = UdpSocket::bind(address).await.unwrap();
    let arrived: Vec<_> = receive(&socket, 200).await;
    let repeated = arrived.iter().take_while(|&&frame| frame < 100).count();
    assert_eq!(arrived[repeated..], (100..200).collect::<Vec<_>>());
    assert_eq!(sending.finish().await, (Outcome::default(), 200));
}

#[tokio::test]
async fn what_is_too_large_for_a_datagram_does_not_stop_the_rest() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sending = Sending::to(udp(socket.local_addr().unwrap()));
    let giant = Batch { bytes: vec![b'x'; 70_000], frames: vec![70_000], ..Batch::default() };
    sending.batches.send(giant).await.unwrap();
    sending.feed(0..10, 10);
    assert_eq!(receive(&socket, 10).await, (0..10).collect::<Vec<_>>());
    assert_eq!(sending.finish().await, (Outcome::default(), 10));
}

#[tokio::test]
async fn an_error_that_came_while_this_thread_was_busy_is_heard() {
    let address = nobody();
    let mut sending = Sending::to(udp(address));
    sleep(Duration::from_millis(100)).await;
    let batches = sending.batches.clone();
    tokio::spawn(async move {
        batches.try_send(numbered(0..1, WIDTH)).unwrap();
        // Behind the sender in the runtime's queue: it has sent when this begins.
        tokio::spawn(async move {
            batches.try_send(numbered(1..2, WIDTH)).unwrap();
            std::thread::sleep(Duration::from_millis(150));
        });
    });
    sleep(Duration::from_millis(200)).await;
    let socket = UdpSocket::bind(address).await.unwrap();
    assert_eq!(receive(&socket, 2).await.first(), Some(&0));
    assert!(sending.updates.try_recv().is_err(), "nobody was there");
}
