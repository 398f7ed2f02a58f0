//! What is left of a pattern.

/// A place in a pattern. A copy stays where it is.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    pub(super) fn new(pattern: &'a str) -> Self {
        Self { rest: pattern }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    pub(super) fn peek(self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn starts_with(self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// Goes behind `text`, if that is next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let behind = self.rest.strip_prefix(text);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// Goes behind the next `end`, and says what stood before it. Without one it stays.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, behind) = self.rest.split_once(end)?;
        self.rest = behind;
        Some(before)
    }

    /// Everything up to `\E`, or to the end.
    pub(super) fn quoted(&mut self) -> &'a str {
        self.until("\\E").unwrap_or_else(|| std::mem::take(&mut self.rest))
    }

    /// The digits that are next.
    pub(super) fn digits(&mut self) -> &'a str {
        let behind = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(self.rest.len() - behind.len());
        self.rest = rest;
        digits
    }

    /// What lies between here and a later place of the same pattern.
    pub(super) fn up_to(self, later: Self) -> &'a str {
        &self.rest[..self.rest.len() - later.rest.len()]
    }
}
