//! A bad value of every key gives an error of its own, which names the key.

use std::collections::BTreeMap;

use super::*;

/// A value of each key that is none of those it has. A path may be any text, so there only the shape can be wrong.
const BAD: [(&str, &str); 80] = [
    ("files", "files: ['a=b=c']"),
    ("include", "include: ['/etc/*/x.yml']"),
    ("exclude_files", "exclude_files: ['a(b']"),
    ("follow_links_in", "follow_links_in: {a: b}"),
    ("include_patterns", "include_patterns: ['a{2,1}']"),
    ("exclude_patterns", "exclude_patterns: ['[b-a]']"),
    ("destination.host", "destination: {host: 'http://logs'}"),
    ("destination.port", "destination: {host: h, port: 0}"),
    ("destination.hosts", "destination: {hosts: []}"),
    ("destination.failback", "destination: {hosts: ['a:1', 'b:2'], failback: soon}"),
    ("destination.balance", "destination: {hosts: ['a:1', 'b:2'], balance: evenly}"),
    ("destination.protocol", "destination: {host: h, protocol: sctp}"),
    ("destination.framing", "destination: {host: h, framing: nul}"),
    ("destination.proof_interval", "destination: {host: h, proof_interval: 2h}"),
    ("destination.proxied", "destination: {host: h, proxied: perhaps}"),
    ("destination.ca_file", "destination: {host: h, protocol: tls, ca_file: [a]}"),
    ("destination.cert_file", "destination: {host: h, protocol: tls, cert_file: [c]}"),
    ("destination.key_file", "destination: {host: h, protocol: tls, key_file: [k]}"),
    ("destination.ca_dir", "destination: {host: h, protocol: tls, ca_dir: [d]}"),
    ("destination.server_name", "destination: {host: h, protocol: tls, server_name: 'a b'}"),
    ("destination.fingerprint", "destination: {host: h, protocol: tls, fingerprint: ['md5:00']}"),
    ("destination.min_tls", "destination: {host: h, protocol: tls, min_tls: '1.1'}"),
    ("destination.token", "destination: {host: h, token: 'a b'}"),
    ("tcp", "tcp: 2"),
    ("tls", "tls: 3"),
    ("new_file_check_interval", "new_file_check_interval: 10ms"),
    ("poll", "poll: often"),
    ("from_start", "from_start: end"),
    ("watch_config", "watch_config: a.yml"),
    ("connect_timeout", "connect_timeout: soon"),
    ("write_timeout", "write_timeout: -1"),
    ("rate_limit", "rate_limit: 1Mb/s"),
    ("udp_max_line_length", "udp_max_line_length: 70000"),
    ("tcp_max_line_length", "tcp_max_line_length: all"),
    ("relp_max_line_length", "relp_max_line_length: 8k"),
    ("relp_window", "relp_window: 0"),
    ("state_dir", "state_dir: [a, b]"),
    ("pid_file", "pid_file: {a: b}"),
    ("debug_log_file", "debug_log_file: [c]"),
    ("no_detach", "no_detach: later"),
    ("user", "user: nosuch"),
    ("metrics_listen", "metrics_listen: 'localhost:1'"),
    ("metrics_hosts", "metrics_hosts: {a: b}"),
    ("log_levels", "log_levels: <root>=LOUD"),
    ("tag", "tag: '{nowhere}'"),
    ("hostname", "hostname: '{elsewhere}'"),
    ("facility", "facility: loacl0"),
    ("severity", "severity: loud"),
    ("redact_patterns", "redact_patterns: ['(x']"),
    ("severity_from", "severity_from: {lout: x}"),
    ("strip_color", "strip_color: red"),
    ("structured_data", "structured_data: {'a b': c}"),
    ("multiline.start", "multiline: {start: '*'}"),
    ("multiline.continuation", "multiline: {continuation: '+'}"),
    ("multiline.preset", "multiline: {preset: cobol}"),
    ("multiline.timeout", "multiline: {preset: go, timeout: 2h}"),
    ("multiline.max_lines", "multiline: {preset: go, max_lines: 0}"),
    ("multiline.max_bytes", "multiline: {preset: go, max_bytes: 999999}"),
    ("multiline.join", "multiline: {preset: go, join: comma}"),
    ("format", "format: xml"),
    ("encoding", "encoding: klingon"),
    ("timestamp", "timestamp: never"),
    ("timestamp_format", "timestamp_format: '%Z'"),
    // What stands in maps.
    ("destination.hosts.host", "destination: {hosts: [{host: 'a b', port: 1}]}"),
    ("destination.hosts.port", "destination: {hosts: [{host: a, port: 0}]}"),
    ("destination.hosts.protocol", "destination: {hosts: [{host: a, port: 1, protocol: sctp}]}"),
    ("destination.hosts.ca_file", "destination: {hosts: [{host: a, port: 1, ca_file: [a]}]}"),
    ("destination.hosts.ca_dir", "destination: {hosts: [{host: a, port: 1, ca_dir: {a: b}}]}"),
    ("destination.hosts.cert_file", "destination: {hosts: [{host: a, port: 1, cert_file: [c]}]}"),
    ("destination.hosts.key_file", "destination: {hosts: [{host: a, port: 1, key_file: k}]}"),
    (
        "destination.hosts.server_name",
        "destination: {hosts: [{host: a, port: 1, server_name: 'a b'}]}",
    ),
    (
        "destination.hosts.fingerprint",
        "destination: {hosts: [{host: a, port: 1, fingerprint: 'md5:00'}]}",
    ),
    ("destination.hosts.min_tls", "destination: {hosts: [{host: a, port: 1, min_tls: 1.1}]}"),
    ("severity_from", "severity_from: {'': x}"),
    ("structured_data", "structured_data: {'': x}"),
    ("format", "format: {message: m}"),
    ("format.stdout", "format: {name: cri, stdout: quiet}"),
    ("redact_patterns", "redact_patterns: [{pattern: a, replace: $b}]"),
    ("files.path_regex", "files: [{path: /a, path_regex: '(?P<x'}]"),
    ("files", "files: [{tag: t}]"),
];

#[test]
fn each_gives_an_error_of_its_own_that_names_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for (name, yaml) in BAD {
        let files = if yaml.starts_with("files") { "" } else { "files: [/a.log]\n" };
        let to = if yaml.starts_with("destination") { "" } else { "destination: {host: h}\n" };
        std::fs::write(&path, format!("{files}{to}{yaml}\n")).unwrap();
        let errors = match try_load(&["-c", path.to_str().unwrap()], &[]) {
            Err(errors) => errors,
            Ok(_) => panic!("{yaml} is taken"),
        };
        let is_own = |problem: &&Problem| {
            problem.key == name || problem.key.starts_with(&format!("{name}."))
        };
        let own = errors.problems().iter().find(is_own);
        let own = own.unwrap_or_else(|| panic!("{yaml}: nothing names {name}: {errors}"));
        assert!(own.text.contains(';'), "{yaml}: it does not say what to do: {own}");
        // With the name of the key it is another text for each.
        assert_eq!(texts.insert(own.to_string(), yaml), None, "{own}");
    }
    let mut keys = outline::of::<FileKeys>().keys.into_iter();
    assert!(keys.len() > 50);
    let missing = keys.find(|key| BAD.iter().all(|(name, _)| *name != key.name));
    assert_eq!(missing.map(|key| key.name), None, "it has no bad value here");
}
