//! What the table is asked for.

/// What can be asked for.
pub const USAGE: &str = "\
cargo test --test reliability -- [OPTIONS] [PART OF A NAME]...

  --long         every row, at full rate and length (or REMOTE_SYSLOG_LONG=1)
  --row ROW      only this row, such as 9a, or 9 for 9a and 9b; may be repeated
  --over NAME    only over this transport: tcp, tls, udp, relp, relp-tls
  --rate LINES   lines a second, where the row does not say otherwise
  --jobs COUNT   how many rows run side by side
  --list         names the rows and runs none";

/// See the module's documentation in `main.rs`.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// Every row, at full rate and length.
    pub long: bool,
    /// Only these rows.
    pub rows: Vec<String>,
    /// Only this transport.
    pub over: Option<String>,
    /// Lines a second, where the row does not say otherwise.
    pub rate: Option<u64>,
    /// How many rows run side by side.
    pub jobs: Option<usize>,
    /// Names the rows and runs none.
    pub list: bool,
    /// Says what can be asked for and runs none.
    pub help: bool,
    /// This process runs one row for another one, in namespaces of its own.
    pub inside: bool,
    /// Parts of names, as `cargo test NAME` hands them on.
    filters: Vec<String>,
}

impl Arguments {
    /// Parses the command line, and `REMOTE_SYSLOG_LONG=1` from the environment.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let long = std::env::var_os("REMOTE_SYSLOG_LONG").is_some_and(|value| value == "1");
        let mut parsed = Self { long, ..Self::default() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--long" => parsed.long = true,
                "--list" => parsed.list = true,
                "--help" | "-h" => parsed.help = true,
                "--inside" => parsed.inside = true,
                "--row" => parsed.rows.push(value()?),
                "--over" => parsed.over = Some(value()?),
                "--rate" => parsed.rate = Some(number(&value()?)?),
                "--jobs" => parsed.jobs = Some(number(&value()?)?),
                // What people give to other test binaries at the same time.
                "--test-threads" | "--format" | "--color" | "--skip" => drop(value()?),
                other if other.starts_with('-') => {}
                filter => parsed.filters.push(filter.to_owned()),
            }
        }
        Ok(parsed)
    }

    /// Whether a case of this name was asked for.
    pub fn want(&self, number: &str, transport: &str, name: &str) -> bool {
        let digits = number.trim_end_matches(char::is_alphabetic);
        (self.rows.is_empty() || self.rows.iter().any(|row| row == number || row == digits))
            && self.over.as_ref().is_none_or(|over| over == transport)
            && (self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part)))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}
