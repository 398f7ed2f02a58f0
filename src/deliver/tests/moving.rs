//! When the configuration names another receiver.

use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;

use super::*;

impl Sending {
    fn move_to(&self, target: Target) {
        self.retarget.send(target.into()).unwrap();
    }
}

/// Reads one connection to its end and closes it.
async fn read_one(listener: TcpListener) -> Vec<u64> {
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    frames(&bytes)
}

#[tokio::test]
async fn what_the_old_receiver_has_read_is_not_repeated_to_the_new_one() {
    let ((old, old_address), (new, new_address)) = (listen().await, listen().await);
    // A buffer that grows would take all before anything is confirmed.
    rustix::net::sockopt::set_socket_recv_buffer_size(&old, 64 << 10).unwrap();
    let mut sending = Sending::to(target(old_address));
    sending.feed(0..100_000, 500);
    let old = tokio::spawn(read_one(old));
    sending.confirmed(500).await;
    sending.move_to(target(new_address));
    // Its time begins only now.
    let new = tokio::spawn(read_one(new));
    assert_eq!(sending.finish().await, (Outcome::default(), 100_000));
    let mut arrived = old.await.unwrap();
    let to_new = new.await.unwrap();
    assert!(!arrived.is_empty() && !to_new.is_empty());
    arrived.extend(to_new);
    assert_eq!(tally(&arrived, 100_000), (0, 0));
}

#[tokio::test]
async fn one_that_takes_nothing_does_not_keep_it() {
    let ((old, old_address), (new, new_address)) = (listen().await, listen().await);
    let sending = Sending::to(target(old_address));
    sending.feed(0..50_000, 500);
    let (stalled, _) = within(30, old.accept()).await.unwrap();
    within(30, stalled.peek(&mut [0])).await.unwrap();
    sending.move_to(target(new_address));
    let new = tokio::spawn(read_one(new));
    assert_eq!(sending.finish().await, (Outcome::default(), 50_000));
    assert_eq!(tally(&new.await.unwrap(), 50_000), (0, 0));
}

#[tokio::test]
async fn datagrams_follow_lines_that_nobody_took() {
    let address = nobody();
    let sending = Sending::to(target(address));
    sending.feed(0..100, 10);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let encoder = Encoder::new(Framing::Datagram, None);
    let to = target(socket.local_addr().unwrap());
    sending.move_to(Target { transport: TransportKind::Udp, encoder, ..to });
    let mut datagram = [0; 2048];
    for number in 0..100 {
        let length = within(30, socket.recv(&mut datagram)).await.unwrap();
        let text = std::str::from_utf8(&datagram[..length]).unwrap();
        assert_eq!((length, text.trim().parse()), (WIDTH - 1, Ok(number)));
    }
    assert_eq!(sending.finish().await, (Outcome::default(), 100));
}

#[tokio::test]
async fn lines_follow_datagrams_that_nobody_took() {
    let encoder = Encoder::new(Framing::Datagram, None);
    let to = Target { transport: TransportKind::Udp, encoder, ..target(nobody()) };
    let sending = Sending::to(to.clone());
    let batches = sending.batches.clone();
    let fed = tokio::spawn(async move {
        for from in (0..100).step_by(10) {
            let batch = to.encoder.reframe(&numbered(from..from + 10, WIDTH));
            batches.send(batch).await.unwrap();
        }
    });
    // It has tried one of them by then.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (listener, address) = listen().await;
    sending.move_to(target(address));
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = within(30, listener.accept()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    fed.await.unwrap();
    assert_eq!(sending.finish().await, (Outcome::default(), 100));
    assert!(receiver.await.unwrap() == numbered(0..100, WIDTH).bytes);
}
