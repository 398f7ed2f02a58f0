//! Standard input in the place of files.

use std::sync::Arc;

use super::super::document::leaf::{Choice, Text};
use super::super::{Messages, entry};
use super::{Resolver, Typed};

impl Resolver<'_> {
    /// Whether an argument means standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        stdin_argument(self.typed).is_some()
    }

    /// What the messages of standard input hold, if that is to be read; `of_all` is what holds for files.
    pub(super) fn stdin(&mut self, of_all: &Arc<Messages>) -> Option<Arc<Messages>> {
        let Text { text, spot } = stdin_argument(self.typed)?;
        if self.typed.arguments.items().len() > 1 {
            let error = "\"-\" is standard input, and no file can be named beside it; call it once for \
                         each";
            self.problem(*spot, error);
        }
        let (tag, _) = entry::split(text).ok()?;
        self.tagged(*spot, tag, of_all)
    }
}

fn stdin_argument(typed: &Typed) -> Option<&Text> {
    typed.arguments.items().iter().find_map(|item| match item {
        Choice::Text(text) if entry::is_stdin(&text.text) => Some(text),
        Choice::Text(_) | Choice::Map(..) => None,
    })
}
