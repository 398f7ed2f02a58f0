//! The meters over HTTP, for Prometheus: `GET /metrics` in its text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, IntCounter, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::agent::Records;
use crate::config::Listen;
use crate::health::metrics::Meters;
use crate::inspect::delivered;
use crate::limits;
use crate::service::log;
use crate::shown::Show;
use crate::threads;

/// Of so many files it is told how far each is behind: those furthest behind.
const FILES_MAX: usize = 50;
/// How long file systems may take to tell the sizes of files.
const SIZES: Duration = Duration::from_secs(3);
/// How many clients are served at once; another takes the place of the one that is longest there.
const CONNECTIONS: usize = 32;
/// How long a connection is used, and how long its last question and answer may take after that.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: metrics_listen: cannot listen on {}: {source}; {}",
    .listen.place, .listen.address, remedy(.source.kind())
)]
pub struct ListenError {
    listen: Listen,
    source: io::Error,
}

/// Listens where `listen` says. To be called before detaching, so that a port in use is said to the one
/// who called.
///
/// # Errors
/// The port is in use, or not for us.
pub fn bind(listen: &Listen) -> Result<TcpListener, ListenError> {
    let listener = TcpListener::bind(listen.address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|source| ListenError { listen: listen.clone(), source })
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "name another port, or end what uses this one",
        io::ErrorKind::AddrNotAvailable => "name an address of this host, or a port alone",
        io::ErrorKind::PermissionDenied => "name a port from 1024 up, or start it as root",
        _ => "name another address, or a port alone",
    }
}

impl ListenError {
    /// Whether somebody listens there already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Serving; ends when it is dropped.
#[derive(Debug)]
pub struct Exporter(ScrapeTask);

impl Exporter {
    /// Ends it. The address is free then.
    pub async fn stop(mut self) {
        self.0.0.abort();
        // An error, for it was ended.
        let _ = (&mut self.0.0).await;
    }
}

/// A task that ends when it is dropped.
#[derive(Debug)]
struct ScrapeTask(JoinHandle<()>);

impl Drop for ScrapeTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves `meters`, and how far the files of `records` are delivered, to those who ask by an address,
/// as `localhost` or by one of `hosts`.
///
/// # Errors
/// The runtime does not take the listener.
pub fn serve(
    listener: TcpListener,
    meters: Meters,
    records: Records,
    hosts: Vec<String>,
) -> io::Result<Exporter> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    info!("metrics are at http://{}/metrics", listener.local_addr()?);
    let page = Arc::new(Page { meters, records, hosts, turn: Mutex::new(()) });
    Ok(Exporter(ScrapeTask(tokio::spawn(accept(listener, page)))))
}

async fn accept(listener: tokio::net::TcpListener, page: Arc<Page>) {
    let mut clients: VecDeque<ScrapeTask> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                let why = limits::met_by(&error).map_or(String::new(), |why| format!("; {why}"));
                warn!("metrics cannot be served: {error}{why}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        clients.retain(|client| !client.0.is_finished());
        if clients.len() >= CONNECTIONS {
            // Who reads nothing keeps nobody out.
            clients.pop_front();
        }
        clients.push_back(ScrapeTask(tokio::spawn(talk(stream, Arc::clone(&page)))));
    }
}

/// Answers what is asked on one connection.
async fn talk(stream: TcpStream, page: Arc<Page>) {
    let answer = service_fn(move |request| answer(Arc::clone(&page), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let mut talk = pin!(http.serve_connection(TokioIo::new(stream), answer));
    let ended = match timeout(PATIENCE, talk.as_mut()).await {
        Ok(ended) => Ok(ended),
        Err(_) => {
            talk.as_mut().graceful_shutdown();
            timeout(PATIENCE, talk).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a client of the metrics: {error}"),
        Err(_) => debug!("a client of the metrics took too long"),
    }
}

/// Whether the metrics may be asked for under this name. A web page can have a browser ask for them
/// by any name that leads here, and read the answer; by an address it cannot.
fn is_welcome(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((address, _)) => return address.parse::<Ipv6Addr>().is_ok(),
            None => return false,
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<Ipv4Addr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

struct Page {
    meters: Meters,
    records: Records,
    hosts: Vec<String>,
    /// One is made after the other: each asks for the size of every file.
    turn: Mutex<()>,
}

async fn answer(
    page: Arc<Page>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let said = |status, text: String| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        Ok(response)
    };
    let mut named = request.headers().get_all(HOST).iter();
    if !named.all(|host| host.to_str().is_ok_and(|host| is_welcome(host, &page.hosts))) {
        let text = "ask by an address or as localhost; metrics_hosts allows other names\n";
        return said(StatusCode::FORBIDDEN, text.to_owned());
    }
    if request.uri().path() != "/metrics" {
        return said(StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned());
    }
    Ok(match page.text().await {
        Ok(text) => {
            let mut response = Response::new(Full::from(text));
            let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => return said(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    })
}

impl Page {
    async fn text(&self) -> prometheus::Result<Vec<u8>> {
        let _turn = self.turn.lock().await;
        let mut families = self.meters.gather();
        let help = "Lines of its own log that nothing took in time, or that could not be written.";
        let lost = IntCounter::new("remote_syslog_log_lost_lines_total", help)?;
        lost.inc_by(log::lost_lines());
        families.extend(lost.collect());
        families.extend(ProcessCollector::for_self().collect());
        families.extend(self.behind().await?);
        // An error in the eyes of the encoder.
        families.retain(|family| !family.get_metric().is_empty());
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(text)
    }

    /// How far files are behind, those furthest behind only.
    async fn behind(&self) -> prometheus::Result<Vec<MetricFamily>> {
        let records = self.records.get().await;
        // It asks the file system for the size of each.
        let silence = self.records.silence().clone();
        let files = threads::run("sizes", move || delivered(records, &silence));
        let files = timeout(SIZES, files).await.unwrap_or(Ok(Vec::new())).unwrap_or_default();
        let name = "remote_syslog_file_behind_bytes";
        let help = "Bytes not delivered yet, of the files furthest behind.";
        let gauges = IntGaugeVec::new(Opts::new(name, help), &["path"])?;
        for file in files.iter().take(FILES_MAX) {
            let behind = i64::try_from(file.behind().unwrap_or(0)).unwrap_or(i64::MAX);
            gauges.with_label_values(&[&label(&file.path)]).set(behind);
        }
        // It puts them in order.
        let registry = Registry::new();
        registry.register(Box::new(gauges))?;
        Ok(registry.gather())
    }
}

/// What stands for `path` among the labels. They are UTF-8; no two paths are one there.
fn label(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(path.shown().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_depends_on_what_is_wrong() {
        let told = |address: std::net::SocketAddr| {
            let place = crate::config::Place::Flag("--flag");
            bind(&Listen { address, hosts: Vec::new(), place }).unwrap_err().to_string()
        };
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = told(taken.local_addr().unwrap());
        assert!(taken.ends_with("; name another port, or end what uses this one"), "{taken}");
        let other = told("192.0.2.1:9600".parse().unwrap());
        assert!(other.ends_with("; name an address of this host, or a port alone"), "{other}");
    }

    #[test]
    fn only_addresses_localhost_and_what_was_allowed_are_welcome() {
        let allowed = ["web1.example.com".to_owned()];
        for host in ["127.0.0.1:9600", "10.0.0.1", "[::1]:9600", "[::1]", "LocalHost:80"] {
            assert!(is_welcome(host, &[]), "{host}");
        }
        for host in ["evil.example.com", "evil.example.com:9600", "", "[::1", "[evil]:1", "x"] {
            assert!(!is_welcome(host, &allowed), "{host}");
        }
        assert!(is_welcome("WEB1.example.com.:9600", &allowed));
        assert!(!is_welcome("web1.example.com.evil.com", &allowed));
    }
}
