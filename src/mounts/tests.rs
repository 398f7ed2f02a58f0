//! The table of mounts, made of text; and links on real directories.

use std::os::unix::fs::symlink;

use super::*;

const TEXT: &[u8] = b"22 1 0:20 / / rw,relatime shared:1 - nfs4 server:/root rw\n\
    39 22 8:1 / /var rw - ext4 /dev/sda1 rw\n\
    40 22 0:35 / /mnt/with\\040blank rw - nfs4 server:/my\\040logs rw\n\
    41 40 8:1 /x /mnt/with\\040blank/local rw master:1 shared:2 - ext4 /dev/sda1 rw\n\
    42 22 0:36 / /home/u rw - fuse.sshfs u@h:/ rw\n\
    43 22 8:1 /log/a /srv/a.log rw - ext4 /dev/sda1 rw\n\
    a line that is none\n";

#[test]
fn the_nearest_mount_tells_who_writes_there() {
    let mounts = Mounts::parse(TEXT);
    for (path, is_remote) in [
        ("/etc", true),
        ("/var/log", false),
        ("/mnt/with blank/a", true),
        ("/mnt/with blank/local/a", false),
        ("/home/u/x/y", true),
    ] {
        assert_eq!(mounts.is_remote(Path::new(path)), is_remote, "{path}");
    }
    let mount = mounts.at(Path::new("/mnt/with blank")).unwrap();
    assert_eq!((&*mount.kind, &*mount.source), ("nfs4", "server:/my logs"));
    assert!(mounts.at(Path::new("/srv/a.log")).is_some());
    assert!(mounts.at(Path::new("/srv")).is_none());
}

#[test]
fn all_that_is_reached_over_a_remote_mount_belongs_to_it() {
    let mounts = Mounts::parse(TEXT);
    let remote = |point: &str| Territory::Far(point.into());
    for (path, territory) in [
        ("/etc/passwd", Territory::Near),
        ("/mnt/with blank", remote("/mnt/with blank")),
        ("/mnt/with blank/local/a", remote("/mnt/with blank")),
        ("/home/u/x/y", remote("/home/u")),
        ("/home/user", Territory::Near),
        ("/home/u/../v", remote("/home/u")),
    ] {
        // Of these, only directories above are looked at.
        assert_eq!(mounts.territory(Path::new(path)), territory, "{path}");
    }
    assert!(mounts.has_remote());
}

#[test]
fn links_are_followed_to_the_mount_they_lead_to_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir_all(root.join("logs/here")).unwrap();
    symlink("../none/there", root.join("logs/relative")).unwrap();
    symlink(root.join("none"), root.join("logs/absolute")).unwrap();
    symlink("loop", root.join("logs/loop")).unwrap();
    let mounts = Mounts::remote_at(root.join("none"));
    let leads_there =
        |path: &str| mounts.territory(&root.join(path)) == Territory::Far(root.join("none"));
    assert!(leads_there("none") && leads_there("none/x"));
    assert!(leads_there("logs/relative") && leads_there("logs/absolute/x.log"));
    assert!(leads_there("logs/here/../../none/x"));
    assert!(!leads_there("logs/here") && !leads_there("logs/missing/x"));
    assert!(!leads_there("logs/loop") && !leads_there("none2"));
}

#[test]
fn this_process_has_a_root() {
    assert!(Mounts::now().at(Path::new("/")).is_some());
}
