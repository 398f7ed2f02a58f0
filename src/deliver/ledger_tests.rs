//! Tests of [`super::Ledger`].

use std::sync::Arc;

use proptest::prelude::*;

use super::super::testing::{numbered, offsets};
use super::*;
use crate::deliver::proof::Evidence;
use crate::pipeline::position::SourceId;
use crate::syslog::{Encoder, Framing};

/// A batch of the frames `numbers`, and one mark behind the last whose offset counts frames.
fn batch(numbers: std::ops::Range<u64>) -> Batch {
    numbered(numbers, 20)
}

fn reached(ledger: &mut Ledger) -> Option<u64> {
    offsets(&ledger.take_confirmed().updates).last().copied()
}

fn write_all(ledger: &mut Ledger) -> Vec<u8> {
    let mut wire = Vec::new();
    loop {
        let piece = ledger.unwritten(usize::MAX);
        if piece.is_empty() {
            return wire;
        }
        wire.extend_from_slice(piece);
        let count = piece.len();
        ledger.wrote(count);
    }
}

#[test]
fn after_a_reset_everything_unconfirmed_is_written_again() {
    let mut ledger = Ledger::default();
    ledger.connected();
    ledger.push(batch(0..3));
    ledger.push(batch(3..5));
    let first = write_all(&mut ledger);
    ledger.confirm_up_to(0);
    ledger.connected();
    assert_eq!(write_all(&mut ledger), first);
    assert_eq!((reached(&mut ledger), ledger.unconfirmed_messages()), (None, 5));
}

#[test]
fn after_a_fin_it_goes_on_with_the_frame_that_was_not_wholly_acknowledged() {
    let mut ledger = Ledger::default();
    ledger.connected();
    ledger.push(batch(0..3));
    ledger.push(batch(3..5));
    write_all(&mut ledger);
    ledger.confirm_up_to(75);
    assert_eq!((reached(&mut ledger), ledger.unconfirmed_messages()), (Some(3), 2));
    ledger.connected();
    assert_eq!(write_all(&mut ledger), batch(3..5).bytes);
    ledger.confirm_up_to(40);
    assert_eq!(reached(&mut ledger), Some(5));
    assert!(ledger.is_settled());
    let tally = Tally {
        written_messages: 7,
        written_bytes: 140,
        resent_messages: 2,
        confirmed_messages: 5,
        confirmed_bytes: 100,
    };
    assert_eq!(ledger.tally(), tally);
}

#[test]
fn what_is_not_confirmed_is_framed_anew_for_another_kind_of_receiver() {
    let mut ledger = Ledger::default();
    ledger.connected();
    ledger.push(batch(0..3));
    ledger.push(batch(3..5));
    write_all(&mut ledger);
    ledger.confirm_up_to(45);
    assert_eq!(reached(&mut ledger), None);
    let encoder = Encoder::new(Framing::Datagram, None);
    ledger.reframe(|batch| encoder.reframe(batch));
    ledger.connected();
    let bytes = batch(2..5).bytes;
    let expected: Vec<_> = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()).collect();
    for line in expected {
        assert_eq!(ledger.unwritten_frames().next(), Some(line));
        ledger.wrote(line.len());
    }
    assert_eq!(ledger.unwritten_bytes(), 0);
    ledger.confirm_up_to(3 * 19);
    assert_eq!(reached(&mut ledger), Some(5));
    assert!(ledger.is_settled());
}

#[test]
fn small_batches_keep_their_framing() {
    let encoder = Encoder::new(Framing::Datagram, None);
    let mut ledger = Ledger::default();
    ledger.push(encoder.reframe(&batch(0..3)));
    ledger.push(batch(3..5));
    ledger.push(encoder.reframe(&batch(5..6)));
    let lines = Encoder::new(Framing::Newline, None);
    ledger.reframe(|batch| lines.reframe(batch));
    assert_eq!(write_all(&mut ledger), batch(0..6).bytes);
}

/// Patterns drop all, and the receiver confirms nothing.
#[test]
fn marks_without_bytes_take_no_memory() {
    const SOURCES: u64 = 1000;
    let mut ledger = Ledger::default();
    ledger.push(batch(0..1));
    write_all(&mut ledger);
    for offset in 2..100_000 {
        let mut dropped = Batch { marks: batch(0..1).marks, ..Batch::default() };
        dropped.marks[0].end = 0;
        if let Update::Reached(reached) = &mut dropped.marks[0].update {
            let reached = Arc::make_mut(reached);
            reached.source.id = SourceId(offset % SOURCES);
            reached.position.offset = offset;
        }
        ledger.push(dropped);
        assert!(ledger.marks <= 2 * SOURCES as usize + 2, "{}", ledger.marks);
    }
    ledger.confirm_up_to(20);
    assert_eq!((ledger.marks, ledger.is_settled()), (0, true));
    let updates = ledger.take_confirmed().updates;
    let last: Vec<_> = offsets(&updates).into_iter().rev().take(SOURCES as usize).collect();
    assert_eq!(last, (100_000 - SOURCES..100_000).rev().collect::<Vec<_>>());
}

#[test]
fn with_very_many_marks_no_more_is_taken() {
    let mut ledger = Ledger::default();
    for number in 0..MOST_MARKS as u64 {
        assert!(!ledger.is_full());
        ledger.push(batch(number..number + 1));
    }
    assert!(ledger.is_full());
    write_all(&mut ledger);
    ledger.confirm_up_to(20);
    assert!(!ledger.is_full());
}

#[test]
fn a_mark_without_bytes_waits_for_what_lies_before_it() {
    let mut ledger = Ledger::default();
    let nothing_sent = |offset| Batch { marks: batch(0..offset).marks, ..Batch::default() };
    let mut first = nothing_sent(7);
    first.marks[0].end = 0;
    ledger.push(first);
    assert_eq!(reached(&mut ledger), Some(7));
    ledger.connected();
    ledger.push(batch(0..2));
    let mut second = nothing_sent(9);
    second.marks[0].end = 0;
    ledger.push(second);
    write_all(&mut ledger);
    assert_eq!(reached(&mut ledger), None);
    ledger.confirm_up_to(40);
    assert_eq!(reached(&mut ledger), Some(9));
    assert!(ledger.is_settled());
}

#[test]
fn pieces_end_with_a_frame_where_one_fits() {
    let mut ledger = Ledger::default();
    ledger.push(batch(0..5));
    assert_eq!(ledger.unwritten(50).len(), 40);
    assert_eq!(ledger.unwritten(40).len(), 40);
    assert_eq!(ledger.unwritten(19).len(), 19);
    ledger.wrote(19);
    assert_eq!(ledger.unwritten(50).len(), 41);
}

/// The memory that it takes, marks aside.
fn held(ledger: &Ledger) -> usize {
    ledger.entries.iter().map(Entry::capacity).sum()
}

#[test]
fn small_batches_in_large_buffers_cost_what_they_hold() {
    let mut ledger = Ledger::default();
    for number in 0..10_000 {
        let mut small = batch(number..number + 1);
        small.bytes.reserve(256 << 10);
        ledger.push(small);
        assert_eq!(ledger.take_confirmed().spare.len(), 1);
    }
    assert!(held(&ledger) <= 2 * 200_000, "{}", held(&ledger));
    assert!(ledger.entries.len() < 10);
    assert_eq!(write_all(&mut ledger), batch(0..10_000).bytes);
}

#[test]
fn batches_in_buffers_of_twice_their_size_cost_little_more_than_they_hold() {
    let mut ledger = Ledger::default();
    for from in (0..60_000).step_by(3000) {
        let mut half = batch(from..from + 3000);
        half.bytes.reserve_exact(half.bytes.len());
        ledger.push(half);
    }
    assert!(held(&ledger) <= 1_200_000 / 7 * 8, "{}", held(&ledger));
    assert_eq!(write_all(&mut ledger), batch(0..60_000).bytes);
}

#[test]
fn a_full_batch_is_kept_and_handed_back() {
    let mut ledger = Ledger::default();
    let full = batch(0..3000);
    let address = full.bytes.as_ptr();
    ledger.push(full);
    write_all(&mut ledger);
    assert!(ledger.take_confirmed().spare.is_empty());
    ledger.confirm_up_to(60_000);
    let spare = ledger.take_confirmed().spare;
    assert!(spare.len() == 1 && spare[0].is_empty() && spare[0].bytes.as_ptr() == address);
}

/// What happens to a connection, at random.
#[derive(Debug, Clone)]
enum Event {
    Push(u64),
    Write(usize),
    /// The receiver's TCP takes up to so many bytes.
    Arrive(u64),
    /// The receiver reads up to so many bytes.
    Read(u64),
    /// We look at the connection after so many milliseconds.
    Look,
    Reset,
    Fin,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0u64..200).prop_map(Event::Push),
        3 => (1usize..6000).prop_map(Event::Write),
        3 => (0u64..6000).prop_map(Event::Arrive),
        3 => (0u64..6000).prop_map(Event::Read),
        3 => Just(Event::Look),
        1 => Just(Event::Reset),
        1 => Just(Event::Fin),
    ];
    proptest::collection::vec(event, 1..300)
}

/// A receiver: its buffer, and the frames it has read over all connections.
#[derive(Default)]
struct Receiver {
    wire: Vec<u8>,
    acked: usize,
    read: usize,
    frames: Vec<u64>,
}

impl Receiver {
    const BUFFER: usize = 3000;

    fn disconnect(&mut self) {
        let read = &self.wire[..self.read];
        let numbers = read.chunks_exact(20).map(|f| std::str::from_utf8(f).unwrap().trim());
        self.frames.extend(numbers.map(|number| number.parse::<u64>().unwrap()));
        (self.acked, self.read) = (0, 0);
        self.wire.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens: what is confirmed was read, nothing is lost, order is kept, and without
    /// a reset nothing arrives twice.
    #[test]
    fn confirmed_means_read(events in events()) {
        let (mut ledger, mut receiver) = (Ledger::default(), Receiver::default());
        let (mut pushed, mut confirmed, mut resets) = (0, 0, 0);
        let window = |receiver: &Receiver| {
            Some((Receiver::BUFFER - (receiver.acked - receiver.read)) as u32)
        };
        ledger.connected();
        let mut evidence = Evidence::default();
        evidence.observe(0, window(&receiver));
        for event in events.into_iter().chain([Event::Reset, Event::Write(1 << 20), Event::Fin]) {
            match event {
                Event::Push(count) => {
                    ledger.push(batch(pushed..pushed + count));
                    pushed += count;
                }
                Event::Write(mut max) => loop {
                    let piece = ledger.unwritten(max);
                    if piece.is_empty() || max == 0 { break; }
                    receiver.wire.extend_from_slice(piece);
                    max -= piece.len();
                    let count = piece.len();
                    ledger.wrote(count);
                },
                Event::Arrive(count) => {
                    let room = Receiver::BUFFER - (receiver.acked - receiver.read);
                    let more = receiver.wire.len() - receiver.acked;
                    receiver.acked += more.min(room).min(count as usize);
                }
                Event::Read(count) => {
                    receiver.read += (receiver.acked - receiver.read).min(count as usize);
                }
                Event::Look => {
                    let acked = receiver.acked as u64;
                    ledger.confirm_up_to(evidence.observe(acked, window(&receiver)));
                }
                Event::Reset => {
                    resets += 1;
                    receiver.disconnect();
                    ledger.connected();
                    evidence = Evidence::default();
                    evidence.observe(0, window(&receiver));
                }
                Event::Fin => {
                    receiver.read = receiver.acked;
                    ledger.confirm_up_to(receiver.acked as u64);
                    receiver.disconnect();
                    ledger.connected();
                    evidence = Evidence::default();
                    evidence.observe(0, window(&receiver));
                }
            }
            let updates = ledger.take_confirmed().updates;
            if let Some(reached) = offsets(&updates).last() {
                prop_assert!(*reached >= confirmed);
                confirmed = *reached;
                let read_now = receiver.read / 20;
                let read = receiver.frames.len() + read_now;
                prop_assert!(confirmed as usize <= read);
            }
        }
        // Deliver the rest and look at all that was read.
        receiver.wire.extend(write_all(&mut ledger));
        receiver.acked = receiver.wire.len();
        receiver.read = receiver.acked;
        ledger.confirm_up_to(receiver.acked as u64);
        receiver.disconnect();
        prop_assert!(ledger.is_settled());
        if resets == 1 {
            // Only the one before the end: at most what was unconfirmed by then came twice.
            prop_assert!(receiver.frames.len() >= pushed as usize);
        }
        let mut next = 0;
        for frame in receiver.frames {
            prop_assert!(frame <= next, "{} skipped before {}", next, frame);
            next = next.max(frame + 1);
        }
        prop_assert_eq!(next, pushed);
    }

    /// With clean closes only, every frame arrives exactly once.
    #[test]
    fn after_a_fin_nothing_comes_twice(
        rounds in proptest::collection::vec((0u64..50, 0u64..2000), 1..30),
    ) {
        let mut ledger = Ledger::default();
        let (mut pushed, mut frames) = (0, Vec::new());
        for (count, acked) in rounds.into_iter().chain([(0, 1 << 20)]) {
            ledger.connected();
            ledger.push(batch(pushed..pushed + count));
            pushed += count;
            let wire = write_all(&mut ledger);
            let acked = acked.min(wire.len() as u64);
            ledger.confirm_up_to(acked);
            frames.extend_from_slice(&wire[..acked as usize / 20 * 20]);
        }
        prop_assert!(ledger.is_settled());
        prop_assert_eq!(frames, batch(0..pushed).bytes);
    }
}

#[test]
fn the_same_source_is_told_once() {
    let mut ledger = Ledger::default();
    ledger.push(batch(0..1));
    ledger.push(batch(1..2));
    let mut other = batch(2..3);
    if let Update::Reached(reached) = &mut other.marks[0].update {
        Arc::make_mut(reached).source.id = SourceId(2);
    }
    ledger.push(other);
    write_all(&mut ledger);
    ledger.confirm_up_to(60);
    assert_eq!(offsets(&ledger.take_confirmed().updates), [2, 3]);
}
