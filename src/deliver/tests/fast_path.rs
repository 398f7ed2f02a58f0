//! Batches that come past the channel.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::pipeline::channel::Direct;

/// Waits until the connection is lent out, and puts frames on it.
async fn pass(fast_path: &FastPath, numbers: std::ops::Range<u64>, queued: u64) {
    let passed = async {
        let mut batch = numbered(numbers, WIDTH);
        while let Err(back) = fast_path.take(batch, queued) {
            batch = back;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within(30, passed).await;
}

/// Reads so many frames.
async fn read(stream: &mut TcpStream, count: usize) -> Vec<u64> {
    let mut bytes = vec![0; count * WIDTH];
    within(30, stream.read_exact(&mut bytes)).await.unwrap();
    frames(&bytes)
}

#[tokio::test]
async fn an_idle_connection_takes_small_batches_at_once_and_in_order() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    pass(&sending.fast_path, 0..1, 0).await;
    assert_eq!(read(&mut stream, 1).await, [0]);
    // What has gone through the channel must come out of it first.
    assert!(sending.fast_path.take(numbered(2..3, WIDTH), 1).is_err());
    within(30, sending.feed(1..2, 1)).await.unwrap();
    pass(&sending.fast_path, 2..3, 1).await;
    pass(&sending.fast_path, 3..10, 1).await;
    let numbers: Vec<_> = (1..10).collect();
    assert_eq!(read(&mut stream, 9).await, numbers);
    let fast_path = sending.fast_path.clone();
    let finished = tokio::spawn(sending.finish());
    within(30, stream.read_to_end(&mut Vec::new())).await.unwrap();
    drop(stream);
    assert_eq!(finished.await.unwrap().1, 10);
    assert!(fast_path.take(numbered(10..11, WIDTH), 1).is_err(), "nobody would send it");
}

#[tokio::test]
async fn what_is_large_or_framed_otherwise_goes_through_the_channel() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    pass(&sending.fast_path, 0..1, 0).await;
    let otherwise = Batch { framing: Framing::Datagram, ..numbered(1..2, WIDTH) };
    assert!(sending.fast_path.take(otherwise, 0).is_err());
    assert!(sending.fast_path.take(numbered(1..1000, WIDTH), 0).is_err());
    assert_eq!(read(&mut stream, 1).await, [0]);
}

/// More than the receiver's window is put on the wire past the channel; what does not fit is written
/// by the task, and nothing more is taken until it is.
#[tokio::test]
async fn what_does_not_fit_is_written_on_when_there_is_room() {
    const COUNT: u64 = 120_000;
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    // Positions must have somewhere to go.
    let mut updates = sending.updates;
    tokio::spawn(async move { while updates.recv().await.is_some() {} });
    let reading = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        read(&mut stream, COUNT as usize).await
    });
    for from in (0..COUNT).step_by(100) {
        pass(&sending.fast_path, from..from + 100, 0).await;
    }
    let numbers: Vec<_> = (0..COUNT).collect();
    assert!(within(30, reading).await.unwrap() == numbers);
}

/// The receiver resets: what was put on the wire past the channel goes over the next connection.
#[tokio::test]
async fn what_a_reset_takes_is_sent_again() {
    let (listener, address) = listen().await;
    let sending = Sending::to(target(address));
    let (mut stream, _) = within(30, listener.accept()).await.unwrap();
    pass(&sending.fast_path, 0..5, 0).await;
    assert_eq!(read(&mut stream, 2).await, [0, 1]);
    // With something unread, closing resets.
    drop(stream);
    let accepted = within(30, listener.accept());
    let mut from = 5;
    let (mut stream, _) = tokio::select! {
        accepted = accepted => accepted.unwrap(),
        () = async {
            loop {
                pass(&sending.fast_path, from..from + 1, 0).await;
                from += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => unreachable!(),
    };
    let numbers: Vec<_> = (0..from).collect();
    assert_eq!(read(&mut stream, from as usize).await, numbers);
}

/// A connection ends in the moment in which there is another target.
#[tokio::test]
async fn what_is_told_as_a_connection_ends_is_not_forgotten() {
    let ((old, address), (new, other)) = (listen().await, listen().await);
    let sending = Sending::to(target(address));
    let (mut stream, _) = within(30, old.accept()).await.unwrap();
    pass(&sending.fast_path, 0..2, 0).await;
    assert_eq!(read(&mut stream, 1).await, [0]);
    // With something unread, closing resets. From here on the task has no turn until both are told.
    drop(stream);
    assert!(sending.fast_path.take(numbered(2..3, WIDTH), 0).is_ok());
    assert!(sending.fast_path.take(numbered(3..4, WIDTH), 0).is_err(), "writing has failed");
    sending.retarget.send_replace(target(other).into());
    sending.batches.try_send(numbered(3..4, WIDTH)).unwrap();
    let (mut stream, _) = within(30, new.accept()).await.unwrap();
    assert_eq!(read(&mut stream, 4).await, [0, 1, 2, 3]);
}
