//! Included files: what they add, in which order, and what is said of those that are no good.

use std::fs;
use std::thread;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::sources::followed;
use super::*;

/// A directory with `c.yml`, which includes `d/*.yml`, and with these files in `d`.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("d")).unwrap();
    for (name, text) in files {
        fs::write(at.join("d").join(name), text).unwrap();
    }
    let include = format!(
        "include: {0}/d/*.yml\nfacility: local0\nfiles: [/main.log]\ndestination: {{host: h}}\n",
        at.display()
    );
    fs::write(at.join("c.yml"), include).unwrap();
    directory
}

fn try_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, ConfigErrors>) {
    let directory = directory(files);
    let file = directory.path().join("c.yml");
    let loaded = try_load(&["-c", file.to_str().unwrap(), "/argument.log"], &[]);
    (directory, loaded)
}

#[test]
fn entries_are_added_by_name_behind_those_of_the_main_file() {
    let (directory, loaded) = try_with(&[
        ("b.yml", "files: [/b.log]"),
        ("a.yml", "files: [{path: /a.log, tag: a}]"),
        (".a.yml.swp", "["),
        (".hidden.yml", "["),
        ("a.yml.bak", "["),
        ("empty.yml", ""),
    ]);
    let loaded = loaded.unwrap();
    let globs: Vec<_> = followed(&loaded.config).into_iter().map(|(_, glob)| glob).collect();
    assert_eq!(globs, ["/main.log", "/a.log", "/b.log", "/argument.log"]);
    assert_eq!(loaded.config.files[1].messages.facility, "local0".parse().unwrap());
    let names = ["a.yml", "b.yml", "empty.yml"].map(|name| directory.path().join("d").join(name));
    assert_eq!(loaded.included, names);
    assert_eq!(loaded.config.include[0].directory(), directory.path().join("d"));
}

#[test]
fn a_directory_that_is_not_there_is_warned_of() {
    let loaded = |glob: &str| {
        try_load(&["-dh", "/a.log"], &[("REMOTE_SYSLOG_INCLUDE", glob)]).map(|it| it.warnings)
    };
    let directory = directory(&[]);
    let at = directory.path().display();
    for (glob, missing) in [("none/*.yml", "none"), ("d/x/y/*.yml", "d/x")] {
        let warnings = loaded(&format!("{at}/{glob}")).unwrap();
        let expected = format!(
            "REMOTE_SYSLOG_INCLUDE: there is no directory {at}/{missing}, so that nothing is included; \
             check the path, or make it"
        );
        assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
    assert_eq!(loaded(&format!("{at}/d/*.yml")).unwrap(), []);
    // Of a file it is an error.
    let refused = loaded(&format!("{at}/none/a.yml")).unwrap_err().to_string();
    assert!(refused.contains("cannot be read") && refused.lines().count() == 1, "{refused}");
}

#[test]
fn errors_name_the_included_file_and_its_line() {
    let (directory, loaded) = try_with(&[
        ("a.yml", "files:\n- a=b=c\nfacilty: x\nFacility: user\ndestination: {host: x}\n"),
        ("b.yml", "files: ["),
        ("c.yml", "include: x"),
    ]);
    let errors = loaded.unwrap_err().to_string();
    let errors = errors.replace(&format!("{}/d/", directory.path().display()), "");
    let starts: Vec<_> = errors.lines().map(|line| line.split("; ").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "a.yml:2: files: \"a=b=c\" holds more than one '='",
            "a.yml:4: Facility: stands in an included file, which may hold files: only",
            "a.yml:5: destination: stands in an included file, which may hold files: only",
            "b.yml:1:8: a '[' or '{' is not closed",
            "c.yml:1: include: stands in an included file, which may hold files: only",
            "warning: a.yml:3: facilty: unknown key, ignored",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_said_of_the_line_that_names_it() {
    let (directory, _) = try_with(&[]);
    let at = directory.path().display();
    fs::create_dir(directory.path().join("d/a.yml")).unwrap();
    let file = directory.path().join("c.yml");
    let said = || try_load(&["-c", file.to_str().unwrap()], &[]).unwrap_err().to_string();
    assert_eq!(
        said(),
        format!(
            "{at}/c.yml:1: include: {at}/d/a.yml cannot be read (is a directory); check its path and rights"
        )
    );
    fs::remove_dir(directory.path().join("d/a.yml")).unwrap();
    let fifo = directory.path().join("d/b.yml");
    mkfifoat(CWD, &fifo, Mode::RWXU).unwrap();
    // Who waits for it reads nothing and goes on.
    thread::spawn(move || fs::write(fifo, ""));
    let reason = "cannot be read (it is a fifo); check its path and rights";
    assert_eq!(said(), format!("{at}/c.yml:1: include: {at}/d/b.yml {reason}"));
    fs::write(&file, "files: [/a.log]\ndestination: {host: h}\ninclude:\n- /none.yml\n").unwrap();
    let reason = "cannot be read (no such file or directory); check its path and rights";
    assert_eq!(said(), format!("{at}/c.yml:4: include: /none.yml {reason}"));
}

#[test]
fn what_can_be_included() {
    let with = |include: &str| {
        let variables = [("REMOTE_SYSLOG_INCLUDE", include)];
        try_load(&["-dh", "/a.log"], &variables).map(|loaded| loaded.config.files.len())
    };
    assert_eq!(with("/nonexistent/*.yml").unwrap(), 1);
    let directory = directory(&[("a.yml", "files: [/x.log]")]);
    let [file, glob] = ["a.yml", "?.yml"].map(|it| directory.path().join("d").join(it));
    let twice = format!("{}\n{}", file.display(), glob.display());
    assert_eq!(with(&twice).unwrap(), 2, "each file once");
    for (include, expected) in [
        ("/nonexistent.yml", "REMOTE_SYSLOG_INCLUDE: /nonexistent.yml cannot be read"),
        ("/*/a.yml", "has a wildcard in the name of a directory"),
        ("/a/**", "has a wildcard in the name of a directory"),
        ("[a", "is no glob"),
        ("/", "is no file"),
    ] {
        let errors = with(include).unwrap_err().to_string();
        assert!(errors.contains(expected), "{include}: {errors}");
    }
}
