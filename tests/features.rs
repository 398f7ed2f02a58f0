//! Every feature that changes what a message holds, as real receivers understand it: each field of each message, over
//! each way there is to them.

mod table;

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use self::table::{
    EVERYWHERE, Expected, FEATURES, MODIFIED, OF_STREAMS, STREAM_SETTINGS, STREAMED,
};
use crate::fifo::{make_fifo, writer};
use crate::support::peers::{Imrelp, Peer, Rsyslogd, SyslogNg};
use crate::support::{
    Endpoint, Guarded, Message, SOON, Shipper, Site, Transport, wait_exit, wait_until,
};

/// How messages get to a receiver.
struct Way {
    to: Endpoint,
    framing: &'static str,
    /// Whether a message may have newlines.
    has_newlines: bool,
    token: &'static str,
    /// So many digits of a second does the receiver keep.
    digits: usize,
}

impl Way {
    /// A message ends with its line.
    fn plain(to: Endpoint) -> Self {
        Self { to, framing: "newline", has_newlines: false, token: "", digits: 6 }
    }

    /// A message ends where its length says.
    fn counted(to: Endpoint) -> Self {
        Self { framing: "octet-counted", has_newlines: true, ..Self::plain(to) }
    }

    fn name(&self) -> String {
        format!("{}, {}", self.to.transport.name(), self.framing)
    }

    fn shipper(&self, site: &Site) -> Shipper {
        Shipper::new(site)
            .to(&self.to)
            .env("REMOTE_SYSLOG_DESTINATION_FRAMING", self.framing)
            .env("REMOTE_SYSLOG_DESTINATION_TOKEN", self.token)
            .yaml(EVERYWHERE)
    }

    /// What is expected over this way, as [`Way::told`] writes it.
    fn expected(&self, it: &Expected, app_name: &str) -> String {
        let Expected { priority, hostname, .. } = it;
        let token = match self.token {
            "" => String::new(),
            token => format!("[{token}@41058]"),
        };
        let data = match it.structured_data {
            "-" if !token.is_empty() => token,
            data => token + data,
        };
        let text = if self.has_newlines { it.text.into() } else { it.text.replace('\n', it.join) };
        let time = match it.time {
            "now" => "now".to_owned(),
            time => format!("{:.1$}", time.parse::<Timestamp>().unwrap(), self.digits),
        };
        format!("{app_name}: {priority} {time} {hostname} - - {} {text:?}", sorted(&data))
    }

    /// What the receiver has understood.
    fn told(&self, message: &Message, site: &Site) -> String {
        let Message { priority, hostname, app_name, process_id, message_id, .. } = message;
        let nil = |field: &str| if field.is_empty() { "-".to_owned() } else { field.to_owned() };
        let data = without_content(&message.structured_data);
        let data = data.replace(site.dir().to_str().unwrap(), "SITE");
        let told: Timestamp = message.timestamp.parse().unwrap();
        let age = Timestamp::now().duration_since(told).as_secs();
        let is_now = (-5..=120).contains(&age);
        let time = if is_now { "now".into() } else { format!("{told:.0$}", self.digits) };
        let (process, kind, data) = (nil(process_id), nil(message_id), sorted(&nil(&data)));
        let text = message.lossy();
        format!("{app_name}: {priority} {time} {hostname} {process} {kind} {data} {text:?}")
    }
}

/// Elements of structured data in one order: their order means nothing, and syslog-ng has its own.
fn sorted(data: &str) -> String {
    let mut elements: Vec<_> = data.split("][").map(|it| it.trim_matches(['[', ']'])).collect();
    elements.sort_unstable();
    elements.join("][")
}

/// The number of a content is another one for each file.
fn without_content(data: &str) -> String {
    let Some((before, rest)) = data.split_once("content=\"") else { return data.to_owned() };
    let (number, rest) = rest.split_once('"').unwrap();
    assert!(number.len() == 16 && number.bytes().all(|it| it.is_ascii_hexdigit()), "{number}");
    format!("{before}content=\"CONTENT\"{rest}")
}

fn write_logs(site: &Site) {
    for feature in FEATURES {
        let path = site.append(feature.file, feature.log);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
}

/// `COMMAND | remote_syslog -`.
fn pipe_through(way: &Way) {
    let site = Site::new();
    let shipper = way.shipper(&site).yaml(STREAM_SETTINGS).arg("stdin=-");
    let said = File::create(site.path("said")).unwrap();
    let child = shipper.command().stdin(Stdio::piped()).stderr(said).spawn().unwrap();
    let mut child = Guarded(child);
    child.0.stdin.take().unwrap().write_all(STREAMED.as_bytes()).unwrap();
    let status = wait_exit(&mut child.0, SOON).expect("it ends with its input");
    assert!(status.success(), "{}", std::fs::read_to_string(site.path("said")).unwrap());
}

/// Everything over one way, and what the receiver understood of it, message by message.
fn assert_understood(peer: &impl Peer, way: &Way) {
    let site = Site::new();
    let before = peer.count();
    write_logs(&site);
    let fifo = make_fifo(&site, "fifo");
    let entries = FEATURES.iter().map(|it| (it.file, it.entry)).chain([("fifo", STREAM_SETTINGS)]);
    let entry =
        |(file, keys): (&str, &str)| format!("{{path: \"{}\", {keys}}}", site.path(file).display());
    let shipper = entries.map(entry).fold(way.shipper(&site), Shipper::entry);
    let mut shipper = shipper.reading_from_start().start();
    writer(&fifo).write_all(STREAMED.as_bytes()).unwrap();
    pipe_through(way);
    let of_streams = |name: &'static str| OF_STREAMS.iter().map(move |it| (it, name));
    let of_files = FEATURES.iter().flat_map(|it| it.expected).map(|it| (it, it.app_name));
    let all = of_files.chain(of_streams("fifo")).chain(of_streams("stdin"));
    let mut expected: Vec<_> = all.map(|(it, name)| way.expected(it, name)).collect();
    wait_until("the peer has understood all", SOON, || peer.count() >= before + expected.len());
    shipper.term();
    let messages = peer.messages().split_off(before);
    let mut told: Vec<_> = messages.iter().map(|it| way.told(it, &site)).collect();
    // Files are read side by side, and each in its order.
    let name = |line: &String| line.split_once(": ").unwrap().0.to_owned();
    expected.sort_by_key(name);
    told.sort_by_key(name);
    let wrong = told.iter().zip(&expected).find(|(told, expected)| told != expected);
    assert_eq!(wrong, None, "{}", way.name());
    assert_eq!(told.len(), expected.len(), "{}", way.name());
}

#[test]
fn rsyslogd_understands_every_feature() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let token = "ABC123";
    for transport in [Transport::Udp, Transport::Tcp] {
        assert_understood(&peer, &Way::plain(peer.endpoint(transport)));
    }
    let counted = Way::counted(peer.counting_endpoint(Transport::Tcp));
    assert_understood(&peer, &Way { token, ..counted });
    let relp = Way::plain(peer.endpoint(Transport::Relp));
    assert_understood(&peer, &Way { has_newlines: true, ..relp });
}

#[test]
fn syslog_ng_understands_every_feature() {
    let Some(peer) = SyslogNg::start() else { return };
    let plain = [Transport::Udp, Transport::Tcp].map(|it| Way::plain(peer.endpoint(it)));
    let counted = Way::counted(peer.counting_endpoint(Transport::Tcp));
    for way in plain.into_iter().chain([counted]) {
        // It keeps milliseconds.
        assert_understood(&peer, &Way { digits: 3, ..way });
    }
}
