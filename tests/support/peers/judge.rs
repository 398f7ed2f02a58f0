//! Other people's pattern matchers, each behind a small program that is asked line by line.
//!
//! A question is a line of words in hexadecimal: a pattern and the texts it is held against. The
//! answer is a line with a `1` or a `0` for each text, or `refused`.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::unpack::{or_skip, run, unpacked, with_ending};

/// A program that answers such questions.
pub struct Judge {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    /// RE2 itself; `None` (and a word about it) when it cannot be had.
    #[track_caller]
    pub fn re2() -> Option<Self> {
        let found = unpacked("google-re2", |archives, fresh| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]);
            run(pip.arg("--dest").arg(archives).arg("google-re2"))?;
            for wheel in with_ending(archives, "whl") {
                let mut unzip = Command::new("python3");
                run(unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(fresh))?;
            }
            Ok(())
        });
        let start = |root| {
            let mut command = Command::new("python3");
            command.arg("-c").arg(include_str!("re2.py")).env("PYTHONPATH", root);
            Self::start(&mut command)
        };
        or_skip("google-re2", found.and_then(start))
    }

    /// Go's `regexp`, or with `glob` as `what` its `filepath.Match`, where Go is installed. `None`
    /// otherwise, without a word: its answers are recorded.
    pub fn go(what: &str) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/go/judge.go");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("judge-{what}"));
        let mut build = Command::new("go");
        build.env("GO111MODULE", "off").arg("build").arg("-o").arg(&program).arg(source);
        run(&mut build).ok()?;
        Self::start(Command::new(program).arg(what)).ok()
    }

    fn start(command: &mut Command) -> Result<Self, String> {
        let name = command.get_program().to_owned();
        let told = |error: io::Error| format!("{name:?}: {error}");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(told)?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut judge = Self { child, questions, answers: BufReader::new(answers) };
        judge.ask(b"a", &[b"a".to_vec()]).map_err(told)?;
        Ok(judge)
    }

    /// Whether `pattern` matches each of `texts`. `None`: it is refused.
    pub fn judge(&mut self, pattern: &[u8], texts: &[Vec<u8>]) -> Option<Vec<bool>> {
        self.ask(pattern, texts).unwrap()
    }

    fn ask(&mut self, pattern: &[u8], texts: &[Vec<u8>]) -> io::Result<Option<Vec<bool>>> {
        let mut question = hexadecimal(pattern);
        for text in texts {
            question.push(' ');
            question.push_str(&hexadecimal(text));
        }
        question.push('\n');
        self.questions.as_mut().unwrap().write_all(question.as_bytes())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        match answer.strip_suffix('\n') {
            Some("refused") => Ok(None),
            Some(digits) if digits.len() == texts.len() => {
                Ok(Some(digits.bytes().map(|digit| digit == b'1').collect()))
            }
            _ => Err(io::Error::other(format!("it answers {answer:?}"))),
        }
    }
}

/// With a letter in front, so that no word is empty.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    ["x".to_owned()].into_iter().chain(digits).collect()
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}
