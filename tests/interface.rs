//! What others build upon is written down in `tests/interface.txt`: flags, keys and their words, metrics,
//! fields of JSON, exit codes. One that is gone, renamed or takes its value in another way fails here, and
//! may go with the next major version only; a new one must be added to the list:
//! `UPDATE_INTERFACE=1 cargo test --test suite interface`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use clap::{Arg, CommandFactory};
use remote_syslog::cli::Cli;
use remote_syslog::health::certificates::CertificateOwner;
use remote_syslog::health::metrics::Meters;
use rustix::process::Signal;
use serde_json::Value;

use crate::metrics::{address, scrape};
use crate::support::{Receiver, SOON, Shipper, Site, bare_command, finish, lines, wait_until};

type Names = BTreeSet<String>;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interface.txt");
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/log_files.schema.json");
const HEAD: &str = "\
# What stays within a major version, see \"What stays as it is\" in docs/operating.md. tests/interface.rs holds it.
";

/// `flag --tls [=VALUE]`, also of flags that the help does not name.
fn flags() -> Names {
    let mut command = Cli::command();
    command.build();
    let flags = command.get_arguments().filter(|argument| !argument.is_positional());
    flags.flat_map(spellings).collect()
}

fn spellings(flag: &Arg) -> Vec<String> {
    let values =
        flag.get_num_args().map_or((0, 0), |range| (range.min_values(), range.max_values()));
    let value = match values {
        (_, 0) if !flag.get_action().takes_values() => "",
        (0, _) if flag.get_action().takes_values() => " [=VALUE]",
        _ => " VALUE",
    };
    let long = flag.get_long_and_visible_aliases().unwrap_or_default();
    let hidden = flag.get_all_aliases().unwrap_or_default();
    let long: BTreeSet<_> = long.into_iter().chain(hidden).collect();
    let short: BTreeSet<_> =
        flag.get_short_and_visible_aliases().unwrap_or_default().into_iter().collect();
    let long = long.into_iter().map(|name| format!("flag --{name}{value}"));
    let short = short.into_iter().map(|name| format!("flag -{name}{value}"));
    long.chain(short).collect()
}

/// `key destination.protocol`, and `key destination.protocol: tls` where only some words are taken.
fn keys() -> Names {
    let schema: Value = serde_json::from_str(&fs::read_to_string(SCHEMA).unwrap()).unwrap();
    let mut names = Names::new();
    collect_keys(&schema, "", &mut names);
    names
}

fn collect_keys(schema: &Value, name: &str, names: &mut Names) {
    for (key, within) in schema["properties"].as_object().into_iter().flatten() {
        let key = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        names.insert(format!("key {key}"));
        collect_keys(within, &key, names);
    }
    for within in schema["anyOf"].as_array().into_iter().flatten() {
        collect_keys(within, name, names);
    }
    if let Some(items) = schema.get("items") {
        collect_keys(items, name, names);
    }
    let words = schema["enum"].as_array().into_iter().flatten();
    names.extend(words.map(|word| format!("key {name}: {}", word.to_string().trim_matches('"'))));
}

/// `metric remote_syslog_losses_total counter {reason}`
fn collect_metrics(exposed: &str, names: &mut Names) {
    let types: Vec<_> =
        exposed.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for line in exposed.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let kind = types.iter().find(|(typed, _)| *typed == name).expect("each has a type").1;
        let labels = line.strip_prefix(name).unwrap().strip_prefix('{');
        let labels = labels.map(|labels| format!(" {{{}}}", labels.split('=').next().unwrap()));
        names.insert(format!("metric {name} {kind}{}", labels.unwrap_or_default()));
    }
}

/// Those that a run need not show, since nothing of their kind has happened.
fn rare_metrics() -> String {
    let meters = Meters::new().unwrap();
    meters.sending.failed(None, "dns", &"no such name");
    meters.sending.in_use.with_label_values(&["a"]).set(1);
    meters.reloads.ended(None);
    CertificateOwner::ALL.iter().for_each(|owner| meters.sending.certificates.set(*owner, Some(1)));
    let mut text = Vec::new();
    prometheus::Encoder::encode(&prometheus::TextEncoder::new(), &meters.gather(), &mut text)
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// `json status files[].path`
fn collect_fields(value: &Value, name: &str, names: &mut Names) {
    match value {
        Value::Object(fields) => {
            for (field, within) in fields {
                let name = format!("{name}{}{field}", if name.ends_with(' ') { "" } else { "." });
                names.insert(name.clone());
                collect_fields(within, &name, names);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_fields(item, &format!("{name}[]"), names));
        }
        _ => {}
    }
}

/// What a daemon that has seen everything once says to Prometheus and to `--status --json`.
fn collect_from_a_run(names: &mut Names) {
    let (site, receiver, metrics) = (Site::new(), Receiver::tcp(), address());
    site.append("app.log", lines(1..=3));
    site.append(OsStr::from_bytes(b"not utf-8 \xff.log"), lines(1..=3));
    let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
    let shipper = shipper.reading_from_start().yaml(&format!("metrics_listen: '{metrics}'"));
    let config = shipper.write_config();
    let mut look = shipper.command();
    look.args(["--status", "--json"]);
    let running = shipper.start();
    receiver.wait_for(6);
    let mut collect_status = |has: fn(&Value) -> bool| {
        let mut status = Value::Null;
        wait_until("the status has everything", SOON, || {
            status = serde_json::from_slice(&finish(&mut look).stdout).unwrap();
            has(&status)
        });
        collect_fields(&status, "json --status ", names);
    };
    let has_files = |status: &Value| status["files"].as_array().is_some_and(|it| it.len() == 2);
    collect_status(has_files);
    fs::write(config, "severity: very\n").unwrap();
    running.signal(Signal::HUP);
    running.wait_warning(&["very"]);
    collect_status(|status| {
        status["receiver"].is_object() && status["daemon"]["refused"].is_string()
    });
    collect_metrics(&scrape(metrics), names);
}

/// `exit 2: a flag that is not known`
fn exit_codes() -> Names {
    let site = Site::new();
    let wrong = site.append("wrong.yml", "severity: very\n");
    let log = site.append("app.log", lines(1..=3));
    let sound = format!("files: [{}]\ndestination: {{host: 127.0.0.1}}\n", log.display());
    let sound = site.append("sound.yml", sound);
    let state = site.path("state");
    let with = |arguments: &[&str]| {
        let mut command = bare_command();
        command.args(arguments).arg("--state-dir").arg(&state);
        command
    };
    let (wrong, sound) = (wrong.to_str().unwrap(), sound.to_str().unwrap());
    let mut under_a_manager = with(&["-D", "-c", wrong]);
    under_a_manager.env("NOTIFY_SOCKET", site.path("notify"));
    let calls: [(&str, Command); 9] = [
        ("--version", with(&["--version"])),
        ("--once, and all is shipped", with(&["-D", "--once", "-c", sound])),
        ("--check of a configuration in which nothing is wrong", with(&["--check", "-c", sound])),
        ("--status", with(&["--status", "-c", sound])),
        (
            "--once, and nothing can be followed",
            with(&["-D", "--once", "-d", "127.0.0.1", "none.log"]),
        ),
        ("a configuration with errors", with(&["-D", "-c", wrong])),
        ("--check of a configuration with errors", with(&["--check", "-c", wrong])),
        ("a flag that is not known", with(&["--no-such-flag"])),
        ("a configuration with errors, where a service manager listens", under_a_manager),
    ];
    let exit = |(what, mut command): (&str, Command)| {
        let code = finish(&mut command).status.code().expect("it exits");
        format!("exit {code}: {what}")
    };
    calls.into_iter().map(exit).collect()
}

#[test]
fn what_others_build_upon_is_what_is_recorded() {
    let mut now = flags();
    now.extend(keys());
    now.extend(exit_codes());
    collect_metrics(&rare_metrics(), &mut now);
    collect_from_a_run(&mut now);
    let recorded = fs::read_to_string(RECORDED).unwrap_or_default();
    let recorded: Names =
        recorded.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    if std::env::var_os("UPDATE_INTERFACE").is_some() {
        // Only a hand takes something away.
        let all: Vec<_> = recorded.union(&now).map(|name| format!("{name}\n")).collect();
        fs::write(RECORDED, HEAD.to_owned() + &all.concat()).unwrap();
    } else {
        let new: Vec<_> = now.difference(&recorded).collect();
        assert!(new.is_empty(), "not recorded; run it with UPDATE_INTERFACE=1: {new:#?}");
    }
    let gone: Vec<_> = recorded.difference(&now).collect();
    assert!(gone.is_empty(), "gone, which takes a new major version: {gone:#?}");
}
