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
    use std::panic::catch_unwind;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    /// Seeds changed at random, of `FUZZ_TARGET` (or all), for `FUZZ_SECONDS` each: where there is no
    /// nightly toolchain. Nothing tells it which inputs lead further.
    #[test]
    #[ignore = "takes as long as one likes"]
    fn changed_seeds_pass() {
        let variable = |name| std::env::var(name).ok();
        let seconds = variable("FUZZ_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(10);
        let chosen = variable("FUZZ_TARGET");
        for (name, check) in TARGETS {
            if chosen.as_ref().is_some_and(|chosen| chosen != name) {
                continue;
            }
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let seeds = fs::read_dir(directory).unwrap();
            let seeds: Vec<_> = seeds.map(|it| fs::read(it.unwrap().path()).unwrap()).collect();
            let (begun, mut cases) = (Instant::now(), 0_u64);
            while begun.elapsed() < Duration::from_secs(seconds) {
                let input = changed(&seeds);
                let passed = catch_unwind(|| check(&input));
                assert!(passed.is_ok(), "{name}, after {cases} cases: {}", input.escape_ascii());
                cases += 1;
            }
            eprintln!("{name}: {cases} cases in {seconds} s");
        }
    }

    /// Part of one seed and part of another, with a few bytes changed.
    fn changed(seeds: &[Vec<u8>]) -> Vec<u8> {
        let seed = || &seeds[fastrand::usize(..seeds.len())];
        let mut input = seed().clone();
        if fastrand::u8(..4) == 0 {
            let other = seed();
            input.truncate(fastrand::usize(..=input.len()));
            input.extend_from_slice(&other[fastrand::usize(..=other.len())..]);
        }
        for _ in 0..fastrand::usize(..6) {
            let at = fastrand::usize(..=input.len());
            match fastrand::u8(..5) {
                0 => input.insert(at, fastrand::u8(..)),
                1 => {
                    input.insert(at, *b"\n\0:'\"\\[]{}()*-,% 0".get(fastrand::usize(..18)).unwrap())
                }
                2 if at < input.len() => drop(input.remove(at)),
                3 if at < input.len() => input[at] ^= 1 << fastrand::u8(..8),
                _ => {
                    let end = input.len().min(at + fastrand::usize(..16));
                    let again = input[at..end].to_vec();
                    input.splice(at..at, again);
                }
            }
        }
        input
    }

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
