//! What `--check` says, in its order: the configuration, the files, the receiver, the positions.

use std::fmt::Display;
use std::io;
use std::path::Path;

use nix::unistd::User;
use rustix::process::geteuid;

use super::answers::{self, ask};
use super::files::{self, FollowedEntry, Verdict};
use super::{
    BAD, GOOD, HEADING, NO_CONFIGURATION, ODD, Out, access, complain, receiver, settings, sight,
    start, words,
};
use crate::checkpoint::{self, ReadError, StateReading};
use crate::cli::Cli;
use crate::config::{Loaded, Surroundings};
use crate::deliver::{root_faults, try_trust, uses_system_roots};
use crate::safe_open::follow_links_in;
use crate::shown::{Show, lines};

/// Shows what the configuration leads to. False if it has errors, if the daemon could not start, if nothing can be
/// followed, or if the receiver cannot be found (with `connect`: be reached).
pub(super) fn run(
    cli: &Cli,
    around: &Surroundings,
    connect: bool,
    out: Out<'_>,
) -> io::Result<bool> {
    let loaded = match answers::load(cli, around) {
        Some(Ok(loaded)) => loaded,
        Some(Err(errors)) => {
            complain(&errors);
            return Ok(false);
        }
        None => {
            complain(&NO_CONFIGURATION);
            return Ok(false);
        }
    };
    let config = &loaded.config;
    follow_links_in(&config.follow_links_in);
    let mut warnings = sources(&loaded, around, out)?;
    warnings += user(config.user.as_deref(), out)?;
    let asked = config.clone();
    for hidden in ask(move || sight::from_daemon(&asked)).unwrap_or_default() {
        warnings += warn(&hidden, out)?;
    }
    let asked = config.clone();
    let trust = ask(move || try_trust(&asked)).unwrap_or_else(|| {
        Err("destination: the file system of its certificates does not answer".to_owned())
    });
    for fault in trust.iter().flatten() {
        warnings += warn(fault, out)?;
    }
    if let Err(error) = &trust {
        writeln!(out, "  {BAD}no TLS{BAD:#}: {}", lines(error))?;
    }
    let start = start::show(config, out)?;
    warnings += start.warnings;
    let state = answers::positions(&config.state_dir);
    let records = state.as_ref().map_or(&[][..], |reading| &reading.records);
    let entries = files::find(config, records);
    writeln!(out, "\n{HEADING}Files{HEADING:#}")?;
    let of_all = settings::of_all(&config.messages);
    if !of_all.is_empty() {
        writeln!(out, "  of all files, unless an entry says otherwise: {}", of_all.join("; "))?;
    }
    for entry in &entries {
        show(entry, &entries, out)?;
    }
    let mut tally = CheckTally::of(&entries);
    if config.stdin.is_some() {
        writeln!(out, "  standard input: read to its end, without a position")?;
        tally.followed += 1;
    }
    let several = !config.fallbacks.is_empty();
    let reachable = receiver::show(config, connect, out)?;
    warnings += positions(&config.state_dir, state, out)?;
    let faults = [
        (tally.followed == 0, "nothing can be followed"),
        (start.is_fault, "the daemon cannot start"),
        (trust.is_err(), "there can be no connection over TLS"),
        (
            !reachable && connect,
            if several { "a receiver cannot be reached" } else { "the receiver cannot be reached" },
        ),
        (
            !reachable && !connect,
            if several { "a receiver cannot be found" } else { "the receiver cannot be found" },
        ),
    ];
    let faults = faults.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what);
    let faults: Vec<_> = faults.collect();
    tally.show(&faults, warnings, out)?;
    Ok(faults.is_empty())
}

/// Says whom the daemon would become. Like others below, it returns how many warnings that took.
fn user(user: Option<&str>, out: Out<'_>) -> io::Result<usize> {
    let Some(name) = user else { return Ok(0) };
    let account = User::from_name(name).ok().flatten();
    let me = geteuid();
    if account.is_some_and(|account| account.uid.as_raw() == me.as_raw()) {
        writeln!(out, "  runs as the user {name}")?;
    } else if me.is_root() {
        writeln!(out, "  becomes the user {name}, and reads what root may")?;
    } else {
        let text = format!(
            "only root can become the user {name}; what follows holds for {}",
            access::user()
        );
        return warn(&text, out);
    }
    Ok(0)
}

fn warn(text: &dyn Display, out: Out<'_>) -> io::Result<usize> {
    writeln!(out, "  {ODD}warning{ODD:#}: {text}").map(|()| 1)
}

fn sources(loaded: &Loaded, around: &Surroundings, out: Out<'_>) -> io::Result<usize> {
    writeln!(out, "{HEADING}Configuration{HEADING:#}")?;
    match &loaded.file {
        Some(file) => writeln!(out, "  {}", file.shown())?,
        None => writeln!(out, "  no file; {} is not there", around.default_file.shown())?,
    }
    for file in &loaded.included {
        writeln!(out, "  includes {}", file.shown())?;
    }
    for name in around.settings() {
        writeln!(out, "  variable {}", name.shown())?;
    }
    let mut warnings = 0;
    for warning in &loaded.warnings {
        warnings += warn(warning, out)?;
    }
    if loaded.config.destinations().any(uses_system_roots) {
        for fault in root_faults(loaded.config.detach) {
            warnings += warn(&fault, out)?;
        }
    }
    Ok(warnings)
}

fn show(entry: &FollowedEntry, entries: &[FollowedEntry], out: Out<'_>) -> io::Result<()> {
    let followed = |(_, verdict, _): &&(_, Verdict, _)| {
        matches!(verdict, Verdict::Followed(_) | Verdict::Fifo)
    };
    let elsewhere = |(_, verdict, _): &(_, Verdict, _)| {
        matches!(verdict, Verdict::Earlier(_) | Verdict::SameAs(_))
    };
    let said = match entry.found.iter().filter(followed).count() {
        _ if entry.hangs => {
            format!("{BAD}no answer{BAD:#}: a file system on its way hangs; look after its mount")
        }
        0 if entry.found.is_empty() && entry.refused.is_empty() => {
            let mistake = entry.mistake.as_ref().map(|mistake| format!(": {mistake}"));
            format!("{ODD}nothing matches yet{ODD:#}{}", mistake.unwrap_or_default())
        }
        0 if entry.found.iter().any(elsewhere) => format!("{ODD}no file of its own{ODD:#}"),
        0 => format!("{ODD}no file that can be followed{ODD:#}"),
        count => words::count(count, "file", "files"),
    };
    writeln!(out, "  {}: {said}", entry.title)?;
    if !entry.settings.is_empty() {
        writeln!(out, "    with {}", entry.settings.join("; "))?;
    }
    for (path, verdict, _) in &entry.found {
        let path = path.shown();
        match verdict {
            Verdict::Followed(size) => writeln!(out, "    {path}, {}", words::bytes(*size))?,
            Verdict::Fifo => writeln!(
                out,
                "    {path}: a FIFO, read as a stream, without a position: what was read and not yet \
                 delivered is lost when the daemon ends"
            )?,
            Verdict::Excluded(patterns) => {
                let said =
                    patterns.iter().map(|(i, pattern)| format!("{}: {}", i + 1, pattern.shown()));
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
                other.shown()
            )?,
            Verdict::NoAnswer => writeln!(
                out,
                "    {path}: {BAD}no answer{BAD:#}: its file system hangs; look after its mount"
            )?,
            Verdict::Unreadable(why) => {
                writeln!(out, "    {path}: {BAD}cannot be read{BAD:#}: {why}")?
            }
            Verdict::Unfit(why) => writeln!(out, "    {path}: {ODD}not followed{ODD:#}: {why}")?,
        }
    }
    for (path, why) in &entry.refused {
        writeln!(out, "    {}: {BAD}cannot be looked into{BAD:#}: {why}", path.shown())?;
    }
    Ok(())
}

/// How many paths met which fate.
#[derive(Debug, Default)]
struct CheckTally {
    followed: usize,
    left_out: usize,
    unreadable: usize,
}

impl CheckTally {
    fn of(entries: &[FollowedEntry]) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            tally.unreadable += entry.refused.len() + usize::from(entry.hangs);
            for (_, verdict, _) in &entry.found {
                match verdict {
                    Verdict::Followed(_) | Verdict::Fifo => tally.followed += 1,
                    Verdict::Unreadable(_) | Verdict::NoAnswer => tally.unreadable += 1,
                    _ => tally.left_out += 1,
                }
            }
        }
        tally
    }

    fn show(&self, faults: &[&str], warnings: usize, out: Out<'_>) -> io::Result<()> {
        let (style, mut verdict) = match faults {
            [] => (if warnings > 0 { ODD } else { GOOD }, "OK".to_owned()),
            faults => (BAD, format!("Fault: {}", faults.join(", and "))),
        };
        if warnings > 0 {
            verdict = format!("{verdict}, {}", words::count(warnings, "warning", "warnings"));
        }
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
    state: Result<StateReading, ReadError>,
    out: Out<'_>,
) -> io::Result<usize> {
    writeln!(out, "\n{HEADING}Positions{HEADING:#}")?;
    let path = dir.shown();
    let reading = match state {
        Ok(reading) => reading,
        Err(error) => return warn(&access::no_positions(dir, &error), out),
    };
    let known = words::count(reading.records.len(), "position", "positions");
    let asked = dir.to_owned();
    let looked = ask(move || {
        // What is missing is made, in the nearest directory that is there.
        let made_in = asked.ancestors().find(|above| above.exists()).unwrap_or(&asked);
        (checkpoint::holder(&asked), made_in.to_owned(), access::unwritable(made_in))
    });
    let Some((holder, made_in, unwritable)) = looked else {
        return warn(&format!("{path}: its file system does not answer"), out);
    };
    let holder = match holder.map(|holder| holder.pid) {
        Some(Some(pid)) => format!("in use by process {pid}"),
        Some(None) => "in use by a process".to_owned(),
        None => "in use by no process".to_owned(),
    };
    writeln!(out, "  {path}: {known}; {holder}")?;
    let mut warnings = 0;
    for damage in &reading.damage {
        warnings += warn(&format!("{damage}; what is sound of it is used"), out)?;
    }
    if let Some(why) = unwritable {
        let text = format!(
            "{} cannot be written: {why}; without positions a restart repeats or misses lines: \
             name another directory with --state-dir (state_dir)",
            made_in.shown()
        );
        warnings += warn(&text, out)?;
    }
    Ok(warnings)
}
