//! The receivers: one by `destination.host`, or several in order by `destination.hosts`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::balance;
use super::super::document::ReceiverMap;
use super::super::document::leaf::{Choice, One, Spot, Text};
use super::super::error::Place;
use super::super::value;
use super::super::{Mode, Protocol};
use super::tls::TlsGiven;
use super::{DEFAULT_PORT, Resolver, Typed, not_utf8};

/// One of the receivers.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// What it is given of TLS for itself.
    pub(super) tls: TlsGiven,
}

impl Receiver {
    /// `host:port`, in lower case, for that makes no difference.
    fn name(&self) -> String {
        value::host_with_port(&self.host.to_ascii_lowercase(), self.port)
    }
}

/// How messages are framed depends on this.
fn is_framed_alike(one: Protocol, other: Protocol) -> bool {
    let kind = |protocol: Protocol| (protocol == Protocol::Udp, protocol.is_relp());
    kind(one) == kind(other)
}

/// A flag wins over a variable, and that over the file.
fn rank(place: &Place) -> u8 {
    match place {
        Place::Flag(_) | Place::Arguments => 0,
        Place::Variable(_) => 1,
        Place::Line { .. } | Place::File(_) | Place::NoFile(_) => 2,
    }
}

/// Whether `destination.hosts` counts: it does unless a source that wins over its own gives
/// `destination.host`.
pub(in super::super) fn uses_hosts(typed: &Typed) -> bool {
    let to = &typed.document.own.destination.own;
    let rank = |spot: Option<Spot>| spot.map(|spot| rank(&typed.spots.place(spot)));
    match (rank(to.hosts.spot()), rank(to.host.spot())) {
        (Some(hosts), Some(host)) => hosts <= host,
        (hosts, _) => hosts.is_some(),
    }
}

impl Resolver<'_> {
    /// The receivers in the order of this host; `common` is the protocol of those without their own.
    pub(super) fn receivers(&mut self, common: Protocol) -> Option<Vec<Receiver>> {
        if !uses_hosts(self.typed) {
            return self.one_receiver(common).map(|one| vec![one]);
        }
        let (receivers, is_whole) = self.several_receivers(common);
        let names: Vec<_> = receivers.iter().map(Receiver::name).collect();
        let receivers = match self.switch(&self.daemon().destination.own.balance) {
            true => {
                let order = balance::order(&self.around.hostname, &names).into_iter();
                order.map(|place| receivers[place].clone()).collect()
            }
            false => receivers,
        };
        is_whole.then_some(receivers)
    }

    fn one_receiver(&mut self, protocol: Protocol) -> Option<Receiver> {
        let to = &self.daemon().destination.own;
        let mut host = self.value(&to.host);
        if to.host.spot().is_none() && matches!(self.typed.mode, Mode::DryRun { .. }) {
            host = Some(String::new());
        } else if to.host.spot().is_none() {
            self.missing(
                "destination.host",
                "no receiver is named; write its name there, or give --dest-host",
            );
        }
        self.warn_of_port(protocol);
        if self.switch(&to.balance)
            && let Some(spot) = to.balance.spot()
        {
            let text = "it has no effect with one receiver; write several in destination.hosts";
            self.warn(spot, text);
        }
        let port = self.value(&to.port).unwrap_or(DEFAULT_PORT);
        let tls = TlsGiven::default();
        host.map(|host| Receiver { host, port, protocol, tls })
    }

    /// Those that can be used, and whether that is all of them.
    fn several_receivers(&mut self, common: Protocol) -> (Vec<Receiver>, bool) {
        let to = &self.daemon().destination.own;
        let Some(hosts) = to.hosts.spot() else { return (Vec::new(), false) };
        self.refuse_beside_hosts(hosts);
        if to.hosts.items().is_empty() && !self.findings.may_hold(|p| p.key == "destination.hosts")
        {
            self.problem(hosts, "no receiver is named; write each as HOST:PORT");
        }
        let mut found: Vec<(Receiver, Spot)> = Vec::new();
        let mut listed = HashMap::new();
        for (place, item) in to.hosts.items().iter().enumerate() {
            let read = match item {
                Choice::Text(text) => self.listed(text).map(|(host, port)| {
                    self.warn_of_tls_port(common, text);
                    let tls = TlsGiven::default();
                    (Receiver { host, port, protocol: common, tls }, text.spot)
                }),
                Choice::Map(spot, map) => self.described((place, *spot), map, common),
            };
            let Some((receiver, spot)) = read else { continue };
            match listed.entry(receiver.name()) {
                Entry::Occupied(other) => {
                    let (name, first) = (other.key(), self.typed.spots.place(*other.get()));
                    let text = format!("{name} is listed already ({first}); remove one of them");
                    self.problem(spot, text);
                }
                Entry::Vacant(place) => {
                    place.insert(spot);
                    found.push((receiver, spot));
                }
            }
        }
        let is_whole = !found.is_empty() && found.len() == to.hosts.items().len();
        self.refuse_mixture(&found);
        (found.into_iter().map(|(receiver, _)| receiver).collect(), is_whole)
    }

    /// What names a receiver beside `destination.hosts`.
    fn refuse_beside_hosts(&mut self, hosts: Spot) {
        let to = &self.daemon().destination.own;
        let spots = &self.typed.spots;
        let place = spots.place(hosts);
        let counts = |spot: &Spot| rank(&spots.place(*spot)) <= rank(&place);
        let [host, port] = [to.host.spot(), to.port.spot()].map(|spot| spot.filter(counts));
        if let Some(spot) = host {
            let text = format!(
                "receivers are listed in destination.hosts already ({place}); write this one there \
                 too, as HOST:PORT, or remove the list"
            );
            self.problem(spot, text);
        }
        if let Some(spot) = port {
            let text = format!(
                "it belongs to destination.host, and receivers are listed in destination.hosts \
                 ({place}), each with its own port; remove it, or name a receiver by --dest-host"
            );
            self.problem(spot, text);
        }
    }

    /// `HOST:PORT`.
    fn listed(&mut self, text: &Text) -> Option<(String, u16)> {
        let said = text.text.to_str().ok_or_else(|| not_utf8(&text.text));
        said.and_then(value::host_and_port).map_err(|error| self.problem(text.spot, error)).ok()
    }

    /// A receiver with keys of its own, at that place of the list.
    fn described(
        &mut self,
        (place, spot): (usize, Spot),
        map: &ReceiverMap,
        common: Protocol,
    ) -> Option<(Receiver, Spot)> {
        let keys = &map.own;
        let host = self.value(&keys.host);
        let port = self.value(&keys.port);
        let protocol = self.value(&keys.protocol).unwrap_or(common);
        let tls = self.tls(&map.shared, protocol, Some(place));
        self.lacks(spot, &keys.host, "a receiver has no host; write host: and its name");
        self.lacks(spot, &keys.port, "a receiver has no port; write port: and its port");
        if let Some(port) = keys.port.typed() {
            self.warn_of_tls_port(protocol, port);
        }
        let at = keys.protocol.spot().unwrap_or(spot);
        Some((Receiver { host: host?, port: port?, protocol, tls }, at))
    }

    fn lacks<M>(&mut self, spot: Spot, key: &One<M>, text: &str) {
        if key.spot().is_none() && !key.is_misshapen() {
            self.problem(spot, text);
        }
    }

    /// What is unproven goes from one to the next byte for byte, framed as it is; and over UDP nobody can
    /// tell when it is time for the next.
    fn refuse_mixture(&mut self, found: &[(Receiver, Spot)]) {
        let [(first, spot), others @ ..] = found else { return };
        if others.is_empty() {
            return;
        }
        if let Some((_, spot)) = found.iter().find(|(it, _)| it.protocol == Protocol::Udp) {
            let text = "over UDP nobody can tell whether a receiver takes messages, and so when the next \
                        one is to be asked; write destination.protocol: tcp, tls, relp or relp-tls, or \
                        name one receiver only";
            self.problem(*spot, text);
        } else if let Some((other, at)) =
            others.iter().find(|(it, _)| !is_framed_alike(it.protocol, first.protocol))
        {
            let text = format!(
                "{} frames messages otherwise than {} ({}), and what one receiver has not proven goes to \
                 the next byte for byte; let all of them have tcp or tls, or all relp or relp-tls",
                other.protocol.name(),
                first.protocol.name(),
                self.typed.spots.place(*spot)
            );
            self.problem(*at, text);
        }
    }
}
