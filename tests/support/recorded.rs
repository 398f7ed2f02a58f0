//! Answers of other people's pattern matchers, kept in a file.
//!
//! A line holds, parted by tabs, a pattern, `refused` or a digit for each text, and the texts. What is
//! not printable ASCII stands there as Rust escapes it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A pattern, texts, and whether it matches each of them. `None`: it is refused.
pub struct Recorded {
    pub pattern: Vec<u8>,
    pub texts: Vec<Vec<u8>>,
    pub answers: Option<Vec<bool>>,
}

impl Recorded {
    /// All that is kept under `name`.
    pub fn read(name: &str) -> Vec<Self> {
        let table = fs::read_to_string(path(name)).unwrap();
        table.lines().map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let mut fields = line.split('\t');
        let pattern = unescaped(fields.next().unwrap());
        let answers = match fields.next().unwrap() {
            "refused" => None,
            digits => Some(digits.bytes().map(|digit| digit == b'1').collect()),
        };
        let texts: Vec<_> = fields.map(unescaped).collect();
        assert!(answers.as_ref().is_none_or(|answers: &Vec<bool>| answers.len() == texts.len()));
        Self { pattern, texts, answers }
    }

    /// Keeps `table` under `name`, if the environment asks for it with `UPDATE_FIXTURES`.
    pub fn update(name: &str, table: impl Iterator<Item = Self>) {
        if std::env::var_os("UPDATE_FIXTURES").is_none() {
            return;
        }
        let mut text = String::new();
        for Self { pattern, texts, answers } in table {
            let digits =
                |answers: Vec<bool>| answers.into_iter().map(|it| if it { '1' } else { '0' });
            let answers = answers.map_or("refused".to_owned(), |it| digits(it).collect());
            write!(text, "{}\t{answers}", pattern.escape_ascii()).unwrap();
            texts.iter().for_each(|it| write!(text, "\t{}", it.escape_ascii()).unwrap());
            text.push('\n');
        }
        fs::write(path(name), text).unwrap();
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/go").join(name)
}

/// The reverse of `escape_ascii`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'\\' => match rest.next().unwrap() {
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            },
            byte => byte,
        };
        bytes.push(byte);
    }
    bytes
}

#[test]
fn what_is_escaped_comes_back() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(unescaped(&bytes.escape_ascii().to_string()), bytes);
}
