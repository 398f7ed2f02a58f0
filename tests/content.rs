//! What messages hold that is not just what stands in the file, as real receivers see it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::peers::{Imrelp, Peer, Rsyslogd, SyslogNg};
use crate::support::{
    End, Endpoint, Message, Receiver, SOON, Shipper, Site, Transport, finish, wait_until,
};

/// Ships what stands in `app.log` with these settings until as many messages were understood.
#[track_caller]
fn shipped(
    peer: &impl Peer,
    to: &Endpoint,
    framing: &str,
    yaml: &str,
    log: &str,
    count: usize,
) -> Vec<Message> {
    let framed = |shipper: Shipper| shipper.env("REMOTE_SYSLOG_DESTINATION_FRAMING", framing);
    shipped_by(peer, |shipper| framed(shipper.to(to).yaml(yaml)), log, count)
}

/// The same with a shipper that is made ready by `ready`.
#[track_caller]
fn shipped_by(
    peer: &impl Peer,
    ready: impl FnOnce(Shipper) -> Shipper,
    log: &str,
    count: usize,
) -> Vec<Message> {
    let site = Site::new();
    let before = peer.count();
    site.append("app.log", log);
    let mut shipper = ready(Shipper::new(&site).follow("app.log").reading_from_start()).start();
    wait_until("the peer has understood all", SOON, || peer.count() >= before + count);
    shipper.term();
    let messages = peer.messages().split_off(before);
    assert_eq!(messages.len(), count, "{messages:?}");
    messages
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::lossy).collect()
}

const SECRETS: [&str; 6] = [
    "4111111111111111",
    "jane.doe@mail.example.com",
    "10.20.30.40",
    "eyJhbGciOi",
    "hunter2",
    "s3cr3t",
];

fn secret_lines() -> String {
    let [card, email, address, bearer, password, other] = SECRETS;
    format!(
        "an ordinary line\npaid by {card}, thanks\nfrom {address} to <{email}>\n\
         Authorization: Bearer {bearer}\nlogin user=jane password={password} ok\n\
         caf\u{e9} id={other}; id={other}\nthe last line\n"
    )
}

const REDACTED: [&str; 7] = [
    "an ordinary line",
    "paid by [redacted], thanks",
    "from [redacted] to <[redacted]>",
    "Authorization: Bearer [redacted]",
    "login user=jane password=[redacted] ok",
    "caf\u{e9} id=s***; id=s***",
    "the last line",
];

const REDACT: &str = "redact_patterns: [card, email, ipv4, bearer, password, {pattern: '(id=.)\\w+', replace: '$1***'}]";

#[test]
fn what_is_redacted_reaches_no_receiver() {
    if let Some(peer) = Rsyslogd::start() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let to = peer.endpoint(transport);
            let messages = shipped(&peer, &to, "", REDACT, &secret_lines(), REDACTED.len());
            assert_eq!(texts(&messages), REDACTED, "{transport:?}");
        }
    }
    if let Some(peer) = SyslogNg::start() {
        let to = peer.counting_endpoint(Transport::Tcp);
        let messages =
            shipped(&peer, &to, "octet-counted", REDACT, &secret_lines(), REDACTED.len());
        assert_eq!(texts(&messages), REDACTED);
    }
}

#[track_caller]
fn assert_no_secret(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let seen = SECRETS.iter().find(|secret| text.contains(**secret));
    assert_eq!(seen, None, "{what}: {text}");
}

fn assert_no_secret_below(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => assert_no_secret_below(&entry.path()),
            kind if kind.is_file() && entry.file_name() != "app.log" => {
                assert_no_secret(
                    &entry.path().display().to_string(),
                    &fs::read(entry.path()).unwrap(),
                );
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_redacted_is_in_no_output_no_log_and_no_state() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", secret_lines());
    let shipper = || Shipper::new(&site).follow("app.log").yaml(REDACT).reading_from_start();
    let output = finish(shipper().foreground().args(["--dry-run", "--once", "--log", "trace"]));
    assert!(output.status.success());
    assert_no_secret("stdout", &output.stdout);
    assert_no_secret("stderr", &output.stderr);
    assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), REDACTED.len());
    // A line that is cut, one without its end in a file that rotates, and all that the log tells.
    let mut running = shipper()
        .to(&receiver.endpoint())
        .yaml("tcp_max_line_length: 600")
        .arg("--log=trace")
        .start();
    receiver.wait_for(REDACTED.len());
    let long = format!("{} {} {}\n", "x ".repeat(260), SECRETS[0], "y ".repeat(400_000));
    site.append("app.log", long);
    site.append("app.log", format!("no end, {}", SECRETS[0]));
    site.rename("app.log", "app.log.1");
    site.append("app.log", "new\n");
    receiver.wait_for_text("new");
    running.term();
    for frame in receiver.frames() {
        assert_no_secret("a message", &frame);
    }
    assert!(receiver.texts().contains(&"no end, [redacted]".to_owned()));
    site.remove("app.log.1");
    assert_no_secret("the log", running.log().as_bytes());
    assert_no_secret_below(site.dir());
}

#[test]
fn the_severity_is_what_the_line_says_without_its_colours() {
    let yaml = "severity_from: {err: 'ERROR|FATAL', warn: '^WARN'}\nstrip_color: true\nfacility: local0\nseverity: info";
    let log =
        "started\n\x1b[31mERROR\x1b[0m failed\n\x1b[33mWARN\x1b[0m ERROR\nWARN slow\nno WARN\n";
    let expected = [
        (134, "started"),
        (131, "ERROR failed"),
        (131, "WARN ERROR"),
        (132, "WARN slow"),
        (134, "no WARN"),
    ];
    let check = |messages: Vec<Message>| {
        let seen: Vec<_> = messages.iter().map(|it| (it.priority, it.lossy())).collect();
        assert_eq!(seen, expected.map(|(priority, text)| (priority, text.to_owned())));
    };
    if let Some(peer) = Rsyslogd::start() {
        check(shipped(&peer, &peer.endpoint(Transport::Tcp), "", yaml, log, 5));
    }
    if let Some(peer) = SyslogNg::start() {
        check(shipped(
            &peer,
            &peer.counting_endpoint(Transport::Tcp),
            "octet-counted",
            yaml,
            log,
            5,
        ));
    }
}

/// Lines as a file of that form has them, and the setting that says so.
fn in_form(form: &str, lines: &[&str]) -> (Vec<u8>, String) {
    let each = |line: &&str| match form {
        "docker" => {
            format!(r#"{{"log":"{line}\n","stream":"stdout","time":"2026-11-29T10:20:30Z"}}"#)
        }
        "cri" => format!("2026-11-29T10:20:30.000000000Z stdout F {line}"),
        _ => line.to_string(),
    };
    let end = if form == "returns" { "\r\n" } else { "\n" };
    let text: String = lines.iter().map(|line| each(line) + end).collect();
    match form {
        "utf-16le" => {
            (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), format!("encoding: {form}"))
        }
        "docker" | "cri" => (text.into_bytes(), format!("format: {form}")),
        _ => (text.into_bytes(), String::new()),
    }
}

#[test]
fn lines_that_are_joined_are_judged_and_redacted_alike_in_every_form() {
    let lines = [
        "0 first",
        "1 a",
        " secret b",
        "2 x KEY-----",
        "zzz",
        "-----END",
        "3 noise",
        " e",
        "4 last",
    ];
    let rules = "multiline: {start: '^\\d'}\nredact_patterns: ['KEY-----\\n(?s:.*)-----END']";
    for form in ["lines", "returns", "docker", "cri", "utf-16le"] {
        let (log, setting) = in_form(form, &lines);
        for (patterns, expected) in [
            (
                "exclude_patterns: ['^ secret', '^3 noise$']",
                &["0 first", "2 x [redacted]", "4 last"][..],
            ),
            ("include_patterns: ['^zzz$', 'last$']", &["2 x [redacted]", "4 last"]),
        ] {
            let (site, receiver) = (Site::new(), Receiver::tcp());
            fs::write(site.path("app.log"), &log).unwrap();
            let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
            let shipper = shipper.yaml(&format!("{rules}\n{patterns}\n{setting}"));
            let output = shipper.reading_from_start().arg("--once").output();
            assert!(output.status.success(), "{form}: {output:?}");
            // A carriage return at the end of a single line goes out as a blank.
            let texts = receiver.texts();
            let texts: Vec<_> = texts.iter().map(|text| text.trim_end()).collect();
            assert_eq!(texts, expected, "{form}, {patterns}");
        }
    }
}

#[test]
fn structured_data_arrives_beside_the_token() {
    let token = |shipper: Shipper| shipper.env("REMOTE_SYSLOG_DESTINATION_TOKEN", "ABC");
    let yaml = "structured_data: {env: prod, odd: 'a \"b\" \\c ]d'}";
    let expected = r#"[ABC@41058][fields@41058 env="prod" odd="a \"b\" \\c \]d"]"#;
    if let Some(peer) = Rsyslogd::start() {
        let messages = shipped_by(
            &peer,
            |it| token(it.to(&peer.endpoint(Transport::Tcp)).yaml(yaml)),
            "one\n",
            1,
        );
        assert_eq!(
            (messages[0].structured_data.as_str(), texts(&messages)),
            (expected, vec!["one".to_owned()])
        );
    }
    if let Some(peer) = SyslogNg::start() {
        let messages = shipped_by(
            &peer,
            |it| token(it.to(&peer.endpoint(Transport::Tcp)).yaml(yaml)),
            "one\n",
            1,
        );
        // It names an element without parameters as it pleases, and the order is its own.
        let seen = &messages[0].structured_data;
        assert!(seen.contains(r#"[fields@41058 env="prod" odd="a \"b\" \\c \]d"]"#), "{seen}");
        assert_eq!(texts(&messages), ["one"]);
    }
}

/// The places that messages tell, each once.
fn places(messages: &[Message]) -> HashSet<&str> {
    messages.iter().map(|message| message.structured_data.as_str()).collect()
}

#[test]
fn a_line_in_parts_tells_where_its_first_part_begins() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let lines = ["stdout P a", "stderr F x", "std", "stdout F b", "stdout P c", "stderr P y"];
    let lines = lines.map(|line| format!("2026-11-29T10:20:30Z {line}\n"));
    let at = |index: usize| lines[..index].iter().map(String::len).sum::<usize>();
    let expected = [("x", 1), ("2026-11-29T10:20:30Z std", 2), ("ab", 0), ("c", 4), ("y", 5)];
    site.append("app.log", lines.concat());
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let shipper = shipper.yaml("structured_data: {file: true}\nformat: cri");
    let mut shipper = shipper.reading_from_start().start();
    let messages = receiver.wait_for(expected.len());
    shipper.term();
    for (message, (text, index)) in messages.iter().zip(expected) {
        let expected = format!("offset=\"{}\"] {text}", at(index));
        assert!(message.lossy().ends_with(&expected), "{}: {expected}", message.lossy());
    }
}

/// A receiver that keeps what it has not seen yet has each line once, whatever comes again, over several rotations.
#[test]
fn by_their_places_a_receiver_drops_repeats_exactly() {
    let Some(mut peer) = Rsyslogd::start() else { return };
    let site = Site::new();
    let mut shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&peer.endpoint(Transport::Tcp))
        .yaml("structured_data: {file: true}")
        .reading_from_start()
        .start();
    let mut expected = Vec::new();
    for round in 0..4 {
        for number in 0..500 {
            let line = format!("round {round} line {number}, of which several are the same");
            // The same text again and again: only the place tells them apart.
            for line in [&line, "the same in each"] {
                site.append("app.log", format!("{line}\n"));
                expected.push(line.to_owned());
            }
        }
        // All of it has arrived, and hardly anything is proven to have: most comes again.
        wait_until("all of it has arrived", SOON, || {
            places(&peer.messages()).len() == expected.len()
        });
        shipper.kill();
        if round % 2 == 0 {
            peer.term();
            peer.restart();
        }
        match round {
            1 => site.rename("app.log", "app.log.1"),
            2 => {
                fs::copy(site.path("app.log"), site.path("app.log.2")).unwrap();
                fs::File::options()
                    .write(true)
                    .open(site.path("app.log"))
                    .unwrap()
                    .set_len(0)
                    .unwrap();
            }
            _ => {}
        }
        shipper.restart();
    }
    site.append("app.log", "the end\n");
    expected.push("the end".to_owned());
    wait_until("the end", SOON, || peer.messages().iter().any(|it| it.text == b"the end"));
    shipper.term();
    let messages = peer.messages();
    assert_eq!(places(&messages).len(), expected.len());
    assert!(messages.len() > expected.len(), "nothing has come again");
    let mut seen = HashSet::new();
    let once: Vec<_> =
        messages.iter().filter(|it| seen.insert(it.structured_data.clone())).collect();
    let differs = once.iter().zip(&expected).find(|(it, expected)| it.lossy() != **expected);
    assert_eq!((differs, once.len()), (None, expected.len()));
}

const TRACES: &str = include_str!("fixtures/traces/java.log");

/// The messages in [`TRACES`], with their newlines, and the file without the lines between.
fn traces() -> (Vec<String>, String) {
    let messages = TRACES.split("----\n").map(|it| it.trim_end_matches('\n').to_owned());
    (messages.collect(), TRACES.replace("----\n", ""))
}

const JAVA: &str = "multiline: {preset: java}";

#[test]
fn a_trace_is_one_message_with_its_newlines_where_its_length_is_told() {
    let (messages, log) = traces();
    if let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) {
        let to = peer.endpoint(Transport::Relp);
        assert_eq!(texts(&shipped(&peer, &to, "", JAVA, &log, messages.len())), messages);
        // rsyslog knows octet counting by the digits.
        let to = peer.endpoint(Transport::Tcp);
        assert_eq!(
            texts(&shipped(&peer, &to, "octet-counted", JAVA, &log, messages.len())),
            messages
        );
    }
    if let Some(peer) = SyslogNg::start() {
        let to = peer.counting_endpoint(Transport::Tcp);
        assert_eq!(
            texts(&shipped(&peer, &to, "octet-counted", JAVA, &log, messages.len())),
            messages
        );
    }
}

#[test]
fn elsewhere_its_lines_are_joined() {
    let (messages, log) = traces();
    let Some(peer) = Rsyslogd::start() else { return };
    let to = peer.endpoint(Transport::Tcp);
    let escaped: Vec<_> = messages.iter().map(|it| it.replace('\n', "\\n")).collect();
    assert_eq!(texts(&shipped(&peer, &to, "", JAVA, &log, messages.len())), escaped);
    let by_space = "multiline: {preset: java, join: space}";
    let spaced: Vec<_> = messages.iter().map(|it| it.replace('\n', " ")).collect();
    assert_eq!(texts(&shipped(&peer, &to, "", by_space, &log, messages.len())), spaced);
}

/// One trace, its first and last lines apart.
const BEGUN: &str = "2026-11-29 ERROR failed\njava.lang.Error: x\n\tat a\n";
const ENDED: &str = "\tat b\nCaused by: java.io.IOException\n\tat c\n";
const JOINED: &str = "2026-11-29 ERROR failed\\njava.lang.Error: x\\n\\tat a\\n\\tat b\\nCaused by: java.io.IOException\\n\\tat c";

fn joined() -> String {
    JOINED.replace("\\t", "\t")
}

fn following(site: &Site, receiver: &Receiver) -> Shipper {
    let entry = format!(
        "{{path: {}, multiline: {{preset: java, timeout: 3s}}}}",
        site.path("app.log").display()
    );
    Shipper::new(site).entry(entry).to(&receiver.endpoint()).reading_from_start()
}

/// What has been quiet for long enough before it is read is not waited for once more, file by file.
#[test]
fn traces_at_the_ends_of_many_rotated_files_do_not_wait_one_after_the_other() {
    const FILES: usize = 10;
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "first\nsecond\n");
    let mut shipper = following(&site, &receiver).start();
    receiver.wait_for_text("first");
    shipper.term();
    for n in 1..=FILES {
        site.append("app.log", format!("{BEGUN}{ENDED}"));
        site.rename("app.log", format!("app.log.{n}"));
    }
    site.append("app.log", "last\nend\n");
    // The timeout of a message.
    std::thread::sleep(std::time::Duration::from_secs(3));
    shipper.restart();
    receiver.wait_for_text("last");
    shipper.term();
    let texts = receiver.texts();
    assert_eq!(texts.iter().filter(|text| **text == joined()).count(), FILES);
}

#[test]
fn a_trace_is_joined_once_through_kill_and_restart_in_its_middle() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", format!("first\n{BEGUN}"));
    let mut shipper = following(&site, &receiver).start();
    receiver.wait_for_text("first");
    shipper.kill();
    shipper.restart_following();
    shipper.term();
    shipper.restart_following();
    site.append("app.log", ENDED);
    site.append("app.log", "last\n");
    receiver.wait_for_text("last");
    shipper.signal(Signal::HUP);
    let mut texts = receiver.texts();
    // What was not confirmed when it was killed may come again, whole.
    texts.dedup();
    assert_eq!(texts, ["first", &joined(), "last"]);
}

#[test]
fn a_trace_is_joined_once_where_its_file_is_renamed_or_copied_in_its_middle() {
    for kind in ["renamed", "copied"] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("app.log", format!("first\n{BEGUN}"));
        let mut shipper = following(&site, &receiver).start();
        receiver.wait_for_text("first");
        if kind == "renamed" {
            site.rename("app.log", "app.log.1");
            // Its writer goes on with the old file until it opens the new one.
            site.append("app.log.1", ENDED);
        } else {
            site.append("app.log", ENDED);
            fs::copy(site.path("app.log"), site.path("app.log.1")).unwrap();
            fs::File::options().write(true).open(site.path("app.log")).unwrap().set_len(0).unwrap();
        }
        site.append("app.log", "last\nthe end\n");
        receiver.wait_for_text("the end");
        shipper.term();
        assert_eq!(receiver.texts(), ["first", &joined(), "last", "the end"], "{kind}");
    }
}

#[test]
fn the_last_trace_of_a_quiet_log_comes_after_the_timeout() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", format!("{BEGUN}{ENDED}"));
    let shipper = following(&site, &receiver).start();
    receiver.wait_for_text(&joined());
    receiver.down(End::Reset);
    site.append("app.log", BEGUN);
    receiver.up();
    site.append("app.log", ENDED);
    receiver.wait_for(2);
    drop(shipper);
    // It ends by itself with all that is there.
    let once = finish(following(&site, &receiver).foreground().args([
        "--dry-run",
        "--once",
        "--from-start",
    ]));
    let count = String::from_utf8_lossy(&once.stdout).lines().count();
    assert_eq!(count, 2, "{once:?}");
}

/// What a receiver understood of a message.
fn fields(messages: &[Message]) -> Vec<(u8, String, String)> {
    let time = |it: &Message| it.timestamp.parse::<jiff::Timestamp>().unwrap().to_string();
    messages.iter().map(|it| (it.priority, time(it), it.lossy())).collect()
}

#[track_caller]
fn assert_fields(messages: &[Message], expected: &[(u8, &str, &str)]) {
    let expected =
        expected.iter().map(|&(priority, time, text)| (priority, time.to_owned(), text.to_owned()));
    assert_eq!(fields(messages), expected.collect::<Vec<_>>());
}

#[test]
fn containers_logs_are_what_the_containers_wrote() {
    let docker = concat!(
        r#"{"log":"started \"here\"\n","stream":"stdout","time":"2026-11-29T10:20:30.123456789Z"}"#,
        "\n",
        r#"{"log":"a long ","stream":"stdout","time":"2026-11-29T10:20:31Z"}"#,
        "\n",
        r#"{"log":"failed\n","stream":"stderr","time":"2026-11-29T10:20:32.5Z"}"#,
        "\n",
        r#"{"log":"line\n","stream":"stdout","time":"2026-11-29T10:20:33Z"}"#,
        "\n",
        r#"{"log":"user=jane\n","stream":"stdout","time":"2026-11-29T10:20:34Z"}"#,
        "\n",
    );
    let cri = "2026-11-29T11:20:30.123456789+01:00 stdout F started \"here\"\n\
               2026-11-29T11:20:31+01:00 stdout P a long \n\
               2026-11-29T11:20:32.5+01:00 stderr F failed\n\
               2026-11-29T11:20:33+01:00 stdout F line\n\
               2026-11-29T11:20:34+01:00 stdout F user=jane\n";
    let expected = [
        (134, "2026-11-29T10:20:30.123456Z", "started \"here\""),
        (131, "2026-11-29T10:20:32.5Z", "failed"),
        (134, "2026-11-29T10:20:31Z", "a long line"),
        (134, "2026-11-29T10:20:34Z", "user=***"),
    ];
    for (name, log) in [("docker", docker), ("cri", cri)] {
        let yaml = format!(
            "format: {{name: {name}, stderr: err}}\nfacility: local0\nseverity: info\n\
             redact_patterns: [{{pattern: '(user=).*', replace: '$1***'}}]"
        );
        if let Some(peer) = Rsyslogd::start() {
            let to = peer.endpoint(Transport::Tcp);
            assert_fields(&shipped(&peer, &to, "", &yaml, log, expected.len()), &expected);
        }
        if let Some(peer) = SyslogNg::start() {
            // It keeps milliseconds.
            let to = peer.counting_endpoint(Transport::Tcp);
            let messages = shipped(&peer, &to, "octet-counted", &yaml, log, expected.len());
            assert_eq!(texts(&messages), expected.map(|it| it.2));
            assert_eq!(
                messages.iter().map(|it| it.priority).collect::<Vec<_>>(),
                expected.map(|it| it.0)
            );
        }
    }
}

#[test]
fn broken_lines_of_a_container_are_sent_as_they_stand() {
    let Some(peer) = Rsyslogd::start() else { return };
    let to = peer.endpoint(Transport::Tcp);
    let log = "{\"log\":\"cut of\nplain\n\n{\"log\":1}\n";
    let expected = ["{\"log\":\"cut of", "plain", "", "{\"log\":1}"];
    assert_eq!(texts(&shipped(&peer, &to, "", "format: docker", log, 4)), expected);
    assert_eq!(texts(&shipped(&peer, &to, "", "format: cri", log, 4)), expected);
    assert_eq!(
        texts(&shipped(&peer, &to, "", "format: json", log, 4)),
        ["{\"log\":\"cut of", "plain", "", "1"]
    );
}

#[test]
fn json_says_text_severity_and_time() {
    let log = "{\"level\":\"error\",\"time\":1795947630.25,\"msg\":\"it failed\",\"pid\":7}\n\
               {\"msg\":\"two\\nlines\",\"level\":30,\"time\":\"2026-11-29T10:20:31Z\"}\n";
    let expected = [
        (131, "2026-11-29T10:20:30.25Z", "it failed"),
        (134, "2026-11-29T10:20:31Z", "two\\nlines"),
    ];
    let Some(peer) = Rsyslogd::start() else { return };
    let to = peer.endpoint(Transport::Tcp);
    let yaml = "format: json\nfacility: local0\nseverity: notice";
    assert_fields(&shipped(&peer, &to, "", yaml, log, 2), &expected);
}

/// As the kubelet has it: links to the files of pods, which are rotated by renaming; a trace in the container's lines,
/// and a kill within it.
#[test]
fn a_pods_trace_is_joined_once_through_links_a_rotation_and_a_kill() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.make_dir("pods/ns_pod_uid/app");
    site.make_dir("containers");
    let line = |text: &str| format!("2026-11-29T10:20:30Z stderr F {text}\n");
    let part = |text: &str| format!("2026-11-29T10:20:30Z stderr P {text}\n");
    site.append(
        "pods/ns_pod_uid/app/0.log",
        line("first") + &line("ERROR failed") + &part("\tat a"),
    );
    let link = site.path("containers/pod_ns_app-1.log");
    std::os::unix::fs::symlink(site.path("pods/ns_pod_uid/app/0.log"), link).unwrap();
    let entry = format!(
        "{{path: {}/*.log, format: {{name: cri, stderr: err}}, multiline: {{preset: java, timeout: 3s}}}}",
        site.path("containers").display()
    );
    let mut shipper =
        Shipper::new(&site).entry(entry).to(&receiver.endpoint()).reading_from_start().start();
    receiver.wait_for_text("first");
    shipper.kill();
    site.append("pods/ns_pod_uid/app/0.log", line(" b") + &line("\tat c"));
    shipper.restart_following();
    site.rename("pods/ns_pod_uid/app/0.log", "pods/ns_pod_uid/app/0.log.20261129-102031");
    site.append("pods/ns_pod_uid/app/0.log", line("last") + &line("the end"));
    receiver.wait_for_text("the end");
    shipper.term();
    let mut texts = receiver.texts();
    texts.dedup();
    assert_eq!(texts, ["first", "ERROR failed\\n\tat a b\\n\tat c", "last", "the end"]);
    assert!(receiver.messages().iter().all(|it| it.priority == 11));
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn utf16_that_is_there_before_the_start_goes_on_behind_its_last_character() {
    let big = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    for (begin, encoding, bytes) in [
        ("\u{FEFF}old\n", "", &utf16 as &dyn Fn(&str) -> Vec<u8>),
        ("\u{FEFF}old\nhalf a ", "", &utf16),
        ("old\n", "encoding: utf-16le", &utf16),
        ("\u{FEFF}old\n", "", &big),
        ("old\u{100}", "encoding: utf-16be", &big),
        // The mark wins.
        ("\u{FEFF}old\n", "encoding: utf-16", &big),
        ("\u{FEFF}old\n", "encoding: latin1", &utf16),
    ] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        // Half of a character is there already.
        let new = bytes("\u{410}\u{411}\nnext\n");
        site.append("errorlog", [&bytes(begin)[..], &new[..1]].concat());
        let shipper = Shipper::new(&site).follow("errorlog").to(&receiver.endpoint());
        let mut shipper = shipper.yaml(encoding).start();
        shipper.wait_following("errorlog");
        site.append("errorlog", &new[1..]);
        receiver.wait_for(2);
        shipper.term();
        assert_eq!(receiver.texts(), ["\u{410}\u{411}", "next"], "{begin:?}");
    }
}

#[test]
fn other_encodings_arrive_in_utf8() {
    let Some(peer) = Rsyslogd::start() else { return };
    let site = Site::new();
    // In UTF-16 half a character may look like a newline.
    site.append(
        "errorlog",
        utf16("\u{FEFF}Server gr\u{F6}\u{DF}e\r\n\u{0A0A}\u{410A} password=x\n"),
    );
    site.append("old.log", b"gr\xF6\xDFe\n\x80 100\n");
    let old = format!("{{path: {}, encoding: windows-1252}}", site.path("old.log").display());
    let shipper =
        Shipper::new(&site).follow("errorlog").entry(old).to(&peer.endpoint(Transport::Tcp));
    let mut shipper = shipper.yaml("redact_patterns: [password]").reading_from_start().start();
    let of = |name: &str| -> Vec<String> {
        let messages = peer.messages();
        messages.iter().filter(|it| it.app_name == name).map(Message::lossy).collect()
    };
    wait_until("all has arrived", SOON, || of("errorlog").len() == 2 && of("old.log").len() == 2);
    assert_eq!(of("old.log"), ["gr\u{F6}\u{DF}e", "\u{20AC} 100"]);
    // Further ones come in pieces, around a restart that has only the position to go by.
    shipper.term();
    let more = utf16("third\nfourth\n");
    site.append("errorlog", &more[..7]);
    shipper.restart();
    site.append("errorlog", &more[7..]);
    wait_until("the rest has arrived", SOON, || of("errorlog").len() == 4);
    shipper.term();
    let expected =
        ["Server gr\u{F6}\u{DF}e", "\u{0A0A}\u{410A} password=[redacted]", "third", "fourth"];
    assert_eq!(of("errorlog"), expected);
}
