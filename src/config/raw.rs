//! What was typed, with the place of each value: one [`Layer`] for each source.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::error::{Place, Problem};
use super::findings::Findings;
use super::keys::{Key, Shape, VARIABLE_PREFIX, nearest};
use crate::cli::Cli;

/// A word as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: OsString,
    pub(super) place: Place,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Text(Text),
    /// A map, in `files` only.
    Entry(EntryTexts),
}

/// What was written in an entry of `files` that is a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryTexts {
    pub(super) path: Text,
    pub(super) tag: Option<Text>,
    pub(super) timestamp: Option<Text>,
    pub(super) timestamp_format: Option<Text>,
}

/// A list, and where its key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Items {
    pub(super) place: Place,
    pub(super) items: Vec<Item>,
}

/// The settings of one source. What is empty there is not in here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) scalars: BTreeMap<Key, Text>,
    pub(super) lists: BTreeMap<Key, Items>,
}

impl Layer {
    fn set(&mut self, key: Key, text: impl Into<OsString>, place: Place) {
        let text = text.into();
        if !text.is_empty() {
            self.scalars.insert(key, Text { text, place });
        }
    }
}

/// The settings that were given as flags.
pub(super) fn flags(cli: &Cli) -> Layer {
    let mut layer = Layer::default();
    let texts = [
        (Key::Host, &cli.dest_host),
        (Key::Port, &cli.dest_port),
        (Key::Token, &cli.dest_token),
        (Key::Hostname, &cli.hostname),
        (Key::Facility, &cli.facility),
        (Key::Severity, &cli.severity),
        (Key::NewFileCheckInterval, &cli.new_file_check_interval),
        (Key::LogLevels, &cli.log_levels),
        (Key::User, &cli.user),
    ];
    for (key, text) in texts {
        layer.set(key, text.as_deref().unwrap_or_default(), Place::Flag(key.flag()));
    }
    let paths = [
        (Key::StateDir, &cli.state_dir),
        (Key::PidFile, &cli.pid_file),
        (Key::DebugLogFile, &cli.debug_log_file),
    ];
    for (key, path) in paths {
        layer.set(key, path.as_deref().unwrap_or_default(), Place::Flag(key.flag()));
    }
    let switches = [
        (Key::Poll, cli.poll),
        (Key::FromStart, cli.from_start),
        (Key::Tcp, cli.tcp),
        (Key::Tls, cli.tls),
        (Key::NoDetach, cli.no_detach),
    ];
    for (key, switch) in switches {
        let text = switch.map(|on| on.to_string()).unwrap_or_default();
        layer.set(key, text, Place::Flag(key.flag()));
    }
    layer
}

/// The arguments that are no flags, as items of `files`.
pub(super) fn arguments(cli: &Cli) -> Vec<Item> {
    let item = |text: &OsString| Text { text: text.clone(), place: Place::Arguments };
    cli.files.iter().map(item).map(Item::Text).collect()
}

/// Environment variables by name.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// Names the file, and so is no key of it.
pub(super) const CONFIG_FILE_VARIABLE: &str = "REMOTE_SYSLOG_CONFIG_FILE";

/// The settings that were given in the environment. A list has one item a line.
pub(super) fn environment(variables: &Variables, findings: &mut Findings) -> Layer {
    let mut layer = Layer::default();
    for key in Key::all() {
        // remote_syslog2 read REMOTE_SYSLOG_DESTINATION.HOST, which no shell can set.
        let name = key.variable();
        let dotted = format!("{VARIABLE_PREFIX}{}", key.name().to_ascii_uppercase());
        let value = |name: &str| variables.get(OsStr::new(name)).filter(|v| !v.is_empty());
        let Some((name, value)) =
            [name, dotted].into_iter().find_map(|name| value(&name).map(|value| (name, value)))
        else {
            continue;
        };
        let place = Place::Variable(name);
        match key.shape() {
            Shape::Scalar => layer.set(key, value, place),
            Shape::List => {
                let lines = value.as_bytes().split(|&b| b == b'\n').filter(|line| !line.is_empty());
                let text = |line| OsStr::from_bytes(line).to_owned();
                let item = |line| Item::Text(Text { text: text(line), place: place.clone() });
                let items = lines.map(item).collect();
                layer.lists.insert(key, Items { place, items });
            }
        }
    }
    warn_of_misspelt(variables, findings);
    layer
}

/// Only near misses are named: a Kubernetes service called "remote-syslog" sets variables that
/// begin with our prefix and mean something else.
fn warn_of_misspelt(variables: &Variables, findings: &mut Findings) {
    let known: Vec<_> = Key::all().map(Key::variable).collect();
    for name in variables.keys().filter_map(|name| name.to_str()) {
        let is_known = |name: &str| {
            name == CONFIG_FILE_VARIABLE || known.iter().any(|k| *k == name.replace('.', "_"))
        };
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX).filter(|_| !is_known(name)) else {
            continue;
        };
        let names: Vec<_> =
            known.iter().map(|k| k[VARIABLE_PREFIX.len()..].to_lowercase()).collect();
        if let Some(near) = nearest(rest, names.iter().map(String::as_str)) {
            let near = near.to_ascii_uppercase();
            let text =
                format!("sets nothing, and is ignored; did you mean {VARIABLE_PREFIX}{near}?");
            let warning = Problem::at(Place::Variable(name.to_owned()), "", text);
            let meant = |key: &Key| key.variable()[VARIABLE_PREFIX.len()..] == near;
            findings.misspelt(warning, Key::all().find(meant));
        }
    }
}
