//! The lists: files to follow, and patterns of what is left out.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::document::FileItem;
use super::super::document::leaf::{Choice, List, Spot, Text};
use super::super::{FileEntry, Messages, entry};
use super::messages::PathGroups;
use super::{Resolver, not_utf8, patterns};
use crate::filter::Patterns;
use crate::glob::Glob;
use crate::syslog::APP_NAME_MAX;
use crate::text::PathTemplate;

impl Resolver<'_> {
    /// The entries of `files`; `of_all` is what holds where they say nothing.
    pub(super) fn files(&mut self, of_all: &Arc<Messages>) -> Vec<FileEntry> {
        let listed = &self.daemon().files;
        let typed = self.typed;
        let arguments = (!self.reads_stdin()).then_some(&typed.arguments);
        let added = typed.included.entries.iter().chain(arguments).flat_map(List::items);
        let items = listed.items().iter().chain(added.clone());
        let entries = items.filter_map(|item| self.file(item, of_all)).collect::<Vec<_>>();
        if self.reads_stdin() {
            return entries;
        }
        self.warn_of_idle_format(&entries);
        let nothing = listed.items().is_empty() && added.count() == 0;
        if nothing && !self.findings.may_hold(|p| p.key.starts_with("files")) {
            let text = "there is nothing to follow; list paths there, or give them as arguments";
            match listed.spot() {
                Some(spot) => self.problem(spot, text),
                None => self.missing("files", text),
            }
        }
        entries
    }

    fn file(&mut self, item: &FileItem, of_all: &Arc<Messages>) -> Option<FileEntry> {
        let Text { text, spot } = match item {
            Choice::Text(text) => text,
            Choice::Map(spot, keys) => {
                let path_regex = &keys.own.path_regex;
                let groups = match self.value(path_regex) {
                    Some(pattern) => PathGroups::Of(Arc::new(pattern)),
                    None if path_regex.spot().is_some() => PathGroups::Unknown,
                    None => PathGroups::None,
                };
                let messages = self.messages(&keys.shared, of_all, &groups);
                let Some(path) = keys.own.path.typed() else {
                    if !keys.own.path.is_misshapen() {
                        let text = "an entry has no path; write path: and the file to follow";
                        self.problem(*spot, text);
                    }
                    return None;
                };
                let glob = self.glob(path.spot, &path.text)?;
                return Some(FileEntry { glob, messages: Arc::new(messages) });
            }
        };
        let (tag, path) = match entry::split(text) {
            Ok(parts) => parts,
            Err(error) => {
                self.problem(*spot, error);
                return None;
            }
        };
        let glob = self.glob(*spot, path)?;
        let messages = self.tagged(*spot, tag, of_all)?;
        Some(FileEntry { glob, messages })
    }

    /// What holds for all files, with the tag that stands before a path, if one does.
    pub(super) fn tagged(
        &mut self,
        spot: Spot,
        tag: Option<String>,
        of_all: &Arc<Messages>,
    ) -> Option<Arc<Messages>> {
        let Some(tag) = tag else { return Some(Arc::clone(of_all)) };
        let tag = match PathTemplate::parse(&tag) {
            Ok(tag) => tag,
            Err(error) => {
                self.problem(spot, error);
                return None;
            }
        };
        self.advise_on_name(spot, &tag, &PathGroups::None, APP_NAME_MAX);
        self.warn_of_variable(spot, tag.text());
        Some(Arc::new(Messages { tag: Some(tag), ..Messages::clone(of_all) }))
    }

    /// A path or glob to follow.
    fn glob(&mut self, spot: Spot, path: &OsStr) -> Option<Glob> {
        let problem = if path.is_empty() {
            "the path is empty; write the file to follow".to_owned()
        } else if path == "-" {
            "\"-\" is standard input as an argument only; write COMMAND | remote_syslog -; a file of \
             that name is ./-"
                .to_owned()
        } else {
            match entry::glob(path, &self.around.cwd) {
                Ok(glob) => {
                    if glob.has_empty_range() {
                        let text = format!(
                            "{path:?} has a range that ends before it begins; nothing is in it"
                        );
                        self.warn(spot, text);
                    }
                    self.warn_of_path(spot, path);
                    return Some(glob);
                }
                Err(error) => format!("{path:?} is no glob: {error}"),
            }
        };
        self.problem(spot, problem);
        None
    }

    /// The directories of a list.
    pub(super) fn directories(&self, given: &List<Text>) -> Vec<PathBuf> {
        let texts = given.items().iter();
        texts.map(|Text { text, .. }| entry::absolute(text, &self.around.cwd)).collect()
    }

    /// The words of a list.
    pub(super) fn names(&mut self, given: &List<Text>) -> Vec<String> {
        self.words(given).into_iter().map(|(word, _)| word.to_owned()).collect()
    }

    /// The words of a list that are UTF-8, each with its spot.
    fn words<'t>(&mut self, given: &'t List<Text>) -> Vec<(&'t str, Spot)> {
        let mut words = Vec::new();
        for Text { text, spot } in given.items() {
            match text.to_str() {
                Some(word) => words.push((word, *spot)),
                None => self.problem(*spot, not_utf8(text)),
            }
        }
        words
    }

    /// The patterns of a list for paths.
    pub(super) fn path_patterns(&mut self, given: &List<Text>) -> Patterns {
        for Text { text, spot } in given.items() {
            self.warn_of_glob(*spot, &text.to_string_lossy());
        }
        self.patterns(given)
    }

    /// The patterns of a list.
    pub(super) fn patterns(&mut self, given: &List<Text>) -> Patterns {
        let (texts, spots): (Vec<_>, Vec<_>) = self.words(given).into_iter().unzip();
        Patterns::new(&texts).unwrap_or_else(|errors| {
            for error in errors {
                let spot = spots[error.index];
                let of_files = self.typed.spots.name(spot) == "exclude_files";
                self.problem(spot, patterns::no_pattern(of_files, &error));
            }
            Patterns::default()
        })
    }
}
