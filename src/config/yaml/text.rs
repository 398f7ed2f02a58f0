//! The text as the scanner reads it: with tabs between a key and its value taken for blanks, and a
//! ration of it at a time.

use std::cell::Cell;
use std::rc::Rc;

use saphyr_parser::input::SkipTabs;
use saphyr_parser::{Input, StrInput};

/// How many characters may make one event of the parser. A `[` or `{` may begin a key, so that all of
/// it is kept, some hundred bytes for each of its items, until the `]` or `}` shows what follows.
pub(super) const RATION: usize = 1 << 20;

/// How many characters of a text may still be read. Then it ends, so that the parser does.
#[derive(Debug, Clone)]
pub(super) struct Ration(Rc<Cell<usize>>);

impl Ration {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(RATION)))
    }

    /// Begins anew.
    pub(super) fn renew(&self) {
        if !self.is_used_up() {
            self.0.set(RATION);
        }
    }

    /// Whether the text was cut short.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// A text in which a tab behind `key:` separates as a space does: so YAML 1.2 has it (section 6.2),
/// and so does the reader of remote_syslog2. `saphyr-parser` 0.3 refuses `key:<TAB>word`, because the
/// word might be a key in a block that is indented by a tab; where it is one, that is still refused.
///
/// The scanner asks whether there was a proper blank in this one place only. What it asks of
/// indentation stays as it is.
pub(super) struct RationedText<'a> {
    text: StrInput<'a>,
    ration: Ration,
}

impl<'a> RationedText<'a> {
    pub(super) fn new(text: &'a str, ration: Ration) -> Self {
        Self { text: StrInput::new(text), ration }
    }

    /// So many characters were read.
    fn count(&mut self, read: usize) {
        let left = self.ration.0.get().saturating_sub(read);
        self.ration.0.set(left);
        if left == 0 {
            self.text = StrInput::new("");
        }
    }
}

impl Input for RationedText<'_> {
    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        let (skipped, result) = self.text.skip_ws_to_eol(skip_tabs);
        self.count(skipped);
        let as_blanks = |found: SkipTabs| {
            let has_blank = found.found_tabs() || found.has_valid_yaml_ws();
            SkipTabs::Result(found.found_tabs(), has_blank)
        };
        (skipped, result.map(as_blanks))
    }

    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    fn buf_is_empty(&self) -> bool {
        self.text.buf_is_empty()
    }

    fn raw_read_ch(&mut self) -> char {
        let read = self.text.raw_read_ch();
        self.count(1);
        read
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let read = self.text.raw_read_non_breakz_ch();
        self.count(1);
        read
    }

    fn skip(&mut self) {
        self.text.skip();
        self.count(1);
    }

    fn skip_n(&mut self, count: usize) {
        self.text.skip_n(count);
        self.count(count);
    }

    fn peek(&self) -> char {
        self.text.peek()
    }

    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }

    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        self.text.next_can_be_plain_scalar(in_flow)
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        let skipped = self.text.skip_while_non_breakz();
        self.count(skipped);
        skipped
    }

    fn skip_while_blank(&mut self) -> usize {
        let skipped = self.text.skip_while_blank();
        self.count(skipped);
        skipped
    }

    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        let fetched = self.text.fetch_while_is_alpha(out);
        self.count(fetched);
        fetched
    }

    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        let fetched = self.text.fetch_while_is_yaml_non_space(out);
        self.count(fetched);
        fetched
    }
}
