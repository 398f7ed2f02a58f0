//! The receiver itself, with plain sockets in the place of a shipper.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::peers::{Peer, Rsyslogd, SyslogNg};
use super::{End, Endpoint, Receiver, SOON, Transport, wait_until};

const MESSAGE: &[u8] = b"<13>1 2026-11-23T10:20:30Z web-1 app.log - - - hello  ";

fn connect(endpoint: &Endpoint) -> TcpStream {
    TcpStream::connect((endpoint.host.as_str(), endpoint.port)).unwrap()
}

fn send(endpoint: &Endpoint, bytes: &[u8]) {
    match endpoint.transport {
        Transport::Udp => {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(bytes, (endpoint.host.as_str(), endpoint.port)).unwrap();
        }
        Transport::Tcp => connect(endpoint).write_all(&[bytes, b"\n"].concat()).unwrap(),
        Transport::Tls => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_file(endpoint.trust.as_ref().unwrap());
            roots.add(authority.unwrap()).unwrap();
            let config = ClientConfig::builder().with_root_certificates(roots);
            let name = ServerName::try_from(endpoint.host.clone()).unwrap();
            let config = Arc::new(config.with_no_client_auth());
            let client = ClientConnection::new(config, name).unwrap();
            let mut stream = StreamOwned::new(client, connect(endpoint));
            stream.write_all(&[bytes, b"\n"].concat()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
        Transport::Relp | Transport::RelpTls => panic!("only rsyslogd speaks RELP here"),
    }
}

#[test]
fn every_transport_arrives() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let receiver = Receiver::new(transport);
        send(&receiver.endpoint(), MESSAGE);
        let messages = receiver.wait_for(1);
        assert_eq!((messages[0].priority, messages[0].lossy()), (13, "hello  ".to_owned()));
    }
}

#[test]
fn a_stalled_receiver_reads_on_when_told() {
    let receiver = Receiver::tcp();
    receiver.stall();
    let mut sender = connect(&receiver.endpoint());
    receiver.wait_connected();
    sender.write_all(b"one\ntwo\n").unwrap();
    assert!(receiver.frames().is_empty());
    receiver.resume();
    receiver.wait("both have come", SOON, |state| state.frames.len() == 2);
}

#[test]
fn a_clean_end_reads_what_is_still_sent() {
    let receiver = Receiver::tcp();
    let mut sender = connect(&receiver.endpoint());
    receiver.wait_connected();
    let ending = std::thread::scope(|scope| {
        let ending = scope.spawn(|| receiver.end_connections(End::Clean));
        assert_eq!(sender.read(&mut [0]).unwrap(), 0);
        sender.write_all(b"late\nunfin").unwrap();
        drop(sender);
        ending.join()
    });
    ending.unwrap();
    assert_eq!((receiver.frames(), receiver.torn()), (vec![b"late".to_vec()], 1));
}

#[test]
fn a_reset_is_a_reset_and_the_address_stays() {
    let mut receiver = Receiver::tcp();
    let mut sender = connect(&receiver.endpoint());
    let address = sender.peer_addr().unwrap();
    receiver.wait_connected();
    receiver.down(End::Reset);
    assert_eq!(sender.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    receiver.up();
    send(&receiver.endpoint(), MESSAGE);
    receiver.wait_for(1);
    assert_eq!(receiver.accepted(), 2);
}

fn a_peer_understands(peer: Option<impl Peer>) {
    let Some(peer) = peer else { return };
    for (n, transport) in [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().enumerate() {
        send(&peer.endpoint(transport), MESSAGE);
        wait_until("it has written the message", SOON, || peer.count() > n);
    }
    for message in peer.messages() {
        assert_eq!((message.priority, message.lossy()), (13, "hello  ".to_owned()));
        assert_eq!((message.hostname.as_str(), message.app_name.as_str()), ("web-1", "app.log"));
    }
}

#[test]
fn rsyslogd_understands() {
    a_peer_understands(Rsyslogd::start());
}

#[test]
fn syslog_ng_understands() {
    a_peer_understands(SyslogNg::start());
}
