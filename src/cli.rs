//! The command line: remote_syslog2's flags, in its spelling and its habits.
//!
//! Values are checked here only as far as remote_syslog2 called a wrong one a wrong flag (exit
//! 2); what they mean is up to [`crate::config`], which gets them as they were typed.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, CommandFactory, Parser};

use crate::config::value;
use crate::shown::lines;

const USAGE: &str = "remote_syslog [OPTIONS] [[TAG=]PATH]...\n       COMMAND | remote_syslog [OPTIONS] [--tag TAG] -";

const NOTES: &str = "\
Environment:
  REMOTE_SYSLOG_<KEY>  a key of the configuration; a flag wins over it, and it over the file

Paths:
  /etc/log_files.yml      configuration, when no other is named; may be missing
  /var/lib/remote_syslog  saved positions (root); for others ~/.local/state/remote_syslog.
                          One directory for each instance: a second one is refused
  /var/run, $HOME/run, $HOME/tmp, $HOME, $TMPDIR, /tmp
                          the first that can be written gets remote_syslog.pid, when detached

Signals:
  TERM, INT   stop cleanly; another one, 0.5 s later or more, at once
  HUP         load the configuration again; stop cleanly if the terminal is gone
  USR1        log how far each file is delivered

Exit codes:
  0  stopped cleanly, or running in the background; --check has found no fault; --once is done
  1  cannot start, every reason is printed; --check has found a fault, or the line is dropped;
     --once has something left; standard input was not sent to its end, or is not confirmed
  2  wrong flag
  78 started by a service manager, and the configuration is refused: to try again is no use
  128 + the signal: ended by a second one

Examples:
  remote_syslog -D -d logs.example.com -p 514 /var/log/app.log
  remote_syslog -D --tls -d logs.example.com -p 6514 'web=/var/log/nginx/*.log'
  remote_syslog -c /etc/log_files.yml --pid-file=/var/run/remote_syslog.pid
  remote_syslog --check --connect             what would be followed, and is the receiver there?
  remote_syslog --check --line 'GET /health'  would this line be sent?
  remote_syslog --status                      how far is each file delivered?
  remote_syslog --dry-run --once --from-start /var/log/app.log
  backup 2>&1 | remote_syslog --tls -d logs.example.com -p 6514 --tag backup -

Documentation:
  Keys, flags, patterns: log_files.yml(5), /usr/share/doc/remote-syslog/configuration.md
  What to do when something is wrong: /usr/share/doc/remote-syslog/operating.md
  Coming from remote_syslog2: /usr/share/doc/remote-syslog/migrating.md
  Installed from source, they are in its docs/";

/// The version, and in a release the commit that it was built from, see `build.rs`.
const VERSION: &str = env!("REMOTE_SYSLOG_VERSION");

/// Follows log files and ships every line to a syslog receiver as RFC 5424.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "remote_syslog",
    version = VERSION,
    override_usage = USAGE,
    after_help = NOTES,
    args_override_self = true,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Cli {
    /// Log files or quoted globs, besides those configured; or - for standard input
    #[arg(value_name = "[TAG=]PATH")]
    pub files: Vec<OsString>,

    /// Configuration file [default: /etc/log_files.yml]
    #[arg(short, long = "configfile", value_name = "FILE", help_heading = "Files")]
    #[arg(allow_hyphen_values = true)]
    pub config_file: Option<OsString>,
    /// Read files unknown at start, or this one, from the beginning
    #[arg(long, help_heading = "Files", action = ArgAction::Append)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL|PATH")]
    pub from_start: Vec<OsString>,
    /// Seconds between looks for new files [default: 10]
    #[arg(long, value_name = "SECS", value_parser = interval, help_heading = "Files")]
    pub new_file_check_interval: Option<String>,
    /// Look for changes twice a second, without inotify
    #[arg(long, help_heading = "Files")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", value_parser = value::boolean)]
    pub poll: Option<bool>,

    /// Receiver's name or address
    #[arg(short, long, value_name = "HOST", help_heading = "Receiver")]
    pub dest_host: Option<String>,
    /// Receiver's port [default: 514]
    #[arg(short = 'p', long, value_name = "PORT", value_parser = port, help_heading = "Receiver")]
    pub dest_port: Option<String>,
    /// Token to send with every message; others can see it here
    #[arg(short = 't', long, value_name = "TOKEN", help_heading = "Receiver")]
    #[arg(allow_hyphen_values = true)]
    pub dest_token: Option<String>,
    /// Send over TCP, unencrypted; wins over --tls [default: UDP]
    #[arg(long, help_heading = "Receiver")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", value_parser = value::boolean)]
    pub tcp: Option<bool>,
    /// Send over TLS
    #[arg(long, help_heading = "Receiver")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", value_parser = value::boolean)]
    pub tls: Option<bool>,

    /// What the messages are tagged with [default: the file's name]
    #[arg(long, value_name = "NAME", help_heading = "Messages")]
    #[arg(allow_hyphen_values = true)]
    pub tag: Option<String>,
    /// Facility of the messages [default: user]
    #[arg(short, long, value_name = "NAME", help_heading = "Messages")]
    pub facility: Option<String>,
    /// Severity of the messages [default: notice]
    #[arg(short, long, value_name = "NAME", help_heading = "Messages")]
    pub severity: Option<String>,
    /// Host name in the messages [default: this host's]
    #[arg(long, value_name = "NAME", help_heading = "Messages")]
    #[arg(allow_hyphen_values = true)]
    pub hostname: Option<String>,

    /// Stay in the foreground and log to stderr
    #[arg(short = 'D', long, help_heading = "Daemon")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", value_parser = value::boolean)]
    pub no_detach: Option<bool>,
    /// Load the configuration again when one of its files changes
    #[arg(long, help_heading = "Daemon")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", value_parser = value::boolean)]
    pub watch_config: Option<bool>,
    /// Become this user once everything is opened that takes root
    #[arg(long, value_name = "NAME", help_heading = "Daemon")]
    pub user: Option<String>,
    /// File for the process id [default: see Paths, when detached]
    #[arg(long, value_name = "FILE", help_heading = "Daemon")]
    #[arg(allow_hyphen_values = true)]
    pub pid_file: Option<OsString>,
    /// Saved positions, one directory per instance [default: see Paths]
    #[arg(long, value_name = "DIR", help_heading = "Daemon")]
    #[arg(allow_hyphen_values = true)]
    pub state_dir: Option<OsString>,
    /// Own log when in the background [default: /dev/null]
    #[arg(long = "debug-log-cfg", value_name = "FILE", help_heading = "Daemon")]
    #[arg(allow_hyphen_values = true)]
    pub debug_log_file: Option<OsString>,
    /// What to log, in remote_syslog2's form or tracing's.
    #[arg(long = "log", value_name = "LEVELS", help_heading = "Daemon")]
    #[arg(help = "ERROR, WARNING, INFO, DEBUG or TRACE [default: <root>=INFO]")]
    pub log_levels: Option<String>,

    /// Ship what is there, wait until it is confirmed, exit 0 or 1
    #[arg(long, help_heading = "Actions", conflicts_with_all = ["check", "status"])]
    pub once: bool,
    /// Print messages instead of sending them; positions stay as they are
    #[arg(long, help_heading = "Actions", conflicts_with_all = ["check", "status"])]
    pub dry_run: bool,
    /// Show what would be followed, and where to; exit 0 or 1
    #[arg(long, help_heading = "Actions")]
    pub check: bool,
    /// With --check: connect to the receiver, show its certificate
    #[arg(long, help_heading = "Actions", requires = "check")]
    pub connect: bool,
    /// With --check: only tell what becomes of this line
    #[arg(long, value_name = "TEXT", help_heading = "Actions", requires = "check")]
    #[arg(allow_hyphen_values = true, conflicts_with = "connect")]
    pub line: Option<OsString>,
    /// With --check: only load the configuration, and say what is wrong with it
    #[arg(long, help_heading = "Actions", requires = "check", conflicts_with_all = ["connect", "line"])]
    pub quiet: bool,
    /// With --check: print what a unit must say to show all files
    #[arg(long, hide = true, requires = "check", conflicts_with_all = ["connect", "line", "quiet"])]
    pub unit_settings: bool,
    /// Print the configuration as it is understood, with where values come from
    #[arg(long, help_heading = "Actions")]
    #[arg(conflicts_with_all = ["check", "status", "once"])]
    pub show_config: bool,
    /// Show how far each file is delivered; needs no daemon
    #[arg(long, help_heading = "Actions", conflicts_with_all = ["check", "connect", "line"])]
    pub status: bool,
    /// With --status: for machines
    #[arg(long, help_heading = "Actions", requires = "status")]
    #[arg(conflicts_with_all = ["check", "connect", "line"])]
    pub json: bool,

    /// No action
    #[arg(long, hide = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = value::boolean)]
    eventmachine_tail: Option<bool>,
    /// No action
    #[arg(long, hide = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = value::boolean)]
    no_eventmachine_tail: Option<bool>,

    /// Print this help
    #[arg(short, long, action = ArgAction::Help, help_heading = "Help")]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Help")]
    version: Option<bool>,
}

/// What is asked for, other than to ship lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection<'a> {
    /// What the configuration leads to.
    Check {
        /// Try a connection too.
        connect: bool,
    },
    /// What becomes of this line.
    Line(&'a OsStr),
    /// Whether the configuration can be loaded.
    Test,
    /// What a unit must say, so that all files are seen.
    UnitSettings,
    /// The configuration, with where each value comes from.
    ShowConfig,
    /// How far the files are delivered.
    Status {
        /// For machines.
        json: bool,
    },
}

impl Cli {
    /// What is only to be looked at, if anything is.
    #[must_use]
    pub fn look(&self) -> Option<Inspection<'_>> {
        match (self.check, &self.line, self.status) {
            (true, Some(line), _) => Some(Inspection::Line(line)),
            (true, None, _) if self.quiet => Some(Inspection::Test),
            (true, None, _) if self.unit_settings => Some(Inspection::UnitSettings),
            (true, None, _) => Some(Inspection::Check { connect: self.connect }),
            (false, _, true) => Some(Inspection::Status { json: self.json }),
            (false, _, false) if self.show_config => Some(Inspection::ShowConfig),
            (false, _, false) => None,
        }
    }

    /// Whether files of which nothing is known are read from their beginning, if that is said.
    #[must_use]
    pub fn reads_unknown_from_start(&self) -> Option<bool> {
        self.from_start.iter().rev().find_map(switched)
    }

    /// The files that are read from their beginning whatever is known of them.
    pub fn read_again(&self) -> impl Iterator<Item = &OsStr> {
        let paths = self.from_start.iter().filter(|value| switched(value).is_none());
        paths.map(OsString::as_os_str).filter(|path| !path.is_empty())
    }

    /// Whether a word is one of the flags.
    #[must_use]
    pub fn is_flag(word: &OsStr) -> bool {
        let Some(name) = word.to_str().and_then(|word| word.strip_prefix('-')) else {
            return false;
        };
        let command = Self::command();
        command.get_arguments().any(|flag| {
            let short = flag.get_short().map(String::from);
            let long = name.strip_prefix('-');
            short.is_some_and(|short| short == name)
                || long.is_some_and(|long| flag.get_long() == Some(long))
        })
    }

    /// Reads the command line, the program's own name first.
    ///
    /// # Errors
    /// For a wrong flag, and when help or the version was asked for: `clap::Error::exit` prints
    /// either where it belongs and ends with 2 or 0.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        Self::try_parse_from(&arguments).map_err(|error| {
            // It may show an argument, such as the name of a file.
            let escaped = arguments.iter().map(|argument| lines_of(argument));
            let mut error = Self::try_parse_from(escaped).err().unwrap_or(error);
            suggest(&mut error);

            // For a wrong value, clap leaves the usage out.
            if error.use_stderr() {
                let usage = ContextValue::StyledStr(Self::command().render_usage());
                error.insert(ContextKind::Usage, usage);
            }
            error
        })
    }
}

/// Flags as others call them.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("--host", "--dest-host"),
    ("--port", "--dest-port"),
    ("--token", "--dest-token"),
    ("--config", "--configfile"),
    ("--debug-log-file", "--debug-log-cfg"),
    ("--log-levels", "--log"),
    ("--foreground", "--no-detach"),
];

/// Names the flag that was meant. That what follows `--` is no flag is no help: it would be a file.
fn suggest(error: &mut clap::Error) {
    error.remove(ContextKind::Suggested);
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else { return };
    if let Some((_, meant)) = OTHER_NAMES.iter().find(|(other, _)| other == typed) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String((*meant).to_owned()));
    }
}

/// An argument in which no character is odd.
fn lines_of(argument: &OsStr) -> String {
    lines(&argument.to_string_lossy()).replace('\n', "\\n")
}

/// What a word says that means yes or no.
fn switched(value: &OsString) -> Option<bool> {
    value::boolean(value.to_str()?).ok()
}

/// Checks a port and keeps it as typed. Nothing means: not given.
fn port(text: &str) -> Result<String, String> {
    if !text.is_empty() {
        value::port(text)?;
    }
    Ok(text.to_owned())
}

/// Checks an interval and keeps it as typed. Nothing means: not given.
fn interval(text: &str) -> Result<String, String> {
    if !text.is_empty() {
        value::duration(text)?;
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn parse(arguments: &[&str]) -> Cli {
        try_parse(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::read([&["remote_syslog"], arguments].concat())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_stand_behind_an_equals_sign_a_space_or_at_once() {
        for form in [&["-p514"][..], &["-p", "514"], &["-p=514"], &["--dest-port=514"]] {
            assert_eq!(parse(form).dest_port.as_deref(), Some("514"), "{form:?}");
        }
        let cli = parse(&["--dest-host", "a", "/x.log", "-fuser", "--log=<root>=DEBUG", "b=/y"]);
        assert_eq!(cli.dest_host.as_deref(), Some("a"));
        assert_eq!(cli.facility.as_deref(), Some("user"));
        assert_eq!(cli.log_levels.as_deref(), Some("<root>=DEBUG"));
        assert_eq!(cli.files, ["/x.log", "b=/y"]);
    }

    #[test]
    fn switches_take_a_value_only_behind_an_equals_sign() {
        let cli = parse(&["--poll=true", "--tcp=false", "--tls", "--from-start=1", "false"]);
        let from_start = cli.reads_unknown_from_start();
        let switches = [cli.poll, cli.tcp, cli.tls, from_start, cli.no_detach];
        assert_eq!(switches, [Some(true), Some(false), Some(true), Some(true), None]);
        assert_eq!(cli.files, ["false"]);
        assert_eq!(parse(&["-Dp514"]).no_detach, Some(true));
        assert_eq!(parse(&["-D=false"]).no_detach, Some(false));
        assert_eq!(parse(&["-D", "x.log"]).files, ["x.log"]);
    }

    #[test]
    fn files_to_be_read_again_are_no_switches() {
        let cli = parse(&["--from-start=a.log", "--from-start", "--from-start=/b c", "d.log"]);
        assert_eq!(cli.read_again().collect::<Vec<_>>(), ["a.log", "/b c"]);
        assert_eq!(
            (cli.reads_unknown_from_start(), &*cli.files),
            (Some(true), &["d.log".into()][..])
        );
        let cli = parse(&["--from-start=./true", "--from-start="]);
        assert_eq!(cli.read_again().collect::<Vec<_>>(), ["./true"]);
        assert_eq!(cli.reads_unknown_from_start(), None);
        assert_eq!(
            parse(&["--from-start", "--from-start=no"]).reads_unknown_from_start(),
            Some(false)
        );
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts() {
        assert_eq!(parse(&["-p", "1", "-p", "2", "-D", "-D"]).dest_port.as_deref(), Some("2"));
    }

    #[test]
    fn flags_without_action_are_accepted() {
        parse(&["--eventmachine-tail", "--no-eventmachine-tail=false"]);
    }

    #[test]
    fn a_bad_flag_is_named_with_the_usage_and_exits_with_2() {
        for bad in [&["--nonsense"][..], &["-p", "x"], &["-p70000"], &["--poll=perhaps"], &["-d"]] {
            let error = try_parse(bad).unwrap_err();
            assert_eq!((error.exit_code(), error.use_stderr()), (2, true), "{bad:?}");
            let text = error.to_string();
            assert!(text.matches("Usage: remote_syslog [OPTIONS]").count() == 1, "{text}");
        }
        assert!(try_parse(&["--nonsense"]).unwrap_err().to_string().contains("'--nonsense'"));
    }

    #[test]
    fn a_flag_by_another_name_is_told_by_its_own() {
        for (bad, meant) in [("--port", "--dest-port"), ("--host=a", "--dest-host")] {
            let text = try_parse(&[bad, "514"]).unwrap_err().to_string();
            assert!(text.contains(&format!("a similar argument exists: '{meant}'")), "{text}");
        }
        for bad in ["--port", "--nonsense", "-x"] {
            let text = try_parse(&[bad]).unwrap_err().to_string();
            assert!(!text.contains("'-- -"), "{text}");
        }
    }

    #[test]
    fn a_value_may_begin_with_a_dash() {
        let cli = parse(&["-t", "-abc", "--hostname", "-x", "-D", "--tag", "--tls", "a.log"]);
        assert_eq!(cli.dest_token.as_deref(), Some("-abc"));
        assert_eq!(cli.hostname.as_deref(), Some("-x"));
        assert_eq!((cli.no_detach, cli.tls, cli.tag.as_deref()), (Some(true), None, Some("--tls")));
        assert_eq!(cli.files, ["a.log"]);
        assert_eq!(try_parse(&["-p", "-1"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn an_argument_is_shown_without_control_characters() {
        for bad in ["--a\x1b[2J\nb", "--poll=\x1b[2J\nb", "-p\u{9b}2J\nb"] {
            let text = try_parse(&[bad]).unwrap_err().to_string();
            assert!(!text.replace('\n', "").contains(crate::shown::is_odd), "{text:?}");
            assert!(text.contains("2J\\nb"), "{text:?}");
        }
    }

    #[test]
    fn help_and_version_are_no_errors() {
        for flag in ["-V", "--version"] {
            let answer = try_parse(&[flag]).unwrap_err();
            assert_eq!(
                answer.to_string(),
                concat!("remote_syslog ", env!("REMOTE_SYSLOG_VERSION"), "\n")
            );
            assert!(VERSION.starts_with(env!("CARGO_PKG_VERSION")), "{VERSION}");
            assert_eq!((answer.exit_code(), answer.use_stderr()), (0, false));
        }
        for flag in ["-h", "--help"] {
            let answer = try_parse(&[flag]).unwrap_err();
            assert_eq!((answer.exit_code(), answer.use_stderr()), (0, false));
            assert!(answer.to_string().contains(NOTES));
        }
    }

    #[test]
    fn each_flag_has_one_line_of_help() {
        let help = try_parse(&["-h"]).unwrap_err().to_string();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        for line in help.lines().take_while(|&line| line != "Paths:") {
            let continued = line.starts_with("          ") && !line.trim_start().starts_with('-');
            assert!(!continued, "{line}");
        }
    }

    #[test]
    fn looks_are_told_apart_and_their_switches_need_them() {
        assert_eq!(parse(&["-D"]).look(), None);
        assert_eq!(parse(&["--check"]).look(), Some(Inspection::Check { connect: false }));
        let cli = parse(&["--check", "--connect", "--check"]);
        assert_eq!(cli.look(), Some(Inspection::Check { connect: true }));
        let cli = parse(&["--check", "--line", "--- a line"]);
        assert_eq!(cli.look(), Some(Inspection::Line("--- a line".as_ref())));
        assert_eq!(parse(&["--show-config"]).look(), Some(Inspection::ShowConfig));
        assert_eq!(parse(&["--status", "--json"]).look(), Some(Inspection::Status { json: true }));
        for bad in [
            &["--connect"][..],
            &["--line", "x"],
            &["--json"],
            &["--check", "--json"],
            &["--status", "--connect"],
            &["--status", "--line", "x"],
            &["--check", "--status"],
            &["--check", "--show-config"],
            &["--check", "--connect", "--line", "x"],
        ] {
            assert_eq!(try_parse(bad).unwrap_err().exit_code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn a_path_need_not_be_utf8() {
        let path = OsString::from_vec(b"/var/log/caf\xE9.log".to_vec());
        let cli = Cli::try_parse_from(["remote_syslog".into(), path.clone()]).unwrap();
        assert_eq!(cli.files, [path]);
    }
}
