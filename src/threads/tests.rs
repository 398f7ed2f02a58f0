use std::process::Command;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::*;

/// While this is there, a paused clock of tokio stands still, as it does for tokio's own threads.
pub(super) fn hold_clock() -> mpsc::Sender<()> {
    let (held, released) = mpsc::channel();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || released.recv());
    }
    held
}

/// A pool of its own for as long as the tests run.
fn pool() -> &'static Pool {
    Box::leak(Box::new(Pool::new()))
}

fn task(work: impl FnOnce() + Send + 'static) -> Task {
    Task { name: "test", work: Box::new(work) }
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20));
        thread::yield_now();
    }
}

#[test]
fn work_that_blocks_keeps_nobody_waiting() {
    let pool = pool();
    let (done, all_done) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    pool.start(task(move || {
        begun.send(()).unwrap();
        assert!(held.recv().is_err());
    }));
    // Until the one that there is has taken it, it waits as well.
    assert_eq!(has_begun.recv_timeout(Duration::from_secs(20)), Ok(()));
    for number in 0..3 {
        let done = done.clone();
        pool.start(task(move || done.send(number).unwrap()));
        assert_eq!(all_done.recv_timeout(Duration::from_secs(20)), Ok(number));
    }
    drop(hold);
    wait_until(|| {
        let state = lock(&pool.state);
        state.idle == state.threads
    });
}

#[test]
fn what_nobody_waits_for_any_more_is_left_out() {
    let pool = pool();
    let (done, all_done) = mpsc::channel();
    let (answer, result) = oneshot::channel::<()>();
    drop(result);
    let work = || panic!("nobody wants it");
    pool.start(Task {
        name: "test",
        work: Box::new(Question { work, answer, _clock: hold_clock() }),
    });
    pool.start(task(move || done.send(()).unwrap()));
    assert_eq!(all_done.recv_timeout(Duration::from_secs(20)), Ok(()));
}

#[test]
fn a_thread_has_the_name_of_its_work() {
    let (said, name) = mpsc::channel();
    let name_now = || std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    pool().start(task(move || said.send(name_now()).unwrap()));
    assert_eq!(name.recv_timeout(Duration::from_secs(20)).unwrap(), "test\n");
}

#[test]
fn what_takes_too_long_is_left() {
    let (hold, held) = mpsc::channel::<()>();
    assert_eq!(within(Duration::from_secs(20), "test", || 7), Some(7));
    assert_eq!(within(Duration::from_millis(1), "test", move || held.recv()), None);
    drop(hold);
}

#[test]
fn of_work_of_one_kind_one_is_done_at_a_time_and_then_the_last_that_came() {
    type Item = (u32, mpsc::Sender<u32>, mpsc::Receiver<()>);
    static LATEST: Latest<Item> = Latest::new();
    let (begin, begun) = mpsc::channel();
    let ask = |number| {
        let (hold, held) = mpsc::channel();
        LATEST.start("test", (number, begin.clone(), held), |(number, begin, held)| {
            begin.send(number).unwrap();
            assert!(held.recv().is_err());
        });
        hold
    };
    let first = ask(1);
    assert_eq!(begun.recv_timeout(Duration::from_secs(20)), Ok(1));
    let later = [ask(2), ask(3), ask(4)];
    assert!(begun.try_recv().is_err());
    drop(first);
    assert_eq!(begun.recv_timeout(Duration::from_secs(20)), Ok(4));
    drop(later);
    wait_until(|| matches!(*lock(&LATEST.0), LatestState::Idle));
    drop(ask(5));
    assert_eq!(begun.recv_timeout(Duration::from_secs(20)), Ok(5));
}

const MARK: &str = "TEST_NO_THREAD";

/// Limits hold for a whole user, so this runs in a process of its own that is nobody's else.
#[test]
fn in_a_process_of_its_own() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let pool = pool();
    pool.reserve(1).unwrap();
    // Tasks of this thread's user: root is not bound by the limit.
    let user = rustix::process::Uid::from_raw(64_901);
    if rustix::process::geteuid().is_root() {
        nix::unistd::setresuid(user.as_raw().into(), user.as_raw().into(), user.as_raw().into())
            .unwrap();
    }
    let limit = Rlimit { current: Some(1), maximum: Some(1) };
    setrlimit(Resource::Nproc, limit).unwrap();
    let (done, all_done) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    pool.start(task(move || {
        begin.send(()).unwrap();
        assert!(held.recv().is_err());
    }));
    assert_eq!(begun.recv_timeout(Duration::from_secs(20)), Ok(()));
    for number in 0..5 {
        let done = done.clone();
        pool.start(task(move || done.send(number).unwrap()));
    }
    assert_eq!(lock(&pool.state).waiting.len(), 5);
    drop(hold);
    // One after the other, by the one that there is.
    for number in 0..5 {
        assert_eq!(all_done.recv_timeout(Duration::from_secs(20)), Ok(number));
    }
    let state = lock(&pool.state);
    let now = (state.threads, state.is_short);
    drop(state);
    assert_eq!(now, (1, true));
    eprintln!("{}", crate::limits::shortage(&io::Error::from_raw_os_error(libc::EAGAIN)));
}

#[test]
fn where_no_thread_can_be_made_work_waits_its_turn() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "threads::tests::in_a_process_of_its_own", "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("ulimit -u") || said.contains("pids.max"), "{said}");
}
