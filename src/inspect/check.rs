//! What `--check` says, in its order: the configuration, the files, the receiver, the positions.

use std::io;
use std::path::Path;

use nix::unistd::User;
use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::files::{self, Entry, Verdict};
use super::{BAD, GOOD, HEADING, ODD, Out, access, complain, receiver, words};
use crate::cli::Cli;
use crate::config::{self, Loaded, Surroundings};
use crate::state::{self, Reading};

/// Shows what the configuration leads to. False if it has errors, if nothing can be followed, or
/// if the receiver cannot be found (with `connect`: be reached).
pub(super) fn run(
    cli: &Cli,
    around: &Surroundings,
    connect: bool,
    out: Out<'_>,
) -> io::Result<bool> {
    let loaded = match config::load(cli, around) {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(&errors);
            return Ok(false);
        }
    };
    sources(&loaded, around, out)?;
    let config = &loaded.config;
    let user_exists = user(config.user.as_deref(), out)?;
    let state = state::read(&config.state_dir);
    let records = state.as_ref().map_or(&[][..], |reading| &reading.records);
    let entries = match files::find(config, records) {
        Ok(entries) => entries,
        Err(error) => {
            complain(&error);
            return Ok(false);
        }
    };
    writeln!(out, "\n{HEADING}Files{HEADING:#}")?;
    for entry in &entries {
        show(entry, &entries, out)?;
    }
    let tally = Tally::of(&entries);
    let reachable = receiver::show(&config.destination, connect, out)?;
    positions(&config.state_dir, state, out)?;
    let fault = match (tally.followed, reachable) {
        _ if !user_exists => Some("there is no such user"),
        (0, _) => Some("nothing can be followed"),
        (_, false) if connect => Some("the receiver cannot be reached"),
        (_, false) => Some("the receiver cannot be found"),
        (_, true) => None,
    };
    tally.show(fault, out)?;
    Ok(fault.is_none())
}

/// Says whom the daemon would become. False if there is no such user.
fn user(user: Option<&str>, out: Out<'_>) -> io::Result<bool> {
    let Some(name) = user else { return Ok(true) };
    let Some(account) = User::from_name(name).ok().flatten() else {
        writeln!(
            out,
            "  {BAD}there is no user {name}{BAD:#}: create it, or name another one with --user \
             (user)"
        )?;
        return Ok(false);
    };
    let me = geteuid();
    if account.uid.as_raw() == me.as_raw() {
        writeln!(out, "  runs as the user {name}")?;
    } else if me.is_root() {
        writeln!(out, "  becomes the user {name}, and reads what root may")?;
    } else {
        writeln!(
            out,
            "  {ODD}warning{ODD:#}: only root can become the user {name}; what follows holds for \
             {}",
            access::user()
        )?;
    }
    Ok(true)
}

fn sources(loaded: &Loaded, around: &Surroundings, out: Out<'_>) -> io::Result<()> {
    writeln!(out, "{HEADING}Configuration{HEADING:#}")?;
    match &loaded.file {
        Some(file) => writeln!(out, "  {}", file.display())?,
        None => writeln!(out, "  no file; {} is not there", around.default_file.display())?,
    }
    for name in around.settings() {
        writeln!(out, "  variable {}", name.display())?;
    }
    for warning in &loaded.warnings {
        writeln!(out, "  {ODD}warning{ODD:#}: {warning}")?;
    }
    Ok(())
}

fn show(entry: &Entry, entries: &[Entry], out: Out<'_>) -> io::Result<()> {
    let followed = |(_, verdict): &&(_, Verdict)| matches!(verdict, Verdict::Followed(_));
    let elsewhere =
        |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Earlier(_) | Verdict::SameAs(_));
    let said = match entry.found.iter().filter(followed).count() {
        0 if entry.found.is_empty() && entry.refused.is_empty() => {
            format!("{ODD}nothing matches yet{ODD:#}")
        }
        0 if entry.found.iter().any(elsewhere) => format!("{ODD}no file of its own{ODD:#}"),
        0 => format!("{ODD}no file that can be followed{ODD:#}"),
        count => words::count(count, "file", "files"),
    };
    writeln!(out, "  {}: {said}", entry.title)?;
    for (path, verdict) in &entry.found {
        let path = path.display();
        match verdict {
            Verdict::Followed(size) => writeln!(out, "    {path}, {}", words::bytes(*size))?,
            Verdict::Excluded(patterns) => {
                let said = patterns.iter().map(|(i, pattern)| format!("{}: {pattern}", i + 1));
                let said = said.collect::<Vec<_>>().join(", and ");
                writeln!(out, "    {path}: {ODD}left out{ODD:#} by exclude_files {said}")?;
            }
            Verdict::Earlier(owner) => {
                let owner = &entries[*owner].title;
                writeln!(out, "    {path}: {ODD}listed twice{ODD:#}: {owner} comes first")?;
            }
            Verdict::SameAs(other) => writeln!(
                out,
                "    {path}: {ODD}the same file{ODD:#} as {}, which is followed",
                other.display()
            )?,
            Verdict::Unreadable(why) => {
                writeln!(out, "    {path}: {BAD}cannot be read{BAD:#}: {why}")?
            }
            Verdict::Unfit(why) => writeln!(out, "    {path}: {ODD}not followed{ODD:#}: {why}")?,
        }
    }
    for (path, why) in &entry.refused {
        writeln!(out, "    {}: {BAD}cannot be looked into{BAD:#}: {why}", path.display())?;
    }
    Ok(())
}

/// How many paths met which fate.
#[derive(Debug, Default)]
struct Tally {
    followed: usize,
    left_out: usize,
    unreadable: usize,
}

impl Tally {
    fn of(entries: &[Entry]) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            tally.unreadable += entry.refused.len();
            for (_, verdict) in &entry.found {
                match verdict {
                    Verdict::Followed(_) => tally.followed += 1,
                    Verdict::Unreadable(_) => tally.unreadable += 1,
                    _ => tally.left_out += 1,
                }
            }
        }
        tally
    }

    fn show(&self, fault: Option<&str>, out: Out<'_>) -> io::Result<()> {
        let (style, verdict) = match fault {
            Some(fault) => (BAD, format!("Fault: {fault}")),
            None => (GOOD, "No fault".to_owned()),
        };
        let followed = words::count(self.followed, "file", "files");
        let Self { left_out, unreadable, .. } = self;
        let left_out = words::count(*left_out, "path", "paths");
        writeln!(
            out,
            "\n{style}{verdict}{style:#}: {followed} to follow, {left_out} left out, {unreadable} \
             unreadable."
        )
    }
}

fn positions(
    dir: &Path,
    state: Result<Reading, state::StateError>,
    out: Out<'_>,
) -> io::Result<()> {
    writeln!(out, "\n{HEADING}Positions{HEADING:#}")?;
    let path = dir.display();
    let reading = match state {
        Ok(reading) => reading,
        Err(error) => return writeln!(out, "  {BAD}warning{BAD:#}: {error}"),
    };
    let known = words::count(reading.records.len(), "position", "positions");
    let holder = match state::holder(dir).map(|holder| holder.pid) {
        Some(Some(pid)) => format!("in use by process {pid}"),
        Some(None) => "in use by a process".to_owned(),
        None => "in use by no process".to_owned(),
    };
    writeln!(out, "  {path}: {known}; {holder}")?;
    for damage in &reading.damage {
        writeln!(out, "  {ODD}warning{ODD:#}: {damage}; what is sound of it is used")?;
    }
    // What is missing is made, in the nearest directory that is there.
    let made_in = dir.ancestors().find(|above| above.exists()).unwrap_or(dir);
    if access(made_in, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let denied = io::ErrorKind::PermissionDenied.into();
        let why = access::explain(made_in, &denied);
        writeln!(
            out,
            "  {ODD}warning{ODD:#}: {} cannot be written: {why}; without positions a restart \
             repeats or misses lines: name another directory with --state-dir (state_dir)",
            made_in.display()
        )?;
    }
    Ok(())
}
