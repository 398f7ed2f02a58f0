//! Settings of some files over those of all: on the wire, in `--check` and in `--show-config`.

use std::fs;

use crate::support::{Message, Receiver, Shipper, Site, Transport, bare_command, finish};

/// A shipper with three entries that differ.
fn shipper(site: &Site) -> Shipper {
    let dir = site.dir().display();
    Shipper::new(site)
        .entry(format!("{dir}/plain.log"))
        .entry(format!(
            "{{path: {dir}/*/auth.log, facility: auth, severity: info, exclude_patterns: [], \
             hostname: \"{{dir}}.example\", tag: \"{{dir}}/{{stem}}\"}}"
        ))
        .entry(format!(
            "{{path: {dir}/pods/*.log, path_regex: '/(?P<pod>[^_/]+)_(?P<ns>[^_/]+)_[^/]*$', tag: \
             \"{{ns}}/{{pod}}\", include_patterns: [ERROR, \"^FATAL$\"]}}"
        ))
        .yaml("facility: local0\nhostname: all.example\nexclude_patterns: [ping]")
        .reading_from_start()
}

fn write_logs(site: &Site) {
    for directory in ["web 1", "pods"] {
        fs::create_dir(site.dir().join(directory)).unwrap();
    }
    site.append("plain.log", "one\nping\n");
    site.append("web 1/auth.log", "two\nping\n");
    site.append("pods/shop-7f_prod_x.log", "info\nan ERROR\nFATAL\nFATALITY\nERROR ping\n");
    site.append("pods/odd.log", "an ERROR here\n");
}

fn shown(message: &Message) -> String {
    let Message { priority, hostname, app_name, .. } = message;
    format!("{priority} {hostname} {app_name} {}", message.lossy())
}

const EXPECTED: [&str; 6] = [
    "133 all.example -/- an ERROR here",
    "133 all.example plain.log one",
    "133 all.example prod/shop-7f FATAL",
    "133 all.example prod/shop-7f an ERROR",
    "38 web_1.example web_1/auth ping",
    "38 web_1.example web_1/auth two",
];

#[test]
fn each_file_has_its_own_settings_over_those_of_all() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (site, receiver) = (Site::new(), Receiver::new(transport));
        write_logs(&site);
        let mut running = shipper(&site).to(&receiver.endpoint()).start();
        let messages = receiver.wait_for(EXPECTED.len());
        running.term();
        let mut messages: Vec<_> = messages.iter().map(shown).collect();
        messages.sort();
        assert_eq!(messages, EXPECTED);
    }
}

#[test]
fn a_dry_run_prints_the_same() {
    let site = Site::new();
    write_logs(&site);
    let output = shipper(&site).arg("--dry-run").arg("--once").output();
    assert!(output.status.success(), "{output:?}");
    let frames = output.stdout.split(|&byte| byte == b'\n').filter(|frame| !frame.is_empty());
    let mut messages: Vec<_> = frames.map(|frame| shown(&Message::parse(frame))).collect();
    messages.sort();
    assert_eq!(messages, EXPECTED);
}

/// What a call with the same configuration prints, without the directory of the site.
fn printed(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let shipper = shipper(site).yaml("destination: {host: 127.0.0.1}");
    let mut command = bare_command();
    command.arg("-c").arg(shipper.write_config()).args(arguments);
    command.arg("--state-dir").arg(site.dir().join("state"));
    let output = finish(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.replace(&site.dir().display().to_string(), "DIR"))
}

#[test]
fn check_shows_what_is_different_and_judges_a_line_for_each_entry() {
    let site = Site::new();
    write_logs(&site);
    let (code, text) = printed(&site, &["--check"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("  DIR/plain.log: 1 file\n    DIR/plain.log, "), "{text}");
    let all =
        "\n  of all files, unless an entry says otherwise: local0.notice; 1 exclude_pattern\n";
    assert!(text.contains(all), "{text}");
    let different = "    with hostname {dir}.example; auth.info; 0 exclude_patterns\n";
    assert!(
        text.contains(&format!("  {{dir}}/{{stem}}=DIR/*/auth.log: 1 file\n{different}")),
        "{text}"
    );
    assert!(text.contains("    with 2 include_patterns\n"), "{text}");
    let (code, text) = printed(&site, &["--check", "--line", "ERROR ping"]);
    assert_eq!(code, Some(0), "one sends it: {text}");
    assert_eq!(
        text,
        "DIR/plain.log: dropped: exclude_patterns 1 matches: ping\n\
         DIR/*/auth.log: sent: there are no exclude_patterns\n\
         DIR/pods/*.log: dropped: exclude_patterns 1 matches: ping\n"
    );
    let (_, text) = printed(&site, &["--check", "--line", "FATAL"]);
    assert!(
        text.ends_with(
            "DIR/pods/*.log: sent: include_patterns 2 matches: ^FATAL$, and the pattern in \
             exclude_patterns does not match\n"
        ),
        "{text}"
    );
    let (_, text) = printed(&site, &["--check", "--line", "x"]);
    assert!(text.ends_with("dropped: none of the 2 include_patterns matches\n"), "{text}");
}

/// What an entry hides, joins and takes apart is shown, so that it need not be tried with a line.
#[test]
fn check_shows_what_is_done_with_the_text() {
    let site = Site::new();
    let dir = site.dir().display();
    let shipper = Shipper::new(&site)
        .entry(format!("{{path: {dir}/web.log, redact_patterns: [card, email, 'id=\\d+']}}"))
        .entry(format!("{{path: {dir}/tomcat.log, multiline: {{preset: java}}}}"))
        .entry(format!("{{path: {dir}/pod.log, format: cri, redact_patterns: []}}"))
        .yaml("redact_patterns: [password]\ndestination: {host: 127.0.0.1}");
    for name in ["web.log", "tomcat.log", "pod.log"] {
        site.append(name, "one\n");
    }
    let mut command = bare_command();
    command.arg("-c").arg(shipper.write_config()).arg("--check");
    let output = finish(command.arg("--state-dir").arg(site.dir().join("state")));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "\n  of all files, unless an entry says otherwise: redact_patterns password\n",
        "/web.log: 1 file\n    with redact_patterns card, email, id=\\d+\n",
        "/tomcat.log: 1 file\n    with multiline java\n",
        "/pod.log: 1 file\n    with format cri; no redact_patterns\n",
    ] {
        assert!(text.contains(part), "{part}{text}");
    }
}

/// Of a line of one file the entry decides that gives its settings, whatever others do with it.
#[test]
fn a_line_is_judged_for_the_file_that_is_named() {
    let site = Site::new();
    write_logs(&site);
    let judged = |file: &str, line: &str| {
        let file = site.path(file);
        printed(&site, &["--check", "--line", line, file.to_str().unwrap()])
    };
    assert_eq!(judged("web 1/auth.log", "ping").0, Some(0));
    let (code, text) = judged("plain.log", "ping");
    assert_eq!((code, &*text), (Some(1), "dropped: exclude_patterns 1 matches: ping\n"));
    let (code, text) = judged("pods/odd.log", "info");
    let none = "dropped: none of the 2 include_patterns matches\n";
    assert_eq!((code, &*text), (Some(1), none));
    // One that no entry matches is what an argument adds.
    assert_eq!(judged("other.log", "one").0, Some(0));
}

#[test]
fn show_config_names_a_mistyped_variable() {
    let site = Site::new();
    let shipper = Shipper::new(&site).follow("app.log").yaml("destination: {host: 127.0.0.1}");
    let mut command = bare_command();
    command.arg("-c").arg(shipper.write_config()).arg("--show-config");
    let output = finish(command.env("REMOTE_SYSLOG_FACILTY", "local0"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let near = "warning: REMOTE_SYSLOG_FACILTY: unknown variable, ignored; did you mean \
                REMOTE_SYSLOG_FACILITY?\n";
    assert_eq!(said, near);
}

#[test]
fn what_show_config_prints_is_taken_as_it_is() {
    let site = Site::new();
    write_logs(&site);
    let (code, text) = printed(&site, &["--show-config", "--dest-token", "t0ken"]);
    assert_eq!(code, Some(0));
    assert!(!text.contains("t0ken") && text.contains("# --dest-token; not shown"), "{text}");
    let text = text.replace("DIR", &site.dir().display().to_string());
    let again = site.append("again.yml", text);
    let mut command = bare_command();
    command.args(["--dry-run", "--once", "-c"]).arg(again);
    command.arg("--state-dir").arg(site.dir().join("state"));
    let output = finish(&mut command);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), EXPECTED.len(), "{printed}");
    let broken = site.append("broken.yml", "files: []\nfacility: x\n");
    let output = finish(bare_command().arg("--show-config").arg("-c").arg(broken));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("unknown facility"));
}
