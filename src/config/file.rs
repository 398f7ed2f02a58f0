//! The file, as a tree. No value is interpreted here.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::reader::Tree;
use super::document::spots::SourceOrigin;
use super::error::{Place, Problem};
use super::findings::Findings;
use super::yaml::{self, Node, Value};
use crate::hidden;
use crate::shown::Show;

/// Longer than any configuration. What is longer is another file, or has no end.
const LENGTH_MAX: u64 = 16 << 20;

/// Who has named a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Naming<'a> {
    /// Nobody: it is the one that is read by default, if it is there.
    Default,
    /// The call.
    Call,
    /// A value of this key, which stands at this place.
    Key(&'a str, Place),
}

impl Naming<'_> {
    /// What is wrong with all of the file.
    fn problem(&self, file: &Arc<PathBuf>, text: &str) -> Problem {
        match self {
            Self::Key(key, place) => Problem::of(key, place, format!("{} {text}", file.shown())),
            Self::Default | Self::Call => Problem::at(Place::File(Arc::clone(file)), "", text),
        }
    }
}

/// Reads the file at `path`. `None`: it could not be read as a whole, and a problem says why.
pub(super) fn read(path: &Path, naming: &Naming<'_>, findings: &mut Findings) -> Option<Tree> {
    let file = Arc::new(path.to_owned());
    let text = match contents(path, naming) {
        Ok(bytes) if bytes.len() as u64 <= LENGTH_MAX => {
            return FileReader { file, findings }.bytes(&bytes);
        }
        Ok(_) => format!(
            "is longer than {} MiB, which no configuration is; name another file",
            LENGTH_MAX >> 20
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound && *naming == Naming::Default => {
            return Some(tree(&file, Node { line: 1, value: Value::Null }));
        }
        Err(error) => {
            let hidden = hidden::explained(path);
            let remedy = hidden.as_deref().unwrap_or("check its path and rights");
            format!("cannot be read ({}); {remedy}", reason(&error))
        }
    };
    findings.problem(naming.problem(&file, &text));
    None
}

/// What the file holds, or a little more than may be. The call may name a pipe, as shells do for what a command writes; for
/// an included one nobody may ever write.
fn contents(path: &Path, naming: &Naming<'_>) -> io::Result<Vec<u8>> {
    let is_included = matches!(naming, Naming::Key(..));
    let flags = if is_included { libc::O_NONBLOCK } else { 0 };
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if is_included && file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::other("it is a FIFO"));
    }
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The error in words, without the number that the standard library puts behind them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn tree(file: &Arc<PathBuf>, root: Node) -> Tree {
    Tree { origin: SourceOrigin::File(Arc::clone(file)), root }
}

pub(super) struct FileReader<'a> {
    pub(super) file: Arc<PathBuf>,
    pub(super) findings: &'a mut Findings,
}

impl FileReader<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Option<Tree> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (before, after) = bytes.split_at(error.valid_up_to());
                let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
                let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                let text = format!(
                    "the byte 0x{:02X} is not UTF-8; save the file as UTF-8",
                    after.first().copied().unwrap_or_default()
                );
                self.problem_at(line, Some(before.len() - start + 1), "", text);
                return None;
            }
        };
        let document = match yaml::parse(text) {
            Ok(document) => document,
            Err(error) => {
                self.problem_at(error.line, Some(error.column), "", error.text);
                return None;
            }
        };
        if let Some(line) = document.second {
            self.warn(line, "", "a second document begins here, and is ignored; remove it");
        }
        for (line, text) in document.doubts {
            self.warn(line, "", &text);
        }
        let root = document.root;
        if let Value::Scalar { .. } | Value::List(_) = root.value {
            let text = format!(
                "the file holds {} where keys belong; write keys such as files: with what belongs to them",
                root.value.noun()
            );
            self.problem_at(root.line, None, "", text);
            return None;
        }
        Some(tree(&self.file, root))
    }

    fn problem_at(
        &mut self,
        line: usize,
        column: Option<usize>,
        key: &str,
        text: impl Into<String>,
    ) {
        let place = Place::Line { file: Arc::clone(&self.file), line, column };
        self.findings.problem(Problem::at(place, key, text));
    }

    fn warn(&mut self, line: usize, key: &str, text: &str) {
        let place = Place::Line { file: Arc::clone(&self.file), line, column: None };
        self.findings.warn(Problem::at(place, key, text));
    }
}
