use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_bases_of_a_name_are_those_that_it_is_a_rotation_of(
        base in "[a.1-]{1,5}|current|[a.]{0,2}_rCURRENT",
        front in "(2026-11-23[.-]?|@4000000067a1b2c31dcd6500)?",
        stamp in "([._-]{0,2}([1.-]{0,3}|old|Mon|Sunday|bak|save-?1|2026-11-23(-size|Z|\\.backup)?))?(\\.~1~)?",
        ext in "(\\.a|\\.s)?",
        gz in "(\\.gz|\\.zst)?",
    ) {
        prop_assume!(base != "." && base != "..");
        for (base, name) in [
            (base.clone(), format!("{base}{stamp}{ext}{gz}")),
            (format!("{base}{ext}"), format!("{base}{stamp}{ext}{gz}")),
            (base.clone(), format!("{front}{base}{stamp}{ext}{gz}")),
            (base.clone(), format!("{front}{ext}{gz}")),
            (format!("{base}_rCURRENT{ext}"), format!("{base}_r1{stamp}{ext}{gz}")),
        ] {
            prop_assume!(!name.is_empty());
            let is_base = bases(Path::new(&name)).contains(&PathBuf::from(&base));
            prop_assert_eq!(is_base, is_rotation_of(base.as_ref(), name.as_ref()), "{} {}", base, name);
        }
    }
}

#[test]
fn a_mere_number_does_not_tell() {
    let is = |base: &str, name: &str| is_telling_sibling_of(Path::new(base), Path::new(name));
    for name in [
        "app.log.1",
        "app.log.12.gz",
        "app.log.gz",
        "app.log-20261123",
        "app.log-20261123-1763900000.gz",
        "app-23.11.2026.log",
        "app-23112026.log",
        "app_2026-11.log.gz",
        "app.2026-47.log",
        "app-2026-11-23-1.log.gz",
        "app.log-1763900000",
        "app-202611.log",
        "app-202653.log",
        "app-20261123101500.log",
        "app.log.old",
        "app.old.log.xz",
        "app.log.Mon",
        "app-tue.log",
        "app.log.bak",
        "app.log.bak2.gz",
        "app.log.save.1",
        "app.log.orig",
        "app.log.~12~",
        "app-Sunday.log",
        "app__2026-11-29_00-00-00.log",
        "app-2026-12-01T05-00-00.000.log",
        "app-2026-12-01T05-00-00.000-size.log.gz",
        "app-2026-12-01T05-00-00.000-time.log",
        "app.log.20261201T170000Z",
        "app.log-2026120107.backup",
        "app.log__2026-11-29",
        "2026-11-29-app.log",
        "20261129_app.log.zst",
        "20261129-0912-01-app.log",
        "app.log.30Nov2026",
        "app-Nov-30-2026.log.gz",
        "app.log-2026-nov-30",
        "30-Nov-2026-app.log",
    ] {
        assert!(is("app.log", name), "{name}");
    }
    for name in [
        "app.1.log",
        "app.bak.log",
        "app-copy.log",
        "app.log.bakery",
        "app.log-bak",
        "app.log.~x~",
        "app-1.log",
        "app-123456.log",
        "app.log-2",
        "app-2026.log",
        "app-201200.log",
        "app-201299.log",
        "app-20121301.log",
        "app-20121232.log",
        "app-20121232000000.log",
    ] {
        assert!(!is("app.log", name), "{name}");
    }
    assert!(is("worker", "worker.1") && !is("worker", "worker-1") && !is("a.log", "app.log.1"));
}

#[test]
fn names_that_rotation_makes() {
    let is = |name: &str| is_rotation_of("app.log".as_ref(), name.as_ref());
    for name in [
        "app.log.1",
        "app.log.12.gz",
        "app.log-20261123",
        "app.log-20261123-1763900000.gz",
        "app-20261123.log",
        "app.1.log",
        "app.log.2026-11-23",
        "app_2026.11.23.log.gz",
        "app.log.2026-11-23T10:00:00",
        "app.log.gz",
        "app.log.zst",
        "app.log.1.xz",
        "app.log.2.bz2",
    ] {
        assert!(is(name), "{name}");
    }
    for name in [
        "app.log",
        "app.log~",
        "app.log-bak",
        "app.log.old.1",
        "app2.log",
        "app.log1",
        "other.log.1",
        "app.error.log",
        "app.log.1.tmp",
        "app.log.Money",
        "app-cold.log",
        "appold.log",
        "1-app.log",
        "2026-app.log",
        "2026-11-29app.log",
        "2026-11-29-my-app.log",
        "@4000000067a1b2c31dcd6500.s",
        ".gz",
    ] {
        assert!(!is(name), "{name}");
    }
    let is = |base: &str, name: &str| is_rotation_of(base.as_ref(), name.as_ref());
    assert!(is("syslog", "syslog.1") && is("current", "@4000000067a1b2c31dcd6500.s"));
    assert!(!is("current", "@4000000067a1b2c31dcd65.s") && !is("current", "@lost"));
}

#[test]
fn what_rsync_writes_gets_the_name_of_its_log() {
    let completed = |name: &str| completed(&Path::new("/d").join(name));
    assert_eq!(completed(".app.log.x7Kq2Z"), Some("/d/app.log".into()));
    assert_eq!(completed(".a.123456"), Some("/d/a".into()));
    for name in ["app.log.x7Kq2Z", ".app.log.x7Kq2", ".app.log.x7Kq2Zz", "..x7Kq2Z", ".x7Kq2Z", "."]
    {
        assert_eq!(completed(name), None, "{name}");
    }
    assert_eq!(completed(".app.log.x7K-2Z"), None);
}

#[test]
fn an_editor_keeps_what_it_edits_in_a_hidden_file() {
    let is_swap = |name: &str| is_swap(Path::new(name));
    assert!([".app.log.swp", ".a.swo", "/d/.app.log.swn"].into_iter().all(is_swap));
    assert!(
        !["app.log.swp", ".swp", "..swp", ".app.log.swap", ".app.log.sw1"].into_iter().any(is_swap)
    );
}

#[test]
fn a_number_comes_between_two_others() {
    let between =
        |from: &str, to: &str, name: &str| comes_between(from.as_ref(), to.as_ref(), name.as_ref());
    assert!(between("app-3.log", "app-6.log", "app-4.log"));
    assert!(between("app-009.log", "app-011.log", "app-010.log.gz"));
    assert!(between("app.20261129", "app.20261202", "app.20261130"));
    for (from, to, name) in [
        ("app-3.log", "app-6.log", "app-3.log"),
        ("app-3.log", "app-6.log", "app-6.log"),
        ("app-6.log", "app-3.log", "app-4.log"),
        ("app-3.log", "app-6.log", "app-4.txt"),
        ("app-3.log", "api-6.log", "app-4.log"),
        ("app-3.log", "app.log", "app-4.log"),
        ("app-3.log", "app-99999999999999999999.log", "app-4.log"),
    ] {
        assert!(!between(from, to, name), "{from} {to} {name}");
    }
}

#[test]
fn a_month_alone_makes_no_date() {
    for name in
        ["app.log.Nov", "app-may.log", "app-march.log", "app.log.30Novx2026", "app.log.Nov-Dec"]
    {
        assert!(!is_rotation_of("app.log".as_ref(), name.as_ref()), "{name}");
    }
}

#[test]
fn an_editor_makes_backups() {
    let backed_up = |name: &str| backed_up(Path::new(name));
    assert_eq!(backed_up("/d/app.log~"), Some("/d/app.log".into()));
    assert_eq!(backed_up("#app.log#"), Some("app.log".into()));
    assert!(
        ["~", "##", "#", "app.log", "#app.log", "app#"]
            .into_iter()
            .all(|it| backed_up(it).is_none())
    );
}

#[test]
fn the_current_file_of_flexi_logger_gets_a_number_or_a_date() {
    let is = |base: &str, name: &str| is_telling_sibling_of(Path::new(base), Path::new(name));
    for name in ["app_r00000.log", "app_r00012.log.gz", "app_r2026-11-23_10-20-30.log"] {
        assert!(is("app_rCURRENT.log", name), "{name}");
        assert!(bases(Path::new(name)).contains(&"app_rCURRENT.log".into()), "{name}");
        assert!(beginnings("app_rCURRENT.log".as_ref()).any(|it| name.as_bytes().starts_with(it)));
    }
    for name in
        ["app_rabbit.log", "app_r.log", "app_r00000.txt", "b_r00000.log", "app_rCURRENT.log"]
    {
        assert!(!is("app_rCURRENT.log", name), "{name}");
    }
}
