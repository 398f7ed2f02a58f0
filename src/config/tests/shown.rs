//! `--show-config`: what it prints is a configuration that means the same.

use super::*;

/// What is printed for these sources.
fn shown(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let cli = Cli::read([&["remote_syslog"], arguments].concat()).unwrap();
    show(&cli, &around(variables)).unwrap_or_else(|errors| panic!("{errors}")).0
}

/// All that is resolved, without warnings.
fn meaning(loaded: &Loaded) -> String {
    let Loaded { config, .. } = loaded;
    let quiet =
        Loaded { config: config.clone(), warnings: Vec::new(), file: None, included: vec![] };
    let to = &config.destination;
    let rest = (&config.follow_links_in, &config.user, to.relp_window, to.framing, &to.tls);
    let more = (to.proof_interval, to.proxied, config.exclude_files.texts().collect::<Vec<_>>());
    let listen = config.metrics_listen.as_ref().map(|it| (it.address, &it.hosts));
    let templates: Vec<_> = config
        .files
        .iter()
        .map(|it| it.messages.path_regex.as_ref().map(|regex| regex.text().to_owned()))
        .collect();
    format!("{}{rest:?}{more:?}{listen:?}{templates:?}", summary(&quiet))
}

/// Reads what is printed, and compares what it means.
fn check(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let text = shown(arguments, variables);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shown.yml");
    std::fs::write(&file, &text).unwrap();
    let again = try_load(&["-c", file.to_str().unwrap()], &[]);
    let again = again.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let first = try_load(arguments, variables).unwrap();
    let [first, again] = [&first, &again].map(meaning);
    let mask = |text: &str| text.lines().filter(|it| !it.starts_with("token")).count();
    assert_eq!(mask(&first), mask(&again));
    let without_token = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("token "));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without_token(&again), without_token(&first), "{text}");
    text
}

#[test]
fn every_configuration_that_can_be_read_is_shown_as_one_that_means_the_same() {
    let mut count = 0;
    for path in files_in(FIXTURES, "yml").into_iter().chain(files_in(EXAMPLES, "yml")) {
        let arguments = ["-c", path.to_str().unwrap()];
        if try_load(&arguments, &[]).is_ok() {
            check(&arguments, &[]);
            count += 1;
        }
    }
    assert!(count > 15);
    let annotated = Path::new(EXAMPLES).join("log_files.yml.example");
    check(&["-c", annotated.to_str().unwrap()], &[]);
}

#[test]
fn each_value_has_its_source_and_secrets_are_masked() {
    let text = check(
        &["-c", "simple.yml", "-p1", "a=b", "-D"],
        &[
            ("REMOTE_SYSLOG_FACILITY", "local1"),
            ("REMOTE_SYSLOG_DESTINATION_TOKEN", "SECRET"),
            ("REMOTE_SYSLOG_EXCLUDE_PATTERNS", "one\n: two # three"),
        ],
    );
    assert!(!text.contains("SECRET"), "{text}");
    for line in [
        "  port: 1 # --dest-port",
        "facility: local1 # REMOTE_SYSLOG_FACILITY",
        "severity: notice # default",
        "no_detach: true # --no-detach",
        "hostname: web1 # default",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    let token = text.lines().find(|line| line.contains("token:")).unwrap();
    assert!(token.ends_with("# REMOTE_SYSLOG_DESTINATION_TOKEN; not shown"), "{token}");
    assert!(text.contains(&format!("a={FIXTURES}/b # arguments")), "{text}");
    assert!(text.contains("# ") && text.contains("simple.yml:"), "{text}");
}

#[test]
fn every_key_is_shown() {
    let text = shown(&["-dh", "/a.log"], &[]);
    for key in outline::of::<FileKeys>().keys {
        let name = key.name.rsplit('.').next().unwrap();
        let is_shown = text.lines().any(|line| line.trim_start().starts_with(&format!("{name}:")));
        assert_eq!(is_shown, name != "include", "{name}: {text}");
    }
}

/// A word of letters, digits and whatever YAML or a comment may take amiss.
fn word() -> impl Strategy<Value = String> {
    "[a-z0-9#:'\"&*!|>%@`, \\[\\]{}=~é-]{1,12}".prop_map(|word| word.trim().to_owned())
}

proptest! {
    #[test]
    fn whatever_was_typed_is_shown_as_it_is_meant(
        patterns in proptest::collection::vec("[a-z #:'\"\\\\.-]{1,100}", 0..4),
        tag in proptest::option::of(word()),
        hostname in proptest::option::of("[a-z0-9.'\"#: -]{1,20}"),
        host in "[a-z]{1,9}|[0-9]{1,3}|true|null|1e3|0x1f|on",
        port in proptest::option::of(1..=65535_u16),
        path in "/[a-z0-9=#:'\" é-]{1,20}",
    ) {
        let port = port.map(|port| port.to_string()).unwrap_or_default();
        let patterns = patterns.join("\n");
        let tag = tag.unwrap_or_default();
        let variables = [
            ("REMOTE_SYSLOG_DESTINATION_HOST", host.as_str()),
            ("REMOTE_SYSLOG_DESTINATION_PORT", &port),
            ("REMOTE_SYSLOG_HOSTNAME", &hostname.unwrap_or_default()),
            ("REMOTE_SYSLOG_TAG", &tag),
            ("REMOTE_SYSLOG_EXCLUDE_PATTERNS", &patterns),
            ("REMOTE_SYSLOG_FILES", &path),
        ];
        if try_load(&[], &variables).is_ok() {
            check(&[], &variables);
        }
    }
}
