//! How things stand with the receiver, told by the daemon to those who ask with `--status`: over a
//! socket beside the positions, which only its own user and root may use. It costs nothing while
//! nobody asks.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::health::certificates::CertificateOwner;
use crate::health::metrics::Meters;
use crate::threads;

/// The socket in the state directory.
const NAME: &str = "status";
/// How long an answer may take to be read, and the daemon to give it.
const PATIENCE: Duration = Duration::from_secs(1);
/// An answer is not longer than this.
const LONGEST: u64 = 64 << 10;
/// So many may have asked before they are answered.
const BACKLOG: i32 = 128;

/// How things stand with the receiver. Times are in seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStanding {
    /// There is a connection.
    pub connected: bool,
    /// Since when that is so, or is not so.
    pub since: Option<i64>,
    /// Whom it is to, as people know it.
    pub name: Option<String>,
    /// Where it is not the first one: which one is.
    #[serde(default)]
    pub first: Option<String>,
    /// When the first one is asked again; nothing: when the one in its place fails.
    #[serde(default)]
    pub first_asked_at: Option<i64>,
    /// Bytes of files that are not read yet.
    #[serde(default)]
    pub unread: u64,
    /// Bytes of messages that are read and not sent yet.
    #[serde(default)]
    pub unsent: u64,
    /// Bytes of messages that are sent and not yet proven to be read.
    pub unproven: u64,
    /// Since when the oldest of them are so.
    pub unproven_since: Option<i64>,
    /// It is `rate_limit` that holds back what could be sent.
    #[serde(default)]
    pub rate_limited: bool,
    /// Why the last attempt or connection that failed did so.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<i64>,
    /// With which receiver, where there are several.
    #[serde(default)]
    pub error_of: Option<String>,
    /// Until when the certificate is valid that it has shown.
    pub certificate_end: Option<i64>,
    /// Until when our own is.
    pub own_certificate_end: Option<i64>,
}

impl ReceiverStanding {
    fn of(meters: &Meters) -> Self {
        let Meters { reading, sending, .. } = meters;
        let count = |gauge: i64| u64::try_from(gauge).unwrap_or(0);
        let since = |at: i64| (at > 0).then_some(at);
        let (first, first_asked_at) =
            sending.connection.first().map(|first| (first.name, first.back_at)).unzip();
        let last = sending.connection.last_trouble();
        let unproven = sending.unproven_bytes.get();
        let kept = sending.unconfirmed_bytes.get() - unproven;
        Self {
            connected: sending.connected.get() > 0,
            since: sending.connection.since(),
            name: sending.connection.receiver(),
            first,
            first_asked_at: first_asked_at.flatten(),
            unread: count(reading.unread_bytes.get()),
            unsent: count(sending.queued_bytes.get() + kept),
            unproven: count(unproven),
            unproven_since: since(sending.unproven_since.get()),
            rate_limited: sending.rate_limited.get() > 0,
            error: last.as_ref().map(|last| last.why.clone()),
            error_at: last.as_ref().map(|last| last.at),
            error_of: last.and_then(|last| last.receiver),
            certificate_end: sending.certificates.get(CertificateOwner::Receiver),
            own_certificate_end: sending.certificates.get(CertificateOwner::Client),
        }
    }
}

/// Answering; ends when it is dropped.
#[derive(Debug)]
pub struct Answering {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
        let socket = std::mem::take(&mut self.socket);
        // One that is left behind answers nobody.
        let _ = threads::within(PATIENCE, "tell", move || fs::remove_file(socket));
    }
}

/// Answers those who ask `dir`. Where no socket can be made there, nobody is answered.
#[must_use]
pub fn answer(dir: &Path, meters: Meters) -> Answering {
    let (socket, at) = (dir.join(NAME), dir.to_owned());
    let task = tokio::spawn(async move {
        let bound = threads::run("tell", move || bind(&at)).await;
        let bound = bound.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        match bound.and_then(tokio::net::UnixListener::from_std) {
            Ok(listener) => serve(&listener, &meters).await,
            Err(error) => debug!("--status is not told of the receiver: {error}"),
        }
    });
    Answering { task, socket }
}

/// The path of a socket is short. By its directory's descriptor it is reached from anywhere.
fn by_descriptor(dir: &File) -> PathBuf {
    Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(NAME)
}

fn bind(dir: &Path) -> io::Result<UnixListener> {
    let dir = File::open(dir)?;
    let path = by_descriptor(&dir);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Its file is made with these rights. Changed afterwards, by its path, it might be another's.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

async fn serve(listener: &tokio::net::UnixListener, meters: &Meters) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(PATIENCE).await;
            continue;
        };
        let text = serde_json::to_vec(&ReceiverStanding::of(meters)).unwrap_or_default();
        // It fits in the socket's buffer, so that nobody waits for one who does not read.
        let _ = timeout(PATIENCE, stream.write_all(&text)).await;
    }
}

/// What the daemon that uses `dir` says; nothing when none answers, or only to others.
#[must_use]
pub fn ask(dir: &Path) -> Option<ReceiverStanding> {
    let dir = File::open(dir).ok()?;
    let stream = UnixStream::connect(by_descriptor(&dir)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::health::connection::FirstReceiver;

    #[tokio::test]
    async fn whoever_asks_is_told_as_long_as_somebody_answers() {
        let dir = tempfile::tempdir().unwrap();
        // Deeper than the path of a socket may be long.
        let deep = dir.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let asked = |at: &Path| {
            let at = at.to_owned();
            tokio::task::spawn_blocking(move || ask(&at))
        };
        assert_eq!(asked(&deep).await.unwrap(), None);
        let all = Meters::new().unwrap();
        let meters = &all.sending;
        let answering = answer(&deep, all.clone());
        let first = loop {
            match asked(&deep).await.unwrap() {
                Some(standing) => break standing,
                None => sleep(Duration::from_millis(5)).await,
            }
        };
        let mode = fs::metadata(deep.join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may ask");
        assert!(!first.connected && first.error.is_none() && first.unproven == 0, "{first:?}");
        meters.failed(Some("b:1"), "dns", &"gone");
        meters.reached("a:1".to_owned());
        meters.stands_for(Some(FirstReceiver { name: "b:1".to_owned(), back_at: Some(9) }));
        meters.unproven_bytes.set(7);
        meters.unconfirmed_bytes.set(9);
        all.reading.queued_bytes.set(1);
        all.reading.unread_bytes.set(5);
        meters.rate_limited.inc();
        let then = asked(&deep).await.unwrap().unwrap();
        assert_eq!((then.connected, then.name.as_deref(), then.unproven), (true, Some("a:1"), 7));
        assert!(then.rate_limited && !first.rate_limited);
        assert!(then.since.is_some() && then.error.as_deref() == Some("gone"), "{then:?}");
        assert_eq!((then.error_of.as_deref(), then.first.as_deref()), (Some("b:1"), Some("b:1")));
        assert_eq!((then.first_asked_at, then.unread, then.unsent), (Some(9), 5, 3));
        drop(answering);
        assert_eq!(asked(&deep).await.unwrap(), None);
    }
}
