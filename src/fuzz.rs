//! What the targets of `fuzz/` check. Compiled for tests and fuzzing alone.

/// Takes any bytes, and panics where something is wrong.
type Check = fn(&[u8]);

/// By their names.
pub const TARGETS: [(&str, Check); 8] = [
    ("archives", archives),
    ("config", config),
    ("glob", glob),
    ("ledger", ledger),
    ("patterns", patterns),
    ("re2", re2),
    ("records", records),
    ("state", state),
];

/// A place to read at, and a compressed file.
pub fn archives(data: &[u8]) {
    crate::input::fuzz::check_archive(data);
}

/// A file of configuration.
pub fn config(data: &[u8]) {
    crate::config::fuzz::check(data);
}

/// A glob, and behind its newline names.
pub fn glob(data: &[u8]) {
    crate::glob::fuzz::check(data);
}

/// What happens to connections, and how much of it.
pub fn ledger(data: &[u8]) {
    crate::deliver::fuzz::check(data);
}

/// The length of messages, two lengths of pieces, and what a file holds.
pub fn records(data: &[u8]) {
    crate::input::fuzz::check_records(data);
}

/// Saved positions, and behind a line `---` recent changes.
pub fn state(data: &[u8]) {
    crate::checkpoint::fuzz::check(data);
}

/// A pattern, and behind its newline lines.
pub fn patterns(data: &[u8]) {
    crate::filter::fuzz::check(data);
}

/// A pattern alone, which is read and not compiled.
pub fn re2(data: &[u8]) {
    crate::filter::fuzz::check_syntax(data);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_passes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        for (name, check) in TARGETS {
            let target = format!("fuzz_targets/{name}.rs");
            assert!(root.join(&target).exists(), "fuzz/{target} is missing");
            let seeds = fs::read_dir(root.join("seeds").join(name)).unwrap();
            let paths: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
            assert!(!paths.is_empty(), "{name} has no seeds");
            for path in paths {
                // A failure is told with the name of the seed that was printed last.
                eprintln!("{}", path.display());
                check(&fs::read(path).unwrap());
            }
        }
    }
}
