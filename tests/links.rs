//! Where the documents lead: to files and headings that are there, in the source and in a package.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others = [
        "README.md",
        "README.ko.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "packaging/README.md",
    ];
    docs.chain(others.map(|name| root().join(name))).collect()
}

/// The targets of the links in `text`, those to other hosts left out.
fn targets(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let targets = link.captures_iter(text).map(|found| found[1].to_owned());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The names that GitHub gives to the headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in targets(&text) {
            let (name, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match name {
                "" => document.clone(),
                name => document.parent().unwrap().join(name),
            };
            let is_there = path.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&path).unwrap()).iter().any(|a| a == anchor));
            if !is_there {
                dead.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
}

#[test]
fn documents_of_a_package_lead_to_what_is_in_it() {
    let build = fs::read_to_string(root().join("packaging/build")).unwrap();
    let packaged = Regex::new(r"for doc in ([\w ]+); do").unwrap().captures(&build).unwrap();
    let packaged: Vec<_> = packaged[1].split(' ').map(|name| format!("{name}.md")).collect();
    assert!(packaged.iter().any(|name| name == "operating.md"), "{packaged:?}");
    for name in &packaged {
        let text = fs::read_to_string(root().join("docs").join(name)).unwrap();
        for target in targets(&text) {
            let file = target.split('#').next().unwrap();
            let is_packaged = file.is_empty() || packaged.iter().any(|other| other == file);
            // packaging/build makes "examples/" of it.
            assert!(is_packaged || file.starts_with("../examples/"), "{name}: {target}");
        }
    }
}
