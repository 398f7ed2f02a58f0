//! PostgreSQL, with a database of its own: a table of lines, in the order in which they came.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::super::endpoint::own_address;
use super::super::nobody::{give_to_nobody, run_by_nobody};
use super::super::{SOON, wait_until};
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{POSTGRESQL, Program, or_skip, run};

/// Its superuser, who needs no password.
pub const USER: &str = "syslog";
/// Its database.
pub const DATABASE: &str = "postgres";

/// A running server. As root it runs as nobody, for it refuses to be root.
pub struct Postgres {
    server: Program,
    psql: Program,
    address: SocketAddr,
    service: Service,
}

impl Postgres {
    /// Starts one; `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let server = POSTGRESQL.program("postgres")?;
        // Not those on the way of the shell: they are scripts that look for these.
        let [init, psql] = ["initdb", "psql"].map(|name| server.beside(name));
        let ip = own_address();
        let address = SocketAddr::new(ip, free_port(ip));
        let service = Service::new("postgres");
        let mut postgres = Self { server, psql, address, service };
        or_skip("initdb", postgres.init(&init))?;
        postgres.restart();
        postgres.ask(
            "create table line (number bigserial primary key, hub text not null, text text not null)",
        );
        Some(postgres)
    }

    fn init(&self, init: &Program) -> Result<(), String> {
        give_to_nobody(self.service.dir());
        let mut init = init.command();
        run_by_nobody(&mut init);
        init.arg("-D").arg(self.data()).args(["-U", USER, "--auth", "trust", "--no-sync"]);
        run(init.args(["-E", "UTF8", "--locale", "C"])).map(drop)
    }

    fn data(&self) -> PathBuf {
        self.service.path("data")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, its clients with it, as `systemctl stop` would.
    pub fn stop(&mut self) {
        self.service.stop(Signal::INT);
    }

    /// Ends it at once, so that it has to recover when it comes back.
    pub fn crash(&mut self) {
        self.service.stop(Signal::QUIT);
    }

    /// Starts it again after [`Postgres::stop`] or [`Postgres::crash`].
    pub fn restart(&mut self) {
        let mut command = self.server.command();
        run_by_nobody(&mut command);
        command.arg("-D").arg(self.data()).arg("-k").arg(self.service.dir());
        let SocketAddr::V4(address) = self.address else { panic!("only IPv4 is looked up") };
        command.arg("-h").arg(address.ip().to_string()).arg("-p").arg(address.port().to_string());
        // What is written is safe from the end of processes, which is all that tests bring about.
        command.args(["-c", "fsync=off", "-c", "jit=off"]);
        self.service.start(command, &[("tcp", self.address)]);
        wait_until("PostgreSQL answers", SOON, || self.query("select 1").is_ok());
    }

    /// What a statement prints.
    #[track_caller]
    pub fn ask(&self, statement: &str) -> Vec<u8> {
        self.query(statement).unwrap()
    }

    fn query(&self, statement: &str) -> Result<Vec<u8>, String> {
        let mut psql = self.psql.command();
        psql.arg("-h").arg(self.address.ip().to_string());
        psql.arg("-p").arg(self.address.port().to_string());
        psql.args(["-X", "-q", "-A", "-t", "-U", USER, "-d", DATABASE, "-c", statement]);
        run(&mut psql).map(|output| output.stdout)
    }

    /// How many lines it has.
    pub fn count(&self) -> u64 {
        String::from_utf8(self.ask("select count(*) from line")).unwrap().trim().parse().unwrap()
    }

    /// The texts of the lines that `hub` has written to it.
    pub fn texts_of(&self, hub: &str) -> Vec<Vec<u8>> {
        let select = format!("select text from line where hub = '{hub}' order by number");
        let text = self.ask(&select);
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect()
    }
}

/// Nothing that is not told to stop may be left: its processes end when they see that the first has gone.
impl Drop for Postgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() && !std::thread::panicking() {
            self.crash();
        }
    }
}

#[test]
fn it_keeps_lines_over_a_crash() {
    let Some(mut postgres) = Postgres::start() else { return };
    postgres.ask("insert into line (hub, text) values ('a', 'one'), ('b', 'two')");
    postgres.crash();
    postgres.restart();
    assert_eq!(postgres.texts_of("a"), [b"one".to_vec()]);
    assert_eq!(postgres.count(), 2);
}
