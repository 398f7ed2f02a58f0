//! Symbolic and hard links.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Fixture, append, touch};

#[test]
fn names_a_link_when_its_target_is_written() {
    let root = tempfile::tempdir().unwrap();
    touch(&root.path().join("elsewhere/target"));
    let mut fixture = Fixture::new(&["*.log", "linked/*.txt"], &[], &[]);
    fixture.first_pass();
    symlink(root.path().join("elsewhere/target"), fixture.path("link.log")).unwrap();
    fixture.wait_for("link.log");
    fs::write(root.path().join("elsewhere/target"), "line\n").unwrap();
    fixture.wait_for("link.log");
    symlink(root.path().join("elsewhere"), fixture.path("linked")).unwrap();
    touch(&root.path().join("elsewhere/b.txt"));
    fixture.wait_for("linked/b.txt");
}

#[test]
fn a_link_that_leads_in_a_circle_ends() {
    let mut fixture = Fixture::new(&["*/*/*.log", "**/*.txt"], &[], &["d/a.txt"]);
    symlink(".", fixture.path("d/loop")).unwrap();
    fixture.first_pass();
    touch(&fixture.path("d/b.txt"));
    fixture.wait_for("d/b.txt");
}

#[test]
fn names_a_link_when_its_target_is_made_wherever_that_is() {
    let elsewhere = tempfile::tempdir().unwrap();
    let far = elsewhere.path().join("new/far.1.log");
    let mut fixture = Fixture::new(&["*/current.log"], &[], &["a/0.log", "b/0.log"]);
    symlink("0.log", fixture.path("a/current.log")).unwrap();
    symlink(&far, fixture.path("b/far.log")).unwrap();
    symlink("../b/far.log", fixture.path("b/current.log")).unwrap();
    fixture.wait_for("b/current.log");
    // In the same directory, switched as winston does it.
    for i in 1..4 {
        fs::remove_file(fixture.path("a/current.log")).unwrap();
        symlink(format!("{i}.log"), fixture.path("a/current.log")).unwrap();
        fixture.settle();
        fs::write(fixture.path(&format!("a/{i}.log")), "line\n").unwrap();
        fixture.wait_for("a/current.log");
        fixture.settle();
        append(&fixture.path(&format!("a/{i}.log")));
        fixture.wait_for("a/current.log");
    }
    // Through two links, in a directory that is not there yet.
    touch(&far);
    fixture.wait_for("b/current.log");
    fixture.settle();
    append(&far);
    fixture.wait_for("b/current.log");
    // The second link is switched.
    let next = elsewhere.path().join("far.2.log");
    symlink(&next, fixture.path("b/next")).unwrap();
    fs::rename(fixture.path("b/next"), fixture.path("b/far.log")).unwrap();
    fixture.wait_for("b/current.log");
    touch(&next);
    fixture.wait_for("b/current.log");
}

#[test]
fn names_files_below_a_link_that_was_switched_and_below_a_renamed_directory() {
    let files = ["releases/1/log/a.log", "releases/2/log/b.log", "releases/3/log/c.log"];
    let mut fixture = Fixture::new(&["current/log/*.log", "new/log/*.log"], &[], &files);
    symlink("releases/1", fixture.path("current")).unwrap();
    fixture.wait_for("current/log/a.log");
    symlink("releases/2", fixture.path("next")).unwrap();
    fs::rename(fixture.path("next"), fixture.path("current")).unwrap();
    fixture.wait_for("current/log/b.log");
    fs::rename(fixture.path("releases/3"), fixture.path("new")).unwrap();
    fixture.wait_for("new/log/c.log");
    fs::rename(fixture.path("new"), fixture.path("old")).unwrap();
    fs::rename(fixture.path("releases/1"), fixture.path("new")).unwrap();
    fixture.wait_for("new/log/a.log");
}

#[test]
fn names_a_file_that_is_written_to_by_another_name() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (early, late) = (elsewhere.path().join("early"), elsewhere.path().join("late"));
    touch(&early);
    let mut fixture = Fixture::new(&["*.log"], &[], &["other.log"]);
    fs::hard_link(&early, fixture.path("early.log")).unwrap();
    fixture.wait_for("early.log");
    fixture.settle();
    append(&early);
    fixture.wait_for("early.log");
    symlink(&late, fixture.path("late.log")).unwrap();
    touch(&late);
    fs::hard_link(&late, elsewhere.path().join("again")).unwrap();
    fixture.wait_for("late.log");
}

#[test]
fn a_maze_of_links_is_left_and_what_is_beside_it_is_named() {
    let mut fixture = Fixture::new(&["log/*/*/*/*.log"], &[], &["log/honest/a/b/x.log"]);
    for i in 0..40 {
        symlink(".", fixture.path(&format!("log/l{i}"))).unwrap();
    }
    fixture.restart(&["log/*/*/*/*.log", "log/*/*/*/*/*/*.txt"]);
    let named = fixture.first_pass();
    assert!(named.contains(&("log/honest/a/b/x.log".to_owned(), 0)), "{named:?}");
    append(&fixture.path("log/honest/a/b/x.log"));
    fixture.wait_for("log/honest/a/b/x.log");
}
