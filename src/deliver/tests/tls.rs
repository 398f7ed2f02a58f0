//! Over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustix::net::sockopt::set_socket_linger;
use rustls::crypto::CipherSuiteCommon;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig,
    SupportedCipherSuite, SupportedProtocolVersion, Tls12CipherSuite,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::ledger::Ledger;
use super::*;
use crate::config::{Fingerprint, Keyed};
use crate::deliver::transport::connect::ConnectError;
use crate::deliver::transport::tcp::{Link, Sent};
use crate::deliver::transport::tls_clients::TlsClients;
use crate::deliver::transport::trust::{self, Authorities, Trust};
use crate::pipeline::channel::Direct;

/// An authority, and a receiver's certificate for 127.0.0.1 issued by it.
struct Authority {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Authority {
    fn new(adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        adjust(&mut params);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let chain = vec![certificate.der().clone()];
        Self { roots: Arc::new(roots), chain, key: key.serialize_der() }
    }

    fn acceptor(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
        TlsAcceptor::from(self.server(versions, WebPkiClientVerifier::no_client_auth()))
    }

    fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        // Whether both belong together is not asked.
        let key = provider.key_provider.load_private_key(key).unwrap();
        let shown = CertifiedKey { cert: self.chain.clone(), key, ocsp: None };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        Arc::new(config)
    }

    /// A receiver that takes no client without a certificate.
    fn asking_for_a_certificate(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider);
        self.server(&[&rustls::version::TLS13], verifier.build().unwrap())
    }

    /// The settings of TLS 1.2 with keys for so many records.
    fn client_whose_keys_last(&self, records: u64) -> ClientConfig {
        let mut provider = rustls::crypto::ring::default_provider();
        let suites = provider.cipher_suites.iter().filter_map(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => Some(suite),
            SupportedCipherSuite::Tls13(_) => None,
        });
        let limited = suites.map(|suite| {
            let suite = Tls12CipherSuite {
                common: CipherSuiteCommon {
                    confidentiality_limit: records,
                    suite: suite.common.suite,
                    hash_provider: suite.common.hash_provider,
                },
                prf_provider: suite.prf_provider,
                kx: suite.kx,
                sign: suite.sign,
                aead_alg: suite.aead_alg,
            };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        });
        provider.cipher_suites = limited.collect();
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }

    fn trust(&self) -> Trust {
        Trust { authorities: Authorities::Given(self.roots.clone()), ..Trust::default() }
    }

    fn target(&self, address: SocketAddr) -> Target {
        Target { transport: TransportKind::Tls(self.trust()), ..target(address) }
    }
}

async fn open(target: &Target) -> Result<Link, ConnectError> {
    Link::open(target, &Arc::default()).await
}

/// On a busy machine an answer to a close may come too late to prove anything, and the next connections are watched for
/// some seconds before they are used.
async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> TlsStream<TcpStream> {
    let (stream, _) = within(30, listener.accept()).await.unwrap();
    within(30, acceptor.accept(stream)).await.unwrap()
}

/// Reads all; that there is no `close_notify` at the end does not matter.
async fn read_all(stream: &mut TlsStream<TcpStream>) -> Vec<u64> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    frames(&bytes)
}

#[tokio::test]
async fn verified_it_delivers_everything() {
    for (version, name) in
        [(&rustls::version::TLS12, "TLS 1.2"), (&rustls::version::TLS13, "TLS 1.3")]
    {
        let authority = Authority::new(|_| ());
        let (listener, address) = listen().await;
        let acceptor = authority.acceptor(&[version]);
        let target = authority.target(address);
        let (link, _) = tokio::join!(open(&target), accept(&listener, &acceptor));
        assert_eq!(link.unwrap().protocol(), name);
        let sending = Sending::to(target);
        sending.feed(0..50_000, 777);
        let receiver =
            tokio::spawn(async move { read_all(&mut accept(&listener, &acceptor).await).await });
        assert_eq!(sending.finish().await, (Outcome::default(), 50_000));
        assert_eq!(tally(&receiver.await.unwrap(), 50_000), (0, 0));
    }
}

async fn refusal(target: Target, authority: &Authority, listener: TcpListener) -> String {
    let acceptor = authority.acceptor(&[&rustls::version::TLS13]);
    let receiver = async {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = acceptor.accept(stream).await;
    };
    let (link, ()) = within(30, async { tokio::join!(open(&target), receiver) }).await;
    link.unwrap_err().to_string()
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("other".try_into().unwrap())];
    });
    let (listener, address) = listen().await;
    let error = refusal(authority.target(address), &authority, listener).await;
    assert!(
        error.contains("not issued for \"127.0.0.1\", but for other; let the receiver's host or "),
        "{error}"
    );
}

/// A certificate is public: who shows it has to prove that its key is his.
#[tokio::test]
async fn a_pinned_certificate_in_the_hands_of_another_is_refused() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (owner, thief) = (Authority::new(|_| ()), Authority::new(|_| ()));
        let key = "destination.fingerprint".to_owned();
        let pins = Some(Keyed { key, value: vec![Fingerprint::of(&owner.chain[0])] });
        let trust = Trust { authorities: Authorities::Nobody, pins, ..Trust::default() };
        let stolen = Authority { chain: owner.chain.clone(), ..thief };
        for (shown, is_owner) in [(owner, true), (stolen, false)] {
            let (listener, address) = listen().await;
            let acceptor = shown.acceptor(&[version]);
            let receiver = async {
                let (stream, _) = listener.accept().await.unwrap();
                let _stream = acceptor.accept(stream).await;
            };
            let transport = TransportKind::Tls(trust.clone());
            let target = Target { transport, ..target(address) };
            let (link, ()) = within(30, async { tokio::join!(open(&target), receiver) }).await;
            match link {
                Ok(_) => assert!(is_owner),
                Err(error) => {
                    assert!(!is_owner, "{error}");
                    let told =
                        "its signature of this handshake is none of the key in the certificate";
                    assert!(error.to_string().contains(told), "{error}");
                }
            }
        }
    }
}

/// A name may have several addresses, and not all of them speak TLS.
#[tokio::test]
async fn where_one_address_speaks_no_tls_another_is_tried() {
    let authority = Authority::new(|_| ());
    let ((silent, first), (_closed, second), (listener, third)) =
        (listen().await, listen().await, listen().await);
    drop(_closed);
    let (plain, fourth) = listen().await;
    let talks = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"220 hello, this is not TLS\r\n").await.unwrap();
        stream
    };
    let acceptor = authority.acceptor(&[&rustls::version::TLS13]);
    let target = Target { connect_timeout: Duration::from_secs(2), ..authority.target(first) };
    let addresses = vec![fourth, second, first, third];
    let clients = Arc::default();
    let opened = Link::open_one(&target, addresses, &clients);
    let (link, _, _) =
        within(30, async { tokio::join!(opened, accept(&listener, &acceptor), talks) }).await;
    assert_eq!(link.unwrap().peer, third);
    drop(silent);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (ours, theirs) = (Authority::new(|_| ()), Authority::new(|_| ()));
    let (listener, address) = listen().await;
    let error = refusal(ours.target(address), &theirs, listener).await;
    assert!(
        error.contains("not trusted here (CN=") && error.contains("; let destination.ca_file name"),
        "{error}"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let (listener, address) = listen().await;
    let error = refusal(authority.target(address), &authority, listener).await;
    assert!(error.contains("it has expired") && error.contains("renew it"), "{error}");
}

#[tokio::test]
async fn a_receiver_without_tls_is_told_from_one_with() {
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let target = authority.target(address);
    let receiver = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 hello, this is not TLS\r\n").await.unwrap();
        stream
    };
    let (link, _) = within(30, async { tokio::join!(open(&target), receiver) }).await;
    let error = link.unwrap_err().to_string();
    assert!(error.contains("check that destination.port speaks TLS"), "{error}");
}

/// Its TLS library may have thrown away what came behind its `close_notify`.
#[tokio::test]
async fn clean_closes_under_load_cost_no_loss_and_repeat_what_a_library_may_hold() {
    const COUNT: u64 = 60_000;
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(rustls::ALL_VERSIONS);
    let sending = Sending::to(authority.target(address));
    // A trickle, so that the receiver can close when there is nothing left to read.
    let batches = sending.batches.clone();
    tokio::spawn(async move {
        for from in (0..COUNT).step_by(500) {
            let _ = batches.send(numbered(from..from + 500, WIDTH)).await;
            sleep(Duration::from_millis(5)).await;
        }
    });
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for round in 0..4 {
            let mut stream = accept(&listener, &acceptor).await;
            // So much that it counts, however young the connection is.
            let mut bytes = vec![0; (round + 12) * 1000 * WIDTH];
            stream.read_exact(&mut bytes).await.unwrap();
            // What has left the kernel counts as read, so none of it may stay behind in TLS.
            while let Ok(Ok(1..)) = timeout(Duration::ZERO, stream.read_buf(&mut bytes)).await {}
            // What is still under way is read as well.
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut bytes).await;
            drop(stream);
            arrived.extend(frames(&bytes));
        }
        arrived.extend(read_all(&mut accept(&listener, &acceptor).await).await);
        arrived
    });
    assert_eq!(sending.finish().await, (Outcome::default(), COUNT));
    let (missing, repeated) = tally(&receiver.await.unwrap(), COUNT);
    // Four ends, each with 64 KiB.
    assert!(missing == 0 && repeated <= 4 * 660, "{missing} are missing, {repeated} came twice");
}

#[tokio::test]
async fn a_receiver_that_says_farewell_and_waits_for_ours_is_not_kept_waiting() {
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(rustls::ALL_VERSIONS);
    let sending = Sending::to(authority.target(address));
    sending.feed(0..12_000, 100);
    let mut stream = accept(&listener, &acceptor).await;
    let mut bytes = vec![0; 12_000 * WIDTH];
    stream.read_exact(&mut bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    within(10, async { while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {} }).await;
    drop(stream);
    let receiver =
        tokio::spawn(async move { read_all(&mut accept(&listener, &acceptor).await).await });
    assert_eq!(sending.finish().await, (Outcome::default(), 12_000));
    assert!(receiver.await.unwrap().len() <= 12_000);
}

#[tokio::test]
async fn resets_under_load_lose_nothing() {
    const COUNT: u64 = 60_000;
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(rustls::ALL_VERSIONS);
    let sending = Sending::to(authority.target(address));
    sending.feed(0..COUNT, 1000);
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for round in 0..5 {
            let mut stream = accept(&listener, &acceptor).await;
            let mut bytes = vec![0; 300_000 + 12_345 * round];
            stream.read_exact(&mut bytes).await.unwrap();
            set_socket_linger(stream.get_ref().0, Some(Duration::ZERO)).unwrap();
            drop(stream);
            arrived.extend(frames(&bytes));
        }
        arrived.extend(read_all(&mut accept(&listener, &acceptor).await).await);
        arrived
    });
    assert_eq!(sending.finish().await, (Outcome::default(), COUNT));
    assert_eq!(tally(&receiver.await.unwrap(), COUNT).0, 0);
}

/// It closes after 100 lines each time, and its library waits for our close: three connections are at
/// work in the time that one has to be left alone.
#[tokio::test]
async fn a_worker_that_ends_connections_faster_than_one_passes_its_trial_is_kept_up_with() {
    // So wide that a record of TLS holds about as many as the worker takes.
    const WIDE: usize = 160;
    const COUNT: u64 = 1500;
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(rustls::ALL_VERSIONS);
    let sending = Sending::to(authority.target(address));
    let batches = sending.batches.clone();
    let began = Instant::now();
    tokio::spawn(async move {
        let mut from = 0;
        while from < COUNT {
            // Each batch holds what is there by then, as those that are read from a file do.
            let permit = batches.reserve().await.unwrap();
            sleep(Duration::from_millis(20)).await;
            let to = (began.elapsed().as_millis() as u64 * 3 / 20).clamp(from, COUNT);
            permit.send(numbered(from..to, WIDE));
            from = to;
        }
    });
    let arrived = Arc::new(std::sync::Mutex::new(Vec::new()));
    let stored = Arc::clone(&arrived);
    // How many connections take lines at a time, and did at most.
    let (open, most_open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most = Arc::clone(&most_open);
    tokio::spawn(async move {
        loop {
            let ((stream, _), stored) = (listener.accept().await.unwrap(), Arc::clone(&stored));
            let (accepting, open, most) =
                (acceptor.accept(stream), Arc::clone(&open), Arc::clone(&most));
            tokio::spawn(async move {
                let Ok(mut stream) = accepting.await else { return };
                most.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
                while bytes.len() < 100 * WIDE
                    && let Ok(count @ 1..) = stream.read(&mut buffer).await
                {
                    bytes.extend_from_slice(&buffer[..count]);
                }
                let numbers = bytes.chunks_exact(WIDE).map(|frame| {
                    std::str::from_utf8(frame).unwrap().trim().parse::<u64>().unwrap()
                });
                stored.lock().unwrap().extend(numbers);
                stream.get_mut().1.send_close_notify();
                let _ = stream.flush().await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(sending.finish().await, (Outcome::default(), COUNT));
    // One connection after the other would take twice as long.
    let most = most_open.load(Ordering::Relaxed);
    assert!(most >= 3, "{most} connections at a time");
    // Several connections store at a time, so that the order is not that of the lines.
    let mut arrived = std::mem::take(&mut *arrived.lock().unwrap());
    arrived.sort_unstable();
    let (missing, repeated) = tally(&arrived, COUNT);
    assert!(missing == 0 && repeated <= 300, "{missing} are missing, {repeated} came twice");
}

/// A handover costs no exchange of keys beyond the first.
#[tokio::test]
async fn sessions_are_resumed_over_handovers() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let authority = Authority::new(|_| ());
        let (listener, address) = listen().await;
        let acceptor = authority.acceptor(&[version]);
        let target = Target { proof_interval: Duration::from_secs(1), ..authority.target(address) };
        let mut sending = Sending::to(target);
        let receiver = tokio::spawn(async move {
            let mut kinds = Vec::new();
            while kinds.len() < 4 {
                let mut stream = accept(&listener, &acceptor).await;
                kinds.push(stream.get_ref().1.handshake_kind().unwrap());
                // The next one comes while this one is at work.
                tokio::spawn(async move { read_all(&mut stream).await });
            }
            kinds
        });
        for number in 0..3 {
            sending.batches.send(numbered(number..number + 1, WIDTH)).await.unwrap();
            sending.confirmed(number + 1).await;
        }
        sending.batches.send(numbered(3..4, WIDTH)).await.unwrap();
        let kinds = within(60, receiver).await.unwrap();
        let resumed = kinds[1..].iter().all(|kind| *kind == HandshakeKind::Resumed);
        assert!(kinds[0] == HandshakeKind::Full && resumed, "{kinds:?}");
    }
}

/// What TLS keeps is kept for each receiver: nor does going from one to another cost another exchange of keys.
#[tokio::test]
async fn sessions_are_resumed_with_each_of_several_receivers() {
    let authority = Authority::new(|_| ());
    let acceptors = [(); 2].map(|()| authority.acceptor(&[&rustls::version::TLS13]));
    let [(a, a_address), (b, b_address)] = [listen().await, listen().await];
    let others = vec![authority.target(b_address)];
    let failback = Some(Duration::from_secs(1));
    let sending = Sending::to(Targets::new(authority.target(a_address), others, failback));
    let mut kinds = Vec::new();
    let (mut a, mut went_back) = (Some(a), None::<JoinHandle<()>>);
    for round in 0..2 {
        let listener = match a.take() {
            Some(listener) => listener,
            None => listen_again(a_address).await,
        };
        let mut at_a = accept(&listener, &acceptors[0]).await;
        kinds.push(at_a.get_ref().1.handshake_kind().unwrap());
        if let Some(from_b) = went_back.take() {
            within(30, from_b).await.unwrap();
        }
        sending.batches.send(numbered(10 * round..10 * (round + 1), WIDTH)).await.unwrap();
        within(30, at_a.read_exact(&mut [0; 10 * WIDTH])).await.unwrap();
        drop((listener, at_a));
        let mut at_b = accept(&b, &acceptors[1]).await;
        kinds.push(at_b.get_ref().1.handshake_kind().unwrap());
        went_back = Some(tokio::spawn(async move {
            read_all(&mut at_b).await;
        }));
    }
    use HandshakeKind::{Full, Resumed};
    assert_eq!(kinds, [Full, Full, Resumed, Resumed]);
}

/// A proxy with no server behind it, say.
#[tokio::test]
async fn a_receiver_that_closes_right_after_the_first_lines_confirms_none() {
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(rustls::ALL_VERSIONS);
    let sending = Sending::to(authority.target(address));
    sending.feed(0..100, 10);
    for _ in 0..2 {
        let mut stream = accept(&listener, &acceptor).await;
        let mut bytes = vec![0; WIDTH];
        within(30, stream.read_exact(&mut bytes)).await.unwrap();
        assert_eq!(frames(&bytes), [0]);
        stream.shutdown().await.unwrap();
    }
    let receiver =
        tokio::spawn(async move { read_all(&mut accept(&listener, &acceptor).await).await });
    assert_eq!(sending.finish().await, (Outcome::default(), 100));
    assert_eq!(tally(&receiver.await.unwrap(), 100), (0, 0));
}

/// A client's certificate is asked for after the handshake as the client sees it (RFC 8446, section
/// 4.4.2.4): the receiver has read the first lines by then, and it refuses all of them.
#[tokio::test]
async fn an_alert_is_heard_where_writing_tells_of_the_end_first() {
    let authority = Authority::new(|_| ());
    let server = authority.asking_for_a_certificate();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (allowed, allow) = std::sync::mpsc::channel();
    let receiver = std::thread::spawn(move || refuse(&listener, server, &allow));
    let mut sending = Sending::to(authority.target(address));
    let mut batch = numbered(0..1, WIDTH);
    while let Err(back) = sending.fast_path.take(batch, 0) {
        batch = back;
        sleep(Duration::from_millis(1)).await;
    }
    sleep(YOUNG).await;
    // From here on the sender's task has no turn.
    allowed.send(()).unwrap();
    receiver.join().unwrap();
    assert!(sending.fast_path.take(numbered(1..2, WIDTH), 0).is_ok());
    // The receiver is gone: the answer to that is RST, and the next one meets it.
    std::thread::sleep(Duration::from_millis(20));
    assert!(sending.fast_path.take(numbered(2..3, WIDTH), 0).is_ok());
    let confirmed = timeout(YOUNG * 2, sending.updates.recv()).await;
    assert!(confirmed.is_err(), "{confirmed:?}");
}

/// Makes its part of the handshake, and when it is allowed to reads what has come, refuses it and
/// closes.
fn refuse(
    listener: &std::net::TcpListener,
    config: Arc<ServerConfig>,
    allow: &std::sync::mpsc::Receiver<()>,
) {
    use std::io::Read;
    let (mut tcp, _) = listener.accept().unwrap();
    let mut tls = rustls::ServerConnection::new(config).unwrap();
    while !tls.wants_write() {
        tls.read_tls(&mut tcp).unwrap();
        tls.process_new_packets().unwrap();
    }
    while tls.wants_write() {
        tls.write_tls(&mut tcp).unwrap();
    }
    allow.recv().unwrap();
    // In two segments at the most: what ends the handshake, and the first line.
    std::thread::sleep(Duration::from_millis(20));
    let mut buffer = vec![0; 65_536];
    let count = tcp.read(&mut buffer).unwrap();
    let mut piece = &buffer[..count];
    while !piece.is_empty() && tls.process_new_packets().is_ok() {
        tls.read_tls(&mut piece).unwrap();
    }
    tls.process_new_packets().unwrap_err();
    while tls.wants_write() {
        tls.write_tls(&mut tcp).unwrap();
    }
}

/// With TLS 1.2 a key serves for a number of records only, and no other follows it.
#[tokio::test]
async fn before_its_keys_are_exhausted_a_connection_asks_for_another() {
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(&[&rustls::version::TLS12]);
    let target = authority.target(address);
    let clients =
        Arc::new(TlsClients::giving(authority.client_whose_keys_last(64), authority.trust()));
    let (link, _stream) = tokio::join!(Link::open(&target, &clients), accept(&listener, &acceptor));
    let (mut link, mut ledger) = (link.unwrap(), Ledger::default());
    let mut send = |number| {
        ledger.push(numbered(number..number + 1, WIDTH));
        link.send(&mut ledger, usize::MAX).map(|_| link.keys_are_exhausted())
    };
    for number in 0..31 {
        assert!(!send(number).unwrap(), "{number}");
    }
    // The other half is for what it has taken already.
    for number in 31..62 {
        assert!(send(number).unwrap(), "{number}");
    }
    let error = (62..66).find_map(|number| send(number).err()).expect("no more is sealed");
    assert!(error.to_string().contains("seal"), "{error}");
}

/// What a receiver's library has read of a further record it throws away as the receiver closes.
#[tokio::test]
async fn a_piece_is_one_record_of_whole_frames() {
    let authority = Authority::new(|_| ());
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(&[&rustls::version::TLS12]);
    let target = authority.target(address);
    let clients =
        Arc::new(TlsClients::giving(authority.client_whose_keys_last(u64::MAX), authority.trust()));
    let (link, _stream) = tokio::join!(Link::open(&target, &clients), accept(&listener, &acceptor));
    let (mut link, mut ledger) = (link.unwrap(), Ledger::default());
    ledger.push(numbered(0..1000, WIDTH));
    for most in [WIDTH, 8 << 10, 16 << 10, 60 << 10] {
        let before = ledger.written();
        let Sent::Some(sent) = link.send_piece(&mut ledger, most).unwrap() else {
            panic!("the kernel takes so much")
        };
        let taken = (ledger.written() - before) as usize;
        assert_eq!(taken, most.min(16 << 10) / WIDTH * WIDTH);
        let overhead = sent - taken;
        assert!(overhead < 2 * (5 + 16), "one header and one tag: {overhead}");
    }
}

/// What the thread has used of the processor.
fn cpu() -> Duration {
    nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
}

/// What a handshake takes of the processor on this side, and of which kind it was.
fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> (Duration, Option<HandshakeKind>) {
    fn take(bytes: &mut dyn std::io::Read, into: &mut rustls::Connection) {
        while into.read_tls(bytes).unwrap() > 0 {
            into.process_new_packets().unwrap();
        }
    }
    fn give(from: &mut rustls::Connection) -> Vec<u8> {
        let mut wire = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut wire).unwrap();
        }
        wire
    }
    let begun = cpu();
    let name = "127.0.0.1".try_into().unwrap();
    let mut own = ClientConnection::new(Arc::clone(client), name).unwrap().into();
    let mut wire = give(&mut own);
    let mut spent = cpu() - begun;
    let mut other = rustls::ServerConnection::new(Arc::clone(server)).unwrap().into();
    loop {
        take(&mut &wire[..], &mut other);
        let answer = give(&mut other);
        if wire.is_empty() && answer.is_empty() {
            return (spent, own.handshake_kind());
        }
        let begun = cpu();
        take(&mut &answer[..], &mut own);
        wire = give(&mut own);
        spent += cpu() - begun;
    }
}

/// `docs/performance.md` has figures of an optimized build. TLS 1.3 exchanges keys each time, and only signatures
/// are spared.
#[test]
fn reconnecting_costs_less_than_a_first_connection() {
    const TIMES: u32 = 50;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let authority = Authority::new(|_| ());
        let server = authority.server(&[version], WebPkiClientVerifier::no_client_auth());
        let settings = || trust::client(&authority.trust()).unwrap().config;
        let kept = settings();
        handshake(&kept, &server);
        let (mut first, mut again) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..TIMES {
            let (spent, kind) = handshake(&settings(), &server);
            assert_eq!(kind, Some(HandshakeKind::Full));
            first += spent / TIMES;
            let (spent, kind) = handshake(&kept, &server);
            assert_eq!(kind, Some(HandshakeKind::Resumed));
            again += spent / TIMES;
        }
        println!("{:?}: {first:?} of CPU at first, {again:?} when it is resumed", version.version);
        let is_old = version.version == rustls::ProtocolVersion::TLSv1_2;
        let most = if is_old { first / 2 } else { first * 9 / 10 };
        assert!(again <= most, "{:?}: {again:?} of {first:?}", version.version);
    }
}
