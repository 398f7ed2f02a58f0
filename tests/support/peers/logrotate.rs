//! logrotate, with a configuration and a state of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::site::Site;
use super::unpack::{Program, RSYSLOG};

/// A logrotate for one file.
pub struct Logrotate {
    program: Program,
    config: PathBuf,
    state: PathBuf,
}

impl Logrotate {
    /// For `log`, with these directives, one a line. `None` (and a word about it) when there is
    /// no logrotate to be had.
    #[track_caller]
    pub fn new(site: &Site, log: &Path, directives: &str) -> Option<Self> {
        let program = RSYSLOG.program("logrotate")?;
        let config = site.path("logrotate.conf");
        let text = format!("{} {{\n  rotate 100\n  {directives}\n}}\n", log.display());
        fs::write(&config, text).unwrap();
        Some(Self { program, config, state: site.path("logrotate.state") })
    }

    /// Rotates now, whether it is time or not.
    #[track_caller]
    pub fn rotate(&self) {
        let mut command = self.program.command();
        let output = command.arg("-f").arg("-s").arg(&self.state).arg(&self.config).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "logrotate: {said}");
    }
}

#[test]
fn it_rotates() {
    let site = Site::new();
    let log = site.append("a.log", "one\n");
    let Some(logrotate) = Logrotate::new(&site, &log, "create\n  compress\n  delaycompress") else {
        return;
    };
    logrotate.rotate();
    site.append("a.log", "two\n");
    logrotate.rotate();
    assert_eq!(fs::read_to_string(site.path("a.log.1")).unwrap(), "two\n");
    assert!(site.path("a.log.2.gz").exists());
    assert_eq!(fs::read_to_string(log).unwrap(), "");
}
