//! A backlog of which more is asked than to be shipped as it stands, beside the same work without that.

use std::slice::from_ref;

use super::Settings;
use super::backlog::{CPU, RATE, access_log, note, ratio, ship};
use crate::contenders::{Contender, Keys, Ours, Rsyslog};
use crate::load::{EXCLUDE, Load, MATCHING, in_cri, in_docker, in_traces, with_secrets};
use crate::results::Row;
use crate::support::Transport;

/// What is asked for.
struct Feature<'a> {
    /// In the table.
    name: &'a str,
    /// The load, made of the lines of an access log.
    line: Option<fn(u64, &str) -> String>,
    keys: Keys<'a>,
    /// How many messages are made of so many lines.
    messages: fn(u64) -> u64,
    /// The CPU per line is to be this of that without, at most.
    most: f64,
}

/// Measures what it costs, for each of `who` that has it.
fn priced(mut row: Row, settings: Settings, feature: &Feature<'_>, who: &[Contender]) -> Row {
    let plain = access_log(settings);
    let load = feature.line.map(|line| plain.rewritten(&row.name, line));
    let load: &Load = load.as_ref().unwrap_or(&plain);
    for _ in 0..settings.rounds {
        let none = Keys::default();
        let shipped = ship(Ours, Transport::Tcp, from_ref(&plain), none, plain.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        for who in who {
            let messages = (feature.messages)(load.lines);
            let shipped = ship(*who, Transport::Tcp, from_ref(load), feature.keys, messages);
            let name = format!("{}, {}", who.name(), feature.name);
            note(&mut row, &name, shipped.as_ref());
        }
    }
    let name = format!("{}, {}", Ours.name(), feature.name);
    let ratio = ratio(&row, CPU, &name, Ours.name());
    let what = format!("CPU per line, of that without {}", feature.name);
    row.at_most(&what, feature.most, ratio, "times");
    row
}

/// Each line is a message.
fn all(lines: u64) -> u64 {
    lines
}

/// A key with a list of patterns.
fn patterns(key: &str, patterns: &[&str]) -> String {
    let list: Vec<_> = patterns.iter().map(|it| serde_json::json!(it).to_string()).collect();
    format!("{key}: [{}]", list.join(", "))
}

pub(super) fn exclude(row: Row, settings: Settings) -> Row {
    let yaml = &patterns("exclude_patterns", &EXCLUDE);
    let keys = Keys { yaml, ..Keys::default() };
    let messages = |lines| lines - lines / MATCHING;
    let feature = Feature { name: "5 patterns", line: None, keys, messages, most: 2.0 };
    priced(row, settings, &feature, &[Ours])
}

/// The other way round: what was dropped there is all that is sent.
pub(super) fn include(row: Row, settings: Settings) -> Row {
    // The line that shows that it is at work has to come too.
    let include = [&EXCLUDE[..], &["^a first line$"]].concat();
    let yaml = &patterns("include_patterns", &include);
    let keys = Keys { yaml, ..Keys::default() };
    let messages = |lines| lines / MATCHING;
    let feature = Feature { name: "5 patterns", line: None, keys, messages, most: 0.7 };
    priced(row, settings, &feature, &[Ours])
}

pub(super) fn per_file(row: Row, settings: Settings) -> Row {
    let of_files = "tag: '{stem}', facility: local0, severity: info, hostname: web1";
    let keys = Keys { of_files, ..Keys::default() };
    let feature =
        Feature { name: "settings of files", line: None, keys, messages: all, most: 1.02 };
    priced(row, settings, &feature, &[Ours])
}

pub(super) fn redact(row: Row, settings: Settings) -> Row {
    let keys =
        Keys { yaml: "redact_patterns: [card, email, ipv4, bearer, password]", ..Keys::default() };
    let line = Some(with_secrets as _);
    let feature = Feature { name: "5 redactions", line, keys, messages: all, most: 1.3 };
    priced(row, settings, &feature, &[Ours])
}

pub(super) fn multiline(row: Row, settings: Settings) -> Row {
    let keys = Keys {
        yaml: "multiline: {preset: java}",
        imfile: r#"startmsg.regex="^[^[:blank:]]" readTimeout="2""#,
        ..Keys::default()
    };
    // The last one is held for a while, in case it goes on.
    let (line, messages) = (Some(in_traces as _), |lines| lines / 10 - 1);
    let feature = Feature { name: "traces", line, keys, messages, most: 1.3 };
    let mut row = priced(row, settings, &feature, &[Ours, Rsyslog]);
    let [ours, rsyslog] = [Ours, Rsyslog].map(|who| format!("{}, traces", who.name()));
    let ratio = ratio(&row, RATE, &ours, &rsyslog);
    row.at_least("lines/s, of rsyslog's with startmsg.regex", 20.0, ratio, "times");
    row
}

pub(super) fn docker(row: Row, settings: Settings) -> Row {
    let keys = Keys { yaml: "format: docker", ..Keys::default() };
    let line = Some(in_docker as _);
    let feature = Feature { name: "format docker", line, keys, messages: all, most: 2.5 };
    priced(row, settings, &feature, &[Ours])
}

pub(super) fn cri(row: Row, settings: Settings) -> Row {
    let keys = Keys { yaml: "format: cri", ..Keys::default() };
    let line = Some(in_cri as _);
    let feature = Feature { name: "format cri", line, keys, messages: all, most: 1.5 };
    priced(row, settings, &feature, &[Ours])
}
