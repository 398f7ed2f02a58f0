//! The configurations in `examples/` do what they say: each prints messages of the files that it names.

use std::fs;
use std::path::{Path, PathBuf};

use remote_syslog::cli::Cli;
use remote_syslog::config::{self, Surroundings};

use crate::support::{Site, bare_command, finish};

/// Lines of which every example sends at least one.
const LINES: &str = "\
an ERROR of user=alice from 10.0.0.1
Exception in thread \"main\" java.lang.IllegalStateException: no
\tat com.example.Main.main(Main.java:1)
2026-11-29T10:20:30.123456789Z stdout F a line of a container
{\"log\":\"a line of Docker\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T10:20:30Z\"}
{\"message\":\"a line that is JSON\",\"severity\":\"error\",\"timestamp\":\"2026-11-29T10:20:30Z\"}
the last
";

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect()
}

/// A file that the glob matches.
fn matched(glob: &Path) -> PathBuf {
    let text = glob.to_str().unwrap().replace("**", "deep").replace('*', "web_prod_x");
    assert!(!text.contains(['?', '[', '\\']), "{text}");
    text.into()
}

#[test]
fn every_example_prints_messages_of_each_of_its_files() {
    let examples = examples();
    assert!(examples.len() > 10);
    for example in examples {
        let site = Site::new();
        let root = site.dir().to_str().unwrap();
        let mut text = fs::read_to_string(&example).unwrap();
        for top in ["/var/", "/srv/", "/etc/", "/opt/", "/home/"] {
            text = text.replace(&format!(" {top}"), &format!(" {root}{top}"));
            text = text.replace(&format!("={top}"), &format!("={root}{top}"));
            text = text.replace(&format!("'^{top}"), &format!("'^{root}{top}"));
            text = text.replace(&format!("\"{top}"), &format!("\"{root}{top}"));
        }
        let file = site.append("example.yml", text);
        fs::create_dir_all(site.path("etc/log_files.d")).unwrap();
        let cli = Cli::read(["remote_syslog", "-c", file.to_str().unwrap()]).unwrap();
        let loaded = config::load(&cli, &Surroundings::of_process().unwrap());
        let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(loaded.warnings, [], "{}", example.display());
        let globs = loaded.config.files.iter().map(|entry| entry.glob.text());
        let logs: Vec<_> = globs.map(matched).collect();
        for log in &logs {
            assert!(log.starts_with(root), "{}: {}", example.display(), log.display());
            fs::create_dir_all(log.parent().unwrap()).unwrap();
            fs::write(log, LINES).unwrap();
        }
        let mut command = bare_command();
        command.args(["--dry-run", "--once", "--from-start", "-c"]).arg(&file);
        command.arg("--state-dir").arg(site.dir().join("state"));
        let output = finish(&mut command);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}: {printed}", example.display());
        let count = printed.lines().filter(|line| line.starts_with('<')).count();
        assert!(count >= logs.len(), "{}: {printed}", example.display());
    }
}
