//! What `docs/recipes.md` and both READMEs show is what works.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use remote_syslog::cli::Cli;
use remote_syslog::config::{self, Surroundings};
use tempfile::TempDir;

use crate::metrics::address;
use crate::support::peers::{Documented, NETCAT, run_commands};
use crate::support::{Certificates, Guarded, SOON, Site, bare_command, finish, wait_until};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The code below a mark.
#[track_caller]
fn block<'a>(page: &'a str, mark: &str) -> &'a str {
    let (_, rest) = page.split_once(mark).unwrap_or_else(|| panic!("no {mark}"));
    let code = rest.split("```").nth(1).unwrap();
    code.split_once('\n').unwrap().1
}

/// All code on a page: the language, and what it says.
fn code(page: &str) -> Vec<(&str, &str)> {
    page.split("```").skip(1).step_by(2).map(|code| code.split_once('\n').unwrap()).collect()
}

/// Ships what `log` holds from the shipper of that name to `receiver`, and returns what that has written once `expected`
/// is in there.
#[track_caller]
fn shipped(
    receiver: &Documented,
    shipper: &str,
    more: &str,
    log: &str,
    expected: &[&str],
) -> String {
    let page = page("docs/recipes.md");
    let site = Site::new();
    site.append("var/log/app/web.log", log);
    let config = receiver.shipper(block(&page, &format!("<!-- shipper: {shipper} -->")));
    let config = config.replace("/var/log/app", site.path("var/log/app").to_str().unwrap());
    let config = site.append("log_files.yml", config + more);
    let mut command = bare_command();
    command.args(["--once", "--from-start", "--hostname", "web1", "-c"]).arg(config);
    let output = finish(command.arg("--state-dir").arg(site.path("state")));
    assert!(output.status.success(), "{output:?}");
    wait_until("all that was sent", SOON, || {
        expected.iter().all(|line| receiver.written().contains(&format!("web1 web.log {line}")))
    });
    receiver.written()
}

#[track_caller]
fn ships(receiver: &str, start: impl FnOnce(&str) -> Option<Documented>, shipper: &str) {
    let page = page("docs/recipes.md");
    let receiver = block(&page, &format!("<!-- receiver: {receiver} -->"));
    let Some(receiver) = start(receiver) else { return };
    let lines = ["the first", "with a tab", "the last"];
    let log = "the first\nwith a tab\tand \"quotes\"\nthe last\n";
    let written = shipped(&receiver, shipper, "", log, &lines);
    assert_eq!(written.lines().count(), lines.len(), "{written}");
}

#[test]
fn rsyslog_over_relp() {
    ships("rsyslogd relp", Documented::rsyslogd, "relp");
}

#[test]
fn rsyslog_over_tls() {
    ships("rsyslogd tls", Documented::rsyslogd, "tls");
}

/// The commands that make an authority make one whose certificates are taken.
#[test]
fn rsyslog_over_tls_with_an_authority_that_openssl_makes() {
    let page = page("docs/recipes.md");
    let commands = block(&page, "<!-- commands: authority -->");
    let made = |ip: IpAddr| {
        let dir = TempDir::new().unwrap();
        let commands = commands.replace("DNS:hub.example.com", &format!("IP:{ip}"));
        run_commands(&commands, dir.path())?;
        Some(Certificates::documented(dir))
    };
    ships("rsyslogd tls", |config| Documented::rsyslogd_with(config, made), "tls");
}

/// What the page says of newlines and tabs: they arrive as such, and rsyslogd writes them so where it is told to.
#[test]
fn rsyslog_writes_traces_as_they_are_where_it_is_told_to() {
    let page = page("docs/recipes.md");
    let told = block(&page, "<!-- receiver: newlines -->");
    let relp = block(&page, "<!-- receiver: rsyslogd relp -->");
    let trace = "boom\njava.lang.IllegalStateException: bad\n\tat a.B.c(B.java:1)\nnext\n";
    for (config, expected) in [
        (
            relp.to_owned(),
            "boom#012java.lang.IllegalStateException: bad#012#011at a.B.c(B.java:1)\n",
        ),
        (
            format!("{told}{relp}"),
            "boom\njava.lang.IllegalStateException: bad\n\tat a.B.c(B.java:1)\n",
        ),
    ] {
        let Some(receiver) = Documented::rsyslogd(&config) else { return };
        shipped(&receiver, "relp", "multiline: {preset: java}\n", trace, &[expected, "next"]);
    }
}

/// The first two commands of the README, with an address and paths of their own.
#[test]
fn the_readme_ships_a_first_line() {
    let Some(nc) = NETCAT.program("nc.openbsd") else { return };
    let (page, site, address) = (page("README.md"), Site::new(), address());
    let typed = |start: &str| -> String {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap();
        let line = commented(line).0.replace("/tmp/", &format!("{}/", site.dir().display()));
        line.replace("127.0.0.1", &address.ip().to_string())
            .replace("5140", &address.port().to_string())
    };
    let said = site.path("said");
    let mut receiver = nc.command();
    receiver.args(typed("nc -lk").split(' ').skip(1)).stdin(Stdio::null());
    let _receiver = Guarded(receiver.stdout(File::create(&said).unwrap()).spawn().unwrap());
    let written = Command::new("sh").args(["-c", &typed("echo hello")]).status().unwrap();
    assert!(written.success());
    let mut shipper = bare_command();
    shipper.args(typed("remote_syslog -D --tcp").split(' ').skip(1));
    let _shipper = Guarded(shipper.stderr(Stdio::null()).spawn().unwrap());
    wait_until("the first line", SOON, || {
        fs::read_to_string(&said).unwrap().contains(" try.log - - - hello\n")
    });
}

#[test]
fn syslog_ng_with_network() {
    ships("syslog-ng tcp", Documented::syslog_ng, "tcp");
}

#[test]
fn syslog_ng_with_syslog() {
    ships("syslog-ng counted", Documented::syslog_ng, "counted");
}

/// Whatever is a configuration on these pages loads without a warning.
#[test]
fn configurations_on_the_pages_are_right() {
    let mut found = 0;
    for name in ["docs/recipes.md", "README.md", "README.ko.md"] {
        let page = page(name);
        let is_ours = |(language, text): &(&str, &str)| {
            *language == "yaml" && text.lines().any(|line| line.starts_with("files:"))
        };
        for (_, text) in code(&page).into_iter().filter(is_ours) {
            if text.starts_with("packages:") {
                continue;
            }
            found += 1;
            let site = Site::new();
            // Certificates are read when it connects.
            let file = site.append("log_files.yml", text);
            let cli = Cli::read(["remote_syslog", "-c", file.to_str().unwrap()]).unwrap();
            let loaded = config::load(&cli, &Surroundings::of_process().unwrap());
            let loaded = loaded.unwrap_or_else(|errors| panic!("{name}: {errors}\n{text}"));
            assert_eq!(loaded.warnings, [], "{name}\n{text}");
        }
    }
    assert!(found > 8, "{found}");
}

/// A line of code, and the comment behind it.
fn commented(line: &str) -> (&str, Option<&str>) {
    line.split_once("  # ").map_or((line, None), |(code, comment)| (code.trim_end(), Some(comment)))
}

/// The READMEs of both languages name the same commands, keys, documents and figures. What explains a
/// command is in the language of each.
#[test]
fn the_korean_readme_is_kept_in_step() {
    let (english, korean) = (page("README.md"), page("README.ko.md"));
    let lines = |page: &str| -> Vec<String> {
        code(page).iter().flat_map(|(_, text)| text.lines().map(str::to_owned)).collect()
    };
    let (in_english, in_korean) = (lines(&english), lines(&korean));
    assert_eq!(in_english.len(), in_korean.len());
    for (one, other) in in_english.iter().zip(&in_korean) {
        let ((one, said), (other, said_so)) = (commented(one), commented(other));
        assert_eq!((one, said.is_some()), (other, said_so.is_some()));
        let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        assert!(said_so.is_none_or(is_korean), "{said_so:?} is not translated");
    }
    let spans = |page: &str| -> BTreeSet<String> {
        let text: String = page.split("```").step_by(2).collect();
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(spans(&english), spans(&korean));
    let links = |page: &str| -> BTreeSet<String> {
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        // Headings are in the language of each.
        let elsewhere =
            targets.filter(|target| !target.starts_with(['#']) && !target.starts_with("README"));
        elsewhere.map(str::to_owned).collect()
    };
    assert_eq!(links(&english), links(&korean));
    let figures = |page: &str| -> Vec<String> {
        let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains(",0"));
        rows.map(|row| row.replace('~', " to ")).collect()
    };
    assert_eq!(figures(&english), figures(&korean));
}
