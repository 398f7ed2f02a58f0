//! What is shipped: an access log, made once and kept in the build directory.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// Patterns of the usual kinds: a literal, an alternation, digits and a word, an anchored one, and
/// one with `.*`.
pub const EXCLUDE: [&str; 5] = [
    "don't log on me",
    "(healthz|readyz|livez)",
    r"\d+ things",
    r"^127\.0\.0\.1 ",
    r"GET /static/.*\.map ",
];
/// One line in so many matches one of [`EXCLUDE`].
pub const MATCHING: u64 = 100;

/// Before the number of a line that is to be told from others; see [`crate::sink`].
pub const MARK: &[u8] = b"#@";
/// Digits of that number.
pub const MARK_DIGITS: usize = 8;

/// A log file of known content.
#[derive(Debug, Clone)]
pub struct Load {
    pub path: PathBuf,
    pub lines: u64,
}

impl Load {
    /// An access log of so many lines, 156 bytes each on average.
    pub fn access_log(lines: u64) -> Self {
        let path = directory().join(format!("access-{lines}.log"));
        if !path.exists() {
            let fresh = path.with_extension("fresh");
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&fresh).unwrap());
            let mut rng = Rng::with_seed(lines);
            for number in 0..lines {
                out.write_all(access_line(number, &mut rng).as_bytes()).unwrap();
            }
            out.flush().unwrap();
            fs::rename(fresh, &path).unwrap();
        }
        // Read once, so that it lies in the page cache.
        std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
        Self { path, lines }
    }

    /// The same with another line in the place of each, which `line` makes of its number, counted from 1, and of it.
    /// Kept beside it as `name`.
    pub fn rewritten(&self, name: &str, mut line: impl FnMut(u64, &str) -> String) -> Self {
        let path = self.path.with_extension(name);
        let content = fs::read_to_string(&self.path).unwrap();
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
        for (before, old) in (0..).zip(content.lines()) {
            out.write_all(line(before + 1, old).as_bytes()).unwrap();
            out.write_all(b"\n").unwrap();
        }
        out.flush().unwrap();
        Self { path, lines: self.lines }
    }

    /// Has it appear, whole and at once, under another name.
    pub fn appear_at(&self, path: &Path) {
        fs::hard_link(&self.path, path).unwrap();
    }
}

/// A line in a hundred has something to hide, which the five presets for redactions find; none has an address.
pub fn with_secrets(number: u64, line: &str) -> String {
    let (_, rest) = line.split_once(' ').unwrap_or_default();
    let line = format!("client-{} {rest}", number % 7);
    match number % MATCHING {
        0 => format!("{line} password=hunter2"),
        _ => line,
    }
}

/// Of ten lines each begins one trace as Java prints it, and the others are its frames.
pub fn in_traces(number: u64, line: &str) -> String {
    if number % 10 == 1 { line.to_owned() } else { format!("\tat {line}") }
}

/// When a runtime has written line `number`: without zeros at the end, as Go prints it.
fn written_at(number: u64) -> String {
    let second = number / 500;
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    let nanosecond = number % 500 * 2_000_000 + number % 1_999_999;
    let time = format!("2026-11-29T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}");
    format!("{}Z", time.trim_end_matches('0').trim_end_matches('.'))
}

/// As Docker's json-file holds it.
pub fn in_docker(number: u64, line: &str) -> String {
    let (line, time) = (line.replace('"', "\\\""), written_at(number));
    format!("{{\"log\":\"{line}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}")
}

/// As containerd writes it for the kubelet.
pub fn in_cri(number: u64, line: &str) -> String {
    format!("{} stdout F {line}", written_at(number))
}

/// Where loads are kept; on the same file system as everything the contenders read.
pub fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("field");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A line that the sink recognises by `number`.
pub fn marked_line(number: u64, rng: &mut Rng) -> String {
    let line = access_line(1, rng);
    let mark = String::from_utf8_lossy(MARK);
    format!("{} {mark}{number:0width$}\n", line.trim_end(), width = MARK_DIGITS)
}

fn access_line(number: u64, rng: &mut Rng) -> String {
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0",
        "Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Safari/605.1",
        "curl/8.5.0",
        "Mozilla/5.0 (compatible; ExampleBot/2.1; +http://bot.example.com/about.html)",
    ];
    const PAGES: [&str; 4] = ["items", "cart/view", "search", "users/profile"];
    let address = match number % (5 * MATCHING) {
        0 => "127.0.0.1".to_owned(),
        _ => format!("203.0.{}.{}", rng.u8(..), rng.u8(..)),
    };
    let (page, id) = (rng.choice(PAGES).unwrap_or_default(), rng.u32(1..100_000));
    let path = match number % (5 * MATCHING) {
        100 => "/healthz".to_owned(),
        200 => format!("/static/js/app.{id:x}.js.map"),
        300 => format!("/list?q={id} things"),
        400 => "/note?text=don't log on me".to_owned(),
        _ => format!("/api/v1/{page}/{id}?page={}", rng.u8(1..99)),
    };
    let second = number / 500;
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    let (status, size) =
        (rng.choice([200, 200, 200, 304, 404]).unwrap_or(200), rng.u32(90..60_000));
    let agent = rng.choice(AGENTS).unwrap_or_default();
    format!(
        "{address} - - [24/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path} \
         HTTP/1.1\" {status} {size} \"-\" \"{agent}\"\n"
    )
}
