//! The real binary against real files, real connections and real peers.
//!
//! One binary holds every integration test, so that they share one compilation and one set of
//! helpers; `support` says what there is. `CONTRIBUTING.md` says how to run a part of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
#![allow(unreachable_pub, reason = "nothing of a test binary can be reached from outside")]

#[allow(dead_code, unused_imports, reason = "tests/reliability uses the rest of it")]
mod support;

mod addresses;
mod check;
mod command_line;
mod content;
mod copies;
mod daemon;
mod discovery;
mod dry_run;
mod ends;
mod examples;
mod features;
mod fifo;
mod fleet;
mod globs;
mod identity;
mod interface;
mod layering;
mod links;
mod log;
mod metrics;
mod mounts;
mod mutual;
mod once;
mod operating;
mod pace;
mod patterns;
mod per_file;
mod performance;
mod privileges;
mod process_model;
mod proxies;
mod receiver;
mod recipes;
mod reload;
mod relp;
mod resolver;
mod restart;
mod rotation;
mod several;
mod shortage;
mod shown;
mod status;
mod stdin;
mod systemd;
mod tailing;
mod times;
mod tls;
mod trust;
mod upgrade;
mod watching;
mod wire;
