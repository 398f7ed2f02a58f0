//! Facility, severity and the PRI part that carries both (RFC 5424, section 6.2.1).

use std::fmt;
use std::str::FromStr;

/// Which part of a system a message comes from; its code is 0 to 23.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(u8);

/// How grave a message is; its code is 0 (emergency) to 7 (debug).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity(u8);

/// Facility and severity in one number, 0 to 191.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(u8);

/// A name that is no facility or severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}; known are {known}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    known: String,
}

/// Codes are places in this table. 13 and 14 are "log audit" and "log alert" in the RFC.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "at", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// Other names in common use, as syslog.conf(5) has them.
const SEVERITY_ALIASES: [(&str, u8); 3] = [("panic", 0), ("error", 3), ("warning", 4)];

impl Facility {
    /// `user`, the default.
    pub const USER: Self = Self(1);

    /// Every name, in the order of the codes.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &FACILITIES
    }
}

impl Severity {
    /// `notice`, the default.
    pub const NOTICE: Self = Self(5);

    /// Every name, in the order of the codes, without the aliases.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &SEVERITIES
    }
}

impl FromStr for Facility {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        code(&FACILITIES, name).map(Self).ok_or_else(|| unknown("facility", name, &FACILITIES))
    }
}

impl FromStr for Severity {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let alias = || SEVERITY_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        code(&SEVERITIES, name)
            .or_else(|| alias().map(|&(_, code)| code))
            .map(Self)
            .ok_or_else(|| unknown("severity", name, &SEVERITIES))
    }
}

fn code(names: &[&str], name: &str) -> Option<u8> {
    names.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|at| at as u8)
}

fn unknown(kind: &'static str, name: &str, known: &[&str]) -> UnknownName {
    UnknownName { kind, name: name.to_owned(), known: known.join(" ") }
}

impl Priority {
    /// `facility * 8 + severity`.
    #[must_use]
    pub fn new(facility: Facility, severity: Severity) -> Self {
        Self(facility.0 * 8 + severity.0)
    }

    /// The same facility with another severity.
    #[must_use]
    pub fn with(self, severity: Severity) -> Self {
        Self(self.0 / 8 * 8 + severity.0)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FACILITIES[usize::from(self.0)])
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEVERITIES[usize::from(self.0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(facility: &str, severity: &str) -> String {
        Priority::new(facility.parse().unwrap(), severity.parse().unwrap()).to_string()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        assert_eq!(priority("user", "notice"), "13");
        assert_eq!(priority("kern", "emerg"), "0");
        assert_eq!(priority("local7", "debug"), "191");
        assert_eq!(priority("local0", "info"), "134");
    }

    #[test]
    fn alert_is_a_facility_and_a_severity() {
        assert_eq!(priority("alert", "alert"), "113");
    }

    #[test]
    fn severities_have_aliases_and_any_case() {
        assert_eq!(priority("User", "WARNING"), priority("user", "warn"));
        assert_eq!(priority("user", "error"), priority("user", "err"));
        assert_eq!(priority("user", "panic"), priority("user", "emerg"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "loacl0".parse::<Facility>().unwrap_err().to_string();
        assert!(error.starts_with("unknown facility \"loacl0\"; known are kern user"), "{error}");
    }
}
