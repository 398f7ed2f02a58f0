//! Tells what the program is made of: a bill of materials for machines (CycloneDX 1.5,
//! <https://cyclonedx.org/docs/1.5/json/>), and the licences of it all for people.
//!
//! ```text
//! cargo run --example dependencies -- x86_64-unknown-linux-gnu target/package
//! ```
//!
//! What only builds or tests it is no part of it and is left out. Its time is that of `SOURCE_DATE_EPOCH`, so that
//! two builds are alike.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: dependencies TARGET DIRECTORY";
    let (target, directory) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let program = Program::read(&target)?;
    let bill = serde_json::to_string_pretty(
        &program.bill(&checksums(&fs::read_to_string("Cargo.lock")?)),
    )?;
    fs::create_dir_all(&directory)?;
    fs::write(Path::new(&directory).join("sbom.cdx.json"), bill + "\n")?;
    fs::write(Path::new(&directory).join("third-party.txt"), program.licences()?)?;
    Ok(())
}

/// The crates that are compiled into the program, by Cargo's id.
struct Program {
    root: String,
    crates: BTreeMap<String, Crate>,
}

struct Crate {
    name: String,
    version: String,
    /// As SPDX has it.
    licence: String,
    authors: String,
    repository: Option<String>,
    directory: PathBuf,
    uses: BTreeSet<String>,
}

impl Program {
    fn read(target: &str) -> Result<Self> {
        let only = ["--filter-platform", target];
        let metadata = cargo(&["metadata", "--locked", "--format-version=1"], &only)?;
        // It has what tests use, too. The tree has what is linked, and no more.
        let only = ["--target", target, "--edges=normal,no-proc-macro"];
        let tree = cargo(&["tree", "--locked", "--prefix=none", "--format={p}"], &only)?;
        let read = Self::of(&serde_json::from_str(&metadata)?, &tree);
        read.ok_or_else(|| "cargo metadata or cargo tree says what is not understood".into())
    }

    /// From what `cargo metadata` says, as far as `tree` has it: each crate as `name v1.2.3`.
    fn of(metadata: &Value, tree: &str) -> Option<Self> {
        let mut linked = BTreeSet::new();
        for line in tree.lines() {
            let (name, more) = line.split_once(" v")?;
            linked.insert((name, more.split(' ').next()?));
        }
        let packages = metadata["packages"].as_array()?.iter().filter(|package| {
            let (name, version) = (package["name"].as_str(), package["version"].as_str());
            name.zip(version).is_some_and(|it| linked.contains(&it))
        });
        let read =
            |package: &Value| Some((package["id"].as_str()?.to_owned(), Crate::of(package)?));
        let mut crates = packages.map(read).collect::<Option<BTreeMap<_, _>>>()?;
        let known: BTreeSet<_> = crates.keys().cloned().collect();
        for node in metadata["resolve"]["nodes"].as_array()? {
            if let Some(it) = crates.get_mut(node["id"].as_str()?) {
                let used = node["dependencies"].as_array()?.iter().filter_map(Value::as_str);
                it.uses = used.filter(|id| known.contains(*id)).map(str::to_owned).collect();
            }
        }
        Some(Self { root: metadata["resolve"]["root"].as_str()?.to_owned(), crates })
    }

    fn bill(&self, checksums: &BTreeMap<(String, String), String>) -> Value {
        let components = self.crates.iter().filter(|(id, _)| **id != self.root);
        let components: Vec<_> = components.map(|(_, it)| it.component(checksums)).collect();
        let dependencies = self.crates.values().map(|it| {
            let on: Vec<_> = it.uses.iter().map(|id| self.crates[id].url()).collect();
            json!({"ref": it.url(), "dependsOn": on})
        });
        let root = &self.crates[&self.root];
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": time(),
                "component": {
                    "type": "application", "bom-ref": root.url(), "name": root.name, "version": root.version,
                    "licenses": [{"expression": root.licence}], "purl": root.url(),
                },
            },
            "components": components,
            "dependencies": dependencies.collect::<Vec<_>>(),
        })
    }

    /// Each text once, below the names of those it is of.
    fn licences(&self) -> Result<String> {
        let mut text =
            "What remote_syslog is made of, besides its own source, and under which licences.\n\n"
                .to_owned();
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (_, it) in self.crates.iter().filter(|(id, _)| **id != self.root) {
            writeln!(text, "  {} {}: {}", it.name, it.version, it.licence)?;
            let files = licence_files(&it.directory)?;
            if files.is_empty() {
                writeln!(text, "    (by {}; its package holds no text)", it.authors)?;
            }
            for file in files {
                let name = format!(
                    "{} {}: {}",
                    it.name,
                    it.version,
                    file.strip_prefix(&it.directory)?.display()
                );
                texts.entry(fs::read_to_string(&file)?.trim().to_owned()).or_default().insert(name);
            }
        }
        text += "  Rust's standard library: MIT OR Apache-2.0\n";
        for (licence, names) in by_name(texts) {
            let rule = "-".repeat(80);
            write!(text, "\n{rule}\n{}\n{rule}\n\n{licence}\n", names.join("\n"))?;
        }
        Ok(text)
    }
}

/// The texts in the order of the names that they stand below.
fn by_name(texts: BTreeMap<String, BTreeSet<String>>) -> Vec<(String, Vec<String>)> {
    let mut texts: Vec<_> = texts
        .into_iter()
        .map(|(text, names)| (text, names.into_iter().collect::<Vec<_>>()))
        .collect();
    texts.sort_by(|one, other| one.1.cmp(&other.1));
    texts
}

impl Crate {
    fn of(package: &Value) -> Option<Self> {
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let authors: Vec<_> =
            package["authors"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some(Self {
            name: text("name")?,
            version: text("version")?,
            licence: text("license")?.replace('/', " OR "),
            authors: if authors.is_empty() { "its authors".to_owned() } else { authors.join(", ") },
            repository: text("repository"),
            directory: Path::new(&text("manifest_path")?).parent()?.to_owned(),
            uses: BTreeSet::new(),
        })
    }

    /// As package URLs name it.
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version.replace('+', "%2B"))
    }

    fn component(&self, checksums: &BTreeMap<(String, String), String>) -> Value {
        let mut component = json!({
            "type": "library", "bom-ref": self.url(), "name": self.name, "version": self.version,
            "licenses": [{"expression": self.licence}], "purl": self.url(),
        });
        if let Some(sum) = checksums.get(&(self.name.clone(), self.version.clone())) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        }
        if let Some(repository) = &self.repository {
            component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
        }
        component
    }
}

/// What that command of Cargo prints.
fn cargo(command: &[&str], only: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO")).args(command).args(only).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Those of a crate and of the C library that some carry, which lies two directories below at most.
fn licence_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut ahead = vec![(directory.to_owned(), 0)];
    while let Some((directory, depth)) = ahead.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
            if path.is_dir() {
                if depth < 2 {
                    ahead.push((path, depth + 1));
                }
            } else if is_licence(&name)
                && fs::read_to_string(&path).is_ok_and(|text| !is_not_ours(&text))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_licence(name: &str) -> bool {
    let begins = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
    begins.iter().any(|begin| name.starts_with(begin))
        && ![".RS", ".SH"].iter().any(|end| name.ends_with(end))
}

/// zstd may be taken under this or the BSD licence, and is taken under the latter. Of xz, only programs
/// have it that are not built.
fn is_not_ours(text: &str) -> bool {
    text.trim_start().starts_with("GNU ") || text.contains("GNU GENERAL PUBLIC LICENSE\n")
}

/// The checksums of `Cargo.lock`, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let sums = lock.split("[[package]]").skip(1).filter_map(|package| {
        let value = |key: &str| {
            let line =
                package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
            Some(line.trim_matches('"').to_owned())
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    sums.collect()
}

fn time() -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let time = given.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.unwrap_or_else(jiff::Timestamp::now).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_linked_is_told_with_its_checksum_and_licence() {
        let program = Program::read("x86_64-unknown-linux-gnu").unwrap();
        let has = |name: &str| program.crates.values().any(|it| it.name == name);
        for (name, linked) in [
            ("rustls", true),
            ("zstd-sys", true),
            ("cc", false),
            ("syn", false),
            ("proptest", false),
            ("zlib-rs", false),
        ] {
            assert_eq!(has(name), linked, "{name}");
        }
        let bill = program.bill(&checksums(include_str!("../Cargo.lock")));
        for component in bill["components"].as_array().unwrap() {
            assert!(
                component["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64),
                "{component}"
            );
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
    }

    #[test]
    fn the_licences_of_carried_libraries_are_there_and_none_that_is_not_used() {
        let text = Program::read("x86_64-unknown-linux-gnu").unwrap().licences().unwrap();
        for part in [
            "zstd/LICENSE",
            "Copyright (c) Meta Platforms",
            "BSD Zero Clause",
            "third_party/fiat/LICENSE",
        ] {
            assert!(text.contains(part), "{part}");
        }
        for part in ["zstd/COPYING", "xz/COPYING.GPL", "xz/COPYING.LGPL"] {
            assert!(!text.contains(&format!(": {part}")), "{part}");
        }
    }
}
