//! Writes the manual pages and the completions of shells into a directory. They come from the
//! definition of the command line and from the documentation, so that nothing is written twice.
//!
//! ```text
//! cargo run --example pages -- target/package
//! ```

mod keys;

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use remote_syslog::cli::Cli;
use remote_syslog::syslog::{Facility, Severity};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("name the directory to write to")?;
    let directory = PathBuf::from(directory);
    fs::create_dir_all(&directory)?;
    manual(&mut File::create(directory.join("remote_syslog.8"))?)?;
    let markdown = include_str!("../docs/configuration.md");
    keys::manual(markdown, &mut File::create(directory.join("log_files.yml.5"))?)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut with_values(Cli::command()), "remote_syslog", &directory)?;
    }
    Ok(())
}

/// What shells offer behind each flag. The program itself takes more: other spellings, numbers.
fn with_values(command: Command) -> Command {
    let levels = ["ERROR", "WARNING", "INFO", "DEBUG", "TRACE"];
    let switches = ["true", "false"];
    command.mut_args(|argument| {
        let of = |values: &'static [&'static str]| PossibleValuesParser::new(values);
        match argument.get_id().as_str() {
            "facility" => argument.value_parser(of(Facility::names())),
            "severity" => argument.value_parser(of(Severity::names())),
            "log_levels" => argument.value_parser(PossibleValuesParser::new(levels)),
            "poll" | "tcp" | "tls" | "no_detach" | "watch_config" => {
                argument.value_parser(PossibleValuesParser::new(switches))
            }
            // It may be a switch, too.
            "from_start" | "config_file" | "pid_file" | "debug_log_file" | "files" => {
                argument.value_hint(ValueHint::FilePath)
            }
            "state_dir" => argument.value_hint(ValueHint::DirPath),
            "dest_host" => argument.value_hint(ValueHint::Hostname),
            "user" => argument.value_hint(ValueHint::Username),
            _ => argument,
        }
    })
}

/// The day that `SOURCE_DATE_EPOCH` says, which is that of the commit; nothing without it.
fn date() -> String {
    let seconds = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
}

/// What the line under NAME leaves open.
const DESCRIPTION: &str = "\
Each line that is written to the files named in /etc/log_files.yml, or as arguments, becomes a \
message to one receiver, over UDP, TCP, TLS or RELP. Files may be rotated in any way. The log files are \
the queue: while the receiver is away, reading stops, and but for UDP no line is lost. \
Positions are kept, so that a start goes on where the last one ended.

Without -D it goes into the background once it runs. As a service it is started by systemd: its log \
is in the journal (journalctl -u remote_syslog), flags and variables belong in \
/etc/default/remote_syslog.

To look without changing anything: --check says what would be followed, what is left out and why, \
and whether the receiver is there (--connect); --status says how far each file is delivered.";

/// Section 8: a daemon, and those who run it.
fn manual(out: &mut dyn Write) -> io::Result<()> {
    // Headings among the flags would become sections beside those of the page.
    let command = Cli::command().mut_args(|flag| match flag.get_help().map(ToString::to_string) {
        Some(help) => flag.help_heading(None).help(help.replace("see Paths", "see FILES")),
        None => flag.help_heading(None),
    });
    let command = command.long_about(DESCRIPTION);
    let man = Man::new(command.clone()).section("8").manual("remote_syslog").date(date());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    for (heading, lines) in chapters(&command) {
        let mut page = Roff::new();
        page.control("SH", [heading.as_str()]).control("nf", []);
        for line in lines {
            page.text([roman(line)]);
        }
        page.control("fi", []).to_writer(out)?;
    }
    Ok(())
}

/// What `--help` says behind the flags: headings at the margin, what belongs to them indented.
fn chapters(command: &Command) -> Vec<(String, Vec<String>)> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut chapters: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_suffix(':'), chapters.last_mut()) {
            (Some(heading), _) if !line.starts_with(' ') => {
                chapters.push((conventional(heading), Vec::new()));
            }
            (_, Some((_, lines))) => lines.push(line.strip_prefix("  ").unwrap_or(line).to_owned()),
            (_, None) => {}
        }
    }
    chapters
}

/// The names that man-pages(7) gives.
fn conventional(heading: &str) -> String {
    match heading {
        "Paths" => "FILES".to_owned(),
        "Exit codes" => "EXIT STATUS".to_owned(),
        "Documentation" => "SEE ALSO".to_owned(),
        other => other.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::generate;

    #[test]
    fn completions_offer_values() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            generate(shell, &mut with_values(Cli::command()), "remote_syslog", &mut script);
            let script = String::from_utf8(script).unwrap();
            let levels = ["ERROR", "TRACE"];
            for value in Facility::names().iter().chain(Severity::names()).chain(&levels) {
                assert!(script.contains(value), "{value} in {shell}");
            }
        }
    }

    #[test]
    fn the_manual_has_every_flag_and_what_help_says_behind_them() {
        let mut page = Vec::new();
        manual(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        for argument in Cli::command().get_arguments().filter(|a| !a.is_hide_set()) {
            if let Some(flag) = argument.get_long() {
                assert!(page.contains(&format!("--{flag}")), "--{flag} in {page}");
            }
        }
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        for heading in
            ["NAME", "DESCRIPTION", "FILES", "SIGNALS", "\"EXIT STATUS\"", "\"SEE ALSO\""]
        {
            assert!(headings.contains(&heading), "{heading} in {headings:?}");
        }
        let about = Cli::command().get_about().unwrap().to_string();
        assert_eq!(page.matches(&about).count(), 1, "under NAME alone: {page}");
        let help = Cli::command().get_after_help().unwrap().to_string();
        for line in help.lines().filter(|line| line.starts_with(' ')) {
            let words = line.split_whitespace().max_by_key(|word| word.len()).unwrap();
            assert!(
                page.contains(&words.replace('\'', "\\*(Aq")) || page.contains(words),
                "{line}"
            );
        }
    }
}
