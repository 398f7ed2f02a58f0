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
    assert_eq!(told.recv_timeout(SOON), Ok(LostLines { count: 3, why: None }));
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

/// A disk that is full takes no line, until there is room.
struct Disk(Arc<Mutex<bool>>, mpsc::Sender<String>);

impl LogOut for Disk {
    fn write(&mut self, place: QueuePlace, text: &[u8]) -> io::Result<()> {
        if place == QueuePlace::File && *self.0.lock().unwrap() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let _ = self.1.send(String::from_utf8(text.to_vec()).unwrap());
        Ok(())
    }

    fn reopened(&mut self, _: File) {}

    fn is_open(&self, _: QueuePlace, _: Duration) -> bool {
        true
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_told_when_the_same_place_takes_lines_again() {
    let (is_full, (taken, written)) = (Arc::new(Mutex::new(true)), mpsc::channel());
    let queue = Queue::with_room(Box::new(Disk(Arc::clone(&is_full), taken)), 100);
    let (tell, told) = mpsc::channel();
    // One before there is a thread.
    queue.line(QueuePlace::File, b"a");
    let serving = queue.clone();
    thread::spawn(move || serving.serve(|lost| tell.send(lost).unwrap()));
    queue.line(QueuePlace::File, b"b");
    queue.line(QueuePlace::Stderr, b"c");
    queue.flush(SOON);
    assert!(told.try_recv().is_err(), "nothing can be said there yet");
    *is_full.lock().unwrap() = false;
    queue.line(QueuePlace::File, b"d");
    let lost = told.recv_timeout(SOON).unwrap();
    assert_eq!((lost.count, lost.why), (2, Some("no storage space".to_owned())));
    queue.flush(SOON);
    assert_eq!(written.try_iter().collect::<Vec<_>>(), ["c", "d"]);
}

/// Takes so many bytes, and no more.
struct Narrow(File, usize);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.1);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1 -= count;
        self.0.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Narrow {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn nothing_is_glued_to_a_line_of_which_only_a_part_could_be_written() {
    let (mut file, mut end) = (tempfile::NamedTempFile::new().unwrap(), LineEnd::Whole);
    let mut out = Narrow(file.reopen().unwrap(), 6);
    output::write_line(&mut out, b"one\n", &mut end).unwrap();
    for _ in 0..2 {
        output::write_line(&mut out, b"two\n", &mut end).unwrap_err();
    }
    out.1 = 100;
    output::write_line(&mut out, b"three\n", &mut end).unwrap();
    output::write_line(&mut out, b"four\n", &mut end).unwrap();
    let mut text = String::new();
    io::Read::read_to_string(&mut file, &mut text).unwrap();
    assert_eq!(text, "one\ntw\nthree\nfour\n");
}

#[test]
fn what_does_not_wait_by_itself_is_waited_for() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let text = [vec![b'x'; 300_000], b"\n".to_vec()].concat();
    let length = text.len();
    let writing =
        thread::spawn(move || output::write_line(&mut writer, &text, &mut LineEnd::Whole));
    let mut read = Vec::new();
    io::Read::read_to_end(&mut reader, &mut read).unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(read.len(), length);
}

/// A pipe is a terminal's like: full, it takes nothing.
#[test]
fn a_full_pipe_takes_no_line() {
    let (_reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let block = [0; 4096];
    while rustix::io::write(&writer, &block).is_ok() {}
    assert!(!takes_more(&writer, Duration::ZERO));
    // As well where the log is to go to a file.
    let places = QueuePlaces::new(Some(File::from(std::os::fd::OwnedFd::from(writer))));
    assert!(!places.is_open(QueuePlace::File, Duration::ZERO));
    let places = QueuePlaces::new(Some(tempfile::tempfile().unwrap()));
    assert!(places.is_open(QueuePlace::File, Duration::ZERO));
}
