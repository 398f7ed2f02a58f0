//! `--check`: what it finds wrong, and that it changes nothing.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};
use std::thread;

use insta::assert_snapshot;
use rcgen::SanType;
use rustix::process::geteuid;

use crate::support::{
    Endpoint, Receiver, Shipper, Site, Transport, as_nobody, bare_command, finish, skip,
};

fn check(shipper: &Shipper, more: &[&str]) -> Output {
    finish(shipper.command().arg("--check").args(more))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What `--check --connect` says of a receiver, with its address and port replaced, and its exit
/// code.
fn connect(endpoint: &Endpoint) -> (String, i32) {
    let site = Site::new();
    site.append("app.log", "one\n");
    let output = check(&Shipper::new(&site).follow("app.log").to(endpoint), &["--connect"]);
    let said = stdout(&output);
    let from = said.find("Receiver\n").unwrap() + "Receiver\n".len();
    let to = said.find("\nPositions").unwrap();
    let said = said[from..to].replace(&endpoint.host, "HOST");
    let said = said.replace(&endpoint.port.to_string(), "PORT");
    let days = regex::Regex::new(r"\d+ (more days|days ago)").unwrap();
    let said = days.replace_all(&said, "N $1");
    let print = regex::Regex::new("sha-256(:[0-9A-F]{2}){32}").unwrap();
    (print.replace_all(&said, "FINGERPRINT").into_owned(), output.status.code().unwrap())
}

#[test]
fn a_bad_configuration_is_said_on_stderr_as_the_daemon_does() {
    let site = Site::new();
    let shipper = Shipper::new(&site).follow("app.log").yaml("facility: none\nsevirity: info");
    let output = check(&shipper, &[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert_eq!(stderr(&output), stderr(&shipper.output()));
    assert!(stderr(&output).contains("conf.yml:3: facility:"), "{}", stderr(&output));
}

#[test]
fn nothing_to_follow_is_a_fault() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let shipper = Shipper::new(&site).follow("none/*.log").to(&receiver.endpoint());
    let output = check(&shipper, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).ends_with(
        "\nFault: nothing can be followed: 0 files to follow, 0 paths left out, 0 unreadable.\n"
    ));
}

#[test]
fn a_user_that_does_not_exist_is_named_with_its_place() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let output = check(&shipper.yaml("user: no-such-user\nfacility: none"), &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = "conf.yml:7: user: there is no user \"no-such-user\"; create it";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    assert!(stderr(&output).contains("facility: "), "all at once: {}", stderr(&output));
}

#[test]
fn warnings_are_part_of_the_verdict() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let mut endpoint = Receiver::tcp().endpoint();
    let shipper = Shipper::new(&site).follow("app.log").to(&endpoint).yaml("colour: red\nx: y");
    let said = stdout(&check(&shipper, &[]));
    assert!(said.contains("\nOK, 2 warnings: 1 file to follow, 0 paths left out"), "{said}");
    endpoint.host = "no-such-host.invalid".to_owned();
    let said = stdout(&check(&Shipper::new(&site).follow("none.log").to(&endpoint), &[]));
    let both = "\nFault: nothing can be followed, and the receiver cannot be found: 0 files";
    assert!(said.contains(both), "{said}");
}

#[test]
fn what_ssl_cert_file_names_must_hold_certificates_even_if_others_are_trusted() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tls));
    site.append("app.log", "one\n");
    let endpoint = receiver.endpoint();
    let dir = endpoint.trust.as_ref().unwrap().parent().unwrap().to_owned();
    let empty = site.append("empty.pem", "no certificate\n");
    let [missing, directory, empty] = [site.path("missing.pem"), site.dir().to_owned(), empty];
    for (file, expected) in [
        (missing.to_str().unwrap(), "missing.pem cannot be read (No such file or directory"),
        (directory.to_str().unwrap(), " cannot be read (Is a directory"),
        (empty.to_str().unwrap(), "empty.pem holds no certificate in PEM form"),
        ("ca.pem", "SSL_CERT_FILE: ca.pem is relative, and the working directory of a daemon"),
    ] {
        let shipper = Shipper::new(&site).follow("app.log").to(&endpoint);
        let shipper = shipper.env("SSL_CERT_FILE", file).env("SSL_CERT_DIR", &dir);
        let output = check(&shipper, &["--connect"]);
        let said = stdout(&output);
        let warning = said.lines().find(|line| line.contains("  warning: SSL_CERT_FILE: "));
        assert!(warning.is_some_and(|line| line.contains(expected)), "{said}");
        assert!(said.contains("\n  connected: "), "the directory has the authority: {said}");
        assert_eq!(output.status.code(), Some(0), "{said}");
        if !expected.contains("relative") {
            let running = shipper.start();
            running.wait_warning(&["SSL_CERT_FILE: ", expected]);
            running.wait_log(&["connected to"]);
        }
    }
}

#[test]
fn positions_that_may_not_be_read_are_told_with_who_may() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let state = site.make_dir("state");
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let mut command = shipper.command();
    command.arg("--check");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o000)).unwrap();
    let output = finish(&mut as_nobody(command, &site));
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let said = stdout(&output);
    assert!(said.contains("state cannot be read: permission denied: "), "{said}");
    assert!(said.contains("; run this as the daemon's user, or with sudo\n"), "{said}");
}

#[test]
fn only_root_becomes_another_user() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let said = |user: &str, runs_as: &dyn Fn(Command) -> Command| {
        let mut command = shipper.command();
        command.args(["--check", "--user", user]);
        let output = finish(&mut runs_as(command));
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        stdout(&output)
    };
    let other = |command| as_nobody(command, &site);
    let text = said("root", &other);
    assert!(text.contains("  warning: only root can become the user root; what fol"), "{text}");
    if !geteuid().is_root() {
        return skip("root", "only root becomes another user");
    }
    let text = said("nobody", &other);
    assert!(text.contains("  runs as the user nobody\n"), "{text}");
    let text = said("nobody", &|command| command);
    assert!(text.contains("  becomes the user nobody, and reads what root may\n"), "{text}");
}

#[test]
fn what_cannot_be_followed_is_told_with_the_reason() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    for name in ["a.log", "b.log", "c.log.gz", "d/x.log"] {
        site.append(name, "one\n");
    }
    symlink(site.path("b.log"), site.path("0.log")).unwrap();
    symlink(site.path("nowhere"), site.path("e.log")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, site.path("f.log"), rustix::fs::Mode::RWXU).unwrap();
    let shipper = Shipper::new(&site).to(&receiver.endpoint()).follow("*.log*").follow("**/x.log");
    let output = check(&shipper, &[]);
    let said = stdout(&output).replace(site.dir().to_str().unwrap(), "");
    let files = &said[said.find("Files\n").unwrap()..said.find("\nReceiver").unwrap()];
    assert_snapshot!(files, @r"
    Files
      /*.log*: 3 files
        /0.log, 4 B
        /a.log, 4 B
        /b.log: the same file as /0.log, which is followed
        /c.log.gz: not followed: compressed, by its name
        /e.log: not followed: a symbolic link that leads nowhere
        /f.log: a FIFO, read as a stream, without a position: what was read and not yet delivered is lost when the daemon ends
      /**/x.log: 1 file
        /d/x.log, 4 B
    ");
    assert!(said.contains("4 files to follow, 3 paths left out, 0 unreadable"), "{said}");
}

#[test]
fn warnings_and_variables_are_shown() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let shipper = shipper.yaml("facilty: local0").env("REMOTE_SYSLOG_SEVERITY", "info");
    let said = stdout(&check(&shipper, &[]));
    assert!(said.contains("\n  variable REMOTE_SYSLOG_SEVERITY\n"), "{said}");
    assert!(said.contains("warning: ") && said.contains("did you mean facility"), "{said}");
}

#[test]
fn a_name_that_cannot_be_resolved_is_a_fault_without_connect_too() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let mut endpoint = Receiver::tcp().endpoint();
    endpoint.host = "no-such-host.invalid".to_owned();
    let output = check(&Shipper::new(&site).follow("app.log").to(&endpoint), &[]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told = "not resolved: cannot resolve \"no-such-host.invalid\": ";
    assert!(said.contains(told) && said.contains("the receiver cannot be found"), "{said}");
}

#[test]
fn a_closed_port_is_told_from_an_open_one() {
    let mut receiver = Receiver::tcp();
    let (said, code) = connect(&receiver.endpoint());
    assert_eq!(code, 0);
    assert_snapshot!(said, @r"
    HOST, port PORT, TCP
    resolved: HOST
    connected: HOST:PORT, TCP; nothing was sent; whether it wants TLS shows only when messages are sent
    framing: newline, a line feed behind each message. A receiver that expects octet counting closes after the first ones: the log then warns, and they do not count as delivered (destination.framing)
    ");
    receiver.down(crate::support::End::Clean);
    let (said, code) = connect(&receiver.endpoint());
    assert_eq!(code, 1);
    assert_snapshot!(said, @r"
    HOST, port PORT, TCP
    resolved: HOST
    not connected: cannot connect to HOST:PORT (HOST): Connection refused (os error 111); nothing listens there: check that the receiver runs and destination.port is right
    ");
    assert!(receiver.frames().is_empty());
}

#[test]
fn over_udp_it_says_what_cannot_be_known() {
    let receiver = Receiver::new(Transport::Udp);
    let (said, code) = connect(&receiver.endpoint());
    assert_eq!(code, 0);
    assert_snapshot!(said, @r"
    HOST, port PORT, UDP
    resolved: HOST
    there is a way: from 127.0.0.1 to HOST:PORT
    whether somebody listens there, UDP does not tell: a closed port shows in the log when messages are sent, and a firewall not at all
    ");
    assert!(receiver.frames().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_shown_with_its_names() {
    let receiver = Receiver::with_certificate(|params| {
        params.subject_alt_names = vec![SanType::DnsName("other.example".try_into().unwrap())];
    });
    let (said, code) = connect(&receiver.endpoint());
    assert_eq!(code, 1);
    assert_snapshot!(said, @r#"
    HOST, port PORT, TLS
    resolved: HOST
    not connected: TLS with HOST (HOST:PORT): the receiver's certificate was refused: it was not issued for "HOST", but for other.example; let the receiver's host or destination.server_name be a name in the certificate, or have one issued with the subject alternative name IP:HOST
    certificate: CN=localhost
      for other.example
      issued by CN=remote_syslog test authority
      key: the curve P-256; signed with ecdsa-with-SHA256
      valid until 4096-01-01, N more days
      FINGERPRINT
      to trust this very certificate, compare its fingerprint with what the receiver has
      (openssl x509 -noout -fingerprint -sha256 -in ITS.pem), and write below destination:
        fingerprint: "FINGERPRINT"
    "#);
}

#[test]
fn an_expired_certificate_is_shown_with_its_end() {
    let receiver = Receiver::with_certificate(|params| {
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    });
    let (said, code) = connect(&receiver.endpoint());
    assert_eq!(code, 1);
    assert_snapshot!(said, @r#"
    HOST, port PORT, TLS
    resolved: HOST
    not connected: TLS with HOST (HOST:PORT): the receiver's certificate was refused: it has expired on 2025-01-01T00:00:00Z; renew it on the receiver, and check this host's clock
    certificate: CN=localhost
      for localhost, HOST
      issued by CN=remote_syslog test authority
      key: the curve P-256; signed with ecdsa-with-SHA256
      expired on 2025-01-01, N days ago
      FINGERPRINT
      to trust this very certificate, compare its fingerprint with what the receiver has
      (openssl x509 -noout -fingerprint -sha256 -in ITS.pem), and write below destination:
        fingerprint: "FINGERPRINT"
    "#);
}

#[test]
fn an_unknown_authority_is_refused() {
    let (receiver, other) = (Receiver::new(Transport::Tls), Receiver::new(Transport::Tls));
    let mut endpoint = receiver.endpoint();
    endpoint.trust = other.endpoint().trust;
    let (said, code) = connect(&endpoint);
    assert_eq!(code, 1);
    assert!(said.contains("not connected: TLS with HOST (HOST:PORT): "), "{said}");
    let trusted = "has another key): 1 authority is trusted, that of SSL_CERT_FILE (/";
    assert!(said.contains(trusted) && said.contains("; let destination.ca_file name"), "{said}");
    assert!(said.contains("\n    issued by CN=remote_syslog test authority\n"), "{said}");
}

/// A server that does one thing with the first connection.
fn server(act: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || act(listener.accept().unwrap().0));
    let trust = None;
    Endpoint { transport: Transport::Tcp, host: "127.0.0.1".to_owned(), port, trust }
}

#[test]
fn a_port_that_does_not_speak_tls_is_told() {
    let mut endpoint = server(|mut stream| {
        stream.write_all(b"220 hello, this is not TLS\r\n").unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    endpoint.transport = Transport::Tls;
    let receiver = Receiver::new(Transport::Tls);
    endpoint.trust = receiver.endpoint().trust;
    let (said, code) = connect(&endpoint);
    assert_eq!(code, 1);
    assert!(said.contains("check that destination.port speaks TLS"), "{said}");
    assert!(!said.contains("certificate:"), "{said}");
}

#[test]
fn a_receiver_that_ends_the_connection_at_once_is_told() {
    let (said, code) = connect(&server(drop));
    assert_eq!(code, 1);
    assert_snapshot!(said, @r"
    HOST, port PORT, TCP
    resolved: HOST
    not connected: HOST:PORT accepted the connection and closed it at once; look at its own log: it may want a certificate of ours that it trusts (destination.cert_file), or refuse this host
    ");
}

#[test]
fn what_a_unit_has_to_show_is_told_of_all_that_is_read() {
    let (home, tmp) = ("ProtectHome=read-only\n", "PrivateTmp=no\n");
    for (log, variables, settings) in [
        ("/var/log/a.log", &[][..], String::new()),
        ("/root/a/*.log", &[], home.to_owned()),
        ("/var/log/a.log", &[("CA_FILE", "/home/deploy/ca.pem")], home.to_owned()),
        ("/root/a.log", &[("CA_DIR", "/var/tmp/authorities")], [home, tmp].concat()),
        ("/var/log/a.log", &[("CERT_FILE", "/etc/a.pem"), ("KEY_FILE", "/tmp/a.key")], tmp.into()),
    ] {
        let mut command = bare_command();
        command.args(["--check", "--unit-settings", "-c", "/dev/null", "--tls", log]);
        command.args(["-d", "localhost", "-p", "6514"]);
        for (name, value) in variables {
            command.env(format!("REMOTE_SYSLOG_DESTINATION_{name}"), value);
        }
        let output = finish(&mut command);
        assert_eq!(stdout(&output), settings, "{log} {variables:?} {}", stderr(&output));
    }
}

#[test]
fn a_line_is_judged_as_it_stands_in_the_file() {
    let site = Site::new();
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let shipper = shipper.yaml("exclude_patterns: ['^-', '\\d{3}', x]");
    let judge = |line: &str| {
        let output = check(&shipper, &["--line", line]);
        assert!(output.stderr.is_empty());
        (stdout(&output), output.status.code())
    };
    let sent = "sent: none of the 3 exclude_patterns matches\n".to_owned();
    assert_eq!(judge("a line"), (sent, Some(0)));
    let dropped = "dropped: exclude_patterns 1 matches: ^-\n\
                   dropped: exclude_patterns 2 matches: \\d{3}\n";
    assert_eq!(judge("- 404"), (dropped.to_owned(), Some(1)));
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let shipper = shipper.yaml("redact_patterns: [card]\nseverity_from: {err: paid}\nformat: json");
    let output = check(&shipper, &["--line", r#"{"msg":"paid by 4111111111111111"}"#]);
    let said = "sent: there are no exclude_patterns\n  text: paid by [redacted]\n  severity: err\n";
    assert_eq!(stdout(&output), said);
    // What the form says of the time counts, as in the message; else what the text says.
    for (line, time) in [
        (r#"{"time":"2026-11-28T10:20:30.5Z","msg":"2020-01-02 up"}"#, "2026-11-28T10:20:30.5Z"),
        (r#"{"msg":"2020-01-02 up"}"#, "2020-01-02T00:00:00Z"),
    ] {
        let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
        let shipper = shipper.env("TZ", "UTC").yaml(
            "redact_patterns: ['2020-01-02']\nformat: json\ntimestamp: written\n\
             timestamp_format: '%F'",
        );
        let said = stdout(&check(&shipper, &["--line", line]));
        let text = "  text: [redacted] up\n";
        assert!(said.ends_with(&format!("{text}  time: {time}, as it is written\n")), "{said}");
    }
    // Patterns see it without the carriage return at its end.
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let shipper = shipper.yaml("redact_patterns: ['pw$']\nseverity_from: {err: 'pw$'}");
    let said = stdout(&check(&shipper, &["--line", "a pw\r"]));
    assert!(said.contains("a [redacted]") && said.contains("  severity: err\n"), "{said}");
    let shipper = Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint());
    let output = check(&shipper, &["--line", ""]);
    assert_eq!(stdout(&output), "sent: there are no exclude_patterns\n");
    assert_eq!(check(&Shipper::new(&site), &["--line", "x"]).status.code(), Some(1));
}

#[test]
fn colours_are_for_terminals_and_for_those_who_insist() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let receiver = Receiver::tcp();
    let coloured = |variables: &[(&str, &str)]| {
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        let mut command = shipper.command();
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(name);
        }
        command.arg("--check").envs(variables.iter().copied());
        let output = finish(&mut command);
        assert_eq!(output.status.code(), Some(0));
        output.stdout.contains(&0x1B)
    };
    assert!(!coloured(&[]), "no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}

#[test]
fn nothing_is_made_or_changed() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let output = check(&Shipper::new(&site).follow("app.log").to(&Receiver::tcp().endpoint()), &[]);
    assert_eq!(output.status.code(), Some(0));
    let names = fs::read_dir(site.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["app.log", "conf.yml"]);
}

#[test]
fn without_any_configuration_file_that_is_said() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let empty = site.append("empty.yml", "");
    let mut command = bare_command();
    command.current_dir(site.dir()).arg("-c").arg(empty).args(["--state-dir", "state"]);
    command.args(["--check", "-d", "127.0.0.1", "app.log"]);
    let output = finish(&mut command);
    let said = stdout(&output).replace(site.dir().to_str().unwrap(), "");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("Configuration\n  /empty.yml\n"), "{said}");
}

#[test]
fn what_matches_nothing_is_told_with_what_was_probably_meant() {
    let site = Site::new();
    site.append("dir/app.log", "one\n");
    let [dir, log] = ["dir", "dir/app.log"].map(|name| site.path(name).display().to_string());
    let receiver = Receiver::tcp();
    let shipper = Shipper::new(&site).to(&receiver.endpoint());
    // Two lines without dashes are one text.
    let shipper = shipper.follow("dir").follow("none.log").entry(format!("{log}\n    {log}"));
    let said = stdout(&check(&shipper, &[]));
    let said = said.replace(site.dir().to_str().unwrap(), "");
    for expected in [
        "  /dir: nothing matches yet: it is a directory; write /dir/*\n",
        "  /none.log: nothing matches yet: there is no such file\n",
        "  /dir/app.log /dir/app.log: nothing matches yet: there is a blank before a '/': did you",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let running = shipper.start();
    running.wait_warning(&[&format!("nothing matches {dir} yet: it is a directory")]);
    running.wait_warning(&["none.log yet: there is no such file"]);
    running.wait_warning(&["app.log yet: there is a blank before a '/'"]);
}

#[test]
fn a_misspelt_protocol_is_warned_of_with_what_follows() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let said = |keys: &str| {
        let shipper = Shipper::new(&site).follow("app.log");
        stdout(&check(&shipper.yaml(&format!("destination: {{host: 127.0.0.1, {keys}}}")), &[]))
    };
    let plain = "did you mean destination.protocol? As it stands, messages go over UDP, unencry";
    assert!(said("protocl: tcp").contains(plain), "{}", said("protocl: tcp"));
    let both = said("protocl: tcp, protocol: tls");
    assert!(both.contains("did you mean destination.protocol?\n"), "{both}");
}

#[test]
fn what_keeps_the_daemon_from_starting_is_told_before() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let taken = crate::metrics::address();
    let _taken = TcpListener::bind(taken).unwrap();
    for (yaml, said, is_fault) in [
        (
            "pid_file: /nonexistent/x.pid".to_owned(),
            "pid_file: cannot write /nonexistent/x.pid",
            true,
        ),
        (
            "debug_log_file: /tmp".to_owned(),
            "debug_log_file: cannot write /tmp: it is a directory",
            true,
        ),
        ("metrics_listen: 192.0.2.1:9600".to_owned(), "metrics_listen: cannot listen on", true),
        // It may be another one of ours that has it.
        (format!("metrics_listen: '{taken}'"), "metrics_listen: cannot listen on", false),
    ] {
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).yaml(&yaml);
        let output = check(&shipper, &[]);
        let kind = if is_fault { "no start" } else { "warning" };
        assert!(stdout(&output).contains(&format!("{kind}: {said}")), "{}", stdout(&output));
        assert_eq!(stdout(&output).contains("\nFault: the daemon cannot start: "), is_fault);
        assert_eq!(output.status.success(), !is_fault, "{yaml}");
        assert!(!finish(&mut shipper.command()).status.success(), "{yaml}");
    }
}

#[test]
fn what_only_root_may_do_is_no_fault_to_a_check_by_others() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let closed = site.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let yaml = format!("pid_file: {}/x.pid", closed.display());
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).yaml(&yaml);
    let mut command = shipper.command();
    command.arg("--check");
    let output = finish(&mut as_nobody(command, &site));
    assert!(stdout(&output).contains("warning: pid_file: cannot write"), "{}", stdout(&output));
    assert!(output.status.success(), "{}", stdout(&output));
}
