//! Arguments → a look, or the life of a daemon → exit code; nothing else.

use std::process::ExitCode;

use remote_syslog::cli::Cli;
use remote_syslog::service::log;
use remote_syslog::shown::lines;
use remote_syslog::{daemon, inspect};

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    if let Some(look) = cli.look() {
        return inspect::run(&cli, look);
    }
    let code = daemon::run(cli).unwrap_or_else(|error| {
        log::last_words(&lines(&error.to_string()).to_string());
        ExitCode::FAILURE
    });
    log::flush(log::LAST_WORDS);
    code
}
