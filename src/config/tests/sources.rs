//! Which source wins, what each flag and variable does, and where errors point.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;

const FLAGS: [&str; 2] = ["-dlogs", "/a.log"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [more, &FLAGS].concat()
}

/// The tag and the glob of each entry.
pub(super) fn followed<'a>(config: &'a Config) -> Vec<(Option<&'a str>, String)> {
    let tag = |entry: &'a FileEntry| entry.messages.tag.as_ref().map(PathTemplate::text);
    let shown = |entry: &FileEntry| entry.glob.text().display().to_string();
    config.files.iter().map(|entry| (tag(entry), shown(entry))).collect()
}

#[test]
fn flags_suffice_when_the_default_file_is_missing() {
    let config = config(&FLAGS, &[]);
    assert_eq!(followed(&config), [(None, "/a.log".into())]);
    let to = &config.destination;
    assert_eq!((to.host.as_str(), to.port, to.protocol), ("logs", 514, Protocol::Udp));
    assert_eq!(to.max_message, Some(1024));
}

#[test]
fn the_default_file_is_read_when_it_is_there() {
    let mut around = around(&[]);
    around.default_file = Path::new(FIXTURES).join("simple.yml");
    let cli = Cli::read(["remote_syslog"]).unwrap();
    assert_eq!(load(&cli, &around).unwrap().config.destination.port, 12345);
}

#[test]
fn a_named_file_must_be_there() {
    for (arguments, variables) in [
        (with(&["-c", "none.yml"]), [("A", "")]),
        (FLAGS.to_vec(), [("REMOTE_SYSLOG_CONFIG_FILE", "none.yml")]),
    ] {
        assert_eq!(
            errors(&arguments, &variables),
            format!(
                "{FIXTURES}/none.yml: cannot be read (no such file or directory); check its \
                 path and rights"
            )
        );
    }
    assert!(errors(&with(&["-c", "."]), &[]).contains("cannot be read (is a directory)"));
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let port = |arguments: &[&str], value| {
        config(arguments, &[("REMOTE_SYSLOG_DESTINATION_PORT", value)]).destination.port
    };
    assert_eq!(port(&["-c", "simple.yml", "-p1"], "2"), 1);
    assert_eq!(port(&["-c", "simple.yml"], "2"), 2);
    assert_eq!(port(&["-c", "simple.yml"], ""), 12345);
    assert_eq!(port(&["-c", "simple.yml", "-p", ""], ""), 12345);
    assert_eq!(port(&FLAGS, ""), 514);
}

#[test]
fn every_flag_has_its_effect() {
    let config = config(
        &with(&[
            "-p1",
            "-tABC",
            "-flocal1",
            "-sinfo",
            "--hostname=h",
            "--pid-file=p",
            "--tls",
            "--poll",
            "--new-file-check-interval=5",
            "--debug-log-cfg=l",
            "--log=<root>=TRACE",
            "-D",
            "--state-dir=s",
            "--from-start",
            "t=b.log",
        ]),
        &[],
    );
    let loaded = Loaded { config, warnings: vec![], file: None, included: vec![] };
    let expected = "\
follow t = CWD/b.log
follow /a.log
send to Tls logs port 1
token ABC
timeouts 30s 30s
message length 99990
priority 142 hostname h
excludes files false lines false
sweep 5s poll true from start true
detach false pid file At(\"CWD/p\")
state CWD/s
log trace to CWD/l
";
    assert_eq!(summary(&loaded).replace(FIXTURES, "CWD"), expected);
}

#[test]
fn every_key_has_a_variable() {
    let config = config(
        &[],
        &[
            ("REMOTE_SYSLOG_FILES", "/a.log\nt=/b.log\n"),
            ("REMOTE_SYSLOG_EXCLUDE_FILES", "gz$"),
            ("REMOTE_SYSLOG_DESTINATION.HOST", "logs"),
            ("REMOTE_SYSLOG_DESTINATION_PROTOCOL", "TCP"),
            ("REMOTE_SYSLOG_TCP_MAX_LINE_LENGTH", "480"),
            ("REMOTE_SYSLOG_FACILITY", "local0"),
            ("REMOTE_SYSLOG_NO_DETACH", "1"),
            ("REMOTE_SYSLOG_HOSTNAME", ""),
            ("REMOTE_SYSLOG_ENCODING", "latin1"),
            ("REMOTE_SYSLOG_STRUCTURED_DATA", "env=a=b\nempty="),
        ],
    );
    assert!(matches!(config.messages.text.format, Some(crate::text::LineFormat::Encoded(_))));
    let data = &config.messages.structured_data;
    assert_eq!(data.names().collect::<Vec<_>>(), ["env", "empty"]);
    assert_eq!(followed(&config), [(None, "/a.log".into()), (Some("t"), "/b.log".into())]);
    assert!(config.exclude_files.matches(b"/x.gz"));
    assert_eq!(config.destination.protocol, Protocol::Tcp);
    assert_eq!(config.destination.max_message, Some(480));
    assert_eq!((config.messages.priority().to_string().as_str(), config.detach), ("133", false));
    assert_eq!(config.messages.hostname.text(), "web1");
}

#[test]
fn problems_of_flags_and_variables_name_them() {
    let errors = errors(
        &["-d", "a:514", "-s", "loud", "--new-file-check-interval=0", "a=b=c"],
        &[
            ("REMOTE_SYSLOG_FACILITY", "x"),
            ("REMOTE_SYSLOG_TCP", "perhaps"),
            ("REMOTE_SYSLOG_FACILTY", "user"),
            ("REMOTE_SYSLOG_SEVERITY_FROM", "ERROR\nerr=ERROR"),
        ],
    );
    let starts: Vec<_> = errors.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "REMOTE_SYSLOG_FACILITY:",
            "REMOTE_SYSLOG_SEVERITY_FROM:",
            "REMOTE_SYSLOG_TCP:",
            "--dest-host:",
            "--new-file-check-interval:",
            "--severity:",
            "arguments:",
            "warning:",
        ],
        "{errors}"
    );
    assert!(errors.ends_with("did you mean REMOTE_SYSLOG_FACILITY?"), "{errors}");
}

#[test]
fn a_flag_in_the_place_of_a_value_is_warned_of() {
    for (arguments, told) in [
        (
            ["-t", "--tls"],
            Some(
                "--dest-token: \"--tls\" is taken for its value; write the value, or --dest-token=--tls",
            ),
        ),
        (
            ["--pid-file", "-D"],
            Some("--pid-file: \"-D\" is taken for its value; write the value, or --pid-file=-D"),
        ),
        (["-t", "-tls"], None),
        (["--hostname", "-"], None),
    ] {
        let warnings = try_load(&with(&arguments), &[]).unwrap().warnings;
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, Vec::from_iter(told), "{arguments:?}");
    }
}

#[test]
fn nothing_at_all_says_what_is_missing() {
    assert_eq!(
        errors(&[], &[]),
        "/nonexistent/log_files.yml (not there): destination.host: no receiver is named; write \
         its name there, or give --dest-host\n\
         /nonexistent/log_files.yml (not there): files: there is nothing to follow; list paths \
         there, or give them as arguments"
    );
}

/// A flag or a variable wins over the file as a whole: either one receiver or several.
#[test]
fn one_receiver_of_a_flag_wins_over_several_of_the_file_and_the_reverse() {
    let names = |arguments: &[&str], variables: &[(&str, &str)]| -> Vec<_> {
        let config = config(arguments, variables);
        config.destinations().map(|to| format!("{}:{}", to.host, to.port)).collect()
    };
    let several = ["a.example.com:6514", "2001:db8::1:6514", "c.example.com:601"];
    assert_eq!(names(&["-c", "hosts.yml"], &[]), several);
    assert_eq!(names(&["-c", "hosts.yml", "-d", "logs"], &[]), ["logs:514"]);
    assert_eq!(names(&["-c", "hosts.yml", "-d", "logs", "-p", "1"], &[]), ["logs:1"]);
    let port_alone = errors(&["-c", "hosts.yml", "-p", "1"], &[]);
    assert!(port_alone.contains("--dest-port: it belongs to destination.host"), "{port_alone}");
    let variables = [
        ("REMOTE_SYSLOG_DESTINATION_HOSTS", "x:1\ny:2"),
        ("REMOTE_SYSLOG_DESTINATION_PROTOCOL", "tcp"),
    ];
    assert_eq!(names(&["-c", "simple.yml"], &variables), ["x:1", "y:2"]);
    assert_eq!(names(&["-c", "simple.yml", "-d", "z", "-p", "3"], &variables), ["z:3"]);
}

#[test]
fn tcp_beats_tls_beats_the_protocol() {
    let protocol = |arguments: &[&str], value| {
        let variables = [("REMOTE_SYSLOG_DESTINATION_PROTOCOL", value)];
        config(&with(arguments), &variables).destination.protocol
    };
    assert_eq!(protocol(&["--tcp", "--tls"], "udp"), Protocol::Tcp);
    assert_eq!(protocol(&["--tls"], "tcp"), Protocol::Tls);
    assert_eq!(protocol(&["--tcp=false", "--tls=false"], "Tls"), Protocol::Tls);
    assert_eq!(protocol(&["--tcp=false", "-c", "weak.yml"], ""), Protocol::Udp);
}

#[test]
fn arguments_are_added_to_the_files() {
    let config = config(&["-c", "simple.yml", "web=log/*.log"], &[]);
    assert_eq!(config.files.len(), 3);
    assert_eq!(followed(&config)[2], (Some("web"), format!("{FIXTURES}/log/*.log")));
}

#[test]
fn a_path_need_not_be_utf8() {
    let path = OsString::from_vec(b"t\xE9=/caf\xE9.log".to_vec());
    let cli = Cli::read(["remote_syslog".into(), "-dlogs".into(), path]).unwrap();
    let files = load(&cli, &around(&[])).unwrap().config.files;
    assert_eq!(files[0].glob.text().as_os_str(), OsString::from_vec(b"/caf\xE9.log".to_vec()));
    assert_eq!(files[0].messages.tag.as_ref().map(PathTemplate::text), Some("t\u{FFFD}"));
}

#[test]
fn positions_are_kept_where_the_user_may_write() {
    let state_dir = |is_root, variables: &[(&str, &str)]| {
        let around = Surroundings { is_root, ..around(variables) };
        let cli = Cli::read([&["remote_syslog"], &FLAGS[..]].concat()).unwrap();
        load(&cli, &around).map(|loaded| loaded.config.state_dir.display().to_string())
    };
    let home = [("HOME", "/home/u")];
    assert_eq!(state_dir(true, &home).unwrap(), "/var/lib/remote_syslog");
    assert_eq!(state_dir(false, &home).unwrap(), "/home/u/.local/state/remote_syslog");
    let both = [home[0], ("XDG_STATE_HOME", "/srv")];
    assert_eq!(state_dir(false, &both).unwrap(), "/srv/remote_syslog");
    let relative = [home[0], ("XDG_STATE_HOME", "srv")];
    assert_eq!(state_dir(false, &relative).unwrap(), "/home/u/.local/state/remote_syslog");
    assert!(state_dir(false, &[]).unwrap_err().to_string().contains("--state-dir"));
}

#[test]
fn durations_have_limits_that_timers_can_hold() {
    let variables =
        [("REMOTE_SYSLOG_CONNECT_TIMEOUT", "0"), ("REMOTE_SYSLOG_WRITE_TIMEOUT", "9999h")];
    let destination = config(&FLAGS, &variables).destination;
    let week = Duration::from_secs(7 * 24 * 3600);
    assert_eq!((destination.connect_timeout, destination.write_timeout), (week, week));
}

#[test]
fn a_variable_without_its_section_is_warned_of() {
    let warnings = |name: &str| {
        let loaded = try_load(&FLAGS, &[(name, "x")]).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (written, meant) in [
        ("HOST", "DESTINATION_HOST"),
        ("TOKEN", "DESTINATION_TOKEN"),
        ("DESTINATION", "DESTINATION_HOST"),
        ("MULTILINE", "MULTILINE_START"),
        ("CONFIGFILE", "CONFIG_FILE"),
        ("CONFIG", "CONFIG_FILE"),
        ("CONFIG_FIEL", "CONFIG_FILE"),
        ("DEST_HOST", "DESTINATION_HOST"),
        ("DEST_TOKEN", "DESTINATION_TOKEN"),
        ("DEBUG_LOG_CFG", "DEBUG_LOG_FILE"),
        ("LOG", "LOG_LEVELS"),
    ] {
        let expected = format!(
            "REMOTE_SYSLOG_{written}: unknown variable, ignored; did you mean REMOTE_SYSLOG_{meant}?"
        );
        assert_eq!(warnings(&format!("REMOTE_SYSLOG_{written}")), [expected]);
    }
    let port = "REMOTE_SYSLOG_DEST_PORT: unknown variable, ignored; did you mean \
                REMOTE_SYSLOG_DESTINATION_PORT? As it stands, messages go to port 514";
    assert_eq!(warnings("REMOTE_SYSLOG_DEST_PORT"), [port]);
    // What Kubernetes says of a service that is called remote-syslog.
    for name in ["PORT", "SERVICE_HOST", "SERVICE_PORT", "PORT_514_TCP", "PORT_514_TCP_ADDR"] {
        assert!(warnings(&format!("REMOTE_SYSLOG_{name}")).is_empty(), "{name}");
    }
}
