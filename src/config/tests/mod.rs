//! Whole configurations, most of them as data: `tests/fixtures/config/NAME.yml` is read, and the
//! result or the printed errors compared with `NAME.expected` beside it.
//!
//! To accept what is read now: `UPDATE_EXPECTED=1 cargo test --lib config`, and look at the diff.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::CommandFactory;
use nix::time::{ClockId, clock_gettime};
use proptest::prelude::*;

use super::document::EntryMap;
use super::*;
use crate::syslog::MessageTime;
use crate::text::{LineRule, PathTemplate, TextRules};

mod bad_values;
mod included;
mod shown;
mod sources;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// Surroundings in which no file is found by default.
fn around(variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables.iter().map(|(k, v)| (k.into(), v.into())).collect(),
        cwd: FIXTURES.into(),
        hostname: "web1".into(),
        is_root: true,
        has_user: |name| name != "nosuch",
        default_file: "/nonexistent/log_files.yml".into(),
    }
}

fn try_load(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let cli = Cli::read([&["remote_syslog"], arguments].concat()).unwrap();
    load(&cli, &around(variables))
}

fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
    try_load(arguments, variables).unwrap_or_else(|errors| panic!("{errors}")).config
}

/// The errors, one a line.
fn errors(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    try_load(arguments, variables).unwrap_err().to_string()
}

/// Every file of a directory with that extension, by name.
fn files_in(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {directory}");
    files
}

/// What is done with the text.
fn text_summary(rules: &TextRules) -> String {
    let joined = rules.multiline.as_ref().map_or("alone".to_owned(), |it| {
        let by = match &it.rule {
            LineRule::Start(_) => "start".to_owned(),
            LineRule::Continuation(_) => "continuation".to_owned(),
            LineRule::Trace(trace) => format!("{trace:?}"),
        };
        let (timeout, lines, bytes, join) = (it.timeout, it.max_lines, it.max_bytes, it.join);
        format!("joined by {by} within {timeout:?}, {lines} lines, {bytes} bytes, {join:?}")
    });
    let has = [!rules.severity.is_empty(), !rules.redactions.is_empty()];
    let form = rules.format.as_ref().map_or(String::new(), |form| format!("{form:?}; "));
    format!("{form}{joined}; color {}; severity, redactions {has:?}", !rules.strip_color)
}

/// What TLS is to use with one of several receivers.
fn tls_summary(tls: &TlsSettings) -> String {
    let TlsSettings { ca_file, ca_dir, identity, server_name, pins, min_version } = tls;
    let pins = pins.as_ref().map(|it| (&it.key, it.value.iter().map(Fingerprint::to_string)));
    let pins = pins.map(|(key, all)| (key, all.collect::<Vec<_>>()));
    format!("{ca_file:?} {ca_dir:?} {identity:?} {server_name:?} {pins:?} {min_version:?}")
}

/// One setting a line. Of patterns it shows only whether there are any.
fn summary(loaded: &Loaded) -> String {
    let Config { destination: to, .. } = &loaded.config;
    let c = &loaded.config;
    let mut out = String::new();
    for file in &c.files {
        let messages = &file.messages;
        let tag = messages.tag.as_ref().map(|tag| format!("{} = ", tag.text())).unwrap_or_default();
        let time = match messages.time() {
            MessageTime::Read => String::new(),
            MessageTime::Written(None) => ", as modified".to_owned(),
            MessageTime::Written(Some(format)) => format!(", as written: {}", format.text()),
        };
        let text = match messages.text.is_idle() {
            true => String::new(),
            false => format!(", {}", text_summary(&messages.text)),
        };
        let data = match &messages.structured_data {
            data if *data == Default::default() => String::new(),
            data => format!(", {data:?}"),
        };
        writeln!(out, "follow {tag}{}{time}{text}{data}", file.glob.text().display()).unwrap();
        let said = |messages: &Messages| {
            let [include, exclude] = [messages.filter.include(), messages.filter.exclude()];
            let texts = [include, exclude].map(|it| it.texts().collect::<Vec<_>>().join(" "));
            let hostname = messages.hostname.text();
            format!("  priority {} hostname {hostname} patterns {texts:?}", messages.priority())
        };
        if said(messages) != said(&c.messages) {
            writeln!(out, "{}", said(messages)).unwrap();
        }
    }
    let max = to.max_message.map_or("any".into(), |max| max.to_string());
    writeln!(out, "send to {:?} {} port {}", to.protocol, to.host, to.port).unwrap();
    for to in &c.fallbacks {
        writeln!(out, "then to {:?} {} port {}", to.protocol, to.host, to.port).unwrap();
        if to.tls != c.destination.tls {
            writeln!(out, "  {}", tls_summary(&to.tls)).unwrap();
        }
    }
    if !c.fallbacks.is_empty() {
        writeln!(out, "and back after {:?}", c.failback).unwrap();
    }
    writeln!(out, "token {}", to.token.as_deref().unwrap_or("none")).unwrap();
    writeln!(out, "timeouts {:?} {:?}", to.connect_timeout, to.write_timeout).unwrap();
    writeln!(out, "message length {max}").unwrap();
    writeln!(out, "priority {} hostname {}", c.messages.priority(), c.messages.hostname.text())
        .unwrap();
    let excludes = [!c.exclude_files.is_empty(), !c.messages.filter.exclude().is_empty()];
    writeln!(out, "excludes files {} lines {}", excludes[0], excludes[1]).unwrap();
    writeln!(out, "sweep {:?} poll {} from start {}", c.sweep_interval, c.poll, c.from_start)
        .unwrap();
    writeln!(out, "detach {} pid file {:?}", c.detach, c.pid_file).unwrap();
    writeln!(out, "state {}", c.state_dir.display()).unwrap();
    writeln!(out, "log {} to {}", c.log_filter, c.debug_log_file.display()).unwrap();
    for warning in &loaded.warnings {
        writeln!(out, "warning: {warning}").unwrap();
    }
    out
}

#[test]
fn fixtures_are_read_as_expected() {
    for path in files_in(FIXTURES, "yml") {
        let text = match try_load(&["-c", path.to_str().unwrap()], &[]) {
            Ok(loaded) => summary(&loaded),
            Err(errors) => format!("{errors}\n"),
        };
        let parent = Path::new(FIXTURES).parent().unwrap().to_str().unwrap();
        let text = text.replace(FIXTURES, "/etc/rs").replace(parent, "/etc");
        let expected_file = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected_file, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap();
        assert!(text == expected, "{}\n--- read:\n{text}--- expected:\n{expected}", path.display());
    }
}

#[test]
fn examples_have_neither_errors_nor_warnings() {
    for path in files_in(EXAMPLES, "yml").into_iter().chain(files_in(EXAMPLES, "example")) {
        match try_load(&["-c", path.to_str().unwrap()], &[]) {
            Ok(mut loaded) => {
                // What is included is not on this machine.
                loaded.warnings.retain(|warning| warning.key != "include");
                assert_eq!(loaded.warnings, [], "{}", path.display());
            }
            Err(errors) => panic!("{errors}"),
        }
    }
}

#[test]
fn the_annotated_example_explains_every_key() {
    let text = std::fs::read_to_string(Path::new(EXAMPLES).join("log_files.yml.example")).unwrap();
    let documentation = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let documentation = std::fs::read_to_string(documentation).unwrap();
    for key in outline::of::<FileKeys>().keys {
        let name = key.name.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("{name}:")), "{name}");
        assert!(documentation.contains(&format!("`{}`", key.name)), "{}", key.name);
    }
    for key in outline::of::<EntryMap>().keys {
        assert!(documentation.contains(&format!("`{}`", key.name)), "{} of an entry", key.name);
    }
    for flag in Cli::command().get_arguments().filter(|flag| !flag.is_hide_set()) {
        let Some(flag) = flag.get_long() else { continue };
        assert!(documentation.contains(&format!("--{flag}")), "{flag}");
    }
}

#[test]
fn patterns_of_the_file_are_those_that_match() {
    let loaded = config(&["-c", "advanced.yml"], &[]);
    assert!(loaded.exclude_files.matches(b"/var/log/2009.log"));
    assert!(loaded.messages.filter.exclude().matches(b"about 12 things"));
    assert!(!loaded.messages.filter.exclude().matches(b"about things"));
    assert!(config(&["-c", "weak.yml"], &[]).messages.filter.exclude().matches(b"GET / 404"));
}

/// The warnings of a configuration of that text.
fn warnings(text: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    std::fs::write(&path, text).unwrap();
    let loaded = try_load(&["-c", path.to_str().unwrap()], &[]);
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    loaded.warnings.iter().map(|warning| warning.text.clone()).collect()
}

#[test]
fn a_short_limit_is_kept_while_the_header_fits() {
    let told = |limit: usize, more: &str| {
        warnings(&format!(
            "files: [/var/log/a.log]\ndestination: {{host: h, protocol: tcp}}\n\
             tcp_max_line_length: {limit}\n{more}"
        ))
    };
    // `<13>1 `, the time, ` web1 a.log - - - `.
    let header = 6 + 32 + 18;
    assert!(
        told(100, "")[0].starts_with("of each line 44 bytes arrive, for the header takes up to 56")
    );
    assert_eq!(told(header + 1, "").len(), 1);
    assert_eq!((told(480, "").len(), told(0, "").len()), (0, 0));
    // What is sent with every message counts, and may take up all there is by default, too.
    let data = |length: usize| {
        let data = format!("structured_data: {{a: '{}'}}", "x".repeat(length));
        format!("files: [{{path: /var/log/a.log, {data}}}]\ndestination: {{host: h}}")
    };
    assert_eq!(warnings(&data(200)).len(), 0);
    let with_data = header - 1 + r#"[fields@41058 a=""]"#.len() + 900;
    let said = format!("of each line {} bytes arrive, for the header", 1024 - with_data);
    assert!(warnings(&data(900))[0].starts_with(&said), "{:?}", warnings(&data(900)));
    // That of the other protocol does not matter.
    assert_eq!(told(480, "udp_max_line_length: 9").len(), 0);
    let name = "x".repeat(100);
    for (arguments, limit) in [(vec![], header), (vec!["--hostname", &name], 150)] {
        let limit = limit.to_string();
        let variables = [("REMOTE_SYSLOG_TCP_MAX_LINE_LENGTH", limit.as_str())];
        let arguments = [&["--tcp", "-dh", "/var/log/a.log"], &arguments[..]].concat();
        let errors = errors(&arguments, &variables);
        assert!(errors.contains("bytes leave no room for a text"), "{errors}");
    }
    let data = format!("a={}", "x".repeat(1024));
    let errors = errors(&["-dh", "/a.log"], &[("REMOTE_SYSLOG_STRUCTURED_DATA", &data)]);
    assert!(errors.contains("raise udp_max_line_length, or have less sent"), "{errors}");
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    for (line, expected) in [
        (r#"files: [ /var/log/"*.log" ]"#, r#"or write "/var/log/*.log""#),
        (r#"files: [ "/a.log, /b.log" ]"#, "commas included"),
        ("files: [ ~/a.log ]", "the ~ stands for itself"),
        ("files: [ /home/$USER/a.log ]", "the $ stands for itself"),
        ("hostname: ${HOSTNAME}", "the $ stands for itself"),
        ("tag: $APP", "the $ stands for itself"),
        ("files: [ $APP=/a.log ]", "the $ stands for itself"),
        ("structured_data: {env: $ENV}", "the $ stands for itself"),
        ("exclude_patterns: [ /health/ ]", r#"write "health" if"#),
        ("include_patterns:\n- |\n  ^ERROR\n", "no line has one; write '^ERROR', or |-"),
        (
            "exclude_patterns: [ x, 'foo|' ]",
            r#""foo|" matches every line, so that no line is sent"#,
        ),
        ("exclude_patterns: [ '(DEBUG|TRACE|)' ]", "so that no line is sent"),
        ("include_patterns: [ 'ERROR|' ]", "so that every line is kept"),
        ("redact_patterns: [ E-Mail ]", "write email for the preset, or {pattern: E-Mail}"),
        ("redact_patterns: [ cards ]", "write card for the preset"),
    ] {
        let files = if line.starts_with("files") { "" } else { "files: [/a.log]\n" };
        let warnings = warnings(&format!("{files}{line}\ndestination: {{host: h, protocol: tcp}}"));
        assert!(warnings.len() == 1 && warnings[0].contains(expected), "{line}: {warnings:?}");
    }
    for (protocol, port) in [("udp", 6514), ("tcp", 6514)] {
        let to = format!("destination: {{host: h, protocol: {protocol}, port: {port}}}");
        let warnings = warnings(&format!("files: [/a.log]\n{to}"));
        assert!(warnings[0].contains("go there unencrypted"), "{warnings:?}");
    }
    for (hosts, count) in [
        ("protocol: tcp, hosts: ['127.0.0.1:6514']", 1),
        ("protocol: tcp, hosts: ['[::1]:6514', {host: a, port: 6514}]", 2),
        ("protocol: tls, hosts: ['a:6514', {host: b, port: 6514, protocol: tcp}]", 1),
        ("protocol: tls, hosts: ['a:6514', {host: b, port: 6514}]", 0),
        ("protocol: tcp, hosts: ['a:514', {host: b, port: 6514, protocol: tls}]", 0),
        ("protocol: tcp, hosts: ['a:16514', '[::6514]:514']", 0),
    ] {
        let warnings = warnings(&format!("files: [/a.log]\ndestination: {{{hosts}}}"));
        let is_told = warnings.iter().all(|text| text.contains("go there unencrypted"));
        assert!(is_told && warnings.len() == count, "{hosts}: {warnings:?}");
    }
}

#[test]
fn what_is_probably_no_token_is_warned_of() {
    let told = |arguments: &[&str], token: &str| {
        let arguments = [&["-dh", "/a.log"], arguments].concat();
        let loaded = try_load(&arguments, &[("REMOTE_SYSLOG_DESTINATION_TOKEN", token)]).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let variable = "the $ at its beginning stands for itself; write the value out";
    for token in ["${TOKEN}", "$TOKEN"] {
        assert_eq!(told(&[], token), [format!("REMOTE_SYSLOG_DESTINATION_TOKEN: {variable}")]);
    }
    let flag = "--dest-token: -tls is -t ls, which is a token; write --tls";
    assert_eq!(told(&["-tls"], ""), [flag]);
    assert_eq!(told(&["-tcp"], ""), [flag.replace("ls", "cp")]);
    for (arguments, token) in
        [(&[][..], "ls"), (&[], "a$TOKEN"), (&["-tlsx"], ""), (&["--tls", "-p6514"], "")]
    {
        assert!(told(arguments, token).is_empty(), "{arguments:?} {token}");
    }
}

#[test]
fn a_key_is_known_by_what_others_call_it() {
    const OPEN: &str = " As it stands, messages go over UDP, unencrypted";
    let protocol = format!("did you mean destination.protocol?{OPEN}");
    let tls = format!("did you mean tls?{OPEN}");
    for (to, top, entry, remedy) in [
        ("prot: tls", "", "", &*protocol),
        ("prot: 1514", "", "", "did you mean destination.port?"),
        ("proto: tls", "", "", &protocol),
        ("transport: tls", "", "", &protocol),
        ("ssl: true", "", "", &protocol),
        ("use_tls: true", "", "", &protocol),
        ("", "proto: tls", "", &protocol),
        ("", "SSL: true", "", &tls),
        ("", "use-tls: true", "", &tls),
        ("timeout: 5", "", "", "did you mean connect_timeout?"),
        ("", "timeout: 5", "", "did you mean connect_timeout?"),
        ("hostname: x", "", "", "did you mean destination.host?"),
        ("server: x", "", "", "did you mean destination.host?"),
        ("", "address: x", "", "did you mean destination.host?"),
        ("", "exclude: [x]", "", "did you mean exclude_patterns?"),
        ("", "exclude_lines: [x]", "", "did you mean exclude_patterns?"),
        ("", "exclude_file: [x]", "", "did you mean exclude_files?"),
        ("", "include_files: [x]", "", "did you mean files?"),
        ("", "include_lines: [x]", "", "did you mean include_patterns?"),
        ("", "", "exclude: [x]", "did you mean exclude_patterns?"),
        ("", "", "includes: [x]", "remove it"),
    ] {
        let warnings = warnings(&format!(
            "files: [{{path: /a.log, {entry}}}]\ndestination: {{host: h, port: 1, {to}}}\n{top}\n"
        ));
        let told = [format!("unknown key, ignored; {remedy}")];
        assert_eq!(warnings, told, "{to}{top}{entry}");
    }
    let listed =
        "files: [/a.log]\ndestination: {protocol: tcp, hosts: [{host: h, port: 1, proto: tls}]}\n";
    let open = "did you mean protocol? As it stands, messages go over TCP, unencrypted";
    assert!(warnings(listed)[0].ends_with(open), "{:?}", warnings(listed));
    let variable = |name: &str, value: &str| {
        let loaded = try_load(&["-dh", "/a.log"], &[(name, value)]).unwrap();
        loaded.warnings.iter().map(|warning| warning.text.clone()).collect::<Vec<_>>()
    };
    for (name, meant) in [
        ("DESTINATION_PROTO", "DESTINATION_PROTOCOL"),
        ("DESTINATION_PROT", "DESTINATION_PROTOCOL"),
        ("USE_TLS", "TLS"),
        ("EXCLUDE", "EXCLUDE_PATTERNS"),
        ("SERVER", "DESTINATION_HOST"),
    ] {
        let told = variable(&format!("REMOTE_SYSLOG_{name}"), "tls");
        let remedy = format!("unknown variable, ignored; did you mean REMOTE_SYSLOG_{meant}?");
        assert!(told.len() == 1 && told[0].starts_with(&remedy), "{told:?}");
        assert_eq!(told[0].ends_with(OPEN), meant.contains("PROTOCOL") || meant == "TLS");
    }
}

#[test]
fn a_pattern_with_a_condition_is_not_warned_of() {
    for patterns in ["'^$'", r"'^\s*$'", "'^[^a]*$'", "a, b|c, '^'", r"'\b'"] {
        // Only a '^' alone matches every line.
        let warnings = warnings(&format!(
            "files: [/a.log]\ndestination: {{host: h}}\nexclude_patterns: [{patterns}]\n"
        ));
        assert_eq!(
            warnings.len(),
            usize::from(patterns.contains("'^'")),
            "{patterns}: {warnings:?}"
        );
    }
}

#[test]
fn what_is_not_possible_says_what_is() {
    let error = errors(&["--tcp", "-dh"], &[("REMOTE_SYSLOG_FILES", "-")]);
    assert!(error.contains("\"-\" is standard input as an argument only"), "{error}");
    let globs = [("REMOTE_SYSLOG_EXCLUDE_FILES", "*.gz")];
    let error = errors(&["--tcp", "-dh", "/a.log"], &globs);
    assert!(error.contains(r"what ends like this is '\.gz$'"), "{error}");
}

#[test]
fn what_is_nearly_a_redaction_is_refused_wherever_it_stands() {
    const REFUSED: &str =
        "did you mean redact_patterns? It is refused, for nothing would be redacted";
    let many: String = (0..150).map(|i| format!("unknown_key_{i}: 1\n")).collect();
    for (text, key) in [
        ("redact_pattern: [card]\n".to_owned(), "redact_pattern"),
        ("redact: [card]\n".to_owned(), "redact"),
        ("files: [{path: /a, Redact-Paterns: [card]}]\n".to_owned(), "files.Redact-Paterns"),
        ("files.redact_patterns: [card]\n".to_owned(), "files.redact_patterns"),
        ("destination.redact_pattern: [card]\n".to_owned(), "destination.redact_pattern"),
        (
            "files: [{path: /a, multiline.redact_patterns: [card]}]\n".to_owned(),
            "files.multiline.redact_patterns",
        ),
        ("destination:\n  redact_patern: [card]\n".to_owned(), "destination.redact_patern"),
        ("destination:\n  redact_patterns: [card]\n".to_owned(), "destination.redact_patterns"),
        (format!("{many}redact_pattern: [card]\n"), "redact_pattern"),
        (format!("{many}files: [{{path: /a, redact_pattern: [card]}}]\n"), "files.redact_pattern"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yml");
        std::fs::write(&path, &text).unwrap();
        let path = path.to_str().unwrap();
        let refused = try_load(&["-c", path, "-d", "a", "/a.log"], &[]).unwrap_err();
        let [problem] = refused.problems() else { panic!("{text}: {refused}") };
        assert_eq!(problem.key, key);
        assert_eq!(problem.text, format!("unknown key; {REFUSED}"), "{text}");
    }
    let refused = errors(&["-d", "a", "/a.log"], &[("REMOTE_SYSLOG_REDACT_PATTERN", "card")]);
    let expected = "REMOTE_SYSLOG_REDACT_PATTERN: unknown variable; did you mean \
                    REMOTE_SYSLOG_REDACT_PATTERNS? It is refused, for nothing would be redacted";
    assert_eq!(refused, expected);
}

/// What a text of a configuration costs, in processor time of this thread.
fn cost(text: &str) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    std::fs::write(&path, text).unwrap();
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let once = |_| {
        let before = now();
        let _ = try_load(&["-c", path.to_str().unwrap()], &[]);
        now() - before
    };
    (0..3).map(once).min().unwrap()
}

/// Makes a text that is about proportional to its number.
type Family = Box<dyn Fn(usize) -> String>;

#[test]
fn no_configuration_takes_more_than_in_proportion_to_its_length() {
    fn numbered(n: usize, text: fn(usize) -> String) -> String {
        (0..n).map(text).collect()
    }
    let families: [(&str, Family); 11] = [
        ("unknown keys", Box::new(|n| numbered(n, |i| format!("unknown_key_{i}: 1\n")))),
        ("near misses", Box::new(|n| numbered(n, |i| format!("tcp_max_line_lengt{i}: 1\n")))),
        ("near redactions", Box::new(|n| numbered(n, |i| format!("redact_pat_{i}: 1\n")))),
        ("one key", Box::new(|n| "hostname: a\n".repeat(n))),
        ("sections", Box::new(|n| "destination: {host: a}\n".repeat(n))),
        (
            "keys in a section",
            Box::new(|n| format!("destination:\n{}", numbered(n, |i| format!("  key_{i}: 1\n")))),
        ),
        (
            "keys in an entry",
            Box::new(|n| {
                format!("files:\n  - path: a\n{}", numbered(n, |i| format!("    key_{i}: 1\n")))
            }),
        ),
        ("bad entries", Box::new(|n| format!("files:\n{}", "  - a=b=c\n".repeat(n)))),
        (
            "lists by alias",
            Box::new(|n| {
                let list = "/a, ".repeat(n / 100);
                format!("x: &x [{list}]\n{}", "files: *x\n".repeat(n))
            }),
        ),
        (
            "receivers",
            Box::new(|n| {
                let hosts = numbered(n, |i| format!("  - a{i}:514\n"));
                format!(
                    "files: [/a]\ndestination:\n  protocol: tcp\n  balance: true\n  hosts:\n{hosts}"
                )
            }),
        ),
        ("one long key", Box::new(|n| format!("? {}\n: 1\n", "hostname".repeat(n)))),
    ];
    for (name, text) in families {
        let [short, long] = [1_200, 9_600].map(|n| cost(&text(n)));
        // Eight times as long: in proportion 8, quadratic 64. Below that the clock is too coarse.
        let allowed = 24 * short.max(Duration::from_millis(1));
        assert!(long < allowed, "{name}: {short:?}, then {long:?}");
    }
}

#[test]
fn a_file_without_end_is_no_configuration() {
    let error = errors(&["-c", "/dev/zero"], &[]);
    assert!(error.contains("/dev/zero: is longer than 16 MiB"), "{error}");
}

/// Text that looks like configuration often enough to get past the parser.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("files"),
        Just("destination"),
        Just("port"),
        Just("path"),
        Just("tag"),
        Just("<<"),
        Just(": "),
        Just("\n"),
        Just("\n  "),
        Just("\n  - "),
        Just("- "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(", "),
        Just("&a "),
        Just("*a"),
        Just("~"),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("\t"),
        Just("---\n"),
        Just("514"),
        Just("é"),
        Just("=")
    ];
    proptest::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

#[test]
fn a_key_that_holds_a_line_feed_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    std::fs::write(&path, "{files\n\nfiles}").unwrap();
    let errors = try_load(&["-c", path.to_str().unwrap()], &[]).unwrap_err();
    assert!(errors.to_string().contains("c.yml:1: $'files\\nfiles': "), "{errors}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![nearly_yaml(), "\\PC{0,60}"]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yml");
        std::fs::write(&path, text).unwrap();
        match try_load(&["-c", path.to_str().unwrap()], &[]) {
            Ok(_) => {}
            Err(errors) => {
                prop_assert!(!errors.problems().is_empty());
                for line in errors.to_string().lines() {
                    prop_assert!(line.contains("c.yml"), "{}", line);
                    prop_assert!(line.contains("; "), "{}", line);
                }
            }
        }
    }
}

#[test]
fn how_lines_are_joined_is_said_key_by_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    let text = "multiline: {preset: java, timeout: 7, max_lines: 3}\ndestination: {host: h}\nfiles:\n- /a\n\
                - {path: /b, multiline: {timeout: 9}}\n- {path: /c, multiline: {start: x, max_lines: 5}}\n";
    std::fs::write(&path, text).unwrap();
    let loaded = config(&["-c", path.to_str().unwrap()], &[]);
    let of = |at: usize| text_summary(&loaded.files[at].messages.text);
    for (at, expected) in [
        (0, "joined by Java within 7s, 3 lines"),
        (1, "joined by Java within 9s, 3 lines"),
        (2, "joined by start within 7s, 5 lines"),
    ] {
        assert!(of(at).contains(expected), "{}", of(at));
    }
}

#[test]
fn what_is_said_of_all_can_be_taken_back_for_some() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    let text = "format: json\nmultiline: {preset: java}\ndestination: {host: h}\nfiles:\n- /a\n\
                - {path: /b, format: plain, multiline: {preset: none}}\n- {path: /c, format: plain, encoding: latin1}\n";
    std::fs::write(&path, text).unwrap();
    let loaded = config(&["-c", path.to_str().unwrap()], &[]);
    let of = |at: usize| &loaded.files[at].messages.text;
    assert!(of(0).format.is_some() && of(0).multiline.is_some());
    assert!(of(1).format.is_none() && of(1).multiline.is_none());
    assert!(matches!(of(2).format, Some(crate::text::LineFormat::Encoded(_))));
}
