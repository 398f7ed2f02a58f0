//! What is allowed, and probably not meant: a warning says what follows, and what to write.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::document::FileItem;
use super::super::document::leaf::{Choice, List, One, Spot, Text};
use super::super::error::Place;
use super::super::value::MESSAGE_MIN;
use super::super::{Config, FileEntry, Protocol};
use super::{DEFAULT_PORT, Resolver};
use crate::glob::Component;
use crate::syslog::{Framing, Header, field};
use crate::text::PathTemplate;

/// The port of syslog over TLS (RFC 5425, section 4.1).
const TLS_PORT: u16 = 6514;

/// Where fewer bytes are left for a text, most of an ordinary line may be missing.
const SHORT_TEXT: usize = MESSAGE_MIN / 2;

/// A time stamp as long as they get.
const LONGEST_TIME: &str = "2026-11-29T12:00:00.123456+01:00";

impl Resolver<'_> {
    /// Says what follows from it that a key was misspelt, where messages go by these protocols.
    pub(super) fn tell_consequences(&mut self, mut protocols: impl Iterator<Item = Protocol>) {
        let has_port = self.daemon().destination.own.port.spot().is_some();
        let mut tell = |key, text: &str| self.findings.add_consequence(key, text);
        if let Some(open) = protocols.find(|protocol| !protocol.has_tls()) {
            let name = open.name().to_ascii_uppercase();
            let text = format!("As it stands, messages go over {name}, unencrypted");
            // The last one stands in an item of destination.hosts.
            let keys = ["destination.protocol", "tcp", "tls", "protocol"];
            keys.into_iter().for_each(|key| tell(key, &text));
        }
        if !has_port {
            let text = format!("As it stands, messages go to port {DEFAULT_PORT}");
            tell("destination.port", &text);
        }
    }

    /// Where the protocol was given, in one of three ways.
    fn spot_of_protocol(&self) -> Option<Spot> {
        let keys = self.daemon();
        let switches = [&keys.tcp, &keys.tls];
        switches.into_iter().find_map(One::spot).or(keys.destination.own.protocol.spot())
    }

    /// Warns of a port at which nobody speaks the protocol, as a rule.
    pub(super) fn warn_of_port(&mut self, protocol: Protocol) {
        let port = self.daemon().destination.own.port.typed();
        let of_protocol = self.spot_of_protocol();
        let (spot, text) = match (protocol, port) {
            (Protocol::Tls, None) => (
                of_protocol,
                format!(
                    "TLS goes to port {DEFAULT_PORT}, since no port is given, and as a rule nobody \
                     speaks TLS there; write the port of your receiver (usually {TLS_PORT}) behind \
                     destination.port, or give --dest-port"
                ),
            ),
            (Protocol::Relp | Protocol::RelpTls, None) => (
                of_protocol,
                format!(
                    "RELP goes to port {DEFAULT_PORT}, since no port is given, and as a rule nobody \
                     speaks RELP there; write the port of your receiver (often 2514 or 20514) behind \
                     destination.port, or give --dest-port"
                ),
            ),
            (_, Some(port)) => return self.warn_of_tls_port(protocol, port),
            (_, None) => return,
        };
        if let Some(spot) = spot {
            self.warn(spot, text);
        }
    }

    /// Warns of the port of TLS where there is none.
    pub(super) fn warn_of_tls_port(&mut self, protocol: Protocol, port: &Text) {
        let is_open = matches!(protocol, Protocol::Udp | Protocol::Tcp);
        let ends = port.text.as_bytes().rsplit(|byte| *byte == b':').next();
        if is_open && ends == Some(TLS_PORT.to_string().as_bytes()) {
            let text = format!(
                "{TLS_PORT} is the port of syslog over TLS, and messages go there unencrypted; \
                 write destination.protocol: tls, or give --tls"
            );
            self.warn(port.spot, text);
        }
    }

    /// Warns of what is for TLS where there is none.
    pub(super) fn warn_of_no_tls(&mut self, spot: Spot) {
        let text = "it has no effect without TLS; remove it, or write destination.protocol: tls or \
             relp-tls";
        self.warn(spot, text);
    }

    /// Warns of a framing where the protocol leaves no choice.
    pub(super) fn warn_of_framing(&mut self, chosen: Option<Framing>) {
        let given = self.daemon().destination.own.framing.spot();
        if let (Some(Framing::OctetCounted), Some(spot)) = (chosen, given) {
            let text = "it has no effect over UDP and RELP, which frame messages by themselves; remove \
                 it, or write destination.protocol: tcp or tls";
            self.warn(spot, text);
        }
    }

    /// A limit below that of the RFC does what it says, as long as a message has room for a text. So does one that the header
    /// takes up, because of what is sent with every message.
    pub(super) fn warn_of_short_limit(&mut self, config: &Config) {
        let Some(limit) = config.destination.max_message else { return };
        let keys = self.daemon();
        let (key, given) = match config.destination.protocol {
            Protocol::Udp => ("udp_max_line_length", keys.udp_max_line_length.spot()),
            Protocol::Tcp | Protocol::Tls => {
                ("tcp_max_line_length", keys.tcp_max_line_length.spot())
            }
            Protocol::Relp | Protocol::RelpTls => {
                ("relp_max_line_length", keys.relp_max_line_length.spot())
            }
        };
        let Some(spot) = given.or_else(|| self.spot_of_data()) else { return };
        let header = longest_header(config);
        let remedy = match limit < MESSAGE_MIN {
            true => format!("write {MESSAGE_MIN} or more"),
            false => format!("raise {key}, or have less sent with every message"),
        };
        if limit <= header {
            let text = format!(
                "{limit} bytes leave no room for a text: the header alone has up to {header}; {remedy}"
            );
            self.problem(spot, text);
        } else if limit < MESSAGE_MIN {
            let text = format!(
                "of each line {} bytes arrive, for the header takes up to {header} of {limit}; every \
                 receiver takes {MESSAGE_MIN} (RFC 5424, section 6.1): write that or more",
                limit - header
            );
            self.warn(spot, text);
        } else if limit - header < SHORT_TEXT {
            let text = format!(
                "of each line {} bytes arrive, for the header takes up to {header} of {limit}; {remedy}",
                limit - header
            );
            self.warn(spot, text);
        }
    }

    /// Where something is given that is sent with every message and may be long.
    fn spot_of_data(&self) -> Option<Spot> {
        let of_entry = |item: &FileItem| match item {
            Choice::Map(_, keys) => keys.shared.structured_data.spot(),
            Choice::Text(_) => None,
        };
        let keys = self.daemon();
        let of_all = self.typed.document.shared.structured_data.spot();
        let included = self.typed.included.entries.iter().flat_map(List::items);
        let mut items = keys.files.items().iter().chain(included);
        of_all.or_else(|| items.find_map(of_entry)).or(keys.destination.own.token.spot())
    }

    /// Header fields are made valid when they are sent; that the receiver sees another name
    /// should be no surprise.
    pub(super) fn warn_of_change(&mut self, spot: Spot, name: &str, max: usize) {
        let sent = field(name, max);
        if sent != name {
            let text = format!(
                "{name:?} is sent as {sent:?}; write at most {max} printable ASCII characters, \
                 none of them a blank"
            );
            self.warn(spot, text);
        }
    }

    /// Nothing replaces variables in a file.
    pub(super) fn warn_of_variable(&mut self, spot: Spot, text: &str) {
        if text.match_indices('$').any(|(at, _)| begins_variable(&text[at..])) {
            let text = format!("in {text:?} the $ stands for itself; write the value out");
            self.warn(spot, text);
        }
    }

    /// What a token holds that was not meant to be one. It is not shown, and a $ in the middle of one may be part of it.
    pub(super) fn warn_of_token(&mut self) {
        let Some(Text { text, spot }) = self.daemon().destination.own.token.typed() else { return };
        let (text, is_flag) = (text.to_string_lossy(), self.is_of_flag(*spot));
        if begins_variable(&text) {
            self.warn(*spot, "the $ at its beginning stands for itself; write the value out");
        }
        // As clusters of short flags are read, and as pflag reads them.
        if let Some(meant) = ["tls", "tcp"].into_iter().find(|it| is_flag && it[1..] == *text) {
            let text = format!("-{meant} is -t {text}, which is a token; write --{meant}");
            self.warn(*spot, text);
        }
    }

    fn is_of_flag(&self, spot: Spot) -> bool {
        matches!(self.typed.spots.place(spot), Place::Flag(_))
    }

    /// What a path holds that only a shell or YAML would take away.
    pub(super) fn warn_of_path(&mut self, spot: Spot, path: &OsStr) {
        let text = path.to_string_lossy();
        self.warn_of_variable(spot, &text);
        if text.starts_with("~/") {
            let text = format!("in {path:?} the ~ stands for itself; write the directory out");
            self.warn(spot, text);
        }
        if ['"', '\''].iter().any(|&quote| text.matches(quote).count() == 2) {
            let bare = text.replace(['"', '\''], "");
            let text = format!(
                "the quotes within {path:?} are part of the name; put them around the whole item, or \
                 write {bare:?}"
            );
            self.warn(spot, text);
        }
        if text.contains('\n') {
            // As YAML has it behind a `|` or `>`.
            let text = format!(
                "the newline in {path:?} is part of the name; make each path an item, without '|' or '>'"
            );
            self.warn(spot, text);
        }
        if text.contains(", /") || text.contains(",/") {
            let text = format!("{path:?} is one name, commas included; make each path an item");
            self.warn(spot, text);
        }
    }
}

fn begins_variable(text: &str) -> bool {
    let begins = |c: char| c == '{' || c == '(' || c.is_ascii_uppercase();
    text.strip_prefix('$').is_some_and(|name| name.starts_with(begins))
}

/// The bytes of the longest header that is certain to occur.
fn longest_header(config: &Config) -> usize {
    let token = config.destination.token.as_deref();
    let mut out = Vec::new();
    let mut length = |entry: &FileEntry| {
        let name = match entry.glob.components().last() {
            Some(Component::Literal(name)) => name.to_string_lossy(),
            _ => "-".into(),
        };
        let messages = &entry.messages;
        let fixed = |template: &PathTemplate| template.fixed().unwrap_or("-").to_owned();
        let tag = messages.tag.as_ref().map_or_else(|| name.into_owned(), fixed);
        let hostname = fixed(&messages.hostname);
        let path = if entry.glob.is_literal() { entry.glob.text() } else { Path::new("/") };
        let names = (messages.priority(), &*hostname, &*tag);
        let data = &messages.structured_data;
        let header = Header::with_data(names, token, data, &path.to_string_lossy());
        header.render(LONGEST_TIME, &mut out);
        out.len()
    };
    config.files.iter().map(&mut length).max().unwrap_or_default()
}
