//! Over RELP, against a receiver that is strict about numbers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::RelpLimits;
use super::*;

/// What the receiver answers to a message.
type Answers = Arc<dyn Fn(u64) -> &'static str + Send + Sync>;

/// A receiver, and what it has seen.
#[derive(Clone)]
struct RelpReceiver {
    answers: Answers,
    /// It answers so many at a time, the last first.
    each: usize,
    /// It ends each connection after so many messages, without an answer to the last.
    ends_after: usize,
    /// It ends each connection with the answer by which it refuses a message.
    ends_refusing: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Those it has answered with 200, in their order.
    taken: Vec<u64>,
    /// Those it has got.
    got: Vec<u64>,
    sessions: u64,
    /// Sessions that ended with `close`.
    closed: u64,
}

impl RelpReceiver {
    fn new(answers: impl Fn(u64) -> &'static str + Send + Sync + 'static) -> Self {
        let seen = Arc::default();
        Self {
            answers: Arc::new(answers),
            each: 1,
            ends_after: usize::MAX,
            ends_refusing: false,
            seen,
        }
    }

    /// Takes connections for ever.
    fn serve(&self, listener: TcpListener) {
        let receiver = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(receiver.clone().session(stream));
            }
        });
    }

    async fn session(self, mut stream: TcpStream) {
        let (mut bytes, mut expected, mut waiting) = (Vec::new(), 1, Vec::new());
        loop {
            while let Some((number, command, data)) = frame(&mut bytes) {
                assert_eq!(number, expected, "{command}");
                expected += 1;
                match command.as_str() {
                    "open" => {
                        assert!(data.ends_with("commands=syslog"), "{data}");
                        self.seen.lock().unwrap().sessions += 1;
                        let offers = "200 OK\nrelp_version=1\ncommands=syslog";
                        let answer = format!("1 rsp {} {offers}\n", offers.len());
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    "syslog" => {
                        let message = data.trim().parse().unwrap();
                        self.seen.lock().unwrap().got.push(message);
                        if expected as usize - 2 > self.ends_after {
                            // A reset would take answers with it that are under way.
                            let _ = stream.shutdown().await;
                            let rest = stream.read_to_end(&mut bytes);
                            let _ = timeout(Duration::from_secs(1), rest).await;
                            return;
                        }
                        waiting.push((number, message));
                        if waiting.len() >= self.each {
                            self.answer(&mut waiting, &mut stream).await;
                        }
                    }
                    "close" => {
                        self.seen.lock().unwrap().closed += 1;
                        let farewell = format!("{number} rsp 0\n0 serverclose 0\n");
                        let _ = stream.write_all(farewell.as_bytes()).await;
                        return;
                    }
                    other => panic!("{other}"),
                }
            }
            let mut piece = [0; 4096];
            // What is left at the end of a burst is answered as well.
            let more = timeout(Duration::from_millis(20), stream.read(&mut piece)).await;
            match more {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(count)) => bytes.extend_from_slice(&piece[..count]),
                Err(_) => self.answer(&mut waiting, &mut stream).await,
            }
        }
    }

    async fn answer(&self, waiting: &mut Vec<(u64, u64)>, stream: &mut TcpStream) {
        for (number, message) in waiting.drain(..).rev() {
            let said = (self.answers)(message);
            if said.starts_with("200") {
                self.seen.lock().unwrap().taken.push(message);
            }
            let mut answer = format!("{number} rsp {} {said}\n", said.len());
            let is_over = self.ends_refusing && !said.starts_with("200");
            if is_over {
                answer += "0 serverclose 0\n";
            }
            let _ = stream.write_all(answer.as_bytes()).await;
            if is_over {
                let _ = stream.shutdown().await;
            }
        }
    }

    fn assert_all_taken(&self, count: u64, but: &[u64]) {
        let mut taken = self.seen.lock().unwrap().taken.clone();
        taken.sort_unstable();
        taken.dedup();
        let expected: Vec<_> = (0..count).filter(|n| !but.contains(n)).collect();
        assert!(taken == expected, "{} of {}", taken.len(), expected.len());
    }
}

/// Takes the first frame out of `bytes`.
fn frame(bytes: &mut Vec<u8>) -> Option<(u64, String, String)> {
    let head = bytes.iter().take(64).collect::<Vec<_>>();
    let mut fields = Vec::new();
    let mut start = 0;
    for (at, byte) in head.iter().enumerate() {
        if matches!(byte, b' ' | b'\n') {
            fields.push(String::from_utf8(bytes[start..at].to_vec()).unwrap());
            start = at + 1;
            if fields.len() == 3 {
                break;
            }
        }
    }
    let [number, command, length] = <[String; 3]>::try_from(fields).ok()?;
    let length: usize = length.parse().unwrap();
    let end = if length == 0 { start - 1 } else { start + length };
    if bytes.len() <= end {
        return None;
    }
    assert_eq!(bytes[end], b'\n');
    let data = String::from_utf8(bytes[start.min(end)..end].to_vec()).unwrap();
    bytes.drain(..=end);
    Some((number.parse().unwrap(), command, data))
}

fn over_relp(address: SocketAddr, limits: RelpLimits) -> Target {
    Target {
        transport: TransportKind::Relp { trust: None, limits },
        encoder: Encoder::new(Framing::Relp, None),
        ..target(address)
    }
}

const LIMITS: RelpLimits = RelpLimits { window: 100, last_number: RelpLimits::LAST_NUMBER };

#[tokio::test]
async fn it_delivers_everything_and_closes_the_session() {
    for each in [1, 7] {
        let (listener, address) = listen().await;
        let receiver = RelpReceiver { each, ..RelpReceiver::new(|_| "200 OK") };
        receiver.serve(listener);
        let mut sending = Sending::to(over_relp(address, LIMITS));
        sending.feed(0..5_000, 77);
        sending.confirmed(5_000).await;
        assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 5_000));
        let seen = receiver.seen.lock().unwrap();
        assert_eq!((seen.got.len(), seen.sessions, seen.closed), (5_000, 1, 1));
        drop(seen);
        receiver.assert_all_taken(5_000, &[]);
    }
}

#[tokio::test]
async fn a_session_ends_before_its_numbers_do() {
    let (listener, address) = listen().await;
    let receiver = RelpReceiver::new(|_| "200 OK");
    receiver.serve(listener);
    let sending = Sending::to(over_relp(address, RelpLimits { last_number: 102, ..LIMITS }));
    sending.feed(0..1_000, 77);
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 1_000));
    let seen = receiver.seen.lock().unwrap();
    // The last one has no more to do, if nobody has told before that there is nothing.
    assert!((10..=11).contains(&seen.sessions), "100 messages each: {}", seen.sessions);
    assert_eq!(seen.closed, seen.sessions);
    assert_eq!(seen.taken, (0..1_000).collect::<Vec<_>>(), "nothing comes twice");
}

#[tokio::test]
async fn what_is_not_answered_is_sent_again() {
    let (listener, address) = listen().await;
    let receiver = RelpReceiver { ends_after: 50, ..RelpReceiver::new(|_| "200 OK") };
    receiver.serve(listener);
    let sending = Sending::to(over_relp(address, LIMITS));
    sending.feed(0..600, 77);
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 600));
    receiver.assert_all_taken(600, &[]);
    let seen = receiver.seen.lock().unwrap();
    // At each end, the one that was not answered, and those that were under way.
    assert!(seen.sessions >= 12 && seen.got.len() <= 600 + 12 * LIMITS.window, "{}", seen.sessions);
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_given_up() {
    is_given_up(false).await;
}

#[tokio::test]
async fn nor_is_that_overlooked_where_the_receiver_ends_the_session_with_it() {
    is_given_up(true).await;
}

async fn is_given_up(ends_refusing: bool) {
    const BAD: u64 = 150;
    let (listener, address) = listen().await;
    let refuse = |n| if n == BAD { "500 not this one" } else { "200 OK" };
    let receiver = RelpReceiver { ends_refusing, ..RelpReceiver::new(refuse) };
    receiver.serve(listener);
    let sending = Sending::to(over_relp(address, LIMITS));
    let losses = sending.losses.clone();
    sending.feed(0..400, 77);
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 400));
    receiver.assert_all_taken(400, &[BAD]);
    let seen = receiver.seen.lock().unwrap();
    assert_eq!(seen.got.iter().filter(|&&n| n == BAD).count(), 3);
    assert!(seen.got.len() <= 400 + LIMITS.window + 2, "{}", seen.got.len());
    assert_eq!(losses.lines(Reason::Rejected), 1);
}

#[tokio::test]
async fn told_to_leave_it_waits_for_the_answers() {
    let (listener, address) = listen().await;
    let receiver = RelpReceiver { each: 50, ..RelpReceiver::new(|_| "200 OK") };
    receiver.serve(listener);
    let sending = Sending::to(over_relp(address, LIMITS));
    sending.feed(0..20, 20);
    while receiver.seen.lock().unwrap().got.len() < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sending.leave.cancel();
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 20));
    assert_eq!(receiver.seen.lock().unwrap().closed, 1);
}

/// It holds what it got, and dies: nothing of it counts, whatever TCP says.
#[tokio::test]
async fn what_hangs_has_taken_nothing() {
    let (listener, address) = listen().await;
    let sending = Sending::to(over_relp(address, LIMITS));
    sending.feed(0..20, 20);
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    while frame(&mut bytes).is_none() {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    stream.write_all(b"1 rsp 6 200 OK\n").await.unwrap();
    let mut got = 0;
    while got < 20 * WIDTH {
        got += stream.read_buf(&mut bytes).await.unwrap();
    }
    drop(stream);
    let receiver = RelpReceiver::new(|_| "200 OK");
    receiver.serve(listener);
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 20));
    receiver.assert_all_taken(20, &[]);
}

#[tokio::test]
async fn a_receiver_without_relp_is_named() {
    for answer in
        [&b"220 smtp.example ESMTP\r\n"[..], b"0 serverclose 0\n", b"1 rsp 6 500 no\n", b""]
    {
        let (listener, address) = listen().await;
        let target = over_relp(address, LIMITS);
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let (probe, ()) = tokio::join!(super::super::probe(&target), serve);
        let error = probe.outcome.unwrap_err();
        assert!(
            error.starts_with("RELP with 127.0.0.1 (") && error.contains("look at its own log")
                || error.contains("does not open a session: \"500 no\"")
                || error.contains("check that destination.port speaks RELP"),
            "{error}"
        );
    }
}

/// What TCP has not proven is framed anew, and back again.
#[tokio::test]
async fn what_another_way_has_not_proven_moves_to_it_and_back() {
    let ((_silent, silent), (listener, address)) = (listen().await, listen().await);
    let receiver = RelpReceiver { each: 1_000, ..RelpReceiver::new(|_| "450 not now") };
    receiver.serve(listener);
    let sending = Sending::to(target(silent));
    within(30, sending.feed(0..300, 100)).await.unwrap();
    sending.retarget.send(over_relp(address, LIMITS).into()).unwrap();
    while receiver.seen.lock().unwrap().got.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (plain, address) = listen().await;
    sending.retarget.send(target(address).into()).unwrap();
    let read = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        frames(&bytes)
    });
    assert_eq!(sending.finish().await, (Outcome { messages: 0 }, 300));
    assert_eq!(tally(&read.await.unwrap(), 300), (0, 0));
}
