//! What messages hold: each key of [`MessageKeys`], for all files and for those of an entry.

use std::sync::Arc;

use super::super::document::MessageKeys;
use super::super::document::leaf::{List, One, Spot, Text};
use super::super::document::meaning::Meaning;
use super::super::{FileEntry, Messages};
use super::Resolver;
use crate::filter::{LineFilter, Patterns, Re2Pattern};
use crate::syslog::{APP_NAME_MAX, HOSTNAME_MAX};
use crate::text::{PathTemplate, path_parts};

/// The groups of `path_regex`, for names.
pub(super) enum PathGroups {
    None,
    Of(Arc<Re2Pattern>),
    /// The pattern is wrong: nothing can be said of its groups.
    Unknown,
}

impl Resolver<'_> {
    /// What holds for all files.
    pub(super) fn messages_of_all(&mut self) -> Arc<Messages> {
        let defaults = Messages::new(&self.around.hostname);
        Arc::new(self.messages(&self.typed.document.shared, &defaults, &PathGroups::None))
    }

    /// What `keys` say, and where they say nothing what `base` says.
    pub(super) fn messages(
        &mut self,
        keys: &MessageKeys,
        base: &Messages,
        groups: &PathGroups,
    ) -> Messages {
        let messages = Messages {
            tag: self.value(&keys.tag).or_else(|| base.tag.clone()),
            hostname: self.value_or(&keys.hostname, &base.hostname),
            path_regex: match groups {
                PathGroups::Of(pattern) => Some(Arc::clone(pattern)),
                PathGroups::None | PathGroups::Unknown => None,
            },
            facility: self.value_or(&keys.facility, &base.facility),
            severity: self.value_or(&keys.severity, &base.severity),
            is_written: self.value_or(&keys.timestamp, &base.is_written),
            time_format: self
                .value(&keys.timestamp_format)
                .map(Arc::new)
                .or_else(|| base.time_format.clone()),
            text: self.text_rules(keys, &base.text),
            structured_data: self.structured_data(keys, &base.structured_data),
            filter: self.filter(keys, &base.filter),
        };
        self.advise(keys, &messages, groups);
        messages
    }

    fn value_or<M: Meaning<Value: Clone>>(&mut self, given: &One<M>, base: &M::Value) -> M::Value {
        self.value(given).unwrap_or_else(|| base.clone())
    }

    fn filter(&mut self, keys: &MessageKeys, base: &Arc<LineFilter>) -> Arc<LineFilter> {
        let (include, exclude) = (&keys.include_patterns, &keys.exclude_patterns);
        if include.spot().is_none() && exclude.spot().is_none() {
            return Arc::clone(base);
        }
        let include = self.line_patterns(include, base.include());
        let exclude = self.line_patterns(exclude, base.exclude());
        Arc::new(LineFilter::new(include, exclude))
    }

    fn line_patterns(&mut self, given: &List<Text>, base: &Patterns) -> Patterns {
        if given.spot().is_none() {
            return base.clone();
        }
        for Text { text, spot } in given.items() {
            self.warn_of_pattern(*spot, &text.to_string_lossy());
        }
        let patterns = self.patterns(given);
        self.warn_of_all(given, &patterns);
        patterns
    }

    /// Warns of what is allowed, and probably not meant.
    fn advise(&mut self, keys: &MessageKeys, messages: &Messages, groups: &PathGroups) {
        if let (Some(spot), Some(tag)) = (keys.tag.spot(), &messages.tag) {
            self.advise_on_name(spot, tag, groups, APP_NAME_MAX);
            self.warn_of_variable(spot, tag.text());
        }
        if let Some(spot) = keys.hostname.spot() {
            let hostname = &messages.hostname;
            self.advise_on_name(spot, hostname, groups, HOSTNAME_MAX);
            self.warn_of_variable(spot, hostname.text());
        }
        if let Some(spot) = keys.timestamp_format.spot()
            && !std::ptr::eq(keys, &raw const self.typed.document.shared)
            && !messages.is_written
            && !self.is_time_told()
        {
            self.warn(spot, IDLE);
        }
    }

    /// Says what a name holds that no path has, and what becomes of it on its way into the header.
    pub(super) fn advise_on_name(
        &mut self,
        spot: Spot,
        name: &PathTemplate,
        groups: &PathGroups,
        max: usize,
    ) {
        let pattern = match groups {
            PathGroups::Of(pattern) => Some(&**pattern),
            PathGroups::None => None,
            PathGroups::Unknown => return,
        };
        if let Some(unknown) = name.unknown(pattern) {
            let groups = match pattern {
                Some(pattern) => format!("or a group of path_regex {:?}", pattern.text()),
                None => "or a named group of a path_regex beside it".to_owned(),
            };
            let text = format!(
                "{{{unknown}}} is no part of a path; write {}, {groups}, or {{{{ for a '{{'",
                path_parts()
            );
            self.problem(spot, text);
        } else if let Some(fixed) = name.fixed() {
            self.warn_of_change(spot, fixed, max);
        }
    }

    /// Whether something is wrong with what was to say which time.
    fn is_time_told(&self) -> bool {
        self.findings.may_hold(|problem| problem.key.ends_with("timestamp"))
    }

    /// A format at the top that no file of `entries` has a use for.
    pub(super) fn warn_of_idle_format(&mut self, entries: &[FileEntry]) {
        let is_idle =
            !self.is_time_told() && entries.iter().all(|entry| !entry.messages.is_written);
        if let Some(spot) = self.typed.document.shared.timestamp_format.spot().filter(|_| is_idle) {
            self.warn(spot, IDLE);
        }
    }
}

const IDLE: &str =
    "says nothing as long as messages carry the time of reading; write timestamp: written";
