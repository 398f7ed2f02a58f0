//! STRUCTURED-DATA (RFC 5424, section 6.3) beside the token: what the configuration adds to every message.

/// The enterprise number under which receivers look for the token (Papertrail's, whose remote_syslog2 began with
/// it). RFC 5424, section 7, has names without a number given out by IANA alone.
pub(super) const ENTERPRISE: &str = "41058";

/// Longest SD-NAME in octets (RFC 5424, section 6.3.2).
const NAME_MAX: usize = 32;

/// What is added to the messages of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StructuredData {
    params: Vec<(String, String)>,
    /// Whether messages say where in which file they stand.
    has_place: bool,
}

/// Where a message comes from, as the receiver is told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MessagePlace {
    /// The number of the file's content: the same name has others after each rotation.
    pub content: u64,
    /// Where its record begins in that content, in bytes.
    pub offset: u64,
}

impl StructuredData {
    /// Nothing but these parameters, in this order. The names must be such that [`param_name`] takes them.
    #[must_use]
    pub fn new(params: Vec<(String, String)>, has_place: bool) -> Self {
        Self { params, has_place }
    }

    /// The names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|(name, _)| name.as_str())
    }

    /// Whether messages say where in which file they stand.
    #[must_use]
    pub fn has_place(&self) -> bool {
        self.has_place
    }

    /// The element `[fields@41058 name="value" …]`; empty without parameters.
    pub(super) fn fields(&self) -> String {
        if self.params.is_empty() {
            return String::new();
        }
        let params =
            self.params.iter().map(|(name, value)| format!(" {name}=\"{}\"", escaped(value)));
        format!("[fields@{ENTERPRISE}{}]", params.collect::<String>())
    }

    /// The element that says where a message of the file at `path` stands, up to the content's number.
    pub(super) fn place(&self, path: &str) -> Option<String> {
        let path = escaped(path);
        self.has_place.then(|| format!("[file@{ENTERPRISE} path=\"{path}\" content=\""))
    }
}

/// Whether `name` can be the name of a parameter: an SD-NAME (RFC 5424, section 6.3.3).
///
/// # Errors
/// It cannot; in words, with what to write.
pub fn param_name(name: &str) -> Result<(), String> {
    let odd = |c: &char| !c.is_ascii_graphic() || matches!(c, '=' | ']' | '"');
    if let Some(c) = name.chars().find(odd) {
        return Err(format!(
            "the name {name:?} holds {c:?}, which RFC 5424 (section 6.3.3) does not allow; write \
             printable ASCII without blanks, '=', ']' and '\"'"
        ));
    }
    if !(1..=NAME_MAX).contains(&name.len()) {
        return Err(format!("the name {name:?} is not of 1 to {NAME_MAX} characters; shorten it"));
    }
    Ok(())
}

/// `value` as PARAM-VALUE: `"`, `\` and `]` have a `\` before them (RFC 5424, section 6.3.3). What would end the message
/// for a receiver becomes a blank.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_as_section_6_3_3_says() {
        let params = [("env", "prod"), ("quote", r#"a"b\c]d"#), ("end", "a\nb\0")];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let data = StructuredData::new(params.to_vec(), false);
        let expected = r#"[fields@41058 env="prod" quote="a\"b\\c\]d" end="a b "]"#;
        assert_eq!((data.fields(), data.place("x")), (expected.to_owned(), None));
        assert_eq!(StructuredData::default().fields(), "");
    }

    #[test]
    fn names_are_those_of_the_rfc() {
        assert!(param_name("x-y.z_1").is_ok() && param_name(&"n".repeat(32)).is_ok());
        for name in ["", "a b", "a=", "\u{E9}", "a\"", "]", &"n".repeat(33)] {
            assert!(param_name(name).is_err(), "{name:?}");
        }
    }
}
