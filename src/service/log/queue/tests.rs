use std::sync::mpsc;
use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(20);

/// Takes a line only when it is let.
struct Gate {
    open: Arc<Mutex<bool>>,
    taken: mpsc::Sender<(QueuePlace, String)>,
}

impl LogOut for Gate {
    fn write(&mut self, place: QueuePlace, text: &[u8]) -> io::Result<()> {
        while !*self.open.lock().unwrap() {
            thread::yield_now();
        }
        let text = String::from_utf8(text.to_vec()).unwrap();
        let _ = self.taken.send((place, text));
        Ok(())
    }

    fn reopened(&mut self, _: File) {
        let _ = self.taken.send((QueuePlace::File, "reopened".to_owned()));
    }

    fn is_open(&self, _: QueuePlace, _: Duration) -> bool {
        *self.open.lock().unwrap()
    }
}

fn queue(room: usize) -> (Queue, Arc<Mutex<bool>>, mpsc::Receiver<(QueuePlace, String)>) {
    let open = Arc::new(Mutex::new(true));
    let (taken, written) = mpsc::channel();
    let gate = Gate { open: Arc::clone(&open), taken };
    (Queue::with_room(Box::new(gate), room), open, written)
}

fn texts(written: &mpsc::Receiver<(QueuePlace, String)>) -> Vec<String> {
    written.try_iter().map(|(_, text)| text).collect()
}

#[test]
fn before_there_is_a_thread_lines_are_written_at_once_or_wait() {
    let (queue, open, written) = queue(100);
    queue.line(QueuePlace::Stderr, b"one");
    assert_eq!(texts(&written), ["one"]);
    *open.lock().unwrap() = false;
    queue.line(QueuePlace::Stderr, b"two");
    queue.flush(Duration::from_millis(1));
    assert_eq!(texts(&written), [""; 0], "nobody waits for it");
    *open.lock().unwrap() = true;
    queue.line(QueuePlace::File, b"three");
    assert_eq!(texts(&written), ["two", "three"]);
}

#[test]
fn what_finds_no_room_is_counted_and_told_when_lines_are_taken_again() {
    let (queue, open, written) = queue(10);
    *open.lock().unwrap() = false;
    let (tell, told) = mpsc::channel();
    let serving = queue.clone();
    thread::spawn(move || serving.serve(|lost| tell.send(lost).unwrap()));
    while !queue.state().has_writer {
        thread::yield_now();
    }
    // The writer holds the first; two find room, three do not.
    queue.line(QueuePlace::Stderr, b"first");
    while !queue.state().waiting.is_empty() {
        thread::yield_now();
    }
    for line in ["a123", "b123", "c123", "d123", "e123"] {
        queue.line(QueuePlace::Stderr, line.as_bytes());
    }
    queue.flush(Duration::from_millis(1));
    assert_eq!(texts(&written), [""; 0]);
    *open.lock().unwrap() = true;
    assert_eq!(told.recv_timeout(SOON), Ok(3));
    queue.flush(SOON);
    assert_eq!(texts(&written), ["first", "a123", "b123"]);
    assert!(lost_lines() >= 3);
}

#[test]
fn a_reopened_file_comes_after_the_lines_before_it_and_once() {
    let (queue, open, written) = queue(100);
    *open.lock().unwrap() = false;
    queue.line(QueuePlace::File, b"before");
    queue.reopen(tempfile::tempfile().unwrap());
    queue.reopen(tempfile::tempfile().unwrap());
    queue.line(QueuePlace::File, b"after");
    *open.lock().unwrap() = true;
    queue.flush(SOON);
    assert_eq!(texts(&written), ["before", "reopened", "after"]);
}

#[test]
fn a_line_longer_than_the_room_is_written_when_it_is_alone() {
    let (queue, _, written) = queue(4);
    queue.line(QueuePlace::Stderr, b"longer than that");
    assert_eq!(texts(&written), ["longer than that"]);
}

/// A pipe is a terminal's like: full, it takes nothing.
#[test]
fn a_full_pipe_takes_no_line() {
    let (_reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let block = [0; 4096];
    while rustix::io::write(&writer, &block).is_ok() {}
    let mut waited = [PollFd::new(&writer, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(poll(&mut waited, Some(&at_once)), Ok(0));
}
