//! Tells the program of which commit it was built, for `--version`.
//!
//! That is what `GIT_COMMIT` says or, in a release build, what git says. Without either, as in a
//! tarball, there is only the version. A debug build does not ask: it would have to be built anew
//! after each commit.

#![allow(clippy::print_stdout, reason = "so build scripts speak to Cargo")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=GIT_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=REMOTE_SYSLOG_VERSION={version}");
}

/// The commit as `0123456789ab 2026-11-30`, with a `+` behind the number where sources were changed since.
fn commit() -> Option<String> {
    if let Ok(given) = env::var("GIT_COMMIT") {
        return Some(given).filter(|given| !given.is_empty());
    }
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return None;
    }
    // Below a repository of something else, this is not tracked.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    // One line more for whatever moves HEAD.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    for sources in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={sources}");
    }
    let number = git(&["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+"])?;
    let day = git(&["log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d"])?;
    Some(format!("{number} {day}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).env("TZ", "UTC").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
