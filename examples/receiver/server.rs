//! Sockets and connections: everything that arrives goes into a channel, a message at a time.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc::Sender;
use tokio_rustls::TlsAcceptor;

/// Listens for datagrams, each of which is a message. Returns the address that was bound.
#[allow(dead_code, reason = "the quickstart speaks TCP only")]
pub(crate) async fn udp(address: &str, messages: Sender<Vec<u8>>) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind(address).await?;
    let bound = socket.local_addr()?;
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = socket.recv(&mut buffer).await {
            if messages.send(buffer[..length].to_vec()).await.is_err() {
                break;
            }
        }
    });
    Ok(bound)
}

/// Listens for connections, plain or within TLS, on which every message ends with a line feed.
/// Returns the address that was bound.
pub(crate) async fn tcp(
    address: &str,
    tls: Option<TlsAcceptor>,
    messages: Sender<Vec<u8>>,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (tls, messages) = (tls.clone(), messages.clone());
            tokio::spawn(async move {
                match tls {
                    None => read(socket, messages).await,
                    Some(tls) => match tls.accept(socket).await {
                        Ok(stream) => read(stream, messages).await,
                        Err(error) => Err(error),
                    },
                }
            });
        }
    });
    Ok(bound)
}

async fn read(stream: impl AsyncRead + Unpin, messages: Sender<Vec<u8>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut message = Vec::new();
        stream.read_until(b'\n', &mut message).await?;
        // Without its line feed it is the beginning of a message whose rest never came.
        if message.pop() != Some(b'\n') || messages.send(message).await.is_err() {
            return Ok(());
        }
    }
}

/// The server's side of TLS from PEM files.
#[allow(dead_code, reason = "the quickstart speaks TCP only")]
pub(crate) fn tls_acceptor(cert: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let invalid = |path: &Path| {
        let path = path.display().to_string();
        move |error: rustls::pki_types::pem::Error| io::Error::other(format!("{path}: {error}"))
    };
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(key).map_err(invalid(key))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map_err(invalid(cert))?, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
