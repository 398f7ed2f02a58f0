//! A small syslog receiver: prints each message as it arrives.
//!
//! ```text
//! cargo run --example receiver -- --tcp 127.0.0.1:5140 --udp 127.0.0.1:5140
//! cargo run --example receiver -- --tls 127.0.0.1:6514 --cert server.pem --key server.key
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it does")]

mod server;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tokio::sync::mpsc;

/// Receives syslog messages and prints them.
#[derive(Parser)]
#[command(name = "receiver")]
struct Arguments {
    /// Listen for datagrams; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT")]
    udp: Vec<String>,
    /// Listen for connections with a message a line.
    #[arg(long, value_name = "ADDRESS:PORT")]
    tcp: Vec<String>,
    /// The same within TLS.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "cert", requires = "key")]
    tls: Vec<String>,
    /// The certificate chain, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
    /// End after so many seconds.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::parse();
    if arguments.udp.is_empty() && arguments.tcp.is_empty() && arguments.tls.is_empty() {
        arguments.tcp.push("127.0.0.1:0".to_owned());
    }
    let (sender, messages) = mpsc::channel(1024);
    listen(&arguments, &sender).await?;
    drop(sender);
    let limit = arguments.seconds.map_or(Duration::MAX, Duration::from_secs);
    match tokio::time::timeout(limit, print(messages, arguments.messages)).await {
        Ok(printed) => Ok(printed?),
        Err(_) => Ok(()),
    }
}

async fn listen(arguments: &Arguments, messages: &mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    for address in &arguments.udp {
        println!("listening on {} (UDP)", server::udp(address, messages.clone()).await?);
    }
    for address in &arguments.tcp {
        println!("listening on {} (TCP)", server::tcp(address, None, messages.clone()).await?);
    }
    if let (Some(cert), Some(key)) = (&arguments.cert, &arguments.key) {
        let tls = server::tls_acceptor(cert, key)?;
        for address in &arguments.tls {
            let address = server::tcp(address, Some(tls.clone()), messages.clone()).await?;
            println!("listening on {address} (TLS)");
        }
    }
    io::stdout().flush()
}

async fn print(mut messages: mpsc::Receiver<Vec<u8>>, limit: Option<u64>) -> io::Result<()> {
    let mut printed = 0;
    while limit.is_none_or(|limit| printed < limit) {
        let Some(mut message) = messages.recv().await else { break };
        message.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&message)?;
        out.flush()?;
        printed += 1;
    }
    Ok(())
}
