//! What messages hold: each key of [`MessageKeys`], for all files and for those of an entry.

use std::sync::Arc;

use super::super::document::MessageKeys;
use super::super::document::leaf::{List, One, Text};
use super::super::document::meaning::Meaning;
use super::super::{FileEntry, Messages};
use super::Resolver;
use crate::filter::Patterns;
use crate::syslog::{APP_NAME_MAX, HOSTNAME_MAX};

impl Resolver<'_> {
    /// What holds for all files.
    pub(super) fn messages_of_all(&mut self) -> Arc<Messages> {
        let defaults = Messages::new(self.around.hostname.clone());
        Arc::new(self.messages(&self.typed.document.shared, &defaults))
    }

    /// What `keys` say, and where they say nothing what `base` says.
    pub(super) fn messages(&mut self, keys: &MessageKeys, base: &Messages) -> Messages {
        let messages = Messages {
            tag: self.value(&keys.tag).or_else(|| base.tag.clone()),
            hostname: self.value_or(&keys.hostname, &base.hostname),
            facility: self.value_or(&keys.facility, &base.facility),
            severity: self.value_or(&keys.severity, &base.severity),
            is_written: self.value_or(&keys.timestamp, &base.is_written),
            time_format: self
                .value(&keys.timestamp_format)
                .map(Arc::new)
                .or_else(|| base.time_format.clone()),
            exclude: self.patterns_or(&keys.exclude_patterns, &base.exclude),
            text: self.text_rules(keys, &base.text),
            structured_data: self.structured_data(keys, &base.structured_data),
        };
        self.advise(keys, &messages);
        messages
    }

    fn value_or<M: Meaning<Value: Clone>>(&mut self, given: &One<M>, base: &M::Value) -> M::Value {
        self.value(given).unwrap_or_else(|| base.clone())
    }

    fn patterns_or(&mut self, given: &List<Text>, base: &Arc<Patterns>) -> Arc<Patterns> {
        if given.spot().is_none() {
            return Arc::clone(base);
        }
        for Text { text, spot } in given.items() {
            self.warn_of_slashes(*spot, &text.to_string_lossy());
        }
        Arc::new(self.patterns(given))
    }

    /// Warns of what is allowed, and probably not meant.
    fn advise(&mut self, keys: &MessageKeys, messages: &Messages) {
        if let (Some(spot), Some(tag)) = (keys.tag.spot(), &messages.tag) {
            self.warn_of_change(spot, tag, APP_NAME_MAX);
        }
        if let Some(spot) = keys.hostname.spot() {
            self.warn_of_change(spot, &messages.hostname, HOSTNAME_MAX);
            self.warn_of_variable(spot, &messages.hostname);
        }
        if let Some(spot) = keys.timestamp_format.spot()
            && !std::ptr::eq(keys, &raw const self.typed.document.shared)
            && !messages.is_written
            && !self.is_time_told()
        {
            self.warn(spot, IDLE);
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
