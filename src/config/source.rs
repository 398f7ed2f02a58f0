//! The sources besides the file: flags, arguments and the environment, as trees like that of the file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use super::document::outline::KeyNames;
use super::document::reader::Tree;
use super::document::spots::SourceOrigin;
use super::error::{Place, Problem};
use super::findings::Findings;
use super::keys::{VARIABLE_PREFIX, meant_by, variable};
use super::yaml::{Entry, Node, Value};
use crate::cli::Cli;
use crate::shown::Show;

/// A tree in the making: keys by their names, each value with a place of its own.
#[derive(Debug, Default)]
struct TreeBuilder {
    places: Vec<Place>,
    top: Vec<Entry>,
}

impl TreeBuilder {
    /// Adds a value, unless it is empty. A name may have one dot.
    fn add(&mut self, name: &str, value: Value, place: Place) {
        let line = self.places.len();
        self.places.push(place);
        let mut entries = &mut self.top;
        let mut name = name;
        while let Some((section, rest)) = name.split_once('.') {
            name = rest;
            let at = entries.iter().position(|(name, ..)| name == section).unwrap_or_else(|| {
                let value = Value::Map(Vec::new());
                entries.push((section.to_owned(), line, Rc::new(Node { line, value })));
                entries.len() - 1
            });
            let node = Rc::get_mut(&mut entries[at].2).map(|node| &mut node.value);
            let Some(Value::Map(inner)) = node else { return };
            entries = inner;
        }
        entries.push((name.to_owned(), line, Rc::new(Node { line, value })));
    }

    fn add_text(&mut self, name: &str, text: impl Into<OsString>, place: Place) {
        let text = text.into();
        if !text.is_empty() {
            self.add(name, Value::Raw(text), place);
        }
    }

    fn build(self) -> Tree {
        // The root has no place of its own, and needs none: it is a map.
        let root = Node { line: 0, value: Value::Map(self.top) };
        Tree { origin: SourceOrigin::Listed(self.places), root }
    }
}

/// The settings that were given as flags. Warns of a value that is a flag itself: it has no effect as one.
pub(super) fn flags(cli: &Cli, findings: &mut Findings) -> Tree {
    let mut tree = TreeBuilder::default();
    let texts = [
        ("destination.host", "--dest-host", &cli.dest_host),
        ("destination.port", "--dest-port", &cli.dest_port),
        ("destination.token", "--dest-token", &cli.dest_token),
        ("tag", "--tag", &cli.tag),
        ("hostname", "--hostname", &cli.hostname),
        ("facility", "--facility", &cli.facility),
        ("severity", "--severity", &cli.severity),
        ("new_file_check_interval", "--new-file-check-interval", &cli.new_file_check_interval),
        ("log_levels", "--log", &cli.log_levels),
        ("user", "--user", &cli.user),
    ];
    let paths = [
        ("state_dir", "--state-dir", &cli.state_dir),
        ("pid_file", "--pid-file", &cli.pid_file),
        ("debug_log_file", "--debug-log-cfg", &cli.debug_log_file),
    ];
    let texts = texts.iter().map(|(key, flag, text)| (key, flag, text.as_deref().map(OsStr::new)));
    let paths = paths.iter().map(|(key, flag, path)| (key, flag, path.as_deref()));
    for (key, flag, word) in texts.chain(paths) {
        let word = word.unwrap_or_default();
        if Cli::is_flag(word) {
            let text = format!(
                "{word:?} is taken for its value; write the value, or {flag}={}",
                word.shown()
            );
            findings.warn(Problem::at(Place::Flag(flag), "", text));
        }
        tree.add_text(key, word, Place::Flag(flag));
    }
    let switches = [
        ("poll", "--poll", cli.poll),
        ("from_start", "--from-start", cli.reads_unknown_from_start()),
        ("watch_config", "--watch-config", cli.watch_config),
        ("tcp", "--tcp", cli.tcp),
        ("tls", "--tls", cli.tls),
        ("no_detach", "--no-detach", cli.no_detach),
    ];
    for (key, flag, switch) in switches {
        let text = switch.map(|on| on.to_string()).unwrap_or_default();
        tree.add_text(key, text, Place::Flag(flag));
    }
    tree.build()
}

/// The arguments that are no flags, as `files`.
pub(super) fn arguments(cli: &Cli) -> Tree {
    let mut tree = TreeBuilder::default();
    if !cli.files.is_empty() {
        let texts = cli.files.iter().cloned();
        tree.add("files", list(texts, 0), Place::Arguments);
    }
    tree.build()
}

fn list(texts: impl Iterator<Item = OsString>, line: usize) -> Value {
    Value::List(texts.map(|text| Rc::new(Node { line, value: Value::Raw(text) })).collect())
}

/// Environment variables by name.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// KeyNames the file, and so is no key of it.
pub(super) const CONFIG_FILE_VARIABLE: &str = "REMOTE_SYSLOG_CONFIG_FILE";

/// The settings that were given in the environment. A list has one item a line.
pub(super) fn environment(variables: &Variables, names: &KeyNames) -> Tree {
    let mut tree = TreeBuilder::default();
    for key in &names.keys {
        // remote_syslog2 read REMOTE_SYSLOG_DESTINATION.HOST, which no shell can set.
        let dotted = format!("{VARIABLE_PREFIX}{}", key.name.to_ascii_uppercase());
        let value = |name: &str| variables.get(OsStr::new(name)).filter(|v| !v.is_empty());
        let Some((name, text)) = [variable(&key.name), dotted]
            .into_iter()
            .find_map(|name| value(&name).map(|value| (name, value)))
        else {
            continue;
        };
        let place = Place::Variable(name);
        if key.is_list {
            let lines = text.as_bytes().split(|&b| b == b'\n').filter(|line| !line.is_empty());
            let texts = lines.map(|line| OsStr::from_bytes(line).to_owned());
            tree.add(&key.name, list(texts, tree.places.len()), place);
        } else {
            tree.add_text(&key.name, text, place);
        }
    }
    tree.build()
}

/// What a variable is called that has the name of a flag, not of its key.
const BY_FLAGS: [(&str, &str); 7] = [
    ("CONFIGFILE", "CONFIG_FILE"),
    ("CONFIG", "CONFIG_FILE"),
    ("DEST_HOST", "DESTINATION_HOST"),
    ("DEST_PORT", "DESTINATION_PORT"),
    ("DEST_TOKEN", "DESTINATION_TOKEN"),
    ("DEBUG_LOG_CFG", "DEBUG_LOG_FILE"),
    ("LOG", "LOG_LEVELS"),
];

/// Only near misses are named: a Kubernetes service called "remote-syslog" sets variables that
/// begin with our prefix and mean something else.
pub(super) fn warn_of_misspelt(variables: &Variables, names: &KeyNames, findings: &mut Findings) {
    let known: Vec<_> = names.keys.iter().map(|key| variable(&key.name)).collect();
    for (name, value) in variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value)))
    {
        let is_known = |name: &str| {
            name == CONFIG_FILE_VARIABLE || known.iter().any(|k| *k == name.replace('.', "_"))
        };
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX).filter(|_| !is_known(name)) else {
            continue;
        };
        let names_of_variables: Vec<_> = known
            .iter()
            .map(String::as_str)
            .chain([CONFIG_FILE_VARIABLE])
            .map(|known| known[VARIABLE_PREFIX.len()..].to_lowercase())
            .collect();
        let by_flag = BY_FLAGS.iter().find(|(flag, _)| flag.eq_ignore_ascii_case(rest));
        let sought = meant_by(rest, Some(value));
        let near = findings.meant(&sought, names_of_variables.iter().map(String::as_str));
        let near = by_flag.map(|(_, meant)| *meant).or(near);
        let near = near.map(|near| format!("{VARIABLE_PREFIX}{}", near.to_ascii_uppercase()));
        if let Some(near) = near.or_else(|| in_section(rest, names)) {
            let unknown = Problem::at(Place::Variable(name.to_owned()), "", "unknown variable");
            let meant = names.keys.iter().find(|key| variable(&key.name) == near);
            findings.misspelt(unknown, Some(&near), meant.map(|key| key.name.as_str()));
        }
    }
}

/// The variable of a key in a section, where only the key was named, or only the section. (A port alone is what Kubernetes
/// says of that service.)
fn in_section(rest: &str, names: &KeyNames) -> Option<String> {
    let mut keys =
        names.keys.iter().filter_map(|key| key.name.split_once('.').map(|parts| (key, parts)));
    let is_meant = |part: &str| part.eq_ignore_ascii_case(rest) && part != "port";
    keys.find(|(_, (section, key))| is_meant(section) || is_meant(key))
        .map(|(key, _)| variable(&key.name))
}
