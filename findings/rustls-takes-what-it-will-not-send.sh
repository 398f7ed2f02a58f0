#!/usr/bin/env bash
# rustls 0.23.46 with ring: TLS 1.2 has no new key within a connection, so an AES-GCM key ends after 2^24 records (RFC 9325,
# section 4.4). rustls then sends close_notify by itself, and nothing after that. But writer().write() goes on returning Ok
# for everything, wants_write() stays false, and no error comes: what is written from then on is thrown away.
#
# Seen: of 16,778,216 bytes, one in a record, that were taken without an error, 16,777,215 arrived.
# So who writes much over TLS 1.2 counts the records by itself, and changes the connection in time.
# Needs cargo with a C compiler, and the network to fetch the crates. Takes some minutes to build and 20 s to run.
# Exits 0 while it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Cargo.toml <<'C'
[package]
name = "limit"
version = "0.0.0"
edition = "2024"
[[bin]]
name = "limit"
path = "limit.rs"
[dependencies]
rcgen = "=0.14.10"
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "std", "tls12"] }
C
cat >limit.rs <<'C'
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::TLS12;
use rustls::{CipherSuite, ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection};

const RECORDS: u64 = (1 << 24) + 1_000;

fn pass<A, B>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>, wire: &mut Vec<u8>) {
    wire.clear();
    while from.wants_write() {
        from.write_tls(wire).unwrap();
    }
    let mut rest = &wire[..];
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
        to.process_new_packets().unwrap();
    }
}

fn main() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut provider = rustls::crypto::ring::default_provider();
    let gcm = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    provider.cipher_suites.retain(|suite| suite.suite() == gcm);
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let server = server.with_protocol_versions(&[&TLS12]).unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS12]).unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server, &mut wire);
        pass(&mut server, &mut client, &mut wire);
    }
    let (mut taken, mut received, mut plain) = (0, 0, [0; 4096]);
    for _ in 0..RECORDS {
        taken += client.writer().write(b"x").unwrap();
        pass(&mut client, &mut server, &mut wire);
        while let Ok(count @ 1..) = server.reader().read(&mut plain) {
            received += count;
        }
    }
    println!("{taken} bytes were taken without an error, {received} arrived");
    std::process::exit(i32::from(taken == received));
}
C
cargo run --quiet --release
