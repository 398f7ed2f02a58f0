//! What time messages carry: that of reading, or that of writing.

use std::fs::File;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustix::process::Signal;

use crate::support::{End, Message, Receiver, Shipper, Site, finish};

/// A log as two programs write it, and one that says no times.
fn logs(site: &Site) {
    site.append("web.log", "10.0.0.1 - - [28/Nov/2020:10:20:30 +0100] \"GET /\" 200\n");
    site.append("app.log", "2020-11-28 10:20:30,123 up\n    at Foo.bar(Foo.java:12)\n\n");
    site.append("plain.log", "up\n");
    for name in ["web.log", "app.log", "plain.log"] {
        modified(site, name, 1_600_000_000);
    }
}

fn modified(site: &Site, name: &str, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().append(true).open(site.path(name)).unwrap().set_modified(time).unwrap();
}

fn shipper(site: &Site) -> Shipper {
    let web = format!(
        "{{path: {}, timestamp_format: '[%d/%b/%Y:%H:%M:%S %z]'}}",
        site.path("web.log").display()
    );
    let plain = format!("{{path: {}, timestamp: read}}", site.path("plain.log").display());
    let shipper = Shipper::new(site).entry(web).entry(plain).follow("app.log");
    shipper
        .yaml("timestamp: written\ntimestamp_format: '%F %T,%f'")
        .reading_from_start()
        .env("TZ", "EST5")
}

/// The times that messages of one file carry, in order.
fn times(frames: &[Vec<u8>], name: &str) -> Vec<String> {
    let messages = frames.iter().map(|frame| Message::parse(frame));
    messages.filter(|it| it.app_name == name).map(|it| it.timestamp).collect()
}

#[test]
fn a_line_carries_the_time_that_it_says_else_that_of_its_file() {
    let site = Site::new();
    logs(&site);
    let output = shipper(&site).arg("--dry-run").arg("--once").output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let frames: Vec<_> = output.stdout.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let frames = &frames[..frames.len() - 1];
    assert_eq!(times(frames, "web.log"), ["2020-11-28T04:20:30-05:00"]);
    let changed = "2020-09-13T07:26:40-05:00";
    assert_eq!(times(frames, "app.log"), ["2020-11-28T10:20:30.123-05:00", changed, changed]);
    let read: Timestamp = times(frames, "plain.log")[0].parse().unwrap();
    assert!(Timestamp::now().duration_since(read).as_secs() < 60, "{read}");
}

#[test]
fn lines_of_an_outage_carry_the_times_of_writing() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
    let shipper = shipper.reading_from_start().yaml("timestamp: written").env("TZ", "UTC");
    site.append("app.log", "one\n");
    modified(&site, "app.log", 1_600_000_000);
    let running = shipper.start();
    receiver.wait_for_text("one");
    receiver.down(End::Reset);
    site.append("late.log", "two\n");
    modified(&site, "late.log", 1_600_000_100);
    receiver.up();
    receiver.wait_for_text("two");
    assert_eq!(times(&receiver.frames(), "late.log"), ["2020-09-13T12:28:20Z"]);
    assert_eq!(times(&receiver.frames(), "app.log")[0], "2020-09-13T12:26:40Z");
    // The other choice, from a reload on.
    let config = site.path("conf.yml");
    let text = std::fs::read_to_string(&config).unwrap();
    let format = "timestamp: written\ntimestamp_format: '%s'";
    std::fs::write(&config, text.replace("timestamp: written", format)).unwrap();
    running.signal(Signal::HUP);
    running.wait_log(&["the configuration is loaded anew"]);
    site.append("app.log", "1234567890 three\n");
    receiver.wait_for_text("1234567890 three");
    assert_eq!(times(&receiver.frames(), "app.log").last().unwrap(), "2009-02-13T23:31:30Z");
}

#[test]
fn a_line_that_is_cut_carries_its_time() {
    let site = Site::new();
    let long = format!("1234567890.5 {}\n", "x".repeat(1_000_000));
    site.append("app.log", format!("{long}1234567891 short\n"));
    let shipper = Shipper::new(&site).follow("app.log").reading_from_start().env("TZ", "UTC");
    let shipper = shipper.yaml("timestamp: written\ntimestamp_format: '%s%.f'");
    let shipper = shipper.yaml("destination: {protocol: tcp}\ntcp_max_line_length: 2000");
    let output = finish(shipper.foreground().arg("--dry-run").arg("--once"));
    let frames: Vec<_> = output.stdout.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let frames = &frames[..frames.len() - 1];
    let seconds = ["30.5Z", "31Z"].map(|end| format!("2009-02-13T23:31:{end}"));
    assert_eq!(times(frames, "app.log"), seconds);
    assert_eq!(frames[0].len(), 2000);
}

#[test]
fn a_time_that_is_redacted_counts_whatever_form_the_line_has() {
    for (form, line) in [
        ("", "at 1234567890"),
        ("format: json", r#"{"msg":"at 1234567890"}"#),
        ("encoding: latin1", "at 1234567890"),
    ] {
        let site = Site::new();
        site.append("app.log", format!("{line}\n"));
        let shipper = Shipper::new(&site).follow("app.log").reading_from_start().env("TZ", "UTC");
        let rules = "timestamp: written\ntimestamp_format: '%s'\nredact_patterns: ['\\d+']";
        let shipper = shipper.yaml("destination: {protocol: tcp}").yaml(form).yaml(rules);
        let output = finish(shipper.foreground().arg("--dry-run").arg("--once"));
        let frame = String::from_utf8(output.stdout).unwrap();
        let [time, text] = ["2009-02-13T23:31:30Z", "at [redacted]\n"];
        assert!(frame.contains(time) && frame.ends_with(text), "{form}: {frame}");
    }
}

#[test]
fn check_says_which_time_a_line_would_carry() {
    let site = Site::new();
    logs(&site);
    let said = |shipper: Shipper, line: &str| {
        let output = finish(shipper.command().args(["--check", "--line", line]));
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        said.replace(site.dir().to_str().unwrap(), "/site")
    };
    let receiver = Receiver::tcp();
    assert_eq!(
        said(shipper(&site).to(&receiver.endpoint()), "2020-11-28 10:20:30,5 up"),
        "sent: there are no exclude_patterns\n\
         \x20 time in /site/web.log: when its file was modified last, for no time is written in it \
         as [%d/%b/%Y:%H:%M:%S %z]\n\
         \x20 time in /site/plain.log: when it is read\n\
         \x20 time in /site/app.log: 2020-11-28T10:20:30.5-05:00, as it is written\n"
    );
    let one = || Shipper::new(&site).follow("a.log").follow("b.log").to(&receiver.endpoint());
    let sent = "sent: there are no exclude_patterns\n";
    assert_eq!(said(one(), "up"), sent);
    let written = one().yaml("timestamp: written");
    assert_eq!(said(written, "up"), format!("{sent}  time: when its file was modified last\n"));
}
