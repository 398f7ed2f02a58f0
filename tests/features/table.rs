//! One row for each feature that changes what a message holds.

/// A file, what its entry says beside the path, and what a receiver must understand of it.
pub struct Feature {
    /// Its path below the site. Each row has application names of its own.
    pub file: &'static str,
    /// Keys of its entry, as a part of a map in YAML.
    pub entry: &'static str,
    /// What stands in it, from its first byte.
    pub log: &'static [u8],
    /// One for each message, in order.
    pub expected: &'static [Expected],
}

/// What a receiver must understand of one message.
#[derive(Clone, Copy)]
pub struct Expected {
    /// Facility times eight plus severity.
    pub priority: u8,
    /// In UTC, to the microsecond; `now` is that of reading.
    pub time: &'static str,
    pub hostname: &'static str,
    pub app_name: &'static str,
    /// Without the token. `SITE` is the directory of the site, `CONTENT` the number of a content.
    pub structured_data: &'static str,
    /// With its newlines.
    pub text: &'static str,
    /// What stands in the place of newlines where they would end the message.
    pub join: &'static str,
}

/// What the rows have in common, which [`EVERYWHERE`] says.
const USUAL: Expected = Expected {
    priority: 134,
    time: "now",
    hostname: "all.example",
    app_name: "",
    structured_data: "-",
    text: "",
    join: "\\n",
};

/// The settings of all files.
pub const EVERYWHERE: &str = "facility: local0\nseverity: info\nhostname: all.example";

/// When each file was modified last: 2020-09-13T12:26:40Z, in seconds.
pub const MODIFIED: u64 = 1_600_000_000;

/// What goes through the FIFO and through standard input, and what is expected of it there.
pub const STREAMED: &str = "one password=x\ntwo \u{20AC}\n";
pub const STREAM_SETTINGS: &str = "redact_patterns: [password]";
pub const OF_STREAMS: [Expected; 2] = [
    Expected { text: "one password=[redacted]", ..USUAL },
    Expected { text: "two \u{20AC}", ..USUAL },
];

pub const FEATURES: &[Feature] = &[
    Feature {
        file: "plain.log",
        entry: "",
        log: b"a plain line\n\n",
        expected: &[
            Expected { app_name: "plain.log", text: "a plain line", ..USUAL },
            Expected { app_name: "plain.log", ..USUAL },
        ],
    },
    Feature {
        file: "web 1/access.2026.log",
        entry: "tag: '{dir}/{stem}', hostname: '{dir}.{{x}}.example'",
        log: b"one\n",
        expected: &[Expected {
            hostname: "web_1.{x}.example",
            app_name: "web_1/access.2026",
            text: "one",
            ..USUAL
        }],
    },
    Feature {
        file: "containers/shop-7f_prod_app.log",
        entry: "path_regex: '/containers/(?P<pod>[^_]+)_(?P<ns>[^_]+)_(?P<odd>x?)', \
                tag: '{ns}/{pod}/{odd}', hostname: '{name}'",
        log: b"one\n",
        expected: &[Expected {
            hostname: "shop-7f_prod_app.log",
            app_name: "prod/shop-7f/-",
            text: "one",
            ..USUAL
        }],
    },
    Feature {
        file: "cron.log",
        entry: "tag: cron, facility: cron, severity: alert",
        log: b"one\n",
        expected: &[Expected { priority: 73, app_name: "cron", text: "one", ..USUAL }],
    },
    Feature {
        file: "levels.log",
        entry: "tag: levels, severity_from: {err: 'ERROR|FATAL', warn: '^WARN'}, strip_color: true",
        log: b"\x1b[31mERROR\x1b[0m failed\n\x1b[1;33mWARN\x1b[0m ERROR\n\x1b]0;title\x07WARN\nup\n",
        expected: &[
            Expected { priority: 131, app_name: "levels", text: "ERROR failed", ..USUAL },
            Expected { priority: 131, app_name: "levels", text: "WARN ERROR", ..USUAL },
            Expected { priority: 132, app_name: "levels", text: "WARN", ..USUAL },
            Expected { app_name: "levels", text: "up", ..USUAL },
        ],
    },
    Feature {
        file: "chosen.log",
        entry: "tag: chosen, include_patterns: [ERROR], exclude_patterns: ['ping$']",
        log: b"ERROR ping\nERROR pong\r\npong\nping ERROR\n",
        expected: &[
            Expected { app_name: "chosen", text: "ERROR pong ", ..USUAL },
            Expected { app_name: "chosen", text: "ping ERROR", ..USUAL },
        ],
    },
    Feature {
        file: "secret.log",
        entry: "tag: secret, redact_patterns: [card, email, ipv4, bearer, password, \
                {pattern: '(user=)(?P<first>\\w)\\w*', replace: '$1${first}***'}]",
        log: "4111 1111 1111 1111 of jane@example.com at 10.0.0.7\n\
              caf\u{e9} Bearer abc.def user=jane password: hunter2, user=joe\n"
            .as_bytes(),
        expected: &[
            Expected {
                app_name: "secret",
                text: "[redacted] of [redacted] at [redacted]",
                ..USUAL
            },
            Expected {
                app_name: "secret",
                text: "caf\u{e9} Bearer [redacted] user=j*** password: [redacted], user=j***",
                ..USUAL
            },
        ],
    },
    Feature {
        file: "fields.log",
        entry: r#"tag: fields, structured_data: {env: prod, odd: 'a "b" \c ]d', word: "caf\u00e9"}"#,
        log: b"[a@1 b=\"c\"] one\n",
        expected: &[Expected {
            app_name: "fields",
            structured_data: "[fields@41058 env=\"prod\" odd=\"a \\\"b\\\" \\\\c \\]d\" \
                              word=\"caf\u{e9}\"]",
            text: "[a@1 b=\"c\"] one",
            ..USUAL
        }],
    },
    Feature {
        file: "places.log",
        entry: "tag: places, structured_data: {env: prod, file: true}",
        log: b"one\ntwo\n",
        expected: &[
            Expected {
                app_name: "places",
                structured_data: r#"[fields@41058 env="prod"][file@41058 path="SITE/places.log" content="CONTENT" offset="0"]"#,
                text: "one",
                ..USUAL
            },
            Expected {
                app_name: "places",
                structured_data: r#"[fields@41058 env="prod"][file@41058 path="SITE/places.log" content="CONTENT" offset="4"]"#,
                text: "two",
                ..USUAL
            },
        ],
    },
    Feature {
        file: "written.log",
        entry: "tag: written, timestamp: written, timestamp_format: '[%d/%b/%Y:%H:%M:%S%.f %z]'",
        log: b"10.0.0.1 [28/Nov/2020:10:20:30.123456 +0100] GET\nno time\n",
        expected: &[
            Expected {
                time: "2020-11-28T09:20:30.123456Z",
                app_name: "written",
                text: "10.0.0.1 [28/Nov/2020:10:20:30.123456 +0100] GET",
                ..USUAL
            },
            Expected {
                time: "2020-09-13T12:26:40.000000Z",
                app_name: "written",
                text: "no time",
                ..USUAL
            },
        ],
    },
    Feature {
        file: "trace.log",
        entry: "tag: trace, multiline: {preset: java, timeout: 100ms}",
        log: b"ERROR failed\njava.lang.Error: x\n\tat a\r\nCaused by: y\n\tat b\nup\n",
        expected: &[
            Expected {
                app_name: "trace",
                text: "ERROR failed\njava.lang.Error: x\n\tat a\nCaused by: y\n\tat b",
                ..USUAL
            },
            Expected { app_name: "trace", text: "up", ..USUAL },
        ],
    },
    Feature {
        file: "begun.log",
        entry: "tag: begun, multiline: {start: '^\\d{4}', join: space, max_lines: 3, timeout: 100ms}, \
                timestamp: written, timestamp_format: '%Y-%m-%d %H:%M:%S %z', severity_from: {crit: '(?m)^two$'}",
        log: b"2020-11-28 10:20:30 +0000 one\ntwo\nthree\nfour\n2021-11-28 10:20:30 +0000 five\n",
        expected: &[
            Expected {
                priority: 130,
                time: "2020-11-28T10:20:30.000000Z",
                app_name: "begun",
                text: "2020-11-28 10:20:30 +0000 one\ntwo\nthree",
                join: " ",
                ..USUAL
            },
            Expected {
                time: "2020-09-13T12:26:40.000000Z",
                app_name: "begun",
                text: "four",
                ..USUAL
            },
            Expected {
                time: "2021-11-28T10:20:30.000000Z",
                app_name: "begun",
                text: "2021-11-28 10:20:30 +0000 five",
                ..USUAL
            },
        ],
    },
    Feature {
        file: "docker.log",
        entry: "tag: docker, format: {name: docker, stderr: err}",
        log: br#"{"log":"started \"here\" \u20ac\n","stream":"stdout","time":"2026-11-29T10:20:30.123456789Z"}
{"log":"a long ","stream":"stdout","time":"2026-11-29T10:20:31Z"}
{"log":"failed\n","stream":"stderr","time":"2026-11-29T10:20:32.5Z"}
{"log":"line\n","stream":"stdout","time":"2026-11-29T10:20:33Z"}
broken
"#,
        expected: &[
            Expected {
                time: "2026-11-29T10:20:30.123456Z",
                app_name: "docker",
                text: "started \"here\" \u{20AC}",
                ..USUAL
            },
            Expected {
                priority: 131,
                time: "2026-11-29T10:20:32.500000Z",
                app_name: "docker",
                text: "failed",
                ..USUAL
            },
            Expected {
                time: "2026-11-29T10:20:31.000000Z",
                app_name: "docker",
                text: "a long line",
                ..USUAL
            },
            Expected { app_name: "docker", text: "broken", ..USUAL },
        ],
    },
    Feature {
        file: "cri.log",
        entry: "tag: cri, format: {name: cri, stdout: debug, stderr: err}",
        log: b"2026-11-29T11:20:31+01:00 stdout P a long \n\
               2026-11-29T11:20:32.5+01:00 stderr F failed\n\
               2026-11-29T11:20:33+01:00 stdout F line\n",
        expected: &[
            Expected {
                priority: 131,
                time: "2026-11-29T10:20:32.500000Z",
                app_name: "cri",
                text: "failed",
                ..USUAL
            },
            Expected {
                priority: 135,
                time: "2026-11-29T10:20:31.000000Z",
                app_name: "cri",
                text: "a long line",
                ..USUAL
            },
        ],
    },
    // Everything at once: what was cut is joined, the trace as well, and what is secret is behind a cut.
    Feature {
        file: "pod.log",
        entry: "tag: pod, format: cri, multiline: {preset: java, timeout: 100ms}, redact_patterns: [card], \
                severity_from: {crit: failed}, structured_data: {env: prod}, exclude_patterns: [DEBUG]",
        log: b"2026-11-29T10:20:30.25Z stderr P ERROR 4111111\n\
               2026-11-29T10:20:31Z stderr F 111111111 failed\n\
               2026-11-29T10:20:32Z stderr F \tat a\n\
               2026-11-29T10:20:33Z stderr F DEBUG\n\
               2026-11-29T10:20:34Z stderr F \tat b\n\
               2026-11-29T10:20:35Z stderr F the end\n",
        expected: &[
            Expected {
                priority: 130,
                time: "2026-11-29T10:20:30.250000Z",
                app_name: "pod",
                structured_data: r#"[fields@41058 env="prod"]"#,
                text: "ERROR [redacted] failed\n\tat a",
                ..USUAL
            },
            Expected {
                time: "2026-11-29T10:20:35.000000Z",
                app_name: "pod",
                structured_data: r#"[fields@41058 env="prod"]"#,
                text: "the end",
                ..USUAL
            },
        ],
    },
    Feature {
        file: "json.log",
        entry: "tag: json, format: json",
        log: br#"{"level":"error","time":1795947630.25,"msg":"it failed","pid":7}
{"message":"two\nlines","severity":30,"@timestamp":"2026-11-29T11:20:31.000250+01:00"}
{"log":{"a":[1,"b"]},"lvl":2}
{"level":"error"}
"#,
        expected: &[
            Expected {
                priority: 131,
                time: "2026-11-29T10:20:30.250000Z",
                app_name: "json",
                text: "it failed",
                ..USUAL
            },
            Expected {
                time: "2026-11-29T10:20:31.000250Z",
                app_name: "json",
                text: "two\nlines",
                ..USUAL
            },
            Expected { priority: 130, app_name: "json", text: r#"{"a":[1,"b"]}"#, ..USUAL },
            Expected { app_name: "json", text: r#"{"level":"error"}"#, ..USUAL },
        ],
    },
    Feature {
        file: "named.log",
        entry: "tag: named, format: {name: json, message: text, severity: sev, timestamp: at}",
        log: br#"{"text":"caf\u00e9 \ud83d\ude00","sev":"FATAL","at":1795947630250,"message":"x"}
"#,
        expected: &[Expected {
            priority: 130,
            time: "2026-11-29T10:20:30.250000Z",
            app_name: "named",
            text: "caf\u{e9} \u{1F600}",
            ..USUAL
        }],
    },
    Feature {
        file: "errorlog",
        entry: "tag: utf-16",
        log: b"\xFF\xFEg\0r\0\xF6\0\xDF\0e\0\r\0\n\0\x0A\x0A\x0A\x41\n\0",
        expected: &[
            Expected { app_name: "utf-16", text: "gr\u{F6}\u{DF}e", ..USUAL },
            Expected { app_name: "utf-16", text: "\u{0A0A}\u{410A}", ..USUAL },
        ],
    },
    Feature {
        file: "old.log",
        entry: "tag: old, encoding: windows-1252",
        log: b"gr\xF6\xDFe \x80\n",
        expected: &[Expected { app_name: "old", text: "gr\u{F6}\u{DF}e \u{20AC}", ..USUAL }],
    },
];
