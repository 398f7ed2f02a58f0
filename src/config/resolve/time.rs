//! What time messages carry: `timestamp` and `timestamp_format`, at the top and in entries of `files`.

use std::sync::Arc;

use super::super::FileEntry;
use super::super::error::Problem;
use super::super::keys::Key;
use super::super::raw::{EntryTexts, Text};
use super::{Resolver, not_utf8};
use crate::syslog::{MessageTime, TimeFormat};

/// What the two keys say in one place.
#[derive(Debug, Default, Clone)]
pub(super) struct WrittenTime {
    /// That of writing, not that of reading. None where it is not said.
    is_written: Option<bool>,
    format: Option<Arc<TimeFormat>>,
}

impl WrittenTime {
    pub(super) fn time(&self) -> MessageTime {
        match self.is_written {
            Some(true) => MessageTime::Written(self.format.clone()),
            Some(false) | None => MessageTime::Read,
        }
    }

    /// What is not said here is as `of_all` says.
    fn or(self, of_all: &Self) -> Self {
        Self {
            is_written: self.is_written.or(of_all.is_written),
            format: self.format.or_else(|| of_all.format.clone()),
        }
    }
}

impl Resolver<'_> {
    /// What the keys at the top say.
    pub(super) fn written_time(&mut self) -> WrittenTime {
        WrittenTime {
            is_written: self.parsed(Key::Timestamp, is_written),
            format: self.parsed(Key::TimestampFormat, format).map(Arc::new),
        }
    }

    /// What an entry says, and where it says nothing what is said of all.
    pub(super) fn entry_time(&mut self, entry: &EntryTexts, of_all: &WrittenTime) -> MessageTime {
        let own = WrittenTime {
            is_written: self.of_entry(Key::Timestamp, entry.timestamp.as_ref(), is_written),
            format: self
                .of_entry(Key::TimestampFormat, entry.timestamp_format.as_ref(), format)
                .map(Arc::new),
        };
        let time = own.or(of_all).time();
        if let (MessageTime::Read, Some(Text { place, .. })) = (&time, &entry.timestamp_format)
            && !self.is_told()
        {
            let key = name_in_entry(Key::TimestampFormat);
            self.findings.warn(Problem::at(place.clone(), key, IDLE));
        }
        time
    }

    fn of_entry<T>(
        &mut self,
        key: Key,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Text { text, place } = text?;
        let value = text.to_str().ok_or_else(|| not_utf8(text)).and_then(parse);
        let problem = |error| Problem::at(place.clone(), name_in_entry(key), error);
        value.map_err(|error| self.findings.problem(problem(error))).ok()
    }

    /// Whether something is wrong with what was to say which time.
    fn is_told(&self) -> bool {
        self.findings.may_hold(|problem| problem.key.ends_with(Key::Timestamp.name()))
    }

    /// A format that no file of `entries` has a use for.
    pub(super) fn warn_of_idle_format(&mut self, entries: &[FileEntry]) {
        let is_idle =
            !self.is_told() && entries.iter().all(|entry| entry.time == MessageTime::Read);
        if let Some(Text { place, .. }) = self.scalar(Key::TimestampFormat).filter(|_| is_idle) {
            self.findings.warn(Problem::of(Key::TimestampFormat, place, IDLE));
        }
    }
}

const IDLE: &str =
    "says nothing as long as messages carry the time of reading; write timestamp: written";

fn name_in_entry(key: Key) -> String {
    format!("{}.{}", Key::Files.name(), key.name())
}

fn is_written(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "read" => Ok(false),
        "written" => Ok(true),
        _ => Err(format!("{text:?} is neither read nor written; write read or written")),
    }
}

fn format(text: &str) -> Result<TimeFormat, String> {
    TimeFormat::parse(text).map_err(|error| {
        format!(
            "{text:?} is no format of a time: {error}; write it as for strptime, such as \
             '%Y-%m-%dT%H:%M:%S%z' or '%b %e %H:%M:%S'"
        )
    })
}
