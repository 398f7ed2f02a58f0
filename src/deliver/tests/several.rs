//! Several receivers in order.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::*;

const FAILBACK: Duration = Duration::from_secs(1);

fn several(addresses: &[SocketAddr], failback: Option<Duration>) -> Targets {
    let mut all = addresses.iter().map(|&address| target(address));
    let first = all.next().unwrap();
    Targets::new(first, all.collect(), failback)
}

/// Reads one connection to its end.
async fn read(mut stream: TcpStream) -> Vec<u64> {
    let mut bytes = Vec::new();
    // One that breaks is at its end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    frames(&bytes)
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    within(30, listener.accept()).await.unwrap().0
}

/// Reads `count` frames, and resets the connection, as the kernel of a process does that was killed with
/// something unread.
async fn read_and_die(mut stream: TcpStream, count: usize) -> Vec<u64> {
    let mut bytes = vec![0; count * WIDTH];
    within(30, stream.read_exact(&mut bytes)).await.unwrap();
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
    frames(&bytes)
}

#[tokio::test]
async fn one_that_is_not_there_is_left_for_the_next() {
    let (b, b_address) = listen().await;
    let sending = Sending::to(several(&[nobody(), nobody(), b_address], None));
    sending.feed(0..100, 10);
    let b = tokio::spawn(read(accepted(&b).await));
    assert_eq!(sending.finish().await, (Outcome::default(), 100));
    assert_eq!(tally(&b.await.unwrap(), 100), (0, 0));
}

#[tokio::test]
async fn what_a_dead_one_has_not_proven_goes_to_the_next_byte_for_byte() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    let sending = Sending::to(several(&[a_address, b_address], None));
    sending.feed(0..60_000, 500);
    let first = accepted(&a).await;
    drop(a);
    let mut arrived = read_and_die(first, 20_000).await;
    let b = tokio::spawn(read(accepted(&b).await));
    assert_eq!(sending.finish().await, (Outcome::default(), 60_000));
    arrived.extend(b.await.unwrap());
    let (missing, _) = tally(&arrived, 60_000);
    assert_eq!(missing, 0);
}

#[tokio::test]
async fn one_that_takes_nothing_any_more_is_left_though_it_accepts() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    let patience = Duration::from_secs(1);
    let of = |address| Target { write_timeout: patience, stall_limit: patience, ..target(address) };
    let targets = Targets::new(of(a_address), vec![of(b_address)], None);
    let sending = Sending::to(targets);
    sending.feed(0..100_000, 500);
    let mut stuck = accepted(&a).await;
    let mut bytes = vec![0; 1000 * WIDTH];
    within(30, stuck.read_exact(&mut bytes)).await.unwrap();
    let b = tokio::spawn(read(accepted(&b).await));
    assert_eq!(sending.finish().await, (Outcome::default(), 100_000));
    let mut arrived = frames(&bytes);
    arrived.extend(b.await.unwrap());
    assert_eq!(tally(&arrived, 100_000).0, 0);
    assert!(timeout(Duration::ZERO, a.accept()).await.is_err(), "it was not asked again first");
}

#[tokio::test]
async fn the_first_is_gone_back_to_under_load_and_nothing_is_repeated() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    drop(a);
    let mut sending = Sending::to(several(&[a_address, b_address], Some(FAILBACK)));
    let fed = sending.feed(0..20_000, 500);
    let b = tokio::spawn(read(accepted(&b).await));
    within(30, fed).await.unwrap();
    let a = listen_again(a_address).await;
    let a = tokio::spawn(async move { read(accepted(&a).await).await });
    let mut number = 20_000;
    // Until b is left, and a second longer.
    let mut left = None;
    while left.is_none_or(|left: Instant| left.elapsed() < Duration::from_secs(1)) {
        within(30, sending.batches.send(numbered(number..number + 10, WIDTH))).await.unwrap();
        number += 10;
        sending.take_confirmed();
        if b.is_finished() {
            left.get_or_insert_with(Instant::now);
        }
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(sending.finish().await, (Outcome::default(), number));
    let (mut arrived, to_a) = (b.await.unwrap(), a.await.unwrap());
    assert!(!to_a.is_empty());
    arrived.extend(to_a);
    assert_eq!(tally(&arrived, number), (0, 0));
}

#[tokio::test]
async fn an_idle_host_goes_back_as_well() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    drop(a);
    let sending = Sending::to(several(&[a_address, b_address], Some(FAILBACK)));
    let at_b = accepted(&b).await;
    let a = listen_again(a_address).await;
    let at_a = accepted(&a).await;
    assert_eq!(within(30, read(at_b)).await, [0; 0]);
    sending.feed(0..10, 10);
    let a = tokio::spawn(read(at_a));
    assert_eq!(sending.finish().await, (Outcome::default(), 10));
    assert_eq!(tally(&a.await.unwrap(), 10), (0, 0));
}

#[tokio::test]
async fn one_that_accepts_and_closes_at_once_is_not_gone_back_to_twice_the_same_way() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    let mut sending = Sending::to(several(&[a_address, b_address], Some(FAILBACK)));
    // As a proxy does whose server does not run.
    let closing = tokio::spawn(async move {
        let mut connections = 0;
        loop {
            drop(a.accept().await.unwrap());
            connections += 1;
            if connections == 4 {
                return a;
            }
        }
    });
    let b = tokio::spawn(async move {
        let mut arrived = Vec::new();
        while let Ok(Ok((stream, _))) = timeout(Duration::from_secs(4), b.accept()).await {
            arrived.extend(within(60, read(stream)).await);
        }
        arrived
    });
    let mut number = 0;
    while !closing.is_finished() {
        sending.batches.send(numbered(number..number + 10, WIDTH)).await.unwrap();
        number += 10;
        sending.confirmed(number.saturating_sub(20_000)).await;
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sending.finish().await, (Outcome::default(), number));
    assert_eq!(tally(&b.await.unwrap(), number).0, 0);
}

#[tokio::test]
async fn where_all_are_gone_the_first_to_come_back_has_it() {
    let ((a, a_address), (b, b_address)) = (listen().await, listen().await);
    let sending = Sending::to(several(&[a_address, b_address], None));
    sending.feed(0..50_000, 500);
    let first = accepted(&a).await;
    drop((a, b));
    let mut arrived = read_and_die(first, 1000).await;
    sleep(Duration::from_millis(500)).await;
    let b = listen_again(b_address).await;
    let b = tokio::spawn(read(accepted(&b).await));
    assert_eq!(sending.finish().await, (Outcome::default(), 50_000));
    arrived.extend(b.await.unwrap());
    assert_eq!(tally(&arrived, 50_000).0, 0);
}
