//! The lists: files to follow, and patterns of what is left out.

use std::path::PathBuf;

use super::super::FileEntry;
use super::super::entry;
use super::super::error::{Place, Problem};
use super::super::keys::Key;
use super::super::raw::{Item, Text};
use super::time::WrittenTime;
use super::{Resolver, advice, not_utf8};
use crate::filter::Patterns;
use crate::syslog::APP_NAME_MAX;

impl Resolver<'_> {
    pub(super) fn files(&mut self) -> Vec<FileEntry> {
        let listed = self.list(Key::Files);
        let items = listed.iter().flat_map(|list| &list.items).chain(&self.raw.arguments);
        let of_all = self.written_time();
        let entries = items.filter_map(|item| self.file(item, &of_all)).collect::<Vec<_>>();
        self.warn_of_idle_format(&entries);
        let nothing = listed.is_none_or(|list| list.items.is_empty());
        let told = self.findings.may_hold(|p| p.key.starts_with(Key::Files.name()));
        if nothing && self.raw.arguments.is_empty() && !told {
            let text = "there is nothing to follow; list paths there, or give them as arguments";
            match listed {
                Some(list) => self.problem(Key::Files, &list.place, text),
                None => self.missing(Key::Files, text),
            }
        }
        entries
    }

    fn file(&mut self, item: &Item, of_all: &WrittenTime) -> Option<FileEntry> {
        let (place, tag, path, time) = match item {
            Item::Entry(texts) => {
                let tag = texts.tag.as_ref().map(|tag| tag.text.to_string_lossy().into_owned());
                let time = self.entry_time(texts, of_all);
                (&texts.path.place, tag, texts.path.text.as_os_str(), time)
            }
            Item::Text(Text { text, place }) => match entry::split(text) {
                Ok((tag, path)) => (place, tag, path, of_all.time()),
                Err(error) => return self.file_problem(place, error),
            },
        };
        if path.is_empty() {
            return self.file_problem(place, "the path is empty; write the file to follow".into());
        }
        if path == "-" {
            let text = "\"-\" is not standard input, which cannot be read yet; have the program \
                        write to a file and name that, or send its output by logger(1); a file \
                        of that name is ./-";
            return self.file_problem(place, text.into());
        }
        let glob = match entry::glob(path, &self.around.cwd) {
            Ok(glob) => glob,
            Err(error) => {
                return self.file_problem(place, format!("{path:?} is no glob: {error}"));
            }
        };
        if glob.has_empty_range() {
            let text = format!("{path:?} has a range that ends before it begins; nothing is in it");
            self.findings.warn(Problem::of(Key::Files, place, text));
        }
        self.warn_of_path(place, path);
        if let Some(tag) = &tag {
            self.warn_of_change(Key::Files, place, tag, APP_NAME_MAX);
        }
        Some(FileEntry { glob, tag, time })
    }

    fn file_problem(&mut self, place: &Place, text: String) -> Option<FileEntry> {
        self.problem(Key::Files, place, text);
        None
    }

    /// The directories of a list.
    pub(super) fn directories(&self, key: Key) -> Vec<PathBuf> {
        let listed = self.list(key).map_or(&[][..], |list| &list.items);
        let texts = listed.iter().filter_map(|item| match item {
            Item::Text(Text { text, .. }) => Some(entry::absolute(text, &self.around.cwd)),
            Item::Entry(_) => None,
        });
        texts.collect()
    }

    /// The words of a list.
    pub(super) fn names(&mut self, key: Key) -> Vec<String> {
        let listed = self.list(key).map_or(&[][..], |list| &list.items);
        let mut names = Vec::new();
        for item in listed {
            let Item::Text(Text { text, place }) = item else { continue };
            match text.to_str() {
                Some(text) => names.push(text.to_owned()),
                None => self.problem(key, place, not_utf8(text)),
            }
        }
        names
    }

    pub(super) fn patterns(&mut self, key: Key) -> Patterns {
        let Some(list) = self.list(key) else { return Patterns::default() };
        let mut texts = Vec::new();
        let mut places = Vec::new();
        for item in &list.items {
            let Item::Text(Text { text, place }) = item else { continue };
            match text.to_str() {
                Some(text) => {
                    self.warn_of_pattern(key, place, text);
                    texts.push(text);
                    places.push(place);
                }
                None => self.problem(key, place, not_utf8(text)),
            }
        }
        Patterns::new(&texts).unwrap_or_else(|errors| {
            for error in errors {
                let text = format!("{error}; {}", advice::pattern_remedy(key, texts[error.index]));
                self.problem(key, places[error.index], text);
            }
            Patterns::default()
        })
    }
}
