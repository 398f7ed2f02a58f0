//! The configuration as it is understood, as a configuration again.

use std::fmt::Write;

use serde_yaml::SerializerOptions;

use super::Surroundings;
use super::document::FileItem;
use super::document::leaf::{Choice, List};
use super::document::shown::{ShowTyped, Shower, ShownValue};
use super::entry;
use super::resolve::{Typed, uses_hosts};

/// The defaults of keys that have one which can be written, as they are written. A test compares them with what is
/// resolved.
const DEFAULTS: [(&str, &str); 27] = [
    ("destination.port", "514"),
    ("destination.protocol", "udp"),
    ("destination.framing", "newline"),
    ("destination.proof_interval", "300"),
    ("destination.proxied", "false"),
    ("destination.min_tls", "1.2"),
    ("destination.failback", "300"),
    ("destination.balance", "false"),
    ("tcp", "false"),
    ("tls", "false"),
    ("new_file_check_interval", "10"),
    ("poll", "false"),
    ("from_start", "false"),
    ("watch_config", "false"),
    ("connect_timeout", "30"),
    ("write_timeout", "30"),
    ("udp_max_line_length", "1024"),
    ("tcp_max_line_length", "99990"),
    ("relp_max_line_length", "8096"),
    ("relp_window", "16384"),
    ("debug_log_file", "/dev/null"),
    ("no_detach", "false"),
    ("log_levels", "<root>=INFO"),
    ("facility", "user"),
    ("severity", "notice"),
    ("timestamp", "read"),
    ("strip_color", "false"),
];

const HEADER: &str = "\
# What remote_syslog makes of its flags, variables and files. Behind each value is where it was given.
# This is a configuration too, and means the same; only secrets are not shown.
";

/// What was typed, with the defaults of what was not. It has to be without errors.
pub(super) fn configuration(typed: &Typed, around: &Surroundings) -> String {
    let by = Shower { spots: &typed.spots, cwd: &around.cwd };
    let default = |name: &str| match name {
        "hostname" => Some(around.hostname.replace('{', "{{").replace('}', "}}")),
        "state_dir" => around.default_state_dir().map(|path| path.to_string_lossy().into_owned()),
        name => {
            let known = DEFAULTS.iter().find(|(known, _)| *known == name);
            known.map(|(_, text)| (*text).to_owned())
        }
    };
    let ShownValue::Map(mut keys) = typed.document.shown(&by).or_defaults(&default) else {
        return HEADER.to_owned();
    };
    if let Some((_, ShownValue::Map(to))) = keys.iter_mut().find(|(name, _)| name == "destination")
    {
        // One of both counts, and the other beside it would be an error.
        let overridden: &[&str] = if uses_hosts(typed) { &["host", "port"] } else { &["hosts"] };
        let overridden = to.iter_mut().filter(|(name, _)| overridden.contains(&name.as_str()));
        overridden.for_each(|(_, value)| *value = ShownValue::Absent);
    }
    // Where they were included they stand already.
    keys.retain(|(name, _)| name != "include");
    let added = typed.included.entries.iter().chain([&typed.arguments]).flat_map(List::items);
    // Standard input is no file, and no part of a configuration.
    let is_file = |item: &&FileItem| !matches!(item, Choice::Text(it) if entry::is_stdin(&it.text));
    let added = added.filter(is_file).map(|item| item.shown(&by));
    if let Some((_, files)) = keys.iter_mut().find(|(name, _)| name == "files") {
        let listed = match std::mem::replace(files, ShownValue::Absent) {
            ShownValue::List(items) => items,
            _ => Vec::new(),
        };
        *files = ShownValue::List(listed.into_iter().chain(added).collect());
    }
    let mut options = SerializerOptions::default();
    options.prefer_block_scalars = false;
    let mut out = HEADER.to_owned();
    match serde_yaml::to_string_with_options(&ShownValue::Map(keys), options) {
        Ok(text) => out.push_str(&text),
        // It is written to memory, and has no shape that YAML does not have.
        Err(error) => drop(writeln!(out, "# cannot be shown: {error}")),
    }
    out
}
