//! What of the files a service does not see, because its unit hides directories from it.

use std::io;
use std::path::PathBuf;

use super::{Out, complain};
use crate::checkpoint;
use crate::cli::Cli;
use crate::config::{self, Config, Loaded, Surroundings, TlsSettings};
use crate::deliver::try_trust;
use crate::discover::{Globs, survey};
use crate::hidden::{self, Hidden};
use crate::shown::Show;

/// The entries of `files`, and the symbolic links on the way to what they match, that lead where
/// the daemon that runs does not see; in words.
pub(super) fn from_daemon(config: &Config) -> Vec<String> {
    let Some(pid) = checkpoint::holder(&config.state_dir).and_then(|holder| holder.pid) else {
        return Vec::new();
    };
    // Where it is hidden from this process as well, the entries say so.
    let here = hidden::here();
    let hidden: Vec<_> =
        hidden::from_process(pid).into_iter().filter(|it| !here.contains(it)).collect();
    let entries =
        config.files.iter().map(|file| file.glob.text().to_owned()).chain(links(config, &hidden));
    led(entries, &hidden).map(|it| format!("process {pid} does not follow it: {it}")).collect()
}

/// The symbolic links on the way to what `files` match that lead where this process does not see;
/// in words.
#[must_use]
pub fn hidden_links(config: &Config) -> Vec<String> {
    let hidden = hidden::here();
    led(links(config, &hidden), &hidden).collect()
}

fn led(
    paths: impl IntoIterator<Item = PathBuf>,
    hidden: &[Hidden],
) -> impl Iterator<Item = String> {
    paths.into_iter().filter_map(|path| {
        let hidden = hidden::on_the_way(&path, hidden)?;
        Some(format!("{} leads to what is not seen: {}", path.shown(), hidden.explain()))
    })
}

/// The symbolic links that are met; none where nothing is hidden.
fn links(config: &Config, hidden: &[Hidden]) -> Vec<PathBuf> {
    if hidden.is_empty() {
        return Vec::new();
    }
    survey(&Globs::new(&config.files)).links
}

/// Prints what has to stand in a unit, so that all files are seen that the configuration is in or
/// names.
/// False if it has errors.
pub(super) fn unit_settings(cli: &Cli, around: &Surroundings, out: Out<'_>) -> io::Result<bool> {
    let Loaded { config, file, included, .. } = match config::load(cli, around) {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(&errors);
            return Ok(false);
        }
    };
    let hidden = hidden::by_default();
    let globs = config.files.iter().map(|file| file.glob.text().to_owned());
    let certificates = config.tls_settings().into_iter().flat_map(TlsSettings::files);
    let read = file.into_iter().chain(included).chain(certificates.map(|file| file.value.clone()));
    let paths: Vec<_> = globs.chain(links(&config, &hidden)).chain(read).collect();
    for setting in hidden::settings(paths.iter().map(PathBuf::as_path), &hidden) {
        writeln!(out, "{}", setting.line())?;
    }
    Ok(true)
}

/// Says what is wrong with the configuration, and nothing else. False if something is.
pub(super) fn test(cli: &Cli, around: &Surroundings) -> bool {
    let loaded = config::load(cli, around).map_err(|errors| errors.to_string());
    // What a reload asks of it as well.
    let tried = loaded.and_then(|loaded| try_trust(&loaded.config));
    if let Err(fault) = &tried {
        complain(fault);
    }
    tried.is_ok()
}
