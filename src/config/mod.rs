//! What was typed (YAML, environment, flags) becomes one resolved [`Config`], or all its errors.
//!
//! Nothing downstream sees an `Option` it must default or a string it must parse.
//!
//! ```text
//! flags, environment: source ─┬─► trees ─► document (typed, with places) ─► resolve ─► Config
//! yaml ─► file ───────────────┘                                             value, entry, log_filter: what it means
//! ```

mod balance;
mod document;
mod entry;
mod error;
mod file;
mod findings;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod include;
mod keys;
mod log_filter;
mod resolve;
mod settings;
mod show;
mod source;
mod surroundings;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod value;
mod yaml;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Cli;
use crate::shown::Show;

use document::leaf::{List, Text};
use document::reader::SourceReader;
use document::spots::Spots;
use document::{FileKeys, IncludedKeys, outline};
use file::Naming;
use findings::Findings;
use include::IncludedFiles;

pub use error::{ConfigErrors, Place, Problem, Warning};
pub use include::Include;
pub(crate) use resolve::NO_LOG;
pub use settings::{
    Config, Destination, FileEntry, Listen, Messages, Mode, PidFilePlace, Protocol,
};
pub use surroundings::Surroundings;
pub use tls::{Fingerprint, IdentityFiles, Keyed, TlsSettings, TlsVersion};

/// A configuration that can be used, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    /// Complete and checked.
    pub config: Config,
    /// To be logged; those of the file in its order.
    pub warnings: Vec<Warning>,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// Those that it includes.
    pub included: Vec<PathBuf>,
}

/// Reads the configuration from all its sources: a flag wins over an environment variable, that
/// over the file, that over the default; an empty value counts as none.
///
/// # Errors
/// Every problem of every source, at once.
pub fn load(cli: &Cli, around: &Surroundings) -> Result<Loaded, ConfigErrors> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    let file = match &typed.blame {
        Some(Place::File(file)) => Some(PathBuf::clone(file)),
        _ => None,
    };
    resolve::resolve(&typed, around, findings).map(|loaded| Loaded { file, ..loaded })
}

/// Where positions are kept, whatever else may be wrong with the configuration. `None` when not
/// even that can be told.
#[must_use]
pub fn state_dir(cli: &Cli, around: &Surroundings) -> Option<PathBuf> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    resolve::state_dir(&typed, around, findings)
}

/// What [`load`] would take, as a configuration: each value with a comment that says where it comes from. The
/// entries of included files and the arguments are among `files`; secrets are not shown. With it, what is odd.
///
/// # Errors
/// As [`load`].
pub fn show(cli: &Cli, around: &Surroundings) -> Result<(String, Vec<Warning>), ConfigErrors> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    let loaded = resolve::resolve(&typed, around, findings)?;
    Ok((show::configuration(&typed, around), loaded.warnings))
}

/// Everything that was typed, from all sources.
fn typed(cli: &Cli, around: &Surroundings, findings: &mut Findings) -> resolve::Typed {
    let path = file_path(cli, around);
    let naming = config_file(cli, around).map_or(Naming::Default, |_| Naming::Call);
    let file = file::read(&path, &naming, findings);
    let place = if path.exists() { Place::File } else { Place::NoFile };
    let blame = file.as_ref().map(|_| place(Arc::new(path)));
    let names = outline::of::<FileKeys>();
    let (flags, arguments) = (source::flags(cli, findings), source::arguments(cli));
    let variables = source::environment(&around.variables, &names);
    let spots = Spots::default();
    let mut reader = SourceReader { findings, spots, names, is_included: false };
    let layers: Vec<_> = [&flags, &variables].into_iter().chain(&file).collect();
    let document = reader.read::<FileKeys>(&layers);
    let included = included(&document.own.include, around, &mut reader);
    let arguments = reader.read::<FileKeys>(&[&arguments]).own.files;
    let SourceReader { findings, spots, names, .. } = reader;
    source::warn_of_misspelt(&around.variables, &names, findings);
    let read_again = cli.read_again().map(|path| entry::absolute(path, &around.cwd)).collect();
    resolve::Typed { document, included, arguments, read_again, spots, mode: mode(cli), blame }
}

/// What `include` names, the files that are found, and what these say.
fn included(
    given: &List<Text>,
    around: &Surroundings,
    reader: &mut SourceReader<'_>,
) -> IncludedFiles {
    let (mut items, mut files) = (Vec::new(), Vec::new());
    for Text { text, spot } in given.items() {
        let found = Include::parse(text, &around.cwd).and_then(|include| {
            let found = include.files().map_err(|error| {
                let directory = include.directory().shown();
                format!("{directory} cannot be listed ({error}); check its rights")
            });
            if let Some(missing) = include.missing().filter(|_| found.is_ok()) {
                let text = format!(
                    "there is no directory {}, so that nothing is included; check the path, or make it",
                    missing.shown()
                );
                let place = reader.spots.place(*spot);
                reader.findings.warn(Problem::of(reader.spots.name(*spot), &place, text));
            }
            items.push(include);
            found
        });
        match found {
            Ok(found) => files.extend(found.into_iter().map(|file| (file, *spot))),
            Err(text) => {
                let place = reader.spots.place(*spot);
                reader.findings.problem(Problem::of(reader.spots.name(*spot), &place, text));
            }
        }
    }
    let mut once = HashSet::new();
    files.retain(|(file, _)| once.insert(file.clone()));
    reader.is_included = true;
    let mut entries = Vec::new();
    for (file, spot) in &files {
        let naming = Naming::Key(reader.spots.name(*spot), reader.spots.place(*spot));
        let tree = file::read(file, &naming, reader.findings);
        entries.extend(tree.map(|tree| reader.read::<IncludedKeys>(&[&tree]).files));
    }
    reader.is_included = false;
    let files = files.into_iter().map(|(file, _)| file).collect();
    IncludedFiles { items, files, entries }
}

fn mode(cli: &Cli) -> Mode {
    let reads_stdin = cli.files.iter().any(|argument| entry::is_stdin(argument));
    match (cli.dry_run, reads_stdin, cli.once) {
        (true, reads_stdin, once) => Mode::DryRun { once: once || reads_stdin },
        (false, true, _) => Mode::Stdin,
        (false, false, true) => Mode::Once,
        (false, false, false) => Mode::Daemon,
    }
}

/// The file that is read, if it is there.
#[must_use]
pub fn file_path(cli: &Cli, around: &Surroundings) -> PathBuf {
    around.cwd.join(config_file(cli, around).unwrap_or(&around.default_file))
}

/// The file that was named by a flag or a variable.
fn config_file<'a>(cli: &'a Cli, around: &'a Surroundings) -> Option<&'a Path> {
    let variable = around.variables.get(OsStr::new(source::CONFIG_FILE_VARIABLE));
    let named = [cli.config_file.as_ref(), variable].into_iter().flatten();
    named.map(Path::new).find(|path| !path.as_os_str().is_empty())
}
