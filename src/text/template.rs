//! Names of messages that hold parts of the path of their file.

use std::path::Path;

use crate::filter::Re2Pattern;

/// A tag or a host name: text, and parts of a path in braces. `{{` and `}}` stand for braces themselves; so does
/// a `{` behind a `$`, since that is a variable which nothing has replaced, and a `}` that closes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    parts: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Literal(String),
    /// The name of the directory that the file is in.
    Dir,
    /// The name of the file.
    Name,
    /// The same up to its last dot.
    Stem,
    /// The whole path.
    Path,
    /// What a named group of a pattern for the path holds.
    Group(String),
}

/// The parts of a path that have names of their own.
const PARTS: [(&str, TemplatePart); 4] = [
    ("dir", TemplatePart::Dir),
    ("name", TemplatePart::Name),
    ("path", TemplatePart::Path),
    ("stem", TemplatePart::Stem),
];

/// What stands for a part that a path does not have.
const NOTHING: &str = "-";

impl PathTemplate {
    /// Reads a template. Which groups there are is not known yet: see [`Self::unknown`].
    ///
    /// # Errors
    /// What is wrong with its braces, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" || literal.ends_with('$') {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            let Some(end) = behind.find('}') else {
                return Err(format!(
                    "{text:?} has a '{{' that is not closed; write '}}' behind it, or '{{{{' for the \
                     sign itself"
                ));
            };
            if !literal.is_empty() {
                parts.push(TemplatePart::Literal(std::mem::take(&mut literal)));
            }
            let name = &behind[..end];
            let part = PARTS.into_iter().find(|(known, _)| *known == name).map(|(_, part)| part);
            parts.push(part.unwrap_or_else(|| TemplatePart::Group(name.to_owned())));
            rest = &behind[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(TemplatePart::Literal(literal));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Just that text, braces included.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let text = text.to_owned();
        Self { parts: vec![TemplatePart::Literal(text.clone())], text }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is for every path, if it holds no part of one.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The first name in braces that is neither a part of every path nor a group of `pattern`.
    #[must_use]
    pub fn unknown(&self, pattern: Option<&Re2Pattern>) -> Option<&str> {
        let is_group = |name: &str| pattern.is_some_and(|it| it.group(name).is_some());
        self.parts.iter().find_map(|part| match part {
            TemplatePart::Group(name) if !is_group(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// What it is for `path`. Where `pattern` does not match the path, or a group has no part in the match,
    /// the group is `-`.
    #[must_use]
    pub fn of(&self, path: &Path, pattern: Option<&Re2Pattern>) -> String {
        if let Some(text) = self.fixed() {
            return text.to_owned();
        }
        let whole = path.to_string_lossy();
        let parts = self.parts.iter().map(|part| {
            let said = match part {
                TemplatePart::Literal(text) => return text.clone(),
                TemplatePart::Dir => path.parent().and_then(Path::file_name),
                TemplatePart::Name => path.file_name(),
                TemplatePart::Stem => path.file_stem(),
                TemplatePart::Path => Some(path.as_os_str()),
                TemplatePart::Group(name) => {
                    let held = pattern.and_then(|pattern| held(pattern, name, &whole));
                    return held.unwrap_or_else(|| NOTHING.to_owned());
                }
            };
            said.map_or_else(|| NOTHING.to_owned(), |said| said.to_string_lossy().into_owned())
        });
        parts.collect()
    }
}

/// What a group holds in the first match of `text`.
fn held(pattern: &Re2Pattern, group: &str, text: &str) -> Option<String> {
    let group = pattern.group(group)?;
    let mut held = None;
    let mut is_first = true;
    pattern.each_match(text.as_bytes(), |spans| {
        if std::mem::take(&mut is_first) {
            held = spans.get(group).cloned().flatten().map(|span| text[span].to_owned());
        }
    });
    held.filter(|held| !held.is_empty())
}

/// The names of the parts that every path has, as they are written.
#[must_use]
pub fn path_parts() -> String {
    PARTS.map(|(name, _)| format!("{{{name}}}")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(template: &str, path: &str, pattern: &str) -> String {
        let pattern = Re2Pattern::new(pattern).unwrap();
        let template = PathTemplate::parse(template).unwrap();
        assert_eq!(template.unknown(Some(&pattern)), None);
        template.of(Path::new(path), Some(&pattern))
    }

    #[test]
    fn parts_of_a_path() {
        let path = "/srv/shop/production.2026.log";
        for (template, expected) in [
            ("plain", "plain"),
            ("{dir}/{stem}", "shop/production.2026"),
            ("{name}", "production.2026.log"),
            ("x{path}", "x/srv/shop/production.2026.log"),
            ("{{{dir}}}", "{shop}"),
            ("${HOST}-{dir}", "${HOST}-shop"),
            ("a}b", "a}b"),
            ("", ""),
        ] {
            assert_eq!(of(template, path, ""), expected);
        }
        assert_eq!(of("{dir}", "/a.log", ""), "-");
    }

    #[test]
    fn groups_of_a_pattern() {
        let pattern = "^/var/log/containers/(?P<pod>[^_]+)_(?P<ns>[^_]+)_(?P<more>x)?";
        let path = "/var/log/containers/web-7f_prod_nginx-1.log";
        assert_eq!(of("{ns}/{pod}", path, pattern), "prod/web-7f");
        assert_eq!(of("{more}.{1}", path, pattern), "-.web-7f");
        assert_eq!(of("{ns}/{pod}", "/other", pattern), "-/-");
    }

    #[test]
    fn what_is_wrong_with_a_template() {
        for bad in ["{dir", "{", "a}b{dir"] {
            assert!(PathTemplate::parse(bad).unwrap_err().contains("; write "), "{bad}");
        }
        let template = PathTemplate::parse("{dir}{nmae}").unwrap();
        assert_eq!((template.unknown(None), template.fixed()), (Some("nmae"), None));
        assert_eq!(PathTemplate::literal("{x}").fixed(), Some("{x}"));
    }
}
