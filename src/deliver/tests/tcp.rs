//! Over plain TCP.

use std::sync::{Arc, Mutex};

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::*;

/// Reads `at_least` bytes, and then whatever is there: nothing is left unread.
async fn read_until_empty(stream: &mut TcpStream, at_least: usize, into: &mut Vec<u8>) {
    let enough = into.len() + at_least;
    while into.len() < enough {
        assert!(within(30, stream.read_buf(into)).await.unwrap() > 0);
    }
    // Past tokio, which may not know yet that there is more.
    let mut more = [0; 65_536];
    while let Ok(count @ 1..) = rustix::io::read(&stream, &mut more) {
        into.extend_from_slice(&more[..count]);
    }
}

/// Reads `stream`, and the connections that follow it (with very much unconfirmed it is renewed),
/// until the sender has ended. Returns the frames and the position reached.
async fn read_on(
    mut stream: TcpStream,
    listener: &TcpListener,
    sending: Sending,
) -> (Vec<u64>, u64) {
    let mut finished = tokio::spawn(sending.finish());
    let mut arrived = Vec::new();
    loop {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        drop(stream);
        arrived.extend(frames(&bytes));
        stream = tokio::select! {
            next = listener.accept() => next.unwrap().0,
            ended = &mut finished => return (arrived, ended.unwrap().1),
        };
    }
}

#[tokio::test]
async fn everything_arrives_in_order_and_is_confirmed_by_the_receivers_fin() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..50_000, 1000);
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let (outcome, reached) = sending.finish().await;
    assert_eq!((outcome, reached), (Outcome::default(), 50_000));
    assert_eq!(receiver.await.unwrap(), numbered(0..50_000, WIDTH).bytes);
}

#[tokio::test]
async fn a_receiver_may_come_late() {
    let address = nobody();
    let sending = Sending::to(target(address));
    sending.feed(0..100, 10);
    sleep(Duration::from_millis(200)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let finished = tokio::spawn(sending.finish());
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    drop(stream);
    assert_eq!(tally(&frames(&bytes), 100), (0, 0));
    assert_eq!(finished.await.unwrap().1, 100);
}

#[tokio::test]
async fn a_close_while_nothing_is_sent_is_noticed_at_once() {
    let (listener, address) = listen().await;
    let _sending = Sending::to(target(address));
    for _ in 0..2 {
        let (stream, _) = within(30, listener.accept()).await.unwrap();
        drop(stream);
    }
}

/// More than a receiver gets that does not understand, so that its close counts.
const MUCH: usize = 1_200_000;

/// A receiver that says that it closes, and reads on until we do, leaves nothing in doubt.
#[tokio::test]
async fn closes_in_good_order_under_load_cost_neither_loss_nor_duplicates() {
    const COUNT: u64 = 100_000;
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..COUNT, 37);
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for round in 0..5 {
            let (mut stream, _) = within(30, listener.accept()).await.unwrap();
            let mut bytes = Vec::new();
            read_until_empty(&mut stream, MUCH + 12_345 * round, &mut bytes).await;
            stream.shutdown().await.unwrap();
            within(30, stream.read_to_end(&mut bytes)).await.unwrap();
            arrived.extend(frames(&bytes));
        }
        let (mut stream, _) = within(30, listener.accept()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        arrived.extend(frames(&bytes));
        arrived
    });
    let (outcome, reached) = sending.finish().await;
    assert_eq!((outcome, reached), (Outcome::default(), COUNT));
    assert_eq!(tally(&receiver.await.unwrap(), COUNT), (0, 0));
}

/// One that just closes is answered by RST when something is under way, and so is one that had not
/// read everything.
#[tokio::test]
async fn sudden_closes_under_load_lose_nothing() {
    const COUNT: u64 = 100_000;
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..COUNT, 37);
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for round in 0..5 {
            let (mut stream, _) = within(30, listener.accept()).await.unwrap();
            let mut bytes = Vec::new();
            if round % 2 == 0 {
                read_until_empty(&mut stream, MUCH, &mut bytes).await;
            } else {
                bytes.resize(MUCH, 0);
                stream.read_exact(&mut bytes).await.unwrap();
                rustix::net::shutdown(&stream, rustix::net::Shutdown::Both).unwrap();
            }
            drop(stream);
            arrived.extend(frames(&bytes));
        }
        let (mut stream, _) = within(30, listener.accept()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        arrived.extend(frames(&bytes));
        arrived
    });
    let (outcome, reached) = sending.finish().await;
    assert_eq!((outcome, reached), (Outcome::default(), COUNT));
    assert_eq!(tally(&receiver.await.unwrap(), COUNT).0, 0);
}

/// shutdown(2), then close(2) with messages unread: FIN comes first, and the RST a moment later.
#[tokio::test]
async fn a_fin_with_an_rst_behind_it_proves_nothing() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..12_100, 100);
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = vec![0; MUCH - 10_000];
    stream.read_exact(&mut bytes).await.unwrap();
    // It counts as understood, all is acknowledged, and some is unread.
    sleep(Duration::from_millis(500)).await;
    stream.shutdown().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    drop(stream);
    let (stream, _) = within(30, listener.accept()).await.unwrap();
    let (rest, reached) = read_on(stream, &listener, sending).await;
    let arrived = [frames(&bytes), rest].concat();
    assert_eq!((tally(&arrived, 12_100).0, reached), (0, 12_100));
}

#[tokio::test]
async fn resets_under_load_lose_nothing() {
    const COUNT: u64 = 100_000;
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..COUNT, 1000);
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&arrived);
    let receiver = tokio::spawn(async move {
        for round in 0..10 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 400_000 + 12_345 * round];
            stream.read_exact(&mut bytes).await.unwrap();
            set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
            drop(stream);
            all.lock().unwrap().extend(frames(&bytes));
        }
        // On a busy machine our close may be answered too late to prove anything: all comes again then.
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            all.lock().unwrap().extend(frames(&bytes));
        }
    });
    let (outcome, reached) = sending.finish().await;
    receiver.abort();
    assert_eq!((outcome, reached), (Outcome::default(), COUNT));
    let (missing, _) = tally(&arrived.lock().unwrap(), COUNT);
    assert_eq!(missing, 0);
}

#[tokio::test]
async fn a_receiver_that_stalls_is_waited_for_and_memory_stays_flat() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let fed = sending.feed(0..400_000, 1000);
    let (stream, _) = within(30, listener.accept()).await.unwrap();
    // It takes no more once the buffers of both kernels are full.
    let free = sending.batches.clone();
    let (mut room, mut unchanged) = (free.capacity(), 0);
    while unchanged < 15 {
        sleep(Duration::from_millis(50)).await;
        unchanged = if free.capacity() == room && room == 0 { unchanged + 1 } else { 0 };
        room = free.capacity();
    }
    drop(free);
    assert!(!fed.is_finished(), "40 MB went somewhere");
    let (arrived, reached) = read_on(stream, &listener, sending).await;
    assert_eq!((tally(&arrived, 400_000), reached), ((0, 0), 400_000));
}

#[tokio::test]
async fn what_was_acknowledged_but_never_read_is_sent_again() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..200, 10);
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = vec![0; 20 * WIDTH];
    stream.read_exact(&mut bytes).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    drop(stream); // The kernel sends RST: the rest is unread.
    let finished = tokio::spawn(sending.finish());
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    stream.read_to_end(&mut bytes).await.unwrap();
    drop(stream);
    assert_eq!(tally(&frames(&bytes), 200), (0, 20));
    assert_eq!(finished.await.unwrap().1, 200);
}

#[tokio::test]
async fn write_timeout_gives_up_a_receiver_that_takes_nothing() {
    let (listener, address) = listen().await;
    let sending =
        Sending::to(Target { stall_limit: Duration::from_millis(300), ..target(address) });
    sending.feed(0..200_000, 1000);
    let (first, _) = within(30, listener.accept()).await.unwrap();
    let (mut second, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = vec![0; 50 * WIDTH];
    second.read_exact(&mut bytes).await.unwrap();
    assert_eq!(frames(&bytes)[0], 0);
    drop(first);
}

#[tokio::test]
async fn one_that_accepts_and_closes_is_not_hammered() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..1000, 10);
    let (began, mut accepted) = (Instant::now(), 0);
    while accepted < 2 || began.elapsed() < Duration::from_millis(1500) {
        if timeout(Duration::from_millis(100), listener.accept()).await.is_ok() {
            accepted += 1;
        }
    }
    assert!((2..=7).contains(&accepted), "{accepted}");
}

/// It reads enough to show that it reads, and confirms nothing.
#[tokio::test]
async fn one_that_reads_and_resets_is_not_hammered() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..400_000, 1000);
    let (began, mut accepted) = (Instant::now(), 0);
    while accepted < 2 || began.elapsed() < Duration::from_millis(1500) {
        if let Ok(Ok((mut stream, _))) =
            timeout(Duration::from_millis(100), listener.accept()).await
        {
            accepted += 1;
            within(30, stream.read_exact(&mut vec![0; 200_000])).await.unwrap();
            set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        }
    }
    assert!((2..=9).contains(&accepted), "{accepted}");
}

#[tokio::test]
async fn told_to_leave_it_waits_for_the_receiver_to_have_read_all() {
    let (listener, address) = listen().await;
    let mut arrived = Vec::new();
    let mut next = 0;
    for _ in 0..5 {
        let sending = Sending::to(target(address));
        let feeding = sending.feed(next..next + 100_000, 100);
        let (mut stream, _) = within(30, listener.accept()).await.unwrap();
        let mut bytes = Vec::new();
        read_until_empty(&mut stream, 500_000, &mut bytes).await;
        sending.leave.cancel();
        let finished = tokio::spawn(sending.finish());
        stream.read_to_end(&mut bytes).await.unwrap();
        drop(stream);
        let (outcome, reached) = finished.await.unwrap();
        assert_eq!(outcome, Outcome::default());
        feeding.abort();
        arrived.extend(frames(&bytes));
        next = reached;
    }
    assert_eq!(tally(&arrived, next), (0, 0));
}

#[tokio::test]
async fn told_to_leave_without_a_connection_it_leaves_at_once() {
    let address = nobody();
    let sending = Sending::to(target(address));
    sending.feed(0..10, 10).await.unwrap();
    while sending.batches.capacity() < sending.batches.max_capacity() {
        sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    sending.leave.cancel();
    let (outcome, _) = sending.finish().await;
    assert_eq!(outcome, Outcome { messages: 10 });
    // Less than what it gives a receiver to close.
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// A sender with more to send than there is room for.
async fn to_one_that_takes_nothing() -> (Sending, TcpStream) {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..200_000, 1000);
    let (stream, _) = within(30, listener.accept()).await.unwrap();
    within(30, stream.peek(&mut [0])).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    (sending, stream)
}

/// The next start sends it again; it must not come in between.
#[tokio::test]
async fn what_is_not_confirmed_in_time_does_not_arrive_later() {
    let (sending, mut stream) = to_one_that_takes_nothing().await;
    sending.leave.cancel();
    assert!(sending.finish().await.0.messages > 0);
    let ended = within(30, stream.read_to_end(&mut Vec::new())).await;
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// The receiver ends its side late and has not taken all. What becomes of that is not waited for
/// beyond the grace, and is not known then.
#[tokio::test]
async fn told_to_leave_it_does_not_wait_longer_for_a_receiver_that_half_closes() {
    let (sending, mut stream) = to_one_that_takes_nothing().await;
    let told = Instant::now();
    sending.leave.cancel();
    let half_closes = async {
        sleep(Duration::from_millis(2300)).await;
        stream.shutdown().await.unwrap();
    };
    let ((outcome, reached), ()) = tokio::join!(sending.finish(), half_closes);
    // To wait as long again from then on would take 5.3 s.
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(outcome.messages > 0 && reached == 0, "{outcome:?} {reached}");
}

#[tokio::test]
async fn what_a_half_closed_receiver_still_reads_is_not_sent_again() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let feeding = sending.feed(0..200_000, 1000);
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = vec![0; 12_000 * WIDTH];
    stream.read_exact(&mut bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    stream.read_to_end(&mut bytes).await.unwrap();
    drop(stream);
    let (stream, _) = within(30, listener.accept()).await.unwrap();
    let (rest, reached) = read_on(stream, &listener, sending).await;
    let arrived = [frames(&bytes), rest].concat();
    assert_eq!((tally(&arrived, 200_000), reached), ((0, 0), 200_000));
    feeding.await.unwrap();
}

/// Reads one connection to its end, and closes it.
async fn read_one(listener: &TcpListener) -> Vec<u64> {
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    frames(&bytes)
}

/// A trickle is never proven by distance.
#[tokio::test]
async fn what_is_unproven_for_an_interval_is_proven_by_our_own_close() {
    let (listener, address) = listen().await;
    let second = Duration::from_secs(1);
    let mut sending = Sending::to(Target { proof_interval: second, ..target(address) });
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        // The last one is closed when the test ends.
        for _ in 0..2 {
            arrived.extend(read_one(&listener).await);
        }
        (arrived, listener)
    });
    sending.feed(0..10, 1);
    sending.confirmed(10).await;
    sending.feed(10..20, 1);
    sending.confirmed(20).await;
    let (arrived, listener) = receiver.await.unwrap();
    assert_eq!(tally(&arrived, 20), (0, 0));
    let (_idle, _) = within(30, listener.accept()).await.unwrap();
    let more = timeout(Duration::from_secs(3), listener.accept()).await;
    assert!(more.is_err(), "with nothing unproven there is nothing to hand over for");
}

/// It reads, and never closes on our FIN.
#[tokio::test]
async fn one_that_never_closes_gets_it_again_less_and_less_often() {
    let (listener, address) = listen().await;
    let second = Duration::from_secs(1);
    let sending = Sending::to(Target { proof_interval: second, ..target(address) });
    sending.feed(0..10, 1);
    let (mut kept, mut arrived) = (Vec::new(), 0);
    let began = Instant::now();
    while arrived < 2 || began.elapsed() < 10 * second {
        if let Ok(Ok((mut stream, _))) = timeout(second / 10, listener.accept()).await {
            let mut bytes = vec![0; 10 * WIDTH];
            if timeout(second, stream.read_exact(&mut bytes)).await.is_ok() {
                assert_eq!(frames(&bytes), (0..10).collect::<Vec<_>>());
                arrived += 1;
            }
            kept.push(stream);
        }
    }
    assert!((2..=5).contains(&arrived), "{arrived}");
}

/// It ends its side at once, to say that it will not send, and reads on.
#[tokio::test]
async fn one_that_half_closes_at_accept_is_read_on_by() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..10, 1);
    // The first connection may have taken something by then.
    let (mut first, _) = within(30, listener.accept()).await.unwrap();
    first.shutdown().await.unwrap();
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut bytes = vec![0; 10 * WIDTH];
    within(30, stream.read_exact(&mut bytes)).await.unwrap();
    sending.feed(10..30, 1);
    bytes.resize(30 * WIDTH, 0);
    within(30, stream.read_exact(&mut bytes[10 * WIDTH..])).await.unwrap();
    let finished = tokio::spawn(sending.finish());
    assert_eq!(within(30, stream.read(&mut [0])).await.unwrap(), 0);
    drop(stream);
    assert_eq!(tally(&frames(&bytes), 30), (0, 0));
    assert_eq!(finished.await.unwrap(), (Outcome::default(), 30));
}

/// It closes after 100 frames, each time.
#[tokio::test]
async fn a_worker_with_a_limit_makes_progress() {
    const COUNT: u64 = 400;
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..COUNT, 50);
    let finished = tokio::spawn(sending.finish());
    let worker = async {
        let mut arrived = Vec::new();
        while arrived.last().is_none_or(|&last| last + 1 < COUNT) {
            let (mut stream, _) = within(30, listener.accept()).await.unwrap();
            let mut bytes = Vec::new();
            while bytes.len() < 100 * WIDTH {
                if within(30, stream.read_buf(&mut bytes)).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            read_until_empty(&mut stream, 0, &mut bytes).await;
            drop(stream);
            arrived.extend(frames(&bytes));
        }
        arrived
    };
    let arrived = within(60, worker).await;
    let (missing, twice) = tally(&arrived, COUNT);
    assert!(missing == 0 && twice <= COUNT, "{missing} {twice}");
    // What came last is proven by a connection that it does not close.
    drop(listener.accept().await);
    finished.abort();
}

/// A server that expects TLS reads some of what comes and closes without a word.
#[tokio::test]
async fn one_that_closes_right_after_the_first_messages_has_not_understood_them() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    sending.feed(0..100, 100);
    // The first connection gets all, those that follow it one message.
    for count in [100, 1, 1] {
        let (mut stream, _) = within(30, listener.accept()).await.unwrap();
        let mut bytes = Vec::new();
        read_until_empty(&mut stream, count as usize * WIDTH, &mut bytes).await;
        assert_eq!(frames(&bytes), (0..count).collect::<Vec<_>>());
    }
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    let finished = tokio::spawn(sending.finish());
    let mut bytes = Vec::new();
    within(30, stream.read_to_end(&mut bytes)).await.unwrap();
    drop(stream);
    assert_eq!(tally(&frames(&bytes), 100), (0, 0));
    assert_eq!(finished.await.unwrap().1, 100);
}
