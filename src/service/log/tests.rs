//! The lines of the log, and which are written.

use std::sync::Arc;

use super::*;

/// What `log` leaves in the log.
fn logged(style: Style, color: bool, filter: &str, log: impl FnOnce()) -> String {
    let out = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(parse(filter).unwrap()).with(layer(
        style,
        SharedWriter(out.clone()),
        color,
    ));
    tracing::subscriber::with_default(subscriber, log);
    let out = out.lock().unwrap().clone();
    String::from_utf8(out).unwrap()
}

#[derive(Clone)]
struct SharedWriter(Arc<Mutex<Vec<u8>>>);

impl io::Write for SharedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for SharedWriter {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `line` with every digit as a 0.
fn shape(line: &str) -> String {
    line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[test]
fn lines_are_short_in_the_foreground_and_complete_in_a_file() {
    let log = || tracing::warn!(path = %"/a b", count = 3, "cannot {}", "read");
    let short = logged(Style::Short, false, "", log);
    assert_eq!(shape(&short), "00:00:00 WARN  cannot read path=/a b count=0\n");
    let full = logged(Style::Full, false, "", log);
    assert!(shape(&full).starts_with("0000-00-00T00:00:00.000"), "{full}");
    full[..29].parse::<jiff::Timestamp>().unwrap();
    assert!(full.ends_with(":00 WARN  cannot read path=/a b count=3\n"), "{full}");
    let colored = logged(Style::Short, true, "", || tracing::info!("x"));
    assert!(colored.ends_with("\x1b[32mINFO \x1b[0m x\n"), "{colored}");
}

#[test]
fn what_is_repeated_is_left_out_and_counted_unless_it_was_asked_for() {
    let text = logged(Style::Short, false, "debug", || {
        for number in 0..300 {
            tracing::info!("rotated {number}");
            tracing::debug!("looked {number}");
            tracing::info!(target: ASKED_FOR, "asked {number}");
        }
    });
    let count = |what| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("rotated"), count("looked"), count("asked")), (120, 300, 300));
}

#[test]
fn the_journal_gets_the_level_in_front_and_no_time() {
    let text = logged(Style::Journal, false, "trace", || {
        tracing::error!("a\n<0>b");
        tracing::warn!(n = 1, "c");
        tracing::info!("d");
        tracing::debug!("e");
        tracing::trace!("f");
    });
    assert_eq!(text, "<3>a\\n<0>b\n<4>c n=1\n<6>d\n<7>e\n<7>f\n");
}

#[test]
fn the_journal_is_known_by_device_and_inode() {
    let file = tempfile::tempfile().unwrap();
    let stat = rustix::fs::fstat(&file).unwrap();
    let stream = format!("{}:{}", stat.st_dev, stat.st_ino);
    assert!(is_stream(&stream, &file));
    let another = tempfile::tempfile().unwrap();
    assert!(!is_stream(&stream, &another) && !is_stream("", &file));
}

#[test]
fn by_default_libraries_only_warn() {
    let text = logged(Style::Short, false, " ", || {
        tracing::info!("ours");
        tracing::debug!("too fine");
        tracing::info!(target: "rustls::client", "theirs");
        tracing::warn!(target: "rustls::client", "worried");
    });
    let lines: Vec<_> = text.lines().map(|line| &line[9..]).collect();
    assert_eq!(lines, ["INFO  ours", "WARN  rustls::client: worried"]);
}

#[test]
fn a_name_cannot_forge_a_line() {
    let path = std::path::Path::new("/a\n12:00:00 INFO \x1b[2J").display();
    let text = logged(Style::Short, false, "", || tracing::info!(path = %path, "{path}"));
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains(r"/a\n12:00:00 INFO \x1b[2J"), "{text}");
}

#[test]
fn errors_tell_what_to_do() {
    let error = parse("remote_syslog=loud").unwrap_err().to_string();
    assert!(error.contains("remote_syslog=loud") && error.contains("write for example"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("no/log");
    let error = init(LogTarget::File(path.clone()), "").unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()) && error.contains("debug_log_file"));
}

#[test]
fn the_filter_can_be_changed() {
    let out = Arc::new(Mutex::new(Vec::new()));
    let (filter, handle) = reload::Layer::new(parse("error").unwrap());
    let control = LogControl { filter: handle, file: None };
    let subscriber = tracing_subscriber::registry().with(filter).with(layer(
        Style::Short,
        SharedWriter(out.clone()),
        false,
    ));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("before");
        control.set_filter(parse("info").unwrap());
        tracing::info!("after");
        assert!(parse("a=b=c").is_err());
    });
    let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
    assert!(text.ends_with("after\n") && text.lines().count() == 1, "{text}");
}
