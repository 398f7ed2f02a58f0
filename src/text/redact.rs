//! What never leaves the host: parts of lines that patterns match. Pure.

use std::ops::Range;

use crate::filter::{Finder, FinderSearch, PatternError, Re2Pattern, Spans};
use crate::text::presets::{self, Meant};

/// What stands in the place of what was matched, unless it is said otherwise.
pub const REDACTED: &str = "[redacted]";

/// Patterns of what is replaced in every line, in this order: each sees what those before it have left.
#[derive(Debug, Clone, Default)]
pub struct Redactions {
    rules: Vec<Redaction>,
    finder: Finder,
}

/// One pattern, and what stands in the place of what it matches.
#[derive(Debug, Clone)]
pub struct Redaction {
    pattern: Re2Pattern,
    /// The name of the preset that it is, if it is one.
    preset: Option<&'static str>,
    /// Finds what it may match.
    finder: Finder,
    replacement: Vec<ReplacementPart>,
    /// What is meant of what is matched.
    meant: Meant,
}

/// A part of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ReplacementPart {
    Text(Vec<u8>),
    /// What this group holds.
    Group(usize),
}

/// A redaction that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// Its pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Its replacement names a group that the pattern does not have.
    #[error(
        "the replacement {replacement:?} names the group {group:?}, which the pattern {pattern:?} does not have"
    )]
    Group {
        /// As it was written.
        replacement: String,
        /// What stands behind the `$`.
        group: String,
        /// As it was written.
        pattern: String,
    },
}

impl Redaction {
    /// What `pattern` matches becomes `replacement`, in which `$1`, `$name` and `${name}` are what groups hold, and
    /// `$$` is a `$`, as in Go.
    ///
    /// # Errors
    /// The pattern cannot be used, or has no such group.
    pub fn new(pattern: &str, replacement: &str) -> Result<Self, RedactionError> {
        let pattern = Re2Pattern::new(pattern)?;
        let replacement = parts(&pattern, replacement)?;
        let finder = Finder::new([&pattern]);
        Ok(Self { pattern, preset: None, finder, replacement, meant: presets::whole })
    }

    /// The names of the presets.
    pub const PRESETS: [&str; 5] = presets::NAMES;

    /// The preset of that name; nothing where there is none. See [`Self::PRESETS`].
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let preset = presets::of(name)?;
        let redaction = Self::new(preset.pattern, preset.replacement).ok()?;
        let name = Self::PRESETS.into_iter().find(|known| *known == name);
        Some(Self { meant: preset.meant, preset: name, ..redaction })
    }

    /// The preset, or the pattern as it was written.
    fn name(&self) -> &str {
        self.preset.unwrap_or_else(|| self.pattern.text())
    }

    /// Appends `text` to `out` with all that matches replaced. False, and nothing is appended, where nothing
    /// does.
    fn apply(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        // What groups hold is dear to find out.
        if !self.finder.may_match(text) || !self.pattern.matches(text) {
            return false;
        }
        let mut done = 0;
        let mut replace = |meant: Range<usize>, spans: &Spans| {
            out.extend_from_slice(&text[done..meant.start]);
            for part in &self.replacement {
                match part {
                    ReplacementPart::Text(bytes) => out.extend_from_slice(bytes),
                    ReplacementPart::Group(group) => {
                        let span = spans.get(*group).cloned().flatten();
                        out.extend_from_slice(span.map_or(&[], |span| &text[span]));
                    }
                }
            }
            done = meant.end;
        };
        self.pattern.each_match(text, |spans| {
            let whole = spans.first().cloned().flatten().filter(|whole| !whole.is_empty());
            let Some(whole) = whole else { return };
            let mut from = 0;
            while let Some(meant) = (self.meant)(&text[whole.clone()], from) {
                from = meant.end;
                replace(whole.start + meant.start..whole.start + meant.end, spans);
            }
        });
        if done > 0 {
            out.extend_from_slice(&text[done..]);
        }
        done > 0
    }
}

impl Redactions {
    /// All of these, one after the other.
    #[must_use]
    pub fn new(rules: Vec<Redaction>) -> Self {
        let finder = Finder::new(rules.iter().map(|rule| &rule.pattern));
        Self { rules, finder }
    }

    /// Each by the name of its preset, or as its pattern was written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(Redaction::name)
    }

    /// The same with what stands in the place of what is found: lists of which that is equal do the same.
    #[must_use]
    pub fn whole(&self) -> String {
        let rules = self.rules.iter().map(|rule| (rule.name(), &rule.replacement));
        format!("{:?}", rules.collect::<Vec<_>>())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether some pattern may match across lines without being found in one of them.
    pub(super) fn crosses_lines(&self) -> bool {
        self.finder.crosses_lines()
    }

    /// Begins to search whole `lines` for what may have to be replaced.
    #[must_use]
    pub fn search<'a>(&'a self, lines: &'a [u8]) -> FinderSearch<'a> {
        self.finder.search(lines)
    }

    /// Replaces in `text` all that matches; `scratch` is room to work in.
    pub fn apply(&self, text: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        for rule in &self.rules {
            scratch.clear();
            if rule.apply(text, scratch) {
                std::mem::swap(text, scratch);
            }
        }
    }
}

/// The parts of a replacement.
fn parts(pattern: &Re2Pattern, replacement: &str) -> Result<Vec<ReplacementPart>, RedactionError> {
    let (mut parts, mut text, mut rest) = (Vec::new(), Vec::new(), replacement);
    while let Some((before, behind)) = rest.split_once('$') {
        text.extend_from_slice(before.as_bytes());
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, behind) = match behind.strip_prefix('{').and_then(|it| it.split_once('}')) {
            Some(braced) => braced,
            None => behind.split_at(behind.find(|c| !is_of_name(c)).unwrap_or(behind.len())),
        };
        rest = behind;
        if let (true, Some(behind)) = (name.is_empty(), rest.strip_prefix('$')) {
            text.push(b'$');
            rest = behind;
            continue;
        }
        let Some(group) = pattern.group(name) else {
            let (replacement, group) = (replacement.to_owned(), name.to_owned());
            let pattern = pattern.text().to_owned();
            return Err(RedactionError::Group { replacement, group, pattern });
        };
        parts.push(ReplacementPart::Text(std::mem::take(&mut text)));
        parts.push(ReplacementPart::Group(group));
    }
    text.extend_from_slice(rest.as_bytes());
    parts.push(ReplacementPart::Text(text));
    parts.retain(|part| *part != ReplacementPart::Text(Vec::new()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(rules: &[(&str, &str)], text: &[u8]) -> Vec<u8> {
        let rules = rules.iter().map(|(pattern, with)| Redaction::new(pattern, with).unwrap());
        applied(&Redactions::new(rules.collect()), text)
    }

    fn applied(redactions: &Redactions, text: &[u8]) -> Vec<u8> {
        let (mut text, mut scratch) = (text.to_vec(), Vec::new());
        redactions.apply(&mut text, &mut scratch);
        text
    }

    fn preset(name: &str, text: &str) -> String {
        let redactions = Redactions::new(vec![Redaction::preset(name).unwrap()]);
        String::from_utf8(applied(&redactions, text.as_bytes())).unwrap()
    }

    #[test]
    fn every_match_is_replaced_and_groups_stay() {
        let user = [("user=(\\w+)", "user=[$1]")];
        assert_eq!(redacted(&user, b"a user=x, user=yz."), b"a user=[x], user=[yz].");
        let named = [("(?P<key>k)(v)", "${key}$$$2_")];
        let error = Redaction::new(named[0].0, named[0].1).unwrap_err().to_string();
        assert!(error.contains("the group \"2_\""), "{error}");
        assert_eq!(redacted(&[("(?P<key>k)(v)", "${key}$$${2}_")], b"akvb"), b"ak$v_b");
        assert_eq!(redacted(&[("x", REDACTED)], b"no such thing"), b"no such thing");
        // What matches nothing at all hides nothing.
        assert_eq!(redacted(&[("x*", "-")], b"axxb"), b"a-b");
        assert!(Redaction::new("(", "").is_err() && Redaction::new("a", "$").is_err());
    }

    #[test]
    fn one_sees_what_those_before_it_have_left() {
        assert_eq!(redacted(&[("a", "b"), ("b+", "c")], b"abx"), b"cx");
    }

    #[test]
    fn what_is_not_utf8_is_replaced_and_the_rest_stays_as_it_is() {
        let rule = [("password=([^ ]*)", "password=***")];
        assert_eq!(redacted(&rule, b"\xFF password=a\xE9b\xFF \xFE"), b"\xFF password=*** \xFE");
    }

    #[test]
    fn a_card_number_is_one_that_adds_up() {
        for card in
            ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"]
        {
            assert_eq!(preset("card", &format!("paid by {card}.")), "paid by [redacted].");
        }
        for (line, expected) in [
            ("10:20:30 4111111111111111", "10:20:30 [redacted]"),
            ("2026-11-29 4111111111111111 x", "2026-11-29 [redacted] x"),
            ("paid 4111111111111111 200 OK", "paid [redacted] 200 OK"),
            ("paid 4111-1111-1111-1111 200", "paid [redacted] 200"),
            ("paid 4111 1111 1111 1111 2 items", "paid [redacted] 2 items"),
            ("3782 822463 10005 4111111111111111 12/28", "[redacted] [redacted] 12/28"),
        ] {
            assert_eq!(preset("card", line), expected);
        }
        // Each is looked at once, and not all that are behind it.
        let row = ["4111111111111111"; 20_000].join(" ");
        assert_eq!(preset("card", &row), ["[redacted]"; 20_000].join(" "));
        for other in [
            "4111111111111112",
            "1234567890123",
            "x4111111111111111",
            "41111111111111110000",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        ] {
            let line = format!("id {other}.");
            assert_eq!(preset("card", &line), line);
        }
    }

    #[test]
    fn presets_find_what_they_are_called_after() {
        assert_eq!(preset("email", "to a.b+c@mail.example.org, ok"), "to [redacted], ok");
        assert_eq!(preset("email", "user@host and @x"), "user@host and @x");
        assert_eq!(
            preset("ipv4", "from 10.0.0.255:80 to 1.2.3.4"),
            "from [redacted]:80 to [redacted]"
        );
        assert_eq!(preset("ipv4", "version 1.2.3 and 300.1.1.1"), "version 1.2.3 and 300.1.1.1");
        let bearer = preset("bearer", "Authorization: Bearer eyJ.a-b_c/d+e== end");
        assert_eq!(bearer, "Authorization: Bearer [redacted] end");
        assert_eq!(preset("bearer", "bearer  abc"), "bearer  [redacted]");
        for (given, expected) in [
            ("password=hunter2 x", "password=[redacted] x"),
            ("db_Password: \"a b\", y", "db_Password: \"[redacted]\", y"),
            ("{\"passwd\":\"a\\\"b\",\"z\":1}", "{\"passwd\":\"[redacted]\",\"z\":1}"),
            ("pwd='x y';", "pwd='[redacted]';"),
            ("api_key = k,secret:s", "api_key = [redacted],secret:[redacted]"),
            ("&access_token=t&b", "&access_token=[redacted]&b"),
            ("the password is good", "the password is good"),
            (r#"{"msg":"{\"password\":\"a b\"}"}"#, r#"{"msg":"{\"password\":\"[redacted]\"}"}"#),
            (r#"{"log":"password=\"hunter2\" ok\n"}"#, r#"{"log":"password=\"[redacted]\" ok\n"}"#),
            (r#""password"=>"hunter2""#, r#""password"=>"[redacted]""#),
            ("Password => hunter2", "Password => [redacted]"),
            (r#"password := "hunter2""#, r#"password := "[redacted]""#),
            (r#"password == "hunter2""#, r#"password == "[redacted]""#),
            (r#""password": ["hunter2"]"#, r#""password": ["[redacted]"]"#),
            ("password=\"hunter2", "password=[redacted]"),
            ("password='hunter2 x", "password=[redacted] x"),
        ] {
            assert_eq!(preset("password", given), expected);
        }
    }

    /// As docs/configuration.md says, so that nobody relies on them for these.
    #[test]
    fn presets_leave_what_the_document_says() {
        for (name, text) in [
            ("card", "4111.1111.1111.1111"),
            ("card", "id 7 411111 1111111111 2"),
            ("ipv4", "client_10.0.0.1"),
            ("card", "4111  1111  1111  1111"),
            ("email", "user@\u{D68C}\u{C0AC}.kr"),
            ("ipv4", "2001:db8::1"),
            ("bearer", "Authorization: Basic dTpw"),
            ("password", "PASSWORD_HASH=xyz"),
            ("password", "https://user:word@host/"),
        ] {
            assert_eq!(preset(name, text), text, "{name}");
        }
    }

    #[test]
    fn presets_are_quick_to_look_for() {
        for name in presets::NAMES {
            let redactions = Redactions::new(vec![Redaction::preset(name).unwrap()]);
            assert!(redactions.finder.is_quick(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_secret_is_left(
            parts in proptest::collection::vec(("[a-z =:\"\u{E9}]{0,9}", 0usize..5, any::<bool>(), "([0-9]{1,3}[ -])?"), 0..9),
        ) {
            let secrets = [
                "4111111111111111", "jane.doe@mail.example.com", "192.168.17.250",
                "Bearer abcDEF123.xyz", "password=hunter2secret",
            ];
            // What must not be seen of each.
            let hidden = ["411111111111", "jane.doe", "168.17", "abcDEF", "hunter2"];
            let names = ["card", "email", "ipv4", "bearer", "password"];
            let rules = names.map(|name| Redaction::preset(name).unwrap());
            let redactions = Redactions::new(rules.to_vec());
            let mut text = Vec::new();
            for (around, secret, is_bad, beside) in &parts {
                text.extend_from_slice(around.as_bytes());
                text.extend_from_slice(if *is_bad { b" \xFF " } else { b" " });
                text.extend_from_slice(beside.as_bytes());
                text.extend_from_slice(secrets[*secret].as_bytes());
                text.push(b' ');
            }
            let left = applied(&redactions, &text);
            let left = String::from_utf8_lossy(&left);
            for hidden in hidden {
                prop_assert!(!left.contains(hidden), "{}", left);
            }
            // And the search over many lines finds each line that is changed.
            text.push(b'\n');
            let is_found = redactions.search(&text).line_from(0).is_some();
            prop_assert_eq!(is_found, !parts.is_empty());
        }
    }
}
