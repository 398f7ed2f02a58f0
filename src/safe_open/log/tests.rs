use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

use super::*;

const THEIRS: u32 = 64_906;
const SECRET: &str = "secret";

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let mut file = open_log(path, OFlags::RDONLY).map_err(|error| {
        assert!(is_link_refused(&error), "{error}");
        error.to_string()
    })?;
    file.read_to_string(&mut text).unwrap();
    Ok(text)
}

/// A directory of another user, and one of root's with a file, both of which nobody else may enter.
struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Option<Self> {
        if !geteuid().is_root() {
            eprintln!("skipped: only root can give away");
            return None;
        }
        let scene = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["theirs", "roots"] {
            fs::create_dir(scene.at(name)).unwrap();
            scene.allow(name, 0o700);
        }
        fs::write(scene.at("roots/log"), SECRET).unwrap();
        scene.allow("roots/log", 0o600);
        chown(scene.at("theirs"), Some(THEIRS), None).unwrap();
        Some(scene)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn allow(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn give(&self, name: &str) {
        lchown(self.at(name), Some(THEIRS), None).unwrap();
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) -> PathBuf {
        symlink(target, self.at(name)).unwrap();
        self.give(name);
        self.at(name)
    }
}

#[test]
fn what_only_root_may_read_is_not_read_by_a_link_of_another() {
    let Some(scene) = Scene::new() else { return };
    let told = "link of the user with id 64906 to what belongs to the user with id 0";
    let refused = |path: &Path| {
        let said = read(path).unwrap_err();
        assert!(said.contains(told) && said.contains("follow_links_in"), "{said}");
    };
    refused(&scene.link(scene.at("roots/log"), "theirs/log"));
    refused(&scene.link("../roots/log", "theirs/relative"));
    refused(&scene.link("log", "theirs/second"));
    refused(&scene.link(scene.at("roots"), "theirs/way").join("log"));
    refused(
        &scene
            .link("/proc/self/root", "theirs/kernel")
            .join(scene.at("roots/log").strip_prefix("/").unwrap()),
    );
    // Through what is theirs to what is not.
    fs::create_dir(scene.at("theirs/own")).unwrap();
    scene.give("theirs/own");
    refused(&scene.link("own/../../roots/log", "theirs/back"));
    // The file may be for all: the directory is not.
    scene.allow("roots/log", 0o644);
    refused(&scene.at("theirs/log"));
}

#[test]
fn links_of_root_and_of_the_owner_lead_where_they_lead() {
    let Some(scene) = Scene::new() else { return };
    let read = |path: PathBuf| assert_eq!(read(&path).as_deref(), Ok(SECRET), "{}", path.display());
    read(scene.at("roots/log"));
    symlink("../roots/log", scene.at("theirs/ours")).unwrap();
    read(scene.at("theirs/ours"));
    fs::write(scene.at("theirs/log"), SECRET).unwrap();
    read(scene.at("theirs/log"));
    scene.allow("theirs/log", 0o600);
    scene.give("theirs/log");
    read(scene.link("log", "theirs/current"));
    read(scene.link(".", "theirs/way").join("current"));
    // A directory of theirs, in which a program of root's writes.
    fs::write(scene.at("theirs/cron"), SECRET).unwrap();
    read(scene.at("theirs/way/cron"));
}

#[test]
fn what_everybody_may_read_is_no_secret() {
    let Some(scene) = Scene::new() else { return };
    scene.allow("roots", 0o711);
    scene.allow("roots/log", 0o604);
    let path = scene.link("../roots/log", "theirs/log");
    assert_eq!(read(&path).as_deref(), Ok(SECRET));
    scene.allow("roots/log", 0o640);
    assert!(read(&path).is_err());
}

#[test]
fn a_link_without_end_and_what_is_not_there_are_errors_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| open_log(path, OFlags::RDONLY).unwrap_err().raw_os_error();
    symlink("loop", dir.path().join("loop")).unwrap();
    assert_eq!(error(&dir.path().join("loop")), Some(libc::ELOOP));
    assert_eq!(error(&dir.path().join("none")), Some(libc::ENOENT));
    symlink("none", dir.path().join("dangling")).unwrap();
    assert_eq!(error(&dir.path().join("dangling")), Some(libc::ENOENT));
    assert_eq!(error(&dir.path().join("none/log")), Some(libc::ENOENT));
}

#[test]
fn in_some_directories_links_are_followed_whoever_they_belong_to() {
    let Some(scene) = Scene::new() else { return };
    let link = LinkOnTheWay {
        kind: "symbolic",
        place: scene.at("theirs/log"),
        owner: THEIRS,
        left: 0,
        target: Some(0),
        is_open_to_all: false,
    };
    let allowed = |directories: &[&Path]| {
        link.is_allowed_in(&directories.iter().map(|it| it.to_path_buf()).collect::<Vec<_>>())
    };
    assert!(allowed(&[&scene.at("roots"), &scene.at("theirs")]));
    assert!(allowed(&[scene.dir.path()]));
    assert!(!allowed(&[]) && !allowed(&[&scene.at("the")]) && !allowed(&[&scene.at("roots")]));
}

#[test]
fn a_hard_link_counts_where_the_kernel_lets_everybody_make_one() {
    let Some(scene) = Scene::new() else { return };
    fs::hard_link(scene.at("roots/log"), scene.at("theirs/log")).unwrap();
    let path = scene.at("theirs/log");
    let (file, directory) =
        (rustix::fs::stat(&path).unwrap(), rustix::fs::stat(scene.at("theirs")).unwrap());
    assert!(has_further_names(&file) && !has_further_names(&directory));
    let link = LinkOnTheWay::of_hard_link(&path, &file, &directory);
    let said = link.judge().unwrap_err().to_string();
    assert!(said.contains("is a hard link of the user with id 64906"), "{said}");
    let own =
        LinkOnTheWay::of_hard_link(&path, &file, &rustix::fs::stat(scene.at("roots")).unwrap());
    own.judge().unwrap();
}
