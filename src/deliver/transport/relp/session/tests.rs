//! Sessions against a model of the receiver.

use proptest::prelude::*;

use super::*;

const LIMITS: RelpLimits = RelpLimits { window: 4, last_number: RelpLimits::LAST_NUMBER };

fn frame<'a>(number: u32, command: &'a str, data: &'a str) -> RelpFrame<'a> {
    RelpFrame { number, command: command.as_bytes(), data: data.as_bytes() }
}

/// The first message was refused so often, and others were taken or not.
fn refused(times: u32, takes_others: bool) -> Refusals {
    Refusals { times, takes_others }
}

fn opened(limits: RelpLimits, refusals: Refusals) -> RelpSession {
    let mut session = RelpSession::new(limits, refusals);
    let offers = "200 OK\nrelp_version=1\ncommands=eventlog,syslog";
    session.hear(frame(1, "rsp", offers)).unwrap();
    session
}

/// Sends messages of 10 bytes as long as there is room; how many.
fn fill(session: &mut RelpSession, from: u64) -> u64 {
    let mut count = 0;
    while session.send((from + count + 1) * 10, &mut [0; 9]) {
        count += 1;
    }
    count
}

#[test]
fn it_is_opened_first() {
    let mut session = RelpSession::new(LIMITS, Refusals::default());
    assert!(!session.send(10, &mut [0; 9]), "before the answer");
    for (answer, told) in [
        ("500 required command not supported", "required command"),
        ("200 OK\ncommands=eventlog", "no syslog"),
        ("hello", "hello"),
    ] {
        let over = RelpSession::new(LIMITS, Refusals::default())
            .hear(frame(1, "rsp", answer))
            .unwrap_err();
        assert!(matches!(&over, Over::Broken(text) if text.contains(told)), "{over:?}");
    }
    assert!(RelpSession::new(LIMITS, Refusals::default()).hear(frame(2, "rsp", "200 OK")).is_err());
    session.hear(frame(1, "rsp", "200 OK")).unwrap();
    assert!(session.is_open());
}

#[test]
fn no_more_than_a_window_is_under_way() {
    let mut session = opened(LIMITS, Refusals::default());
    let mut field = *b"000000000";
    assert!(session.send(10, &mut field));
    assert_eq!(&field, b"000000002", "1 was open");
    assert_eq!(fill(&mut session, 1), 3);
    session.hear(frame(3, "rsp", "200 OK")).unwrap();
    assert_eq!((session.proven(), session.unanswered()), (0, 4), "2 is not answered");
    session.hear(frame(2, "rsp", "200 OK")).unwrap();
    assert_eq!((session.proven(), session.unanswered()), (20, 2));
    // Again, which changes nothing.
    session.hear(frame(2, "rsp", "200 OK")).unwrap();
    assert_eq!(session.proven(), 20);
    assert!(matches!(session.hear(frame(9, "rsp", "200 OK")), Err(Over::Broken(_))));
    assert!(matches!(session.hear(frame(0, "abort", "")), Err(Over::Broken(_))));
}

#[test]
fn it_is_closed_when_all_is_answered() {
    let mut session = opened(LIMITS, Refusals::default());
    fill(&mut session, 0);
    assert_eq!(session.close(), None);
    for number in 2..6 {
        session.hear(frame(number, "rsp", "200 OK")).unwrap();
    }
    assert_eq!(session.close().unwrap(), b"6 close 0\n");
    assert!(!session.is_closed() && !session.is_open());
    session.hear(frame(6, "rsp", "")).unwrap();
    session.hear(frame(0, "serverclose", "")).unwrap();
    assert!(session.is_closed());
}

#[test]
fn the_receiver_may_end_it_at_any_time() {
    assert_eq!(
        RelpSession::new(LIMITS, Refusals::default()).hear(frame(0, "serverclose", "")),
        Err(Over::ServerClose)
    );
    let mut session = opened(LIMITS, Refusals::default());
    fill(&mut session, 0);
    session.hear(frame(2, "rsp", "200 OK")).unwrap();
    assert_eq!(session.hear(frame(0, "serverclose", "")), Err(Over::ServerClose));
    assert_eq!(session.proven(), 10);
}

#[test]
fn numbers_end_and_one_is_left_for_close() {
    let mut session = opened(RelpLimits { window: 100, last_number: 5 }, Refusals::default());
    assert_eq!(fill(&mut session, 0), 3, "2, 3 and 4");
    assert!(!session.is_used_up(), "they are not answered");
    for number in 2..5 {
        session.hear(frame(number, "rsp", "200 OK")).unwrap();
    }
    assert!(session.is_used_up() && !session.has_room());
    assert_eq!(session.close().unwrap(), b"5 close 0\n");
}

#[test]
fn what_is_refused_is_sent_again_when_all_before_it_is_answered() {
    let mut session = opened(LIMITS, Refusals::default());
    fill(&mut session, 0);
    session.hear(frame(4, "rsp", "500 no")).unwrap();
    session.hear(frame(3, "rsp", "500 not at all")).unwrap();
    assert!(!session.has_room());
    assert_eq!(
        session.hear(frame(2, "rsp", "200 OK")),
        Err(Over::Rejected("500 not at all".into()))
    );
    assert_eq!((session.proven(), session.refusals()), (10, refused(1, true)));
}

#[test]
fn what_is_refused_for_good_three_times_is_given_up() {
    for times in 1..=2 {
        let mut session = opened(LIMITS, refused(times, true));
        assert_eq!(fill(&mut session, 0), 1, "alone");
        let answer = session.hear(frame(2, "rsp", "550 no"));
        if times < 2 {
            assert_eq!(answer, Err(Over::Rejected("550 no".into())));
            assert_eq!(session.refusals(), refused(times + 1, true));
        } else {
            assert_eq!(answer, Ok(true));
            let given_up = session.take_given_up();
            assert_eq!(given_up, Some("550 no".to_owned()));
            assert_eq!((session.proven(), session.refusals()), (10, Refusals::default()));
            assert_eq!(fill(&mut session, 1), 4);
        }
    }
}

#[test]
fn what_is_refused_for_now_is_never_given_up() {
    for code in ["450 later", "", "999 what"] {
        let mut session = opened(LIMITS, refused(50, true));
        fill(&mut session, 0);
        let answer = session.hear(frame(2, "rsp", code));
        assert_eq!(answer, Err(Over::Rejected(code.into())));
        assert_eq!((session.refusals(), session.proven()), (refused(51, true), 0));
    }
    // Where it is taken at last, the others follow.
    let mut session = opened(LIMITS, refused(50, true));
    fill(&mut session, 0);
    session.hear(frame(2, "rsp", "200")).unwrap();
    assert_eq!((fill(&mut session, 1), session.refusals()), (4, Refusals::default()));
}

/// What the first message's refusal for the third time, and what follows, leads to: how many others may be sent.
fn put_on_hold(times: u32) -> (RelpSession, u64) {
    let mut session = opened(RelpLimits { window: 100, ..LIMITS }, refused(times, false));
    assert_eq!(fill(&mut session, 0), 1, "alone");
    session.hear(frame(2, "rsp", "500 disk full")).unwrap();
    let others = fill(&mut session, 1);
    (session, others)
}

#[test]
fn where_all_is_refused_nothing_is_given_up_for_long() {
    for (times, most) in [(2, 1), (3, 2), (4, 4), (5, 8)] {
        let (mut session, others) = put_on_hold(times);
        assert_eq!((others, session.take_given_up()), (most, None));
        for number in 3..2 + most as u32 {
            assert_eq!(session.hear(frame(number, "rsp", "500 disk full")), Ok(true));
        }
        let last = session.hear(frame(2 + most as u32, "rsp", "500 disk full"));
        assert_eq!(last, Err(Over::Rejected("500 disk full".into())));
        assert_eq!((session.proven(), session.refusals()), (0, refused(times + 1, false)));
    }
    let (mut session, _) = put_on_hold(GIVEN_UP_AT_LAST - 1);
    assert!(session.take_given_up().is_some() && session.proven() == 10);
    // Nothing else comes that could be tried.
    let (mut session, _) = put_on_hold(2);
    assert_eq!(session.end_hold(), Some("500 disk full".to_owned()));
    assert_eq!((session.refusals(), session.end_hold()), (refused(3, false), None));
}

#[test]
fn where_another_one_is_taken_it_is_given_up_when_it_is_refused_once_more() {
    let (mut session, _) = put_on_hold(2);
    let taken = session.hear(frame(3, "rsp", "200 OK"));
    assert_eq!(taken, Err(Over::Rejected("500 disk full".into())));
    assert_eq!((session.proven(), session.refusals()), (0, refused(3, true)));
    let mut session = opened(LIMITS, session.refusals());
    fill(&mut session, 0);
    assert_eq!(session.hear(frame(2, "rsp", "500 never")), Ok(true));
    assert!(session.take_given_up().is_some() && session.proven() == 10);
}

/// What the model does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(usize),
    /// The receiver answers one of those it has got: 0 the oldest.
    Answer(usize, &'static str),
    ServerClose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..9).prop_map(Step::Send),
        8 => (0usize..3).prop_map(|at| Step::Answer(at, "200 OK")),
        1 => (0usize..3).prop_map(|at| Step::Answer(at, "500 no")),
        1 => (0usize..3).prop_map(|at| Step::Answer(at, "421 later")),
        1 => Just(Step::ServerClose),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Messages are numbered. The receiver notes which it has taken, and that is the oracle: nothing else
    /// is ever proven, but what was given up; and numbers are 2, 3, 4, … in each session.
    #[test]
    fn only_what_was_taken_or_given_up_is_proven(
        steps in steps(), window in 1usize..7, last_number in 4u32..30,
    ) {
        let limits = RelpLimits { window, last_number };
        let (mut taken, mut given_up) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        // The first message of the session, and how many were sent in it.
        let (mut base, mut sent, mut refusals) = (0u64, 0u64, Refusals::default());
        let mut session = opened(limits, refusals);
        let mut waiting: Vec<u32> = Vec::new();
        for step in steps {
            let mut over = None;
            match step {
                Step::Send(most) => for _ in 0..most {
                    let mut field = *b"000000000";
                    if !session.send(sent + 1, &mut field) { break; }
                    let number: u32 = std::str::from_utf8(&field).unwrap().parse().unwrap();
                    prop_assert_eq!(u64::from(number), sent + 2);
                    prop_assert!(number < last_number);
                    sent += 1;
                    waiting.push(number);
                    prop_assert!(waiting.len() <= window);
                },
                Step::Answer(at, answer) if at < waiting.len() => {
                    let number = waiting.remove(at);
                    let message = base + u64::from(number) - 2;
                    if answer.starts_with("200") { taken.insert(message); }
                    match session.hear(frame(number, "rsp", answer)) {
                        Ok(_) => {}
                        Err(why) => over = Some(why),
                    }
                    if session.take_given_up().is_some() {
                        prop_assert!(answer.starts_with("500"));
                        given_up.insert(message);
                    }
                }
                Step::Answer(..) => {}
                Step::ServerClose => over = session.hear(frame(0, "serverclose", "")).err(),
            }
            for message in 0..base + session.proven() {
                prop_assert!(taken.contains(&message) || given_up.contains(&message), "{}", message);
            }
            if session.is_used_up() {
                session.close().unwrap();
                over = Some(Over::ServerClose);
            }
            if over.is_some() {
                let same = session.proven() == 0;
                prop_assert!(session.refusals().times <= refusals.times + 1 || !same);
                base += session.proven();
                (sent, refusals) = (0, session.refusals());
                session = opened(limits, refusals);
                waiting.clear();
            }
        }
    }
}
