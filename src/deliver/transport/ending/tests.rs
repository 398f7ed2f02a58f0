//! Every receiver and proxy that was met, against the rule and the trials.

use super::proof::{LIBRARY, PROMPT, SETTLED};
use super::trial::PROBATION;
use super::*;

fn close_proves(facts: &Facts) -> bool {
    proof(facts, GoodEnd::Closed) == Proof::ALL
}

/// How much one proves that said `close_notify` and closed by itself, or waited for us.
fn farewell(facts: &Facts, was_quiet: bool) -> (Proof, Proof) {
    let end = |waited| proof(facts, GoodEnd::Farewell { was_quiet, waited });
    (end(false), end(true))
}

fn answer_proves(facts: &Facts, after: Duration, may_be_late: bool) -> bool {
    proof(facts, GoodEnd::Answered { after, may_be_late }) == Proof::ALL
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A connection of this age, used from its beginning.
fn facts(age: f64) -> Facts {
    Facts {
        age: seconds(age),
        used: seconds(age),
        acked: 1000,
        passed: None,
        round_trip: seconds(0.001),
        least_round_trip: seconds(0.001),
        proxied: false,
    }
}

#[test]
fn the_close_of_a_young_connection_proves_nothing() {
    for age in [0.001, 1.0, 3.0, 20.1] {
        assert!(!close_proves(&facts(age)), "haproxy, socat, syslog-ng, rsyslogd's imrelp");
        assert!(!close_proves(&Facts { acked: 200_000, ..facts(age) }));
        assert!(close_proves(&Facts { acked: 1_100_000, ..facts(age) }));
    }
    assert!(!close_proves(&facts(121.0)), "haproxy on pfSense");
    assert!(
        has_lasted(&facts(31.0)) && !has_lasted(&facts(5.0)),
        "what it is given is another matter"
    );
    assert!(close_proves(&facts(151.0)));
}

#[test]
fn behind_a_proxy_no_close_proves_anything_and_our_own_only_when_old() {
    let old = Facts { proxied: true, ..facts(3600.2) };
    assert!(!close_proves(&old) && answer_proves(&old, seconds(0.1), false));
    let proxied = Facts { proxied: true, ..facts(31.2) };
    assert!(answer_proves(&proxied, seconds(0.1), false) && close_from(&proxied).is_zero());
    assert!(!answer_proves(&proxied, seconds(2.0), true), "it may give up its server");
    assert_eq!(proof(&old, GoodEnd::HalfClosed), Proof::Nothing);
    assert_eq!(proof(&facts(5.0), GoodEnd::HalfClosed), Proof::ALL);
    let young = Facts { proxied: true, ..facts(5.0) };
    assert!(!answer_proves(&young, seconds(0.2), true));
    assert_eq!(close_from(&young), seconds(25.15));
}

/// One without a server has a time-out of 40 s, or of some minutes, which ends behind our close.
#[test]
fn behind_a_proxy_a_time_out_is_not_taken_for_an_answer_however_old_the_connection() {
    for gives_up in [31.0, 40.0, 120.0, 240.0] {
        let proxied = |age| Facts { proxied: true, ..facts(age) };
        // It counts from its beginning, or from the first message.
        let connected = Facts { used: seconds(gives_up - 0.55), ..proxied(gives_up - 0.2) };
        let asked = Facts { age: seconds(gives_up + 3.25), ..proxied(gives_up - 0.2) };
        // Its kernel delays acknowledgements.
        let delayed = Facts { round_trip: seconds(0.2), ..proxied(gives_up - 0.2) };
        for facts in [proxied(gives_up - 0.2), connected, asked, delayed] {
            for late in [0.0, 0.05, 0.099] {
                assert!(!answer_proves(&facts, seconds(0.2 + late), true), "{facts:?}");
            }
            let wait = close_from(&facts);
            assert!(seconds(0.2) < wait && wait < seconds(1.0), "{wait:?} {facts:?}");
        }
        let late = proxied(gives_up - 1.0);
        assert!(!answer_proves(&late, seconds(1.0), true), "however long it was awaited");
        // What fills no buffer was read by somebody.
        let much = Facts { acked: 1_100_000, ..proxied(gives_up - 0.2) };
        assert!(close_from(&much).is_zero() && answer_proves(&much, seconds(0.2), false));
    }
}

/// Whatever lies between the moments at which they began, and however far the receiver is.
#[test]
fn our_close_waits_for_less_than_a_second_until_both_clocks_allow_it() {
    for hundredths in 0..200 {
        let began = f64::from(hundredths) / 100.0;
        for round_trip in [0.001, 0.04, 0.4, 0.8, 1.3] {
            for (proxied, settled) in [(false, SETTLED), (true, YOUNG)] {
                let used = f64::from(hundredths % 7) / 3.0;
                let start = Facts { used: seconds(used), proxied, ..facts(began + used) };
                let far = seconds(round_trip);
                let start = Facts { round_trip: far, least_round_trip: far, ..start };
                let wait = close_from(&start);
                let settles = settled.saturating_sub(start.used);
                assert!(settles <= wait && wait < settles + seconds(1.0), "{wait:?} {start:?}");
                let closed = Facts { age: start.age + wait, used: start.used + wait, ..start };
                assert!(close_from(&closed).is_zero(), "{closed:?}");
                // Kernels wait with acknowledgements, so that a round trip seems longer than it is.
                for after in [0.0, round_trip / 2.0, round_trip, round_trip + 0.14] {
                    let after = seconds(after);
                    assert!(answer_proves(&closed, after, false), "{closed:?} {after:?}");
                }
            }
        }
    }
}

#[test]
fn an_answer_proves_when_it_was_caused_by_our_close() {
    assert!(answer_proves(&facts(1.3), seconds(0.01), false));
    assert!(!answer_proves(&facts(1.3), seconds(1.7), true), "haproxy gives up after 3 s");
    assert!(answer_proves(&facts(160.0), seconds(1.7), true), "it had much to read");
    assert!(!answer_proves(&facts(160.0), seconds(1.7), false), "it hung and was stopped");
    let far = Facts { round_trip: seconds(0.4), ..facts(1.3) };
    assert!(answer_proves(&far, seconds(0.9), false));
}

#[test]
fn our_close_waits_for_a_time_at_which_no_proxy_gives_up() {
    for tenths in 0..60 {
        let facts = facts(f64::from(tenths) / 10.0);
        let wait = close_from(&facts);
        let at = facts.age + wait;
        assert!(at >= SETTLED && wait < seconds(2.0), "{at:?}");
        let latest = (at + prompt(&facts)).as_millis() % 1000;
        assert!((150..950).contains(&latest), "{at:?}");
    }
    assert_eq!(close_from(&facts(151.0)), Duration::ZERO);
}

/// It closes after 100 lines, half a second each time.
#[test]
fn a_worker_with_a_limit_passes_the_trial_and_counts() {
    let suspicion = Suspicion { age: seconds(0.5), used: seconds(0.5), ..Suspicion::default() };
    let trial = suspicion.trial();
    assert_eq!((trial.quiet, trial.watch), (seconds(1.65), seconds(0.5)));
    let passed = Some(Passed { trial, alone: trial.quiet });
    for at_work in [2.15, 2.4, 2.6, 3.2] {
        let facts = Facts { passed, ..facts(at_work) };
        assert!(close_proves(&facts));
        assert_eq!(farewell(&facts, true), (Proof::ALL, Proof::ALL));
        assert_eq!(farewell(&facts, false), (Proof::Nothing, Proof::Nothing));
    }
    // It was watched for half a second, then it got the rest at once.
    assert!(close_proves(&Facts { passed, used: seconds(0.55), ..facts(2.2) }));
    assert!(!close_proves(&Facts { passed, ..facts(2.95) }), "a proxy may give up then");
    assert!(!close_proves(&Facts { passed, ..facts(5.2) }), "it has not just passed");
    // While the next one works for five seconds, this one is left alone.
    let waited = Some(Passed { trial, alone: seconds(5.0) });
    assert!(close_proves(&Facts { passed: waited, ..facts(10.5) }));
    let again = Suspicion { has_passed: true, ..suspicion }.trial();
    assert_eq!((again.quiet, again.watch), (seconds(1.125), seconds(0.2)));
}

/// It closes after 1,000 lines: after five seconds first, and much sooner where there are many
/// to be sent.
#[test]
fn one_with_a_larger_limit_is_not_left_alone_for_long_once_it_has_passed() {
    let five = Suspicion { age: seconds(5.0), used: seconds(5.0), ..Suspicion::default() };
    let trial = Suspicion { times: 2, ..five }.trial();
    assert_eq!(trial.quiet, seconds(7.65));
    let trial = Suspicion { times: 2, has_passed: true, ..five }.trial();
    assert_eq!(trial.quiet, seconds(1.0));
    let passed = Some(Passed { trial, alone: seconds(2.0) });
    assert!(close_proves(&Facts { passed, ..facts(3.3) }));
    assert!(!close_proves(&Facts { passed, ..facts(4.3) }), "near what it was suspicious of");
}

/// haproxy with `tcp-request inspect-delay` asks its server when the first message has come.
#[test]
fn a_proxy_that_waits_for_the_first_message_passes_its_trial_and_does_not_count() {
    let mut suspicion = Suspicion::default();
    let mut ended = facts(3.0);
    for _ in 0..4 {
        assert!(!close_proves(&ended), "{ended:?}");
        let outlived = ended.passed.is_some_and(|it| ended.age <= it.holds_until());
        suspicion = suspicion.after(ended.age, ended.used, outlived);
        let trial = suspicion.trial();
        let passed = Some(Passed { trial, alone: trial.quiet });
        ended = Facts { passed, age: trial.quiet + seconds(3.0), ..facts(3.0) };
    }
}

/// It closes what has been idle for so long, and lives on while something comes.
#[test]
fn one_that_closes_what_is_idle_is_used_halfway_and_closed_in_time() {
    for idle in [2.0, 3.0, 5.0, 10.0, 20.0, 29.0] {
        let left_alone = Suspicion::default().after(seconds(idle), seconds(idle), false);
        assert_eq!(left_alone.approach, Approach::LeftAlone);
        let halfway = left_alone.after(seconds(idle), Duration::ZERO, false);
        let trial = halfway.trial();
        assert_eq!(trial.approach, Approach::Halfway);
        assert!(trial.quiet + trial.watch < seconds(idle), "{trial:?}");
        // Our close: once it has outlived the others, in a part of a second that counts.
        let at = trial.outlived_at().max(trial.quiet + SETTLED);
        let closes = at + until_phase(at);
        assert!(closes + PROMPT < trial.quiet + seconds(idle + 0.1), "{closes:?} {trial:?}");
        let passed = Some(Passed { trial, alone: trial.quiet });
        let end = trial.quiet + seconds(idle);
        assert!(!close_proves(&Facts { passed, age: end, ..facts(idle) }));
        // It closes before we do: the others are told by that age all the same.
        let ended = halfway.after(end, seconds(idle), false);
        assert_eq!((ended.approach, ended.age), (Approach::Halfway, seconds(idle)));
    }
}

/// At that age it closes, whatever comes.
#[test]
fn a_proxy_that_is_used_halfway_is_left_alone_again() {
    let suspicion = Suspicion::default().after(seconds(3.0), Duration::ZERO, false);
    assert_eq!(suspicion.approach, Approach::Halfway);
    let suspicion = suspicion.after(seconds(3.01), seconds(1.4), false);
    assert_eq!(suspicion.approach, Approach::LeftAlone);
    let mut suspicion = suspicion.after(seconds(3.0), Duration::ZERO, false);
    // Its server runs again, as is seen in the end.
    for _ in 0..PROBATION {
        assert_eq!(suspicion.approach, Approach::Halfway);
        suspicion = suspicion.after_renewal();
    }
    assert_eq!(suspicion.approach, Approach::LeftAlone);
}

/// Whoever says close_notify may have a library that throws away what comes.
#[test]
fn a_farewell_over_tls_proves_what_no_library_can_hold() {
    let old = facts(3600.0);
    assert!(close_proves(&old));
    for was_quiet in [true, false] {
        assert_eq!(farewell(&old, was_quiet), (Proof::AllBut(LIBRARY), Proof::Nothing));
        assert_eq!(farewell(&facts(3.0), was_quiet), (Proof::Nothing, Proof::Nothing));
        let proxied = Facts { proxied: true, ..old };
        assert_eq!(farewell(&proxied, was_quiet), (Proof::Nothing, Proof::Nothing));
    }
}

/// The proxy's time-out is longer than the first trial.
#[test]
fn a_proxy_never_passes_a_trial_that_counts() {
    for gives_up in [0.001, 1.0, 3.0, 5.0, 8.0, 10.0, 16.0, 20.0, 29.0] {
        let ends = Facts { used: seconds(gives_up), ..facts(gives_up) };
        let mut suspicion = Suspicion::default();
        for times in 1..4 {
            assert!(!close_proves(&ends));
            suspicion = Suspicion { age: ends.age, used: ends.used, times, ..suspicion };
            let trial = suspicion.trial();
            if trial.quiet + trial.watch < ends.age {
                let passed = Some(Passed { trial, alone: trial.quiet });
                let tried = Facts { passed, ..ends };
                assert!(!close_proves(&tried), "{gives_up} {times}");
            }
        }
        assert!(suspicion.trial().quiet > ends.age, "it gives itself away: {gives_up}");
    }
}
