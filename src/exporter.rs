//! The meters over HTTP, for Prometheus: `GET /metrics` in its text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::agent::Records;
use crate::config::Listen;
use crate::health::metrics::Meters;
use crate::inspect::delivered;
use crate::threads;

/// Of so many files it is told how far each is behind: those furthest behind.
const FILES_MAX: usize = 50;
/// How many scrapers are served at once.
const CONNECTIONS: usize = 8;
/// How long one of them may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: metrics_listen: cannot listen on {}: {source}; name another port, or end what uses this \
     one",
    .listen.place, .listen.address
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

/// Serving; ends when it is dropped.
#[derive(Debug)]
pub struct Exporter(JoinHandle<()>);

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves `meters`, and how far the files of `records` are delivered.
///
/// # Errors
/// The runtime does not take the listener.
pub fn serve(listener: TcpListener, meters: Meters, records: Records) -> io::Result<Exporter> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    info!("metrics are at http://{}/metrics", listener.local_addr()?);
    let page = Arc::new(Page { meters, records });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    Ok(Exporter(tokio::spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!("metrics cannot be served: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let page = Arc::clone(&page);
            tokio::spawn(async move {
                let answer = service_fn(move |request| answer(Arc::clone(&page), request));
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
                    debug!("a scraper: {error}");
                }
                drop(place);
            });
        }
    })))
}

struct Page {
    meters: Meters,
    records: Records,
}

async fn answer(
    page: Arc<Page>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/metrics" {
        let mut response = Response::new(Full::from("metrics are at /metrics\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    Ok(match page.text().await {
        Ok(text) => {
            let mut response = Response::new(Full::from(text));
            let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => {
            let mut response = Response::new(Full::from(format!("{error}\n")));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    })
}

impl Page {
    async fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut families = self.meters.gather();
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
        let files = threads::run("sizes", move || delivered(records)).await.unwrap_or_default();
        let name = "remote_syslog_file_behind_bytes";
        let help = "Bytes not delivered yet, of the files furthest behind.";
        let gauges = IntGaugeVec::new(Opts::new(name, help), &["path"])?;
        for file in files.iter().take(FILES_MAX) {
            let behind = i64::try_from(file.behind().unwrap_or(0)).unwrap_or(i64::MAX);
            gauges.with_label_values(&[&file.path.to_string_lossy()]).set(behind);
        }
        // It puts them in order.
        let registry = Registry::new();
        registry.register(Box::new(gauges))?;
        Ok(registry.gather())
    }
}
