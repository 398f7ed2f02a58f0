//! rsyslogd as a hub: it takes messages over TCP, TLS and RELP, writes them to PostgreSQL, and passes them on to
//! a second hub by RELP.

use std::net::{IpAddr, SocketAddr};

use super::super::certificates::Certificates;
use super::super::endpoint::{Endpoint, Transport, own_address};
use super::postgres::{DATABASE, Postgres, USER};
use super::rsyslogd::command;
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{Program, RSYSLOG_HUB};

/// What becomes of messages that it has and that are not where they are to go.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The parameters of `main_queue()`.
    pub main: String,
    /// Those of each action, with `NAME` where a name of its own belongs.
    pub action: String,
}

/// A running hub.
pub struct Hub {
    name: &'static str,
    program: Program,
    ip: IpAddr,
    ports: [u16; 3],
    keeping: Keeping,
    database: SocketAddr,
    second: Endpoint,
    certificates: Certificates,
    service: Service,
}

impl Default for Keeping {
    /// All of them: what was answered over RELP is on disk, whatever happens to the hub, and goes on until it is
    /// taken. `docs/fleet.md` says what each is for.
    fn default() -> Self {
        Self {
            main: r#"queue.type="Direct""#.to_owned(),
            action: r#"action.resumeRetryCount="-1" action.resumeInterval="1"
    action.resumeIntervalMax="5" queue.type="Disk" queue.filename="NAME" queue.size="10000000"
    queue.checkpointInterval="1" queue.timeoutEnqueue="86400000""#
                .to_owned(),
        }
    }
}

impl Keeping {
    /// The same where one thing is otherwise.
    #[track_caller]
    pub fn but(self, this: &str, other: &str) -> Self {
        assert!(self.main.contains(this) || self.action.contains(this), "{this} is not there");
        let replaced = |text: String| text.replace(this, other);
        Self { main: replaced(self.main), action: replaced(self.action) }
    }
}

impl Hub {
    /// Starts one; `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start(
        name: &'static str,
        keeping: Keeping,
        database: &Postgres,
        second: &Endpoint,
    ) -> Option<Self> {
        let program = RSYSLOG_HUB.program("rsyslogd")?;
        let ip = own_address();
        let mut hub = Self {
            name,
            program,
            ip,
            ports: [(); 3].map(|()| free_port(ip)),
            keeping,
            database: database.address(),
            second: second.clone(),
            certificates: Certificates::new(ip),
            service: Service::new("rsyslogd, a hub"),
        };
        hub.restart();
        Some(hub)
    }

    /// By which the database knows it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub fn address(&self, transport: Transport) -> SocketAddr {
        let port = match transport {
            Transport::Tcp => self.ports[0],
            Transport::Tls => self.ports[1],
            Transport::Relp => self.ports[2],
            other => panic!("a hub does not listen for {other:?}"),
        };
        SocketAddr::new(self.ip, port)
    }

    /// Its authority, its certificate and its key.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Asks it to stop, as `systemctl stop` would.
    pub fn term(&mut self) {
        self.service.term();
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Starts it again after [`Hub::term`] or [`Hub::kill`].
    pub fn restart(&mut self) {
        let listens = [Transport::Tcp, Transport::Tls, Transport::Relp];
        let listens = listens.map(|transport| ("tcp", self.address(transport)));
        let command = command(&self.program, &self.service, &self.config());
        self.service.start(command, &listens);
    }

    fn config(&self) -> String {
        let Self { name, ip, ports: [port, tls_port, relp_port], .. } = self;
        let Keeping { main, action } = &self.keeping;
        let [to_database, to_second] =
            ["database", "second"].map(|name| action.replace("NAME", name));
        let (dir, database) = (self.service.dir().display(), self.database);
        let (server, server_port) = (database.ip(), database.port());
        let (second, second_port) = (&self.second.host, self.second.port);
        let [authority, certificate, key] =
            [Certificates::authority, Certificates::certificate, Certificates::key]
                .map(|path| path(&self.certificates).display().to_string());
        format!(
            r#"
global(workDirectory="{dir}" maxMessageSize="64k" net.enableDNS="off"
  defaultNetstreamDriverCAFile="{authority}" defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}")
main_queue({main})
module(load="imtcp")
module(load="imrelp")
module(load="ompgsql")
module(load="omrelp")
template(name="row" type="string" option.stdsql="on"
  string="insert into line (hub, text) values ('{name}', '%msg%')")
ruleset(name="hub") {{
  action(type="ompgsql" server="{server}" port="{server_port}" user="{USER}" pass=""
    db="{DATABASE}" template="row" {to_database})
  action(type="omrelp" target="{second}" port="{second_port}"
    template="RSYSLOG_SyslogProtocol23Format" {to_second})
}}
input(type="imtcp" address="{ip}" port="{port}" ruleset="hub")
input(type="imtcp" address="{ip}" port="{tls_port}" ruleset="hub"
  StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imrelp" address="{ip}" port="{relp_port}" ruleset="hub")
"#
        )
    }
}
