//! From RE2 to the syntax of the `regex` crate.

/// RE2 syntax as the `regex` crate reads it: `\d \w \s \b` mean ASCII, `\Q…\E` quotes,
/// `\C` is any byte, and `\123` an octal number.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                out.extend(rest.next_if_eq(&'^'));
                // A bracket right at the start stands for itself.
                if rest.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if rest.peek() == Some(&':') => out.push('['),
            // Nested classes and set operations exist only in the regex crate.
            '[' => out.push_str("\\["),
            '&' | '~' | '-' if in_class && rest.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            ':' if in_class && rest.peek() == Some(&']') && posix_class_is_open(&out) => {
                out.push(':');
                out.extend(rest.next());
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '\\' => escape(&mut rest, in_class, &mut out),
            _ => out.push(c),
        }
    }
    out
}

fn posix_class_is_open(out: &str) -> bool {
    out.rfind("[:")
        .is_some_and(|at| out[at + 2..].chars().all(|c| c.is_ascii_alphabetic() || c == '^'))
}

fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, in_class: bool, out: &mut String) {
    let Some(c) = rest.next() else {
        out.push('\\');
        return;
    };
    let ascii_class = match c {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some("\\t\\n\\x0C\\r "),
        _ => None,
    };
    match c {
        _ if in_class && ascii_class.is_some() => out.extend(ascii_class),
        'd' | 'w' | 's' => out.extend(["[", ascii_class.unwrap_or_default(), "]"]),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'S' => out.push_str("[^\\t\\n\\x0C\\r ]"),
        'b' | 'B' => out.extend(["(?-u:\\", if c == 'b' { "b" } else { "B" }, ")"]),
        'C' => out.push_str("(?s-u:.)"),
        'Q' => quoted(rest, out),
        '0'..='7' if c == '0' || rest.peek().is_some_and(|d| ('0'..='7').contains(d)) => {
            let mut value = c.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = rest.peek().and_then(|d| d.to_digit(8)) else { break };
                value = value * 8 + digit;
                rest.next();
            }
            out.push_str(&format!("\\x{{{value:x}}}"));
        }
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// Copies up to `\E` literally.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut literal = String::new();
    while let Some(c) = rest.next() {
        if c == '\\' && rest.next_if_eq(&'E').is_some() {
            break;
        }
        literal.push(c);
    }
    out.push_str(&regex::escape(&literal));
}
