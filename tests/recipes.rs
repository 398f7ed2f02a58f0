//! What `docs/recipes.md` and both READMEs show is what works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use remote_syslog::cli::Cli;
use remote_syslog::config::{self, Surroundings};

use crate::support::peers::Documented;
use crate::support::{SOON, Site, bare_command, finish, wait_until};

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

#[track_caller]
fn ships(receiver: &str, start: fn(&str) -> Option<Documented>, shipper: &str) {
    let page = page("docs/recipes.md");
    let receiver = block(&page, &format!("<!-- receiver: {receiver} -->"));
    let Some(receiver) = start(receiver) else { return };
    let site = Site::new();
    site.append("var/log/app/web.log", "the first\nwith a tab\tand \"quotes\"\nthe last\n");
    let config = receiver.shipper(block(&page, &format!("<!-- shipper: {shipper} -->")));
    let config = config.replace("/var/log/app", site.path("var/log/app").to_str().unwrap());
    let config = site.append("log_files.yml", config);
    let mut command = bare_command();
    command.args(["--once", "--from-start", "--hostname", "web1", "-c"]).arg(config);
    let output = finish(command.arg("--state-dir").arg(site.path("state")));
    assert!(output.status.success(), "{output:?}");
    let lines = ["the first", "with a tab", "the last"];
    wait_until("all that was sent", SOON, || {
        lines.iter().all(|line| receiver.written().contains(&format!("web1 web.log {line}")))
    });
    assert_eq!(receiver.written().lines().count(), lines.len(), "{}", receiver.written());
}

#[test]
fn rsyslog_over_relp() {
    ships("rsyslogd relp", Documented::rsyslogd, "relp");
}

#[test]
fn rsyslog_over_tls() {
    ships("rsyslogd tls", Documented::rsyslogd, "tls");
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

/// The READMEs of both languages name the same commands, keys, documents and figures.
#[test]
fn the_korean_readme_is_kept_in_step() {
    let (english, korean) = (page("README.md"), page("README.ko.md"));
    assert_eq!(code(&english), code(&korean));
    let spans = |page: &str| -> BTreeSet<String> {
        let text: String = page.split("```").step_by(2).collect();
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(spans(&english), spans(&korean));
    let links = |page: &str| -> BTreeSet<String> {
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(|target| !target.starts_with("README")).map(str::to_owned).collect()
    };
    assert_eq!(links(&english), links(&korean));
    let figures = |page: &str| -> Vec<String> {
        let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains(",0"));
        rows.map(|row| row.replace('~', " to ")).collect()
    };
    assert_eq!(figures(&english), figures(&korean));
}
